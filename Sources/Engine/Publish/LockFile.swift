public import Rows

/// The committed record of what lies in `Outputs/`: one self-describing line per artifact, sorted, so that git merges two branches that
/// change different stages, and a reviewer reads the difference.
///
/// No time, host, user or absolute path stands in it: equal inputs give equal bytes anywhere.
public struct LockFile: Sendable, Equatable {
  public struct Source: Sendable, Equatable {
    /// As the manifest names it; `external:<n>` for what lies outside the workspace.
    public var name: String
    public var content: Digest
    public var files: Int
    public var rows: Int
    public var bytes: Int
    /// Stages that read it, sorted.
    public var readers: [String]
  }

  public struct Stage: Sendable, Equatable {
    public var name: String
    public var key: Digest
  }

  public struct Output: Sendable, Equatable {
    public var stage: String
    public var port: String
    public var content: Digest
    public var lineage: Digest
    public var rows: Int
    public var bytes: Int
  }

  public struct File: Sendable, Equatable {
    public var path: String
    public var stage: String
    public var port: String
    public var sha256: Digest
    public var rows: Int
    public var bytes: Int
  }

  /// Something that was submitted: whoever has the same key takes its result, and does not submit it again.
  public struct Submit: Sendable, Equatable {
    public var stage: String
    public var key: Digest
    /// How the backend finds it, one word; `local` for a job of one machine.
    public var handle: String
    /// Digest of what came of it.
    public var result: Digest
    public init(stage: String, key: Digest, handle: String, result: Digest) {
      self.stage = stage
      self.key = key
      self.handle = handle
      self.result = result
    }
  }

  public var manifest: String
  public var version: String
  public var sources: [Source] = []
  public var stages: [Stage] = []
  public var outputs: [Output] = []
  public var files: [File] = []
  public var submits: [Submit] = []
  /// Snapshots of the outside world: a command as JSON or a stage's name, what was asked (the command, or the stage's key), the answer.
  package var pins: [Snapshots.Pin] = []

  public init(manifest: String, version: String) {
    self.manifest = manifest
    self.version = version
  }

  /// The bytes of the file.
  public var text: String {
    var lines: [String] = []
    for source in sources {
      lines.append(
        "source \(Self.quoted(source.name)) \(source.content) files=\(source.files) rows=\(source.rows) bytes=\(source.bytes) readers=\(source.readers.joined(separator: ","))"
      )
    }
    for stage in stages { lines.append("stage \(stage.name) key=sha256:\(stage.key.hex)") }
    for output in outputs {
      lines.append("output \(output.stage).\(output.port) \(output.content) rows=\(output.rows) bytes=\(output.bytes) lineage=sha256:\(output.lineage.hex)")
    }
    for file in files { lines.append("file \(Self.quoted(file.path)) \(file.sha256) rows=\(file.rows) bytes=\(file.bytes) from=\(file.stage).\(file.port)") }
    for submit in submits {
      lines.append("submit \(submit.stage) key=sha256:\(submit.key.hex) handle=\(submit.handle) result=sha256:\(submit.result.hex)")
    }
    for pin in pins { lines.append("pin \(Self.quoted(pin.command)) \(pin.digest) request=sha256:\(pin.request.hex)") }
    lines.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return (["pipe-lock 1", "manifest \(manifest) version=\(version)"] + lines).joined(separator: "\n") + "\n"
  }

  /// What is wrong with a lock file, and in which line.
  public struct Malformed: Error, Sendable, Equatable {
    public let line: Int
    public let message: String
  }

  /// Reads what ``text`` wrote.
  public init(parsing text: String) throws(Malformed) {
    // Bytes, not characters: a lock of ten thousand stages is read at every start.
    var lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    guard lines.first.map({ Substring($0) }) == "pipe-lock 1" else {
      throw Malformed(line: 1, message: "expected `pipe-lock 1`: this is no lock, or one of a newer pipe")
    }
    self.init(manifest: "", version: "")
    for (index, line) in lines.enumerated().dropFirst() {
      if line.isEmpty { continue }
      guard let words = Self.words(line), words.count >= 2 else { throw Malformed(line: index + 1, message: "a line that does not read as `<what> <name> …`") }
      var values: [String: String] = [:]
      for word in words.dropFirst(2) {
        if let equals = word.utf8.firstIndex(of: UInt8(ascii: "=")) { values[String(word[..<equals])] = String(word[word.utf8.index(after: equals)...]) }
      }
      func digest(_ text: String?) throws(Malformed) -> Digest {
        guard let text, text.utf8.starts(with: "sha256:".utf8), let digest = Digest(hex: Substring(text.utf8.dropFirst(7))) else {
          throw Malformed(line: index + 1, message: "expected `sha256:` and 64 hexadecimal digits")
        }
        return digest
      }
      func number(_ name: String) throws(Malformed) -> Int {
        guard let value = values[name].flatMap({ Int($0) }), value >= 0 else { throw Malformed(line: index + 1, message: "expected `\(name)=` and a count") }
        return value
      }
      func port(_ text: String?) throws(Malformed) -> (stage: String, port: String) {
        guard let text, let dot = text.utf8.lastIndex(of: UInt8(ascii: ".")) else { throw Malformed(line: index + 1, message: "expected `<stage>.<port>`") }
        return (String(text[..<dot]), String(text[text.utf8.index(after: dot)...]))
      }
      switch words[0] {
      case "manifest":
        manifest = words[1]
        version = values["version"] ?? ""
      case "source":
        sources.append(
          Source(
            name: words[1], content: try digest(words.count > 2 ? words[2] : nil), files: try number("files"), rows: try number("rows"),
            bytes: try number("bytes"), readers: (values["readers"] ?? "").split(separator: ",").map(String.init)))
      case "stage": stages.append(Stage(name: words[1], key: try digest(values["key"])))
      case "output":
        let name = try port(words[1])
        outputs.append(
          Output(
            stage: name.stage, port: name.port, content: try digest(words.count > 2 ? words[2] : nil), lineage: try digest(values["lineage"]),
            rows: try number("rows"), bytes: try number("bytes")))
      case "file":
        let name = try port(values["from"])
        files.append(
          File(
            path: words[1], stage: name.stage, port: name.port, sha256: try digest(words.count > 2 ? words[2] : nil), rows: try number("rows"),
            bytes: try number("bytes")))
      case "submit":
        submits.append(
          Submit(stage: words[1], key: try digest(values["key"]), handle: values["handle"] ?? "", result: try digest(values["result"])))
      case "pin": pins.append(Snapshots.Pin(command: words[1], request: try digest(values["request"]), digest: try digest(words.count > 2 ? words[2] : nil)))
      case let other: throw Malformed(line: index + 1, message: "`\(other)` is no kind of line that this pipe knows")
      }
    }
  }

  /// Takes the lines of these stages from an older lock: stages that did not run keep what lies in `Outputs/`.
  mutating func keep(_ names: Set<String>, from old: LockFile) {
    stages += old.stages.filter { names.contains($0.name) }
    outputs += old.outputs.filter { names.contains($0.stage) }
    files += old.files.filter { names.contains($0.stage) }
    submits += old.submits.filter { names.contains($0.stage) }
    for source in old.sources where !source.readers.allSatisfy({ !names.contains($0) }) && !sources.contains(where: { $0.name == source.name }) {
      sources.append(source)
    }
  }

  /// A name as one word: quoted as JSON where it holds white space or a quote.
  private static func quoted(_ name: String) -> String {
    guard name.utf8.contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) else { return name }
    return String(decoding: JSONText.quoted(name), as: UTF8.self)
  }

  private static func words(_ line: Substring.UTF8View) -> [String]? {
    var words: [String] = []
    var rest = line
    while let first = rest.first {
      if first == 0x20 {
        rest = rest.dropFirst()
      } else if first == UInt8(ascii: "\"") {
        let text = Array(rest)
        let end = text.withUnsafeBytes { JSONScanner.skipString($0, at: 0) }
        guard end > 1, end <= text.count, text[end - 1] == UInt8(ascii: "\"") else { return nil }
        words.append(String(decoding: Array(text[..<end]).withUnsafeBytes { JSONText.decoded($0) }, as: UTF8.self))
        rest = rest.dropFirst(end)
      } else {
        let word = rest.prefix { $0 != 0x20 }
        words.append(String(Substring(word)))
        rest = rest.dropFirst(word.count)
      }
    }
    return words
  }
}

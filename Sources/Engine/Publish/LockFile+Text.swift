#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Rows

// Bytes, not characters: a lock of ten thousand stages, five megabytes, is read at every start and compared at every end.
extension LockFile {
  /// The text of the file.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The bytes of the file.
  public var bytes: [UInt8] {
    var lines = LockLines(capacity: 64 + 120 * (stages.count + files.count) + 220 * outputs.count)
    for source in sources {
      lines.add("source ", Self.quoted(source.name), " ")
      lines.add(source.content)
      lines.add(" files=\(source.files) rows=\(source.rows) bytes=\(source.bytes) readers=", source.readers.joined(separator: ","))
      lines.end()
    }
    for stage in stages {
      lines.add("stage ", stage.name, " key=")
      lines.add(stage.key)
      lines.end()
    }
    for output in outputs {
      lines.add("output ", output.stage, ".", output.port, " ")
      lines.add(output.content)
      lines.add(" rows=")
      lines.add(output.rows)
      lines.add(" bytes=")
      lines.add(output.bytes)
      lines.add(" lineage=")
      lines.add(output.lineage)
      lines.end()
    }
    for file in files {
      lines.add("file ", Self.quoted(file.path), " ")
      lines.add(file.sha256)
      lines.add(" rows=\(file.rows) bytes=\(file.bytes) from=", file.stage, ".", file.port)
      lines.end()
    }
    for submit in submits {
      lines.add("submit ", submit.stage, " key=")
      lines.add(submit.key)
      lines.add(" handle=", submit.handle, " result=")
      lines.add(submit.result)
      lines.end()
    }
    for pin in pins {
      lines.add("pin ", Self.quoted(pin.command), " ")
      lines.add(pin.digest)
      lines.add(" request=")
      lines.add(pin.request)
      lines.end()
    }
    return lines.sorted(after: "pipe-lock 1\nmanifest \(manifest) version=\(version)\n")
  }

  /// A name as one word: quoted as JSON where it holds white space or a quote.
  private static func quoted(_ name: String) -> String {
    guard name.utf8.contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) else { return name }
    return String(decoding: JSONText.quoted(name), as: UTF8.self)
  }

  /// Reads what ``text`` wrote.
  public init(parsing text: String) throws(Malformed) { try self.init(parsing: Array(text.utf8)) }

  /// Reads what ``bytes`` wrote.
  public init(parsing bytes: [UInt8]) throws(Malformed) {
    let read = bytes.withUnsafeBytes { bytes -> Result<LockFile, Malformed> in
      var reader = LockReader(bytes: bytes)
      do throws(Malformed) { return .success(try reader.read()) } catch { return .failure(error) }
    }
    self = try read.get()
  }
}

/// The lines of a lock under construction.
private struct LockLines {
  private var bytes: [UInt8] = []
  private var ranges: [Range<Int>] = []
  private var start = 0

  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  mutating func add(_ texts: String...) { for text in texts { bytes.append(contentsOf: text.utf8) } }

  mutating func add(_ number: Int) { bytes.append(contentsOf: String(number).utf8) }

  mutating func add(_ digest: Digest) {
    bytes.append(contentsOf: "sha256:".utf8)
    digest.appendHex(to: &bytes)
  }

  mutating func end() {
    bytes.append(0x0A)
    ranges.append(start..<bytes.count)
    start = bytes.count
  }

  /// The head, then the lines in the order of their bytes.
  func sorted(after head: String) -> [UInt8] {
    var out = Array(head.utf8)
    out.reserveCapacity(out.count + bytes.count)
    bytes.withUnsafeBytes { bytes in
      // Without the newlines: a line comes before one that goes on where it ends.
      let order = ranges.sorted { a, b in
        let difference = memcmp(bytes.baseAddress! + a.lowerBound, bytes.baseAddress! + b.lowerBound, min(a.count, b.count) - 1)
        return difference == 0 ? a.count < b.count : difference < 0
      }
      for range in order { out.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[range])) }
    }
    return out
  }
}

/// Reads a lock line by line.
private struct LockReader {
  let bytes: UnsafeRawBufferPointer
  private var line = 0
  /// The words of the current line.
  private var words: [Range<Int>] = []

  init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func read() throws(LockFile.Malformed) -> LockFile {
    var lock = LockFile(manifest: "", version: "")
    var at = 0
    while at < bytes.count || line == 0 {
      let end = bytes[at...].firstIndex(of: 0x0A) ?? bytes.count
      line += 1
      if line == 1 {
        guard bytes[at..<end].elementsEqual("pipe-lock 1".utf8) else {
          throw LockFile.Malformed(line: 1, message: "expected `pipe-lock 1`: this is no lock, or one of a newer pipe")
        }
      } else if end > at {
        try split(at..<end)
        try take(&lock)
      }
      at = end + 1
    }
    return lock
  }

  private func malformed(_ message: String) -> LockFile.Malformed { LockFile.Malformed(line: line, message: message) }

  private mutating func split(_ range: Range<Int>) throws(LockFile.Malformed) {
    words.removeAll(keepingCapacity: true)
    var at = range.lowerBound
    while at < range.upperBound {
      if bytes[at] == 0x20 {
        at += 1
        continue
      }
      var end = at
      if bytes[at] == UInt8(ascii: "\"") {
        end = at + JSONScanner.skipString(UnsafeRawBufferPointer(rebasing: bytes[at..<range.upperBound]), at: 0)
        guard end > at + 1, end <= range.upperBound, bytes[end - 1] == UInt8(ascii: "\"") else { throw malformed(Self.shape) }
      } else {
        while end < range.upperBound, bytes[end] != 0x20 { end += 1 }
      }
      words.append(at..<end)
      at = end
    }
    if words.count < 2 { throw malformed(Self.shape) }
  }

  private static let shape = "a line that does not read as `<what> <name> …`"

  private mutating func take(_ lock: inout LockFile) throws(LockFile.Malformed) {
    switch bytes[words[0].lowerBound] {
    case UInt8(ascii: "s") where isWord(0, "stage"): lock.stages.append(.init(name: text(1), key: try digest(value("key"))))
    case UInt8(ascii: "o") where isWord(0, "output"):
      let name = try port(words[1])
      lock.outputs.append(
        .init(
          stage: name.stage, port: name.port, content: try digest(word(2)), lineage: try digest(value("lineage")), rows: try number("rows"),
          bytes: try number("bytes")))
    case UInt8(ascii: "f") where isWord(0, "file"):
      let name = try port(value("from"))
      lock.files.append(
        .init(path: text(1), stage: name.stage, port: name.port, sha256: try digest(word(2)), rows: try number("rows"), bytes: try number("bytes")))
    case UInt8(ascii: "m") where isWord(0, "manifest"):
      lock.manifest = text(1)
      lock.version = value("version").map(string) ?? ""
    case UInt8(ascii: "s") where isWord(0, "source"):
      lock.sources.append(
        .init(
          name: text(1), content: try digest(word(2)), files: try number("files"), rows: try number("rows"), bytes: try number("bytes"),
          readers: (value("readers").map(string) ?? "").split(separator: ",").map(String.init)))
    case UInt8(ascii: "s") where isWord(0, "submit"):
      lock.submits.append(
        .init(stage: text(1), key: try digest(value("key")), handle: value("handle").map(string) ?? "", result: try digest(value("result"))))
    case UInt8(ascii: "p") where isWord(0, "pin"):
      lock.pins.append(Snapshots.Pin(command: text(1), request: try digest(value("request")), digest: try digest(word(2))))
    default: throw malformed("`\(text(0))` is no kind of line that this pipe knows")
    }
  }

  private func string(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  /// A word as it was before it was quoted.
  private func text(_ index: Int) -> String {
    let word = UnsafeRawBufferPointer(rebasing: bytes[words[index]])
    guard word.first == UInt8(ascii: "\"") else { return String(decoding: word, as: UTF8.self) }
    return String(decoding: JSONText.decoded(word), as: UTF8.self)
  }

  private func word(_ index: Int) -> Range<Int>? { index < words.count ? words[index] : nil }

  private func isWord(_ index: Int, _ text: StaticString) -> Bool {
    let word = words[index]
    return word.count == text.utf8CodeUnitCount && memcmp(bytes.baseAddress! + word.lowerBound, text.utf8Start, word.count) == 0
  }

  /// What stands behind `name=`.
  private func value(_ name: StaticString) -> Range<Int>? {
    let count = name.utf8CodeUnitCount
    for word in words.dropFirst(2)
    where word.count > count && bytes[word.lowerBound + count] == UInt8(ascii: "=") && memcmp(bytes.baseAddress! + word.lowerBound, name.utf8Start, count) == 0 {
      return word.lowerBound + count + 1..<word.upperBound
    }
    return nil
  }

  private func digest(_ range: Range<Int>?) throws(LockFile.Malformed) -> Digest {
    guard let range, range.count == 7 + 64, memcmp(bytes.baseAddress! + range.lowerBound, "sha256:", 7) == 0,
      let digest = Digest(hexBytes: UnsafeRawBufferPointer(rebasing: bytes[range.lowerBound + 7..<range.upperBound]))
    else { throw malformed("expected `sha256:` and 64 hexadecimal digits") }
    return digest
  }

  private func number(_ name: StaticString) throws(LockFile.Malformed) -> Int {
    guard let range = value(name), let number = Int(string(range)), number >= 0 else { throw malformed("expected `\(name)=` and a count") }
    return number
  }

  private func port(_ range: Range<Int>?) throws(LockFile.Malformed) -> (stage: String, port: String) {
    guard let range, let dot = bytes[range].lastIndex(of: UInt8(ascii: ".")) else { throw malformed("expected `<stage>.<port>`") }
    return (string(range.lowerBound..<dot), string(dot + 1..<range.upperBound))
  }
}

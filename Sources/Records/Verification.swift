public import Diagnostics
internal import Lineage
public import Rows

/// What `pipe verify` finds: for each published file whether it is what the lock says, whether a run made that, and whether a statement
/// (signed by whom it should be) says the same.
public struct Verification: Sendable {
  /// A published file as the lock has it, with what lies there now and what the runs know.
  public struct File: Sendable {
    /// What a run's record says of it.
    public struct Made: Sendable {
      public var run: String
      public var key: Digest?
      public var content: Digest
      public var lineage: Digest?
      /// Path and content of each source that it was made of, as the run read it.
      public var sources: [Source]
      /// Stage → key, of the stages on the way.
      public var keys: [String: Digest]
      public init(run: String, key: Digest?, content: Digest, lineage: Digest?, sources: [Source], keys: [String: Digest]) {
        self.run = run
        self.key = key
        self.content = content
        self.lineage = lineage
        self.sources = sources
        self.keys = keys
      }
    }

    public struct Source: Sendable, Hashable {
      public var path: String
      public var content: Digest
      public init(path: String, content: Digest) { (self.path, self.content) = (path, content) }
    }

    public var path: String
    public var output: String
    public var rows: Int
    public var locked: Digest
    /// The stage's key by the lock.
    public var lockedKey: Digest?
    /// The table's content by the lock.
    public var lockedContent: Digest?
    public var lockedLineage: Digest?
    /// The SHA-256 of what lies there; nil with a reason when it cannot be read.
    public var actual: Digest?
    public var unreadable: String?
    /// The run that made it; nil when no run of this store knows such a file.
    public var made: Made?

    public init(
      path: String, output: String, rows: Int, locked: Digest, lockedKey: Digest?, lockedContent: Digest?, lockedLineage: Digest?, actual: Digest?,
      unreadable: String?, made: Made?
    ) {
      self.path = path
      self.output = output
      self.rows = rows
      self.locked = locked
      self.lockedKey = lockedKey
      self.lockedContent = lockedContent
      self.lockedLineage = lockedLineage
      self.actual = actual
      self.unreadable = unreadable
      self.made = made
    }
  }

  public enum Outcome: String, Sendable { case passed = "ok", failed, note }

  public struct Finding: Sendable, Equatable {
    public var outcome: Outcome
    /// A file, or a line of the file with the statements.
    public var subject: String
    /// What was looked at: `output`, `lock`, `run`, `signature`, `statement`, `source`.
    public var check: String
    public var text: String
  }

  public private(set) var findings: [Finding] = []
  public var hasFailed: Bool { findings.contains { $0.outcome == .failed } }

  private mutating func add(_ outcome: Outcome, _ subject: String, _ check: String, _ text: String) {
    findings.append(Finding(outcome: outcome, subject: subject, check: check, text: text))
  }

  private static func short(_ digest: Digest) -> String { "sha256 \(digest.hex.prefix(12))" }

  // MARK: files

  /// Checks files against the lock and the runs.
  public init(_ files: [File]) {
    for file in files {
      if let actual = file.actual {
        if actual == file.locked {
          add(.passed, file.path, "output", "\(file.rows) rows, \(Self.short(actual))")
        } else {
          add(.failed, file.path, "output", "is not what the lock says: it has \(Self.short(actual)), the lock \(Self.short(file.locked))")
        }
      } else {
        add(.failed, file.path, "output", file.unreadable ?? "cannot be read")
      }
      guard let made = file.made else {
        add(.note, file.path, "run", "no run of this store has made it: it came with a checkout or another store")
        continue
      }
      if let key = made.key, let locked = file.lockedKey, key != locked {
        add(.failed, file.path, "lock", "the lock has it from another definition or other inputs of `\(file.output)` than run \(made.run)")
      } else if let content = file.lockedContent, content != made.content {
        add(.failed, file.path, "lock", "the lock has another table behind it than run \(made.run)")
      } else if let lineage = file.lockedLineage, let known = made.lineage, lineage != known {
        add(.note, file.path, "lock", "the lock has the same rows by another way than run \(made.run)")
      } else {
        add(.passed, file.path, "run", "run \(made.run)")
      }
    }
  }

  // MARK: statements

  /// Checks a file of statements, one per line: DSSE envelopes, or statements that nobody signed.
  ///
  /// - Parameters:
  ///   - name: of the file, for messages.
  ///   - key: whose signature is asked for; nil when none is.
  ///   - digest: the SHA-256 of a file of the workspace as it is now.
  public mutating func check(statements text: [UInt8], name: String, key: VerifyingKey?, of files: [File], digest: (_ path: String) -> Digest?) {
    var named: Set<String> = []
    for (index, line) in text.split(separator: UInt8(ascii: "\n")).enumerated() {
      let place = "\(name):\(index + 1)"
      guard let json = JSON(Array(line)) else {
        add(.failed, place, "statement", "is no JSON")
        continue
      }
      var statement = json
      if json["payload"] != nil || json["signatures"] != nil {
        guard let envelope = Envelope(json) else {
          add(.failed, place, "signature", "is no readable envelope")
          continue
        }
        guard envelope.payloadType == Envelope.statementType else {
          add(.failed, place, "signature", "the envelope holds `\(envelope.payloadType)`, and no in-toto statement")
          continue
        }
        if let key {
          // What is not signed by whom it should be is not looked at any further.
          guard envelope.isSigned(by: key) else {
            let others = envelope.signatures.filter { $0.keyID != key.identifier && !$0.keyID.isEmpty }
            let isOther = !envelope.signatures.isEmpty && others.count == envelope.signatures.count
            add(
              .failed, place, "signature",
              envelope.signatures.isEmpty
                ? "nobody has signed it"
                : isOther
                  ? "signed with another key: \(others[0].keyID.prefix(12)), wanted \(key.identifier.prefix(12))"
                  : "the signature does not fit: the statement or the signature was edited")
            continue
          }
          add(.passed, place, "signature", "signed by \(key.identifier.prefix(12))")
        } else {
          add(.note, place, "signature", "signed, and not checked: --key names the public key")
        }
        guard let inner = JSON(envelope.payload) else {
          add(.failed, place, "statement", "the envelope holds no JSON")
          continue
        }
        statement = inner
      } else if key != nil {
        add(.failed, place, "signature", "nobody has signed it")
        continue
      } else {
        add(.note, place, "signature", "nobody has signed it")
      }
      check(statement, place, files, digest, &named)
    }
    for file in files where !named.contains(file.path) { add(.failed, file.path, "statement", "no statement of `\(name)` is about it") }
  }

  private mutating func check(_ statement: JSON, _ place: String, _ files: [File], _ digest: (String) -> Digest?, _ named: inout Set<String>) {
    guard statement["_type"]?.text == Statement.type else { return add(.failed, place, "statement", "is no in-toto statement (v1)") }
    guard statement["predicateType"]?.text == Statement.predicateType, let predicate = statement["predicate"],
      let definition = predicate["buildDefinition"], definition["buildType"]?.text == Statement.buildType
    else { return add(.note, place, "statement", "is about something else than a build by pipe") }
    guard let subjects = statement["subject"]?.items, !subjects.isEmpty else { return add(.failed, place, "statement", "is about nothing") }
    for subject in subjects {
      guard let name = subject["name"]?.text, let stated = subject["digest"]?["sha256"]?.text.flatMap({ Digest(hex: $0) }) else {
        add(.failed, place, "statement", "names a file without its SHA-256")
        continue
      }
      guard let file = files.first(where: { $0.path == name }) else {
        add(.note, place, "statement", "is about `\(name)`, which the lock does not have")
        continue
      }
      named.insert(name)
      var complaints: [String] = []
      if let actual = file.actual, actual != stated { complaints.append("is about other bytes of `\(name)`: \(Self.short(stated)), there is \(Self.short(actual))") }
      if file.locked != stated { complaints.append("is about another `\(name)` than the lock: \(Self.short(stated)), locked \(Self.short(file.locked))") }
      complaints += chain(definition, predicate, file)
      for complaint in complaints { add(.failed, place, "statement", complaint) }
      if complaints.isEmpty { add(.passed, place, "statement", "says how `\(name)` was made") }
    }
    sources(definition, place, digest)
  }

  /// The statement against the lock and the run's record.
  private func chain(_ definition: JSON, _ predicate: JSON, _ file: File) -> [String] {
    var complaints: [String] = []
    let inner = definition["internalParameters"]
    if let content = inner?["content"]?.text, let locked = file.lockedContent, content != locked.hex {
      complaints.append("has another table behind `\(file.path)` than the lock")
    }
    let stage = file.output.lastIndex(of: ".").map { String(file.output[..<$0]) } ?? file.output
    if let key = inner?["stages"]?[stage]?.text, let locked = file.lockedKey, key != locked.hex { complaints.append("has another key of `\(stage)` than the lock") }
    guard let made = file.made, predicate["runDetails"]?["metadata"]?["invocationId"]?.text == made.run else { return complaints }
    for (stage, key) in made.keys.sorted(by: { $0.key < $1.key }) where inner?["stages"]?[stage]?.text != key.hex {
      complaints.append("has another key of `\(stage)` than run \(made.run)")
    }
    var stated: Set<File.Source> = []
    for item in definition["resolvedDependencies"]?.items ?? [] {
      if let path = item["name"]?.text, let content = item["digest"]?["pipeSource"]?.text.flatMap({ Digest(hex: $0) }) {
        stated.insert(.init(path: path, content: content))
      }
    }
    for source in made.sources where !stated.contains(source) { complaints.append("does not have the source `\(source.path)` as run \(made.run) read it") }
    for source in stated.subtracting(made.sources).sorted(by: { $0.path < $1.path }) {
      complaints.append("has a source `\(source.path)` that run \(made.run) did not read so")
    }
    return complaints
  }

  /// Sources that have changed since are worth a word, and no failure: the statement is about what they were.
  private mutating func sources(_ definition: JSON, _ place: String, _ digest: (String) -> Digest?) {
    for item in definition["resolvedDependencies"]?.items ?? [] {
      guard let path = item["name"]?.text, let stated = item["digest"]?["sha256"]?.text.flatMap({ Digest(hex: $0) }) else { continue }
      let now = digest(path)
      let finding =
        now == nil
        ? Finding(outcome: .note, subject: path, check: "source", text: "is not there any more")
        : Finding(outcome: .note, subject: path, check: "source", text: "has changed since: \(Self.short(now!)), it was \(Self.short(stated))")
      if now != stated, !findings.contains(finding) { findings.append(finding) }
    }
  }

  // MARK: showing

  /// A line per finding.
  public var text: String {
    let width = findings.map(\.subject.count).max() ?? 0
    var out = ""
    for finding in findings {
      let mark =
        switch finding.outcome {
        case .passed: "ok    "
        case .failed: "FAILED"
        case .note: "note  "
        }
      out += "  \(mark)  \(finding.subject)\(String(repeating: " ", count: max(0, width - finding.subject.count)))  \(finding.text)\n"
    }
    return out
  }

  public var json: ReportJSON {
    .object([
      "schema_version": .int(1), "ok": .bool(!hasFailed),
      "findings": .array(
        findings.map {
          .object(["outcome": .string($0.outcome.rawValue), "subject": .string($0.subject), "check": .string($0.check), "text": .string($0.text)])
        }),
    ])
  }
}

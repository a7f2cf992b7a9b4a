import Diagnostics
import Lineage
import Rows
import Testing

@testable import Records

/// What somebody may have changed, and that it is noticed and named.
@Suite struct VerificationTests {
  private static let path = "Outputs/support/train.jsonl"

  private static func statement() -> Statement {
    let (stage, output, file) = Sample.run.published[0]
    return Statement(of: file, from: output, of: stage, in: Sample.run, of: Sample.manifest) { path, _ in path == "Datasets/a.csv" ? Sample.digest("a") : nil }
  }

  private static func file(_ change: (inout Verification.File) -> Void = { _ in }) -> Verification.File {
    let (stage, output, published) = Sample.run.published[0]
    let source = Sample.digest("source")
    var file = Verification.File(
      path: path, output: "dataset.train", rows: 9, locked: published.digest, lockedKey: stage.key, lockedContent: output.content, lockedLineage: output.lineage,
      actual: published.digest, unreadable: nil,
      made: .init(
        run: Sample.run.id, key: stage.key, content: output.content, lineage: output.lineage,
        sources: [.init(path: "Datasets/a.csv", content: source), .init(path: "Datasets/b.csv", content: source)],
        keys: Dictionary(Sample.run.stages.map { ($0.fullName, $0.key!) }, uniquingKeysWith: { first, _ in first })))
    change(&file)
    return file
  }

  private static func line(_ statement: [UInt8]) throws -> [UInt8] {
    Array(try Envelope(signing: statement, with: SigningKey(pem: TestKeys.privateKey)).json.compact.utf8)
  }

  private static func check(_ text: [UInt8], _ file: Verification.File = file(), key: String? = TestKeys.publicKey) throws -> Verification {
    var verification = Verification([file])
    verification.check(statements: text, name: "p.jsonl", key: try key.map { try VerifyingKey(pem: $0) }, of: [file]) { path in
      path == "Datasets/a.csv" ? Sample.digest("a") : path == "Pipelines/intent.jinja" ? Sample.digest("template") : nil
    }
    return verification
  }

  private static func failures(_ verification: Verification) -> [String] { verification.findings.filter { $0.outcome == .failed }.map { "\($0.check): \($0.text)" } }

  @Test func whatNobodyTouchedHolds() throws {
    let verification = try Self.check(try Self.line(Self.statement().bytes))
    #expect(Self.failures(verification).isEmpty)
    #expect(verification.findings.contains { $0.check == "signature" && $0.outcome == .passed })
    #expect(verification.findings.contains { $0.check == "statement" && $0.outcome == .passed })
  }

  @Test func anOutputThatWasEdited() throws {
    let verification = try Self.check(try Self.line(Self.statement().bytes), Self.file { $0.actual = Sample.digest("edited") })
    #expect(Self.failures(verification).count == 2)
    #expect(verification.findings.contains { $0.outcome == .failed && $0.subject == Self.path && $0.check == "output" })
  }

  @Test func anOutputThatIsGone() {
    let verification = Verification([
      Self.file {
        $0.actual = nil
        $0.unreadable = "there is no such file"
      }
    ])
    #expect(Self.failures(verification) == ["output: there is no such file"])
  }

  @Test func aStatementThatWasEdited() throws {
    let text = String(decoding: Self.statement().bytes, as: UTF8.self)
    let envelope = try Envelope(signing: Array(text.utf8), with: SigningKey(pem: TestKeys.privateKey))
    for (old, new) in [
      ("\"rowsOut\"", "x"), ("ci", "cj"), ("2026", "2025"), ("Datasets/a.csv", "Datasets/c.csv"), (Sample.digest("train file").hex, Sample.digest("other").hex),
    ]
    where text.contains(old) {
      var edited = envelope
      edited.payload = Array(text.replacing(old, with: new).utf8)
      #expect(Self.failures(try Self.check(Array(edited.json.compact.utf8))).contains { $0.hasPrefix("signature: the signature does not fit") }, "\(old)")
    }
  }

  @Test func everyBitOfASignatureCounts() throws {
    let envelope = try Envelope(signing: Self.statement().bytes, with: SigningKey(pem: TestKeys.privateKey))
    for place in 0..<64 {
      var edited = envelope
      edited.signatures[0].bytes[place] ^= UInt8(1 << (place % 8))
      #expect(!edited.isSigned(by: try VerifyingKey(pem: TestKeys.publicKey)))
    }
  }

  @Test func noSignatureAndAnotherKey() throws {
    let bytes = Self.statement().bytes
    #expect(Self.failures(try Self.check(bytes)).first == "signature: nobody has signed it")
    #expect(Self.failures(try Self.check(bytes, key: nil)).isEmpty)
    var envelope = try Envelope(signing: bytes, with: SigningKey(pem: TestKeys.privateKey))
    envelope.signatures[0].keyID = "ffff"
    envelope.signatures[0].bytes[0] ^= 1
    #expect(Self.failures(try Self.check(Array(envelope.json.compact.utf8))).first?.hasPrefix("signature: signed with another key: ffff") == true)
    envelope.signatures = []
    #expect(Self.failures(try Self.check(Array(envelope.json.compact.utf8))).first == "signature: nobody has signed it")
    envelope.payloadType = "text/plain"
    #expect(Self.failures(try Self.check(Array(envelope.json.compact.utf8))).first?.contains("text/plain") == true)
  }

  @Test func aChainThatDoesNotHold() throws {
    let line = try Self.line(Self.statement().bytes)
    let key = Self.failures(try Self.check(line, Self.file { $0.lockedKey = Sample.digest("x") }))
    #expect(key.contains { $0.contains("has another key of `dataset` than the lock") })
    let content = Self.failures(try Self.check(line, Self.file { $0.lockedContent = Sample.digest("x") }))
    #expect(content.contains { $0.contains("another table") })
    let source = Self.failures(try Self.check(line, Self.file { $0.made?.sources[0].content = Sample.digest("x") }))
    #expect(source.contains { $0.contains("does not have the source `Datasets/a.csv`") })
    let run = Self.failures(try Self.check(line, Self.file { $0.made?.keys["tickets"] = Sample.digest("x") }))
    #expect(run.contains { $0.contains("has another key of `tickets` than run") })
    let locked = Self.failures(try Self.check(line, Self.file { $0.locked = Sample.digest("x") }))
    #expect(locked.contains { $0.contains("is about another `\(Self.path)` than the lock") })
  }

  @Test func damagedFilesAreNamedByLine() throws {
    let good = try Self.line(Self.statement().bytes)
    let verification = try Self.check(good + Array("\n{\"payload\":\"%\"}\nnot json\n".utf8))
    #expect(verification.findings.filter { $0.outcome == .failed }.map(\.subject) == ["p.jsonl:2", "p.jsonl:3"])
    #expect(Self.failures(try Self.check([])) == ["statement: no statement of `p.jsonl` is about it"])
  }

  @Test func aSourceThatChangedSinceIsANote() throws {
    var verification = Verification([Self.file()])
    verification.check(statements: Self.statement().bytes, name: "p.jsonl", key: nil, of: [Self.file()]) { path in path == "Datasets/a.csv" ? Sample.digest("new") : nil }
    #expect(!verification.hasFailed)
    #expect(verification.findings.contains { $0.check == "source" && $0.subject == "Datasets/a.csv" && $0.text.hasPrefix("has changed since") })
    #expect(verification.findings.contains { $0.check == "source" && $0.subject == "Pipelines/intent.jinja" && $0.text == "is not there any more" })
  }
}

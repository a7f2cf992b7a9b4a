import Engine
import Foundation
import Manifests
import Stages
import Testing

/// A workspace with a source pattern, a template that includes another and asks for a third, an export and a check.
final class SettledHouse {
  let root = FileManager.default.temporaryDirectory.path + "/settled-\(UUID().uuidString)"
  static let manifest = """
    schema: pipe/v1
    name: house
    version: 1.2.0
    params: { least: 1 }
    stages:
      tickets: { kind: ingest, from: "Datasets/*.jsonl", row_key: id, where: "text | length > ${params.least}" }
      pairs:
        kind: assemble
        from: ${stages.tickets}
        messages:
          - { role: user, template: Prompts/ask.jinja }
          - { role: assistant, content: "{{ label }}" }
      dataset: { kind: export, from: "${stages.pairs}", format: openai-chat, to: Outputs/train.jsonl, expect: [ rows > 0 ] }

    """

  init(_ manifest: String = SettledHouse.manifest) throws {
    try write("Manifests/house.yaml", manifest)
    try write("Datasets/a.jsonl", "{\"id\":1,\"text\":\"first\",\"label\":\"x\"}\n{\"id\":2,\"text\":\"second\",\"label\":\"y\"}\n")
    try write("Prompts/ask.jinja", "{% include 'Prompts/tone.jinja' %}{% include 'Prompts/extra.jinja' ignore missing %}{{ text }}")
    try write("Prompts/tone.jinja", "Kindly: ")
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  var workspace: Workspace { Workspace(root: root) }
  var path: String { root + "/Manifests/house.yaml" }

  func write(_ file: String, _ text: String) throws {
    let url = URL(fileURLWithPath: root + "/" + file)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }

  func read(_ file: String) throws -> String { try String(contentsOfFile: root + "/" + file, encoding: .utf8) }
  func append(_ file: String, _ text: String) throws { try write(file, try read(file) + text) }
  func remove(_ file: String) throws { try FileManager.default.removeItem(atPath: root + "/" + file) }
  func files(_ folder: String) throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: root + "/" + folder).sorted().map { folder + "/" + $0 } }

  func run(_ change: (inout RunOptions) -> Void = { _ in }) throws -> RunReport {
    let session = try Session(manifest: path, workspace: workspace, kinds: StageKinds.all)
    var options = RunOptions()
    options.program = "test"
    change(&options)
    return try session.run(options)
  }

  func standing(_ program: String = "test", least: Int? = nil) -> SettledRun? {
    SettledRun.standing(manifest: path, workspace: workspace, overrides: .init(assignments: least.map { ["least=\($0)"] } ?? []), program: program)
  }

  /// Runs until there is nothing to do and that is kept; a file that was read in the moment it was written is read once more.
  func settle() throws -> SettledRun? {
    for _ in 0..<8 {
      let report = try run()
      guard report.exitCode == 0 else { return nil }
      if let settled = standing() { return settled }
      usleep(50_000)
    }
    return nil
  }
}

/// What is kept of a run with nothing to do holds as long as nothing that the run looked at has changed, and no longer.
@Suite struct SettledRunTests {
  struct Change: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let make: @Sendable (SettledHouse) throws -> Void
  }

  private static func change(_ name: String, _ make: @escaping @Sendable (SettledHouse) throws -> Void) -> Change { Change(testDescription: name, make: make) }

  static let changes: [Change] = [
    change("a comment in the manifest") { try $0.append("Manifests/house.yaml", "# a remark\n") },
    change("a template") { try $0.append("Prompts/ask.jinja", "!") },
    change("an included template") { try $0.append("Prompts/tone.jinja", "Always. ") },
    change("an optional template that was not there") { try $0.write("Prompts/extra.jinja", "Briefly: ") },
    change("a row") { try $0.append("Datasets/a.jsonl", "{\"id\":3,\"text\":\"third\",\"label\":\"z\"}\n") },
    change("the time of a source") {
      try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: $0.root + "/Datasets/a.jsonl")
    },
    change("one more file that the pattern means") { try $0.write("Datasets/b.jsonl", "{\"id\":9,\"text\":\"ninth\",\"label\":\"x\"}\n") },
    change("a source under another name") {
      try FileManager.default.moveItem(atPath: $0.root + "/Datasets/a.jsonl", toPath: $0.root + "/Datasets/c.jsonl")
    },
    change("an output edited by hand") { try $0.append("Outputs/train.jsonl", "{}\n") },
    change("an output removed") { try $0.remove("Outputs/train.jsonl") },
    change("the lock edited") { try $0.append("Manifests/house.lock", "stage other key=sha256:" + String(repeating: "0", count: 64) + "\n") },
    change("the lock removed") { try $0.remove("Manifests/house.lock") },
    change("a record of the store damaged") { house in
      let file = try #require(try house.files(".pipe/segments").first)
      var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: house.root + "/" + file)))
      bytes[bytes.count / 2] ^= 0xFF
      try Data(bytes).write(to: URL(fileURLWithPath: house.root + "/" + file))
    },
    change("the store removed") { try $0.remove(".pipe") },
    change("what was kept damaged") { house in
      for file in try house.files(".pipe/settled") {
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: house.root + "/" + file)))
        bytes[bytes.count / 3] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: house.root + "/" + file))
      }
    },
  ]

  @Test func itSaysWhatTheRunSaid() throws {
    let house = try SettledHouse()
    let settled = try #require(try house.settle())
    let report = try house.run()
    #expect(settled.name == "house")
    #expect(settled.version == "1.2.0")
    #expect(settled.tasks == report.tasks)
    #expect(report.cached == report.tasks)
    #expect(report.ran == 0)
    #expect(house.standing() == settled)
    #expect(try house.files(".pipe/settled").count == 1)
  }

  @Test(arguments: changes) func aChangeIsNoticed(_ change: Change) throws {
    let house = try SettledHouse()
    let before = try #require(try house.settle())
    try change.make(house)
    #expect(house.standing() == nil)
    // It comes to rest again, and what is kept then is what a run in a fresh place would have come to.
    let after = try #require(try house.settle())
    #expect(after.name == before.name)
    let output = try house.read("Outputs/train.jsonl")
    try house.remove(".pipe")
    _ = try house.run()
    #expect(try house.read("Outputs/train.jsonl") == output)
  }

  @Test func anotherProgramAndOtherParametersAreOthers() throws {
    let house = try SettledHouse()
    _ = try #require(try house.settle())
    #expect(house.standing("another build") == nil)
    #expect(house.standing(least: 2) == nil)
    #expect(house.standing() != nil)
  }

  @Test func whatHasMoreToSayIsNotKept() throws {
    // A check that only warns is told on every run.
    let warning = try SettledHouse(SettledHouse.manifest.replacingOccurrences(of: "expect: [ rows > 0 ]", with: "expect: [ { check: rows > 100, severity: warn } ]"))
    #expect(try warning.settle() == nil)
    #expect(try warning.run().ran == 0)
    // A program may be another one tomorrow.
    let program = try SettledHouse(SettledHouse.manifest + "  asked: { kind: exec, from: \"${stages.tickets}\", run: [cat], rows: row, row_key: id }\n")
    #expect(try program.settle() == nil)
    let always = try SettledHouse(SettledHouse.manifest + "  again: { kind: ingest, from: Datasets/a.jsonl, cache: never }\n")
    #expect(try always.settle() == nil)
  }

  @Test func partsOfARunAreNotKept() throws {
    let house = try SettledHouse()
    for _ in 0..<4 {
      _ = try house.run { $0.selected = ["tickets"] }
      usleep(50_000)
    }
    #expect(house.standing() == nil)
    _ = try #require(try house.settle())
    let forced = try house.run { $0.forced = ["pairs"] }
    #expect(forced.ran > 0)
  }

  @Test func aCollectionThatRemovesSomethingIsNoticed() throws {
    let house = try SettledHouse()
    _ = try #require(try house.settle())
    try house.write("Manifests/other.yaml", SettledHouse.manifest.replacingOccurrences(of: "Outputs/train", with: "Outputs/other"))
    let other = try Session(manifest: house.root + "/Manifests/other.yaml", workspace: house.workspace, kinds: StageKinds.all)
    _ = try other.run(RunOptions())
    // Somebody wrote to the store: in doubt, the manifest is read, and that settles it again.
    #expect(house.standing() == nil)
    #expect(try house.settle() != nil)
  }
}

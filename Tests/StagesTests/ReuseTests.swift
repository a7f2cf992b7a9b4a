import Diagnostics
import Engine
import Foundation
import Testing

/// What an edit costs, and that what is reused is what would have been made.
@Suite struct ReuseTests {
  static let labelTypes = "label_types: { intent: { kind: class, classes: [a, b, c] } }\n"
  static let stages = """
    rows: { kind: ingest, from: Datasets/rows.jsonl, row_key: id, sheet: rows }
    pairs:
      kind: assemble
      from: ${stages.rows}
      labels: Datasets/labels.jsonl
      messages: [ { role: user, content: "{{ text }}" }, { role: assistant, content: "{{ intent }}" } ]
    dataset:
      kind: export
      from: ${stages.pairs}
      format: openai-chat
      split: { by: id, into: { train: 0.8, eval: 0.2 } }
      to: Outputs/case/${split}.jsonl

    """

  static func rows(_ count: Int) -> [String] {
    (0..<count).map { "{\"id\":\"R-\($0)\",\"text\":\"\(String(repeating: "row \($0) ", count: 40))\"}" }
  }

  static func labels(_ count: Int, confidence: Double = 0.5) -> [String] {
    (0..<count).map { "{\"sheet\":\"rows\",\"item\":\"R-\($0)\",\"label_type\":\"intent\",\"label\":\"\(["a", "b", "c"][$0 % 3])\",\"confidence\":\(confidence)}" }
  }

  static func text(_ lines: [String]) -> String { lines.map { $0 + "\n" }.joined() }

  @Test func editedLabelsCostTheirChunks() throws {
    let count = 12_000
    var labels = Self.labels(count)
    let bench = try Bench(
      stages: Self.stages, head: Self.labelTypes,
      files: [("Datasets/rows.jsonl", Self.text(Self.rows(count))), ("Datasets/labels.jsonl", Self.text(labels))])
    func stage(_ name: String, _ report: RunReport) throws -> StageReport { try #require(report.stages.first { $0.name == name }) }

    let first = try bench.run().report
    #expect(first.exitCode == 0)
    let tasks = try stage("pairs", first).tasks
    #expect(tasks >= 12)
    #expect(try bench.run().report.ran == 0)

    // Nobody reads the confidence.
    try bench.scratch.write("Datasets/labels.jsonl", Self.text(Self.labels(count, confidence: 0.75)))
    #expect(try stage("pairs", try bench.run().report).ran == 0)

    labels = Self.labels(count, confidence: 0.75)
    labels[17] = labels[17].replacingOccurrences(of: "\"label\":\"c\"", with: "\"label\":\"a\"")
    labels.remove(at: 6000)
    try bench.scratch.write("Datasets/labels.jsonl", Self.text(labels))
    let edited = try bench.run().report
    #expect((1...2).contains(try stage("pairs", edited).ran))
    #expect(try stage("dataset", edited).dropped.map(\.count) == [1])

    // The same from nothing.
    let fresh = try Bench(
      stages: Self.stages, head: Self.labelTypes,
      files: [("Datasets/rows.jsonl", Self.text(Self.rows(count))), ("Datasets/labels.jsonl", Self.text(labels))])
    _ = try fresh.run { $0.jobs = 4 }
    for file in ["Outputs/case/train.jsonl", "Outputs/case/eval.jsonl"] {
      #expect(fresh.scratch.read(file) != nil)
      #expect(fresh.scratch.read(file) == bench.scratch.read(file))
    }
  }

  @Test func aCostlyRowIsAskedOnce() throws {
    var rows = Self.rows(600)
    let script = "#!/bin/sh\nwhile read -r line; do echo x >> asked.log; printf '%s\\n' \"$line\"; done\n"
    let bench = try Bench(
      stages: """
        rows: { kind: ingest, from: Datasets/rows.jsonl, row_key: id }
        asked: { kind: exec, from: "${stages.rows}", rows: row, run: [./Pipelines/ask.sh], files: [Pipelines/ask.sh] }

        """, files: [("Datasets/rows.jsonl", Self.text(rows)), ("Pipelines/ask.sh", script)])
    func asked() -> Int { (bench.scratch.read("asked.log") ?? "").filter { $0 == "x" }.count }
    let first = try bench.run()
    #expect(first.report.exitCode == 0)
    #expect(asked() == 600)
    #expect(try bench.rows("asked.rows", first.session) == Self.text(rows))

    rows[100] = rows[100].replacingOccurrences(of: "row 100 ", with: "changed ")
    rows.insert("{\"id\":\"new\",\"text\":\"\"}", at: 5)
    try bench.scratch.write("Datasets/rows.jsonl", Self.text(rows))
    let second = try bench.run()
    #expect(asked() == 602)
    #expect(try bench.rows("asked.rows", second.session) == Self.text(rows))
  }

  @Test func tenEditedRowsOfTenThousandAreTenQuestions() throws {
    var rows = Self.rows(10_000)
    // One process a worker, which logs every row that it is asked.
    let script = "#!/bin/sh\nexec awk '{ print \"x\" >> \"asked.log\"; fflush(\"asked.log\"); print; fflush() }'\n"
    let bench = try Bench(
      stages: """
        rows: { kind: ingest, from: Datasets/rows.jsonl, row_key: id }
        asked: { kind: exec, from: "${stages.rows}", rows: row, run: [./ask.sh], files: [ask.sh] }

        """, files: [("Datasets/rows.jsonl", Self.text(rows)), ("ask.sh", script)])
    func asked() -> Int { (bench.scratch.read("asked.log") ?? "").utf8.count / 2 }
    #expect(try bench.run().report.exitCode == 0)
    #expect(asked() == 10_000)
    for place in stride(from: 37, to: 10_000, by: 1000) { rows[place] = rows[place].replacingOccurrences(of: "row \(place) ", with: "changed ") }
    try bench.scratch.write("Datasets/rows.jsonl", Self.text(rows))
    #expect(try bench.run().report.exitCode == 0)
    #expect(asked() == 10_010)
  }

  /// What tells whether a file was written anew.
  private struct Stamp: Equatable {
    let inode: Int
    let modified: Date

    init(_ path: String) throws {
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      inode = try #require(attributes[.systemFileNumber] as? Int)
      modified = try #require(attributes[.modificationDate] as? Date)
    }
  }

  @Test func anEditedRowWritesOneShard() throws {
    var rows = Self.rows(4000)
    let bench = try Bench(
      stages: """
        rows: { kind: ingest, from: Datasets/rows.jsonl, row_key: id }
        dataset: { kind: export, from: "${stages.rows}", format: jsonl, shards: 16, to: Outputs/case/rows.jsonl }

        """, files: [("Datasets/rows.jsonl", Self.text(rows))])
    #expect(try bench.run().report.exitCode == 0)
    let folder = bench.scratch.root + "/Outputs/case"
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    #expect(names.count == 16)
    func stamps() throws -> [Stamp] { try names.map { try Stamp(folder + "/" + $0) } }
    let before = try stamps()
    rows[1234] = rows[1234].replacingOccurrences(of: "row 1234 ", with: "edited ")
    try bench.scratch.write("Datasets/rows.jsonl", Self.text(rows))
    #expect(try bench.run().report.exitCode == 0)
    #expect(try zip(before, stamps()).count { $0 != $1 } == 1)
  }

  /// White space in a source moves the cuts of its chunks; the rows are the same, and so must be the file.
  @Test func otherChunksOfTheSameRowsLeaveTheFile() throws {
    let rows = Self.rows(4000)
    let bench = try Bench(
      stages: """
        rows: { kind: ingest, from: Datasets/rows.jsonl, row_key: id }
        dataset: { kind: export, from: "${stages.rows}", format: jsonl, to: Outputs/case/rows.jsonl }

        """, files: [("Datasets/rows.jsonl", Self.text(rows))])
    let first = try bench.run().report
    let file = bench.scratch.root + "/Outputs/case/rows.jsonl"
    let before = try Stamp(file)
    let spaced = rows.map { $0.replacingOccurrences(of: ",\"text\"", with: ", \"text\"") }
    try bench.scratch.write("Datasets/rows.jsonl", Self.text(spaced))
    let second = try bench.run().report
    #expect(second.exitCode == 0 && second.ran > 0)
    func stage(_ report: RunReport) -> StageReport? { report.stages.first { $0.name == "dataset" } }
    // The export had something to do: else this would show nothing.
    try #require(stage(second).map { $0.ran > 0 } == true)
    #expect(stage(first)?.outputs.map(\.content) != stage(second)?.outputs.map(\.content))
    #expect(try Stamp(file) == before)
    #expect(try bench.run().report.ran == 0)
  }

  @Test func whatWasAnsweredBeforeAFailureIsKept() throws {
    let rows = Self.rows(50)
    let script = "#!/bin/sh\nwhile read -r line; do case \"$line\" in *R-40*) test -f go || exit 7;; esac; echo x >> asked.log; printf '%s\\n' \"$line\"; done\n"
    let bench = try Bench(
      stages: """
        rows: { kind: ingest, from: Datasets/rows.jsonl, row_key: id }
        asked: { kind: exec, from: "${stages.rows}", rows: row, run: [./ask.sh] }

        """, files: [("Datasets/rows.jsonl", Self.text(rows)), ("ask.sh", script)])
    let failed = try bench.run().report
    #expect(failed.exitCode == 1)
    try bench.scratch.write("go", "")
    let done = try bench.run()
    #expect(done.report.exitCode == 0)
    #expect((bench.scratch.read("asked.log") ?? "").filter { $0 == "x" }.count == 50)
  }

  @Test func aChangedScriptRunsAgain() throws {
    let bench = try Bench(
      stages: "made: { kind: exec, run: [./make.sh], files: [make.sh] }\n", files: [("make.sh", "#!/bin/sh\necho '{\"a\":1}'\n")])
    let first = try bench.run()
    #expect(try bench.rows("made", first.session) == "{\"a\":1}\n")
    #expect(try bench.run().report.ran == 0)
    try bench.scratch.write("make.sh", "#!/bin/sh\necho '{\"a\":2}'\n")
    let second = try bench.run()
    #expect(second.report.ran == 1)
    #expect(try bench.rows("made", second.session) == "{\"a\":2}\n")
  }

  @Test func secretsStayOutOfEverything() throws {
    setenv("PIPE_TEST_SECRET", "sesame-4711", 1)
    let bench = try Bench(
      stages: """
        good: { kind: exec, shell: true, run: "echo \\"{\\\\\\"n\\\\\\":${#PIPE_TEST_SECRET}}\\"; echo $PIPE_TEST_SECRET >&2", secrets: [PIPE_TEST_SECRET] }
        bad: { kind: exec, shell: true, run: "echo \\"got $PIPE_TEST_SECRET\\"", secrets: [PIPE_TEST_SECRET] }

        """.replacingOccurrences(of: "${#PIPE_TEST_SECRET}", with: "11"))
    let report = try bench.run { $0.keepsGoing = true }.report
    let failure = try #require(report.stages.first { $0.name == "bad" }?.failure)
    #expect(failure.notes.contains { $0.text == "got <PIPE_TEST_SECRET>" })
    let grep = Process()
    grep.executableURL = URL(fileURLWithPath: "/bin/grep")
    grep.arguments = ["-r", "-l", "sesame-4711", bench.scratch.root]
    grep.standardOutput = Pipe()
    try grep.run()
    grep.waitUntilExit()
    #expect(grep.terminationStatus == 1)
  }

  @Test func originsAreTraced() throws {
    let bench = try Bench(
      stages: """
        rows: { kind: ingest, from: Datasets/rows.jsonl, row_key: id }
        sorted: { kind: exec, from: "${stages.rows}", run: [sort, -r], env: { LC_ALL: C }, row_key: id }
        out: { kind: export, from: "${stages.sorted}", format: csv, options: { columns: [id] }, to: Outputs/case/out.csv }

        """, files: [("Datasets/rows.jsonl", "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n")])
    let session = try bench.run().session
    var node = try session.trace("Outputs/case/out.csv:2")
    while let parent = node.parents.first { node = parent }
    #expect(node.place == .line(file: "Datasets/rows.jsonl", line: 3))
  }
}

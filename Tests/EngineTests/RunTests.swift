import Diagnostics
import Rows
import Store
import Testing

@testable import Engine

@Suite struct RunTests {
  func pipeline(mark: String = "x", labels: Bool = true) -> [Stage] {
    var stages = [TestStages.read("read", "data/rows*.jsonl")]
    if labels { stages.append(TestStages.read("labels", "data/labels.jsonl")) }
    stages += [
      TestStages.mark("mark", from: [TestStages.from("read")], labels: labels ? "labels" : nil, mark: mark),
      TestStages.write("write", from: TestStages.from("mark")),
      TestStages.count("count", from: TestStages.from("mark")),
    ]
    return stages
  }

  func labels(_ count: Int, _ label: (Int) -> String = { _ in "a" }) -> String {
    (0..<count).map { "{\"id\":\"T\($0)\",\"label\":\"\(label($0))\"}" }.joined(separator: "\n") + "\n"
  }

  /// What the files must hold, worked out row by row.
  func expected(_ rows: [String], mark: String, label: ((Int) -> String)?) -> (even: String, odd: String) {
    var even = ""
    var odd = ""
    for row in rows {
      let id = row.dropFirst(7).prefix { $0 != "\"" }
      if id.last == "7" { continue }
      var line = row.dropLast() + ",\"mark\":\"\(mark)\""
      if let label { line += ",\"label\":\"\(label(Int(id.dropFirst())!))\"" }
      line += "}\n"
      if id.utf8.last! % 2 == 0 { even += line } else { odd += line }
    }
    return (even, odd)
  }

  @Test func filesHoldWhatTheRowsSay() throws {
    let bench = Bench()
    let rows = RandomRows.rows(2000, seed: 1)
    bench.write("data/rows.jsonl", RandomRows.text(rows))
    bench.write("data/labels.jsonl", labels(2000))
    let first = try bench.run(pipeline())
    #expect(first.exitCode == 0)
    #expect(first.ran == first.tasks)
    let wanted = expected(rows, mark: "x", label: { _ in "a" })
    #expect(bench.text("Outputs/even.jsonl") == wanted.even)
    #expect(bench.text("Outputs/odd.jsonl") == wanted.odd)

    let second = try bench.run(pipeline())
    #expect(second.ran == 0)
    #expect(second.tasks == first.tasks)
    #expect(second.files.allSatisfy { $0.change == .unchanged })
  }

  // Over tables of hundreds of chunks this is tested end to end, on the release binary.
  @Test(arguments: [1, 2] as [UInt64])
  func anEditRunsAtMostTwoChunksPerStage(seed: UInt64) throws {
    let bench = Bench()
    var rows = RandomRows.rows(12_000, seed: seed)
    bench.write("data/rows.jsonl", RandomRows.text(rows))
    let first = try bench.run(pipeline(labels: false))
    let chunks = first.stages[0].tasks
    #expect(chunks >= 20)
    var random = Seeded(seed &* 7919)

    rows[Int.random(in: 0..<rows.count, using: &random)] = RandomRows.row(999_999, &random)
    bench.write("data/rows.jsonl", RandomRows.text(rows))
    try check(bench, rows, atMost: 2, "edit, seed \(seed)")

    rows.insert(RandomRows.row(999_998, &random), at: 0)
    bench.write("data/rows.jsonl", RandomRows.text(rows))
    try check(bench, rows, atMost: 2, "insert at front, seed \(seed)")

    rows.remove(at: Int.random(in: 0..<rows.count, using: &random))
    bench.write("data/rows.jsonl", RandomRows.text(rows))
    try check(bench, rows, atMost: 2, "delete, seed \(seed)")
  }

  private func check(_ bench: Bench, _ rows: [String], atMost limit: Int, _ what: Comment) throws {
    let report = try bench.run(pipeline(labels: false))
    #expect(report.exitCode == 0, what)
    for stage in report.stages where stage.name != "count" { #expect(stage.ran <= limit, "\(what): \(stage.name) ran \(stage.ran)") }
    let wanted = expected(rows, mark: "x", label: nil)
    #expect(bench.text("Outputs/even.jsonl") == wanted.even, what)
    #expect(bench.text("Outputs/odd.jsonl") == wanted.odd, what)
  }

  @Test func tenLabelsRunAtMostTenChunks() throws {
    let bench = Bench()
    let rows = RandomRows.rows(12_000, seed: 11)
    bench.write("data/rows.jsonl", RandomRows.text(rows))
    bench.write("data/labels.jsonl", labels(12_000))
    let first = try bench.run(pipeline())
    #expect(first.stages.first { $0.name == "mark" }!.tasks >= 20)
    var random = Seeded(5)
    var edited: Set<Int> = []
    while edited.count < 10 { edited.insert(Int.random(in: 0..<12_000, using: &random)) }
    let relabel: (Int) -> String = { edited.contains($0) ? "b" : "a" }
    bench.write("data/labels.jsonl", labels(12_000, relabel))
    let second = try bench.run(pipeline())
    let mark = second.stages.first { $0.name == "mark" }!
    #expect(mark.ran <= 10 && mark.ran > 0)
    #expect(second.stages.first { $0.name == "read" }!.ran == 0)
    let wanted = expected(rows, mark: "x", label: relabel)
    #expect(bench.text("Outputs/even.jsonl") == wanted.even)
  }

  @Test func jobsAndCacheChangeNoByte() throws {
    let rows = RandomRows.rows(8000, seed: 3)
    var outputs: [[UInt8]] = []
    var locks: [String] = []
    for (jobs, usesCache) in [(1, true), (8, true), (4, false)] {
      let bench = Bench()
      bench.write("data/rows.jsonl", RandomRows.text(rows))
      bench.write("data/labels.jsonl", labels(8000))
      var options = RunOptions()
      options.jobs = jobs
      options.usesCache = usesCache
      try bench.run(pipeline(), options)
      try bench.run(pipeline(), options)
      outputs.append(bench.read("Outputs/even.jsonl")! + bench.read("Outputs/odd.jsonl")!)
      locks.append(bench.text("test.lock")!)
    }
    #expect(outputs[0] == outputs[1] && outputs[0] == outputs[2])
    #expect(locks[0] == locks[1] && locks[0] == locks[2])
  }

  @Test func renamedStagesAndFilesRunNothing() throws {
    let bench = Bench()
    let rows = RandomRows.rows(3000, seed: 4)
    bench.write("data/rows-a.jsonl", RandomRows.text(rows))
    var stages = pipeline(labels: false)
    try bench.run(stages)
    bench.write("data/rows-b.jsonl", bench.text("data/rows-a.jsonl")!)
    FileTree.remove(bench.workspace.absolute("data/rows-a.jsonl"))
    stages[1] = TestStages.mark("mark-renamed", from: [TestStages.from("read")])
    stages[2] = TestStages.write("write", from: TestStages.from("mark-renamed"))
    stages[3] = TestStages.count("count", from: TestStages.from("mark-renamed"))
    let report = try bench.run(stages)
    #expect(report.ran == 0)
  }

  @Test func damagedAndLostBytesAreMadeAgain() throws {
    let bench = Bench()
    let rows = RandomRows.rows(20_000, seed: 6)
    bench.write("data/rows.jsonl", RandomRows.text(rows))
    try bench.run(pipeline(labels: false))
    let wanted = expected(rows, mark: "x", label: nil)
    // Everything that lies in files of the store is lost; the entries remain.
    FileTree.remove(bench.workspace.absolute(".pipe/packs"))
    FileTree.remove(bench.workspace.absolute("Outputs"))
    let report = try bench.run(pipeline(labels: false))
    #expect(report.exitCode == 0)
    #expect(bench.text("Outputs/even.jsonl") == wanted.even)
    #expect(bench.text("Outputs/odd.jsonl") == wanted.odd)
  }

  @Test func anOutputEditedByHandIsMadeAgain() throws {
    let bench = Bench()
    bench.write("data/rows.jsonl", RandomRows.text(RandomRows.rows(500, seed: 8)))
    try bench.run(pipeline(labels: false))
    let before = bench.text("Outputs/even.jsonl")!
    bench.write("Outputs/even.jsonl", "edited\n")
    let report = try bench.run(pipeline(labels: false))
    #expect(report.ran == 0)
    #expect(report.files.first { $0.path == "Outputs/even.jsonl" }?.change == .remade)
    #expect(bench.text("Outputs/even.jsonl") == before)
  }

  @Test func aBadRecordSaysItsLine() throws {
    let bench = Bench()
    var rows = RandomRows.rows(9000, seed: 9)
    rows[7123] = "{\"id\":\"T7123\",}"
    bench.write("data/rows.jsonl", RandomRows.text(rows))
    let report = try bench.run(pipeline(labels: false))
    #expect(report.exitCode == 1)
    #expect(report.stages[0].failure?.place?.line == 7124)
    #expect(report.stages[0].failure?.place?.path == "data/rows.jsonl")
    #expect(report.stages.first { $0.name == "write" }?.status == .blocked)
    #expect(bench.text("Outputs/even.jsonl") == nil)
  }

  @Test func traceEqualsASearchByHand() throws {
    let bench = Bench()
    var rows = RandomRows.rows(12_000, seed: 10)
    bench.write("data/rows.jsonl", RandomRows.text(rows))
    try bench.run(pipeline(labels: false))
    rows.insert(RandomRows.rows(1, seed: 99)[0].replacing("T0", with: "T77777x"), at: 0)
    bench.write("data/rows.jsonl", RandomRows.text(rows))
    try bench.run(pipeline(labels: false))
    let session = try bench.session(pipeline(labels: false))
    let even = bench.text("Outputs/even.jsonl")!.split(separator: "\n")
    var random = Seeded(3)
    for _ in 0..<12 {
      let line = Int.random(in: 1...even.count, using: &random)
      var node = try session.trace("Outputs/even.jsonl:\(line)")
      while !node.parents.isEmpty { node = node.parents[0] }
      let id = even[line - 1].dropFirst(7).prefix { $0 != "\"" }
      let prefix = "{\"id\":\"\(id)\""
      let wanted = rows.firstIndex { $0.hasPrefix(prefix) }! + 1
      #expect(node.place == .line(file: "data/rows.jsonl", line: wanted))
    }
  }
}

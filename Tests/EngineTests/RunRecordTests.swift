import Diagnostics
import Lineage
import Rows
import Store
import Synchronization
import Testing

@testable import Engine

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What a run leaves behind about itself.
@Suite struct RunRecordTests {
  func pipeline(mark: String = "x") -> [Stage] {
    [
      TestStages.read("read", "data/rows*.jsonl"), TestStages.mark("mark", from: [TestStages.from("read")], mark: mark),
      TestStages.write("write", from: TestStages.from("mark")), TestStages.count("count", from: TestStages.from("mark")),
    ]
  }

  func bench() -> Bench {
    let bench = Bench()
    bench.write("data/rows-a.jsonl", RandomRows.text(RandomRows.rows(700, seed: 1)))
    bench.write("data/rows-b.jsonl", RandomRows.text(RandomRows.rows(300, seed: 2)))
    return bench
  }

  func store(_ bench: Bench) throws -> Store { try Store(directory: bench.workspace.storeDirectory) }

  func runID(_ report: RunReport) throws -> RunID {
    let text = try #require(report.runID)
    return try #require(RunID(text))
  }

  @Test func aRunIsRecordedOnce() throws {
    let bench = bench()
    var options = RunOptions()
    options.pipeVersion = "9.9"
    options.jobs = 2
    let report = try bench.run(pipeline(), options)
    let store = try store(bench)
    let id = try runID(report)
    let record = try #require(Session.record(of: id, in: store))
    #expect(record.manifestPath == "test.yaml" && record.manifestName == "test" && record.pipeVersion == "9.9" && record.jobs == 2)
    #expect(record.exitStatus == 0 && record.finishedAt != nil)
    #expect(record.stages.map(\.name) == ["read", "mark", "write", "count"])
    #expect(record.stages.allSatisfy { $0.status == .ran && $0.reason.code == "first-run" && $0.key != nil })
    #expect(record.stage("read")?.inputs.map(\.origin) == [.sources(["data/rows-a.jsonl", "data/rows-b.jsonl"])])
    let marked = try #require(record.stage("mark"))
    #expect(marked.inputs.map(\.origin) == [.stage("read", caseLabel: nil, port: "rows")])
    #expect(marked.inputs[0].content == record.stage("read")?.output("rows")?.content)
    #expect(marked.dropped.map(\.reason) == ["seven"] && marked.rowsIn == 1000)
    #expect(marked.rowsOut == 1000 - marked.dropped[0].rows)
    let file = try #require(record.stage("write")?.output("even")?.files.first)
    let bytes = try #require(bench.read("Outputs/even.jsonl"))
    #expect(file.path == "Outputs/even.jsonl" && file.digest == Digest.of(bytes))

    let index = try Session.lineage(of: store)
    #expect(try index.run(id.text) == record)
    #expect(try index.published(at: "Outputs/even.jsonl")?.digest == file.digest)
    #expect(try index.upstream(of: file.digest).map(\.stage).contains("read"))

    // A run with nothing to do leaves nothing.
    let second = try bench.run(pipeline(), options)
    #expect(second.runID == nil && second.notes.isEmpty)
    #expect(store.history.list() == [id])

    let third = try bench.run(pipeline(mark: "y"), options)
    let changed = try #require(Session.record(of: try runID(third), in: store))
    #expect(changed.stage("read")?.status == .cached)
    #expect(changed.stage("mark")?.reason == .init(code: "definition-changed", text: "field mark changed"))
    #expect(changed.stage("write")?.reason.code == "input-changed")
    #expect(Session.records(in: store).map(\.id) == [changed.id, record.id])
  }

  @Test func plansAndQuestionsLeaveNoRecord() throws {
    let bench = bench()
    var options = RunOptions()
    options.isPlan = true
    try bench.run(pipeline(), options)
    #expect(try store(bench).history.list().isEmpty)
    try bench.run(pipeline())
    _ = try bench.session(pipeline()).show("mark", count: 3)
    #expect(try store(bench).history.list().count == 1)
  }

  @Test func lookingAtNothingLeavesNothing() throws {
    let bench = bench()
    #expect(try Session.rebuildLineage(of: try store(bench)) == 0)
    #expect(!Workspace.exists(bench.workspace.storeDirectory))
  }

  @Test func aFailureIsRecorded() throws {
    let bench = bench()
    bench.write("data/rows-b.jsonl", "{\"id\":\"T1\",}\n")
    let report = try bench.run(pipeline())
    let record = try #require(Session.record(of: try runID(report), in: try store(bench)))
    #expect(record.exitStatus == 1)
    #expect(record.stage("read")?.status == .failed)
    #expect(record.stage("read")?.failure == report.stages[0].failure?.message)
    #expect(record.stage("write")?.status == .notRun)
  }

  @Test func aRunIsLiveWhileItsTasksWork() throws {
    let bench = bench()
    let store = try store(bench)
    let wasLive = Atomic<Bool>(false)
    let scratch = Mutex("")
    let work = ChunkWork { (input, writer) throws(TaskFailure) in
      wasLive.store(store.history.list().contains(where: store.history.isLive), ordering: .relaxed)
      let path = try input.supervision.temporaryDirectory()
      scratch.withLock { $0 = path }
      #expect(Workspace.isFolder(path))
      #expect(input.supervision.logPath.hasSuffix("/logs/look.log"))
    }
    let port = InputPort(name: "from", reading: .stream, sources: [TestStages.from("read")], range: nil)
    let look = TestStages.stage("look", TestKind(inputs: [port], outputs: [OutputPort("rows")], work: .eachChunk(work)))
    #expect(try bench.run([TestStages.read("read", "data/rows-a.jsonl"), look]).exitCode == 0)
    let seen = wasLive.load(ordering: .relaxed)
    #expect(seen)
    #expect(!store.history.list().contains(where: store.history.isLive))
    let path = scratch.withLock { $0 }
    #expect(path.contains("/tmp/scratch-") && !Workspace.exists(path))
  }

  @Test func killedRunsAreCaughtUpOn() throws {
    let bench = bench()
    let store = try store(bench)
    let killed = RunID(milliseconds: 1, random: (2, 3))
    let live = RunID(milliseconds: 2, random: (2, 3))
    var logs: [RunLog] = []
    for id in [killed, live] {
      let log = store.runLog(id)
      try log.append(Lineage.RunEvent.started(RunRecord(id: id.text, manifestPath: "test.yaml", manifestName: "test", pipeVersion: "", startedAt: 1)).line)
      try log.flush()
      logs.append(log)
    }
    try logs[0].close()
    let report = try bench.run(pipeline())
    let known = try LineageStore(path: store.directory + "/lineage.sqlite").knownRuns()
    #expect(known == [killed.text, try runID(report).text])
    try logs[1].close()
    #expect(try Session.updateLineage(of: store) == 1)
    #expect(try Session.updateLineage(of: store) == 0)

    // Safe to delete, and to damage.
    FileTree.remove(store.directory + "/lineage.sqlite")
    #expect(try Session.lineage(of: store).knownRuns().count == 3)
    try AtomicFile.write(store.directory + "/lineage.sqlite", Array("rubbish, and more than a header of it".utf8), sync: false)
    #expect(try Session.lineage(of: store).knownRuns().count == 3)
    #expect(try Session.rebuildLineage(of: store) == 3)
  }

  @Test func troubleWithTheIndexIsANote() throws {
    let bench = bench()
    mkdir(bench.workspace.storeDirectory, 0o755)
    mkdir(bench.workspace.storeDirectory + "/lineage.sqlite", 0o755)
    let report = try bench.run(pipeline())
    #expect(report.exitCode == 0 && report.runID != nil)
    #expect(report.notes.count == 1 && report.notes[0].contains("runs are not affected"))
  }

  @Test func whatCannotBePublishedIsANote() throws {
    let bench = bench()
    mkdir(bench.workspace.storeDirectory, 0o755)
    mkdir(bench.workspace.storeDirectory + "/publish", 0o755)
    // A journal that cannot be read at all.
    mkdir(bench.workspace.storeDirectory + "/publish/old", 0o755)
    let report = try bench.run(pipeline())
    #expect(report.exitCode == 0)
    #expect(report.notes.contains { $0.contains("earlier run") })
  }

  @Test func theCommitIsReadFromGitsFiles() {
    let bench = Bench()
    let (one, two) = (String(repeating: "1", count: 40), String(repeating: "2", count: 40))
    #expect(GitHead.commit(of: bench.workspace.root) == nil)
    for folder in [".git", ".git/refs", ".git/refs/heads", ".git/worktrees", ".git/worktrees/w", "w", "deep"] { mkdir(bench.workspace.absolute(folder), 0o755) }
    bench.write(".git/HEAD", "ref: refs/heads/main\n")
    #expect(GitHead.commit(of: bench.workspace.root) == nil)
    bench.write(".git/packed-refs", "# pack-refs\n\(one) refs/heads/main\n")
    #expect(GitHead.commit(of: bench.workspace.root) == one)
    bench.write(".git/refs/heads/main", two + "\n")
    #expect(GitHead.commit(of: bench.workspace.absolute("deep")) == two)
    bench.write(".git/HEAD", one + "\n")
    #expect(GitHead.commit(of: bench.workspace.root) == one)
    // A worktree: `.git` is a file, and the branches lie with the first checkout.
    bench.write("w/.git", "gitdir: ../.git/worktrees/w\n")
    bench.write(".git/worktrees/w/HEAD", "ref: refs/heads/main\n")
    bench.write(".git/worktrees/w/commondir", "../..\n")
    #expect(GitHead.commit(of: bench.workspace.absolute("w")) == two)
  }
}

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

/// What goes and what stays, told by what the next run has to do.
@Suite struct CollectionTests {
  func pipeline(mark: String = "x", _ computed: RowCounter? = nil) -> [Stage] {
    [
      TestStages.read("read", "data/rows.jsonl"), TestStages.read("labels", "data/labels.jsonl"),
      TestStages.mark("mark", from: [TestStages.from("read")], labels: "labels", mark: mark), TestStages.write("write", from: TestStages.from("mark")),
      TestStages.count("count", from: TestStages.from("mark")),
    ] + (computed.map { [TestStages.costly("costly", from: TestStages.from("read"), $0)] } ?? [])
  }

  /// A workspace whose manifest is there as a file: one that is not needs nothing kept.
  func bench() -> Bench {
    let bench = Bench()
    bench.write("test.yaml", "schema: pipe/v1\n")
    bench.write("data/labels.jsonl", (0..<50).map { "{\"id\":\"T\($0)\",\"label\":\"a\"}" }.joined(separator: "\n") + "\n")
    return bench
  }

  func collect(_ bench: Bench, dryRun: Bool = false, keptRuns: Int = 1) throws -> GarbageCollector.Report {
    try bench.session(pipeline()).collect(dryRun: dryRun, graceSeconds: 0, keptRuns: keptRuns)
  }

  /// Bytes in the store, without the records of runs and the index over them.
  func bytes(_ bench: Bench) throws -> Int {
    let stats = try Store(directory: bench.workspace.storeDirectory).stats()
    return stats.blobBytes + stats.segmentBytes
  }

  func chunks(_ bench: Bench, _ key: Digest) throws -> [Digest] {
    let store = try Store(directory: bench.workspace.storeDirectory)
    let entry = try store.entry(.stageResult, key)
    let result = try StageResult(decoding: try #require(entry))
    return try result.ports.flatMap { port -> [Digest] in
      guard port.rows > 0 else { return [] }
      let list = try store.get(port.content)
      var reader = ByteReader(try #require(list))
      return try ChunkList.decode(from: &reader).map(\.digest)
    }
  }

  func key(_ stage: String, _ report: RunReport) throws -> Digest {
    let text = try #require(report.stages.first { $0.name == stage }?.key)
    return try #require(Digest(hex: text))
  }

  @Test func theNextRunHasNothingToDoAndOldChunksAreGone() throws {
    let bench = bench()
    let computed = RowCounter()
    var rows = RandomRows.rows(12_000, seed: 1)
    bench.write("data/rows.jsonl", RandomRows.text(rows))
    let first = try bench.run(pipeline(computed))
    let oldKey = try key("write", first)
    let old = Set(try chunks(bench, oldKey))

    rows[5000] = RandomRows.rows(1, seed: 77)[0]
    bench.write("data/rows.jsonl", RandomRows.text(rows))
    let second = try bench.run(pipeline(computed))
    let newKey = try key("write", second)
    let new = Set(try chunks(bench, newKey))
    let outputs = [bench.text("Outputs/even.jsonl"), bench.text("Outputs/odd.jsonl")]

    let before = try bytes(bench)
    let look = try collect(bench, dryRun: true)
    #expect(try bytes(bench) == before)
    let report = try collect(bench)
    #expect(report.blobsRemoved == look.blobsRemoved && report.entriesRemoved == look.entriesRemoved)
    #expect(report.blobsRemoved > 0 && report.entriesRemoved > 0)
    #expect(try bytes(bench) < before)

    let store = try Store(directory: bench.workspace.storeDirectory)
    #expect(!old.subtracting(new).isEmpty)
    for digest in old.subtracting(new) { #expect(!store.contains(digest)) }
    #expect(try store.entry(.stageResult, oldKey) == nil)

    let third = try bench.run(pipeline(computed))
    #expect(third.ran == 0 && third.rewound == 0 && third.exitCode == 0)
    #expect(third.files.allSatisfy { $0.change == .unchanged })
    #expect([bench.text("Outputs/even.jsonl"), bench.text("Outputs/odd.jsonl")] == outputs)
    #expect(try collect(bench).bytesRemoved == 0)

    // What makes an edit cheap has stayed too: partials, sidecars, results of rows.
    let known = computed.value
    rows[9000] = RandomRows.rows(1, seed: 78)[0]
    bench.write("data/rows.jsonl", RandomRows.text(rows))
    let fourth = try bench.run(pipeline(computed))
    for stage in fourth.stages { #expect(stage.ran <= 3, "\(stage.name) ran \(stage.ran)") }
    #expect(computed.value - known == 1)
  }

  @Test func whatALockDescribesStays() throws {
    let bench = bench()
    let rows = RandomRows.rows(3000, seed: 2)
    bench.write("data/rows.jsonl", RandomRows.text(rows))
    try bench.run(pipeline())
    bench.write("branch.lock", bench.text("test.lock")!)
    try bench.run(pipeline(mark: "y"))
    _ = try collect(bench, keptRuns: 0)
    #expect(try bench.run(pipeline(mark: "x")).ran == 0)
    #expect(try bench.run(pipeline(mark: "y")).ran == 0)

    // Without that lock only the last keys count.
    FileTree.remove(bench.workspace.absolute("branch.lock"))
    _ = try collect(bench, keptRuns: 0)
    #expect(try bench.run(pipeline(mark: "y")).ran == 0)
    #expect(try bench.run(pipeline(mark: "x")).ran > 0)
  }

  @Test func theLastRunsStay() throws {
    let bench = bench()
    bench.write("data/rows.jsonl", RandomRows.text(RandomRows.rows(2000, seed: 3)))
    for mark in ["x", "y", "z"] { try bench.run(pipeline(mark: mark)) }
    _ = try collect(bench, keptRuns: 2)
    #expect(try bench.run(pipeline(mark: "y")).ran == 0)
    #expect(try bench.run(pipeline(mark: "x")).ran > 0)
  }

  @Test func aManifestThatIsGoneNeedsNothing() throws {
    let bench = bench()
    bench.write("data/rows.jsonl", RandomRows.text(RandomRows.rows(3000, seed: 4)))
    try bench.run(pipeline())
    for path in ["test.yaml", "test.lock"] { FileTree.remove(bench.workspace.absolute(path)) }
    let report = try collect(bench, keptRuns: 0)
    #expect(report.blobsKept == 0 && report.blobsRemoved > 0)
    #expect(try bench.run(pipeline()).ran > 0)
  }

  @Test func anotherWorkspaceOnTheSameStoreKeepsItsOwn() throws {
    let bench = bench()
    let other = self.bench()
    let shared = Workspace(root: other.workspace.root, storeDirectory: bench.workspace.storeDirectory)
    bench.write("data/rows.jsonl", RandomRows.text(RandomRows.rows(1500, seed: 5)))
    other.write("data/rows.jsonl", RandomRows.text(RandomRows.rows(1500, seed: 6)))
    try bench.run(pipeline())
    _ = try other.session(pipeline(), shared).run(RunOptions())
    _ = try collect(bench, keptRuns: 0)
    #expect(try other.session(pipeline(), shared).run(RunOptions()).ran == 0)
    #expect(try bench.run(pipeline()).ran == 0)
  }

  @Test func nothingGoesThatALiveRunMayHaveTouched() throws {
    let bench = bench()
    bench.write("data/rows.jsonl", RandomRows.text(RandomRows.rows(3000, seed: 7)))
    let store = try Store(directory: bench.workspace.storeDirectory)
    let live = store.runLog(RunID.now())
    try live.append(Array("{}".utf8))
    try live.flush()
    try bench.run(pipeline(mark: "x"))
    try bench.run(pipeline(mark: "y"))
    let report = try collect(bench, keptRuns: 0)
    #expect(report.blobsRemoved == 0 && report.entriesRemoved == 0 && report.keptByGrace > 0)
    try live.close()
    #expect(try collect(bench, keptRuns: 0).blobsRemoved > 0)
  }

  @Test func oldRunsGoWithTheirRecords() throws {
    let bench = bench()
    bench.write("data/rows.jsonl", RandomRows.text(RandomRows.rows(200, seed: 8)))
    for mark in ["a", "b", "c", "d"] { try bench.run(pipeline(mark: mark)) }
    let store = try Store(directory: bench.workspace.storeDirectory)
    // The last run of another manifest, older than all.
    let other = RunID(milliseconds: 5, random: (1, 1))
    let log = store.runLog(other)
    try log.append(Lineage.RunEvent.started(RunRecord(id: other.text, manifestPath: "other.yaml", manifestName: "other", pipeVersion: "", startedAt: 5)).line)
    try log.close()
    let live = store.runLog(RunID(milliseconds: 6, random: (1, 1)))
    try live.append(Array("{}".utf8))
    try live.flush()
    try Session.updateLineage(of: store)
    let before = store.history.list()
    #expect(before.count == 6)

    func prune(dryRun: Bool, graceSeconds: UInt64 = 0) throws -> Int {
      try bench.session(pipeline()).collect(dryRun: dryRun, graceSeconds: graceSeconds, keptRuns: 2).runsRemoved
    }
    // While a run is at work, what is younger than it stays; here that is every run.
    #expect(try prune(dryRun: false) == 0)
    try live.close()
    #expect(try prune(dryRun: false, graceSeconds: 86_400) == 1, "only the one of 1970 that nobody asks for")
    #expect(try prune(dryRun: true) == 2)
    #expect(store.history.list().count == 5)
    #expect(try prune(dryRun: false) == 2)
    #expect(store.history.list() == Array(before.prefix(2)) + [other])
    #expect(try Session.lineage(of: store).knownRuns() == Set(store.history.list().map(\.text)))
    #expect(Session.records(in: store, manifest: "other.yaml").count == 1)
  }

  @Test func whatARunHasFoundIsPinned() throws {
    let bench = bench()
    bench.write("data/rows.jsonl", RandomRows.text(RandomRows.rows(2000, seed: 9)))
    // A file that was just written is read again, in doubt; what was made of its rows is found.
    let first = try bench.run([TestStages.read("read", "data/rows.jsonl"), TestStages.count("count", from: TestStages.from("read"))])
    let key = try key("count", first)
    let store = try Store(directory: bench.workspace.storeDirectory)
    let seen = Mutex<Set<RunLog.Pin>>([])
    let work = ChunkWork { (_, _) throws(TaskFailure) in
      let pins = store.history.livePins()
      seen.withLock { $0 = pins }
    }
    let port = InputPort(name: "from", reading: .stream, sources: [TestStages.from("count")], range: nil)
    let look = TestStages.stage("look", TestKind(inputs: [port], outputs: [OutputPort("rows")], work: .eachChunk(work)))
    let pipeline = [TestStages.read("read", "data/rows.jsonl"), TestStages.count("count", from: TestStages.from("read")), look]
    #expect(try bench.run(pipeline).exitCode == 0)
    let pins = seen.withLock { $0 }
    #expect(pins.contains(.entry(.stageResult, key)))
    // Once it is over it holds nothing, and one with nothing to do leaves nothing behind.
    #expect(store.history.livePins().isEmpty)
    let runs = store.history.list().count
    #expect(try bench.run(pipeline).ran == 0)
    #expect(store.history.list().count == runs)
  }

  @Test func snapshotsStayAsLongAsTheyArePinned() throws {
    let bench = bench()
    bench.write("data/rows.jsonl", RandomRows.text(RandomRows.rows(100, seed: 8)))
    try bench.run(pipeline())
    let folder = bench.workspace.storeDirectory + "/snapshots"
    mkdir(folder, 0o755)
    let digests = ["locked", "recorded", "nobody's"].map { Digest.of($0) }
    for digest in digests { try AtomicFile.write(folder + "/" + digest.hex, [1, 2, 3], sync: false) }
    let store = try Store(directory: bench.workspace.storeDirectory)
    try store.record(.pin, Digest.of("request"), digests[1].bytes)
    try store.flush()
    bench.write("other.lock", "pipe-lock 1\nmanifest m version=0\npin [\"a\"] sha256:\(digests[0].hex) request=sha256:\(Digest.of("r").hex)\n")

    #expect(try collect(bench, dryRun: true).blobsRemoved > 0)
    #expect(Workspace.names(in: folder).count == 3)
    _ = try collect(bench)
    #expect(Set(Workspace.names(in: folder)) == [digests[0].hex, digests[1].hex])
  }

  @Test func aLockWithConflictMarksStopsACollection() throws {
    let bench = bench()
    bench.write("data/rows.jsonl", RandomRows.text(RandomRows.rows(3000, seed: 9)))
    try bench.run(pipeline())
    let lock = bench.text("test.lock")!
    bench.write("test.lock", lock + "<<<<<<< HEAD\n")
    // Locks of other tools are none of ours.
    bench.write("Cargo.lock", "<<<<<<< HEAD\n")
    let store = try Store(directory: bench.workspace.storeDirectory)
    let before = try bytes(bench)
    #expect(throws: Session.Unanswerable.self) { try Session.collect(bench.workspace, store, dryRun: false, graceSeconds: 0) }
    #expect(try bytes(bench) == before)
    bench.write("test.lock", lock)
    _ = try Session.collect(bench.workspace, store, dryRun: false, graceSeconds: 0)
    #expect(try bench.run(pipeline()).ran == 0)
  }

  @Test func aTrailReadsBack() throws {
    var trail = Trail()
    for number in 0..<40 { trail.add(number % 2 == 0 ? .sidecar : .partial, Digest.of("\(number)")) }
    let bytes = trail.encode()
    #expect(try Trail(decoding: bytes) == trail)
    for count in 1..<bytes.count where count % 7 == 0 { _ = try? Trail(decoding: Array(bytes[..<count])) }
    #expect(throws: (any Error).self) { try Trail(decoding: [0, 0]) }
  }
}

/// Counts what a costly kind has computed.
final class RowCounter: Sendable {
  private let count = Atomic<Int>(0)
  var value: Int { count.load(ordering: .relaxed) }
  func add() { count.wrappingAdd(1, ordering: .relaxed) }
}

extension TestStages {
  /// Takes long for each row, and so keeps the result of each.
  static func costly(_ name: String, from source: InputSource, _ computed: RowCounter) -> Stage {
    let work = ChunkWork(isCostly: true) { (input, writer) throws(TaskFailure) in
      for (ordinal, chunk) in input.chunks.enumerated() {
        try chunk.rows.forEachRow { (row, bytes) throws(TaskFailure) in
          if input.rowResults.result(for: bytes) == nil {
            computed.add()
            input.rowResults.keep(Array("1".utf8), for: bytes)
          }
          try writer.emit(from: RowParent(chunk: ordinal, row: row), row: bytes)
        }
      }
    }
    let port = InputPort(name: "from", reading: .stream, sources: [source], range: nil)
    return stage(name, TestKind(inputs: [port], outputs: [OutputPort("rows")], work: .eachChunk(work)))
  }
}

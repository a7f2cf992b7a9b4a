import Lineage
import Rows
import SQLite
import Synchronization
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What Docs/Lineage.md promises to people who ask in SQL.
@Suite struct ViewTests {
  private static func record(_ number: Int) -> RunRecord {
    var run = RunRecord(
      id: "01m7yjxqfbhsgnwwbav5dcy" + "\(1000 + number)".dropFirst(), manifestPath: "Manifests/a.yaml", manifestName: "a", manifestVersion: "1.0.0", pipeVersion: "0.1.0",
      startedAt: 1_790_000_000_000 + Int64(number), finishedAt: 1_790_000_002_500 + Int64(number), exitStatus: 0, parameters: [.init(name: "min", value: "4")],
      gitCommit: "abc")
    let table = Digest.of("table")
    run.stages = [
      StageRecord(
        name: "tickets", kind: "ingest", key: Digest.of("k\(number)"), status: .ran, reason: .init(code: "first-run", text: "first run"), tasksTotal: 2, tasksRan: 2,
        rowsIn: 12, rowsOut: 10, dropped: [.init(reason: "where", rows: 2)], facts: [.init(name: "alpha", value: .real(0.5))], durationMicroseconds: 1_500_000,
        inputs: [.init(port: "from", origin: .sources(["a.csv", "b.csv"]), content: Digest.of("source"))],
        outputs: [.init(port: "rows", content: table, lineage: Digest.of("l"), rows: 10, bytes: 100)],
        checks: [.init(expression: "rows >= 1", severity: .error, verdict: .passed, value: "rows is 10")]),
      StageRecord(
        name: "dataset", kind: "export", caseLabel: "de", status: .ran, reason: .init(code: "first-run", text: "first run"),
        inputs: [.init(port: "from", origin: .stage("tickets", caseLabel: nil, port: "rows"), content: table)],
        outputs: [
          .init(port: "train", content: Digest.of("out"), rows: 9, files: [.init(path: "Outputs/train.jsonl", digest: Digest.of("file"), rows: 9, bytes: 90)])
        ]),
    ]
    return run
  }

  private static func path() -> String { "/tmp/pipe-views-\(getpid())-\(UInt64.random(in: .min ... .max)).sqlite" }

  private static func forget(_ path: String) { for suffix in ["", "-journal", "-wal", "-shm"] { unlink(path + suffix) } }

  @Test func everyViewAnswers() throws {
    let path = Self.path()
    defer { Self.forget(path) }
    let store = try LineageStore(path: path)
    try store.fold(Self.record(1))
    let database = try SQLiteDatabase(path: path, mode: .readOnly)
    func answer(_ sql: String) throws -> [[SQLiteValue]] { try database.rows(sql) }
    let run = SQLiteValue.text(Self.record(1).id)
    #expect(try answer("SELECT id, version, seconds, exit_status, git_commit FROM runs") == [[run, .text("1.0.0"), .real(2.5), .integer(0), .text("abc")]])
    #expect(try answer("SELECT name, value FROM parameters") == [[.text("min"), .text("4")]])
    #expect(
      try answer("SELECT stage, kind, status, rows_in FROM stages ORDER BY place") == [
        [.text("tickets"), .text("ingest"), .text("ran"), .integer(12)], [.text("dataset@de"), .text("export"), .text("ran"), .null],
      ])
    #expect(try answer("SELECT total, ran, cached FROM tasks WHERE stage = 'tickets'") == [[.integer(2), .integer(2), .integer(0)]])
    #expect(
      try answer("SELECT stage, source, from_stage FROM inputs ORDER BY stage, source") == [
        [.text("dataset@de"), .null, .text("tickets")], [.text("tickets"), .text("a.csv"), .null], [.text("tickets"), .text("b.csv"), .null],
      ])
    #expect(try answer("SELECT port, rows FROM outputs ORDER BY port") == [[.text("rows"), .integer(10)], [.text("train"), .integer(9)]])
    #expect(try answer("SELECT path, sha256, bytes FROM files") == [[.text("Outputs/train.jsonl"), .text(Digest.of("file").hex), .integer(90)]])
    #expect(try answer("SELECT reason, rows FROM drops") == [[.text("where"), .integer(2)]])
    #expect(try answer("SELECT name, value FROM facts") == [[.text("alpha"), .real(0.5)]])
    #expect(try answer("SELECT verdict, value FROM checks") == [[.text("passed"), .text("rows is 10")]])
    #expect(try answer("SELECT what, count(*) FROM artifacts GROUP BY what ORDER BY what") == [[.text("file"), .integer(1)], [.text("table"), .integer(2)]])
    // From a file back to its sources, by the artifacts between.
    let sources = try answer(
      """
      WITH RECURSIVE up (artifact) AS (
        SELECT o.artifact FROM files f JOIN outputs o USING (run, stage, port) WHERE f.path = 'Outputs/train.jsonl'
        UNION SELECT e.input FROM up JOIN edges e ON e.output = up.artifact)
      SELECT DISTINCT i.source FROM up JOIN inputs i ON i.artifact = up.artifact WHERE i.source IS NOT NULL ORDER BY 1
      """)
    #expect(sources == [[.text("a.csv")], [.text("b.csv")]])
  }

  @Test func readersAndAWriterDoNotStopEachOther() throws {
    let path = Self.path()
    defer { Self.forget(path) }
    let store = try LineageStore(path: path)
    try store.fold(Self.record(0))
    let isOver = Atomic<Bool>(false)
    let failure = Mutex<String?>(nil)
    let writer = Thread {
      do { for number in 1...60 { try store.fold(Self.record(number)) } } catch { failure.withLock { $0 = "\(error)" } }
      isOver.store(true, ordering: .releasing)
    }
    var last: Int64 = 0
    var reads = 0
    let reader = try SQLiteDatabase(path: path, mode: .readOnly)
    while !isOver.load(ordering: .acquiring) || reads == 0 {
      guard case .integer(let runs)? = try reader.rows("SELECT count(*) FROM runs").first?.first,
        case .integer(let stages)? = try reader.rows("SELECT count(*) FROM stages").first?.first
      else {
        Issue.record("no count")
        break
      }
      // Runs only come, and come whole.
      #expect(runs >= last && stages >= 2 * runs)
      last = runs
      reads += 1
    }
    writer.join()
    #expect(failure.withLock { $0 } == nil)
    #expect(try reader.rows("SELECT count(*) FROM runs") == [[.integer(61)]])
  }

  @Test func anIndexOfAnOlderVersionIsMadeAnew() throws {
    let path = Self.path()
    defer { Self.forget(path) }
    let old = try SQLiteDatabase(path: path, mode: .create)
    try old.execute("CREATE TABLE runs (id TEXT PRIMARY KEY); CREATE VIEW stages AS SELECT 1; PRAGMA user_version = 1")
    let store = try LineageStore(path: path)
    #expect(store.isFresh)
    try store.fold(Self.record(1))
    #expect(try store.runs().count == 1)
  }
}

/// A thread that can be waited for.
private final class Thread: @unchecked Sendable {
  private var handle = pthread_t()

  init(_ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(Box(body))
    pthread_create(
      &handle, nil,
      { pointer in
        Unmanaged<Box>.fromOpaque(pointer!).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
  }

  func join() { pthread_join(handle, nil) }

  private final class Box {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
}

import Rows
import SQLite
import Testing

@testable import Lineage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A small run: tickets → pairs (of tickets and labels) → dataset, which is published.
private func run(
  _ id: String, tickets: String = "tickets", labels: String = "labels", manifest: String = "Manifests/support.yaml", finished: Bool = true
) -> RunRecord {
  let rows = Digest.of("rows of \(tickets)")
  let pairs = Digest.of("pairs of \(tickets) and \(labels)")
  let dataset = Digest.of("dataset of \(tickets) and \(labels)")
  return RunRecord(
    id: id, manifestPath: manifest, manifestName: "support", manifestVersion: "2.1.0", pipeVersion: "0.1.0", startedAt: 1_800_000_000_000,
    finishedAt: finished ? 1_800_000_000_620 : nil, exitStatus: finished ? 0 : nil,
    parameters: [.init(name: "min", value: "20"), .init(name: "a \"quoted\"\n", value: "ü\u{1}\u{7f}")], parametersFile: "Manifests/ci.yaml",
    profile: "ci", gitCommit: "4f2c9a1", jobs: 8,
    stages: [
      StageRecord(
        name: "tickets", kind: "ingest", key: Digest.of("key 1"), status: .ran, reason: .init(code: "first-run", text: "first run"),
        tasksTotal: 2,
        tasksRan: 2, rowsIn: 431, rowsOut: 412, dropped: [.init(reason: "where", rows: 19)], durationMicroseconds: 30_000,
        inputs: [.init(port: "source", origin: .sources(["Datasets/a.csv", "Datasets/b.csv"]), content: Digest.of(tickets))],
        outputs: [.init(port: "rows", content: rows, lineage: Digest.of("lineage"), rows: 412, bytes: 100_000)]),
      StageRecord(
        name: "pairs", kind: "assemble", caseLabel: "lang=en", key: Digest.of("key 2"), status: .cached,
        reason: .init(code: "cached", text: "nothing changed"),
        tasksTotal: 3, tasksCached: 3,
        inputs: [
          .init(port: "from", origin: .stage("tickets", caseLabel: nil, port: "rows"), content: rows),
          .init(port: "labels", origin: .sources(["Datasets/labels.csv"]), content: Digest.of(labels)),
        ], outputs: [.init(port: "rows", content: pairs, rows: 412)]),
      StageRecord(
        name: "dataset", kind: "export", status: .ran, reason: .init(code: "input-changed", text: "1 row of pairs changed"), tasksTotal: 1,
        tasksRan: 1,
        facts: [
          .init(name: "alpha", value: .real(0.71)), .init(name: "whole", value: .real(3)), .init(name: "tiny", value: .real(1e-300)),
          .init(name: "votes", value: .integer(2041)), .init(name: "model", value: .text("classifier")),
          .init(name: "ok", value: .boolean(true)),
        ],
        inputs: [.init(port: "from", origin: .stage("pairs", caseLabel: "lang=en", port: "rows"), content: pairs)],
        outputs: [
          .init(
            port: "train", content: dataset, rows: 357, bytes: 70_000,
            files: [
              .init(path: "Outputs/support/train.jsonl", digest: Digest.of("file of \(tickets) and \(labels)"), rows: 357, bytes: 70_000)
            ])
        ],
        checks: [
          .init(expression: "rows.train >= 300", severity: .error, verdict: .passed, value: "357"),
          .init(expression: "accuracy >= baseline.accuracy", severity: .warning, verdict: .skipped, value: "no baseline"),
        ]),
      StageRecord(name: "fit", kind: "train-submit", status: .notRun, reason: .init(code: "needs", text: "dataset failed")),
    ])
}

@Suite struct RunEventTests {
  @Test func aRunReadsBackFromItsEvents() throws {
    for record in [run("01a"), run("01b", finished: false)] {
      let lines = record.events.map(\.line)
      for line in lines { #expect(!line.contains(10) && line.first == UInt8(ascii: "{") && line.last == UInt8(ascii: "}")) }
      #expect(RunRecord(events: lines) == record)
      #expect(RunRecord(events: lines)?.events.map(\.line) == lines)
    }
  }

  @Test func theLinesAreAsTheyAre() {
    let stage = StageRecord(
      name: "s", kind: "k", status: .notRun, reason: .init(code: "needs", text: "\"x\" failed"),
      facts: [.init(name: "nan", value: .real(.nan))],
      inputs: [.init(port: "p", origin: .sources(["ä/b"]), content: Digest.of(""))])
    #expect(
      String(decoding: RunEvent.stage(stage).line, as: UTF8.self)
        == #"{"event":"stage-finished","stage":{"name":"s","kind":"k","status":"not-run","reason":{"code":"needs","text":"\"x\" failed"},"#
        + #""tasks":{"total":0,"ran":0,"cached":0},"facts":[{"name":"nan","value":"nan"}],"duration_us":0,"#
        + #""inputs":[{"port":"p","sources":["ä/b"],"content":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]}}"#)
  }

  @Test func otherEventsAndRubbishArePassedOver() {
    let record = run("01a")
    var lines = record.events.map(\.line)
    for (place, other) in ["{}", "{\"event\":\"task-finished\"}", "[1,2]", "null", "rubbish", "", "{\"event\":\"stage-finished\"}"]
      .enumerated()
    {
      lines.insert(Array(other.utf8), at: place % lines.count)
    }
    #expect(RunRecord(events: lines) == record)
    #expect(RunRecord(events: Array(record.events.dropFirst().map(\.line))) == nil)
    #expect(RunRecord(events: []) == nil)
  }

  @Test func aStageReportedAgainCountsAsReportedLast() {
    var first = run("01a")
    var failed = first.stages[1]
    failed.status = .failed
    let lines = [RunEvent.started(first), .stage(first.stages[1]), .stage(failed)].map(\.line)
    first.stages = [failed]
    #expect(RunRecord(events: lines)?.stages == [failed])
    #expect(RunRecord(events: lines)?.stage("pairs", caseLabel: "lang=en") == failed)
    #expect(RunRecord(events: lines)?.stage("pairs") == nil)
  }

  @Test func cutOrChangedLinesNeverCrash() {
    let line = RunEvent.stage(run("01a").stages[2]).line
    for length in 0..<line.count { #expect(RunEvent(line: Array(line[..<length])) == nil) }
    for at in 0..<line.count {
      for byte in [0, 0x22, 0x5C, 0x7B, 0x7D, 0x80, 0xFF] as [UInt8] {
        var changed = line
        changed[at] = byte
        _ = RunEvent(line: changed)
      }
    }
  }

  @Test(arguments: [
    (#"{"a":[1,-2.5e+3,true,false,null,"x\u00e9\ud83d\ude00\/"],"b":{}}"#, #"{"a":[1,-2.5e+3,true,false,null,"xé😀/"],"b":{}}"#),
    (" [ ] ", "[]"), ("\"\\b\\f\"", "\"\\u0008\\u000c\""), ("0", "0"),
  ])
  func jsonReads(text: String, expected: String) {
    #expect(JSON(Array(text.utf8))?.string == expected)
  }

  @Test(arguments: [
    "", "01", "1.", ".5", "-", "1e", "tru", "\"", "\"\\x\"", "\"\\ud83d\"", "\"\\u12g4\"", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":1,}",
    "{1:2}", "1 2", "\"\n\"", "nan",
  ])
  func jsonRefuses(text: String) {
    #expect(JSON(Array(text.utf8)) == nil)
  }

  @Test func jsonIsBounded() {
    #expect(JSON(Array((String(repeating: "[", count: 100_000)).utf8)) == nil)
    #expect(JSON(Array("\"\u{fffd}".utf8) + [0xFF, 0x22]) == nil)
  }
}

@Suite struct LineageStoreTests {
  private let directory = Directory()
  private var path: String { directory.path + "/lineage.sqlite" }

  private final class Directory: Sendable {
    let path: String
    init() {
      path =
        (getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp") + "/pipe-lineage-tests-\(getpid())-\(UInt64.random(in: .min ... .max))"
      mkdir(path, 0o777)
    }
    deinit {
      for name in ["lineage.sqlite", "lineage.sqlite-journal"] { unlink(path + "/" + name) }
      rmdir(path)
    }
  }

  @Test func runsComeBackNewestFirst() throws {
    let store = try LineageStore(path: path)
    #expect(store.isFresh)
    try store.fold([run("01b"), run("01a"), run("01c", manifest: "Manifests/other.yaml", finished: false)])
    let again = try LineageStore(path: path)
    #expect(!again.isFresh)
    #expect(try again.runs().map(\.run.id) == ["01c", "01b", "01a"])
    #expect(try again.runs(ofManifest: "Manifests/support.yaml").map(\.run.id) == ["01b", "01a"])
    #expect(try again.runs(limit: 1).map(\.run.id) == ["01c"])
    let summary = try #require(try again.runs().last)
    #expect(summary.stages == [.ran: 2, .cached: 1, .notRun: 1] && summary.tasksRan == 3 && summary.tasksCached == 3)
    #expect(summary.run.parameters == run("01a").parameters && summary.run.finishedAt == 1_800_000_000_620 && summary.run.stages == [])
    #expect(try again.knownRuns() == ["01a", "01b", "01c"])
  }

  @Test func aRunComesBackWhole() throws {
    let store = try LineageStore(path: path)
    try store.fold([run("01ab"), run("01ac", finished: false), run("01"), run("02%")])
    #expect(try store.run("01ab") == run("01ab"))
    #expect(try store.run("01ac") == run("01ac", finished: false))
    #expect(try store.run("01") == run("01"))
    #expect(try store.run("01a") == nil)
    #expect(try store.run("0") == nil)
    #expect(try store.run("02") == run("02%"))
    #expect(try store.run("%") == nil)
    #expect(try store.run("9") == nil)
  }

  @Test func foldingAgainReplaces() throws {
    let store = try LineageStore(path: path)
    try store.fold(run("01a", finished: false))
    for _ in 0..<3 { try store.fold(run("01a", tickets: "edited")) }
    #expect(try store.run("01a") == run("01a", tickets: "edited"))
    #expect(try store.producers(of: Digest.of("rows of tickets")) == [])
    #expect(try store.producers(of: Digest.of("rows of edited")).count == 1)
    try store.remove("01a")
    #expect(try store.runs() == [])
    #expect(try store.producers(of: Digest.of("rows of edited")) == [])
  }

  @Test func theLastRecordOfAStage() throws {
    let store = try LineageStore(path: path)
    var failed = run("01c")
    failed.stages[0].status = .failed
    try store.fold([run("01a"), run("01b", tickets: "edited"), failed, run("01d", manifest: "Manifests/other.yaml")])
    let manifest = "Manifests/support.yaml"
    #expect(try store.lastRecord(ofStage: "tickets", manifest: manifest)?.run == "01c")
    #expect(try store.lastRecord(ofStage: "tickets", manifest: manifest, statuses: [.ran, .cached])?.run == "01b")
    #expect(
      try store.lastRecord(ofStage: "tickets", manifest: manifest, statuses: [.ran])?.stage == run("01b", tickets: "edited").stages[0])
    #expect(try store.lastRecord(ofStage: "pairs", caseLabel: "lang=en", manifest: manifest)?.run == "01c")
    #expect(try store.lastRecord(ofStage: "pairs", manifest: manifest) == nil)
    #expect(try store.lastRecord(ofStage: "nothing", manifest: manifest) == nil)
  }

  @Test func whoMadeAndWhoRead() throws {
    let store = try LineageStore(path: path)
    try store.fold([run("01a"), run("01b", labels: "more labels")])
    let rows = Digest.of("rows of tickets")
    let manifest = "Manifests/support.yaml"
    #expect(
      try store.producers(of: rows) == [
        .init(run: "01b", manifest: manifest, stage: "tickets", caseLabel: nil, port: "rows"),
        .init(run: "01a", manifest: manifest, stage: "tickets", caseLabel: nil, port: "rows"),
      ])
    #expect(
      try store.consumers(of: rows) == [
        .init(run: "01b", manifest: manifest, stage: "pairs", caseLabel: "lang=en", port: "from"),
        .init(run: "01a", manifest: manifest, stage: "pairs", caseLabel: "lang=en", port: "from"),
      ])
    // A published file is found by its own digest, as `sha256sum` prints it.
    let file = Digest.of("file of tickets and labels")
    #expect(try store.producers(of: file) == [.init(run: "01a", manifest: manifest, stage: "dataset", caseLabel: nil, port: "train")])
    let published = try #require(try store.published(at: "Outputs/support/train.jsonl"))
    #expect(published.use.run == "01b" && published.digest == Digest.of("file of tickets and more labels"))
    #expect(try store.published(at: "Outputs/nothing") == nil)
    #expect(try store.producers(of: Digest.of("unknown")) == [])
  }

  @Test func closuresReachSourcesAndProducts() throws {
    let store = try LineageStore(path: path)
    try store.fold([run("01a"), run("01b"), run("01c", labels: "more labels")])
    let dataset = Digest.of("dataset of tickets and labels")
    let up = try store.upstream(of: dataset)
    #expect(up.map { "\($0.stage).\($0.inputPort)" } == ["dataset.from", "pairs.from", "pairs.labels", "tickets.source"])
    #expect(up.allSatisfy { $0.stage == "tickets" || $0.run == "01b" })
    #expect(up.last?.run == "01c" && up.last?.sources == ["Datasets/a.csv", "Datasets/b.csv"])
    #expect(up[1].input == Digest.of("rows of tickets") && up[1].output == Digest.of("pairs of tickets and labels") && up[1].sources == [])
    #expect(try store.upstream(of: Digest.of("file of tickets and labels")) == up)

    let down = try store.downstream(of: Digest.of("tickets"))
    #expect(down.map(\.stage) == ["dataset", "dataset", "pairs", "pairs", "tickets"])
    #expect(Set(down.filter { $0.stage == "dataset" }.map(\.output)) == [dataset, Digest.of("dataset of tickets and more labels")])
    #expect(try store.downstream(of: Digest.of("more labels")).map(\.stage) == ["dataset", "pairs"])
    #expect(try store.upstream(of: Digest.of("tickets")) == [] && store.downstream(of: dataset) == [])
  }

  @Test func anArtifactThatIsItsOwnAncestorEnds() throws {
    let store = try LineageStore(path: path)
    let same = Digest.of("same")
    try store.fold(
      RunRecord(
        id: "01", manifestPath: "m", manifestName: "m", pipeVersion: "0", startedAt: 0,
        stages: [
          StageRecord(
            name: "copy", kind: "k", status: .ran, reason: .init(code: "", text: ""),
            inputs: [.init(port: "in", origin: .sources([]), content: same)],
            outputs: [.init(port: "out", content: same)])
        ]))
    #expect(try store.upstream(of: same).count == 1 && store.downstream(of: same).count == 1)
  }

  @Test func damagedOrForeignIndexesAreMadeAnew() throws {
    try LineageStore(path: path).fold(run("01a"))
    let file = open(path, O_WRONLY)
    let rubbish = [UInt8](repeating: 7, count: 3000)
    #expect(pwrite(file, rubbish, rubbish.count, 0) == rubbish.count)
    close(file)
    let store = try LineageStore(path: path)
    #expect(store.isFresh)
    try store.fold(run("01a"))
    #expect(try store.run("01a") == run("01a"))
    try store.use { try $0.execute("PRAGMA user_version = 99") }
    let other = try LineageStore(path: path)
    #expect(other.isFresh)
    #expect(try other.runs() == [])
  }

  @Test func whereItCannotBeItSaysSo() {
    let error = #expect(throws: LineageError.self) { try LineageStore(path: directory.path + "/no/such/lineage.sqlite") }
    #expect(
      error?.description
        == "cannot use the lineage index `\(directory.path)/no/such/lineage.sqlite`: unable to open database file; runs are not affected, and `pipe doctor` makes it anew from the run logs"
    )
  }

  @Test func manyFoldAtOnce() async throws {
    try await withThrowingTaskGroup(of: Void.self) { [path] group in
      for worker in 0..<4 {
        group.addTask {
          let store = try LineageStore(path: path)
          for number in 0..<10 { try store.fold(run("\(worker)-\(number)", tickets: "\(worker)")) }
        }
      }
      try await group.waitForAll()
    }
    #expect(try LineageStore(path: path).runs().count == 40)
  }
}

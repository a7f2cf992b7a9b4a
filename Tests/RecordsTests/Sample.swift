import Lineage
import Rows

/// A run of a small manifest: tickets and labels become pairs, pairs become a published file.
enum Sample {
  static func digest(_ text: String) -> Digest { Digest.of(text) }

  static let manifest: ManifestDescription = {
    typealias Stage = ManifestDescription.Stage
    typealias Column = ManifestDescription.Column
    let tickets = Stage(
      name: "tickets", caseLabel: nil, kind: "ingest", text: "Tickets of \"support\".", tags: ["raw"], file: "Manifests/support.yaml", line: 12, files: [],
      outputs: [
        .init(
          port: "rows", content: .table,
          columns: [
            Column(name: "id", type: "string", origins: [.init(port: "from", source: 0, column: "id", isCopied: true)]),
            Column(name: "body", type: "string", origins: [.init(port: "from", source: 0, column: "text", isCopied: true)]),
            Column(name: "email", type: "string", isPrivate: true, origins: [.init(port: "from", source: 0, column: "email", isCopied: true)]),
          ])
      ], deciding: [])
    let pairs = Stage(
      name: "pairs", caseLabel: "de", kind: "assemble", text: nil, tags: [], file: "Manifests/support.yaml", line: 20,
      files: [.init(role: "template", path: "Pipelines/intent.jinja", digest: digest("template"))],
      outputs: [
        .init(
          port: "rows", content: .table,
          columns: [
            Column(name: "id", type: "string", origins: [.init(port: "from", source: 0, column: "id", isCopied: true)]),
            Column(name: "messages", type: "array", origins: [.init(port: "from", source: 0, column: "body", isCopied: false)]),
          ])
      ], deciding: [.init(port: "from", source: 0, column: "body", isCopied: false)])
    let dataset = Stage(
      name: "dataset", caseLabel: nil, kind: "export", text: nil, tags: [], file: "Manifests/support.yaml", line: 33, files: [],
      outputs: [
        .init(
          port: "train", content: .table,
          columns: [Column(name: "messages", type: "array", origins: [.init(port: "from", source: 0, column: "messages", isCopied: true)])])
      ], deciding: [])
    return ManifestDescription(
      path: "Manifests/support.yaml", name: "support", version: "1.2.0", text: "Intents of tickets.", license: "CC-BY-4.0", files: ["Manifests/support.yaml"],
      repository: "https://example.org/team/data.git", commit: "330739ca9fb53b9d1d14da792c4ae105937fbc22", stages: [tickets, pairs, dataset])
  }()

  static let run: RunRecord = {
    var run = RunRecord(
      id: "01m7yjxqfbhsgnwwbav5dcygq0", manifestPath: "Manifests/support.yaml", manifestName: "support", manifestVersion: "1.2.0", pipeVersion: "0.1.0",
      startedAt: 1_790_000_000_123, finishedAt: 1_790_000_004_456, exitStatus: 0, parameters: [.init(name: "min_chars", value: "20")], profile: "ci",
      gitCommit: "330739ca9fb53b9d1d14da792c4ae105937fbc22", jobs: 2)
    let source = digest("source")
    let table = digest("tickets table")
    let made = digest("pairs table")
    let out = digest("train table")
    run.stages = [
      StageRecord(
        name: "tickets", kind: "ingest", key: digest("tickets key"), status: .cached, reason: .init(code: "cached", text: "everything it makes was there"),
        tasksTotal: 2, tasksCached: 2, rowsIn: 12, rowsOut: 10, dropped: [.init(reason: "where", rows: 2)], durationMicroseconds: 0,
        inputs: [.init(port: "from", origin: .sources(["Datasets/a.csv", "Datasets/b.csv"]), content: source)],
        outputs: [.init(port: "rows", content: table, lineage: digest("tickets lineage"), rows: 10, bytes: 1000)],
        checks: [.init(expression: "rows >= 10", severity: .error, verdict: .passed, value: "rows is 10")]),
      StageRecord(
        name: "pairs", kind: "assemble", caseLabel: "de", key: digest("pairs key"), status: .ran,
        reason: .init(code: "definition-changed", text: "file template changed"),
        tasksTotal: 2, tasksRan: 2, rowsIn: 10, rowsOut: 10, durationMicroseconds: 1500,
        inputs: [.init(port: "from", origin: .stage("tickets", caseLabel: nil, port: "rows"), content: table)],
        outputs: [.init(port: "rows", content: made, lineage: digest("pairs lineage"), rows: 10, bytes: 3000)]),
      StageRecord(
        name: "dataset", kind: "export", key: digest("dataset key"), status: .ran, reason: .init(code: "input-changed", text: "pairs@de changed"), tasksTotal: 1,
        tasksRan: 1,
        rowsIn: 10, rowsOut: 9, dropped: [.init(reason: "gate status", rows: 1)], durationMicroseconds: 700,
        inputs: [.init(port: "from", origin: .stage("pairs", caseLabel: "de", port: "rows"), content: made)],
        outputs: [
          .init(
            port: "train", content: out, lineage: digest("train lineage"), rows: 9, bytes: 2700,
            files: [.init(path: "Outputs/support/train.jsonl", digest: digest("train file"), rows: 9, bytes: 2500)])
        ],
        checks: [
          .init(expression: "rows.train >= 100", severity: .warning, verdict: .failed, value: "rows.train is 9"),
          .init(expression: "rows.train <= baseline.rows", severity: .error, verdict: .skipped, value: "no baseline"),
        ]),
    ]
    return run
  }()
}

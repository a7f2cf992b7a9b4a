public import Diagnostics

/// One run in a list of runs.
public struct RunEntry: Sendable, Equatable {
  public struct Stage: Sendable, Equatable {
    public var name: String
    public var kind: String
    public var status: String
    public var tasks: Int
    public var ran: Int
    public var rowsIn: Int
    public var rowsOut: Int
    /// Its key in hexadecimal, when it had one.
    public var key: String?
    public var failure: String?

    public init(name: String, kind: String, status: String, tasks: Int, ran: Int, rowsIn: Int, rowsOut: Int, key: String? = nil, failure: String? = nil) {
      self.key = key
      self.name = name
      self.kind = kind
      self.status = status
      self.tasks = tasks
      self.ran = ran
      self.rowsIn = rowsIn
      self.rowsOut = rowsOut
      self.failure = failure
    }
  }

  public var id: String
  /// When it began, since 1970.
  public var milliseconds: Int
  /// Path of the manifest from the root.
  public var manifest: String
  public var name: String
  /// Nil when the run was killed before it could say, or is still at it.
  public var exitCode: Int?
  public var isLive: Bool
  public var tasks: Int
  public var ran: Int
  public var cached: Int
  public var failed: Int
  public var stages: [Stage]

  public init(
    id: String, milliseconds: Int, manifest: String, name: String, exitCode: Int?, isLive: Bool = false, tasks: Int = 0, ran: Int = 0, cached: Int = 0,
    failed: Int = 0, stages: [Stage] = []
  ) {
    self.id = id
    self.milliseconds = milliseconds
    self.manifest = manifest
    self.name = name
    self.exitCode = exitCode
    self.isLive = isLive
    self.tasks = tasks
    self.ran = ran
    self.cached = cached
    self.failed = failed
    self.stages = stages
  }

  /// How it ended, in a word or two.
  public var outcome: String {
    if isLive { return "running" }
    switch exitCode {
    case nil: return "killed"
    case 0: return "ok"
    case 1: return "failed"
    case 3: return "check failed"
    case let code?: return "exit \(code)"
    }
  }

  /// `2026-11-21 02:14:07 UTC  ok  11 tasks: 11 ran, 0 cached`
  public var line: String {
    "\(Figures.time(milliseconds: milliseconds)) UTC  \(outcome)  \(Figures.count(tasks, "task")): \(Figures.count(ran)) ran, \(Figures.count(cached)) cached"
      + (failed > 0 ? ", \(Figures.count(failed)) failed" : "")
  }

  public var json: ReportJSON {
    .object([
      "schema_version": .int(reportSchemaVersion), "run": .string(id), "time": .string(isoTime), "manifest": .string(manifest), "name": .string(name),
      "outcome": .string(outcome), "exit_code": exitCode.map { .int($0) }, "tasks": .int(tasks), "ran": .int(ran), "cached": .int(cached), "failed": .int(failed),
      "stages": stages.isEmpty
        ? nil
        : .array(
          stages.map {
            .object([
              "stage": .string($0.name), "kind": .string($0.kind), "status": .string($0.status), "tasks": .int($0.tasks), "ran": .int($0.ran),
              "rows_in": .int($0.rowsIn), "rows_out": .int($0.rowsOut), "failure": $0.failure.map { .string($0) },
            ])
          }),
    ])
  }

  private var isoTime: String { Figures.time(milliseconds: milliseconds).map { $0 == " " ? "T" : String($0) }.joined() + "Z" }

  /// Runs as a table, newest first.
  public static func table(_ runs: [RunEntry], style: TerminalStyle = .plain) -> String {
    var table = TextTable(columns: [
      .init(title: "run"), .init(title: "began (UTC)"), .init(title: "manifest", isElastic: true), .init(title: "outcome"), .init(title: "tasks", isNumeric: true),
      .init(title: "ran", isNumeric: true), .init(title: "cached", isNumeric: true),
    ])
    table.indent = 0
    for run in runs {
      let tone: TerminalStyle.Tone = run.isLive ? .accent : run.exitCode == 0 ? .good : .bad
      table.rows.append([
        .init(run.id), .init(Figures.time(milliseconds: run.milliseconds)), .init(run.manifest), .init(run.outcome, tone), .init(Figures.count(run.tasks)),
        .init(Figures.count(run.ran)), .init(Figures.count(run.cached)),
      ])
    }
    return table.render(style)
  }

  /// One run with its stages.
  public func render(style: TerminalStyle = .plain) -> String {
    var out = style.paint(id, .strong) + "  \(manifest)\n\(line)\n"
    guard !stages.isEmpty else { return out }
    var table = TextTable(columns: [
      .init(title: "stage"), .init(title: "kind"), .init(title: "in", isNumeric: true), .init(title: "out", isNumeric: true), .init(title: "ran / tasks"),
      .init(title: "status"), .init(title: "", isElastic: true),
    ])
    for stage in stages {
      table.rows.append([
        .init(stage.name), .init(stage.kind), .init(Figures.count(stage.rowsIn)), .init(Figures.count(stage.rowsOut)),
        .init("\(Figures.count(stage.ran)) / \(Figures.count(stage.tasks))"), .init(stage.status, stage.status == "failed" ? .bad : nil), .init(stage.failure ?? ""),
      ])
    }
    out += "\n" + table.render(style)
    return out
  }
}

import Rows
import Diagnostics

extension StageReport {
  /// What a scheduler's stage came to, as data.
  init(_ run: StageRun, in scheduler: Scheduler) {
    let kind = run.stage.kind
    let result = run.result
    name = run.stage.isImplicit ? run.stage.desc ?? run.stage.name : run.stage.name
    self.kind = run.stage.kindName
    isImplicit = run.stage.isImplicit
    after = nil
    switch run.finish {
    case .cached: status = .cached
    case .ran:
      let isUnread = if case .unread = run.reason { true } else { false }
      status = run.ran == 0 || isUnread ? .cached : .ran
    case .failed: status = .failed
    case .blocked(let by):
      status = .blocked
      after = by
    case .unselected: status = .unselected
    case .wouldRun: status = .wouldRun
    case .mayRun(let by):
      status = .mayRun
      after = by
    case .cancelled, nil: status = .cancelled
    }
    reason = run.reason
    key = run.key?.hex
    rowsIn = result?.rowsIn ?? run.inputs.reduce(0) { $0 + $1.reduce(0) { $0 + $1.rows } }
    dropped = result?.drops ?? []
    tasks = max(run.ran + run.cached, result?.taskCount ?? 0)
    ran = run.ran
    cached = run.cached
    rewound = run.rewound
    seconds = Double(run.busyNanoseconds) / 1e9
    facts = result?.facts ?? []
    var sums = Dictionary(facts.map { ($0.name, $0.sum) }, uniquingKeysWith: +)
    for (output, port) in zip(run.stage.outputs, result?.ports ?? []) where output.isPublic { sums["rows.\(output.name)"] = port.rows }
    note = result == nil ? nil : kind.note(sums, run.figures)
    figures = run.figures
    outputs = []
    for (output, table) in zip(run.stage.outputs, run.outputs) {
      guard let content = table.content else { continue }
      outputs.append(
        Output(
          port: output.name, content: content.hex, lineage: table.lineage?.hex ?? "", rows: output.content == .rows ? table.rows : 0, bytes: table.bytes,
          isPublic: output.isPublic, isTable: output.content == .rows))
    }
    let shown = outputs.filter(\.isPublic)
    rowsOut = kind.hasMainPort ? shown.first?.rows ?? 0 : shown.reduce(0) { $0 + $1.rows }
    files = run.published.map { file in
      let change: File.Change =
        switch file.change {
        case .written: .written
        case .unchanged: .unchanged
        case .remade: .remade
        case .withheld: .withheld
        }
      return File(path: file.path, stage: run.stage.name, port: file.port, sha256: file.sha256.hex, rows: file.rows, bytes: file.bytes, change: change)
    }
    checks = run.verdicts.map { verdict in
      let outcome: Verdict.Outcome =
        switch verdict.outcome {
        case .passed: .passed
        case .failed: .failed
        case .notChecked: .notChecked
        }
      return Verdict(
        text: verdict.check.text, isError: verdict.check.severity == .error, outcome: outcome, detail: verdict.detail, place: verdict.check.range?.place)
    }
    switch run.failure {
    case .task(let resolved): failure = resolved.diagnostic
    case .environment(let message): failure = Diagnostic(.error, id: "stage", message, at: run.stage.range?.place)
    case .checks, nil: failure = nil
    }
    inputs = run.stage.dependencies
    sourcesAsLocked = run.inputs.flatMap { $0 }.filter(scheduler.sources.isAsLocked).compactMap { table in
      scheduler.sources.index(of: table).map { scheduler.sources.summaries()[$0].summary.outside.lockedName ?? "a source outside the workspace" }
    }
  }
}

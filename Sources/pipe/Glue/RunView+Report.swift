import Diagnostics
import Engine
import Reports

extension RunView {
  /// The engine's report as screens show it.
  init(_ report: RunReport, _ pipeline: Pipeline) {
    let reasons = Reasons(pipeline.graph)
    self.init(
      manifest: report.manifestPath, name: report.manifestName, version: report.version, jobs: report.jobs,
      stages: report.stages.enumerated().map { StageView($1, pipeline.graph.stages[$0], reasons.text($1.reason, at: $0)) }, seconds: report.seconds,
      exitCode: Int(report.exitCode))
    runID = report.runID
    isPlan = report.isPlan
    isFirstRun = report.isFirstRun
    wasCancelled = report.wasCancelled
    // Being stopped is no fault of a stage.
    if wasCancelled {
      for at in stages.indices where stages[at].failure?.id == "cancelled" {
        stages[at].verdict = .cancelled
        stages[at].failure = nil
      }
    }
    writtenLock = report.lockChanged && pipeline.isLocked ? report.lockPath : nil
    notes = report.notes
  }
}

extension StageView {
  init(_ stage: StageReport, _ declared: Stage, _ why: String) {
    let other = stage.after ?? ""
    let verdict: Verdict =
      switch stage.status {
      case .ran: .ran
      case .cached: .cached
      case .failed: .failed
      case .blocked: .blocked(by: other)
      case .unselected: .unselected
      case .cancelled: .cancelled
      case .wouldRun: .wouldRun
      case .mayRun: .mayRun(after: other)
      }
    self.init(name: stage.name, kind: stage.kind, verdict: verdict)
    isImplicit = stage.isImplicit
    self.why = why
    key = stage.key
    rowsIn = declared.inputs.isEmpty ? nil : stage.rowsIn
    rowsOut = stage.rowsOut
    dropped = stage.dropped
    tasks = stage.tasks
    ran = stage.ran
    cached = stage.cached
    rewound = stage.rewound
    seconds = stage.seconds
    note = stage.note
    outputs = stage.outputs.filter(\.isPublic).map { output in
      var view = OutputView(port: output.port, rows: output.rows, bytes: output.bytes, content: output.content)
      view.isTable = output.isTable
      return view
    }
    files = stage.files.map { file in
      let change: FileView.Change =
        switch file.change {
        case .written: .written
        case .unchanged: .unchanged
        case .remade: .remade
        case .withheld: .withheld
        }
      return FileView(path: file.path, port: file.port, rows: file.rows, bytes: file.bytes, sha256: file.sha256, change: change)
    }
    checks = stage.checks.map { check in
      let outcome: CheckView.Outcome =
        switch check.outcome {
        case .passed: .passed
        case .failed: .failed
        case .notChecked: .notChecked
        }
      return CheckView(text: check.text, outcome: outcome, isError: check.isError, detail: check.detail, place: check.place)
    }
    figures = stage.figures.leaves.compactMap { figure in
      switch figure.value {
      case .integer(let integer): (figure.name, .int(integer))
      case .real(let real): real.isFinite ? (figure.name, .double(real)) : nil
      case .text(let text): (figure.name, .string(text))
      case .nested, .null: nil
      }
    }
    failure = stage.failure
    sourcesAsLocked = stage.sourcesAsLocked
  }
}

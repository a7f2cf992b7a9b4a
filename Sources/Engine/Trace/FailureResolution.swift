import Diagnostics
import Rows

extension Scheduler {
  /// Turns a task's relative positions into places of today's files, and adds what a person needs: the row, the stage, the help.
  func resolve(_ failure: TaskFailure, in task: TaskRun?, _ run: StageRun) -> ResolvedFailure {
    var diagnostic =
      failure.place ?? recordDiagnostic(failure, task, run)
      ?? Diagnostic(.error, id: failure.id, failure.message, at: nil)
    if let task, let first = failure.rows.first, let found = try? Tracer(self).sourceLine(of: first, in: task, run) {
      let more = failure.rows.count > 1 ? " (and \(failure.rows.count - 1) more row\(failure.rows.count == 2 ? "" : "s"))" : ""
      let label = found.label.isEmpty ? "" : "\(found.label), "
      switch found.place {
      case .line(let file, let line): diagnostic = diagnostic.noting("row", "\(label)\(file):\(line)\(more)")
      case .row(let stage, let port, let row): diagnostic = diagnostic.noting("row", "\(label)row \(row) of \(stage).\(port)\(more)")
      }
    }
    for side in failure.sides {
      guard case .line(let file, let line)? = try? Tracer(self).sourceLine(ofSide: side.row, run)?.place else { continue }
      diagnostic = diagnostic.noting(side.label, "\(file):\(line)")
    }
    for note in failure.notes { diagnostic = diagnostic.noting(note.label, note.text) }
    if !run.stage.isImplicit {
      let place = run.stage.range.map { ", \($0.path):\($0.line)" } ?? ""
      diagnostic = diagnostic.noting("stage", "\(run.stage.name)\(place)")
    }
    if let help = failure.help, diagnostic.help == nil { diagnostic = diagnostic.noting("help", help) }
    return ResolvedFailure(diagnostic: diagnostic, isTransient: failure.isTransient, isInternal: failure.id == "not-deterministic")
  }

  /// A failure outside any stage: a source that cannot be read.
  func resolve(_ failure: TaskFailure) -> ResolvedFailure {
    ResolvedFailure(diagnostic: failure.place ?? Diagnostic(.error, id: failure.id, failure.message, at: nil, help: failure.help), isTransient: failure.isTransient)
  }

  /// A record that does not parse: the chunk's first line in its file plus the lines before the place.
  private func recordDiagnostic(_ failure: TaskFailure, _ task: TaskRun?, _ run: StageRun) -> Diagnostic? {
    guard let record = failure.record, let task, record.chunk < task.inputs.count else { return nil }
    let input = task.inputs[record.chunk]
    let table = run.inputs[task.port][input.source]
    guard table.stage < 0, case .raw(let file, let entry) = monitor.locked({ table.chunks[input.chunk].origin }) else { return nil }
    let place = sources.place(table, file: file, entry: entry)
    // A chunk of JSON may begin within a line.
    let shift = record.lines == 0 ? place.startColumn - 1 : 0
    return Diagnostic(
      .error, id: failure.id, failure.message,
      at: Place(
        path: place.name, line: place.startLine + record.lines, column: record.column + shift, excerpt: Array(record.excerpt.utf8),
        excerptColumn: record.excerptColumn + shift))
  }
}

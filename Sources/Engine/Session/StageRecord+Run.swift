import Diagnostics
import Lineage
import Rows

extension StageRecord {
  /// What a run's stage came to, as the run's record keeps it.
  ///
  /// - Parameter sourceNames: by table of the sources, the files behind it, from the root.
  init(_ run: StageRun, _ report: StageReport, in graph: Graph, sourceNames: (TableRun) -> [String]) {
    let (name, caseLabel) = StageRecord.name(of: run.stage)
    self.init(
      name: name, kind: run.stage.kindName, caseLabel: caseLabel, key: run.key, status: Status(report.status), reason: Reason(report),
      tasksTotal: report.tasks, tasksRan: report.ran, tasksCached: report.cached, durationMicroseconds: Int64(run.busyNanoseconds / 1000))
    if run.result != nil {
      rowsIn = report.rowsIn
      rowsOut = report.rowsOut
    }
    dropped = report.dropped.map { Drop(reason: $0.reason, rows: $0.count) }
    facts = report.facts.map { Fact(name: $0.name, value: .integer(Int64($0.sum))) } + report.figures.leaves.compactMap(Fact.init)
    inputs = StageRecord.inputs(of: run, in: graph, sourceNames)
    for (output, table) in zip(run.stage.kind.outputs, run.outputs) where output.isPublic {
      guard let content = table.content else { continue }
      let files = run.published.filter { $0.port == output.name && $0.change != .withheld }.map {
        PublishedFile(path: $0.path, digest: $0.sha256, rows: $0.rows, bytes: $0.bytes)
      }
      outputs.append(Output(port: output.name, content: content, lineage: table.lineage, rows: table.rows, bytes: table.bytes, files: files))
    }
    checks = run.verdicts.map { verdict in
      let outcome: Check.Verdict =
        switch verdict.outcome {
        case .passed: .passed
        case .failed: .failed
        case .notChecked: .skipped
        }
      return Check(expression: verdict.check.text, severity: verdict.check.severity == .error ? .error : .warning, verdict: outcome, value: verdict.detail)
    }
    failure = report.failure?.message
  }

  /// A stage's name as the manifest declares it, and which case of its matrix it is.
  static func name(of stage: Stage) -> (name: String, caseLabel: String?) {
    guard let declared = stage.matrixOf, stage.name.hasPrefix(declared + "@") else { return (stage.displayName, nil) }
    return (declared, String(stage.name.dropFirst(declared.count + 1)))
  }

  private static func inputs(of run: StageRun, in graph: Graph, _ sourceNames: (TableRun) -> [String]) -> [Input] {
    var inputs: [Input] = []
    for (port, tables) in zip(run.stage.kind.inputs, run.inputs) {
      for (source, table) in zip(port.sources, tables) {
        guard let content = table.content else { continue }
        switch source {
        case .outside: inputs.append(Input(port: port.name, origin: .sources(sourceNames(table)), content: content))
        case .port(let reference):
          guard let producer = graph[reference.stage] else { continue }
          let (name, caseLabel) = name(of: producer)
          let output = producer.kind.outputs[producer.outputIndex(reference.port)].name
          inputs.append(Input(port: port.name, origin: .stage(name, caseLabel: caseLabel, port: output), content: content))
        }
      }
    }
    return inputs
  }
}

extension StageRecord.Fact {
  init?(_ figure: (name: String, value: StageFigures.Value)) {
    switch figure.value {
    case .integer(let integer): self.init(name: figure.name, value: .integer(Int64(integer)))
    case .real(let real): self.init(name: figure.name, value: .real(real))
    case .text(let text): self.init(name: figure.name, value: .text(text))
    case .nested, .null: return nil
    }
  }
}

extension StageRecord.Status {
  init(_ status: StageReport.Status) {
    self =
      switch status {
      case .ran: .ran
      case .cached: .cached
      case .failed: .failed
      case .unselected: .skipped
      case .blocked, .cancelled, .wouldRun, .mayRun: .notRun
      }
  }
}

extension StageRecord.Reason {
  init(_ report: StageReport) {
    switch report.status {
    case .cached: self.init(code: "cached", text: "everything it makes was there")
    case .unselected: self.init(code: "unselected", text: "not selected")
    case .blocked: self.init(code: "blocked", text: report.after.map { "`\($0)` did not finish" } ?? "something it reads did not finish")
    case .cancelled: self.init(code: "cancelled", text: "the run was stopped")
    case .ran, .failed, .wouldRun, .mayRun: self.init(report.reason)
    }
  }

  init(_ reason: RunReason) {
    switch reason {
    case .unknown: self.init(code: "unknown", text: "")
    case .firstRun: self.init(code: "first-run", text: "first run")
    case .forced: self.init(code: "forced", text: "forced")
    case .neverCached: self.init(code: "never-cached", text: "never cached")
    case .missing: self.init(code: "missing", text: "its result was not in the store")
    case .notLocked: self.init(code: "not-locked", text: "the lock has no such stage")
    case .otherThanLocked: self.init(code: "other-than-locked", text: "the lock was written for something else")
    case .unread(let changes): self.init(code: "cached", text: changes.map(\.part).joined(separator: ", ") + " changed, in nothing that it reads")
    case .upstream(let names): self.init(code: "input-changed", text: names.joined(separator: ", ") + " changed")
    case .changed(let changes):
      let parts = changes.map(\.part)
      let code =
        if parts.contains(where: { $0 == "kind" || $0.hasPrefix("component ") }) {
          "program-changed"
        } else {
          parts.allSatisfy { $0.hasPrefix("input ") } ? "input-changed" : "definition-changed"
        }
      self.init(code: code, text: parts.joined(separator: ", ") + " changed")
    }
  }
}

public import Diagnostics
public import Lineage

extension RunExplanation {
  public func render(style: TerminalStyle = .plain, isVerbose: Bool = false) -> String {
    var out = style.paint("run \(run)", .strong) + "  \(manifest)\n"
    var table = TextTable(columns: [.init(title: ""), .init(title: ""), .init(title: "", isElastic: true)])
    table.indent = 2
    for stage in stages {
      table.rows.append([.init(stage.name, .strong), .init(stage.status.rawValue), .init(TerminalStyle.line(why(stage)))])
    }
    out += table.render(style)
    guard isVerbose else { return out }
    for stage in stages where !stage.changes.isEmpty {
      out += "\n" + style.paint(stage.name, .strong) + stage.since.map { "  since run \($0)" }! + "\n"
      for change in stage.changes {
        out += "  " + style.paint(change.name, .accent) + "\n"
        if let before = change.before { out += "    - \(TerminalStyle.line(before))\n" }
        if let after = change.after { out += "    + \(TerminalStyle.line(after))\n" }
      }
    }
    return out
  }

  /// The first causes; of one that lies in another stage, in which.
  private func why(_ stage: Stage) -> String {
    guard !stage.causes.isEmpty else { return stage.reason.text }
    return stage.causes.map { cause in (cause.stage == stage.name ? "" : "\(cause.stage): ") + Self.words(cause.change) }.joined(separator: "; ")
  }

  private static func words(_ change: Change) -> String {
    switch (change.before, change.after) {
    case (nil, _): return "\(change.name) is new"
    case (_, nil): return "\(change.name) is gone"
    case (let before?, let after?):
      let isShort = change.what == .field && before.count + after.count <= 40
      return isShort || change.what == .program ? "\(change.name): \(before) → \(after)" : "\(change.name) changed"
    }
  }

  public var json: ReportJSON {
    .object([
      "schema_version": .int(reportSchemaVersion), "run": .string(run), "manifest": .string(manifest),
      "stages": .array(
        stages.map { stage in
          .object([
            "stage": .string(stage.name), "kind": .string(stage.kind), "status": .string(stage.status.rawValue), "reason": .string(stage.reason.code),
            "why": .string(why(stage)), "since": stage.since.map { .string($0) }, "changes": .array(stage.changes.map { Self.json($0) }),
            "causes": .array(stage.causes.map { Self.json($0.change, stage: $0.stage) }),
          ])
        }),
    ])
  }

  private static func json(_ change: Change, stage: String? = nil) -> ReportJSON {
    .object([
      "stage": stage.map { .string($0) }, "what": .string(change.what.rawValue), "name": .string(change.name), "before": change.before.map { .string($0) },
      "after": change.after.map { .string($0) },
    ])
  }
}

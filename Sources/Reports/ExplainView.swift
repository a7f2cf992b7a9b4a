public import Diagnostics

/// Why a stage would run or not: its key of today against the one it last finished with.
public struct ExplainView: Sendable {
  public struct Part: Sendable, Equatable {
    /// As the key names it: `field where`.
    public var name: String
    /// As people know it: a field's name, a path, a stage.
    public var label: String
    public var before: String?
    public var after: String?

    public init(name: String, label: String, before: String?, after: String?) {
      self.name = name
      self.label = label
      self.before = before
      self.after = after
    }
  }

  public var stage: String
  public var kind: String
  public var verdict: StageView.Verdict
  public var why: String
  public var key: String?
  public var lastKey: String?
  /// What differs.
  public var changes: [Part]
  /// Everything the key is made of; `before` is left out.
  public var parts: [Part]
  public var tasks: Int

  public init(
    stage: String, kind: String, verdict: StageView.Verdict, why: String, key: String?, lastKey: String?, changes: [Part], parts: [Part], tasks: Int
  ) {
    self.stage = stage
    self.kind = kind
    self.verdict = verdict
    self.why = why
    self.key = key
    self.lastKey = lastKey
    self.changes = changes
    self.parts = parts
    self.tasks = tasks
  }

  public func render(style: TerminalStyle = .plain, isVerbose: Bool = false) -> String {
    var out = style.paint(stage, .strong) + " (\(kind)): "
    switch verdict {
    case .cached: out += "cached; nothing that it reads has changed\n"
    case .mayRun(let other): out += "may run, if \(other) gives other rows\n"
    case .wouldRun where changes.isEmpty: out += "will run: \(why)\n"
    case .wouldRun: out += "will run, because \(Figures.count(changes.count, "part of its key", "parts of its key")) changed\n"
    default: out += verdict.word + (why.isEmpty ? "" : ": \(why)") + "\n"
    }
    if !changes.isEmpty {
      out += "\n"
      for part in changes {
        out += "  " + style.paint(part.label, .accent) + "\n"
        if let before = part.before { out += "    - \(cut(before, style))\n" }
        if let after = part.after { out += "    + \(cut(after, style))\n" }
      }
    }
    out += "\n"
    if let key { out += "  key       sha256:\(Figures.short(key))" + (tasks > 0 ? "  (\(Figures.count(tasks, "task")))" : "") + "\n" }
    if let lastKey { out += "  last key  sha256:\(Figures.short(lastKey))" + (lastKey == key ? "  the same" : "") + "\n" }
    if key == nil, lastKey == nil { out += "  no key yet: what it reads is not there\n" }
    if isVerbose, !parts.isEmpty {
      out += "\n  the key is made of\n"
      var table = TextTable(columns: [.init(title: ""), .init(title: "", isElastic: true)])
      table.indent = 4
      for part in parts { table.rows.append([.init(part.label), .init(TerminalStyle.line(part.after ?? ""), .faint)]) }
      out += table.render(style)
    } else if changes.isEmpty, !parts.isEmpty {
      out += "  -v shows the \(Figures.count(parts.count, "part")) of the key\n"
    }
    return out
  }

  private func cut(_ value: String, _ style: TerminalStyle) -> String { TerminalStyle.cut(TerminalStyle.line(value), to: max(40, (style.width ?? 400) - 6)) }

  public var json: ReportJSON {
    .object([
      "schema_version": .int(reportSchemaVersion), "stage": .string(stage), "kind": .string(kind), "verdict": .string(verdict.word),
      "after": verdict.other.map { .string($0) }, "why": why.isEmpty ? nil : .string(why), "key": key.map { .string($0) }, "last_key": lastKey.map { .string($0) },
      "changes": .array(
        changes.map { .object(["part": .string($0.name), "label": .string($0.label), "before": $0.before.map { .string($0) }, "after": $0.after.map { .string($0) }]) }),
      "parts": .array(parts.map { .object(["part": .string($0.name), "label": .string($0.label), "value": .string($0.after ?? "")]) }),
      "tasks": .int(tasks),
    ])
  }
}

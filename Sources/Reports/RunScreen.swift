internal import Diagnostics
internal import Lineage

/// What a person sees after a run: one screen, the same for a terminal and a log file but for colours and width.
public struct RunScreen: Sendable {
  let view: RunView
  let style: TerminalStyle
  /// Every stage gets a row, whatever their number and whoever declared them.
  let isVerbose: Bool

  /// More rows than this are more than a screen; then only stages that did something are listed.
  static let rowLimit = 30

  public init(_ view: RunView, style: TerminalStyle = .plain, isVerbose: Bool = false) {
    self.view = view
    self.style = style
    self.isVerbose = isVerbose
  }

  public func render() -> String {
    if view.isPlan { return plan() }
    if view.hadNothingToDo, !hasTrouble {
      let done = "nothing to do: \(Figures.count(view.tasks, "task")) cached, 0 ran"
      return title([done]) + "   " + Figures.seconds(view.seconds) + "\n" + (isVerbose ? "\n" + table() : "") + remarks(after: "") + comparisons()
    }
    return hasTrouble ? trouble() : success()
  }

  private var hasTrouble: Bool {
    view.wasCancelled || !view.unselectedNeeds.isEmpty
      || view.stages.contains { $0.verdict == .failed || $0.failure != nil || $0.checks.contains { $0.isError && $0.outcome == .failed } }
  }

  // MARK: a run that went well

  private func success() -> String {
    var parts = [Figures.count(view.declaredStages.count, "stage"), Figures.count(view.jobs, "job")]
    if view.isFirstRun { parts.append("first run") }
    var out = title(parts) + "\n\n" + table()
    out += remarks(after: "\n")
    out += "\n" + totals()
    let isHeld = view.locked?.differences.isEmpty ?? true
    return out + wrote() + comparisons() + (isHeld && view.verification?.holds ?? true ? next() : "")
  }

  private func title(_ parts: [String]) -> String {
    ([style.paint(view.name, .strong) + (view.version == "0.0.0" ? "" : " " + view.version)] + parts).joined(separator: " · ")
  }

  // MARK: the table

  private func table() -> String {
    let listed = isVerbose ? view.stages : view.declaredStages
    let active = listed.filter { $0.verdict != .cached && $0.verdict != .unselected }
    let isCut = !isVerbose && listed.count > Self.rowLimit
    let rows = isCut ? active : listed
    var out = rows.contains { $0.cached > 0 && $0.verdict != .failed } ? incremental(rows) : whole(rows)
    if isCut { out += "  … and \(Figures.count(listed.count - active.count, "stage")) with nothing to do (-v lists them)\n" }
    return out
  }

  /// When everything ran: where rows went.
  private func whole(_ rows: [StageView]) -> String {
    var table = TextTable(columns: [
      .init(title: "stage"), .init(title: "kind"), .init(title: "in", isNumeric: true), .init(title: "out", isNumeric: true),
      .init(title: "dropped", isElastic: true), .init(title: "why", isElastic: true), .init(title: "time", isNumeric: true),
      .init(title: "", isElastic: true),
    ])
    for stage in rows {
      table.rows.append([
        .init(stage.name), .init(stage.kind), .init(rowsIn(stage)), .init(rowsOut(stage)), .init(dropped(stage)), why(stage),
        .init(stage.ran > 0 ? Figures.seconds(stage.seconds) : ""), .init(stage.note ?? "", .faint),
      ])
    }
    return table.render(style)
  }

  /// When the cache helped: what ran, and why.
  private func incremental(_ rows: [StageView]) -> String {
    var table = TextTable(columns: [
      .init(title: "stage"), .init(title: "kind"), .init(title: "in", isNumeric: true), .init(title: "out", isNumeric: true),
      .init(title: "ran / tasks"), .init(title: "why", isElastic: true), .init(title: "", isElastic: true),
    ])
    let width = rows.map { String($0.ran).count }.max() ?? 1
    for stage in rows {
      let ran = String(repeating: " ", count: width - String(stage.ran).count) + "\(Figures.count(stage.ran)) / \(Figures.count(stage.tasks))"
      table.rows.append([
        .init(stage.name), .init(stage.kind), .init(rowsIn(stage)), .init(rowsOut(stage)),
        .init(stage.isComplete ? ran : "", stage.ran > 0 ? .accent : nil), why(stage), .init(stage.note ?? "", .faint),
      ])
    }
    return table.render(style)
  }

  private func rowsIn(_ stage: StageView) -> String { stage.isComplete ? stage.rowsIn.map { Figures.count($0) } ?? "–" : "–" }

  private func rowsOut(_ stage: StageView) -> String { stage.isComplete && stage.outputs.first?.isTable == true ? Figures.count(stage.rowsOut) : "–" }

  private func dropped(_ stage: StageView) -> String {
    stage.dropped.isEmpty ? "–" : stage.dropped.map { "\(Figures.count($0.count)) \($0.reason)" }.joined(separator: ", ")
  }

  private func why(_ stage: StageView) -> TextTable.Cell {
    switch stage.verdict {
    case .ran: return .init(stage.why)
    case .cached: return .init(stage.why.isEmpty || stage.why == "cached" ? "cached" : "cached: " + stage.why, .faint)
    case .failed: return .init("failed", .bad)
    case .blocked(let other): return .init(other.isEmpty ? "not run" : "not run: needs \(other)", .warning)
    case .unselected: return .init("not selected", .faint)
    case .cancelled: return .init("stopped", .warning)
    case .wouldRun: return .init(stage.why)
    case .mayRun(let other): return .init("after \(other)")
    }
  }

  // MARK: under the table

  private func remarks(after blank: String) -> String {
    var lines: [String] = []
    for stage in view.stages {
      for check in stage.checks where check.outcome != .passed && !(check.isError && check.outcome == .failed) {
        let outcome = check.outcome == .notChecked ? "not checked" : "does not hold"
        lines.append(style.paint("  ! ", .warning) + "\(stage.name): \(check.text)   \(outcome)" + (check.detail.isEmpty ? "" : ": \(check.detail)"))
      }
    }
    let rewound = view.stages.reduce(0) { $0 + $1.rewound }
    // How bytes that are not kept come back is nobody's business but that of somebody who wonders about time.
    if rewound > 0, isVerbose { lines.append("    \(Figures.count(rewound, "task")) done again for bytes that the store does not keep") }
    for note in view.notes { lines.append(style.paint("  ! ", .warning) + note) }
    return lines.isEmpty ? "" : blank + lines.joined(separator: "\n") + "\n"
  }

  private func totals() -> String {
    "  " + style.paint(Figures.count(view.tasks, "task"), .strong)
      + ": \(Figures.count(view.ran)) ran, \(Figures.count(view.cached)) cached, \(Figures.count(view.failed)) failed   \(Figures.seconds(view.seconds))\n"
  }

  private func wrote() -> String {
    let changed = view.files.filter { $0.change == .written || $0.change == .remade }
    var table = TextTable(columns: [.init(title: ""), .init(title: ""), .init(title: "", isNumeric: true), .init(title: ""), .init(title: "")])
    // Many shards say no more than their number.
    let shown = isVerbose || changed.count <= 12 ? changed : Array(changed.prefix(10))
    for (place, file) in shown.enumerated() {
      table.rows.append([
        .init(place == 0 ? "wrote" : "", .strong), .init(file.path), .init(Figures.count(file.rows, "row")), .init("sha256:" + Figures.short(file.sha256), .faint),
        .init(file.change == .remade ? "had been edited by hand" : "", .warning),
      ])
    }
    if shown.count < changed.count {
      let rest = changed.dropFirst(shown.count)
      table.rows.append([
        .init(""), .init("… and \(Figures.count(rest.count, "file")) more"), .init(Figures.count(rest.reduce(0) { $0 + $1.rows }, "row")), .init(""), .init(""),
      ])
    }
    if let lock = view.writtenLock {
      table.rows.append([.init(table.rows.isEmpty ? "wrote" : "", .strong), .init(lock), .init(""), .init("commit this", .accent), .init("")])
    }
    let same = view.files.count { $0.change == .unchanged }
    if same > 0, view.ran > 0 {
      let files = changed.isEmpty ? Figures.count(same, "published file") : Figures.count(same, "other file")
      table.rows.append([.init("same", .strong), .init("\(files), byte for byte"), .init(""), .init(""), .init("")])
    }
    // Paths are to be copied: they are never cut.
    return table.rows.isEmpty ? "" : table.render(TerminalStyle(usesColor: style.usesColor))
  }

  private func next() -> String {
    let commands = NextCommands.after(view)
    return commands.isEmpty ? "" : "  " + style.paint("next", .strong) + "   " + commands.joined(separator: " · ") + "\n"
  }

  // MARK: a run that did not

  private func trouble() -> String {
    var out = ""
    let renderer = DiagnosticRenderer(color: style.usesColor, width: style.width ?? 120)
    for stage in view.stages {
      if let failure = stage.failure { out += renderer.render([failure]) }
      for check in stage.checks where check.isError && check.outcome == .failed { out += failed(check, stage, renderer) }
    }
    for (stage, need) in view.unselectedNeeds {
      out += renderer.render([
        Diagnostic(
          id: "not-selected", "`\(stage)` needs `\(need)`, which was not selected and has no result in the store", at: nil, help: "-s +\(stage) runs what it needs, too")
      ])
    }
    out += fates()
    out += remarks(after: "")
    out += published()
    return out + comparisons()
  }

  // MARK: held to the lock, run again

  private func comparisons() -> String { locked() + (view.verification?.render(style: style) ?? "") }

  private func locked() -> String {
    guard let locked = view.locked else { return "" }
    if locked.differences.isEmpty { return view.exitCode == 0 ? "  " + style.paint("locked", .strong) + " everything came out as \(locked.path) has it\n" : "" }
    let withheld = view.files.filter { $0.change == .withheld }
    var out = "\n" + style.paint("not as locked", .bad) + ": \(locked.path) has another " + Self.list(locked.differences) + "\n"
    if !withheld.isEmpty { out += "  not published: \(Self.list(withheld.map(\.path)))\n" }
    out += "  if this is meant: pipe run, and commit the lock that it writes\n\n"
    if let diff = locked.diff {
      out += DiffText(diff, style: style).render()
    } else if let problem = locked.problem {
      out += "  what differs cannot be told: \(problem)\n"
    }
    return out
  }

  private static func list(_ names: [String]) -> String { names.prefix(8).joined(separator: ", ") + (names.count > 8 ? " and \(names.count - 8) more" : "") }

  private func failed(_ check: CheckView, _ stage: StageView, _ renderer: DiagnosticRenderer) -> String {
    let diagnostic = Diagnostic(id: "check", "\(stage.name): \(check.text)", at: check.place, label: check.detail, heading: "check failed")
    var out = renderer.render([diagnostic])
    let others = stage.checks.filter { $0 != check && $0.outcome == .passed }
    if !others.isEmpty {
      out += "  also checked: " + others.map { $0.text + " ok" + ($0.detail.isEmpty ? "" : " (\($0.detail))") }.joined(separator: " · ") + "\n"
    }
    return out
  }

  /// `tickets ok (cached) · pairs FAILED · dataset, fit not run (need pairs)`
  private func fates() -> String {
    var parts: [String] = []
    var blocked: [(by: String, names: [String])] = []
    for stage in view.declaredStages {
      let refused = stage.checks.contains { $0.isError && $0.outcome == .failed }
      switch stage.verdict {
      case _ where refused: parts.append(style.paint("\(stage.name) REFUSED", .bad))
      case .ran: parts.append("\(stage.name) ok")
      case .cached: parts.append("\(stage.name) ok (cached)")
      case .failed: parts.append(style.paint("\(stage.name) FAILED", .bad))
      case .cancelled: parts.append("\(stage.name) stopped")
      case .unselected: continue
      case .wouldRun, .mayRun: parts.append("\(stage.name) not run")
      case .blocked(let other):
        if let at = blocked.firstIndex(where: { $0.by == other }) { blocked[at].names.append(stage.name) } else { blocked.append((other, [stage.name])) }
      }
    }
    for group in blocked {
      parts.append(group.names.joined(separator: ", ") + " not run" + (group.by.isEmpty ? "" : " (need\(group.names.count == 1 ? "s" : "") \(group.by))"))
    }
    guard !parts.isEmpty else { return "" }
    return wrap(parts, separator: " · ", indent: "  ")
  }

  private func published() -> String {
    let changed = view.files.filter { $0.change == .written || $0.change == .remade }
    let end = view.wasCancelled ? "stopped; what had finished is kept: pipe run goes on from there" : "after the fix: pipe retry"
    if changed.isEmpty { return "  nothing was published · \(view.unselectedNeeds.isEmpty ? end : "pipe run runs everything")\n" }
    return wrote() + "  \(end)\n"
  }

  private func wrap(_ parts: [String], separator: String, indent: String) -> String {
    guard let width = style.width else { return indent + parts.joined(separator: separator) + "\n" }
    var out = ""
    var line = indent
    for (place, part) in parts.enumerated() {
      let piece = part + (place + 1 < parts.count ? separator : "")
      if TerminalStyle.cells(line) > indent.count, TerminalStyle.cells(line) + TerminalStyle.cells(part) > width {
        while line.last == " " { line.removeLast() }
        out += line + "\n"
        line = indent
      }
      line += piece
    }
    return out + line + "\n"
  }

  // MARK: a plan

  private func plan() -> String {
    let listed = isVerbose ? view.stages : view.declaredStages
    let moving = view.stages.filter { $0.verdict == .wouldRun || $0.verdict == .mayRun(after: $0.verdict.other ?? "") }
    var asLocked: [String] = []
    for name in view.stages.flatMap(\.sourcesAsLocked) where !asLocked.contains(name) { asLocked.append(name) }
    let locked =
      (asLocked.isEmpty ? "" : "  taken as locked, because the data are not here: \(Self.list(asLocked))\n")
      + (view.locked.map { $0.differences.isEmpty ? "" : style.paint("  ! ", .warning) + "\($0.path) has another \(Self.list($0.differences)): pipe run writes it\n" }
        ?? "")
    if moving.isEmpty, !hasTrouble {
      return title(["nothing would run: \(Figures.count(listed.count, "stage")) cached"]) + "\n" + locked + remarks(after: "")
    }
    var table = TextTable(columns: [.init(title: "stage"), .init(title: "kind"), .init(title: "verdict"), .init(title: "why", isElastic: true)])
    for stage in listed where isVerbose || listed.count <= Self.rowLimit || stage.verdict != .cached {
      let tone: TerminalStyle.Tone? = stage.verdict == .wouldRun ? .accent : stage.verdict == .cached ? .faint : nil
      let why =
        switch stage.verdict {
        case .mayRun(let other): other.isEmpty ? stage.why : "if \(other) gives other rows"
        case .blocked(let other): other.isEmpty ? stage.why : "needs \(other)"
        case .cached where !stage.sourcesAsLocked.isEmpty: "\(Self.list(stage.sourcesAsLocked)) as locked"
        default: stage.why == "cached" ? "" : stage.why
        }
      table.rows.append([.init(stage.name), .init(stage.kind), .init(stage.verdict.word, tone), .init(why)])
    }
    let failures = view.failures.isEmpty ? "" : DiagnosticRenderer(color: style.usesColor, width: style.width ?? 120).render(view.failures) + "\n"
    var out =
      failures + title(["plan", Figures.count(view.declaredStages.count, "stage")]) + "\n\n" + table.render(style) + (locked.isEmpty ? "" : "\n" + locked)
      + remarks(after: "\n")
    let certain = listed.count { $0.verdict == .wouldRun }
    let possible = listed.count { if case .mayRun = $0.verdict { true } else { false } }
    out += "\n  \(certain) of \(Figures.count(listed.count, "stage")) will run"
    if possible > 0 { out += ", \(possible) may" }
    return out + "; this was only a plan\n"
  }
}

import Lineage

/// The words that text and Markdown share, so that they never say different things.
enum DiffWords {
  /// What a value is cut to inside a line.
  static let valueWidth = 60

  // MARK: plain pieces

  /// A text of somebody's data on one line.
  static func line(_ text: String) -> String { TerminalStyle.cut(TerminalStyle.line(text), to: 80) }

  static func side(_ side: DiffModel.Side) -> String {
    guard let commit = side.commit, side.run == nil, !commit.hasPrefix(side.title) else { return side.title }
    return "\(side.title) (\(commit.prefix(7)))"
  }

  /// `2.1.0 → needs 3.0.0 (declared 2.1.1)`; nil where there is nothing to say.
  static func verdict(_ model: DiffModel) -> String? {
    guard model.version.change != .none, let due = model.version.due else { return nil }
    if model.version.holds { return model.version.before == model.version.declared ? nil : "version \(model.version.before) → \(model.version.declared) (\(due) is due)" }
    return "version \(model.version.before) → needs \(due) (declared \(model.version.declared)): pipe lock check"
  }

  static func rows(_ output: DiffModel.Output) -> String {
    func text(_ count: Int?) -> String { count.map { Figures.count($0) } ?? "–" }
    return "\(text(output.rowsBefore)) → \(text(output.rowsAfter))"
  }

  static func schema(_ output: DiffModel.Output) -> String {
    output.schema.map { schema($0) }.joined(separator: ", ")
  }

  static func schema(_ change: DiffModel.SchemaChange, code: (String) -> String = { $0 }) -> String {
    switch change.change {
    case .added: "column added: " + code(line(change.column))
    case .removed: "column removed: " + code(line(change.column))
    case .type(let before, let after): "column " + code(line(change.column)) + " was a \(before), is a \(after)"
    }
  }

  /// What a model estimates, apart from what people changed; nil where nothing of it moved alone.
  static func estimates(_ model: DiffModel, code: (String) -> String = { $0 }) -> String? {
    let parts = model.outputs.filter { $0.estimatesWithin + $0.estimatesBeyond > 0 }.map { output in
      let beyond = output.estimatesBeyond > 0 ? "\(Figures.count(output.estimatesBeyond)) by more than \(DiffModel.tolerance)" : ""
      let within = output.estimatesWithin > 0 ? "\(Figures.count(output.estimatesWithin)) by no more than \(DiffModel.tolerance)" : ""
      return "\(code(output.name)) " + [beyond, within].filter { !$0.isEmpty }.joined(separator: ", ")
    }
    return parts.isEmpty ? nil : "estimates alone moved, in rows of " + parts.joined(separator: "; ")
  }

  /// `billing 3, login 1 → billing 2, login 2`; nil for labels that were not merged out of votes.
  static func votes(_ move: DiffModel.LabelMove) -> String? {
    guard let before = move.votesBefore, let after = move.votesAfter else { return nil }
    if move.isByOthers { return "votes \(votes(before)), moved by votes on other items" }
    return before == after ? "votes \(votes(before))" : "votes \(votes(before)) → \(votes(after))"
  }

  /// `{"billing":3,"login":1}` as words.
  private static func votes(_ json: String) -> String {
    line(json.filter { $0 != "{" && $0 != "}" && $0 != "\"" }.split(separator: ",").map { $0.replacing(":", with: " ") }.joined(separator: ", "))
  }

  /// A figure as JSON with no more digits than anybody reads.
  static func figure(_ json: String?) -> String {
    guard let json else { return "–" }
    guard json.contains("."), let value = Double(json), value.magnitude >= 0.0001, value.magnitude < 1_000_000 else { return label(json) }
    return (value < 0 ? "-" : "") + Figures.decimal(value.magnitude, digits: 4)
  }

  /// `accuracy 0.7080 → 0.7240 (+0.0160)`
  static func score(_ score: DiffModel.Score, code: (String) -> String = { $0 }) -> String {
    var text = "\(code(line(score.name))) \(figure(score.before)) → \(figure(score.after))"
    if let before = score.before.flatMap(Double.init), let after = score.after.flatMap(Double.init), score.before!.contains(".") || score.after!.contains(".") {
      text += " (\(after < before ? "−" : "+")\(Figures.decimal((after - before).magnitude, digits: 4)))"
    }
    return text
  }

  /// The scores of a stage, the first of them.
  static func scores(_ model: DiffModel, limit: Int, code: (String) -> String = { $0 }) -> [(stage: String, texts: [String], rest: Int)] {
    var found: [(stage: String, texts: [String], rest: Int)] = []
    for score in model.scores {
      if found.last?.stage != score.stage { found.append((score.stage, [], 0)) }
      if found[found.count - 1].texts.count < limit { found[found.count - 1].texts.append(self.score(score, code: code)) } else { found[found.count - 1].rest += 1 }
    }
    return found
  }

  /// Which stages were not touched, and which stopped what came from above.
  static func stages(_ model: DiffModel) -> String? {
    guard !model.stages.isEmpty else { return nil }
    func names(_ change: DiffModel.Stage.Change) -> [String] { model.stages.filter { $0.change == change }.map(\.name) }
    func list(_ names: [String]) -> String { names.prefix(8).joined(separator: ", ") + (names.count > 8 ? " and \(names.count - 8) more" : "") }
    var parts: [String] = []
    for (change, words) in [
      (DiffModel.Stage.Change.changed, "changed"), (.added, "new"), (.removed, "gone"), (.equalRows, "another key but equal rows, so nothing after it was touched"),
      (.same, "untouched"),
    ] where !names(change).isEmpty { parts.append("\(words): \(list(names(change)))") }
    return "stages " + parts.joined(separator: " · ")
  }

  // MARK: rows

  static func sign(_ row: DiffModel.RowChange) -> String {
    switch row.fate {
    case .added: "+"
    case .removed: "-"
    case .edited: row.movedFrom == nil ? "~" : ">"
    }
  }

  /// ` :12 → :14`
  static func place(_ row: DiffModel.RowChange) -> String {
    let from = row.movedFrom.map { " from \($0)" } ?? ""
    switch (row.before, row.after) {
    case (let before?, let after?): return from + (before == after && from.isEmpty ? " row \(after)" : " row \(before) → \(after)")
    case (let before?, nil): return " row \(before)"
    case (nil, let after?): return " row \(after)"
    default: return ""
    }
  }

  static func reason(_ cause: DiffModel.Cause, _ row: DiffModel.RowChange) -> String {
    let more = row.causes.count > 1 ? " (and \(row.causes.count - 1) more)" : ""
    let dropped = row.dropped.map { row.fate == .added ? ", left out before by \($0)" : ", left out by \($0)" } ?? ""
    return cause.bucket.rawValue + (cause.subject.isEmpty ? "" : ": " + line(cause.subject)) + more + dropped
  }

  /// A label without the quotes of its JSON.
  static func label(_ json: String) -> String { json.hasPrefix("\"") && json.hasSuffix("\"") && json.count >= 2 ? line(String(json.dropFirst().dropLast())) : line(json) }

  /// Two values cut to where they begin to differ.
  static func around(_ before: String?, _ after: String?, width: Int) -> (String?, String?) {
    let width = max(width, 30)
    let old = before.map { Array(TerminalStyle.line($0)) }
    let new = after.map { Array(TerminalStyle.line($0)) }
    var start = 0
    if let old, let new {
      var common = 0
      while common < old.count, common < new.count, old[common] == new[common] { common += 1 }
      // A few words before the place, so that it is found.
      if common > width / 2 { start = common - width / 4 }
    }
    func cut(_ text: [Character]) -> String {
      let begin = min(start, text.count)
      let end = min(begin + width, text.count)
      return (begin > 0 ? "…" : "") + String(text[begin..<end]) + (end < text.count ? "…" : "")
    }
    return (old.map(cut), new.map(cut))
  }

  // MARK: causes

  /// What was edited, in a line.
  static func edit(_ cause: DiffModel.Cause, code: (String) -> String = { "`\($0)`" }) -> String {
    let first = cause.edits.first
    func counted(_ word: String) -> String { cause.editCount > 1 ? " \(Figures.count(cause.editCount)) \(word)" : "" }
    switch cause.bucket {
    case .sourceEdited:
      let names = names(cause, code)
      return code(cause.subject) + (names.isEmpty ? lines(cause) : (cause.editCount == 1 ? ":\(first?.line ?? 0) row " : " rows ") + names)
    case .sourceAdded where !cause.edits.isEmpty: return code(cause.subject) + " +\(Figures.count(cause.editCount))" + lines(cause)
    case .sourceAdded: return code(cause.subject)
    case .sourceRemoved where cause.edits.isEmpty: return code(cause.subject)
    case .sourceRemoved: return code(cause.subject) + " −\(Figures.count(cause.editCount))" + lines(cause)
    case .labels: return code(cause.subject) + " \(Figures.count(cause.editCount, "record"))" + by(cause) + lines(cause)
    case .joined: return code(cause.subject) + " \(Figures.count(cause.editCount, "row"))" + lines(cause)
    case .template:
      guard let first, first.line > 0 else { return code(cause.subject) + change(first, code) }
      let place = cause.subject == first.file ? code("\(first.file):\(first.line)") : cause.subject.replacing("`", with: "") + " " + code("\(first.file):\(first.line)")
      return place + (cause.editCount == 1 ? change(first, code) : counted("places"))
    case .parameter: return code(cause.subject) + change(first, code)
    case .definition, .program:
      let what = cause.subject.replacing("`", with: "")
      return what + (cause.editCount == 1 ? change(first, code) : counted("places"))
    case .otherVotes: return cause.subject.replacing("`", with: "") + ": \(Figures.count(cause.editCount, "record"))" + by(cause)
    case .otherRows: return cause.subject.replacing("`", with: "")
    case .notFollowed: return "see what is missing, below"
    case .unexplained: return ""
    }
  }

  private static func change(_ edit: DiffModel.Edit?, _ code: (String) -> String) -> String {
    guard let edit, edit.before != nil || edit.after != nil else { return "" }
    let (before, after) = around(edit.before, edit.after, width: valueWidth)
    switch (before, after) {
    case (let before?, let after?): return " \(code(before)) → \(code(after))"
    case (nil, let after?): return " + \(code(after))"
    case (let before?, nil): return " − \(code(before))"
    default: return ""
    }
  }

  /// The first rows by name: `T-1042, T-1100 and 2 more`.
  private static func names(_ cause: DiffModel.Cause, _ code: (String) -> String) -> String {
    let named = cause.edits.map(\.name).filter { !$0.isEmpty && !$0.hasPrefix("{") }
    guard named.count == cause.edits.count else { return "" }
    let shown = named.prefix(5).map { code(line($0)) }.joined(separator: ", ")
    return shown + (cause.editCount > 5 ? " and \(Figures.count(cause.editCount - 5)) more" : "")
  }

  /// `:12` or ` (lines 3, 9, 41 and 2 more)`
  private static func lines(_ cause: DiffModel.Cause) -> String {
    let lines = cause.edits.map(\.line).filter { $0 > 0 }
    guard !lines.isEmpty else { return "" }
    if cause.editCount == 1 { return " (line \(lines[0]))" }
    return " (lines " + lines.prefix(5).map(String.init).joined(separator: ", ") + (cause.editCount > 5 ? " and \(Figures.count(cause.editCount - 5)) more" : "") + ")"
  }

  /// ` by w003 4, w011 1`
  private static func by(_ cause: DiffModel.Cause) -> String {
    var counts: [(name: String, count: Int)] = []
    for name in cause.edits.compactMap(\.by) {
      if let known = counts.firstIndex(where: { $0.name == name }) { counts[known].count += 1 } else { counts.append((name, 1)) }
    }
    guard !counts.isEmpty else { return "" }
    counts.sort { $0.count != $1.count ? $0.count > $1.count : $0.name < $1.name }
    return " by " + counts.prefix(5).map { "\(line($0.name)) \($0.count)" }.joined(separator: ", ")
  }

  /// The further edits of a cause that has several, one a line: the template's own difference.
  static func lines(of cause: DiffModel.Cause, limit: Int, code: (String) -> String = { "`\($0)`" }) -> [String] {
    guard [.template, .definition].contains(cause.bucket), cause.editCount > 1 else { return [] }
    var lines = cause.edits.prefix(limit).map { edit in (edit.line > 0 ? ":\(edit.line)" : edit.name) + change(edit, code) }
    if cause.editCount > limit { lines.append("… and \(Figures.count(cause.editCount - limit)) more places") }
    return lines
  }
}

public import Lineage

/// A difference as the terminal shows it.
public struct DiffText {
  private let model: DiffModel
  private let style: TerminalStyle
  private let showsRows: Bool

  /// - Parameter showsRows: false for `--stat`: only counts and causes.
  public init(_ model: DiffModel, style: TerminalStyle = .plain, showsRows: Bool = true) {
    self.model = model
    self.style = style
    self.showsRows = showsRows
  }

  public func render() -> String {
    var out = style.paint(model.name, .strong) + "  \(DiffWords.side(model.before)) → \(DiffWords.side(model.after))\n"
    if let verdict = DiffWords.verdict(model) { out += verdict + "\n" }
    out += "\n" + outputs()
    if !model.causes.isEmpty { out += "\n" + causes() }
    if !model.labelMoves.isEmpty { out += "\n" + labels() }
    if let line = DiffWords.estimates(model) { out += "\n  " + line + "\n" }
    if !model.scores.isEmpty { out += "\n" + scores() }
    if !model.drops.isEmpty { out += "\n" + drops() }
    if let line = DiffWords.stages(model) { out += "\n" + line + "\n" }
    if showsRows { out += rows() }
    for text in model.missing { out += style.paint("  ! ", .warning) + text + "\n" }
    return out
  }

  private func outputs() -> String {
    if model.isEmpty { return "no row of any output differs\n" }
    var table = TextTable(columns: [
      .init(title: "output"), .init(title: "rows"), .init(title: "added", isNumeric: true), .init(title: "removed", isNumeric: true),
      .init(title: "edited", isNumeric: true), .init(title: "labels", isNumeric: true), .init(title: "split", isNumeric: true), .init(title: "", isElastic: true),
    ])
    table.indent = 2
    for output in model.outputs {
      func cell(_ count: Int) -> TextTable.Cell { .init(output.isCompared ? Figures.count(count) : "?", count == 0 ? .faint : nil) }
      table.rows.append([
        .init(output.name), .init(DiffWords.rows(output)), cell(output.added), cell(output.removed), cell(output.edited), cell(output.labelsMoved), cell(output.crossed),
        .init(DiffWords.schema(output), .faint),
      ])
    }
    return table.render(style)
  }

  private func causes() -> String {
    var table = TextTable(columns: [.init(title: "cause"), .init(title: "rows", isNumeric: true), .init(title: "edit", isElastic: true)])
    table.indent = 2
    for cause in model.causes {
      let rows = cause.rows > 0 ? Figures.count(cause.rows) : "(\(Figures.count(cause.also)))"
      table.rows.append([.init(cause.bucket.rawValue, cause.bucket == .unexplained ? .bad : nil), .init(rows), .init(DiffWords.edit(cause))])
      for line in DiffWords.lines(of: cause, limit: 6) { table.rows.append([.init(""), .init(""), .init(line, .faint)]) }
    }
    let combined =
      model.combined > 0 ? "  \(Figures.count(model.combined, "row")) with more than one cause, counted under the first; (n) is what else they count for\n" : ""
    return table.render(style) + combined
  }

  private func labels() -> String {
    var table = TextTable(columns: [.init(title: "label moved"), .init(title: "from → to"), .init(title: "by", isElastic: true)])
    table.indent = 2
    let limit = showsRows ? 20 : 5
    for move in model.labelMoves.prefix(limit) {
      table.rows.append([
        .init(DiffWords.line(move.key)), .init("\(DiffWords.label(move.before)) → \(DiffWords.label(move.after))"),
        .init([move.by, move.place, DiffWords.votes(move)].compactMap { $0 }.joined(separator: ", "), .faint),
      ])
    }
    let rest = model.labelsMoved - min(limit, model.labelMoves.count)
    return table.render(style) + (rest > 0 ? "  … and \(Figures.count(rest, "more label"))\n" : "")
  }

  private func scores() -> String {
    DiffWords.scores(model, limit: showsRows ? 12 : 4).map { entry in
      let rest = entry.rest > 0 ? "    … and \(Figures.count(entry.rest, "more figure"))\n" : ""
      return "  \(entry.stage)\n" + entry.texts.map { "    \($0)\n" }.joined() + rest
    }.joined()
  }

  private func drops() -> String {
    model.drops.map { "  \($0.stage) leaves out by `\($0.reason)`: \(Figures.count($0.before)) → \(Figures.count($0.after))\n" }.joined()
  }

  private func rows() -> String {
    var out = ""
    for output in model.outputs where !output.rows.isEmpty {
      let all = output.changed + output.crossed
      out += "\n" + style.paint(output.name, .strong) + style.paint(all > output.rows.count ? "  \(output.rows.count) of \(Figures.count(all)) rows\n" : "\n", .faint)
      for row in output.rows {
        out += "  \(DiffWords.sign(row)) \(style.paint(DiffWords.line(row.key), .accent))\(style.paint(DiffWords.place(row), .faint))"
        if let cause = row.causes.first { out += "  " + style.paint(DiffWords.reason(model.causes[cause], row), .faint) }
        out += "\n"
        guard row.fate == .edited else { continue }
        for field in row.fields {
          out += "      \(field.path)\n"
          let (before, after) = DiffWords.around(field.before, field.after, width: (style.width ?? 120) - 10)
          if let before { out += style.paint("      - \(before)\n", .bad) }
          if let after { out += style.paint("      + \(after)\n", .good) }
        }
      }
    }
    return out
  }
}

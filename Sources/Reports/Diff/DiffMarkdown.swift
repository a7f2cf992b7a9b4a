public import Lineage

/// A difference as a comment on a pull request: GitHub's Markdown, never longer than a comment may be.
///
/// Everything that stands in somebody's data is a code span: nothing in it is markup, a link, or calls a person by name.
public struct DiffMarkdown {
  /// What GitHub takes as one comment.
  public static let maximumCharacters = 65_536
  /// Kept for what says how much was cut.
  private static let reserve = 400

  private let model: DiffModel
  private let limit: Int

  public init(_ model: DiffModel, limit: Int = Self.maximumCharacters) {
    self.model = model
    self.limit = limit
  }

  public func render() -> String {
    var out = head() + outputs()
    let sections = [causes(), labels(), figures(), drops(), closing()]
    for section in sections {
      let (text, rest) = fit(section, into: limit - Self.reserve - out.utf16.count)
      out += text
      if rest > 0 { out += "\n… and \(Figures.count(rest)) more lines, cut to fit a comment\n" }
    }
    let room = limit - Self.reserve - out.utf16.count
    out += samples(room)
    return out
  }

  // MARK: parts

  private func head() -> String {
    var title = "### \(code(model.name))"
    let version = model.version
    if version.change != .none, let due = version.due {
      title +=
        version.holds ? " \(version.before) → \(version.declared)" : " \(version.before) → needs **\(due)** (declared \(version.declared), `pipe lock check` exits 3)"
    } else if version.before != version.declared {
      title += " \(version.before) → \(version.declared)"
    }
    return "<!-- pipe:diff \(model.name) -->\n\(title)\n\n\(code(DiffWords.side(model.before))) → \(code(DiffWords.side(model.after)))\n\n"
  }

  private func outputs() -> String {
    if model.isEmpty, model.missing.isEmpty { return "No row of any output differs.\n" }
    var out = "| output | rows | added | removed | edited | labels moved | changed split |\n|---|--:|--:|--:|--:|--:|--:|\n"
    for output in model.outputs {
      func cell(_ count: Int) -> String { output.isCompared ? Figures.count(count) : "?" }
      out +=
        "| \(code(output.name)) | \(DiffWords.rows(output)) | \(cell(output.added)) | \(cell(output.removed)) | \(cell(output.edited)) | \(cell(output.labelsMoved)) | \(cell(output.crossed)) |\n"
    }
    for output in model.outputs where !output.schema.isEmpty {
      out += "\n\(code(output.name)): " + output.schema.map { DiffWords.schema($0, code: code) }.joined(separator: ", ") + "\n"
    }
    return out
  }

  private func causes() -> [String] {
    guard !model.causes.isEmpty else { return [] }
    var lines = ["", "| cause | rows | edit |", "|---|--:|---|"]
    for cause in model.causes {
      let rows = cause.rows > 0 ? Figures.count(cause.rows) : "(\(Figures.count(cause.also)))"
      let more = DiffWords.lines(of: cause, limit: 6, code: code).map { "<br>" + $0 }.joined()
      lines.append("| \(cause.bucket.rawValue) | \(rows) | \(DiffWords.edit(cause, code: code))\(more) |")
    }
    if model.unexplained == 0 { lines.append("| unexplained | 0 | |") }
    if model.combined > 0 {
      lines += ["", "\(Figures.count(model.combined, "row")) with more than one cause, counted under the first; (n) is what a cause counts for beside others."]
    }
    return lines
  }

  private func labels() -> [String] {
    guard !model.labelMoves.isEmpty else { return [] }
    var lines = ["", "| label moved | from → to | by |", "|---|---|---|"]
    for move in model.labelMoves.prefix(50) {
      let by = [move.by.map(code), move.place.map(code), DiffWords.votes(move).map(code)].compactMap { $0 }.joined(separator: ", ")
      lines.append("| \(code(DiffWords.line(move.key))) | \(code(DiffWords.label(move.before))) → \(code(DiffWords.label(move.after))) | \(by) |")
    }
    if model.labelsMoved > 50 { lines += ["", "… and \(Figures.count(model.labelsMoved - 50, "more label"))"] }
    return lines
  }

  private func figures() -> [String] {
    var lines: [String] = []
    if let estimates = DiffWords.estimates(model, code: code) { lines += ["", "E" + estimates.dropFirst() + "."] }
    for entry in DiffWords.scores(model, limit: 8, code: code) {
      lines += [
        "", "Scores of \(code(entry.stage)): " + entry.texts.joined(separator: ", ") + (entry.rest > 0 ? " … and \(Figures.count(entry.rest, "more figure"))" : ""),
      ]
    }
    return lines
  }

  private func drops() -> [String] {
    guard !model.drops.isEmpty else { return [] }
    return [""] + model.drops.map { "- \(code($0.stage)) leaves out by \(code($0.reason)): \(Figures.count($0.before)) → \(Figures.count($0.after))" }
  }

  private func closing() -> [String] {
    var lines: [String] = []
    if let stages = DiffWords.stages(model) { lines += ["", "S" + stages.dropFirst() + "."] }
    for text in model.missing { lines += ["", "⚠ " + text] }
    if let commit = model.after.commit { lines += ["", "Reproduce: \(code("git checkout \(commit.prefix(12)) && pipe run \(model.manifest)"))"] }
    return lines
  }

  private func samples(_ room: Int) -> String {
    var shown: [String] = []
    var count = 0
    var used = 0
    let all = model.outputs.reduce(0) { $0 + $1.changed + $1.crossed }
    search: for output in model.outputs where !output.rows.isEmpty {
      for row in output.rows {
        let text = sample(row, output)
        guard used + text.utf16.count < room else { break search }
        used += text.utf16.count
        shown.append(text)
        count += 1
      }
    }
    guard count > 0 else { return all > 0 ? "\n… and \(Figures.count(all)) rows\n" : "" }
    let rest = all - count
    return "\n<details><summary>\(Figures.count(count)) of \(Figures.count(all)) rows</summary>\n\n" + shown.joined()
      + (rest > 0 ? "\n… and \(Figures.count(rest)) more\n" : "") + "\n</details>\n"
  }

  private func sample(_ row: DiffModel.RowChange, _ output: DiffModel.Output) -> String {
    var out = "- \(DiffWords.sign(row)) \(code(DiffWords.line(row.key))) in \(code(output.name + DiffWords.place(row)))"
    if let cause = row.causes.first { out += ": \(code(DiffWords.reason(model.causes[cause], row)))" }
    out += "\n"
    guard row.fate == .edited else { return out }
    for field in row.fields.prefix(12) {
      let (before, after) = DiffWords.around(field.before, field.after, width: 120)
      out += "  - \(code(field.path)): " + [before.map(code), after.map(code)].map { $0 ?? "–" }.joined(separator: " → ") + "\n"
    }
    if row.fields.count > 12 { out += "  - … and \(row.fields.count - 12) more fields\n" }
    return out
  }

  // MARK: fitting

  /// As many whole lines as fit, and how many did not.
  private func fit(_ lines: [String], into room: Int) -> (text: String, rest: Int) {
    var out = ""
    var used = 0
    for (index, line) in lines.enumerated() {
      used += line.utf16.count + 1
      if used > room { return (out, lines.count - index) }
      out += line + "\n"
    }
    return (out, 0)
  }

  /// A code span: delimited by more backticks than stand in it, without what would end a table's cell.
  private func code(_ text: String) -> String {
    let line = TerminalStyle.line(text).replacing("|", with: "\\|")
    if line.isEmpty { return "` `" }
    var longest = 0
    var run = 0
    for byte in line.utf8 {
      run = byte == UInt8(ascii: "`") ? run + 1 : 0
      longest = max(longest, run)
    }
    let fence = String(repeating: "`", count: longest + 1)
    let pad = line.hasPrefix("`") || line.hasSuffix("`") ? " " : ""
    return fence + pad + line + pad + fence
  }
}

internal import Diagnostics
internal import Lineage

/// A difference as HTML: inside the page of a run, and as a page of its own.
struct DiffSection {
  let model: DiffModel
  /// So many rows are shown, all outputs together; the rest is counted.
  let limit: Int
  /// The level of its headings.
  let heading: Int

  private static let maximumEdits = 30
  private static let maximumMoves = 200
  private static let maximumFields = 12
  private static let maximumScores = 60

  var html: String {
    var out = ""
    if let verdict = DiffWords.verdict(model) { out += "<p class=\"note\(model.version.holds ? "" : " bad")\">\(HTMLText.escaped(verdict))</p>\n" }
    for text in model.missing { out += "<p class=\"note bad\">\(HTMLText.escaped(text))</p>\n" }
    if model.isEmpty, model.missing.isEmpty { return out + "<p>No row of any output differs.</p>\n" }
    out += outputs + estimates + scores + causes + moves + drops + rows
    if let stages = DiffWords.stages(model) { out += "<p class=\"soft\">\(HTMLText.escaped("S" + stages.dropFirst()))</p>\n" }
    return out
  }

  private func title(_ text: String) -> String { "<h\(heading)>\(text)</h\(heading)>\n" }

  private static func table(_ label: String, _ columns: [(title: String, isNumeric: Bool)], _ rows: String) -> String {
    let head = columns.map { "<th scope=\"col\"\($0.isNumeric ? " class=\"num\"" : $0.title.isEmpty ? " class=\"wide\"" : "")>\($0.title)</th>" }.joined()
    return
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"\(label)\"><table>\n<thead><tr>\(head)</tr></thead>\n<tbody>\n\(rows)</tbody></table></div>\n"
  }

  // MARK: what changed

  private var outputs: String {
    var rows = ""
    for output in model.outputs {
      func cell(_ count: Int, _ tone: String) -> String {
        "<td class=\"num\(count > 0 && output.isCompared ? " \(tone)" : "")\">\(output.isCompared ? count == 0 ? "<span class=\"soft\">0</span>" : Figures.count(count) : "?")</td>"
      }
      rows += "<tr><th scope=\"row\">\(HTMLText.escaped(output.name))</th><td class=\"num\">\(DiffWords.rows(output))</td>"
      rows += cell(output.added, "good") + cell(output.removed, "bad") + cell(output.edited, "warn") + cell(output.labelsMoved, "warn") + cell(output.crossed, "warn")
      rows += "<td>\(HTMLText.escaped(DiffWords.schema(output)))</td></tr>\n"
    }
    return Self.table(
      "Outputs",
      [("output", false), ("rows", true), ("added", true), ("removed", true), ("edited", true), ("labels moved", true), ("changed split", true), ("columns", false)],
      rows)
  }

  private var estimates: String {
    DiffWords.estimates(model).map { "<p class=\"soft\">\(HTMLText.escaped("E" + $0.dropFirst()))</p>\n" } ?? ""
  }

  private var scores: String {
    guard !model.scores.isEmpty else { return "" }
    var rows = ""
    for score in model.scores.prefix(Self.maximumScores) {
      rows +=
        "<tr><th scope=\"row\">\(HTMLText.escaped(score.stage))</th><td>\(HTMLText.escaped(DiffWords.line(score.name)))</td><td class=\"num\">\(HTMLText.escaped(DiffWords.figure(score.before)))</td><td class=\"num\">\(HTMLText.escaped(DiffWords.figure(score.after)))</td></tr>\n"
    }
    let rest = model.scores.count - min(model.scores.count, Self.maximumScores)
    return title("Scores") + Self.table("Scores", [("stage", false), ("figure", false), ("before", true), ("after", true)], rows)
      + (rest > 0 ? "<p class=\"soft\">… and \(Figures.count(rest, "more figure"))</p>\n" : "")
  }

  // MARK: why

  private var causes: String {
    guard !model.causes.isEmpty else { return "" }
    let most = max(1, model.causes.reduce(0) { max($0, $1.rows) })
    var rows = ""
    for (index, cause) in model.causes.enumerated() {
      let count = cause.rows > 0 ? Figures.count(cause.rows) : "(\(Figures.count(cause.also)))"
      rows += "<tr data-cause=\"\(index)\"><td>\(HTMLText.escaped(cause.bucket.rawValue))</td><td class=\"num\">\(count)</td>"
      rows +=
        "<td class=\"wide\"><div class=\"bar-track\" aria-hidden=\"true\"><i class=\"kept\" style=\"width:\(HTMLText.number(Double(cause.rows) / Double(most) * 100))%\"></i></div></td>"
      rows += "<td>\(Self.edit(cause))\(edits(cause))</td></tr>\n"
    }
    var out = title("Why") + Self.table("Causes", [("cause", false), ("rows", true), ("", false), ("edit", false)], rows)
    if model.combined > 0 {
      out +=
        "<p class=\"soft\">\(Figures.count(model.combined, "row")) with more than one cause, counted under the first; (n) is what a cause counts for beside others.</p>\n"
    }
    if model.unexplained == 0 { out += "<p class=\"soft\">Every row that differs is explained.</p>\n" }
    return out
  }

  /// Every place that was edited: file, line, before and after.
  private func edits(_ cause: DiffModel.Cause) -> String {
    // A single edit stands there whole, unless it is a row's: the row is not said.
    guard cause.editCount > 1 || [.sourceEdited, .joined, .labels].contains(cause.bucket) && cause.edits.contains(where: { $0.before != nil || $0.after != nil }) else {
      return ""
    }
    var out = "<details><summary>\(Figures.count(cause.editCount, "place"))</summary><ul class=\"edits\">"
    for edit in cause.edits.prefix(Self.maximumEdits) {
      let place = edit.file.isEmpty ? "" : "<code>\(HTMLText.escaped(edit.line > 0 ? "\(edit.file):\(edit.line)" : edit.file))</code> "
      let by = edit.by.map { " <span class=\"soft\">by \(HTMLText.escaped($0))</span>" } ?? ""
      out += "<li>\(place)\(HTMLText.escaped(DiffWords.line(edit.name)))\(by)\(Self.change(edit.before, edit.after))</li>"
    }
    if cause.editCount > min(cause.edits.count, Self.maximumEdits) {
      out += "<li class=\"soft\">… and \(Figures.count(cause.editCount - min(cause.edits.count, Self.maximumEdits))) more</li>"
    }
    return out + "</ul></details>"
  }

  /// The words that all forms share. They are text with pieces of code in it: these are marked, and become elements when all is escaped.
  private static func edit(_ cause: DiffModel.Cause) -> String {
    let text = DiffWords.edit(cause) { "\u{E000}" + $0.replacing("\u{E000}", with: "").replacing("\u{E001}", with: "") + "\u{E001}" }
    return HTMLText.escaped(text).replacing("\u{E000}", with: "<code>").replacing("\u{E001}", with: "</code>")
  }

  private static func code(_ text: String) -> String { "<code>\(HTMLText.escaped(text))</code>" }

  /// Before and after, with what differs between a common beginning and a common end marked.
  private static func change(_ before: String?, _ after: String?) -> String {
    guard before != nil || after != nil else { return "" }
    let width = 600
    let (old, new) = DiffWords.around(before, after, width: width)
    let a = Array(old ?? "")
    let b = Array(new ?? "")
    var start = 0
    while start < a.count, start < b.count, a[start] == b[start] { start += 1 }
    var end = 0
    while end < a.count - start, end < b.count - start, a[a.count - 1 - end] == b[b.count - 1 - end] { end += 1 }
    // Values with nothing in common are not marked: all of them would be.
    let isMarked = old != nil && new != nil && start + end > 0
    func line(_ text: [Character], _ tag: String, _ sign: String) -> String {
      let head = HTMLText.escaped(String(text[..<start]))
      let middle = HTMLText.escaped(String(text[start..<(text.count - end)]))
      let tail = HTMLText.escaped(String(text[(text.count - end)...]))
      let inner = isMarked ? head + (middle.isEmpty ? "" : "<mark>\(middle)</mark>") + tail : HTMLText.escaped(String(text))
      return "<\(tag)><span aria-hidden=\"true\">\(sign) </span>\(inner)</\(tag)>"
    }
    return "<div class=\"change\">" + (old == nil ? "" : line(a, "del", "−")) + (new == nil ? "" : line(b, "ins", "+")) + "</div>"
  }

  // MARK: labels and drops

  private var moves: String {
    guard !model.labelMoves.isEmpty else { return "" }
    var pairs: [(name: String, count: Int)] = []
    for move in model.labelMoves {
      let name = "\(DiffWords.label(move.before)) → \(DiffWords.label(move.after))"
      if let place = pairs.firstIndex(where: { $0.name == name }) { pairs[place].count += 1 } else { pairs.append((name, 1)) }
    }
    pairs.sort { $0.count != $1.count ? $0.count > $1.count : $0.name < $1.name }
    var out = title("Labels that moved")
    out += "<p>" + pairs.prefix(20).map { "<span class=\"tag\">\(HTMLText.escaped($0.name)) <b>\(Figures.count($0.count))</b></span>" }.joined(separator: " ") + "</p>\n"
    var rows = ""
    for move in model.labelMoves.prefix(Self.maximumMoves) {
      rows +=
        "<tr><th scope=\"row\">\(HTMLText.escaped(DiffWords.line(move.key)))</th><td>\(HTMLText.escaped(move.labelType))</td><td>\(HTMLText.escaped(DiffWords.label(move.before)))</td><td>\(HTMLText.escaped(DiffWords.label(move.after)))</td><td>\(HTMLText.escaped(move.by ?? ""))</td><td>\(HTMLText.escaped(DiffWords.votes(move) ?? ""))</td><td>\(move.place.map(Self.code) ?? "")</td></tr>\n"
    }
    out += Self.table("Labels that moved", [("row", false), ("label", false), ("from", false), ("to", false), ("by", false), ("votes", false), ("place", false)], rows)
    let shown = min(model.labelMoves.count, Self.maximumMoves)
    if model.labelsMoved > shown { out += "<p class=\"soft\">… and \(Figures.count(model.labelsMoved - shown, "more label"))</p>\n" }
    return out
  }

  private var drops: String {
    guard !model.drops.isEmpty else { return "" }
    let rows = model.drops.map { drop in
      "<tr><th scope=\"row\">\(HTMLText.escaped(drop.stage))</th><td>\(HTMLText.escaped(drop.reason))</td><td class=\"num\">\(Figures.count(drop.before))</td><td class=\"num\">\(Figures.count(drop.after))</td></tr>\n"
    }
    return title("Rows left out") + Self.table("Rows left out", [("stage", false), ("reason", false), ("before", true), ("after", true)], rows.joined())
  }

  // MARK: rows

  private var rows: String {
    let all = model.outputs.reduce(0) { $0 + $1.changed + $1.crossed }
    guard all > 0 else { return "" }
    var out = ""
    var shown = 0
    // Every output has its share; what one does not use is the next one's.
    let listed = model.outputs.filter { !$0.rows.isEmpty }
    for (place, output) in listed.enumerated() {
      let share = max(1, (limit - shown) / (listed.count - place))
      for row in output.rows.prefix(share) {
        out += item(row, output)
        shown += 1
      }
    }
    guard shown > 0 else { return "" }
    var head = title("Rows <small>\(Figures.count(shown)) of \(Figures.count(all))</small>")
    if model.causes.count > 1 {
      head +=
        "<div class=\"filters screen\" role=\"group\" aria-label=\"Show rows by cause\"><button type=\"button\" class=\"filter\" aria-pressed=\"true\" data-filter=\"\">all</button>"
      for (index, cause) in model.causes.prefix(12).enumerated() {
        head +=
          "<button type=\"button\" class=\"filter\" aria-pressed=\"false\" data-filter=\"\(index)\">\(HTMLText.escaped(cause.bucket.rawValue)) <small>\(HTMLText.escaped(DiffWords.line(cause.subject)))</small></button>"
      }
      head += "</div>\n"
    }
    let rest = all - shown
    return head + "<ul class=\"rows\">\n\(out)</ul>\n" + (rest > 0 ? "<p class=\"soft\">… and \(Figures.count(rest, "more row"))</p>\n" : "")
  }

  private func item(_ row: DiffModel.RowChange, _ output: DiffModel.Output) -> String {
    let tone = row.fate == .added ? "good" : row.fate == .removed ? "bad" : "warn"
    let causes = row.causes.map(String.init).joined(separator: " ")
    var out =
      "<li class=\"\(tone)\" data-causes=\"\(causes)\"><p><b class=\"\(tone)\">\(row.movedFrom == nil ? row.fate.rawValue : "moved")</b> <code>\(HTMLText.escaped(DiffWords.line(row.key)))</code> <span class=\"soft\">\(HTMLText.escaped(output.name + DiffWords.place(row)))</span>"
    if let cause = row.causes.first { out += " <span class=\"why\">\(HTMLText.escaped(DiffWords.reason(model.causes[cause], row)))</span>" }
    out += "</p>"
    for field in row.fields.prefix(Self.maximumFields) {
      out += "<div class=\"field\"><code>\(HTMLText.escaped(field.path))</code>\(Self.change(field.before, field.after))</div>"
    }
    if row.fields.count > Self.maximumFields { out += "<p class=\"soft\">… and \(Figures.count(row.fields.count - Self.maximumFields, "more field"))</p>" }
    return out + "</li>\n"
  }
}

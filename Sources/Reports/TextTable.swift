/// Columns of text, lined up; the last ones give way when the terminal is narrow.
struct TextTable {
  struct Column {
    var title: String
    var isNumeric = false
    /// May be cut to fit the terminal.
    var isElastic = false
  }

  struct Cell {
    var text: String
    var tone: TerminalStyle.Tone?

    init(_ text: String, _ tone: TerminalStyle.Tone? = nil) {
      self.text = text
      self.tone = tone
    }
  }

  var columns: [Column]
  var rows: [[Cell]] = []
  var indent = 2

  /// Narrower than this an elastic column says nothing.
  private static let least = 8

  func render(_ style: TerminalStyle) -> String {
    // A column that is empty everywhere is not shown, but for its title it would only take room.
    let shown = columns.indices.filter { column in rows.contains { !$0[column].text.isEmpty } }
    var widths = columns.indices.map { column in
      max(TerminalStyle.cells(columns[column].title), rows.map { TerminalStyle.cells($0[column].text) }.max() ?? 0)
    }
    if let width = style.width {
      var surplus = indent + shown.reduce(0) { $0 + widths[$1] } + 2 * max(0, shown.count - 1) - width
      // The last column is the least needed.
      for column in shown.reversed() where columns[column].isElastic && surplus > 0 {
        let narrower = max(min(Self.least, widths[column]), widths[column] - surplus)
        surplus -= widths[column] - narrower
        widths[column] = narrower
      }
    }
    var out = ""
    if columns.contains(where: { !$0.title.isEmpty }) {
      out += line(shown, widths, columns.map { Cell($0.title, .faint) }, style)
    }
    for row in rows { out += line(shown, widths, row, style) }
    return out
  }

  private func line(_ shown: [Int], _ widths: [Int], _ cells: [Cell], _ style: TerminalStyle) -> String {
    var out = String(repeating: " ", count: indent)
    var pending = ""
    for (place, column) in shown.enumerated() {
      let text = TerminalStyle.cut(cells[column].text, to: widths[column])
      let padding = String(repeating: " ", count: max(0, widths[column] - TerminalStyle.cells(text)))
      let gap = place == 0 ? "" : "  "
      if columns[column].isNumeric {
        out += pending + gap + padding + style.paint(text, cells[column].tone)
        pending = ""
      } else if text.isEmpty {
        pending += gap + padding
      } else {
        out += pending + gap + style.paint(text, cells[column].tone)
        pending = padding
      }
    }
    while out.last == " " { out.removeLast() }
    return out + "\n"
  }
}

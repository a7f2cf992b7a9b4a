/// Draws diagnostics as text: the message, where, the line with carets under it, and advice.
///
///     error[unknown-field]: assemble has no field `label`
///       --> Manifests/support-intents.yaml:25:5
///        |
///     25 |     label: ${stages.labels}
///        |     ^^^^^ did you mean `labels`?
public struct DiagnosticRenderer: Sendable {
  /// ANSI colours.
  public var color: Bool
  /// Lines of the source are cut to this many cells.
  public var width: Int

  public init(color: Bool = false, width: Int = 120) {
    self.color = color
    self.width = max(width, 40)
  }

  /// Each with a blank line after it.
  public func render(_ diagnostics: [Diagnostic]) -> String {
    diagnostics.map { render($0) + "\n" }.joined()
  }

  /// One diagnostic; ends with a line end.
  public func render(_ diagnostic: Diagnostic) -> String {
    var out =
      paint(heading(diagnostic), severityStyle(diagnostic.severity)) + paint(": " + DisplayWidth.printableLine(diagnostic.message), .bold) + "\n"
    let frames = frames(of: diagnostic)
    let gutter = max(2, frames.flatMap(\.lines).map { String($0.place.line).count }.max() ?? 0)
    let bar = paint(String(repeating: " ", count: gutter + 1) + "|", .gutter)
    for (index, frame) in frames.enumerated() {
      let arrow = index == 0 ? "--> " : "::: "
      out += paint(String(repeating: " ", count: gutter) + arrow, .gutter) + DisplayWidth.printableLine(frame.title.description) + "\n"
      let lines = frame.lines.filter { $0.place.excerpt != nil }
      if !lines.isEmpty { out += bar + "\n" }
      var previous: Int?
      for line in lines {
        if let previous, line.place.line > previous + 1 { out += paint("...", .gutter) + "\n" }
        if line.place.line != previous {
          let number = String(line.place.line)
          out += paint(String(repeating: " ", count: gutter - number.count) + number + " |", .gutter)
        }
        let (text, carets) = excerpt(line)
        if line.place.line != previous { out += (text.isEmpty ? "" : " " + text) + "\n" }
        out += bar + " " + paint(carets, line.isPrimary ? severityStyle(diagnostic.severity) : .gutter) + "\n"
        previous = line.place.line
      }
    }
    guard !diagnostic.notes.isEmpty else { return out }
    if frames.contains(where: { $0.lines.contains { $0.place.excerpt != nil } }) { out += bar + "\n" }
    let labelWidth = diagnostic.notes.map(\.label.unicodeScalars.count).max() ?? 0
    for note in diagnostic.notes {
      let padding = String(repeating: " ", count: labelWidth - note.label.unicodeScalars.count + 2)
      let lines = DisplayWidth.printable(note.text).split(separator: "\n", omittingEmptySubsequences: false)
      let indent = String(repeating: " ", count: gutter + 1)
      out += paint(indent + "= ", .gutter) + paint(note.label, .bold) + padding + (lines.first ?? "") + "\n"
      for line in lines.dropFirst() {
        out += line.isEmpty ? "\n" : indent + String(repeating: " ", count: 2 + labelWidth + 2) + line + "\n"
      }
    }
    return out
  }

  // MARK: What stands in a frame

  private struct Line {
    var place: Place
    var label: String
    var isPrimary: Bool
  }

  private struct Frame {
    var title: Place
    var lines: [Line]
  }

  /// The primary place's file first; places of the same file share a frame and come in the order of the file.
  private func frames(of diagnostic: Diagnostic) -> [Frame] {
    guard let primary = diagnostic.place else { return [] }
    var frames = [Frame(title: primary, lines: [Line(place: primary, label: diagnostic.label, isPrimary: true)])]
    for other in diagnostic.secondary {
      let line = Line(place: other.place, label: other.label, isPrimary: false)
      if let at = frames.firstIndex(where: { $0.title.path == other.place.path }) {
        frames[at].lines.append(line)
      } else {
        frames.append(Frame(title: other.place, lines: [line]))
      }
    }
    for at in frames.indices {
      frames[at].lines.sort { ($0.place.line, $0.place.column) < ($1.place.line, $1.place.column) }
    }
    return frames
  }

  /// The line as shown, and the line under it.
  private func excerpt(_ line: Line) -> (text: String, carets: String) {
    let place = line.place
    let scalars = Array((place.excerpt ?? "").unicodeScalars)
    var from = min(max(0, place.column - place.excerptColumn), scalars.count)
    var to = place.endLine == place.line ? min(place.endColumn - place.excerptColumn, scalars.count) : scalars.count
    if place.endLine != place.line {
      while to > from + 1, scalars[to - 1] == " " { to -= 1 }
    }
    to = max(to, from)
    var lower = 0
    var upper = scalars.count
    let total = scalars.reduce(0) { $0 + DisplayWidth.of($1) }
    if total > width {
      // Keep a third of the width before the place, so that the reader sees what it stands in.
      var cells = 0
      lower = from
      while lower > 0, cells < width / 3 {
        lower -= 1
        cells += DisplayWidth.of(scalars[lower])
      }
      cells = 0
      upper = lower
      while upper < scalars.count, cells < width - 2 {
        cells += DisplayWidth.of(scalars[upper])
        upper += 1
      }
    }
    let cutBefore = lower > 0 || place.excerptColumn > 1
    let cutAfter = upper < scalars.count
    from = max(from, lower)
    to = min(max(to, from), upper)
    var text = cutBefore ? "…" : ""
    for scalar in scalars[lower..<upper] { DisplayWidth.append(scalar, to: &text) }
    if cutAfter { text += "…" }
    while text.last == " " { text.removeLast() }
    let before = (cutBefore ? 1 : 0) + scalars[lower..<from].reduce(0) { $0 + DisplayWidth.of($1) }
    let under = max(1, scalars[from..<to].reduce(0) { $0 + DisplayWidth.of($1) })
    var carets = String(repeating: " ", count: before) + String(repeating: line.isPrimary ? "^" : "-", count: under)
    if !line.label.isEmpty { carets += " " + DisplayWidth.printableLine(line.label) }
    return (text, carets)
  }

  // MARK: Colours

  private enum Style: String {
    case red = "\u{1B}[1;31m"
    case yellow = "\u{1B}[1;33m"
    case cyan = "\u{1B}[1;36m"
    case gutter = "\u{1B}[1;34m"
    case bold = "\u{1B}[1m"
  }

  private func heading(_ diagnostic: Diagnostic) -> String {
    diagnostic.heading ?? "\(diagnostic.severity.rawValue)[\(diagnostic.id)]"
  }

  private func severityStyle(_ severity: Severity) -> Style {
    switch severity {
    case .error: .red
    case .warning: .yellow
    case .note: .cyan
    }
  }

  private func paint(_ text: String, _ style: Style) -> String {
    color && !text.isEmpty ? style.rawValue + text + "\u{1B}[0m" : text
  }
}

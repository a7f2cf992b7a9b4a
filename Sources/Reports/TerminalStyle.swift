internal import Diagnostics

/// What the reader of a text has before him: colours or none, a width or none.
public struct TerminalStyle: Sendable, Equatable {
  /// Whether ANSI colours may be used.
  public var usesColor: Bool
  /// Cells per line; nil when lines may be as long as they are (a file, a pipe).
  public var width: Int?

  public init(usesColor: Bool = false, width: Int? = nil) {
    self.usesColor = usesColor
    self.width = width.map { max($0, 40) }
  }

  /// No colours, any width.
  public static let plain = TerminalStyle()

  enum Tone: String {
    case strong = "\u{1B}[1m"
    case faint = "\u{1B}[2m"
    case good = "\u{1B}[32m"
    case warning = "\u{1B}[33m"
    case bad = "\u{1B}[1;31m"
    case accent = "\u{1B}[36m"
  }

  func paint(_ text: String, _ tone: Tone?) -> String {
    guard usesColor, let tone, !text.isEmpty else { return text }
    return tone.rawValue + text + "\u{1B}[0m"
  }

  /// A line that says what follows.
  public func heading(_ text: String) -> String { paint(text, .strong) }

  /// How many cells a text takes.
  static func cells(_ text: String) -> Int { text.unicodeScalars.reduce(0) { $0 + DisplayWidth.of($1) } }

  /// The text cut to so many cells, with `…` where something is missing.
  static func cut(_ text: String, to limit: Int) -> String {
    if cells(text) <= limit { return text }
    var out = String.UnicodeScalarView()
    var used = 0
    for scalar in text.unicodeScalars {
      used += DisplayWidth.of(scalar)
      if used > max(limit - 1, 0) { break }
      out.append(scalar)
    }
    while out.last == " " { out.removeLast() }
    return String(out) + "…"
  }

  /// A text of somebody's data, safe to print on one line.
  static func line(_ text: String) -> String { DisplayWidth.printableLine(text) }
}

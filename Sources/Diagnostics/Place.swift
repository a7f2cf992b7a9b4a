/// Where something is, for people: path, line and column, with the line's text so that a frame can be drawn without the file.
///
/// A `Place` is made from a `SourceRange` when the file is in memory, or directly (a data file of many gigabytes, a template).
public struct Place: Sendable, Hashable {
  /// The path as people are shown it.
  public var path: String
  /// From 1; 0 when the whole file is meant.
  public var line: Int
  /// From 1, counted in code points.
  public var column: Int
  public var endLine: Int
  /// The column after the last character.
  public var endColumn: Int
  /// The text of the line or the part of it that is kept; nil when there is nothing to show.
  public var excerpt: String?
  /// The column of the excerpt's first character.
  public var excerptColumn: Int

  /// At most this much of a line is kept before and after the place: a line of 100 MB must not end up in a message.
  static let excerptReach = 400

  /// A whole file.
  public init(path: String) {
    self.init(path: path, line: 0, column: 0, endLine: 0, endColumn: 0, excerpt: nil, excerptColumn: 1)
  }

  /// `length` characters of a line whose text (or part of it, beginning at `excerptColumn`) is `excerpt`.
  ///
  /// - Parameter excerpt: the bytes of the line without its line end; what is not UTF-8 is shown as U+FFFD.
  public init(path: String, line: Int, column: Int, length: Int = 1, excerpt: some Collection<UInt8>, excerptColumn: Int = 1) {
    self.init(
      path: path, line: line, column: column, endLine: line, endColumn: column + max(length, 1),
      excerpt: String(decoding: excerpt, as: UTF8.self), excerptColumn: excerptColumn)
  }

  /// A place of which only the numbers are known.
  public init(path: String, line: Int, column: Int) {
    self.init(path: path, line: line, column: column, endLine: line, endColumn: column + 1, excerpt: nil, excerptColumn: 1)
  }

  init(path: String, line: Int, column: Int, endLine: Int, endColumn: Int, excerpt: String?, excerptColumn: Int) {
    self.path = path
    self.line = line
    self.column = column
    self.endLine = endLine
    self.endColumn = endColumn
    self.excerpt = excerpt
    self.excerptColumn = excerptColumn
  }

  init(_ range: SourceRange) {
    let text = range.text
    let start = text.position(of: range.range.lowerBound)
    let end = text.position(of: range.range.upperBound)
    let line = text.lineRange(start.line)
    var lower = max(line.lowerBound, range.range.lowerBound - Place.excerptReach)
    while lower > line.lowerBound, text.bytes[lower] & 0xC0 == 0x80 { lower -= 1 }
    var upper = min(line.upperBound, max(range.range.lowerBound, lower) + 2 * Place.excerptReach)
    while upper < line.upperBound, text.bytes[upper] & 0xC0 == 0x80 { upper += 1 }
    lower = min(lower, upper)
    self.init(
      path: text.path, line: start.line, column: start.column, endLine: end.line, endColumn: end.column,
      excerpt: text.string(lower..<upper),
      excerptColumn: 1 + SourceText.countCharacters(text.bytes, line.lowerBound..<max(lower, line.lowerBound)))
  }

  /// `path:line:column`, as editors and terminals make it a link.
  public var description: String { line == 0 ? path : "\(path):\(line):\(column)" }
}

extension Place: CustomStringConvertible {}

/// What went wrong in a template or an expression, and where.
public struct TemplateError: Error, Sendable, CustomStringConvertible {
  /// One level of what was running: the template, a macro, an include, innermost first.
  public struct Frame: Sendable, Hashable {
    /// The template's name.
    public var name: String
    /// The line, from 1.
    public var line: Int
    /// The column in code points, from 1.
    public var column: Int
    /// What runs there: `template`, `macro field`, `block body`, `include` …
    public var what: String
  }

  /// The name of the template at fault: the included one, not the one that includes it.
  public var templateName: String
  /// The bytes of that template's source that are at fault.
  public var range: Range<Int>
  /// The line of `range`, from 1.
  public var line: Int
  /// The column of `range` in code points, from 1.
  public var column: Int
  /// What happened, in lower case where it is ours and in Python's words where Jinja2's users know them.
  public var message: String
  /// The class that Jinja2 or Python would raise: `TemplateSyntaxError`, `UndefinedError`, `TypeError` …; `LimitError` for our own bounds.
  public var errorClass: String
  /// The line Jinja2 reports: that of the statement, or of the outermost operator of an expression; nil where it reports none.
  public var statementLine: Int?
  /// What was running, innermost first.
  public var stack: [Frame] = []
  /// The nearest known name for an unknown filter, test, tag or variable.
  public var suggestion: String?
  /// The name that is undefined, when that is the trouble.
  public var undefinedName: String?

  public var description: String {
    var text = "\(templateName):\(line):\(column): \(errorClass): \(message)"
    if let suggestion { text += "; did you mean `\(suggestion)`?" }
    return text
  }
}

/// Turns byte offsets of a source into lines and columns; made only when there is an error to place.
struct LineMap {
  let source: [UInt8]

  /// The line and the column, in code points, of a byte offset; both from 1.
  func position(of offset: Int) -> (line: Int, column: Int) {
    var line = 1
    var start = 0
    var i = 0
    let end = min(offset, source.count)
    while i < end {
      if source[i] == 0x0A || (source[i] == 0x0D && !(i + 1 < source.count && source[i + 1] == 0x0A)) {
        line += 1
        start = i + 1
      }
      i += 1
    }
    var column = 1
    i = start
    while i < end {
      if source[i] & 0xC0 != 0x80 { column += 1 }
      i += 1
    }
    return (line, column)
  }
}

/// The name nearest to `name` among `candidates`, when it is near enough to be meant.
func nearest(_ name: String, _ candidates: some Sequence<String>) -> String? {
  let a = Array(name.lowercased().unicodeScalars)
  guard a.count <= 64 else { return nil }
  var best: (Int, String)?
  for c in candidates {
    let b = Array(c.lowercased().unicodeScalars)
    guard b.count <= 64, abs(b.count - a.count) <= 2 else { continue }
    var previous = Array(0...b.count)
    for i in 0..<a.count {
      var current = [i + 1]
      for j in 0..<b.count {
        current.append(min(previous[j] + (a[i] == b[j] ? 0 : 1), previous[j + 1] + 1, current[j] + 1))
      }
      previous = current
    }
    let d = previous[b.count]
    if d <= max(1, min(2, a.count / 3)), best == nil || d < best!.0 || (d == best!.0 && c < best!.1) { best = (d, c) }
  }
  return best?.1
}

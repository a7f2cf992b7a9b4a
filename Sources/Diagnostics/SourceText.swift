internal import Synchronization

/// A file that a person wrote, held whole, with its line table: what diagnostics point into.
///
/// Offsets are bytes; lines and columns are for people: both start at 1, a column is one Unicode code point. A byte order mark at
/// the start of the file belongs to no column.
public final class SourceText: Sendable {
  /// The path as people are shown it.
  public let path: String
  public let bytes: [UInt8]
  // Made on first use: a file without problems never needs it.
  private let lineStarts = Mutex<[Int]?>(nil)

  public init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
  }

  public convenience init(path: String, text: String) { self.init(path: path, bytes: Array(text.utf8)) }

  /// How many lines the file has; an empty file has one.
  public var lineCount: Int { starts.count }

  /// The line and column of a byte offset. An offset past the end is the place after the last character.
  public func position(of offset: Int) -> (line: Int, column: Int) {
    let offset = min(max(offset, 0), bytes.count)
    let line = lineNumber(of: offset)
    let start = lineRange(line).lowerBound
    return (line, 1 + SourceText.countCharacters(bytes, start..<max(start, offset)))
  }

  /// The line number of a byte offset.
  public func lineNumber(of offset: Int) -> Int {
    let starts = starts
    var low = 0
    var high = starts.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= offset { low = middle } else { high = middle }
    }
    return low + 1
  }

  /// The bytes of a line without its line end (and without a byte order mark).
  public func lineRange(_ line: Int) -> Range<Int> {
    let starts = starts
    precondition(line >= 1 && line <= starts.count, "a line of the file")
    var lower = starts[line - 1]
    var upper = line < starts.count ? starts[line] - 1 : bytes.count
    if line < starts.count, upper > lower, bytes[upper - 1] == UInt8(ascii: "\r") { upper -= 1 }
    if line == 1, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { lower = min(3, upper) }
    return lower..<upper
  }

  /// The text of some bytes; what is not UTF-8 becomes U+FFFD.
  public func string(_ range: Range<Int>) -> String {
    String(decoding: bytes[range.clamped(to: 0..<bytes.count)], as: UTF8.self)
  }

  /// A range of this file.
  public func range(_ range: Range<Int>) -> SourceRange { SourceRange(text: self, range: range) }

  private var starts: [Int] {
    lineStarts.withLock { cached in
      if let cached { return cached }
      var starts = [0]
      bytes.withUnsafeBufferPointer { bytes in
        for at in 0..<bytes.count where bytes[at] == UInt8(ascii: "\n") { starts.append(at + 1) }
      }
      cached = starts
      return starts
    }
  }

  static func countCharacters(_ bytes: [UInt8], _ range: Range<Int>) -> Int {
    var count = 0
    for at in range where bytes[at] & 0xC0 != 0x80 { count += 1 }
    return count
  }
}

/// Some bytes of a file.
public struct SourceRange: Sendable {
  public let text: SourceText
  /// Byte offsets.
  public let range: Range<Int>

  public init(text: SourceText, range: Range<Int>) {
    self.text = text
    self.range = range.clamped(to: 0..<text.bytes.count)
  }

  public var path: String { text.path }
  public var line: Int { text.position(of: range.lowerBound).line }
  public var column: Int { text.position(of: range.lowerBound).column }
  /// The text that stands there.
  public var string: String { text.string(range) }

  /// Where this is, with the line to show.
  public var place: Place { Place(self) }
}

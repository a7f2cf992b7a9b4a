internal import Rows

/// The names of a CSV file's columns.
enum CSVHeader {
  /// More columns than this are no table.
  static let maximumColumns = 100_000

  /// Reads the header and leaves it behind; names that do not stand in the file are made up or given.
  static func read(_ window: ContentWindow, _ cutter: CSVCutter, _ dialect: CSVDialect) throws(ReadError) -> [String] {
    if case .names(let names) = dialect.header { return names }
    var start = 0
    while let record = try cutter.next(in: window, from: start) {
      if record.isRow {
        let names = try cells(window, start..<record.end, dialect)
        if case .none = dialect.header { return names.indices.map { "column_\($0 + 1)" } }
        try check(names, window, start..<record.end, dialect)
        window.drop(record.end)
        return names.map(\.text)
      }
      start = record.end
    }
    return []
  }

  private struct Cell { let text: String; let offset: Int }

  private static func cells(_ window: ContentWindow, _ range: Range<Int>, _ dialect: CSVDialect) throws(ReadError) -> [Cell] {
    let record = UnsafeRawBufferPointer(rebasing: window.bytes[range])
    if let invalid = UTF8Check.firstError(record) {
      throw window.error(
        .header, "the header is not UTF-8 (byte 0x\(String(record[invalid], radix: 16)))", at: range.lowerBound + invalid,
        help: "convert the file first: iconv -f LATIN1 -t UTF-8")
    }
    var found: [Cell] = []
    var cells = CSVCells(record, dialect)
    while true {
      do throws(CSVCells.Problem) {
        guard let cell = try cells.next() else { break }
        found.append(Cell(text: String(decoding: cells.decoded(cell), as: UTF8.self), offset: range.lowerBound + cell.start))
      } catch {
        throw window.error(.header, error.message, at: range.lowerBound + error.offset, help: error.help)
      }
      if found.count > maximumColumns { throw window.error(.header, "the header has more than \(maximumColumns) columns", at: range.lowerBound) }
    }
    return found
  }

  private static func check(_ names: [Cell], _ window: ContentWindow, _ range: Range<Int>, _ dialect: CSVDialect) throws(ReadError) {
    var seen: Set<String> = []
    for (index, name) in names.enumerated() {
      if name.text.isEmpty {
        throw window.error(
          .header, "column \(index + 1) has no name", at: name.offset,
          help:
            "name it in the file, or give all names: `options: { header: [\(names.indices.prefix(3).map { names[$0].text.isEmpty ? "name" : names[$0].text }.joined(separator: ", "))\(names.count > 3 ? ", …" : "")] }`"
        )
      }
      if !seen.insert(name.text).inserted {
        throw window.error(
          .header, "two columns are named `\(name.text)`", at: name.offset, help: "rename one in the file, or give all names: `options: { header: [a, b, …] }`")
      }
    }
  }
}

/// The cells of one CSV record, strictly: a quote opens a cell or is doubled in a quoted one.
struct CSVCells {
  struct Problem: Error {
    let message: String
    /// From the start of the record.
    let offset: Int
    let help: String?
  }

  struct Cell {
    /// Where the cell begins, with its quote.
    let start: Int
    /// What is in it; quotes are still doubled.
    let content: Range<Int>
    let isQuoted: Bool
  }

  private let record: UnsafeRawBufferPointer
  private let delimiter: UInt8
  private let quote: UInt8?
  /// The record without its line end.
  private let end: Int
  private var at = 0
  private var isDone = false

  init(_ record: UnsafeRawBufferPointer, _ dialect: CSVDialect) {
    self.record = record
    delimiter = dialect.delimiter
    quote = dialect.quote
    end = CSVCells.contentEnd(record)
  }

  /// Where the record's line end begins.
  @inline(__always)
  static func contentEnd(_ record: UnsafeRawBufferPointer) -> Int {
    var end = record.count
    if end > 0, record[end - 1] == 0x0A {
      end -= 1
      if end > 0, record[end - 1] == 0x0D { end -= 1 }
    }
    return end
  }

  mutating func next() throws(Problem) -> Cell? {
    if isDone { return nil }
    let start = at
    if let quote, at < end, record[at] == quote {
      at += 1
      while true {
        // The record ends outside of quotes, so there is a closing one.
        guard let close = ByteSearch.first(quote, in: record, from: at, to: end) else { throw CSVCells.unclosed(start) }
        if close + 1 < end, record[close + 1] == quote {
          at = close + 2
          continue
        }
        at = close + 1
        if at == end { isDone = true } else if record[at] == delimiter { at += 1 } else { throw CSVCells.afterQuote(record, at) }
        return Cell(start: start, content: (start + 1)..<close, isQuoted: true)
      }
    }
    while at < end, record[at] != delimiter {
      if record[at] == quote { throw CSVCells.strayQuote(at) }
      if record[at] == 0x0D { throw CSVCells.loneReturn(at) }
      at += 1
    }
    let cell = Cell(start: start, content: start..<at, isQuoted: false)
    if at == end { isDone = true } else { at += 1 }
    return cell
  }

  /// A cell's text with its quotes undoubled.
  func decoded(_ cell: Cell) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(cell.content.count)
    var at = cell.content.lowerBound
    while at < cell.content.upperBound {
      out.append(record[at])
      at += cell.isQuoted && record[at] == quote ? 2 : 1
    }
    return out
  }

  static func unclosed(_ offset: Int) -> Problem { Problem(message: "the quote that opens here is never closed", offset: offset, help: nil) }

  static func afterQuote(_ record: UnsafeRawBufferPointer, _ offset: Int) -> Problem {
    Problem(
      message: "expected a delimiter or the end of the line after the closing quote, found \(JSONStructureScan.name(record[offset]))", offset: offset,
      help: "a quote that is text is doubled: `\"\"`")
  }

  static func strayQuote(_ offset: Int) -> Problem {
    Problem(
      message: "a quote inside a cell that is not quoted", offset: offset,
      help: "quote the whole cell and double the quote (`\"\"`), or `options: { quote: none }` when quotes mean nothing in this file")
  }

  static func loneReturn(_ offset: Int) -> Problem {
    Problem(
      message: "a carriage return without a line feed", offset: offset,
      help: "quote the cell if it is text; if it ends the line, convert the file: tr '\\r' '\\n'")
  }
}

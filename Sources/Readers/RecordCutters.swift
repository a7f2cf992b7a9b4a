internal import Rows

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Finds where records end.
protocol RecordCutter {
  /// The record that begins at `start`, or nil when there is none left. Reads on as far as needed.
  mutating func next(in window: ContentWindow, from start: Int) throws(ReadError) -> RecordEnd?
  /// Checks what follows the last record, once all of them are taken.
  mutating func finish(_ window: ContentWindow) throws(ReadError)
}

extension RecordCutter {
  mutating func finish(_ window: ContentWindow) throws(ReadError) {}
}

/// Where a record ends, and whether it makes a row: a blank line does not.
struct RecordEnd {
  let end: Int
  let isRow: Bool
}

/// One record per line.
struct LineCutter: RecordCutter {
  let blankLinesAreRows: Bool

  func next(in window: ContentWindow, from start: Int) throws(ReadError) -> RecordEnd? {
    var at = start
    while true {
      let bytes = window.bytes
      if let end = ByteSearch.first(0x0A, in: bytes, from: at).map({ $0 + 1 }) {
        return RecordEnd(end: end, isRow: blankLinesAreRows || !Blank.is(bytes, start..<end))
      }
      at = bytes.count
      if at - start > ContentWindow.maximumRecordBytes { throw window.tooLarge(start) }
      if try !window.more() {
        return at == start ? nil : RecordEnd(end: at, isRow: blankLinesAreRows || !Blank.is(window.bytes, start..<at))
      }
    }
  }
}

/// The whole content is one record.
struct WholeCutter: RecordCutter {
  private var isDone = false

  mutating func next(in window: ContentWindow, from start: Int) throws(ReadError) -> RecordEnd? {
    if isDone { return nil }
    isDone = true
    while try window.more() { if window.count > ContentWindow.maximumRecordBytes { throw window.tooLarge(start) } }
    return RecordEnd(end: window.count, isRow: true)
  }
}

/// Records of CSV: a line end inside quotes ends none.
struct CSVCutter: RecordCutter {
  let scan: CSVRecordScan

  func next(in window: ContentWindow, from start: Int) throws(ReadError) -> RecordEnd? {
    var state = CSVRecordScan.State(start)
    while true {
      if let end = scan.advance(&state, window.bytes) {
        return RecordEnd(end: end, isRow: !CSVRecordScan.isBlank(window.bytes, start..<end))
      }
      if window.count - start > ContentWindow.maximumRecordBytes { throw unclosed(state, window) ?? window.tooLarge(start) }
      if try !window.more() {
        if let error = unclosed(state, window) { throw error }
        let end = window.count
        return end == start ? nil : RecordEnd(end: end, isRow: !CSVRecordScan.isBlank(window.bytes, start..<end))
      }
    }
  }

  private func unclosed(_ state: CSVRecordScan.State, _ window: ContentWindow) -> ReadError? {
    guard let opening = scan.unclosed(state, window.bytes) else { return nil }
    return window.error(
      .structure, "the quote that opens here is never closed", at: opening,
      help: "close the cell, or double the quote (`\"\"`) where it is text; `options: { quote: none }` when quotes mean nothing in this file")
  }
}

/// Finds the ends of CSV records; one pass, with the state of quotes carried along.
struct CSVRecordScan {
  let delimiter: UInt8
  let quote: UInt8?

  struct State {
    /// Where to look on.
    var at: Int
    /// The start of the record.
    let start: Int
    /// The opening quote, while inside quotes.
    var opening: Int?
    /// The next line end, when it has been looked for; it counts while it lies ahead.
    var newline = -1

    init(_ start: Int) {
      self.start = start
      self.at = start
    }
  }

  init(_ dialect: CSVDialect) {
    delimiter = dialect.delimiter
    quote = dialect.quote
  }

  /// The end of the record, or nil when it lies beyond `bytes`.
  func advance(_ state: inout State, _ bytes: UnsafeRawBufferPointer) -> Int? {
    guard let quote else {
      let found = ByteSearch.first(0x0A, in: bytes, from: state.at)
      state.at = bytes.count
      return found.map { $0 + 1 }
    }
    while state.at < bytes.count {
      if state.opening != nil {
        guard let close = ByteSearch.first(quote, in: bytes, from: state.at) else {
          state.at = bytes.count
          return nil
        }
        // Whether this quote closes is only known from the byte after it.
        guard close + 1 < bytes.count else {
          state.at = close
          return nil
        }
        if bytes[close + 1] == quote {
          state.at = close + 2
        } else {
          state.opening = nil
          state.at = close + 1
        }
        continue
      }
      if state.newline < state.at { state.newline = ByteSearch.first(0x0A, in: bytes, from: state.at) ?? -1 }
      let newline: Int? = state.newline < 0 ? nil : state.newline
      let limit = newline ?? bytes.count
      // A quote opens a cell only at the cell's start; anywhere else it is text (and a bad record, said when rows are made).
      var at = state.at
      var opening: Int?
      while let found = ByteSearch.first(quote, in: bytes, from: at, to: limit) {
        if found == state.start || bytes[found - 1] == delimiter {
          opening = found
          break
        }
        at = found + 1
      }
      if let opening {
        state.opening = opening
        state.at = opening + 1
        continue
      }
      state.at = limit
      if let newline { return newline + 1 }
    }
    return nil
  }

  /// The quote that is still open when `bytes` is all there is.
  func unclosed(_ state: State, _ bytes: UnsafeRawBufferPointer) -> Int? {
    guard let opening = state.opening else { return nil }
    return state.at == bytes.count - 1 && bytes[state.at] == quote ? nil : opening
  }

  /// An empty line makes no row.
  @inline(__always)
  static func isBlank(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
    range.count <= 2 && (bytes[range.lowerBound] == 0x0A || (bytes[range.lowerBound] == 0x0D && (range.count == 1 || bytes[range.lowerBound + 1] == 0x0A)))
  }
}

/// Blank lines of JSON Lines.
enum Blank {
  @inline(__always)
  static func `is`(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
    for at in range {
      switch bytes[at] {
      case 0x20, 0x09, 0x0A, 0x0D: continue
      default: return false
      }
    }
    return true
  }
}

/// Looks for a byte with the C library's vector code.
enum ByteSearch {
  @inline(__always)
  static func first(_ byte: UInt8, in bytes: UnsafeRawBufferPointer, from: Int, to: Int? = nil) -> Int? {
    let end = to ?? bytes.count
    guard from < end, let base = bytes.baseAddress else { return nil }
    guard let found = memchr(base + from, Int32(byte), end - from) else { return nil }
    return UnsafeRawPointer(found) - base
  }
}

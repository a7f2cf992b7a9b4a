internal import Rows

/// The bytes that rows of a CSV file have before each value.
struct CSVColumns: Sendable {
  let names: [String]
  /// `{"id":"` and `,"text":"` one after the other.
  let prefixes: [UInt8]
  /// Where each prefix ends.
  let prefixEnds: [Int]

  var count: Int { names.count }

  init(_ names: [String]) {
    self.names = names
    var bytes: [UInt8] = []
    var ends: [Int] = []
    for (index, name) in names.enumerated() {
      bytes.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
      JSONText.append(name, to: &bytes)
      bytes += [UInt8(ascii: ":"), UInt8(ascii: "\"")]
      ends.append(bytes.count)
    }
    prefixes = bytes
    prefixEnds = ends
  }
}

/// Rows from the CSV records of one raw chunk.
///
/// A record is written in one pass over its bytes, eight at a time; whatever is not as it should be makes that pass give up, and a
/// slower one says what is wrong.
struct CSVParser {
  private let raw: UnsafeRawBufferPointer
  private let dialect: CSVDialect
  private let columns: CSVColumns
  private let scan: CSVRecordScan
  private let null: [UInt8]?
  /// The whole chunk is well-formed UTF-8 without NUL, as nearly all are: cells need not be looked at one by one.
  private let isClean: Bool

  init(_ raw: UnsafeRawBufferPointer, _ dialect: CSVDialect, _ columns: CSVColumns) {
    self.raw = raw
    self.dialect = dialect
    self.columns = columns
    scan = CSVRecordScan(dialect)
    null = dialect.null.map { Array($0.utf8) }
    isClean = TextProblem.first(in: raw) == nil
  }

  func parse(into out: inout ParsedRecords) {
    var buffer = OutputBuffer(capacity: raw.count * 2)
    var start = 0
    var ordinal = 0
    while start < raw.count {
      var state = CSVRecordScan.State(start)
      let end = scan.advance(&state, raw) ?? raw.count
      if !CSVRecordScan.isBlank(raw, start..<end) {
        let content = start..<(start + CSVCells.contentEnd(UnsafeRawBufferPointer(rebasing: raw[start..<end])))
        if let problem = textProblem(content) ?? (write(content, to: &buffer) ? nil : problem(content)) {
          out.addBad(raw, content, ordinal, at: content.lowerBound + problem.offset, problem.message, help: problem.help)
        } else {
          out.rowEnds.append(Int32(buffer.count))
          out.records.append(Int32(ordinal))
        }
        ordinal += 1
      }
      start = end
    }
    out.bytes = buffer.bytes()
  }

  // MARK: The fast pass

  /// Writes a record's row; false when something is wrong with it, and nothing is written then.
  private func write(_ content: Range<Int>, to buffer: inout OutputBuffer) -> Bool {
    // Six bytes for each byte at worst (`\u0001`), and the eight that are written ahead.
    let room = buffer.room(columns.prefixes.count + 6 * content.count + 2 * columns.count + 32)
    let end = columns.prefixes.withUnsafeBytes { prefixes in
      columns.prefixEnds.withUnsafeBufferPointer { writeCells(content, prefixes, $0, room) }
    }
    guard let end else { return false }
    buffer.commit(end)
    return true
  }

  private func writeCells(
    _ content: Range<Int>, _ prefixes: UnsafeRawBufferPointer, _ prefixEnds: UnsafeBufferPointer<Int>, _ room: UnsafeMutableRawPointer
  ) -> UnsafeMutableRawPointer? {
    let base = raw.baseAddress!
    let end = content.upperBound
    let delimiter = dialect.delimiter
    let quote = dialect.quote
    var out = room
    var at = content.lowerBound
    var prefixStart = 0
    guard prefixEnds.count > 0 else { return nil }
    for column in 0..<prefixEnds.count {
      let prefixEnd = prefixEnds[column]
      out.copyMemory(from: prefixes.baseAddress! + prefixStart, byteCount: prefixEnd - prefixStart)
      out += prefixEnd - prefixStart
      prefixStart = prefixEnd
      if let quote, at < end, base.load(fromByteOffset: at, as: UInt8.self) == quote {
        guard writeQuoted(base, &at, end, quote, &out) else { return nil }
      } else {
        let start = at
        let mark = out
        guard writePlain(base, &at, end, delimiter, quote, &out) else { return nil }
        if let null, at - start == null.count, null.withUnsafeBytes({ UnsafeRawBufferPointer(rebasing: raw[start..<at]).elementsEqual($0) }) {
          // Over the opening quote; there is no closing one.
          (mark - 1).storeBytes(of: UInt32(littleEndian: 0x6C6C_756E), as: UInt32.self)
          out = mark + 3
          if !endCell(base, &at, end, delimiter, isLast: column == prefixEnds.count - 1) { return nil }
          continue
        }
      }
      out.storeBytes(of: UInt8(ascii: "\""), as: UInt8.self)
      out += 1
      if !endCell(base, &at, end, delimiter, isLast: column == prefixEnds.count - 1) { return nil }
    }
    out.storeBytes(of: UInt8(ascii: "}"), as: UInt8.self)
    out.storeBytes(of: 0x0A, toByteOffset: 1, as: UInt8.self)
    return out + 2
  }

  /// Crosses the delimiter; the last cell ends with the record.
  @inline(__always)
  private func endCell(_ base: UnsafeRawPointer, _ at: inout Int, _ end: Int, _ delimiter: UInt8, isLast: Bool) -> Bool {
    if isLast { return at == end }
    guard at < end, base.load(fromByteOffset: at, as: UInt8.self) == delimiter else { return false }
    at += 1
    return true
  }

  /// Copies an unquoted cell with JSON's escapes up to its delimiter; false at a quote or a lone carriage return.
  @inline(__always)
  private func writePlain(
    _ base: UnsafeRawPointer, _ at: inout Int, _ end: Int, _ delimiter: UInt8, _ quote: UInt8?, _ out: inout UnsafeMutableRawPointer
  ) -> Bool {
    let delimiters = SWAR.pattern(delimiter)
    let quotes = SWAR.pattern(quote ?? UInt8(ascii: "\""))
    while at < end {
      if at &+ 8 <= end {
        let word = base.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        out.storeBytes(of: word, as: UInt64.self)
        let hit = (SWAR.zeros(word ^ delimiters) | SWAR.zeros(word ^ quotes) | SWAR.escapes(word)) & SWAR.high
        if hit == 0 {
          at &+= 8
          out += 8
          continue
        }
        let clean = SWAR.firstByte(hit)
        at &+= clean
        out += clean
      }
      let byte = base.load(fromByteOffset: at, as: UInt8.self)
      if byte == delimiter { return true }
      if byte == quote || byte == 0x0D { return false }
      JSONEscape.write(byte, to: &out)
      at &+= 1
    }
    return true
  }

  /// Copies a quoted cell with JSON's escapes and crosses its closing quote; false when there is none.
  @inline(__always)
  private func writeQuoted(
    _ base: UnsafeRawPointer, _ at: inout Int, _ end: Int, _ quote: UInt8, _ out: inout UnsafeMutableRawPointer
  ) -> Bool {
    let quotes = SWAR.pattern(quote)
    at &+= 1
    while at < end {
      if at &+ 8 <= end {
        let word = base.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        out.storeBytes(of: word, as: UInt64.self)
        let hit = (SWAR.zeros(word ^ quotes) | SWAR.escapes(word)) & SWAR.high
        if hit == 0 {
          at &+= 8
          out += 8
          continue
        }
        let clean = SWAR.firstByte(hit)
        at &+= clean
        out += clean
      }
      let byte = base.load(fromByteOffset: at, as: UInt8.self)
      at &+= 1
      if byte == quote {
        guard at < end, base.load(fromByteOffset: at, as: UInt8.self) == quote else { return true }
        at &+= 1
      }
      JSONEscape.write(byte, to: &out)
    }
    return false
  }

  // MARK: What is wrong

  private func textProblem(_ content: Range<Int>) -> CSVCells.Problem? {
    guard !isClean, let problem = TextProblem.first(in: UnsafeRawBufferPointer(rebasing: raw[content])) else { return nil }
    return CSVCells.Problem(message: problem.message, offset: problem.offset, help: problem.help)
  }

  private func problem(_ content: Range<Int>) -> CSVCells.Problem {
    var cells = CSVCells(UnsafeRawBufferPointer(rebasing: raw[content]), dialect)
    var found = 0
    var surplus: Int?
    do throws(CSVCells.Problem) {
      while let cell = try cells.next() {
        if found == columns.count { surplus = cell.start }
        found += 1
      }
    } catch { return error }
    return ragged(found, surplus ?? content.count)
  }

  private func ragged(_ found: Int, _ offset: Int) -> CSVCells.Problem {
    precondition(found != columns.count, "a record that reads well was written")
    var help = found > columns.count ? "quote a cell that holds the delimiter" : nil
    if columns.count == 1, let other = columns.names[0].utf8.first(where: { $0 != dialect.delimiter && ";,|\t".utf8.contains($0) }) {
      help = "the header is one cell: does `\(other == 0x09 ? "\\t" : String(UnicodeScalar(other)))` part the cells? `options: { delimiter: … }`"
    }
    return CSVCells.Problem(
      message: "expected \(columns.count) \(columns.count == 1 ? "cell" : "cells"), one for each column, found \(found)", offset: offset, help: help)
  }
}

/// Eight bytes at a time.
enum SWAR {
  static let high: UInt64 = 0x8080_8080_8080_8080
  private static let ones: UInt64 = 0x0101_0101_0101_0101

  /// A byte in all eight places.
  @inline(__always)
  static func pattern(_ byte: UInt8) -> UInt64 { ones &* UInt64(byte) }

  /// The high bit of every byte that is zero, and perhaps of bytes above the lowest such: only the lowest flag is exact.
  @inline(__always)
  static func zeros(_ word: UInt64) -> UInt64 { (word &- ones) & ~word }

  /// The high bit of every byte that JSON escapes: `"`, `\`, control characters. The lowest flag is exact.
  @inline(__always)
  static func escapes(_ word: UInt64) -> UInt64 {
    zeros(word ^ 0x2222_2222_2222_2222) | zeros(word ^ 0x5C5C_5C5C_5C5C_5C5C) | (word &- 0x2020_2020_2020_2020) & ~word
  }

  /// Which byte has the lowest flag.
  @inline(__always)
  static func firstByte(_ flags: UInt64) -> Int { UInt64(littleEndian: flags).trailingZeroBitCount >> 3 }
}

/// JSON's escapes, one byte at a time.
enum JSONEscape {
  /// Writes a byte of a string; six bytes at most.
  @inline(__always)
  static func write(_ byte: UInt8, to out: inout UnsafeMutableRawPointer) {
    if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
      out.storeBytes(of: byte, as: UInt8.self)
      out += 1
      return
    }
    out.storeBytes(of: UInt8(ascii: "\\"), as: UInt8.self)
    let letter: UInt8
    switch byte {
    case 0x0A: letter = UInt8(ascii: "n")
    case 0x09: letter = UInt8(ascii: "t")
    case 0x0D: letter = UInt8(ascii: "r")
    case 0x08: letter = UInt8(ascii: "b")
    case 0x0C: letter = UInt8(ascii: "f")
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): letter = byte
    default:
      out.storeBytes(of: UInt8(ascii: "u"), toByteOffset: 1, as: UInt8.self)
      out.storeBytes(of: UInt8(ascii: "0"), toByteOffset: 2, as: UInt8.self)
      out.storeBytes(of: UInt8(ascii: "0"), toByteOffset: 3, as: UInt8.self)
      out.storeBytes(of: UInt8(ascii: "0") + (byte >> 4), toByteOffset: 4, as: UInt8.self)
      let low = byte & 15
      out.storeBytes(of: low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10, toByteOffset: 5, as: UInt8.self)
      out += 6
      return
    }
    out.storeBytes(of: letter, toByteOffset: 1, as: UInt8.self)
    out += 2
  }
}

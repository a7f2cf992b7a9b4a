internal import Rows

/// The bytes that rows of a CSV file have before each value.
struct CSVColumns: Sendable {
  let count: Int
  /// `{"id":` and `,"text":`.
  let prefixes: [[UInt8]]

  init(_ names: [String]) {
    count = names.count
    prefixes = names.enumerated().map { index, name in Array((index == 0 ? "{" : ",").utf8) + JSONText.quoted(name) + Array(":".utf8) }
  }
}

/// Rows from the CSV records of one raw chunk.
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

  mutating func parse(into out: inout ParsedRecords) {
    out.bytes.reserveCapacity(raw.count * 2)
    var start = 0
    var ordinal = 0
    while start < raw.count {
      var state = CSVRecordScan.State(start)
      let end = scan.advance(&state, raw) ?? raw.count
      if !CSVRecordScan.isBlank(raw, start..<end) {
        parseRecord(start..<end, ordinal, &out)
        ordinal += 1
      }
      start = end
    }
  }

  private func parseRecord(_ range: Range<Int>, _ ordinal: Int, _ out: inout ParsedRecords) {
    let record = UnsafeRawBufferPointer(rebasing: raw[range])
    let mark = out.bytes.count
    let content = range.lowerBound..<(range.lowerBound + CSVCells.contentEnd(record))
    if !isClean, let problem = TextProblem.first(in: record) {
      out.addBad(raw, content, ordinal, at: range.lowerBound + problem.offset, problem.message, help: problem.help)
      return
    }
    do throws(CSVCells.Problem) {
      var cells = CSVCells(record, dialect)
      var index = 0
      var last = 0
      while let cell = try cells.next() {
        guard index < columns.count else { throw ragged(try count(cells, index + 1), cell.start) }
        out.bytes += columns.prefixes[index]
        append(cell, cells, record, &out.bytes)
        last = cell.content.upperBound
        index += 1
      }
      guard index == columns.count else { throw ragged(index, min(last, max(0, content.count))) }
      out.bytes.append(UInt8(ascii: "}"))
      out.endRow(ordinal)
    } catch {
      out.bytes.removeSubrange(mark...)
      out.addBad(raw, content, ordinal, at: range.lowerBound + error.offset, error.message, help: error.help)
    }
  }

  private func append(_ cell: CSVCells.Cell, _ cells: CSVCells, _ record: UnsafeRawBufferPointer, _ out: inout [UInt8]) {
    let content = UnsafeRawBufferPointer(rebasing: record[cell.content])
    if !cell.isQuoted {
      if let null, content.count == null.count, content.elementsEqual(null) {
        out += [0x6E, 0x75, 0x6C, 0x6C]
        return
      }
      JSONText.append(content, to: &out)
      return
    }
    if let quote = dialect.quote, ByteSearch.first(quote, in: content, from: 0) != nil {
      cells.decoded(cell).withUnsafeBytes { JSONText.append($0, to: &out) }
    } else {
      JSONText.append(content, to: &out)
    }
  }

  /// How many cells a record has, given that so many were read.
  private func count(_ cells: CSVCells, _ read: Int) throws(CSVCells.Problem) -> Int {
    var cells = cells
    var count = read
    while try cells.next() != nil { count += 1 }
    return count
  }

  private func ragged(_ found: Int, _ offset: Int) -> CSVCells.Problem {
    CSVCells.Problem(
      message: "expected \(columns.count) \(columns.count == 1 ? "cell" : "cells"), one for each column, found \(found)", offset: offset,
      help: found > columns.count ? "quote a cell that holds the delimiter" : nil)
  }
}

public import Rows

/// What one raw chunk came to.
public struct ParsedRecords: Sendable {
  /// The rows: compact JSON objects, each ended by a newline.
  public internal(set) var bytes: [UInt8] = []
  /// Offset just after each row's newline.
  public internal(set) var rowEnds: [Int32] = []
  /// The record that each row comes from: its ordinal among the chunk's records, blank lines not counted.
  public internal(set) var records: [Int32] = []
  /// Records that make no row.
  public internal(set) var bad: [BadRecord] = []

  /// The rows as a chunk.
  public var rows: Chunk { Chunk(bytes: bytes, rowEnds: rowEnds) }
}

/// A record that does not parse. Everything in it is relative to the raw chunk, so that it may be cached.
public struct BadRecord: Sendable, Hashable {
  /// Ordinal among the chunk's records.
  public let record: Int
  /// The record's bytes in the raw chunk, without its line end.
  public let range: Range<Int>
  /// The offending byte.
  public let offset: Int
  /// Newlines between the start of the chunk and the place.
  public let line: Int
  /// From 1, in code points; counted from the chunk's start when `line` is 0.
  public let column: Int
  /// What was expected and what was found.
  public let message: String
  public let help: String?
  /// The line, or the part of it around the place.
  public let excerpt: [UInt8]
  public let excerptColumn: Int

  /// A record of a raw chunk that parses, but in which something else is wrong; its place is the record's start.
  public init(record: Int, range: Range<Int>, in raw: UnsafeRawBufferPointer, message: String, help: String?) {
    self.init(record: record, range: range, at: range.lowerBound, in: raw, message: message, help: help, showsLine: true)
  }

  init(
    record: Int, range: Range<Int>, at offset: Int, in raw: UnsafeRawBufferPointer, message: String, help: String?, showsLine: Bool
  ) {
    let place = TextPlace(in: raw, at: offset)
    self.record = record
    self.range = range
    self.offset = offset
    line = place.lines
    column = place.column
    self.message = message
    self.help = help
    excerpt = showsLine ? place.excerpt : []
    excerptColumn = place.excerptColumn
  }

  /// The same as an error that says where in the source it is.
  public func error(in name: String, entry: RawChunkEntry) -> ReadError {
    let shift = line == 0 ? entry.startColumn - 1 : 0
    return ReadError(
      .record, message, in: name, line: entry.startLine + line, column: column + shift, excerpt: excerpt, excerptColumn: excerptColumn + shift,
      help: help)
  }
}

/// Turns raw chunks into rows: a pure function of the format, the context and the bytes.
///
/// JSON is checked strictly (RFC 8259, UTF-8, no duplicate keys, nothing deeper than 512 levels) and copied without the white space
/// between its tokens; numbers and strings stay as they are written. CSV cells are strings. Good for any number of chunks with the
/// same context.
public struct RecordParser: Sendable {
  private let format: RecordFormat
  private let context: RecordContext
  private let columns: CSVColumns

  /// The parser that a raw chunk's context asks for: a context says everything that is not in the bytes.
  public init(context: [UInt8]) {
    self.context = RecordContext(context)
    format = self.context.format
    columns = CSVColumns(self.context.columns ?? [])
  }

  /// The columns of CSV, in order; nil when records name their own fields.
  public var columnNames: [String]? { context.columns }

  /// The rows of a raw chunk, and its bad records.
  public func parse(_ raw: [UInt8]) -> ParsedRecords { raw.withUnsafeBytes { parse($0) } }

  /// The rows of a raw chunk, and its bad records.
  public func parse(_ raw: UnsafeRawBufferPointer) -> ParsedRecords {
    var out = ParsedRecords()
    switch format {
    case .jsonl, .database: parseLines(raw, &out)
    case .json: parseElements(raw, &out)
    case .csv(let dialect):
      let parser = CSVParser(raw, dialect, columns)
      parser.parse(into: &out)
    case .text(.line): parseTextLines(raw, &out)
    case .text(.file): parseTextFile(raw, &out)
    }
    return out
  }

  /// The byte range of each record of a raw chunk (without its line end), in order: what ordinals count.
  public func recordRanges(in raw: UnsafeRawBufferPointer) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    forEachRecord(raw) { ranges.append($0) }
    return ranges
  }

  /// How many newlines stand before the record with this ordinal.
  public func line(ofRecord ordinal: Int, in raw: [UInt8]) -> Int? {
    raw.withUnsafeBytes { raw in
      let ranges = recordRanges(in: raw)
      return ranges.indices.contains(ordinal) ? Lines.count(UnsafeRawBufferPointer(rebasing: raw[..<ranges[ordinal].lowerBound])) : nil
    }
  }

  // MARK: Records

  private func forEachRecord(_ raw: UnsafeRawBufferPointer, _ body: (Range<Int>) -> Void) {
    switch format {
    case .text(.file): body(0..<raw.count)
    case .json:
      var at = 0
      while let element = Self.nextElement(raw, &at) { body(element) }
    case .csv(let dialect):
      let scan = CSVRecordScan(dialect)
      var start = 0
      while start < raw.count {
        var state = CSVRecordScan.State(start)
        let end = scan.advance(&state, raw) ?? raw.count
        if !CSVRecordScan.isBlank(raw, start..<end) {
          body(start..<(start + CSVCells.contentEnd(UnsafeRawBufferPointer(rebasing: raw[start..<end]))))
        }
        start = end
      }
    case .jsonl, .database, .text(.line):
      let keepsBlank = format == .text(.line)
      var start = 0
      while start < raw.count {
        let end = ByteSearch.first(0x0A, in: raw, from: start).map { $0 + 1 } ?? raw.count
        if keepsBlank || !Blank.is(raw, start..<end) {
          body(start..<(start + CSVCells.contentEnd(UnsafeRawBufferPointer(rebasing: raw[start..<end]))))
        }
        start = end
      }
    }
  }

  /// The next element of an array's content, without the separators before it.
  private static func nextElement(_ raw: UnsafeRawBufferPointer, _ at: inout Int) -> Range<Int>? {
    while at < raw.count {
      switch raw[at] {
      case 0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: ","): at += 1
      default:
        let start = at
        // Brackets and quotes were balanced when the chunk was cut.
        at = max(start + 1, min(raw.count, JSONScanner.skipValue(raw, at: start)))
        return start..<at
      }
    }
    return nil
  }

  // MARK: Formats

  private func parseLines(_ raw: UnsafeRawBufferPointer, _ out: inout ParsedRecords) {
    writeObjects(raw, &out) { write in
      var ordinal = 0
      forEachRecord(raw) { range in
        write(range, ordinal)
        ordinal += 1
      }
    }
  }

  private func parseElements(_ raw: UnsafeRawBufferPointer, _ out: inout ParsedRecords) {
    writeObjects(raw, &out) { write in
      var ordinal = 0
      var at = 0
      while let range = Self.nextElement(raw, &at) {
        write(range, ordinal)
        ordinal += 1
      }
    }
  }

  /// Writes the objects that `body` names by their ranges.
  private func writeObjects(
    _ raw: UnsafeRawBufferPointer, _ out: inout ParsedRecords, _ body: (_ write: (Range<Int>, Int) -> Void) -> Void
  ) {
    var result = ParsedRecords()
    // A compact row is never longer than its record; the last one may get a newline that it did not have, and words are written whole.
    result.bytes = [UInt8](unsafeUninitializedCapacity: raw.count + 64) { buffer, count in
      guard let base = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
      var writer = JSONRowWriter(raw)
      var at = base
      body { range, ordinal in
        if let end = writer.write(range, to: at) ?? writeSlowly(raw, range, ordinal, to: at, &result) {
          at = end
          result.rowEnds.append(Int32(at - base))
          result.records.append(Int32(ordinal))
        }
      }
      count = at - base
    }
    out = result
  }

  /// Writes an object of unusual shape, or says what is wrong with it.
  private func writeSlowly(
    _ raw: UnsafeRawBufferPointer, _ range: Range<Int>, _ ordinal: Int, to room: UnsafeMutableRawPointer, _ out: inout ParsedRecords
  ) -> UnsafeMutableRawPointer? {
    let record = UnsafeRawBufferPointer(rebasing: raw[range])
    if format == .database, record.first == DatabaseStream.badRowMark {
      // The line is ours: there is nothing in it to look at.
      out.addBad(raw, range, ordinal, at: range.lowerBound, String(decoding: record.dropFirst(), as: UTF8.self), help: nil, showsLine: false)
      return nil
    }
    var row: [UInt8] = []
    do {
      try JSONValidator.appendObject(record, to: &row)
    } catch {
      let isList = format == .jsonl && record.first == UInt8(ascii: "[")
      out.addBad(
        raw, range, ordinal, at: range.lowerBound + error.offset, error.message,
        help: isList ? "JSON Lines have one object on each line; a file that is one list of them is `format: json`" : nil)
      return nil
    }
    JSONKeys.unescape(&row)
    row.append(0x0A)
    row.withUnsafeBytes { room.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    return room + row.count
  }

  private func parseTextLines(_ raw: UnsafeRawBufferPointer, _ out: inout ParsedRecords) {
    out.bytes.reserveCapacity(raw.count + raw.count / 4)
    var ordinal = 0
    forEachRecord(raw) { range in
      if appendText(raw, range, ordinal, prefix: #"{"text":"#, &out) {
        out.bytes.append(UInt8(ascii: "}"))
        out.endRow(ordinal)
      }
      ordinal += 1
    }
  }

  private func parseTextFile(_ raw: UnsafeRawBufferPointer, _ out: inout ParsedRecords) {
    out.bytes.reserveCapacity(raw.count + raw.count / 8)
    let name = String(decoding: JSONText.quoted(context.name ?? ""), as: UTF8.self)
    if appendText(raw, 0..<raw.count, 0, prefix: #"{"path":\#(name),"text":"#, &out) {
      out.bytes.append(UInt8(ascii: "}"))
      out.endRow(0)
    }
  }

  private func appendText(
    _ raw: UnsafeRawBufferPointer, _ range: Range<Int>, _ ordinal: Int, prefix: String, _ out: inout ParsedRecords
  ) -> Bool {
    let text = UnsafeRawBufferPointer(rebasing: raw[range])
    if let problem = TextProblem.first(in: text) {
      out.addBad(raw, range, ordinal, at: range.lowerBound + problem.offset, problem.message, help: problem.help)
      return false
    }
    out.bytes.append(contentsOf: prefix.utf8)
    JSONText.append(text, to: &out.bytes)
    return true
  }
}

/// What keeps bytes from being text.
struct TextProblem {
  let offset: Int
  let message: String
  let help: String

  static func first(in text: UnsafeRawBufferPointer) -> TextProblem? {
    if let invalid = UTF8Check.firstError(text) { return notUTF8(text, invalid) }
    if let zero = ByteSearch.first(0, in: text, from: 0) { return nul(zero) }
    return nil
  }

  static func notUTF8(_ text: UnsafeRawBufferPointer, _ offset: Int) -> TextProblem {
    TextProblem(
      offset: offset, message: "invalid UTF-8 (byte 0x\(String(text[offset], radix: 16)))", help: "is the file in another encoding? iconv -f LATIN1 -t UTF-8")
  }

  static func nul(_ offset: Int) -> TextProblem {
    TextProblem(offset: offset, message: "a NUL byte: this is not text", help: "is this the right `format`?")
  }
}

extension ParsedRecords {
  /// Ends the row whose object was just appended.
  @inline(__always)
  mutating func endRow(_ ordinal: Int) {
    bytes.append(0x0A)
    rowEnds.append(Int32(bytes.count))
    records.append(Int32(ordinal))
  }

  mutating func addBad(
    _ raw: UnsafeRawBufferPointer, _ range: Range<Int>, _ ordinal: Int, at offset: Int, _ message: String, help: String?, showsLine: Bool = true
  ) {
    bad.append(BadRecord(record: ordinal, range: range, at: offset, in: raw, message: message, help: help, showsLine: showsLine))
  }
}

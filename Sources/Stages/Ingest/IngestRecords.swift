internal import Engine
internal import Readers
internal import Rows

/// The records of a chunk, whether it comes from outside or from a stage.
struct IngestRecords {
  enum Content {
    case row(UnsafeRawBufferPointer)
    case bad(BadRecord)
  }

  /// Where records begin and end; found only when something is wrong with one.
  private final class Ranges {
    var known: [Range<Int>]?
  }

  private let chunk: InputChunk
  private let parser: RecordParser?
  private let parsed: ParsedRecords?
  private let rows: Chunk
  private let ranges = Ranges()

  init(_ chunk: InputChunk) {
    self.chunk = chunk
    // Raw chunks always say how they are to be read.
    if chunk.context.isEmpty {
      parser = nil
      parsed = nil
      rows = chunk.rows
    } else {
      let parser = RecordParser(context: chunk.context)
      let parsed = parser.parse(chunk.bytes)
      self.parser = parser
      self.parsed = parsed
      rows = parsed.rows
    }
  }

  /// Every record in order, with its ordinal.
  func forEach(_ body: (Int, Content) throws(TaskFailure) -> Void) throws(TaskFailure) {
    guard let parsed else { return try rows.forEachRow { (ordinal, row) throws(TaskFailure) in try body(ordinal, .row(row)) } }
    var nextBad = 0
    func badBefore(_ ordinal: Int) throws(TaskFailure) {
      while nextBad < parsed.bad.count, parsed.bad[nextBad].record < ordinal {
        try body(parsed.bad[nextBad].record, .bad(parsed.bad[nextBad]))
        nextBad += 1
      }
    }
    try rows.forEachRow { (index, row) throws(TaskFailure) in
      let ordinal = Int(parsed.records[index])
      try badBefore(ordinal)
      try body(ordinal, .row(row))
    }
    try badBefore(Int.max)
  }

  /// Checks the columns of CSV; the fields of JSON are each row's own.
  func checkColumns(_ steps: RowSteps, _ index: Int) throws(TaskFailure) {
    guard let names = parser?.columnNames else { return }
    do throws(TaskFailure) { try steps.check(columns: names) } catch {
      var failure = error
      failure.rows = [RowParent(chunk: index, row: 0)]
      throw failure
    }
  }

  // MARK: Bad rows

  /// A record that did not parse.
  func bad(_ record: BadRecord) -> BadRow { BadRow(record, in: chunk.bytes, isInside: record.offset > record.range.lowerBound) }

  /// A row that parsed, but whose values are wrong.
  func bad(_ ordinal: Int, _ row: UnsafeRawBufferPointer, _ message: String, _ help: String?) -> BadRow {
    guard let parser else { return BadRow(row: Array(row), message: message, help: help) }
    let record = chunk.bytes.withUnsafeBytes { raw in
      if ranges.known == nil { ranges.known = parser.recordRanges(in: raw) }
      return BadRecord(record: ordinal, range: ranges.known![ordinal], in: raw, message: message, help: help)
    }
    return BadRow(record, in: chunk.bytes, isInside: false)
  }
}

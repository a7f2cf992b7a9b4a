internal import Engine
internal import Readers
internal import Rows

/// A row that cannot be used. Nothing in it is absolute, so that it may be cached.
struct BadRow {
  /// A quarantined record longer than this is cut: whoever looks at it has the source.
  static let maximumRecordBytes = 64 * 1024

  let message: String
  let help: String?
  /// The record as it stands in the source.
  let record: ArraySlice<UInt8>
  /// The offending character, from 1, counted from the record's start.
  let column: Int?
  /// Its place in the raw chunk; nil for rows that come from a stage.
  private let place: BadRecord?

  init(_ record: BadRecord, in raw: [UInt8], isInside: Bool) {
    message = record.message
    help = record.help
    self.record = raw[record.range]
    column = isInside ? 1 + raw[record.range.lowerBound..<record.offset].count { $0 & 0xC0 != 0x80 } : nil
    place = record
  }

  init(row: [UInt8], message: String, help: String?) {
    self.message = message
    self.help = help
    record = row[...]
    column = nil
    place = nil
  }

  /// The row that is set aside: `{"record": "…", "error": "…", "column": 7, "help": "…"}`.
  func append(to out: inout [UInt8]) {
    out += "{\"record\":".utf8
    // What is not UTF-8 is shown as U+FFFD; the source has the bytes.
    var text = String(decoding: record.prefix(Self.maximumRecordBytes), as: UTF8.self)
    if record.count > Self.maximumRecordBytes { text += "…" }
    JSONText.append(text, to: &out)
    out += ",\"error\":".utf8
    JSONText.append(message, to: &out)
    if let column { out += ",\"column\":\(column)".utf8 }
    if let help {
      out += ",\"help\":".utf8
      JSONText.append(help, to: &out)
    }
    out.append(UInt8(ascii: "}"))
  }

  func failure(_ parent: RowParent) -> TaskFailure {
    guard let place else { return TaskFailure(id: "bad-row", message: message, rows: [parent], help: help) }
    return TaskFailure(
      id: "bad-row", message: message,
      record: RecordPlace(
        chunk: parent.chunk, lines: place.line, column: place.column, excerpt: String(decoding: place.excerpt, as: UTF8.self),
        excerptColumn: place.excerptColumn),
      help: help)
  }
}

/// Sets bad rows aside, or fails with the first one.
struct BadRows {
  private let quarantines: Bool
  private let chunk: Int
  private var first: TaskFailure?
  private var more = 0

  init(quarantines: Bool, chunk: Int) {
    self.quarantines = quarantines
    self.chunk = chunk
  }

  mutating func add(_ row: BadRow, _ parent: RowParent, _ writer: TaskWriter) throws(TaskFailure) {
    guard quarantines else {
      if first == nil { first = row.failure(parent) } else { more += 1 }
      return
    }
    try writer.emit(to: 1, from: parent) { (out) throws(TaskFailure) in row.append(to: &out) }
    writer.drop(parent, because: "quarantined")
    writer.count("quarantined")
  }

  /// Throws the first bad row of a stage that has none.
  func finish() throws(TaskFailure) {
    guard var failure = first else { return }
    if more > 0 { failure.notes.append(("more", "\(more) more bad row\(more == 1 ? "" : "s") in the same part of the file")) }
    failure.notes.append(("skip", "`on_bad_row: quarantine` sets bad rows aside"))
    throw failure
  }
}

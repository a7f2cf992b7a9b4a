internal import Rows

/// Cuts one decoded content (a file, a member) into raw chunks.
final class ContentCutter {
  private let window: ContentWindow
  private let member: String
  private let context: [UInt8]
  private var records: any RecordCutter
  private var cutter = ChunkCutter()
  private var cuts: [ChunkCutter.Cut] = []
  private var nextCut = 0
  /// End of the last record that the cutter has seen, from the start of the open chunk.
  private var scanned = 0
  /// Records of the open chunk, by their ordinal in it, that make no row.
  private var blanks: [Int] = []
  private var ordinal = 0
  private var phase = Phase.records

  private enum Phase { case records, lastCuts, done }

  /// - Parameter name: what people are shown; `rowsName`: what rows see as `path`.
  init(_ stream: any ByteStream, name: String, member: String, rowsName: String, format: RecordFormat, seesNames: Bool, sizeHint: Int) throws(ReadError) {
    let window = ContentWindow(stream, name: name, sizeHint: sizeHint)
    self.window = window
    self.member = member
    try Encoding.check(window, format)
    var columns: [String]?
    switch format {
    case .jsonl, .database: records = LineCutter(blankLinesAreRows: false)
    case .text(.line): records = LineCutter(blankLinesAreRows: true)
    case .text(.file): records = WholeCutter()
    case .csv(let dialect):
      let cutter = CSVCutter(scan: CSVRecordScan(dialect))
      records = cutter
      columns = try CSVHeader.read(window, cutter, dialect)
    case .json(let rows):
      window.followsColumns = true
      var cutter = JSONCutter(path: rows)
      try cutter.open(window)
      records = cutter
    }
    context = RecordContext(format: format, columns: columns, name: seesNames || format.seesNames ? rowsName : nil).encoded
  }

  func next() throws(ReadError) -> RawChunk? {
    while true {
      if nextCut < cuts.count {
        nextCut += 1
        return take(cuts[nextCut - 1])
      }
      cuts.removeAll(keepingCapacity: true)
      nextCut = 0
      switch phase {
      case .records: try addRecord()
      case .lastCuts:
        try records.finish(window)
        phase = .done
      case .done: return nil
      }
    }
  }

  private func addRecord() throws(ReadError) {
    guard let record = try records.next(in: window, from: scanned) else {
      if let last = cutter.finish() { cuts.append(last) }
      phase = .lastCuts
      return
    }
    if !record.isRow { blanks.append(ordinal) }
    ordinal += 1
    let digest = XXHash64.hash(UnsafeRawBufferPointer(rebasing: window.bytes[scanned..<record.end]))
    cutter.add(digest: digest, bytes: record.end - scanned, into: &cuts)
    scanned = record.end
  }

  private func take(_ cut: ChunkCutter.Cut) -> RawChunk {
    let bytes = [UInt8](UnsafeRawBufferPointer(rebasing: window.bytes[..<cut.bytes]))
    let blank = blanks.prefix { $0 < cut.rows }.count
    let entry = RawChunkEntry(
      digest: Digest.of(bytes), context: context, member: member, offset: window.offset, length: cut.bytes, records: cut.rows - blank,
      startLine: window.line, startColumn: window.column)
    blanks = blanks.dropFirst(blank).map { $0 - cut.rows }
    ordinal -= cut.rows
    scanned -= cut.bytes
    window.drop(cut.bytes)
    return RawChunk(bytes: bytes, entry: entry)
  }
}

/// What the first bytes say about the text.
enum Encoding {
  /// Leaves a byte order mark behind, and refuses what is not UTF-8 text at all.
  static func check(_ window: ContentWindow, _ format: RecordFormat) throws(ReadError) {
    try window.fill(8)
    let start = Array(window.bytes.prefix(8))
    if let encoding = wide(start) {
      throw ReadError(
        .encoding, "this is \(encoding) text, not UTF-8", in: window.name,
        help: "convert it first: iconv -f \(encoding) -t UTF-8")
    }
    if let kind = packed(start) {
      throw ReadError(
        .archive, "this is \(kind) data, but its name does not say so", in: window.name,
        help: "the name's end (`.gz`, `.zip`, …) decides how a file is unpacked: rename it")
    }
    if start.starts(with: [0xEF, 0xBB, 0xBF]) { window.drop(3) }
  }

  private static func wide(_ start: [UInt8]) -> String? {
    if start.starts(with: [0xFF, 0xFE, 0, 0]) || start.starts(with: [0, 0, 0xFE, 0xFF]) { return "UTF-32" }
    if start.starts(with: [0xFF, 0xFE]) || start.starts(with: [0xFE, 0xFF]) { return "UTF-16" }
    // Without a mark, every other byte of Latin text is zero.
    guard start.count >= 4 else { return nil }
    if start[0] != 0, start[1] == 0, start[2] != 0, start[3] == 0 { return "UTF-16LE" }
    if start[0] == 0, start[1] != 0, start[2] == 0, start[3] != 0 { return "UTF-16BE" }
    return nil
  }

  private static func packed(_ start: [UInt8]) -> String? {
    let magics: [(bytes: [UInt8], name: String)] = [
      ([0x1F, 0x8B, 0x08], "gzip"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "xz"), ([0x42, 0x5A, 0x68, 0x31], "bzip2"),
      ([0x42, 0x5A, 0x68, 0x39], "bzip2"), ([0x50, 0x4B, 0x03, 0x04], "zip"), ([0x37, 0x7A, 0xBC, 0xAF], "7z"), (Array("PAR1".utf8), "Parquet"),
      (Array("SQLite f".utf8), "SQLite"),
    ]
    return magics.first { start.starts(with: $0.bytes) }?.name
  }
}

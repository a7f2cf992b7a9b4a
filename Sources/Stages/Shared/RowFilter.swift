internal import Diagnostics
internal import Engine
internal import Rows

/// The field `where`, which every stage has: rows of which it is not true count as dropped.
struct RowFilter: Sendable {
  private let test: RowTest?

  /// Keeps every row.
  init() { test = nil }

  init(_ reader: inout SettingReader) {
    let stage = reader.stage
    test = reader.setting("where").flatMap { setting in reader.attempt { () throws(Problems) in RowTest(try stage.expression(setting)) } }
  }

  /// The columns it looks at.
  var names: [String] { test?.names ?? [] }

  /// Whether there is anything to ask.
  var isActive: Bool { test != nil }

  /// Whether a row stays; if not, it is noted as dropped.
  func keeps(_ row: UnsafeRawBufferPointer, _ parent: RowParent, _ worker: WorkerLocal, _ writer: TaskWriter) throws(TaskFailure) -> Bool {
    guard let test else { return true }
    if try test.holds(row, parent: parent, worker: worker) { return true }
    writer.drop(parent, because: "where")
    return false
  }

  /// The rows of a chunk that stay, and which of the chunk's rows they were.
  func kept(
    _ chunk: Chunk, port: Int, ordinal: Int, _ worker: WorkerLocal, _ writer: TaskWriter
  ) throws(TaskFailure) -> (rows: Chunk, ordinals: [Int]?) {
    guard isActive else { return (chunk, nil) }
    var bytes: [UInt8] = []
    var ordinals: [Int] = []
    try chunk.forEachRow { (row, content) throws(TaskFailure) in
      guard try keeps(content, RowParent(port: port, chunk: ordinal, row: row), worker, writer) else { return }
      bytes += content
      bytes.append(0x0A)
      ordinals.append(row)
    }
    return (Chunk(bytes: bytes), ordinals)
  }
}

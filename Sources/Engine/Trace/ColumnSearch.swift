import Rows
import Store

/// Finds the rows of a table that hold a value in a column.
///
/// A column that is indexed has a sidecar per chunk with the hash of each row's value, which row keys and `trace_by` columns get while the
/// chunk is made, and others when they are first asked for; of any other column the rows are read.
struct ColumnSearch {
  let scheduler: Scheduler
  let column: String
  private let key: RowKey
  private let wanted: UInt64
  private let text: [UInt8]

  init(_ scheduler: Scheduler, column: String, value: String) {
    self.scheduler = scheduler
    self.column = column
    key = RowKey(columns: [column])
    text = Array(value.utf8)
    wanted = SideKey.hash(text)
  }

  /// Whether the rows of a table have the column, as far as its kind or its first row says.
  func isColumn(of table: TableRun, _ output: OutputPort) throws(TaskFailure) -> Bool {
    if let columns = output.traits.columns { return columns.contains(column) }
    guard table.rows > 0 else { return false }
    try scheduler.load(table)
    guard let first = table.chunks.indices.first(where: { table.chunks[$0].ref.rows > 0 }) else { return false }
    let chunk = Chunk(bytes: try scheduler.bytes(of: table, first, consuming: false))
    let row = Array(chunk.bytes[chunk.range(ofRow: 0)])
    return row.withUnsafeBytes { JSONScanner.value(of: JSONText.quoted(column), in: $0) != nil }
  }

  /// Whether an output's column has an index.
  func isIndexed(_ run: StageRun, _ output: OutputPort) -> Bool {
    if output.traits.rowKey == [column] || run.stage.settings.tracedColumns.contains(column) { return true }
    return scheduler.stages.contains { other in
      guard let split = other.stage.keyFields.first(where: { $0.name == "split" })?.value else { return false }
      return FieldDiff.members(Array(split.utf8)).contains { name, value in
        name == "by" && (value.first == UInt8(ascii: "[") ? FieldDiff.items(value) : [value]).contains { FieldDiff.text($0) == "\"\(column)\"" }
      }
    }
  }

  /// Calls `body` with each row that holds the value: its chunk and its place there.
  func forEachRow(of table: TableRun, isIndexed: Bool, _ body: (Int, Int) -> Void) throws(TaskFailure) {
    try scheduler.load(table)
    for ordinal in table.chunks.indices where table.chunks[ordinal].ref.rows > 0 {
      if isIndexed { try look(up: ordinal, table, body) } else { try scan(ordinal, table, body) }
    }
  }

  private func look(up ordinal: Int, _ table: TableRun, _ body: (Int, Int) -> Void) throws(TaskFailure) {
    let ref = table.chunks[ordinal].ref
    let name = UniqueKeys.name(key, ref)
    var hashes = (try? scheduler.store.entry(.sidecar, name)) ?? nil
    if hashes?.count != 8 * ref.rows {
      let made = UniqueKeys.hashes(of: key, in: try scheduler.bytes(of: table, ordinal, consuming: false))
      // What is not kept is made again by the next question.
      try? scheduler.store.record(.sidecar, name, made)
      hashes = made
    }
    let wanted = wanted.littleEndian
    hashes!.withUnsafeBytes { raw in
      for row in 0..<(raw.count / 8) where raw.loadUnaligned(fromByteOffset: row * 8, as: UInt64.self) == wanted { body(ordinal, row) }
    }
  }

  private func scan(_ ordinal: Int, _ table: TableRun, _ body: (Int, Int) -> Void) throws(TaskFailure) {
    Chunk(bytes: try scheduler.bytes(of: table, ordinal, consuming: false)).forEachRow { (row, bytes) in
      if (try? key.text(of: bytes)) == text { body(ordinal, row) }
    }
  }
}

internal import Engine
internal import Rows
internal import Templates

/// Examples shown before the question: the first rows of a table that may be used so.
struct FewShot: Sendable {
  static let port = "examples"

  final class Identity: Sendable {}

  let count: Int
  let test: RowTest?
  let identity = Identity()

  /// A worker's choice, made once for a stage.
  private final class Choices {
    var rows: [ObjectIdentifier: (identity: Identity, rows: [[UInt8]])] = [:]
  }

  /// The first rows that may be shown: one more than asked for, since a row is never its own example.
  func candidates(_ table: WholeTable, _ worker: WorkerLocal) throws(TaskFailure) -> [[UInt8]] {
    let choices = worker.object(Choices.self) { Choices() }
    let key = ObjectIdentifier(identity)
    if let known = choices.rows[key] { return known.rows }
    var rows: [[UInt8]] = []
    for ordinal in 0..<table.chunkCount where rows.count <= count {
      try table.chunk(ordinal).forEachRow { (row, bytes) throws(TaskFailure) in
        guard rows.count <= count, FewShotUse.isAllowed(bytes) else { return }
        if let test, try !test.holds(bytes, parent: RowParent(port: -1, chunk: ordinal, row: row), worker: worker) { return }
        rows.append(Array(bytes))
      }
    }
    choices.rows[key] = (identity, rows)
    return rows
  }

  /// The examples of one row.
  func examples(for row: UnsafeRawBufferPointer, key: RowKey, among candidates: [[UInt8]]) -> [[UInt8]] {
    guard !key.columns.isEmpty, let own = try? key.text(of: row) else { return Array(candidates.prefix(count)) }
    let others = candidates.filter { candidate in candidate.withUnsafeBytes { (try? key.text(of: $0)) != own } }
    return Array(others.prefix(count))
  }

  /// The rows as one list.
  static func value(_ rows: [[UInt8]]) -> Value {
    var json: [UInt8] = [UInt8(ascii: "[")]
    for (index, row) in rows.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      json += row
    }
    json.append(UInt8(ascii: "]"))
    return Value(json: json) ?? .none
  }
}

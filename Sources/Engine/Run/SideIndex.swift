import Rows

/// A side table by key, projected on the fields that a stage reads.
///
/// Built once per run and stage, and only when some chunk's key has to be known.
final class SideIndex: Sendable {
  private let rows: [UInt64: [SideRows.Row]]

  init(rows: [UInt64: [SideRows.Row]]) { self.rows = rows }

  /// Reads the side table's rows in order.
  static func build(_ reading: KeyedReading, from table: WholeTable) throws(TaskFailure) -> SideIndex {
    let key = RowKey(columns: reading.key)
    let fields = reading.fields.map { $0.map(JSONText.quoted) }
    var rows: [UInt64: [SideRows.Row]] = [:]
    try table.forEachRow { (chunk, row, bytes) throws(TaskFailure) in
      if let accepts = reading.accepts, !accepts(bytes) { return }
      let text: [UInt8]
      do throws(RowKey.Failure) {
        text = try key.text(of: bytes)
      } catch {
        // A row that cannot be asked for is seen by nobody.
        if case .null = error { return }
        guard case .missing(let column) = error else { return }
        throw TaskFailure(id: "side-key", message: "a row of the side table has no column `\(column)`", rows: [RowParent(port: -1, chunk: chunk, row: row)])
      }
      rows[SideKey.hash(text), default: []].append(SideRows.Row(key: text, bytes: project(bytes, on: fields), place: .init(chunk: chunk, row: row)))
    }
    return SideIndex(rows: rows)
  }

  /// The digest of everything that these keys see, absence included, and the rows themselves.
  func look(up hashes: [UInt64]) -> (digest: Digest, rows: SideRows) {
    var found: [UInt64: [SideRows.Row]] = [:]
    found.reserveCapacity(hashes.count)
    var writer = ByteWriter()
    for hash in hashes {
      writer.word(hash)
      let seen = rows[hash] ?? []
      writer.number(seen.count)
      for row in seen {
        writer.blob(row.key)
        writer.blob(row.bytes)
      }
      if !seen.isEmpty { found[hash] = seen }
    }
    return (Digest.of(writer.bytes), SideRows(rows: found))
  }

  static func project(_ row: UnsafeRawBufferPointer, on fields: [[UInt8]]?) -> [UInt8] {
    guard let fields else { return Array(row) }
    var out: [UInt8] = [UInt8(ascii: "{")]
    for field in fields {
      guard let value = JSONScanner.value(of: field, in: row) else { continue }
      if out.count > 1 { out.append(UInt8(ascii: ",")) }
      out.append(contentsOf: field)
      out.append(UInt8(ascii: ":"))
      out.append(contentsOf: UnsafeRawBufferPointer(rebasing: row[value]))
    }
    out.append(UInt8(ascii: "}"))
    return out
  }
}

/// Things made once, by whoever needs them first; the others wait.
final class OnceTable<Key: Hashable & Sendable, Value: Sendable>: @unchecked Sendable {
  private enum State {
    case making
    case made(Result<Value, TaskFailure>)
  }

  private let monitor = Monitor()
  private var states: [Key: State] = [:]

  func value(_ key: Key, make: () throws(TaskFailure) -> Value) throws(TaskFailure) -> Value {
    let known: Result<Value, TaskFailure>? = monitor.locked {
      while true {
        switch states[key] {
        case .made(let result): return result
        case .making: monitor.wait()
        case nil:
          states[key] = .making
          return nil
        }
      }
    }
    if let known { return try known.get() }
    let result = Result { () throws(TaskFailure) in try make() }
    monitor.locked {
      states[key] = .made(result)
      monitor.wakeAll()
    }
    return try result.get()
  }
}

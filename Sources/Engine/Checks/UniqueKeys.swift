import Rows
import Store

/// Whether the rows of a table have a key each: of two rows with one key nobody could say which one a label means.
///
/// Uniqueness belongs to the whole table, so it is looked at when all tasks are done. Hashes of keys are kept per chunk: after an edit only
/// the chunks that differ are read.
struct UniqueKeys {
  /// How many keys, and how many rows of each, a message shows.
  private static let shownKeys = 3
  private static let shownRows = 5

  private let run: StageRun
  private let port: Int
  private let scheduler: Scheduler
  private let key: RowKey

  /// Throws when two rows of an output that promises unique keys have the same.
  static func check(_ run: StageRun, _ scheduler: Scheduler) throws(TaskFailure) {
    for (port, output) in run.stage.kind.outputs.enumerated() where output.traits.isKeyUnique && !output.traits.rowKey.isEmpty {
      try UniqueKeys(run: run, port: port, scheduler: scheduler, key: RowKey(columns: output.traits.rowKey)).check()
    }
  }

  /// Hashes the keys of a chunk while its bytes are at hand.
  static func prepare(_ columns: [String], _ ref: ChunkRef, _ bytes: [UInt8], _ store: Store) {
    let key = RowKey(columns: columns)
    guard !store.hasEntry(.sidecar, name(key, ref)) else { return }
    // Not kept means hashed again when the table is checked.
    try? store.record(.sidecar, name(key, ref), hashes(of: key, in: bytes))
  }

  static func name(_ key: RowKey, _ ref: ChunkRef) -> Digest {
    var writer = ByteWriter()
    writer.text("pipe-row-keys-1")
    writer.number(key.columns.count)
    for column in key.columns { writer.text(column) }
    writer.digest(ref.digest)
    return Digest.of(writer.bytes)
  }

  /// Eight bytes for each row; a row without a key (its kind has refused it) has a hash like any other.
  static func hashes(of key: RowKey, in bytes: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    Chunk(bytes: bytes).forEachRow { (_, row) in
      var text: [UInt8] = []
      try? key.appendText(of: row, to: &text)
      writer.word(SideKey.hash(text))
    }
    return writer.bytes
  }

  private func check() throws(TaskFailure) {
    var sorted = try allHashes()
    sorted.sort()
    var repeated: Set<UInt64> = []
    for index in sorted.indices.dropFirst() where sorted[index] == sorted[index - 1] { repeated.insert(sorted[index]) }
    guard !repeated.isEmpty else { return }
    // Read again rather than held twice: a table has as many hashes as rows, and repetitions are rare.
    let hashes = try allHashes()
    // Two keys may share a hash: what counts is their text.
    var rows: [[UInt8]: [Int]] = [:]
    var order: [[UInt8]] = []
    for row in hashes.indices where repeated.contains(hashes[row]) {
      let text = try text(ofRow: row)
      if rows[text] == nil { order.append(text) }
      rows[text, default: []].append(row)
    }
    let keys = order.filter { rows[$0]!.count > 1 }
    guard let first = keys.first else { return }
    var failure = TaskFailure(
      id: "duplicate-key", message: "\(rows[first]!.count) rows have the `row_key` `\(try label(ofRow: rows[first]![0]))`",
      help: "name columns that tell rows apart (row_key: [a, b]), or keep one of them with `where`")
    for key in keys.prefix(Self.shownKeys) {
      failure.notes.append(("rows", "\(try label(ofRow: rows[key]![0])): \(try places(rows[key]!))"))
    }
    if keys.count > Self.shownKeys { failure.notes.append(("more", "\(keys.count - Self.shownKeys) further keys are on more than one row")) }
    throw failure
  }

  private func allHashes() throws(TaskFailure) -> [UInt64] {
    let table = run.outputs[port]
    try scheduler.load(table)
    var all: [UInt64] = []
    all.reserveCapacity(table.rows)
    for ordinal in table.chunks.indices {
      let ref = table.chunks[ordinal].ref
      var bytes = (try? scheduler.store.entry(.sidecar, Self.name(key, ref))) ?? nil
      if bytes?.count != 8 * ref.rows { bytes = Self.hashes(of: key, in: try scheduler.bytes(of: table, ordinal, consuming: false)) }
      var reader = ByteReader(bytes!)
      while !reader.isAtEnd, let word = try? reader.word() { all.append(word) }
    }
    return all
  }

  private func text(ofRow row: Int) throws(TaskFailure) -> [UInt8] {
    let bytes = try self.bytes(ofRow: row)
    return bytes.withUnsafeBytes { (try? key.text(of: $0)) ?? [] }
  }

  private func label(ofRow row: Int) throws(TaskFailure) -> String {
    let bytes = try self.bytes(ofRow: row)
    return bytes.withUnsafeBytes { key.label(of: $0) }
  }

  private func bytes(ofRow row: Int) throws(TaskFailure) -> [UInt8] {
    let table = run.outputs[port]
    guard let (ordinal, offset) = Tracer.locate(row, in: table.chunks) else { return [] }
    let chunk = Chunk(bytes: try scheduler.bytes(of: table, ordinal, consuming: false))
    return Array(chunk.bytes[chunk.range(ofRow: offset)])
  }

  /// Where rows stand in today's files.
  private func places(_ rows: [Int]) throws(TaskFailure) -> String {
    var shown: [String] = []
    for row in rows.prefix(Self.shownRows) {
      var node = try Tracer(scheduler).trace(stage: run.index, port: port, row: row)
      while let parent = node.parents.first { node = parent }
      switch node.place {
      case .line(let file, let line): shown.append("\(file):\(line)")
      case .row(let stage, let port, let row): shown.append("row \(row) of \(stage).\(port)")
      }
    }
    return shown.joined(separator: ", ") + (rows.count > Self.shownRows ? " and \(rows.count - Self.shownRows) more" : "")
  }
}

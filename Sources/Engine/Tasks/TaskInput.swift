public import Rows

/// One chunk that a task reads.
public struct InputChunk: Sendable {
  /// Which of the stream port's concatenated sources it belongs to.
  public let source: Int
  /// Rows (or, from a `source` port, the raw bytes of records).
  public let bytes: [UInt8]
  /// What parsing raw bytes needs beside them (a CSV header, a file name); empty for rows.
  public let context: [UInt8]
  /// What it is known by; nil where only some of its rows are here.
  let ref: ChunkRef?

  public init(source: Int, bytes: [UInt8], context: [UInt8]) {
    self.init(source: source, bytes: bytes, context: context, ref: nil)
  }

  init(source: Int, bytes: [UInt8], context: [UInt8], ref: ChunkRef?) {
    self.source = source
    self.bytes = bytes
    self.context = context
    self.ref = ref
  }

  /// The rows of a chunk that comes from a stage.
  public var rows: Chunk { Chunk(bytes: bytes) }
}

/// Everything a chunk task may look at.
public struct TaskInput: ~Copyable {
  /// The chunks of the stream or source port.
  public let chunks: [InputChunk]
  /// What the stage's preparation came to; empty without one.
  public let prepared: [UInt8]
  /// Rows of the side tables that these chunks look up.
  let sides: [String: SideRows]
  /// Tables read whole, in port order.
  let wholes: [String: WholeTable]
  /// Objects that a worker keeps between tasks (renderers, processes).
  public let worker: WorkerLocal
  /// Results of single rows kept between tasks, for costly kinds.
  public let rowResults: RowResults
  /// Where processes started by the task are registered, so that Ctrl-C and timeouts reach them.
  public let supervision: any Supervision

  package init(
    chunks: [InputChunk], prepared: [UInt8], sides: [String: SideRows], wholes: [String: WholeTable], worker: WorkerLocal,
    rowResults: RowResults, supervision: any Supervision
  ) {
    self.chunks = chunks
    self.prepared = prepared
    self.sides = sides
    self.wholes = wholes
    self.worker = worker
    self.rowResults = rowResults
    self.supervision = supervision
  }

  /// The looked-up rows of a keyed port.
  public func side(_ port: String) -> SideRows { sides[port] ?? .empty }

  /// A table read whole.
  public func whole(_ port: String) -> WholeTable { wholes[port] ?? .empty }
}

/// Everything a whole-input task may look at.
public struct WholeInput: ~Copyable {
  let wholes: [String: WholeTable]
  public let worker: WorkerLocal
  public let rowResults: RowResults
  public let supervision: any Supervision

  package init(wholes: [String: WholeTable], worker: WorkerLocal, rowResults: RowResults, supervision: any Supervision) {
    self.wholes = wholes
    self.worker = worker
    self.rowResults = rowResults
    self.supervision = supervision
  }

  /// A port's table; chunks are fetched as they are asked for.
  public func table(_ port: String) -> WholeTable { wholes[port] ?? .empty }
}

/// A whole table, read chunk by chunk.
public struct WholeTable: Sendable {
  /// Chunks in order; the first index of ``RowParent`` counts them over all sources of the port.
  public let chunkCount: Int
  public let rowCount: Int
  private let fetch: @Sendable (Int) throws(TaskFailure) -> [UInt8]

  package init(chunkCount: Int, rowCount: Int, fetch: @escaping @Sendable (Int) throws(TaskFailure) -> [UInt8]) {
    self.chunkCount = chunkCount
    self.rowCount = rowCount
    self.fetch = fetch
  }

  public static let empty = WholeTable(chunkCount: 0, rowCount: 0) { _ throws(TaskFailure) in [] }

  /// The bytes of one chunk.
  public func bytes(_ ordinal: Int) throws(TaskFailure) -> [UInt8] { try fetch(ordinal) }

  /// The rows of one chunk.
  public func chunk(_ ordinal: Int) throws(TaskFailure) -> Chunk { Chunk(bytes: try fetch(ordinal)) }

  /// All rows in order. Bounded memory: one chunk at a time.
  public func forEachRow(
    _ body: (_ chunk: Int, _ row: Int, UnsafeRawBufferPointer) throws(TaskFailure) -> Void
  ) throws(TaskFailure) {
    for ordinal in 0..<chunkCount {
      let rows = try chunk(ordinal)
      try rows.forEachRow { (row, bytes) throws(TaskFailure) in try body(ordinal, row, bytes) }
    }
  }
}

/// Hashes of key texts, by which side tables are indexed.
public enum SideKey {
  /// The hash of a key's text (``RowKey/appendText(of:to:)``).
  public static func hash(_ text: UnsafeRawBufferPointer) -> UInt64 { XXHash64.hash(text, seed: 0x7069_7065) }
  public static func hash(_ text: [UInt8]) -> UInt64 { text.withUnsafeBytes { hash($0) } }
}

/// The rows of a side table that a task looked up, projected on the fields that the stage reads.
public struct SideRows: Sendable {
  /// One side row: its key text and the projected object. Its place in the side table is no part of a cached result; `trace` finds
  /// it again by the key.
  public struct Row: Sendable {
    public let key: [UInt8]
    public let bytes: [UInt8]
    /// Its place in the side table: for messages only, in no key and in no cached result.
    public let place: Place

    /// A chunk of the table and a row in it.
    public struct Place: Sendable {
      public let chunk: Int
      public let row: Int

      package init(chunk: Int, row: Int) {
        self.chunk = chunk
        self.row = row
      }
    }
  }

  private let rows: [UInt64: [Row]]

  package init(rows: [UInt64: [Row]]) { self.rows = rows }

  public static let empty = SideRows(rows: [:])

  /// The side rows with this key, in table order.
  public func lookup(_ key: [UInt8]) -> [Row] {
    guard let found = rows[SideKey.hash(key)] else { return [] }
    // Two keys may share a hash: both are in the task's key, only the right one is in the answer.
    return found.allSatisfy { $0.key == key } ? found : found.filter { $0.key == key }
  }
}

/// Objects that one worker thread keeps between tasks: never shared, so they need no lock.
public final class WorkerLocal {
  private var objects: [ObjectIdentifier: AnyObject] = [:]

  package init() {}

  /// The worker's object of a type, made on first use.
  public func object<T: AnyObject>(_ type: T.Type, make: () -> T) -> T {
    if let found = objects[ObjectIdentifier(type)] { return unsafeDowncast(found, to: type) }
    let made = make()
    objects[ObjectIdentifier(type)] = made
    return made
  }
}

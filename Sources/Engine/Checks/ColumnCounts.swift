import Rows
import Store

/// How often each value of a column occurs in a table, as hashes: what `distinct`, `nulls`, `overlap` and `balance` are made of.
///
/// Counted chunk by chunk and kept per chunk, so that after an edit only the chunks that differ are read.
struct ColumnCounts {
  /// Occurrences by the hash of the value's text.
  private(set) var counts: [UInt64: Int] = [:]
  private(set) var nulls = 0
  /// Rows that have no such column at all.
  private(set) var missing = 0

  static func of(_ column: String, in tables: [TableRun], _ scheduler: Scheduler) throws(TaskFailure) -> ColumnCounts {
    var total = ColumnCounts()
    for table in tables {
      try scheduler.load(table)
      for ordinal in table.chunks.indices { total.merge(try chunk(column, table, ordinal, scheduler)) }
    }
    return total
  }

  private static func chunk(_ column: String, _ table: TableRun, _ ordinal: Int, _ scheduler: Scheduler) throws(TaskFailure) -> ColumnCounts {
    let ref = table.chunks[ordinal].ref
    if let bytes = (try? scheduler.store.entry(.sidecar, key(column, ref))) ?? nil, let known = ColumnCounts(decoding: bytes) { return known }
    let counts = ColumnCounts(counting: column, in: Chunk(bytes: try scheduler.bytes(of: table, ordinal, consuming: false)))
    keep(counts, column, ref, scheduler.store)
    return counts
  }

  /// Counts a chunk while its bytes are at hand, for a check that will ask.
  static func prepare(_ column: String, _ ref: ChunkRef, _ bytes: [UInt8], _ store: Store) {
    guard !store.hasEntry(.sidecar, key(column, ref)) else { return }
    keep(ColumnCounts(counting: column, in: Chunk(bytes: bytes)), column, ref, store)
  }

  private static func keep(_ counts: ColumnCounts, _ column: String, _ ref: ChunkRef, _ store: Store) {
    // Not kept means counted again next time; the counts are right either way.
    try? store.record(.sidecar, key(column, ref), counts.encode())
    // Checks are in no key, so that nothing else leads a collection here.
    var trail = ((try? store.entry(.trail, ref.digest)) ?? nil).flatMap { try? Trail(decoding: $0) } ?? Trail()
    trail.add(.sidecar, key(column, ref))
    try? store.record(.trail, ref.digest, trail.encode())
  }

  private static func key(_ column: String, _ ref: ChunkRef) -> Digest {
    var writer = ByteWriter()
    writer.text("pipe-column-counts-1")
    writer.text(column)
    writer.digest(ref.digest)
    return Digest.of(writer.bytes)
  }

  private init() {}

  private init(counting column: String, in chunk: Chunk) {
    let token = JSONText.quoted(column)
    chunk.forEachRow { (_, row) in
      guard let range = JSONScanner.value(of: token, in: row) else { return missing += 1 }
      let value = UnsafeRawBufferPointer(rebasing: row[range])
      if value[0] == UInt8(ascii: "n") { return nulls += 1 }
      counts[value[0] == UInt8(ascii: "\"") ? SideKey.hash(JSONText.decoded(value)) : SideKey.hash(value), default: 0] += 1
    }
  }

  private mutating func merge(_ other: ColumnCounts) {
    counts.merge(other.counts, uniquingKeysWith: +)
    nulls += other.nulls
    missing += other.missing
  }

  private func encode() -> [UInt8] {
    var writer = ByteWriter()
    writer.number(nulls)
    writer.number(missing)
    writer.number(counts.count)
    for (hash, count) in counts.sorted(by: { $0.key < $1.key }) {
      writer.word(hash)
      writer.number(count)
    }
    return writer.bytes
  }

  private init?(decoding bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    do {
      nulls = try reader.number()
      missing = try reader.number()
      for _ in 0..<(try reader.count()) {
        let hash = try reader.word()
        counts[hash] = try reader.number()
      }
    } catch { return nil }
  }
}

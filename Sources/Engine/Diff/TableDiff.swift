import Readers
import Rows

/// Which rows two tables share, by comparing their chunk lists: only chunks that one of them has are read.
///
/// Rows are matched by key; without one, by content, and equal rows one by one: then an edited row is one that went and one that came.
final class TableDiff {
  typealias Step = Tracer.Step

  /// A row's counterpart in the other table.
  enum Counterpart {
    case none
    case same(Step)
    case edited(Step)
  }

  let before: TableRun
  let after: TableRun
  /// By place.
  private(set) var removed: [Step] = []
  private(set) var added: [Step] = []
  private(set) var edited: [(before: Step, after: Step)] = []
  /// Chunks that both have: ordinal before → ordinal after, and back.
  private var forward: [Int: Int] = [:]
  private var backward: [Int: Int] = [:]
  private var forwardRows: [Place: (step: Step, isSame: Bool)] = [:]
  private var backwardRows: [Place: (step: Step, isSame: Bool)] = [:]

  private struct Place: Hashable {
    let chunk: Int
    let row: Int
  }

  private struct ChunkID: Hashable {
    let digest: Digest
    let context: [UInt8]
  }

  /// Compares two tables, each with the side it belongs to.
  /// - Parameter columns: the key; empty for content.
  init(_ before: TableRun, _ sideBefore: DiffSide, _ after: TableRun, _ sideAfter: DiffSide, key columns: [String]) throws(TaskFailure) {
    self.before = before
    self.after = after
    if before.stage >= 0 { try sideBefore.scheduler.load(before) }
    if after.stage >= 0 { try sideAfter.scheduler.load(after) }
    var open: [ChunkID: [Int]] = [:]
    for ordinal in before.chunks.indices.reversed() { open[Self.id(before, ordinal), default: []].append(ordinal) }
    for ordinal in after.chunks.indices {
      let id = Self.id(after, ordinal)
      guard let known = open[id]?.popLast() else { continue }
      forward[known] = ordinal
      backward[ordinal] = known
    }
    var waiting: [[UInt8]: [Step]] = [:]
    let key = RowKey(columns: columns)
    for ordinal in before.chunks.indices.reversed() where forward[ordinal] == nil {
      try Self.forEachRow(before, ordinal, sideBefore, key, reversed: true) { step, name in waiting[name, default: []].append(step) }
    }
    var pairs: [(Step, Step)] = []
    for ordinal in after.chunks.indices where backward[ordinal] == nil {
      try Self.forEachRow(after, ordinal, sideAfter, key, reversed: false) { step, name in
        if let old = waiting[name]?.popLast() { pairs.append((old, step)) } else { added.append(step) }
      }
    }
    for (old, new) in pairs {
      let isSame = columns.isEmpty ? true : try sideBefore.bytes(old) == sideAfter.bytes(new)
      forwardRows[Place(chunk: old.chunk, row: old.row)] = (new, isSame)
      backwardRows[Place(chunk: new.chunk, row: new.row)] = (old, isSame)
      if !isSame { edited.append((old, new)) }
    }
    removed = waiting.values.flatMap { $0 }.sorted { ($0.chunk, $0.row) < ($1.chunk, $1.row) }
  }

  private static func id(_ table: TableRun, _ ordinal: Int) -> ChunkID { ChunkID(digest: table.chunks[ordinal].ref.digest, context: table.chunks[ordinal].context) }

  private static func forEachRow(
    _ table: TableRun, _ ordinal: Int, _ side: DiffSide, _ key: RowKey, reversed: Bool, _ body: (Step, [UInt8]) -> Void
  ) throws(TaskFailure) {
    var names: [[UInt8]] = []
    if table.stage < 0 {
      let records = try side.records(table, ordinal)
      for range in records.ranges { names.append(Digest.of(Array(records.bytes[range])).bytes) }
    } else {
      try side.chunk(table, ordinal).forEachRow { (_, row) throws(TaskFailure) in
        if !key.columns.isEmpty, let text = try? key.text(of: row) { names.append(text) } else { names.append(Digest.of(row).bytes) }
      }
    }
    for row in reversed ? Array(names.indices.reversed()) : Array(names.indices) { body(Step(table: table, chunk: ordinal, row: row), names[row]) }
  }

  /// Chunk ordinals that only the older, or only the newer table has.
  var chunksBefore: [Int] { before.chunks.indices.filter { forward[$0] == nil } }
  var chunksAfter: [Int] { after.chunks.indices.filter { backward[$0] == nil } }
  /// Whether they share any chunk.
  var sharesChunks: Bool { !forward.isEmpty }
  /// A chunk that both have, as an ordinal of the newer.
  var sharedChunk: Int? { backward.keys.min() }

  /// The counterpart of a row of the older table.
  func counterpart(before step: Step) -> Counterpart {
    if let other = forward[step.chunk] { return .same(Step(table: after, chunk: other, row: step.row)) }
    guard let found = forwardRows[Place(chunk: step.chunk, row: step.row)] else { return .none }
    return found.isSame ? .same(found.step) : .edited(found.step)
  }

  /// The counterpart of a row of the newer table.
  func counterpart(after step: Step) -> Counterpart {
    if let other = backward[step.chunk] { return .same(Step(table: before, chunk: other, row: step.row)) }
    guard let found = backwardRows[Place(chunk: step.chunk, row: step.row)] else { return .none }
    return found.isSame ? .same(found.step) : .edited(found.step)
  }

  /// Whether two rows are known to be equal without reading either: they stand at one place of one chunk.
  func areOnePlace(_ old: Step, _ new: Step) -> Bool { forward[old.chunk] == new.chunk && old.row == new.row }
}

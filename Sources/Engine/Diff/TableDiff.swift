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
  /// - Parameters:
  ///   - columns: the key; empty for content.
  ///   - isByPlace: whether lines without a key that stand between the same lines are taken for the same ones.
  init(_ before: TableRun, _ sideBefore: DiffSide, _ after: TableRun, _ sideAfter: DiffSide, key columns: [String], isByPlace: Bool = false) throws(TaskFailure) {
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
    var was: [(step: Step, name: [UInt8])] = []
    var now: [(step: Step, name: [UInt8])] = []
    let key = RowKey(columns: columns)
    var isKeyed = !columns.isEmpty
    for ordinal in before.chunks.indices where forward[ordinal] == nil {
      isKeyed = try Self.forEachRow(before, ordinal, sideBefore, key) { step, name in was.append((step, name)) } && isKeyed
    }
    for ordinal in after.chunks.indices where backward[ordinal] == nil {
      isKeyed = try Self.forEachRow(after, ordinal, sideAfter, key) { step, name in now.append((step, name)) } && isKeyed
    }
    if !isKeyed, !columns.isEmpty, isByPlace {
      // Keys of both states or of none: else no line would be met again.
      for index in was.indices { was[index].name = Digest.of(try sideBefore.bytes(was[index].step)).bytes }
      for index in now.indices { now[index].name = Digest.of(try sideAfter.bytes(now[index].step)).bytes }
    }
    var waiting: [[UInt8]: [Step]] = [:]
    for row in was.reversed() { waiting[row.name, default: []].append(row.step) }
    var pairs: [(Step, Step)] = []
    for row in now { if let old = waiting[row.name]?.popLast() { pairs.append((old, row.step)) } else { added.append(row.step) } }
    for (old, new) in pairs {
      // Rows that are called by their content are equal when their names are.
      let isNamed = !columns.isEmpty && (isKeyed || !isByPlace)
      match(old, new, isSame: isNamed ? try sideBefore.bytes(old) == sideAfter.bytes(new) : true)
    }
    removed = waiting.values.flatMap { $0 }.sorted { ($0.chunk, $0.row) < ($1.chunk, $1.row) }
    if !isKeyed, isByPlace { pairByPlace() }
  }

  private func match(_ old: Step, _ new: Step, isSame: Bool) {
    forwardRows[Place(chunk: old.chunk, row: old.row)] = (new, isSame)
    backwardRows[Place(chunk: new.chunk, row: new.row)] = (old, isSame)
    if !isSame { edited.append((old, new)) }
  }

  /// Takes lines that stand between the same two lines of both states for the same ones.
  private func pairByPlace() {
    /// What stands before a line and is in both states: a chunk or a line, by its place in the newer one.
    struct Anchor: Hashable {
      var chunk = -1
      var row = -1
    }
    var open: [Anchor: [Step]] = [:]
    var anchor = Anchor()
    for (ordinal, chunk) in before.chunks.enumerated() {
      if let other = forward[ordinal] {
        anchor = Anchor(chunk: other, row: after.chunks[other].ref.rows - 1)
        continue
      }
      for row in 0..<chunk.ref.rows {
        if let found = forwardRows[Place(chunk: ordinal, row: row)] {
          anchor = Anchor(chunk: found.step.chunk, row: found.step.row)
        } else {
          open[anchor, default: []].append(Step(table: before, chunk: ordinal, row: row))
        }
      }
    }
    for anchor in Array(open.keys) { open[anchor]!.reverse() }
    var left: [Step] = []
    var pairs: [(Step, Step)] = []
    anchor = Anchor()
    for (ordinal, chunk) in after.chunks.enumerated() {
      if backward[ordinal] != nil {
        anchor = Anchor(chunk: ordinal, row: chunk.ref.rows - 1)
        continue
      }
      for row in 0..<chunk.ref.rows {
        let step = Step(table: after, chunk: ordinal, row: row)
        if backwardRows[Place(chunk: ordinal, row: row)] != nil {
          anchor = Anchor(chunk: ordinal, row: row)
        } else if let twin = open[anchor]?.popLast() {
          pairs.append((twin, step))
        } else {
          left.append(step)
        }
      }
    }
    for (old, new) in pairs { match(old, new, isSame: false) }
    added = left
    removed = open.values.flatMap { $0 }.sorted { ($0.chunk, $0.row) < ($1.chunk, $1.row) }
  }

  private static func id(_ table: TableRun, _ ordinal: Int) -> ChunkID { ChunkID(digest: table.chunks[ordinal].ref.digest, context: table.chunks[ordinal].context) }

  /// - Returns: whether every row has a key; what has none is called by its content.
  private static func forEachRow(
    _ table: TableRun, _ ordinal: Int, _ side: DiffSide, _ key: RowKey, _ body: (Step, [UInt8]) -> Void
  ) throws(TaskFailure) -> Bool {
    var names: [[UInt8]] = []
    var isKeyed = true
    if table.stage < 0 {
      let records = try side.records(table, ordinal)
      for range in records.ranges { names.append(Digest.of(Array(records.bytes[range])).bytes) }
    } else {
      try side.chunk(table, ordinal).forEachRow { (_, row) throws(TaskFailure) in
        if key.columns.isEmpty { names.append(Digest.of(row).bytes) } else if let text = try? key.text(of: row) { names.append(text) } else { names.append([]) }
      }
      for row in names.indices where names[row].isEmpty {
        let step = Step(table: table, chunk: ordinal, row: row)
        if let text = side.key(step, key.columns) {
          names[row] = text
        } else {
          names[row] = Digest.of(try side.bytes(step)).bytes
          isKeyed = false
        }
      }
    }
    for row in names.indices { body(Step(table: table, chunk: ordinal, row: row), names[row]) }
    return isKeyed
  }

  /// Chunk ordinals that only the older, or only the newer table has.
  var chunksBefore: [Int] { before.chunks.indices.filter { forward[$0] == nil } }
  var chunksAfter: [Int] { after.chunks.indices.filter { backward[$0] == nil } }
  /// Some rows of the newer table that both have.
  func sharedRows(_ limit: Int) -> [Step] {
    var found: [Step] = []
    if let chunk = backward.keys.min() { found = (0..<min(after.chunks[chunk].ref.rows, limit)).map { Step(table: after, chunk: chunk, row: $0) } }
    let same = backwardRows.filter(\.value.isSame).map(\.key).sorted { ($0.chunk, $0.row) < ($1.chunk, $1.row) }
    return found + same.prefix(limit).map { Step(table: after, chunk: $0.chunk, row: $0.row) }
  }

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

}

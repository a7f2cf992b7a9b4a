import Rows

/// Which keys of a side table show a stage something else now: only rows of chunks that one state has are read.
final class SideDiff {
  typealias Step = Tracer.Step

  /// The rows of one key that a stage sees on either side and that differ.
  struct Change {
    var before: [Step] = []
    var after: [Step] = []
  }

  private var changes: [UInt64: Change] = [:]

  var isEmpty: Bool { changes.isEmpty }

  init(_ old: [TableRun], _ oldReading: KeyedReading, _ new: [TableRun], _ reading: KeyedReading, _ explainer: RowExplainer) throws(TaskFailure) {
    for index in 0..<max(old.count, new.count) {
      guard index < old.count, index < new.count else { continue }
      if old[index].content == new[index].content { continue }
      let diff = try explainer.tableDiff(old[index], new[index])
      let before = try Self.rows(diff.before, diff.chunksBefore, explainer.before, oldReading)
      let after = try Self.rows(diff.after, diff.chunksAfter, explainer.after, reading)
      for hash in Set(before.keys).union(after.keys) {
        var was = before[hash] ?? []
        var now = after[hash] ?? []
        // What is seen alike on both sides is no change, wherever it stands.
        for row in was {
          if let same = now.firstIndex(where: { $0.seen == row.seen }) {
            now.remove(at: same)
            was.remove(at: was.firstIndex { $0.seen == row.seen }!)
          }
        }
        guard !was.isEmpty || !now.isEmpty else { continue }
        changes[hash, default: Change()].before += was.map(\.step)
        changes[hash, default: Change()].after += now.map(\.step)
      }
    }
  }

  func changes(_ hashes: Set<UInt64>) -> [Change] { hashes.sorted().compactMap { changes[$0] } }

  private static func rows(
    _ table: TableRun, _ chunks: [Int], _ side: DiffSide, _ reading: KeyedReading
  ) throws(TaskFailure) -> [UInt64: [(step: Step, seen: [UInt8])]] {
    let key = RowKey(columns: reading.key)
    let fields = reading.fields.map { $0.map(JSONText.quoted) }
    var found: [UInt64: [(step: Step, seen: [UInt8])]] = [:]
    for chunk in chunks {
      try side.chunk(table, chunk).forEachRow { (ordinal, row) throws(TaskFailure) in
        if let accepts = reading.accepts, !accepts(row) { return }
        guard let text = try? key.text(of: row) else { return }
        found[SideKey.hash(text), default: []].append((Step(table: table, chunk: chunk, row: ordinal), SideIndex.project(row, on: fields)))
      }
    }
    return found
  }
}

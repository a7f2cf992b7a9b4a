import Diagnostics
import Lineage
import Rows

/// Rows of a run and everything they were made of, as one graph: a row that stands behind several is there once.
///
/// Rows asked for are followed stage by stage from the last to the first, so that a side table is read once for all rows that look
/// something up in it.
package final class RowWalk {
  package struct Node {
    package enum Place {
      /// A row of a stage of the record, counted from 1.
      case row(stage: Int, port: String, row: Int)
      case line(file: String, line: Int)
    }

    package fileprivate(set) var place: Place
    package fileprivate(set) var label: String
    package fileprivate(set) var text: [UInt8]
    package fileprivate(set) var parents: [Int] = []
    /// Rows that it looked up.
    package fileprivate(set) var sides: [Int] = []
    /// Parents that are not in the graph, for want of room.
    package fileprivate(set) var left = 0
    /// Whether everything behind it is in the graph.
    fileprivate var isWhole = true
    fileprivate var rowKey: [String] = []
  }

  package private(set) var nodes: [Node] = []
  private let state: RunState
  private let side: DiffSide
  private let limit: Int
  private var heldBytes = 0
  private var known: [DiffSide.RowInTable: Int] = [:]
  private var steps: [Tracer.Step] = []
  /// By stage of the graph: rows to be followed from there.
  private var open: [[Int]]

  /// Rows may be long; beyond this no more are taken.
  private static let maximumBytes = 64 << 20
  /// A label made of hundreds of votes shows the first ones.
  private static let maximumParents = 24

  /// - Parameter limit: so many rows at most, those behind the ones asked for included.
  package init(_ state: RunState, limit: Int) {
    self.state = state
    side = state.side
    self.limit = limit
    open = Array(repeating: [], count: state.side.scheduler.stages.count)
  }

  // MARK: asking

  /// Some rows of an output, evenly spread over it; the first and the last among them.
  package func add(stage: Int, port name: String, count: Int) -> [Int] {
    guard let run = state.usable(stage), let port = run.stage.kind.outputs.firstIndex(where: { $0.isPublic && $0.name == name }),
      run.stage.kind.outputs[port].content == .rows
    else { return [] }
    let table = run.outputs[port]
    return attempt(run) { () throws(TaskFailure) in
      try self.side.scheduler.load(table)
      let count = min(count, table.rows)
      var found: [Int] = []
      for place in 0..<count {
        let row = count < 2 ? 0 : place * (table.rows - 1) / (count - 1)
        guard let (chunk, offset) = Tracer.locate(row, in: table.chunks) else { break }
        found += try [self.node(Tracer.Step(table: table, chunk: chunk, row: offset))].compactMap { $0 }
      }
      return found
    } ?? []
  }

  /// Some rows that a stage left out, by reason: the first ones.
  package func addDropped(stage: Int, count: Int) -> [(reason: String, rows: [Int])] {
    guard let run = state.usable(stage), !state.record.stages[stage].dropped.isEmpty else { return [] }
    let reasons = state.record.stages[stage].dropped
    var found = reasons.map { (reason: $0.reason, rows: [Int]()) }
    _ = attempt(run) { () throws(TaskFailure) in
      try self.side.scheduler.materialize(run)
      for ordinal in run.tasks.indices where run.tasks[ordinal].work != .partial {
        let drops = try self.side.scheduler.result(of: run, ordinal).drops
        for drop in drops.rows {
          guard let place = found.firstIndex(where: { $0.reason == drops.reasons[drop.reason] }), found[place].rows.count < count else { continue }
          guard let step = self.side.tracer.resolve(drop.parent, in: run.tasks[ordinal], run), !self.side.isForeign(step.table) else { continue }
          if let node = try self.node(step) { found[place].rows.append(node) }
        }
        if zip(found, reasons).allSatisfy({ $0.rows.count >= min(count, $1.rows) }) { break }
      }
    }
    return found
  }

  // MARK: following

  /// Finds everything that the rows asked for were made of.
  package func follow() {
    for index in open.indices.reversed() {
      let run = side.scheduler.stages[index]
      let rows = open[index]
      guard !rows.isEmpty else { continue }
      var mains: [(node: Int, step: Tracer.Step)] = []
      for row in rows {
        attempt(run) { () throws(TaskFailure) in
          let parents = try self.side.parents(self.steps[row])
          if parents.isEmpty { self.nodes[row].isWhole = false }
          for parent in parents.prefix(Self.maximumParents) {
            if let node = try self.node(parent) { if !self.nodes[row].parents.contains(node) { self.nodes[row].parents.append(node) } } else { self.nodes[row].left += 1 }
          }
          self.nodes[row].left += max(0, parents.count - Self.maximumParents)
          if let main = parents.first { mains.append((row, main)) }
        } ?? { nodes[row].isWhole = false }()
      }
      attempt(run) { () throws(TaskFailure) in try self.lookUp(run, mains) }
    }
    hide()
  }

  /// Rows of side tables that rows of a stage looked up: found again by key, in one pass over each table.
  private func lookUp(_ run: StageRun, _ mains: [(node: Int, step: Tracer.Step)]) throws(TaskFailure) {
    guard case .eachChunk = run.stage.kind.work, !mains.isEmpty else { return }
    for (port, input) in run.stage.kind.inputs.enumerated() {
      guard case .keyed(let reading) = input.reading else { continue }
      var wanted: [UInt64: [Int]] = [:]
      for (node, step) in mains {
        for hash in Set(try reading.keys(try side.single(step, source: 0))).sorted() { wanted[hash, default: []].append(node) }
      }
      let key = RowKey(columns: reading.key)
      for table in run.inputs[port] {
        try side.scheduler.load(table)
        for chunk in table.chunks.indices {
          var hits: [(row: Int, hash: UInt64)] = []
          try side.chunk(table, chunk).forEachRow { (row, bytes) in
            guard let text = try? key.text(of: bytes) else { return }
            let hash = SideKey.hash(text)
            if wanted[hash] != nil, reading.accepts?(bytes) ?? true { hits.append((row, hash)) }
          }
          for hit in hits {
            let found = try node(Tracer.Step(table: table, chunk: chunk, row: hit.row))
            for child in wanted[hit.hash]! {
              if let found { if nodes[child].sides.count < Self.maximumParents { nodes[child].sides.append(found) } } else { nodes[child].left += 1 }
            }
          }
        }
      }
    }
  }

  private func node(_ step: Tracer.Step) throws(TaskFailure) -> Int? {
    let place = DiffSide.RowInTable(table: ObjectIdentifier(step.table), chunk: step.chunk, row: step.row)
    if let node = known[place] { return node }
    guard nodes.count < limit, heldBytes < Self.maximumBytes else { return nil }
    var node: Node
    if step.table.stage < 0 {
      let (file, line) = try side.place(step)
      node = Node(place: .line(file: file, line: line), label: "", text: try side.bytes(step))
    } else {
      let run = side.scheduler.stages[step.table.stage]
      guard let stage = state.place(ofGraph: run.index) else { return nil }
      try side.scheduler.load(step.table)
      let output = run.stage.kind.outputs[step.table.port]
      node = Node(
        place: .row(stage: stage, port: output.name, row: side.number(step) + 1), label: try side.label(step), text: try side.bytes(step))
      node.rowKey = output.traits.rowKey
      open[run.index].append(nodes.count)
    }
    heldBytes += node.text.count
    known[place] = nodes.count
    nodes.append(node)
    steps.append(step)
    return nodes.count - 1
  }

  /// Runs what may meet lost bytes; then a note says so, and nothing else is missing.
  @discardableResult
  private func attempt<T>(_ run: StageRun, _ body: () throws(TaskFailure) -> T) -> T? {
    do throws(TaskFailure) { return try body() } catch {
      state.note("rows of `\(run.stage.displayName)` are not shown: \(error.message)")
      return nil
    }
  }

  // MARK: what is private

  /// Puts digests in place of what stands in private columns, also where it was copied to.
  private func hide() {
    guard !state.privacy.isEmpty else { return }
    // Parents were made after their children, but for rows asked for: so by stages, not by numbers.
    var texts: [Int: Set<String>] = [:]
    var whole: [Int: Bool] = [:]
    func gather(_ node: Int) {
      guard texts[node] == nil else { return }
      texts[node] = []
      var found = Set(state.privacy.texts(nodes[node].text))
      var isWhole = nodes[node].isWhole && nodes[node].left == 0
      for above in nodes[node].parents + nodes[node].sides {
        gather(above)
        found.formUnion(texts[above]!)
        isWhole = isWhole && whole[above]!
      }
      texts[node] = found
      whole[node] = isWhole
    }
    for node in nodes.indices { gather(node) }
    for node in nodes.indices {
      if case .line = nodes[node].place {
        nodes[node].text = Array(Privacy.digest(String(decoding: nodes[node].text, as: UTF8.self)).utf8)
        continue
      }
      nodes[node].label = state.privacy.key(nodes[node].label, nodes[node].rowKey, nodes[node].text)
      // What cannot be followed to its sources may hold anything of theirs.
      nodes[node].text =
        whole[node]! ? state.privacy.masked(nodes[node].text, texts[node]!) : Array(Privacy.digest(String(decoding: nodes[node].text, as: UTF8.self)).utf8)
    }
  }
}

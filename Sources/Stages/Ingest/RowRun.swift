internal import Diagnostics
internal import Engine
internal import Rows
internal import Templates

/// Runs rows through the steps, one after the other, and gives what comes out.
struct RowRun {
  let steps: RowSteps
  /// The looked-up rows of each join; nil leaves joins out.
  let sides: [SideRows]?
  let renderer: Renderer
  let worker: WorkerLocal
  /// Whether the identity of rows is needed.
  let hashesRows: Bool
  let seed: Int

  /// What a row came to.
  struct Output {
    /// The hash of the row's identity under the sample's seed; 0 when nobody asked.
    var hash: UInt64 = 0
    var rows: [[UInt8]] = []
    /// Why there is none.
    var dropped: String?
    /// Joins that found nothing, by their labels.
    var unmatched: [String] = []
  }

  private var projected: [UInt8] = []
  private var keyText: [UInt8] = []

  init(_ steps: RowSteps, sides: [SideRows]?, worker: WorkerLocal, sample: Sample?) {
    self.steps = steps
    self.sides = sides
    self.worker = worker
    renderer = worker.object(WorkerRenderer.self) { WorkerRenderer() }.renderer
    hashesRows = sample != nil
    seed = sample?.seed ?? 0
  }

  /// Whether rows come out as they went in.
  var isIdentity: Bool { steps.plan == nil && steps.rowKey.columns.isEmpty && steps.joins.isEmpty && steps.derived.isEmpty && steps.test == nil && !hashesRows }

  /// Runs one row; `emit` is given each row that comes out, without its newline.
  mutating func run(
    _ row: UnsafeRawBufferPointer, _ parent: RowParent, drop: (String) -> Void, unmatched: (String) -> Void,
    emit: (UnsafeRawBufferPointer, UInt64) throws(RowFault) -> Void
  ) throws(RowFault) {
    guard let plan = steps.plan else { return try finishColumns(row, parent, drop, unmatched, emit) }
    projected.removeAll(keepingCapacity: true)
    try plan.append(row, to: &projected)
    var bytes: [UInt8] = []
    swap(&bytes, &projected)
    defer { swap(&bytes, &projected) }
    let base = bytes
    try base.withRow { (row) throws(RowFault) in try finishColumns(row, parent, drop, unmatched, emit) }
  }

  private mutating func finishColumns(
    _ row: UnsafeRawBufferPointer, _ parent: RowParent, _ drop: (String) -> Void, _ unmatched: (String) -> Void,
    _ emit: (UnsafeRawBufferPointer, UInt64) throws(RowFault) -> Void
  ) throws(RowFault) {
    let hash = try checkKey(row)
    guard let sides, !steps.joins.isEmpty else { return try finishJoins(row, hash, parent, drop, emit) }
    // Open rows: objects without their last brace.
    var rows = [Array(row.dropLast())]
    for (join, side) in zip(steps.joins, sides) {
      var matches: [SideRows.Row] = []
      if let text = try SideJoin.text(of: row, join.key) { matches = side.lookup(text) }
      if join.how == .anti {
        if matches.isEmpty { continue }
        return drop("anti \(join.label)")
      }
      if matches.isEmpty {
        unmatched(join.label)
        if join.how == .inner { return drop("join \(join.label)") }
        for index in rows.indices { try join.appendFields(of: nil, to: &rows[index]) }
        continue
      }
      if matches.count > 1 {
        switch join.many {
        case .error:
          throw .failure(
            TaskFailure(
              id: "join-many", message: "\(matches.count) rows of the side table have the `\(join.label)` of this row (`\(join.key.label(of: row))`)",
              help: "`many: first` takes the first of them, `many: all` makes a row of each"))
        case .first: matches.removeSubrange(1...)
        case .all: break
        }
      }
      var next: [[UInt8]] = []
      next.reserveCapacity(rows.count * matches.count)
      for open in rows {
        for match in matches {
          next.append(open)
          try join.appendFields(of: match, to: &next[next.count - 1])
        }
      }
      rows = next
    }
    for open in rows {
      let closed = open + [UInt8(ascii: "}")]
      try closed.withRow { (row) throws(RowFault) in try finishJoins(row, hash, parent, drop, emit) }
    }
  }

  /// The key has to be there; its hash (or the content's) is what a sample goes by.
  private mutating func checkKey(_ row: UnsafeRawBufferPointer) throws(RowFault) -> UInt64 {
    if steps.rowKey.columns.isEmpty { return hashesRows ? Sample.hash(Digest.of(row).bytes, seed: seed) : 0 }
    keyText.removeAll(keepingCapacity: true)
    do throws(RowKey.Failure) { try steps.rowKey.appendText(of: row, to: &keyText) } catch {
      switch error {
      case .missing(let column): throw .bad("the row has no `\(column)`, which is its `row_key`", nil)
      case .null(let column): throw .bad("`\(column)` is null, but it is the `row_key`", nil)
      }
    }
    return hashesRows ? Sample.hash(keyText, seed: seed) : 0
  }

  private func finishJoins(
    _ row: UnsafeRawBufferPointer, _ hash: UInt64, _ parent: RowParent, _ drop: (String) -> Void,
    _ emit: (UnsafeRawBufferPointer, UInt64) throws(RowFault) -> Void
  ) throws(RowFault) {
    if steps.derived.isEmpty { return try finishDerived(row, hash, parent, drop, emit) }
    var open = Array(row.dropLast())
    for column in steps.derived {
      // Each sees the columns derived before it.
      open.append(UInt8(ascii: "}"))
      let value = try open.withRow { (row) throws(RowFault) in try evaluate(column, row, parent) }
      open.removeLast()
      if open.withUnsafeBytes({ RowFields.has(column.token, $0) }) {
        throw .failure(
          TaskFailure(
            id: "column-clash", message: "`derive` makes a column `\(column.name)`, but the row has one already", help: "choose another name"))
      }
      if open.last != UInt8(ascii: "{") { open.append(UInt8(ascii: ",")) }
      open += column.token
      open.append(UInt8(ascii: ":"))
      guard value.appendJSON(to: &open) else {
        throw .bad("`derive` of `\(column.name)` gives \(value.isUndefined ? "nothing" : "a value that JSON does not have")", nil)
      }
    }
    open.append(UInt8(ascii: "}"))
    try open.withRow { (row) throws(RowFault) in try finishDerived(row, hash, parent, drop, emit) }
  }

  private func evaluate(_ column: RowSteps.Derived, _ row: UnsafeRawBufferPointer, _ parent: RowParent) throws(RowFault) -> Value {
    do throws(TemplateError) {
      return try renderer.evaluate(column.expression.expression, row: row, extra: column.bindings)
    } catch {
      throw .failure(TaskFailure(id: "expression", message: error.message, place: column.expression.diagnostic(error)))
    }
  }

  private func finishDerived(
    _ row: UnsafeRawBufferPointer, _ hash: UInt64, _ parent: RowParent, _ drop: (String) -> Void,
    _ emit: (UnsafeRawBufferPointer, UInt64) throws(RowFault) -> Void
  ) throws(RowFault) {
    if let test = steps.test {
      let holds: Bool
      do throws(TaskFailure) { holds = try test.holds(row, parent: parent, worker: worker) } catch { throw .failure(error) }
      guard holds else { return drop("where") }
    }
    try emit(row, hash)
  }
}

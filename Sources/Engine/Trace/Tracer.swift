import Readers
import Rows

/// A row of some table of the run.
package struct RowPlace: Sendable {
  package let stage: Int
  package let port: Int
  package let row: Int
}

/// Where a row came from, step by step.
public struct TraceNode: Sendable {
  public enum Place: Sendable, Equatable {
    /// A row of a stage's output, counted from 1.
    case row(stage: String, port: String, row: Int)
    /// A line of a file as it is today.
    case line(file: String, line: Int)
  }

  public let place: Place
  /// The row's key (or the beginning of its content), for people.
  public let label: String
  /// The row itself; for source lines the record as it stands in the file.
  public let bytes: [UInt8]
  /// First parent first; side rows (joined, looked up) after it.
  public let parents: [TraceNode]

  public init(place: Place, label: String, bytes: [UInt8], parents: [TraceNode]) {
    self.place = place
    self.label = label
    self.bytes = bytes
    self.parents = parents
  }
}

/// Follows row maps backwards, from a row of an output to the lines of today's files.
///
/// Maps are relative to tasks; this resolves them against this run's tables: stage → tasks in order → prefix sums of rows → the source's
/// chunk list → its file and line.
package struct Tracer {
  private let scheduler: Scheduler

  package init(_ scheduler: Scheduler) { self.scheduler = scheduler }

  /// The whole ancestry of a row.
  package func trace(stage: Int, port: Int, row: Int) throws(TaskFailure) -> TraceNode {
    let run = scheduler.stages[stage]
    let table = run.outputs[port]
    try scheduler.load(table)
    guard let (chunk, offset) = Self.locate(row, in: table.chunks) else {
      throw TaskFailure(id: "no-row", message: "`\(run.stage.displayName)` has \(table.rows) rows; there is no row \(row + 1)")
    }
    let bytes = try rowBytes(table, chunk, offset)
    var parents: [TraceNode] = []
    for parent in try self.parents(of: table, chunk: chunk, row: offset) { parents.append(try node(parent)) }
    parents += try sides(run, table, chunk, offset)
    return TraceNode(
      place: .row(stage: run.stage.displayName, port: run.stage.kind.outputs[port].name, row: row + 1), label: label(run, port, bytes), bytes: bytes,
      parents: parents)
  }

  /// The nearest lines of files behind an input row of a task, for messages; the first is the row's own.
  func sourceLine(of parent: RowParent, in task: TaskRun, _ run: StageRun) throws(TaskFailure) -> (place: TraceNode.Place, label: String)? {
    guard let step = resolve(parent, in: task, run) else { return nil }
    var node = try self.node(step)
    let label = node.label
    while let first = node.parents.first { node = first }
    return (node.place, label)
  }

  /// The line of a file behind a row of a side table; chunks count over all sources of the port.
  func sourceLine(ofSide parent: RowParent, _ run: StageRun) throws(TaskFailure) -> (place: TraceNode.Place, label: String)? {
    guard run.inputs.indices.contains(parent.port) else { return nil }
    var chunk = parent.chunk
    for table in run.inputs[parent.port] {
      guard chunk >= table.chunks.count else {
        var node = try self.node(Step(table: table, chunk: chunk, row: parent.row))
        let label = node.label
        while let first = node.parents.first { node = first }
        return (node.place, label)
      }
      chunk -= table.chunks.count
    }
    return nil
  }

  // MARK: one step

  /// A row of a table: by chunk and row in the chunk.
  struct Step {
    let table: TableRun
    let chunk: Int
    let row: Int
  }

  func parents(of table: TableRun, chunk: Int, row: Int) throws(TaskFailure) -> [Step] {
    guard case .task(let ordinal, let index) = table.chunks[chunk].origin else { return [] }
    let run = scheduler.stages[table.stage]
    let result = try scheduler.result(of: run, ordinal)
    var position = row
    for before in result.ports[table.port].chunks.prefix(index) { position += before.rows }
    let task = run.tasks[ordinal]
    return result.ports[table.port].map.parents(of: position).compactMap { resolve($0, in: task, run) }
  }

  /// A task-relative parent as a row of a table.
  func resolve(_ parent: RowParent, in task: TaskRun, _ run: StageRun) -> Step? {
    guard !parent.isUnknown, parent.port >= 0 else { return nil }
    if task.work == .chunks || task.work == .partial {
      guard parent.chunk < task.inputs.count else { return nil }
      let input = task.inputs[parent.chunk]
      return Step(table: run.inputs[task.port][input.source], chunk: input.chunk, row: parent.row)
    }
    guard parent.port < run.inputs.count else { return nil }
    var chunk = parent.chunk
    for table in run.inputs[parent.port] {
      if chunk < table.chunks.count { return Step(table: table, chunk: chunk, row: parent.row) }
      chunk -= table.chunks.count
    }
    return nil
  }

  private func node(_ step: Step) throws(TaskFailure) -> TraceNode {
    if step.table.stage < 0 { return try sourceNode(step) }
    try scheduler.load(step.table)
    var row = step.row
    for chunk in step.table.chunks.prefix(step.chunk) { row += chunk.ref.rows }
    return try trace(stage: step.table.stage, port: step.table.port, row: row)
  }

  private func sourceNode(_ step: Step) throws(TaskFailure) -> TraceNode {
    guard case .raw(let file, let entry) = step.table.chunks[step.chunk].origin else { preconditionFailure("sources have raw chunks") }
    let place = scheduler.sources.place(step.table, file: file, entry: entry)
    let raw = try scheduler.bytes(of: step.table, step.chunk, consuming: false)
    let parser = RecordParser(context: step.table.chunks[step.chunk].context)
    let starts = raw.withUnsafeBytes { parser.recordRanges(in: $0) }
    guard step.row < starts.count else {
      return TraceNode(place: .line(file: place.name, line: place.startLine), label: "", bytes: [], parents: [])
    }
    let range = starts[step.row]
    let line = place.startLine + raw.withUnsafeBytes { Lines.count(UnsafeRawBufferPointer(rebasing: $0[..<range.lowerBound])) }
    return TraceNode(place: .line(file: place.name, line: line), label: "", bytes: Array(raw[range]), parents: [])
  }

  /// Rows of side tables that the parent row looked up: found again by key.
  private func sides(_ run: StageRun, _ table: TableRun, _ chunk: Int, _ row: Int) throws(TaskFailure) -> [TraceNode] {
    guard case .eachChunk = run.stage.kind.work, let main = try parents(of: table, chunk: chunk, row: row).first else { return [] }
    let context = main.table.chunks[main.chunk].context
    let one = try inputRow(main, context)
    var nodes: [TraceNode] = []
    for (port, input) in run.stage.kind.inputs.enumerated() {
      guard case .keyed(let reading) = input.reading else { continue }
      let wanted = Set(try reading.keys(InputChunk(source: 0, bytes: one, context: context)))
      let key = RowKey(columns: reading.key)
      for side in run.inputs[port] {
        try scheduler.load(side)
        for index in side.chunks.indices {
          var hits: [Int] = []
          Chunk(bytes: try scheduler.bytes(of: side, index, consuming: false)).forEachRow { (ordinal, bytes) in
            if let text = try? key.text(of: bytes), wanted.contains(SideKey.hash(text)), reading.accepts?(bytes) ?? true { hits.append(ordinal) }
          }
          for hit in hits { nodes.append(try node(Step(table: side, chunk: index, row: hit))) }
        }
      }
    }
    return nodes
  }

  /// The bytes of one input row (a raw record for sources), as a chunk of its own.
  private func inputRow(_ step: Step, _ context: [UInt8]) throws(TaskFailure) -> [UInt8] {
    let bytes = try scheduler.bytes(of: step.table, step.chunk, consuming: false)
    if step.table.stage < 0, case .raw = step.table.chunks[step.chunk].origin {
      let parser = RecordParser(context: context)
      let ranges = bytes.withUnsafeBytes { parser.recordRanges(in: $0) }
      return step.row < ranges.count ? Array(bytes[ranges[step.row]]) : []
    }
    let rows = Chunk(bytes: bytes)
    return Array(bytes[rows.range(ofRow: step.row)]) + [0x0A]
  }

  private func rowBytes(_ table: TableRun, _ chunk: Int, _ row: Int) throws(TaskFailure) -> [UInt8] {
    let rows = try PublishedRows.chunk(try scheduler.bytes(of: table, chunk, consuming: false), rows: table.chunks[chunk].ref.rows)
    return Array(rows.bytes[rows.range(ofRow: row)])
  }

  /// The row of a published table that stands on a line (from 1, behind the header); nil behind the last.
  func row(atLine line: Int, of table: TableRun) throws(TaskFailure) -> Int? {
    try scheduler.load(table)
    var lines = 0
    var rows = 0
    for (index, chunk) in table.chunks.enumerated() {
      let bytes = try scheduler.bytes(of: table, index, consuming: false)
      let here = Lines.count(of: bytes)
      if line <= lines + here {
        let records = try PublishedRows.chunk(bytes, rows: chunk.ref.rows)
        for row in 0..<records.rowCount {
          lines += bytes[records.range(ofRow: row)].count { $0 == 0x0A } + 1
          if line <= lines { return rows + row }
        }
      }
      lines += here
      rows += chunk.ref.rows
    }
    return nil
  }

  /// How a row is called: its key, or the beginning of its content.
  func label(_ run: StageRun, _ port: Int, _ row: [UInt8]) -> String {
    let columns = run.stage.kind.outputs[port].traits.rowKey
    if !columns.isEmpty { return row.withUnsafeBytes { RowKey(columns: columns).label(of: $0) } }
    let text = String(decoding: row.prefix(60), as: UTF8.self)
    return row.count > 60 ? text + "…" : text
  }

  static func locate(_ row: Int, in chunks: [TableChunk]) -> (chunk: Int, row: Int)? {
    guard row >= 0 else { return nil }
    var rest = row
    for (index, chunk) in chunks.enumerated() {
      if rest < chunk.ref.rows { return (index, rest) }
      rest -= chunk.ref.rows
    }
    return nil
  }
}

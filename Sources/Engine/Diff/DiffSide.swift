import Readers
import Rows
import Store

/// One of two compared states: its stages looked up, and its rows at hand.
final class DiffSide {
  let session: Session
  let scheduler: Scheduler
  let tracer: Tracer
  /// Sources whose bytes are not those that the results were made of: rows cannot be followed into them.
  private(set) var foreign: Set<ObjectIdentifier> = []
  private var rows: [ChunkPlace: Chunk] = [:]
  private var records: [ChunkPlace: Records] = [:]
  private var heldBytes = 0
  private var dropped: [Int: [RowInTable: String]] = [:]
  private var starts: [ObjectIdentifier: [Int]] = [:]

  /// A row by its chunk and its ordinal there.
  struct RowInTable: Hashable {
    let table: ObjectIdentifier
    let chunk: Int
    let row: Int
  }

  /// A raw chunk and where its records stand in it.
  struct Records {
    let bytes: [UInt8]
    let ranges: [Range<Int>]
    let context: [UInt8]
  }

  /// Bytes of chunks that are kept at hand; rows of one chunk are mostly asked for together.
  private static let heldLimit = 96 << 20

  init(_ session: Session, pinned keys: [String: Digest]) throws(StoreError) {
    self.session = session
    scheduler = try session.looked(pinned: keys)
    tracer = Tracer(scheduler)
    for run in scheduler.stages where run.isUsable {
      guard let image = run.preImage else { continue }
      var wanted: [String: String] = [:]
      for part in image.parts where part.name.hasPrefix("input ") { wanted[part.name] = part.value }
      for (port, tables) in zip(run.stage.kind.inputs, run.inputs) {
        for (index, table) in tables.enumerated() where table.stage < 0 {
          guard let value = wanted[Scheduler.inputName(port, index)] else { continue }
          if table.content?.description != value { foreign.insert(ObjectIdentifier(table)) }
        }
      }
    }
  }

  /// Whether every stage has its result.
  var isComplete: Bool { scheduler.stages.allSatisfy(\.isUsable) }

  /// How many sources and definitions are not those that the results were made of.
  var strangeness: Int {
    func definition(_ image: PreImage) -> [PreImage.Part] { image.parts.filter { $0.name.hasPrefix("field ") || $0.name.hasPrefix("file ") } }
    return foreign.count + scheduler.stages.count { run in run.isUsable && run.preImage.map(definition) != definition(scheduler.basePreImage(run)) }
  }

  func stage(_ name: String) -> StageRun? { scheduler.stages.first { $0.stage.name == name } }

  func isForeign(_ table: TableRun) -> Bool { foreign.contains(ObjectIdentifier(table)) }

  /// The rows of a chunk of a stage's output.
  func chunk(_ table: TableRun, _ ordinal: Int) throws(TaskFailure) -> Chunk {
    let place = ChunkPlace(table: ObjectIdentifier(table), ordinal: ordinal)
    if let known = rows[place] { return known }
    let chunk = Chunk(bytes: try scheduler.bytes(of: table, ordinal, consuming: false))
    makeRoom(chunk.bytes.count)
    rows[place] = chunk
    return chunk
  }

  /// The records of a chunk of a source.
  func records(_ table: TableRun, _ ordinal: Int) throws(TaskFailure) -> Records {
    let place = ChunkPlace(table: ObjectIdentifier(table), ordinal: ordinal)
    if let known = records[place] { return known }
    let bytes = try scheduler.bytes(of: table, ordinal, consuming: false)
    let context = table.chunks[ordinal].context
    let parser = RecordParser(context: context)
    let found = Records(bytes: bytes, ranges: bytes.withUnsafeBytes { parser.recordRanges(in: $0) }, context: context)
    makeRoom(bytes.count)
    records[place] = found
    return found
  }

  private func makeRoom(_ bytes: Int) {
    heldBytes += bytes
    guard heldBytes > Self.heldLimit else { return }
    rows = [:]
    records = [:]
    heldBytes = bytes
  }

  /// The bytes of a row, or of a source's record.
  func bytes(_ step: Tracer.Step) throws(TaskFailure) -> [UInt8] {
    if step.table.stage < 0 {
      let records = try records(step.table, step.chunk)
      return step.row < records.ranges.count ? Array(records.bytes[records.ranges[step.row]]) : []
    }
    let chunk = try chunk(step.table, step.chunk)
    return step.row < chunk.rowCount ? Array(chunk.bytes[chunk.range(ofRow: step.row)]) : []
  }

  /// A row by its number in its table, from 0.
  func number(_ step: Tracer.Step) -> Int {
    let id = ObjectIdentifier(step.table)
    if starts[id] == nil {
      var sum = 0
      starts[id] = step.table.chunks.map { chunk in
        defer { sum += chunk.ref.rows }
        return sum
      }
    }
    return starts[id]![step.chunk] + step.row
  }

  /// The rows that made a row.
  func parents(_ step: Tracer.Step) throws(TaskFailure) -> [Tracer.Step] {
    guard step.table.stage >= 0 else { return [] }
    try scheduler.load(step.table)
    let found = try tracer.parents(of: step.table, chunk: step.chunk, row: step.row)
    for parent in found { if parent.table.stage >= 0 { try scheduler.load(parent.table) } }
    return found.filter { !isForeign($0.table) }
  }

  /// Where a source's record stands in the file as it was then.
  func place(_ step: Tracer.Step) throws(TaskFailure) -> (file: String, line: Int) {
    guard case .raw(let file, let entry) = step.table.chunks[step.chunk].origin else { return ("", 0) }
    let place = scheduler.sources.place(step.table, file: file, entry: entry)
    let records = try records(step.table, step.chunk)
    guard step.row < records.ranges.count else { return (place.name, place.startLine) }
    let before = records.ranges[step.row].lowerBound
    return (place.name, place.startLine + records.bytes.withUnsafeBytes { Lines.count(UnsafeRawBufferPointer(rebasing: $0[..<before])) })
  }

  /// Why a stage left a row of its input out; nil when it did not.
  func dropReason(_ run: StageRun, _ step: Tracer.Step) throws(TaskFailure) -> String? {
    if dropped[run.index] == nil {
      var found: [RowInTable: String] = [:]
      try scheduler.materialize(run)
      for ordinal in run.tasks.indices {
        let task = run.tasks[ordinal]
        guard task.work != .partial else { continue }
        let drops = try scheduler.result(of: run, ordinal).drops
        for drop in drops.rows {
          guard let place = tracer.resolve(drop.parent, in: task, run) else { continue }
          found[RowInTable(table: ObjectIdentifier(place.table), chunk: place.chunk, row: place.row)] = drops.reasons[drop.reason]
        }
      }
      dropped[run.index] = found
    }
    return dropped[run.index]![RowInTable(table: ObjectIdentifier(step.table), chunk: step.chunk, row: step.row)]
  }

  /// One input row of a chunk task as a chunk of its own: what the kind reads its keys from.
  func single(_ step: Tracer.Step, source: Int) throws(TaskFailure) -> InputChunk {
    let bytes = try bytes(step)
    if step.table.stage < 0 { return InputChunk(source: source, bytes: bytes, context: step.table.chunks[step.chunk].context) }
    return InputChunk(source: source, bytes: bytes + [0x0A], context: [])
  }

  /// How a row is called.
  func label(_ step: Tracer.Step) throws(TaskFailure) -> String {
    guard step.table.stage >= 0 else { return "" }
    return tracer.label(scheduler.stages[step.table.stage], step.table.port, try bytes(step))
  }
}

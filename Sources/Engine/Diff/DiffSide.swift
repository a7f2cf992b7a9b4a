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
  /// Stages whose bytes cannot be made again here: their template, their program or what they read is not at hand as it was.
  private(set) var lost: Set<Int> = []
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
      // What is in the key beside the inputs.
      let now = scheduler.basePreImage(run).parts.filter { !$0.name.hasPrefix("input ") }
      let isOther = now != image.parts.filter { !$0.name.hasPrefix("input ") }
      let readsLost = run.inputs.joined().contains { table in
        table.stage < 0 ? isForeign(table) : lost.contains(table.stage) && !scheduler.isKept(scheduler.stages[table.stage], port: table.port)
      }
      if isOther || readsLost { lost.insert(run.index) }
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
    let chunk = Chunk(bytes: try bytes(table, ordinal))
    makeRoom(chunk.bytes.count)
    rows[place] = chunk
    return chunk
  }

  /// The bytes of a chunk; made again only by what made them.
  private func bytes(_ table: TableRun, _ ordinal: Int) throws(TaskFailure) -> [UInt8] {
    guard table.stage >= 0, lost.contains(table.stage) else { return try scheduler.bytes(of: table, ordinal, consuming: false) }
    try scheduler.load(table)
    let digest = table.chunks[ordinal].ref.digest
    do throws(StoreError) {
      if let bytes = try scheduler.store.get(digest) { return bytes }
    } catch { throw TaskFailure(error) }
    throw TaskFailure.notKept(scheduler.stages[table.stage].stage.displayName)
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

  /// What a row's chunk is known by.
  func digest(_ step: Tracer.Step) throws(TaskFailure) -> Digest {
    if step.table.stage >= 0 { try scheduler.load(step.table) }
    return step.table.chunks[step.chunk].ref.digest
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

  /// The rows that made a row, but for those of sources that are not at hand.
  func parents(_ step: Tracer.Step) throws(TaskFailure) -> [Tracer.Step] { try allParents(step).filter { !isForeign($0.table) } }

  /// The rows that made a row. Those of a source that is not at hand stand for records that are not there.
  func allParents(_ step: Tracer.Step) throws(TaskFailure) -> [Tracer.Step] {
    guard step.table.stage >= 0 else { return [] }
    try scheduler.load(step.table)
    let found = try tracer.parents(of: step.table, chunk: step.chunk, row: step.row)
    for parent in found { if parent.table.stage >= 0 { try scheduler.load(parent.table) } }
    return found
  }

  /// The text of a row's key; of a row whose bytes are not at hand, or in which it does not stand, that of the row it was made of.
  func key(_ step: Tracer.Step, _ columns: [String]) -> [UInt8]? {
    guard !columns.isEmpty, step.table.stage >= 0 else { return nil }
    let run = scheduler.stages[step.table.stage]
    let output = run.stage.kind.outputs[step.table.port]
    guard !output.isPublic || output.traits.rowKey == columns else { return nil }
    if output.isPublic, let row = try? bytes(step), let text = row.withUnsafeBytes({ try? RowKey(columns: columns).text(of: $0) }) { return text }
    guard let parent = try? parents(step).first else { return nil }
    return key(parent, columns)
  }

  /// How a source is called.
  func sourceName(_ table: TableRun) -> String {
    guard let index = scheduler.sources.index(of: table) else { return "" }
    return scheduler.sources.summaries()[index].summary.outside.shownName
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
    // Lines of a file have the names of their rows.
    if !scheduler.stages[step.table.stage].stage.kind.outputs[step.table.port].isPublic, let parent = try? parents(step).first, parent.table.stage >= 0,
      let label = try? label(parent)
    {
      return label
    }
    if lost.contains(step.table.stage), (try? bytes(step)) == nil, let parent = try parents(step).first { return try label(parent) }
    return tracer.label(scheduler.stages[step.table.stage], step.table.port, try bytes(step))
  }
}

extension TaskFailure {
  /// Bytes that were not kept, and that nobody could make again here.
  static func notKept(_ stage: String) -> TaskFailure {
    TaskFailure(
      id: "not-kept", message: "not all rows of `\(stage)` were kept, and they cannot be made again: its template, its program or what it read is another one now",
      help: "compare commits, whose files are in git; or run that state again with this pipe")
  }
}

extension OutsideSource {
  /// As people know it: a pattern, a path, a command.
  var shownName: String {
    switch origin {
    case .files(let pattern): pattern
    case .sqlite(let path, _): path
    case .command(let argv): "run: \(argv.joined(separator: " "))"
    }
  }
}

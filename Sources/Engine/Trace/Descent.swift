import Readers
import Rows
import Store

/// Some rows of a chunk.
struct RowBits: Equatable {
  private var words: [UInt64]

  init(count: Int) { words = Array(repeating: 0, count: (count + 63) / 64) }

  /// All rows of a chunk.
  init(all count: Int) {
    self.init(count: count)
    for row in 0..<count { insert(row) }
  }

  mutating func insert(_ row: Int) {
    guard row >= 0, row / 64 < words.count else { return }
    words[row / 64] |= 1 << UInt64(row % 64)
  }

  func contains(_ row: Int) -> Bool { row >= 0 && row / 64 < words.count && words[row / 64] & 1 << UInt64(row % 64) != 0 }
  var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

  var rows: [Int] {
    var found: [Int] = []
    for (place, word) in words.enumerated() {
      var rest = word
      while rest != 0 {
        found.append(place * 64 + rest.trailingZeroBitCount)
        rest &= rest - 1
      }
    }
    return found
  }
}

/// What of a table (a file, a folder) the search has come to.
struct Reach {
  /// By chunk.
  var rows: [Int: RowBits] = [:]
  /// All of it, and nobody can say which rows.
  var isWhole = false
  /// Rows that are here because their maker does not say what they were made of.
  var unknown = 0
  /// What it was made with that was reached as a whole.
  var through: [String] = []

  var isEmpty: Bool { rows.isEmpty && !isWhole }
  var count: Int { rows.values.reduce(0) { $0 + $1.count } }

  mutating func insert(_ chunk: Int, _ row: Int, of table: TableRun) {
    rows[chunk, default: RowBits(count: table.chunks[chunk].ref.rows)].insert(row)
  }

  func contains(_ chunk: Int, _ row: Int) -> Bool { isWhole || rows[chunk]?.contains(row) ?? false }
}

/// Follows row maps forwards: from some rows to everything that was made of them.
///
/// Stage by stage in the graph's order, and of each stage only the tasks that have read a chunk with such a row; of a stage that looks rows
/// up by key, those whose chunks hold the key, which their sidecars tell without a row being read.
struct Descent {
  let scheduler: Scheduler
  let tracer: Tracer
  private(set) var reached: [ObjectIdentifier: Reach] = [:]
  /// By stage: rows that it has left out, with the reason.
  private(set) var dropped: [Int: [(reason: String, rows: Int)]] = [:]
  /// By stage: how many rows of what it read.
  private(set) var read: [Int: Int] = [:]

  init(_ scheduler: Scheduler) {
    self.scheduler = scheduler
    tracer = Tracer(scheduler)
  }

  // MARK: where it begins

  mutating func begin(at row: Int, in chunk: Int, of table: TableRun) { reached[ObjectIdentifier(table), default: Reach()].insert(chunk, row, of: table) }

  /// With all rows of a table, or with all that is no table.
  mutating func begin(with table: TableRun, isTable: Bool, chunks: (Int) -> Bool = { _ in true }) {
    guard isTable else { return reached[ObjectIdentifier(table), default: Reach()].isWhole = true }
    for chunk in table.chunks.indices where table.chunks[chunk].ref.rows > 0 && chunks(chunk) {
      reached[ObjectIdentifier(table), default: Reach()].rows[chunk] = RowBits(all: table.chunks[chunk].ref.rows)
    }
  }

  subscript(_ table: TableRun) -> Reach { reached[ObjectIdentifier(table)] ?? Reach() }

  // MARK: going down

  mutating func run() throws(TaskFailure) {
    for run in scheduler.stages where run.isUsable {
      let ports = run.stage.kind.inputs.indices.filter { port in
        if case .comparison = run.stage.kind.inputs[port].reading { return false }
        return run.inputs[port].contains { !self[$0].isEmpty }
      }
      guard !ports.isEmpty else { continue }
      try scheduler.materialize(run)
      read[run.index] = ports.reduce(0) { sum, port in run.inputs[port].reduce(sum) { $0 + (self[$1].isWhole ? $1.rows : self[$1].count) } }
      throughWhole(run, ports)
      switch run.stage.kind.work {
      case .eachChunk: try advanceChunks(run, ports)
      case .wholeInput, .reduce: try advanceWhole(run, ports)
      }
      for (table, output) in zip(run.outputs, run.stage.kind.outputs) where output.isSummary { mark(table, through: []) }
    }
  }

  private mutating func mark(_ table: TableRun, through: [String]) {
    guard table.rows > 0 || table.bytes > 0 else { return }
    var reach = self[table]
    reach.isWhole = true
    for name in through where !reach.through.contains(name) { reach.through.append(name) }
    reached[ObjectIdentifier(table)] = reach
  }

  /// What reads something that was reached as a whole is reached as a whole: a model's answers, a summary's readers.
  private mutating func throughWhole(_ run: StageRun, _ ports: [Int]) {
    var names: [String] = []
    for port in ports {
      for table in run.inputs[port] where self[table].isWhole {
        let through = self[table].through
        if !through.isEmpty {
          names += through
        } else if table.stage >= 0 {
          let maker = scheduler.stages[table.stage].stage
          names.append("\(maker.displayName).\(maker.kind.outputs[table.port].name)")
        } else {
          names.append("")
        }
      }
    }
    guard !names.isEmpty else { return }
    for table in run.outputs { mark(table, through: names.filter { !$0.isEmpty }) }
  }

  // MARK: chunk by chunk

  private mutating func advanceChunks(_ run: StageRun, _ ports: [Int]) throws(TaskFailure) {
    guard let stream = run.streamPort else { return }
    var touched: [Int: [Int: RowBits]] = [:]
    if ports.contains(stream) {
      for (ordinal, task) in run.tasks.enumerated() {
        for (place, input) in task.inputs.enumerated() {
          let table = run.inputs[stream][input.source]
          // What was reached as a whole has been dealt with.
          guard let rows = self[table].rows[input.chunk] else { continue }
          touched[ordinal, default: [:]][place] = rows
        }
      }
    }
    for port in ports {
      guard case .keyed(let reading) = run.stage.kind.inputs[port].reading else { continue }
      try addLookups(run, stream, port, reading, &touched)
    }
    try take(run, touched)
  }

  /// The rows of the stream that look up a row of a side table that was reached.
  private func addLookups(_ run: StageRun, _ stream: Int, _ port: Int, _ reading: KeyedReading, _ touched: inout [Int: [Int: RowBits]]) throws(TaskFailure) {
    let key = RowKey(columns: reading.key)
    var wanted: Set<UInt64> = []
    for table in run.inputs[port] {
      for (chunk, rows) in self[table].rows {
        let bytes = Chunk(bytes: try scheduler.bytes(of: table, chunk, consuming: false))
        bytes.forEachRow { (row, raw) in
          guard rows.contains(row), reading.accepts?(raw) ?? true, let text = try? key.text(of: raw) else { return }
          wanted.insert(SideKey.hash(text))
        }
      }
    }
    guard !wanted.isEmpty else { return }
    let sorted = wanted.sorted()
    for (ordinal, task) in run.tasks.enumerated() {
      for (place, input) in task.inputs.enumerated() {
        let table = run.inputs[stream][input.source]
        guard try scheduler.mayLookUp(sorted, run, port, reading, table, input.source, input.chunk) else { continue }
        for row in try rowsLookingUp(wanted, reading, table, input.source, input.chunk) {
          touched[ordinal, default: [:]][place, default: RowBits(count: table.chunks[input.chunk].ref.rows)].insert(row)
        }
      }
    }
  }

  private func rowsLookingUp(_ wanted: Set<UInt64>, _ reading: KeyedReading, _ table: TableRun, _ source: Int, _ chunk: Int) throws(TaskFailure) -> [Int] {
    var found: [Int] = []
    for (row, one) in try single(table, source, chunk).enumerated() {
      // A row that the stage refuses looks nothing up.
      if let keys = try? reading.keys(one), keys.contains(where: wanted.contains) { found.append(row) }
    }
    return found
  }

  /// The rows of a chunk, each as a chunk of its own.
  private func single(_ table: TableRun, _ source: Int, _ chunk: Int) throws(TaskFailure) -> [InputChunk] {
    let bytes = try scheduler.bytes(of: table, chunk, consuming: false)
    let context = table.chunks[chunk].context
    if table.stage < 0 {
      let parser = RecordParser(context: context)
      return bytes.withUnsafeBytes { parser.recordRanges(in: $0) }.map { InputChunk(source: source, bytes: Array(bytes[$0]), context: context) }
    }
    let rows = Chunk(bytes: bytes)
    return (0..<rows.rowCount).map { InputChunk(source: source, bytes: Array(bytes[rows.range(ofRow: $0)]) + [0x0A], context: []) }
  }

  /// What tasks made of rows that they have read.
  private mutating func take(_ run: StageRun, _ touched: [Int: [Int: RowBits]]) throws(TaskFailure) {
    guard !touched.isEmpty else { return }
    var firsts: [[Int: Int]] = []
    for table in run.outputs {
      var first: [Int: Int] = [:]
      for (ordinal, chunk) in table.chunks.enumerated() { if case .task(let task, 0) = chunk.origin { first[task] = ordinal } }
      firsts.append(first)
    }
    for ordinal in touched.keys.sorted() {
      let places = touched[ordinal]!
      try add(try scheduler.result(of: run, ordinal), run, firsts.map { $0[ordinal] }) { places[$0.chunk]?.contains($0.row) ?? false }
    }
  }

  private mutating func add(_ result: TaskResult, _ run: StageRun, _ firsts: [Int?], _ isWanted: (RowParent) -> Bool) throws(TaskFailure) {
    for (port, made) in result.ports.enumerated() {
      var unknown = 0
      let children = made.map.children { parent in
        if parent.isUnknown { unknown += 1 }
        return parent.isUnknown || isWanted(parent)
      }
      guard !children.isEmpty else { continue }
      let table = run.outputs[port]
      guard run.stage.kind.outputs[port].content == .rows, let first = firsts[port] else {
        mark(table, through: [])
        continue
      }
      if unknown > 0, unknown == made.map.rowCount {
        mark(table, through: [])
        continue
      }
      var reach = self[table]
      reach.unknown += unknown
      var chunk = 0
      var start = 0
      for row in children {
        while row >= start + made.chunks[chunk].rows {
          start += made.chunks[chunk].rows
          chunk += 1
        }
        reach.insert(first + chunk, row - start, of: table)
      }
      reached[ObjectIdentifier(table)] = reach
    }
    for drop in result.drops.rows where !drop.parent.isUnknown && isWanted(drop.parent) {
      let reason = result.drops.reasons[drop.reason]
      if let known = dropped[run.index, default: []].firstIndex(where: { $0.reason == reason }) {
        dropped[run.index]![known].rows += 1
      } else {
        dropped[run.index, default: []].append((reason, 1))
      }
    }
  }

  // MARK: all at once

  private mutating func advanceWhole(_ run: StageRun, _ ports: [Int]) throws(TaskFailure) {
    // Chunks count over all tables of a port.
    var places: [Int: [Int: RowBits]] = [:]
    for port in ports {
      var first = 0
      for table in run.inputs[port] {
        for (chunk, rows) in self[table].rows { places[port, default: [:]][first + chunk] = rows }
        first += table.chunks.count
      }
    }
    guard !places.isEmpty else { return }
    try add(try scheduler.result(of: run, 0), run, run.outputs.map { $0.chunks.isEmpty ? nil : 0 }) { places[$0.port]?[$0.chunk]?.contains($0.row) ?? false }
  }
}

extension Scheduler {
  /// Whether a chunk holds one of the keys (in order), by its sidecar; a chunk whose sidecar is gone is read, and has one again.
  func mayLookUp(
    _ wanted: [UInt64], _ run: StageRun, _ port: Int, _ reading: KeyedReading, _ table: TableRun, _ source: Int, _ ordinal: Int
  ) throws(TaskFailure) -> Bool {
    let chunk = table.chunks[ordinal]
    let key = sidecarKey(run, port: port, chunk: chunk)
    do throws(StoreError) {
      if let bytes = try store.entry(.sidecar, key), bytes.count % 8 == 0 {
        return bytes.withUnsafeBytes { raw in
          func word(_ place: Int) -> UInt64 { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: place * 8, as: UInt64.self)) }
          let count = raw.count / 8
          return wanted.contains { hash in
            var (low, high) = (0, count)
            while low < high {
              let middle = (low + high) / 2
              if word(middle) < hash { low = middle + 1 } else { high = middle }
            }
            return low < count && word(low) == hash
          }
        }
      }
    } catch { throw TaskFailure(error) }
    let hashes = Set(try reading.keys(InputChunk(source: source, bytes: try bytes(of: table, ordinal, consuming: false), context: chunk.context)))
    var writer = ByteWriter()
    for hash in hashes.sorted() { writer.word(hash) }
    do throws(StoreError) { try store.record(.sidecar, key, writer.bytes) } catch { throw TaskFailure(error) }
    return wanted.contains(where: hashes.contains)
  }
}

import Diagnostics
import Rows
import Store

extension Scheduler {
  /// Looks a task up, or does its work; then hands over what came of it.
  func run(_ task: TaskRun, _ local: WorkerLocal) {
    let run = stages[task.stage]
    let begin = services.nanoseconds()
    var wasCached = false
    let outcome = Result { () throws(TaskFailure) in wasCached = try perform(task, run, local) }
    let spent = services.nanoseconds() &- begin
    let failure: ResolvedFailure? = if case .failure(let failure) = outcome { resolve(failure, in: task, run) } else { nil }
    complete(.task(task)) {
      run.busyNanoseconds &+= spent
      run.unfinished -= 1
      task.isFinished = true
      if let failure {
        if !run.isDone { fail(run, .task(failure)) }
        return
      }
      if wasCached { run.cached += 1 } else { run.ran += 1 }
      if wasCached, task.work == .merge { run.wasMergeCached = true }
      guard !run.isDone else { return }
      release(run)
      if run.unfinished == 0 { touch(run.index) }
    }
  }

  /// Returns whether the task was cached.
  private func perform(_ task: TaskRun, _ run: StageRun, _ local: WorkerLocal) throws(TaskFailure) -> Bool {
    let chunks = places(task, run)
    var sides: [(digest: Digest, rows: SideRows)] = []
    var fetched: [Int: [UInt8]] = [:]
    if task.work == .chunks { sides = try lookUpSides(task, run, chunks, &fetched) }
    let key = key(of: task, run, chunks: chunks, sides: sides.map(\.digest))
    task.key = key
    if isCacheUsed(by: run), try takeCached(task, key) {
      for (input, chunk) in zip(task.inputs, chunks) where fetched[input.chunk] == nil { forgo(task, run, input, chunk) }
      return true
    }
    do throws(TaskFailure) {
      try attempt(task, run, chunks, sides, &fetched, key, local)
      return false
    } catch {
      // Another run that waited for the same submission was faster, and has its result in the store by now.
      guard error.id == "lost-submission" else { throw error }
      store.refresh()
      guard try takeCached(task, key) else { throw error }
      return true
    }
  }

  private func isCacheUsed(by run: StageRun) -> Bool {
    run.stage.settings.isCached && run.stage.kind.effect != .volatile && !isForced(run)
  }

  /// Whether a stage's work is done again whatever the store has. What read the outside world, or was submitted, is no cache: forcing it
  /// would give other data, or cost money twice. Only `pipe update` and `--resubmit` do.
  func isForced(_ run: StageRun) -> Bool {
    switch run.stage.kind.effect {
    case .snapshot: options.updated.contains(run.stage.name)
    case .submit: options.resubmits && options.forced.contains(run.stage.name)
    case .pure, .volatile: !options.usesCache || options.forced.contains(run.stage.name)
    }
  }

  private func takeCached(_ task: TaskRun, _ key: Digest) throws(TaskFailure) -> Bool {
    do {
      if task.work == .partial {
        task.partial = try store.entry(.partial, key)
        return task.partial != nil
      }
      guard let bytes = try store.entry(.action, key) else { return false }
      task.result = try TaskResult(decoding: bytes)
      return true
    } catch let error as StoreError {
      throw TaskFailure(error)
    } catch {
      // An entry that cannot be read is no entry: the task runs.
      return false
    }
  }

  /// Runs a task's work, again after a failure as often as the stage allows.
  private func attempt(
    _ task: TaskRun, _ run: StageRun, _ chunks: [TableChunk], _ sides: [(digest: Digest, rows: SideRows)], _ fetched: inout [Int: [UInt8]],
    _ key: Digest, _ local: WorkerLocal
  ) throws(TaskFailure) {
    let retries = run.stage.settings.retries
    let inputs = try inputs(task, run, chunks, fetched, consuming: true)
    fetched = [:]
    var attempt = 0
    while true {
      do throws(TaskFailure) {
        let result = try execute(task, run, inputs, sides.map(\.rows), key, local)
        try record(task, run, key, result)
        return
      } catch {
        attempt += 1
        let isWorthIt = retries.exitStatuses.isEmpty || error.exitStatus.map(retries.exitStatuses.contains) ?? false
        guard attempt <= retries.maximum, isWorthIt, error.mayBeRetried, !services.isCancelled else { throw error }
        // Doubling, so that a service in trouble is left alone for longer each time.
        services.sleep(seconds: retries.backoffSeconds * Double(1 << min(attempt - 1, 16)))
      }
    }
  }

  /// The chunks of a task with their bytes; those that its side keys were read from are there already.
  func inputs(
    _ task: TaskRun, _ run: StageRun, _ chunks: [TableChunk], _ fetched: [Int: [UInt8]], consuming: Bool
  ) throws(TaskFailure) -> [InputChunk] {
    var inputs: [InputChunk] = []
    for (input, chunk) in zip(task.inputs, chunks) {
      let known = fetched[input.chunk]
      let bytes: [UInt8] = if let known { known } else { try bytes(of: run.inputs[task.port][input.source], input.chunk, consuming: consuming) }
      inputs.append(InputChunk(source: input.source, bytes: bytes, context: chunk.context, ref: chunk.ref))
    }
    return inputs
  }

  enum Execution {
    case partial([UInt8])
    case rows(TaskResult, fresh: [FreshChunk: [UInt8]], trail: Trail)
  }

  /// Does the work of a task and nothing else; also what a rewind calls.
  func execute(
    _ task: TaskRun, _ run: StageRun, _ inputs: [InputChunk], _ sides: [SideRows], _ key: Digest, _ local: WorkerLocal
  ) throws(TaskFailure) -> Execution {
    let submitKey = run.stage.kind.effect == .submit ? run.key ?? fullPreImage(run).digest : key
    let supervision = services.supervision(stage: run.stage, key: submitKey, timeoutSeconds: run.stage.settings.timeoutSeconds)
    defer { services.endSupervision(supervision) }
    let rowTrail = RowTrail()
    let rowResults = rowResults(run, rowTrail)
    if task.work == .partial {
      switch run.stage.kind.work {
      case .reduce(let work): return .partial(try work.partial(run.stage.kind.inputs[task.port].name, inputs[0]))
      case .eachChunk(let work): return .partial(try work.preparation!.partial(inputs[0]))
      case .wholeInput: preconditionFailure("whole-input work has no partials")
      }
    }
    var fresh: [FreshChunk: [UInt8]] = [:]
    var counts = Array(repeating: 0, count: run.outputs.count)
    let keeps = run.stage.kind.outputs.indices.map { isKept(run, port: $0) }
    let writer = TaskWriter(outputs: run.outputs.count) { (port, ref, bytes) throws(TaskFailure) in
      if keeps[port] {
        do throws(StoreError) {
          try self.store.put(bytes, as: ref.digest)
        } catch { throw TaskFailure(error) }
      } else {
        fresh[FreshChunk(port: port, index: counts[port])] = bytes
      }
      counts[port] += 1
    }
    switch run.stage.kind.work {
    case .eachChunk(let work):
      let names = run.stage.kind.inputs.filter { if case .keyed = $0.reading { true } else { false } }.map(\.name)
      let input = TaskInput(
        chunks: inputs, prepared: run.prepared, sides: Dictionary(uniqueKeysWithValues: zip(names, sides)), wholes: try wholeTables(run, streams: false),
        worker: local, rowResults: rowResults, supervision: supervision)
      try work.body(input, writer)
    case .reduce(let work):
      try work.merge(Array(zip(run.partialPorts, run.partials)).map { (port: $0.0, partial: $0.1) }, writer)
    case .wholeInput(let work):
      try work.body(WholeInput(wholes: try wholeTables(run, streams: true), worker: local, rowResults: rowResults, supervision: supervision), writer)
    }
    return .rows(try writer.finish(), fresh: fresh, trail: rowTrail.trail)
  }

  /// Whether an output's bytes stay in the store: where they cannot be made again cheaply, and where they are published.
  func isKept(_ run: StageRun, port: Int) -> Bool {
    if options.isVerification || run.stage.kind.outputs[port].isKept || run.stage.kind.effect != .pure || !run.stage.settings.isCached { return true }
    if case .eachChunk(let work) = run.stage.kind.work, !work.isCostly { return false }
    return true
  }

  private func record(_ task: TaskRun, _ run: StageRun, _ key: Digest, _ execution: Execution) throws(TaskFailure) {
    do throws(StoreError) {
      switch execution {
      case .partial(let bytes):
        task.partial = bytes
        try store.record(.partial, key, bytes)
      case .rows(let result, let fresh, let trail):
        task.result = result
        task.fresh = fresh
        let spilled = monitor.locked { run.outputs.indices.filter { hasLaterReaders(run, port: $0) } }
        let isCrowded = inFlight.heldBytes > options.memoryBudget / 2
        for (place, bytes) in fresh where isCrowded || spilled.contains(place.port) {
          try store.put(bytes, as: result.ports[place.port].chunks[place.index].digest)
        }
        if !trail.isEmpty { try store.record(.trail, key, trail.encode()) }
        try store.record(.action, key, result.encode())
        // What cannot be had again is on the device before anything reads it.
        if run.stage.kind.effect == .snapshot || run.stage.kind.effect == .submit {
          try store.makeDurable(result.ports.flatMap { $0.chunks.map(\.digest) })
        }
        for (port, output) in run.stage.kind.outputs.enumerated() where output.traits.isKeyUnique && !output.traits.rowKey.isEmpty {
          for (index, ref) in result.ports[port].chunks.enumerated() {
            if let bytes = fresh[FreshChunk(port: port, index: index)] { UniqueKeys.prepare(output.traits.rowKey, ref, bytes, store) }
          }
        }
        for column in run.stage.settings.tracedColumns {
          for (port, output) in run.stage.kind.outputs.enumerated() where output.isPublic && output.content == .rows && output.traits.columns?.contains(column) ?? true {
            for (index, ref) in result.ports[port].chunks.enumerated() {
              if let bytes = fresh[FreshChunk(port: port, index: index)] { UniqueKeys.prepare([column], ref, bytes, store) }
            }
          }
        }
        for wanted in run.countedColumns {
          for (index, ref) in result.ports[wanted.port].chunks.enumerated() {
            if let bytes = fresh[FreshChunk(port: wanted.port, index: index)] { ColumnCounts.prepare(wanted.column, ref, bytes, store) }
          }
        }
      }
    } catch { throw TaskFailure(error) }
  }

  /// The chunks that a task reads, as they stand in their tables.
  func places(_ task: TaskRun, _ run: StageRun) -> [TableChunk] {
    monitor.locked { task.inputs.map { run.inputs[task.port][$0.source].chunks[$0.chunk] } }
  }

  private func forgo(_ task: TaskRun, _ run: StageRun, _ input: (source: Int, chunk: Int), _ chunk: TableChunk) {
    inFlight.forgo(ChunkPlace(table: ObjectIdentifier(run.inputs[task.port][input.source]), ordinal: input.chunk))
  }

  /// What the task's chunks see of each side table.
  func lookUpSides(
    _ task: TaskRun, _ run: StageRun, _ chunks: [TableChunk], _ fetched: inout [Int: [UInt8]]
  ) throws(TaskFailure) -> [(digest: Digest, rows: SideRows)] {
    var found: [(digest: Digest, rows: SideRows)] = []
    for (port, input) in run.stage.kind.inputs.enumerated() {
      guard case .keyed(let reading) = input.reading else { continue }
      var hashes: [UInt64] = []
      for (place, chunk) in zip(task.inputs, chunks) {
        hashes += try sidecar(run, port, reading, task, place, chunk, &fetched)
      }
      hashes = Self.sortedUnique(hashes)
      let index = try sideIndex(run, port, reading)
      found.append(index.look(up: hashes))
    }
    return found
  }

  private func sidecar(
    _ run: StageRun, _ port: Int, _ reading: KeyedReading, _ task: TaskRun, _ place: (source: Int, chunk: Int), _ chunk: TableChunk,
    _ fetched: inout [Int: [UInt8]]
  ) throws(TaskFailure) -> [UInt64] {
    let key = sidecarKey(run, port: port, chunk: chunk)
    do throws(StoreError) {
      if !options.isVerification || isCacheUsed(by: run), let bytes = try store.entry(.sidecar, key), bytes.count % 8 == 0 {
        return bytes.withUnsafeBytes { raw in stride(from: 0, to: raw.count, by: 8).map { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: $0, as: UInt64.self)) } }
      }
    } catch { throw TaskFailure(error) }
    let bytes: [UInt8]
    if let known = fetched[place.chunk] {
      bytes = known
    } else {
      bytes = try self.bytes(of: run.inputs[task.port][place.source], place.chunk, consuming: true)
      fetched[place.chunk] = bytes
    }
    let hashes = Self.sortedUnique(try reading.keys(InputChunk(source: place.source, bytes: bytes, context: chunk.context)))
    var writer = ByteWriter()
    for hash in hashes { writer.word(hash) }
    do throws(StoreError) { try store.record(.sidecar, key, writer.bytes) } catch { throw TaskFailure(error) }
    return hashes
  }

  private static func sortedUnique(_ hashes: [UInt64]) -> [UInt64] {
    var sorted = hashes.sorted()
    var kept = 0
    for hash in sorted where kept == 0 || sorted[kept - 1] != hash {
      sorted[kept] = hash
      kept += 1
    }
    sorted.removeSubrange(kept...)
    return sorted
  }

  func sideIndex(_ run: StageRun, _ port: Int, _ reading: KeyedReading) throws(TaskFailure) -> SideIndex {
    try sideIndices.value(ChunkPlace(table: ObjectIdentifier(run), ordinal: port)) { () throws(TaskFailure) in
      try SideIndex.build(reading, from: try wholeTable(run.inputs[port]))
    }
  }

  private func wholeTables(_ run: StageRun, streams: Bool) throws(TaskFailure) -> [String: WholeTable] {
    var tables: [String: WholeTable] = [:]
    for (port, input) in run.stage.kind.inputs.enumerated() {
      switch input.reading {
      case .whole: tables[input.name] = try wholeTable(run.inputs[port])
      case .stream where streams: tables[input.name] = try wholeTable(run.inputs[port])
      case .keyed where streams: tables[input.name] = try wholeTable(run.inputs[port])
      default: break
      }
    }
    return tables
  }

  /// Several complete tables as one.
  func wholeTable(_ tables: [TableRun]) throws(TaskFailure) -> WholeTable {
    var places: [(table: TableRun, ordinal: Int)] = []
    var rows = 0
    for table in tables {
      try load(table)
      for ordinal in 0..<(monitor.locked { table.chunks.count }) { places.append((table, ordinal)) }
      rows += table.rows
    }
    let all = places.map { UncheckedSendable($0) }
    return WholeTable(chunkCount: all.count, rowCount: rows) { (ordinal) throws(TaskFailure) in
      try self.bytes(of: all[ordinal].value.table, all[ordinal].value.ordinal, consuming: false)
    }
  }

  private func rowResults(_ run: StageRun, _ trail: RowTrail) -> RowResults {
    guard isCacheUsed(by: run) || run.stage.settings.isCached else { return .none }
    let base = run.base
    let usesCache = isCacheUsed(by: run)
    let store = store
    @Sendable func key(_ row: Digest) -> Digest {
      var writer = ByteWriter()
      writer.text("pipe-row-1")
      writer.digest(base)
      writer.digest(row)
      return Digest.of(writer.bytes)
    }
    return RowResults(
      find: { row in
        guard usesCache, let found = (try? store.entry(.rowResult, key(row))) ?? nil else { return nil }
        trail.add(key(row))
        return found
      },
      // A result that could not be kept is computed again next time; the row itself is fine.
      keep: { row, bytes in
        trail.add(key(row))
        try? store.record(.rowResult, key(row), bytes)
      })
  }
}

/// A value that is only touched under the scheduler's lock.
struct UncheckedSendable<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

extension TaskFailure {
  /// A failure of the store, in its own words.
  init(_ error: StoreError) {
    self.init(id: "store", message: "\(error)", help: nil)
  }
}

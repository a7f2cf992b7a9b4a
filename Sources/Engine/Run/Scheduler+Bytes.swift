import Rows
import Store

/// Getting the bytes of a chunk: from memory, from the store, from the source, or by doing the task that made it again.
///
/// The last, the rewind, is one mechanism for four losses: bytes that were never kept, were collected, are damaged, or were never
/// pulled. Its digest must be the expected one; anything else is a bug of ours or an impure stage, and ends the run.
extension Scheduler {
  func bytes(of table: TableRun, _ ordinal: Int, consuming: Bool) throws(TaskFailure) -> [UInt8] {
    let place = ChunkPlace(table: ObjectIdentifier(table), ordinal: ordinal)
    if let bytes = consuming ? inFlight.take(place) : inFlight.peek(place) { return bytes }
    try load(table)
    let chunk = monitor.locked { table.chunks[ordinal] }
    switch chunk.origin {
    case .raw(let file, let entry):
      return try sources.read(table, file: file, entry: entry)
    case .task(let ordinal, _):
      if let bytes = madeAgain.find(chunk.ref.digest) { return bytes }
      do throws(StoreError) {
        if let bytes = try store.get(chunk.ref.digest) { return bytes }
      } catch { throw TaskFailure(error) }
      return try rewind(stages[table.stage], ordinal, wanted: chunk.ref)
    }
  }

  /// Reads the chunk list of a cached table; makes it again when the store has lost it.
  func load(_ table: TableRun) throws(TaskFailure) {
    if monitor.locked({ table.isLoaded }) { return }
    try materialize(stages[table.stage])
  }

  /// Brings a cached stage to the state of one that has just run: tasks with their inputs and keys, tables with their chunks.
  func materialize(_ run: StageRun) throws(TaskFailure) {
    _ = try materializing.value(run.index) { () throws(TaskFailure) -> Bool in
      // A stage that ran has its tasks and chunks in memory.
      guard let result = run.result, !run.outputs.allSatisfy(\.isLoaded) else { return true }
      for table in run.inputs.flatMap({ $0 }) { try load(table) }
      var entries: [TaskList.Entry]
      var lists: [[ChunkRef]]
      do throws(TaskFailure) {
        entries = try storedTasks(result).entries
        lists = []
        for port in result.ports { lists.append(try storedChunks(port)) }
      } catch {
        (entries, lists) = try rebuild(run)
      }
      let tasks = groups(run, known: entries)
      monitor.locked {
        computeBase(run)
        run.tasks = tasks
        var next = Array(repeating: 0, count: lists.count)
        for (ordinal, entry) in entries.enumerated() {
          for (port, count) in entry.chunks.enumerated() {
            for index in 0..<count where next[port] < lists[port].count {
              run.outputs[port].chunks.append(TableChunk(ref: lists[port][next[port]], context: [], origin: .task(ordinal: ordinal, index: index)))
              next[port] += 1
            }
          }
        }
        for table in run.outputs { table.isLoaded = true }
      }
      return true
    }
  }

  private func storedTasks(_ result: StageResult) throws(TaskFailure) -> TaskList {
    do {
      if let bytes = try store.get(result.tasks) { return try TaskList(decoding: bytes) }
    } catch let error as StoreError {
      throw TaskFailure(error)
    } catch {}
    throw TaskFailure.lostList
  }

  private func storedChunks(_ port: StageResult.Port) throws(TaskFailure) -> [ChunkRef] {
    if port.rows == 0 { return [] }
    do {
      if let bytes = try store.get(port.content) {
        var reader = ByteReader(bytes)
        return try ChunkList.decode(from: &reader)
      }
    } catch let error as StoreError {
      throw TaskFailure(error)
    } catch {}
    throw TaskFailure.lostList
  }

  /// Finds the lists of a cached stage again, task by task, after the store has lost them.
  private func rebuild(_ run: StageRun) throws(TaskFailure) -> (entries: [TaskList.Entry], lists: [[ChunkRef]]) {
    monitor.locked {
      computeBase(run)
      run.tasks = groups(run, known: [])
    }
    var entries: [TaskList.Entry] = []
    var lists = Array(repeating: [ChunkRef](), count: run.outputs.count)
    for ordinal in run.tasks.indices {
      let (key, result) = try find(run, ordinal)
      entries.append(TaskList.Entry(key: key, chunks: result.ports.map(\.chunks.count)))
      for (port, made) in result.ports.enumerated() { lists[port] += made.chunks }
    }
    return (entries, lists)
  }

  /// A task's key and result, from the action cache or by doing it again.
  private func find(_ run: StageRun, _ ordinal: Int) throws(TaskFailure) -> (Digest, TaskResult) {
    let task = run.tasks[ordinal]
    if task.work == .merge { try prepareAgain(run) }
    let chunks = places(task, run)
    var fetched: [Int: [UInt8]] = [:]
    let sides = task.work == .chunks ? try lookUpSides(task, run, chunks, &fetched) : []
    let key = key(of: task, run, chunks: chunks, sides: sides.map(\.digest))
    task.key = key
    if let bytes = try? store.entry(.action, key), let result = try? TaskResult(decoding: bytes) { return (key, result) }
    return (key, try redo(run, ordinal).result)
  }

  /// The tasks of a cached stage: groups are a pure function of its input tables, so they need not be stored.
  private func groups(_ run: StageRun, known entries: [TaskList.Entry]) -> [TaskRun] {
    func task(_ ordinal: Int, _ work: TaskRun.Work, _ port: Int, _ inputs: [(source: Int, chunk: Int)]) -> TaskRun {
      let task = TaskRun(stage: run.index, ordinal: ordinal, work: work, port: port, inputs: inputs)
      task.isFinished = true
      if ordinal < entries.count { task.key = entries[ordinal].key }
      return task
    }
    guard case .eachChunk = run.stage.kind.work, let port = run.streamPort else {
      return [task(0, run.isReduce ? .merge : .whole, 0, [])]
    }
    var tasks: [TaskRun] = []
    for (source, table) in run.inputs[port].enumerated() {
      var grouper = ChunkGrouper()
      var start = 0
      for (chunk, entry) in table.chunks.enumerated() {
        guard grouper.endsGroup(digest: entry.ref.digest, bytes: entry.ref.bytes) || chunk == table.chunks.count - 1 else { continue }
        tasks.append(task(tasks.count, .chunks, port, (start...chunk).map { (source, $0) }))
        start = chunk + 1
      }
    }
    // A result that is looked at by its locked key may be of other source bytes than are here: its tasks are known, what they read is not.
    while tasks.count < entries.count { tasks.append(task(tasks.count, .chunks, port, [])) }
    return tasks
  }

  /// What a task of a stage came to: as just made, from the cache, or made again.
  func result(of run: StageRun, _ ordinal: Int) throws(TaskFailure) -> TaskResult {
    if run.result != nil { try materialize(run) }
    let task = monitor.locked { run.tasks[ordinal] }
    if let result = monitor.locked({ task.result }) { return result }
    if let key = task.key, let bytes = try? store.entry(.action, key), let result = try? TaskResult(decoding: bytes) {
      monitor.locked { task.result = result }
      return result
    }
    return try redo(run, ordinal).result
  }

  private func rewind(_ run: StageRun, _ ordinal: Int, wanted: ChunkRef) throws(TaskFailure) -> [UInt8] {
    if run.result != nil { try materialize(run) }
    let (result, fresh) = try redo(run, ordinal)
    monitor.locked { run.rewound += 1 }
    for (port, made) in result.ports.enumerated() {
      for (index, ref) in made.chunks.enumerated() where ref.digest == wanted.digest {
        if let bytes = fresh[FreshChunk(port: port, index: index)] { return bytes }
        // A kept output: the writer has just put it back into the store.
        do throws(StoreError) {
          if let bytes = try store.get(ref.digest) { return bytes }
        } catch { throw TaskFailure(error) }
      }
    }
    throw TaskFailure(
      id: "not-deterministic",
      message: "`\(run.stage.displayName)` gave other bytes than before: a chunk (sha256:\(wanted.digest.short)) that was recorded could not be made again",
      help: "if the stage reads anything it does not declare (files, environment, the network), declare it or say `effect: snapshot`; else this is a bug of pipe")
  }

  /// Does a task again from the bytes it read.
  private func redo(_ run: StageRun, _ ordinal: Int) throws(TaskFailure) -> (result: TaskResult, fresh: [FreshChunk: [UInt8]]) {
    guard run.stage.kind.effect == .pure else {
      if run.stage.kind.effect == .submit {
        throw TaskFailure(
          id: "lost-submission", message: "the result of `\(run.stage.displayName)` is no longer in the store, and what was submitted is not submitted twice",
          help: "bring it back with the store of whoever has it (`--store`); to submit it anew: pipe retry --resubmit")
      }
      throw TaskFailure(
        id: "lost-snapshot", message: "the result of `\(run.stage.displayName)` is no longer in the store, and what it read cannot be read again",
        help: "bring it back with the store of whoever has it (`--store`), or take it anew: pipe update \(run.stage.name)")
    }
    let task = monitor.locked { run.tasks[ordinal] }
    for table in run.inputs.flatMap({ $0 }) { try load(table) }
    try prepareAgain(run)
    let chunks = places(task, run)
    var fetched: [Int: [UInt8]] = [:]
    let sides = task.work == .chunks ? try lookUpSides(task, run, chunks, &fetched) : []
    let inputs = try inputs(task, run, chunks, fetched, consuming: false)
    let key = key(of: task, run, chunks: chunks, sides: sides.map(\.digest))
    guard case .rows(let result, let fresh, _) = try execute(task, run, inputs, sides.map(\.rows), key, WorkerLocal()) else {
      preconditionFailure("only tasks that make rows are done again")
    }
    do throws(StoreError) { try store.record(.action, key, result.encode()) } catch { throw TaskFailure(error) }
    for (place, bytes) in fresh { madeAgain.keep(result.ports[place.port].chunks[place.index].digest, bytes) }
    monitor.locked { task.result = result }
    return (result, fresh)
  }

  /// What chunks agreed on beforehand, and partials, are in no stage result: a stage that was a hit finds them out anew before one of its
  /// tasks is done again.
  private func prepareAgain(_ run: StageRun) throws(TaskFailure) {
    let partial: (String, InputChunk) throws(TaskFailure) -> [UInt8]
    let ports: [Int]
    switch run.stage.kind.work {
    case .wholeInput: return
    case .eachChunk(let work):
      guard let preparation = work.preparation, let port = run.streamPort, monitor.locked({ run.prepared.isEmpty }) else { return }
      partial = { (_, chunk) throws(TaskFailure) in try preparation.partial(chunk) }
      ports = [port]
    case .reduce(let work):
      guard monitor.locked({ run.partials.isEmpty }) else { return }
      partial = work.partial
      ports = run.streamPorts
    }
    var partials: [[UInt8]] = []
    var names: [String] = []
    for port in ports {
      let name = run.stage.kind.inputs[port].name
      for (source, table) in run.inputs[port].enumerated() {
        try load(table)
        for (ordinal, chunk) in table.chunks.enumerated() {
          let task = TaskRun(stage: run.index, ordinal: 0, work: .partial, port: port, inputs: [(source, ordinal)])
          if let kept = try? store.entry(.partial, key(of: task, run, chunks: [chunk], sides: [])) {
            partials.append(kept)
          } else {
            let bytes = try bytes(of: table, ordinal, consuming: false)
            partials.append(try partial(name, InputChunk(source: source, bytes: bytes, context: chunk.context)))
          }
          names.append(name)
        }
      }
    }
    if case .eachChunk(let work) = run.stage.kind.work, let preparation = work.preparation {
      let prepared = preparation.merge(partials)
      monitor.locked { run.prepared = prepared }
    } else {
      monitor.locked { (run.partials, run.partialPorts) = (partials, names) }
    }
  }
}

extension TaskFailure {
  /// A table list was there when the run began and is not readable now.
  static var lostList: TaskFailure {
    TaskFailure(
      id: "store-damaged", message: "the store lost the list of a table's chunks while it was needed",
      help: "run again: what is damaged has been set aside and is made anew", isTransient: true)
  }
}

import Rows
package import Store

/// Runs a graph: the only loop with state.
///
/// Every change of state happens under one lock and is a step of ``advance(_:)``; what may take time (reading, rendering, hashing) is a
/// job that a worker thread takes from the ready queue. Chunks flow: a stage's tasks start as soon as the chunks they read exist.
package final class Scheduler: @unchecked Sendable {
  package let graph: Graph
  package let options: RunOptions
  package let store: Store
  let sources: SourceRuns
  let services: any RunServices
  let monitor = Monitor()
  let inFlight: InFlightChunks
  let madeAgain: ChunksMadeAgain
  let sideIndices = OnceTable<ChunkPlace, SideIndex>()
  let materializing = OnceTable<Int, Bool>()

  package internal(set) var stages: [StageRun] = []
  private var ready = ReadyQueue()
  private var dirty: [Int] = []
  private var open = 0
  private var running = 0
  private var cpusInUse = 0
  private var memoryInUse = 0
  private var gpusInUse = 0
  private var heldMutexes: Set<String> = []
  private var isStopping = false
  package private(set) var wasCancelled = false

  package init(graph: Graph, options: RunOptions, store: Store, sources: SourceRuns, services: any RunServices) {
    self.graph = graph
    self.options = options
    self.store = store
    self.sources = sources
    self.services = services
    self.inFlight = InFlightChunks(budget: options.memoryBudget)
    self.madeAgain = ChunksMadeAgain(budget: options.keptAgain)
    for (index, stage) in graph.stages.enumerated() {
      let run = StageRun(index: index, stage: stage)
      run.inputs = stage.inputs.map { port in
        port.sources.map { source in
          switch source {
          case .port(let reference):
            let producer = stages[graph.indices[reference.stage]!]
            return producer.outputs[producer.stage.outputIndex(reference.port)]
          case .outside(let outside):
            return sources.table(of: outside, readBy: index)
          }
        }
      }
      stages.append(run)
    }
    markSelection()
  }

  /// Decides, before anything runs, which stages may run and which are only looked up because a selected one reads them.
  private func markSelection() {
    guard let selected = options.selected else { return }
    for run in stages.reversed() {
      run.isSelected = selected.contains(run.stage.name)
      run.isNeeded = run.isSelected || graph.consumers[run.index].contains { stages[$0].isNeeded }
    }
    // Paths used as tables have no name to select them by: they go with whoever reads them.
    for run in stages.reversed() where run.stage.isImplicit { run.isSelected = graph.consumers[run.index].contains { stages[$0].isSelected } }
  }

  /// Runs until nothing is left to do. Worker threads are joined before it returns.
  package func run() {
    monitor.locked {
      open = stages.count
      dirty = Array(stages.indices)
      settle()
    }
    if monitor.locked({ open == 0 }) { return }
    WorkerThreads.run(max(1, options.jobs)) { _ in self.work() }
    monitor.locked {
      for stage in stages where !stage.isDone { stage.phase = .done(.cancelled) }
    }
  }

  /// Starts nothing more; what runs is finished and kept. Safe to call from any thread.
  package func cancel() {
    monitor.locked {
      wasCancelled = true
      isStopping = true
      monitor.wakeAll()
    }
  }

  // MARK: workers

  private func work() {
    let local = WorkerLocal()
    while let job = take() {
      switch job {
      case .task(let task): run(task, local)
      case .load(let stage): loadInputs(stage)
      case .scan(let source): scan(source)
      case .finish(let stage): finish(stage)
      }
    }
  }

  private func take() -> ReadyQueue.Job? {
    monitor.locked {
      while true {
        if open == 0 || isStopping && running == 0 {
          monitor.wakeAll()
          return nil
        }
        if !isStopping, let job = ready.pop(where: fits) {
          claim(job, 1)
          running += 1
          return job
        }
        // What is done already is still recorded and published.
        if isStopping, let job = ready.pop(where: { if case .finish = $0 { true } else { false } }) {
          running += 1
          return job
        }
        precondition(running > 0 || isStopping, "stages are open, nothing runs and nothing is ready")
        monitor.wait()
      }
    }
  }

  /// Whether what a job needs is free: a task never waits for more than the machine has.
  private func fits(_ job: ReadyQueue.Job) -> Bool {
    switch job {
    case .finish, .load: return true
    case .scan: return cpusInUse < options.jobs && inFlight.heldBytes < options.memoryBudget / 2
    case .task(let task):
      let settings = stages[task.stage].stage.settings
      if running == 0 { return true }
      return cpusInUse + min(settings.cpus, options.jobs) <= options.jobs
        && memoryInUse + min(settings.memoryBytes ?? 0, services.memoryBytes) <= services.memoryBytes
        && gpusInUse + min(settings.gpus, services.gpuCount) <= services.gpuCount
        && settings.mutexes.allSatisfy { !heldMutexes.contains($0) }
    }
  }

  private func claim(_ job: ReadyQueue.Job, _ sign: Int) {
    switch job {
    case .finish, .load: break
    case .scan: cpusInUse += sign
    case .task(let task):
      let settings = stages[task.stage].stage.settings
      cpusInUse += sign * min(settings.cpus, options.jobs)
      memoryInUse += sign * min(settings.memoryBytes ?? 0, services.memoryBytes)
      gpusInUse += sign * min(settings.gpus, services.gpuCount)
      if sign > 0 { heldMutexes.formUnion(settings.mutexes) } else { heldMutexes.subtract(settings.mutexes) }
    }
  }

  /// Ends a job: `change` is made under the lock, then everything that follows from it.
  func complete(_ job: ReadyQueue.Job, _ change: () -> Void) {
    monitor.locked {
      claim(job, -1)
      running -= 1
      change()
      settle()
      monitor.wakeAll()
    }
  }

  // MARK: state

  func touch(_ stage: Int) { dirty.append(stage) }

  /// Advances every stage that something happened to, until nothing follows any more.
  private func settle() {
    while let next = dirty.popLast() { advance(stages[next]) }
  }

  private func advance(_ run: StageRun) {
    switch run.phase {
    case .waiting: beginIfPossible(run)
    case .expanding: expand(run)
    case .loading, .finishing, .done: break
    }
  }

  func end(_ run: StageRun, _ finish: StageRun.Finish) {
    guard !run.isDone else { return }
    run.phase = .done(finish)
    open -= 1
    if finish == .failed, !options.keepsGoing { isStopping = true }
    for consumer in graph.consumers[run.index] { touch(consumer) }
    if !options.isPlan {
      if run.startedAt > 0 { run.endedAt = services.nanoseconds() }
      services.observe(.stageFinished(stage: run.stage.name))
    }
  }

  private func beginIfPossible(_ run: StageRun) {
    guard run.isNeeded else { return end(run, .unselected) }
    for producer in graph.producers[run.index] {
      guard let finish = stages[producer].finish, !stages[producer].isUsable else { continue }
      switch finish {
      case .wouldRun: end(run, .mayRun(after: stages[producer].stage.displayName))
      case .mayRun(let after): end(run, .mayRun(after: after))
      default: end(run, .blocked(by: stages[producer].stage.displayName))
      }
      return
    }
    let tables = run.inputs.flatMap { $0 }
    let isSelected = run.isSelected
    if tables.allSatisfy(\.isComplete) {
      switch lookUp(run) {
      case .found(let result): adopt(result, run)
      case .frozen(let failure): fail(run, failure)
      case .absent where options.isPlan: end(run, isSelected ? .wouldRun : .unselected)
      case .absent where !isSelected: end(run, .unselected)
      case .absent: start(run)
      }
      return
    }
    // A source that has to be read first.
    for table in tables where !table.isComplete {
      if let source = sources.index(of: table) {
        if let failure = sources.failure(source) { return fail(run, .task(failure)) }
        if options.isPlan, sources.isUnasked(source) {
          run.reason = .firstRun
          return end(run, isSelected ? .wouldRun : .unselected)
        }
        if sources.beginScan(source) { ready.push(.scan(source), priority: -1) }
      }
    }
    if !options.isPlan, isSelected, canStream(run) { start(run) }
  }

  /// Whether chunk tasks can begin before the input is complete: everything else they depend on must be.
  private func canStream(_ run: StageRun) -> Bool {
    guard case .eachChunk(let work) = run.stage.kind.work, work.preparation == nil, run.stage.kind.effect == .pure else { return false }
    for (port, tables) in zip(run.stage.kind.inputs, run.inputs) {
      switch port.reading {
      case .keyed, .whole, .comparison: guard tables.allSatisfy(\.isComplete) else { return false }
      case .source, .stream:
        guard tables.allSatisfy({ $0.isComplete || sources.index(of: $0) != nil || stages[$0.stage].phase == .expanding }) else { return false }
      }
    }
    return true
  }

  private func start(_ run: StageRun) {
    run.startedAt = services.nanoseconds()
    services.observe(.stageStarted(stage: run.stage.name))
    if run.inputs.allSatisfy({ $0.allSatisfy { !$0.isComplete || $0.isLoaded } }) {
      begin(run)
    } else {
      run.phase = .loading
      ready.push(.load(run.index), priority: Int.max)
    }
  }

  /// Reads the chunk lists of cached inputs: a job, because it reads the store, and may have to make again what was lost.
  private func loadInputs(_ index: Int) {
    let run = stages[index]
    let outcome = Result { () throws(TaskFailure) in
      for table in run.inputs.flatMap({ $0 }) where monitor.locked({ table.isComplete }) { try load(table) }
    }
    let failure: ResolvedFailure? = if case .failure(let failure) = outcome { resolve(failure, in: nil, run) } else { nil }
    complete(.load(index)) {
      if let failure { fail(run, .task(failure)) } else if !run.isDone { begin(run) }
    }
  }

  private func begin(_ run: StageRun) {
    run.phase = .expanding
    computeBase(run)
    switch run.stage.kind.work {
    case .wholeInput:
      run.isExpanded = true
      addTask(run, .whole, port: 0, inputs: [])
    case .reduce: run.step = .preparing
    case .eachChunk(let work): run.step = work.preparation == nil ? .main : .preparing
    }
    for consumer in graph.consumers[run.index] { touch(consumer) }
    expand(run)
  }

  /// Makes tasks of the chunks that have arrived since the last time.
  private func expand(_ run: StageRun) {
    for producer in graph.producers[run.index] where stages[producer].isDone && !stages[producer].isUsable {
      return end(run, .blocked(by: stages[producer].stage.displayName))
    }
    for table in run.inputs.flatMap({ $0 }) {
      if let source = sources.index(of: table), let failure = sources.failure(source) { return fail(run, .task(failure)) }
    }
    if !run.isExpanded { expandChunks(run) }
    guard run.isExpanded, run.unfinished == 0 else { return }
    switch run.step {
    case .preparing:
      run.partials = run.tasks.map { $0.partial ?? [] }
      run.partialPorts = run.tasks.map { run.stage.kind.inputs[$0.port].name }
      if case .eachChunk(let work) = run.stage.kind.work {
        run.prepared = work.preparation!.merge(run.partials)
        run.step = .main
        run.tasks = []
        run.released = 0
        run.resetExpansion()
        expand(run)
      } else {
        run.step = .merging
        addTask(run, .merge, port: 0, inputs: [])
      }
    case .main, .merging:
      // Partials may be as large as what they are made of is not; from here on they are in the store.
      if run.step == .merging { run.forgetPartials() }
      run.phase = .finishing
      ready.push(.finish(run.index), priority: Int.max)
    }
  }

  private func expandChunks(_ run: StageRun) {
    let ports = run.step == .preparing && run.isReduce ? run.streamPorts : [run.streamPort].compactMap { $0 }
    let work: TaskRun.Work = run.step == .preparing ? .partial : .chunks
    while run.cursorPort < ports.count {
      let port = ports[run.cursorPort]
      let tables = run.inputs[port]
      while run.cursorSource < tables.count {
        let table = tables[run.cursorSource]
        while run.cursorChunk < table.chunks.count {
          let ref = table.chunks[run.cursorChunk].ref
          run.cursorChunk += 1
          // A partial is one chunk's: it is small, and so the same chunk in another group is still cached.
          if work == .partial || run.grouper.endsGroup(digest: ref.digest, bytes: ref.bytes) { closeGroup(run, work, port) }
        }
        guard table.isComplete else { return }
        closeGroup(run, work, port)
        run.grouper = ChunkGrouper()
        run.cursorSource += 1
        run.cursorChunk = 0
        run.groupStart = 0
      }
      run.cursorPort += 1
      run.cursorSource = 0
    }
    run.isExpanded = true
  }

  private func closeGroup(_ run: StageRun, _ work: TaskRun.Work, _ port: Int) {
    guard run.groupStart < run.cursorChunk else { return }
    addTask(run, work, port: port, inputs: (run.groupStart..<run.cursorChunk).map { (run.cursorSource, $0) })
    run.groupStart = run.cursorChunk
  }

  private func addTask(_ run: StageRun, _ work: TaskRun.Work, port: Int, inputs: [(source: Int, chunk: Int)]) {
    let task = TaskRun(stage: run.index, ordinal: run.tasks.count, work: work, port: port, inputs: inputs)
    run.tasks.append(task)
    run.unfinished += 1
    ready.push(.task(task), priority: graph.depths[run.index])
  }

  func fail(_ run: StageRun, _ failure: StageFailure) {
    guard !run.isDone else { return }
    run.failure = failure
    end(run, .failed)
  }

  /// A stage whose result is in the cache.
  private func adopt(_ result: StageResult, _ run: StageRun) {
    run.result = result
    run.wasAdopted = true
    if let key = run.key { services.adopted(key) }
    run.cached = result.taskCount
    for (table, port) in zip(run.outputs, result.ports) {
      table.content = port.content
      table.lineage = port.lineage
      table.rows = port.rows
      table.bytes = port.bytes
      table.isLoaded = false
      table.isComplete = true
    }
    // Checks and outputs are looked at on every run: an output edited by hand is made again.
    if options.isPlan || !run.stage.needsFinish || !run.isSelected {
      end(run, .cached)
    } else {
      run.phase = .finishing
      ready.push(.finish(run.index), priority: Int.max)
    }
  }

  /// Ends a task: hands its chunks to the tables in order, and to the tasks that wait for them.
  func release(_ run: StageRun) {
    while run.released < run.tasks.count, case let task = run.tasks[run.released], task.isFinished {
      run.released += 1
      guard task.work != .partial, let result = task.result else { continue }
      for (port, table) in run.outputs.enumerated() where port < result.ports.count {
        let uses = streamingConsumers(of: run, port: port)
        for (index, ref) in result.ports[port].chunks.enumerated() {
          let place = ChunkPlace(table: ObjectIdentifier(table), ordinal: table.chunks.count)
          table.append(TableChunk(ref: ref, context: [], origin: .task(ordinal: task.ordinal, index: index)))
          if uses > 0, let bytes = task.fresh[FreshChunk(port: port, index: index)] { _ = inFlight.offer(place, bytes, uses: uses) }
        }
      }
      task.fresh = [:]
      if let key = task.key { run.tally.add(key, result) }
      // Who asks for it again reads the action cache: memory would grow with the data.
      task.result = nil
    }
    for consumer in graph.consumers[run.index] where !stages[consumer].isDone { touch(consumer) }
    services.observe(.stageProgress(stage: run.stage.name, finished: run.tasks.count - run.unfinished, known: run.tasks.count))
  }

  /// How many stages are making tasks of a table right now.
  func streamingConsumers(of run: StageRun, port: Int) -> Int {
    var count = 0
    for consumer in graph.consumers[run.index] where stages[consumer].phase == .expanding {
      guard let stream = stages[consumer].streamPort else { continue }
      count += stages[consumer].inputs[stream].count { $0 === run.outputs[port] }
    }
    return count
  }

  /// Whether some stage will read a table later, when its chunks have left memory.
  func hasLaterReaders(_ run: StageRun, port: Int) -> Bool {
    graph.consumers[run.index].contains { consumer in
      let reader = stages[consumer]
      guard !reader.isDone else { return false }
      return reader.inputs.indices.contains { index in
        let isStreaming = reader.phase == .expanding && index == reader.streamPort
        return !isStreaming && reader.inputs[index].contains { $0 === run.outputs[port] }
      }
    }
  }

  func pushScan(_ source: Int) { ready.push(.scan(source), priority: -1) }
}

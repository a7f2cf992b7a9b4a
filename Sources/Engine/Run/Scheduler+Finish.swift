import Rows
import Store

extension Scheduler {
  /// Ends a stage whose tasks are all done: records its result, evaluates its checks, publishes its files.
  func finish(_ index: Int) {
    let run = stages[index]
    let outcome = Result { () throws(TaskFailure) in
      if run.result == nil {
        try UniqueKeys.check(run, self)
        try recordResult(run)
        if run.stage.kind.effect == .submit {
          do throws(StoreError) { try services.settle(run) } catch { throw TaskFailure(error) }
        }
      }
      run.verdicts = try services.evaluate(run, in: self)
      if run.verdicts.contains(where: { $0.outcome == .failed && $0.check.severity == .error }) { return false }
      run.published = try services.publish(run, in: self)
      return true
    }
    let failure: StageFailure? =
      switch outcome {
      case .success(let passed): passed ? nil : .checks
      case .failure(let failure): .task(resolve(failure, in: nil, run))
      }
    complete(.finish(index)) {
      if let failure { return fail(run, failure) }
      for table in run.outputs { table.isComplete = true }
      end(run, run.wasAdopted ? .cached : .ran)
    }
  }

  /// Keeps what a stage came to under its key, with what the key was made of.
  private func recordResult(_ run: StageRun) throws(TaskFailure) {
    let preImage = fullPreImage(run)
    if run.stage.settings.isFrozen == false || run.key == nil { run.key = preImage.digest }
    run.preImage = preImage
    if run.reason == .unknown { run.reason = reason(run, preImage) }
    if run.wasMergeCached, case .changed(let changes) = run.reason { run.reason = .unread(changes) }
    var ports: [StageResult.Port] = []
    let tally = monitor.locked { run.tally }
    var lineages = tally.lineages
    do throws(StoreError) {
      for (port, table) in run.outputs.enumerated() {
        let list = ChunkList.encode(table.chunks.map(\.ref))
        let content = Digest.of(list)
        if !table.chunks.isEmpty { try store.put(list, as: content) }
        content.append(to: &lineages[port].bytes)
        table.content = content
        table.lineage = Digest.of(lineages[port].bytes)
        ports.append(StageResult.Port(content: content, lineage: table.lineage!, rows: table.rows, bytes: table.bytes))
      }
      let list = TaskList(tally.entries).encode()
      let tasks = Digest.of(list)
      try store.put(list, as: tasks)
      let result = StageResult(
        ports: ports, tasks: tasks, taskCount: run.ran + run.cached, rowsIn: rowsIn(run), drops: tally.drops,
        facts: tally.facts.map { (name: $0.key, sum: $0.value) }.sorted { $0.name < $1.name }, figures: tally.figures)
      if run.stage.settings.isCached { try store.record(.stageResult, run.key!, result.encode()) }
      let trail = trail(of: run)
      if !trail.isEmpty { try store.record(.trail, run.key!, trail.encode()) }
      try store.record(.preImage, run.key!, preImage.encode())
      run.result = result
      monitor.locked { run.tally = TaskTally(ports: run.outputs.count) }
    } catch { throw TaskFailure(error) }
  }

  /// Rows of the stream or source port, the first where there are several (of all whole ports where there is none).
  private func rowsIn(_ run: StageRun) -> Int {
    // What a stage merges or compares them with (votes, a reference) is no row of it.
    let ports = run.streamPorts.isEmpty ? run.inputs.indices.filter { !run.stage.kind.inputs[$0].isSide } : Array(run.streamPorts.prefix(1))
    return ports.reduce(0) { sum, port in run.inputs[port].reduce(sum) { $0 + $1.rows } }
  }

  // MARK: sources

  /// Reads on in a source, some chunks at a time, so that tasks on what is there already come first.
  func scan(_ source: Int) {
    let outcome = Result { () throws(TaskFailure) in try sources.step(source) }
    complete(.scan(source)) {
      let table = sources.table(source)
      switch outcome {
      case .failure(let failure):
        sources.fail(source, resolve(failure))
      case .success(let step):
        let uses = sources.readers(source).count { stages[$0].phase == .expanding }
        for (chunk, bytes) in step.chunks {
          let place = ChunkPlace(table: ObjectIdentifier(table), ordinal: table.chunks.count)
          table.append(chunk)
          // Bytes beyond the budget are read from the source again.
          if uses > 0, let bytes, !options.isPlan { _ = inFlight.offer(place, bytes, uses: uses) }
        }
        if step.isDone {
          table.content = table.computeContent()
          table.isComplete = true
        } else {
          pushScan(source)
        }
      }
      for reader in sources.readers(source) { touch(reader) }
    }
  }
}

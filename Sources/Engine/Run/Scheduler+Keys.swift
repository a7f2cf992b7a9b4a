import Diagnostics
import Rows
import Store

extension EntryKind {
  /// A partial of a reduction: partial key → bytes.
  static let partial = EntryKind(rawValue: 9)
  /// A file that `pipe` published: path digest → what it put there.
  static let published = EntryKind(rawValue: 10)
  /// A snapshot of the outside world: what was asked → what was answered.
  static let pin = EntryKind(rawValue: 11)
}

extension Scheduler {
  enum Lookup {
    case found(StageResult)
    case absent
    case frozen(StageFailure)
  }

  /// The stage's key, and its result if the store has one. All inputs are complete.
  func lookUp(_ run: StageRun) -> Lookup {
    let preImage = fullPreImage(run)
    run.preImage = preImage
    run.key = preImage.digest
    if let pinned = options.pinnedKeys[run.stage.name] {
      guard let result = storedResult(pinned) else { return .absent }
      run.key = pinned
      if let bytes = try? store.entry(.preImage, pinned), let stored = try? PreImage(decoding: bytes) { run.preImage = stored }
      return .found(result)
    }
    if let locked = options.lockedResults { return lookUp(run, preImage, in: locked) }
    if run.stage.settings.isFrozen {
      guard let locked = services.lockedKey(of: run.stage.name) else {
        return .frozen(.environment("`\(run.stage.name)` is frozen, and no lock says what its result is; run it once without `frozen: true`"))
      }
      run.key = locked
      guard let result = storedResult(locked) else {
        return .frozen(
          .environment("`\(run.stage.name)` is frozen, and its locked result (key sha256:\(locked.short)) is not in this store; run it once without `frozen: true`"))
      }
      return .found(result)
    }
    // A plan without the cache still says what is there.
    let isOnlyUncached = options.isPlan && !options.usesCache && !options.forced.contains(run.stage.name)
    if isForced(run), !isOnlyUncached {
      run.reason = .forced
      return .absent
    }
    if !run.stage.settings.isCached || run.stage.kind.effect == .volatile {
      run.reason = .neverCached
      return .absent
    }
    guard let result = storedResult(run.key!) else {
      if run.stage.kind.effect == .snapshot, services.isPinned(run.key!) { return .frozen(.lostPin(run)) }
      run.reason = reason(run, preImage)
      return .absent
    }
    return .found(result)
  }

  /// The same by the lock alone, whatever the store has.
  private func lookUp(_ run: StageRun, _ preImage: PreImage, in locked: LockedResults) -> Lookup {
    if isForced(run) {
      run.reason = .forced
      return .absent
    }
    if !run.stage.settings.isCached || run.stage.kind.effect == .volatile {
      run.reason = .neverCached
      return .absent
    }
    guard let key = locked.key(of: run.stage.name) else {
      run.reason = .notLocked
      return .absent
    }
    if run.stage.settings.isFrozen || key == run.key, let result = locked.result(of: run) {
      run.key = key
      return .found(result)
    }
    run.reason = .otherThanLocked
    if let bytes = try? store.entry(.preImage, key), let old = try? PreImage(decoding: bytes) {
      run.reason = .changed(preImage.changes(since: old).map { RunReason.Change(part: $0.name, before: $0.old, after: $0.new) })
    }
    return .absent
  }

  /// A stage's result whose tables can still be listed.
  func storedResult(_ key: Digest) -> StageResult? {
    guard let bytes = try? store.entry(.stageResult, key), let result = try? StageResult(decoding: bytes) else { return nil }
    guard result.ports.allSatisfy({ $0.rows == 0 || store.contains($0.content) }), store.contains(result.tasks) else { return nil }
    return result
  }

  /// Why there is no result: what differs from the key of the last run that finished this stage.
  func reason(_ run: StageRun, _ preImage: PreImage) -> RunReason {
    // A key that only the committed lock knows says nothing of this store: on a fresh clone everything is a first run.
    guard let last = services.lastKey(of: run.stage.name), let bytes = try? store.entry(.preImage, last), let old = try? PreImage(decoding: bytes) else {
      return .firstRun
    }
    if last == preImage.digest { return .missing }
    return .changed(preImage.changes(since: old).map { RunReason.Change(part: $0.name, before: $0.old, after: $0.new) })
  }

  /// The parts that all tasks of a stage share: kind, components, fields, files, tables read whole.
  func basePreImage(_ run: StageRun) -> PreImage {
    var image = PreImage()
    let type = type(of: run.stage.kind)
    image.add("kind", "\(type.name)/\(type.version)")
    for component in type.components.sorted(by: { $0.name < $1.name }) { image.add("component \(component.name)", "\(component.version)") }
    for field in run.stage.keyFields { image.add("field \(field.name)", field.value) }
    for file in run.stage.keyFiles { image.add("file \(file.role)", file.digest) }
    for (port, tables) in zip(run.stage.inputs, run.inputs) {
      if case .comparison = port.reading { continue }
      image.add("port \(port.name)", Self.describe(port.reading))
      guard case .whole = port.reading else { continue }
      // A stage that needs everything reads its stream whole, too.
      for (index, table) in tables.enumerated() { image.add(Self.inputName(port, index), table.content ?? table.computeContent()) }
    }
    return image
  }

  func fullPreImage(_ run: StageRun) -> PreImage {
    var image = basePreImage(run)
    for (port, tables) in zip(run.stage.inputs, run.inputs) {
      switch port.reading {
      case .whole, .comparison: continue
      case .source, .stream, .keyed: break
      }
      for (index, table) in tables.enumerated() { image.add(Self.inputName(port, index), table.content ?? table.computeContent()) }
    }
    return image
  }

  func computeBase(_ run: StageRun) { run.base = basePreImage(run).digest }

  static func inputName(_ port: InputPort, _ index: Int) -> String { port.sources.count == 1 ? "input \(port.name)" : "input \(port.name)[\(index)]" }

  private static func describe(_ reading: PortReading) -> String {
    switch reading {
    case .source: "source"
    case .stream: "stream"
    case .whole: "whole"
    case .comparison: "comparison"
    case .keyed(let keyed): "keyed by \(keyed.key.joined(separator: ",")) reading \(keyed.fields?.joined(separator: ",") ?? "*")"
    }
  }

  /// The key of a task: what all tasks share, the chunks it reads, and what those see of the side tables.
  func key(of task: TaskRun, _ run: StageRun, chunks: [TableChunk], sides: [Digest]) -> Digest {
    var writer = ByteWriter()
    writer.text("pipe-task-2")
    switch task.work {
    case .chunks: writer.text("chunks")
    case .partial: writer.text("partial \(run.stage.kind.inputs[task.port].name)")
    case .whole: writer.text("whole")
    case .merge: writer.text("merge")
    }
    writer.digest(run.base)
    writer.blob(run.prepared)
    writer.number(chunks.count)
    for (input, chunk) in zip(task.inputs, chunks) {
      writer.number(input.source)
      writer.digest(chunk.ref.digest)
      writer.blob(chunk.context)
    }
    writer.number(sides.count)
    for side in sides { writer.digest(side) }
    if task.work == .whole { writer.digest(run.key ?? fullPreImage(run).digest) }
    if task.work == .merge {
      // A merge sees its partials and nothing else: rows that changed where no partial looks re-run no merge.
      writer.number(run.partials.count)
      for (port, partial) in zip(run.partialPorts, run.partials) {
        writer.text(port)
        writer.digest(Digest.of(partial))
      }
    }
    return Digest.of(writer.bytes)
  }

  /// The key of the cached list of key hashes that some chunks look up in a side table.
  func sidecarKey(_ run: StageRun, port: Int, chunk: TableChunk) -> Digest {
    var writer = ByteWriter()
    writer.text("pipe-sidecar-1")
    writer.digest(run.base)
    writer.number(port)
    writer.digest(chunk.ref.digest)
    writer.blob(chunk.context)
    return Digest.of(writer.bytes)
  }
}

extension StageFailure {
  /// A snapshot that the lock pins, and whose bytes are not here: other bytes would silently be another data set.
  static func lostPin(_ run: StageRun) -> StageFailure {
    .task(
      ResolvedFailure(
        diagnostic: Diagnostic(
          .error, id: "lost-snapshot", "`\(run.stage.name)` is pinned in the lock, and its rows are not in this store", at: run.stage.range?.place,
          help: "bring the store of whoever made the lock (`--store`), or take it anew: pipe update -s \(run.stage.name)")))
  }
}

public import Diagnostics
import Lineage
public import Manifests
import Rows
public import Store

/// One manifest in its workspace, ready to be planned, run and asked about: what the command line works with.
public final class Session: Sendable {
  public let workspace: Workspace
  public let pipeline: Pipeline
  public let store: Store
  /// The committed lock, or the local one of a manifest with `lock: false`; nil before the first run.
  public let lock: LockFile?
  /// The lock as it lies on the disk.
  let lockBytes: [UInt8]?
  let kinds: [String: any StageKind.Type]
  /// What the manifest was read from.
  let loaded = LoadedFiles()
  /// Parameters given on the command line, as given.
  let overrides: ParameterOverrides
  /// The commit that the session looks at; nil for the working tree.
  let tree: GitTree?

  /// What keeps a session from being opened.
  public enum Failure: Error, Sendable {
    /// The manifest (or the command line's parameters) is wrong; nothing has run.
    case invalid(Problems)
    case store(StoreError)
  }

  /// Reads the manifest and opens the store.
  public init(
    manifest path: String, workspace: Workspace, kinds: [String: any StageKind.Type], overrides: ParameterOverrides = .init()
  ) throws(Failure) {
    self.workspace = workspace
    self.kinds = kinds
    self.overrides = overrides
    self.tree = nil
    do throws(Problems) {
      self.pipeline = try Self.read(path, workspace, kinds, overrides, noting: loaded).get()
    } catch { throw .invalid(error) }
    do throws(StoreError) {
      self.store = try Store(directory: workspace.storeDirectory)
    } catch { throw .store(error) }
    do throws(Problems) {
      (self.lock, self.lockBytes) = try Self.readLock(pipeline, workspace)
    } catch { throw .invalid(error) }
  }

  /// A session over a graph that no manifest describes.
  init(testing pipeline: Pipeline, workspace: Workspace) throws {
    self.workspace = workspace
    self.kinds = [:]
    self.overrides = ParameterOverrides()
    self.tree = nil
    self.pipeline = pipeline
    self.store = try Store(directory: workspace.storeDirectory)
    (self.lock, self.lockBytes) = try Self.readLock(pipeline, workspace)
  }

  /// The same manifest as a commit has it.
  init(_ session: Session, at tree: GitTree, _ pipeline: Pipeline, _ lock: LockFile?) {
    self.workspace = session.workspace
    self.kinds = session.kinds
    self.overrides = ParameterOverrides()
    self.tree = tree
    self.pipeline = pipeline
    self.store = session.store
    self.lock = lock
    self.lockBytes = nil
  }

  /// Reads a manifest without opening a store: what `pipe lint` does.
  public static func read(
    _ path: String, _ workspace: Workspace, _ kinds: [String: any StageKind.Type], _ overrides: ParameterOverrides = .init()
  ) -> PipelineReading { read(path, workspace, kinds, overrides, noting: LoadedFiles()) }

  private static func read(
    _ path: String, _ workspace: Workspace, _ kinds: [String: any StageKind.Type], _ overrides: ParameterOverrides, noting loaded: LoadedFiles
  ) -> PipelineReading {
    let load = { (path: String) -> Result<[UInt8], ManifestReader.LoadFailure> in
      let result = workspace.load(path)
      loaded.note(path, result)
      return result
    }
    let relative = workspace.relative(path)
    switch load(relative) {
    case .failure(let failure):
      return PipelineReading(
        pipeline: nil, diagnostics: [Diagnostic(.error, id: "manifest", "cannot read `\(relative)`: \(failure.message)", at: nil, help: failure.help)])
    case .success(let bytes):
      return PipelineReader(kinds: kinds, root: workspace.root, load: load).read(SourceText(path: relative, bytes: bytes), overrides: overrides)
    }
  }

  // MARK: where things lie

  /// The lock's path from the root: beside the manifest, or in the store for `lock: false`.
  public var lockPath: String { Self.lockPath(pipeline, workspace) }

  private static func lockPath(_ pipeline: Pipeline, _ workspace: Workspace) -> String {
    var stem = pipeline.path
    for suffix in [".yaml", ".yml"] where stem.hasSuffix(suffix) { stem = String(stem.dropLast(suffix.count)) }
    if pipeline.isLocked { return stem + ".lock" }
    return workspace.storeDirectory + "/locks/" + Digest.of(workspace.root + "\n" + stem).short + ".lock"
  }

  private static func readLock(_ pipeline: Pipeline, _ workspace: Workspace) throws(Problems) -> (LockFile?, [UInt8]?) {
    let path = lockPath(pipeline, workspace)
    guard case .success(let bytes) = workspace.load(path) else { return (nil, nil) }
    do throws(LockFile.Malformed) {
      return (try LockFile(parsing: bytes), bytes)
    } catch {
      throw Problems(
        Diagnostic(
          .error, id: "lock", error.message, at: Place(path: path, line: error.line, column: 1),
          help: "take the lock of a commit that is whole (git checkout -- \(path)), or remove the file: the next run writes it anew"))
    }
  }

  var identity: Digest { Digest.of("manifest \(workspace.root)\n\(pipeline.path)") }

  // MARK: last keys

  func lastKeys() -> [String: Digest] {
    guard let bytes = (try? store.entry(.lastKeys, identity)) ?? nil else { return [:] }
    return Self.keys(decoding: bytes)
  }

  static func keys(decoding bytes: [UInt8]) -> [String: Digest] {
    var reader = ByteReader(bytes)
    var keys: [String: Digest] = [:]
    while !reader.isAtEnd {
      guard let name = try? reader.text(), let key = try? reader.digest() else { return keys }
      keys[name] = key
    }
    return keys
  }

  private func rememberKeys(_ stages: [StageRun], _ before: [String: Digest]) throws(StoreError) {
    // What nearly every run comes to: every name is there, and no key differs.
    var known = 0
    let isSame = stages.allSatisfy { run in
      guard let old = before[run.stage.name] else { return !run.isUsable || run.key == nil }
      known += 1
      return !run.isUsable || run.key == nil || run.key == old
    }
    if isSame, known == before.count { return }
    var keys = before
    for run in stages where run.isUsable { if let key = run.key { keys[run.stage.name] = key } }
    let names = Set(stages.map(\.stage.name))
    keys = keys.filter { names.contains($0.key) }
    guard keys != before else { return }
    var writer = ByteWriter()
    for (name, key) in keys.sorted(by: { $0.key < $1.key }) {
      writer.text(name)
      writer.digest(key)
    }
    try store.record(.lastKeys, identity, writer.bytes)
    guard !store.hasEntry(.manifest, identity) else { return }
    var place = ByteWriter()
    place.text(workspace.root)
    place.text(pipeline.path)
    try store.record(.manifest, identity, place.bytes)
  }

  // MARK: running

  /// A run under way: what Ctrl-C reaches.
  public final class Handle: Sendable {
    let scheduler: Scheduler
    let host: RunHost

    init(_ scheduler: Scheduler, _ host: RunHost) {
      self.scheduler = scheduler
      self.host = host
    }

    /// Starts nothing more, ends processes, keeps everything finished so far. Safe from any thread (not from a signal handler).
    public func cancel() {
      host.cancel()
      scheduler.cancel()
    }
  }

  /// Runs (or plans) and returns what came of it.
  /// - Parameters:
  ///   - begun: is given the run as soon as there is one to cancel.
  ///   - observer: called from worker threads.
  ///   - waiting: called once with the holder's name when another run holds the manifest's lock.
  public func run(
    _ options: RunOptions, command: String = "run", waits: Bool = true, begun: (Handle) -> Void = { _ in },
    waiting: @escaping @Sendable (String) -> Void = { _ in }, observer: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) throws(StoreError) -> RunReport {
    let start = MonotonicClock.nanoseconds()
    let id = RunID.now()
    let recorder = recorder(id, options)
    let before = lastKeys()
    let storeBefore = options.program == nil ? nil : StoreState.digest(of: workspace.storeDirectory)
    // What a killed run meant to publish is completed first.
    let recovery =
      options.isPlan ? PublishJournal.Recovery() : store.publishJournal(root: workspace.root).recover(sweeping: [Workspace.parent(workspace.absolute(lockPath))])
    let parts = makeScheduler(options, command: command, waits: waits, recorder: recorder, before: before, waiting: waiting, observer: observer)
    begun(Handle(parts.scheduler, parts.host))
    parts.scheduler.run()
    defer { parts.lock.release() }

    var report = report(parts.scheduler, parts.host, isFirstRun: before.isEmpty, options)
    if !options.isPlan {
      report.notes += recovery.failures.map { "what an earlier run meant to publish could not be completed, and is tried again by the next run: \($0)" }
      if options.isLocked {
        compareLock(parts, &report)
      } else if options.writesLock {
        report.lockChanged = try writeLock(parts, &report)
      }
      try rememberKeys(parts.scheduler.stages, before)
      report.seconds = Double(MonotonicClock.nanoseconds() &- start) / 1e9
      try parts.stats.save()
      try store.flush()
      // Last, because a collection elsewhere spares what a run touches until its log is closed.
      if recorder.isBegun || report.failed > 0 || report.files.contains(where: { $0.change != .unchanged }) { record(id, recorder, parts.scheduler, &report) }
    } else {
      // A plan reads files that changed; what it learned of them is kept.
      try? parts.stats.save()
      try? store.flush()
      if options.isLocked { checkLock(parts, &report) }
    }
    if let program = options.program, !recorder.isBegun { SettledRun(self, parts, report, options, storeBefore: storeBefore)?.keep(self, program) }
    report.lockPath = lockPath
    report.seconds = Double(MonotonicClock.nanoseconds() &- start) / 1e9
    return report
  }

  struct Parts {
    let scheduler: Scheduler
    let host: RunHost
    let snapshots: Snapshots
    let lock: ManifestLock
    let stats: StatIndex
  }

  func makeScheduler(
    _ options: RunOptions, command: String, waits: Bool, recorder: RunRecorder, before: [String: Digest],
    waiting: @escaping @Sendable (String) -> Void, observer: @escaping @Sendable (RunEvent) -> Void
  ) -> Parts {
    let stats = store.statIndex()
    let manifestLock = ManifestLock(
      path: store.lockPath("manifest-\(identity.short)"), command: "pipe \(command) \(pipeline.path)", waits: waits, onWait: waiting)
    let host = RunHost(
      workspace: workspace, store: store, lock: lock, lastKeys: before, recorder: recorder, manifestLock: manifestLock,
      baselines: Baselines(store: store, workspace: workspace, manifestName: pipeline.name, lockPath: pipeline.isLocked ? lockPath : nil),
      manifestPath: pipeline.path, expected: options.isLocked ? Self.expectedFiles(lock) : nil,
      policy: SubmitPolicy(allows: options.allowsSubmit, resubmits: options.resubmits, supervisor: options.supervisor),
      observer: observer)
    let snapshots = Snapshots(
      store: store, root: workspace.root, locked: lock?.pins ?? [], renewed: renewedCommands(options), oversight: host.oversight, tree: tree)
    var options = options
    var locked: LockedSources?
    if options.isPlan, options.isLocked, let lock {
      options.lockedResults = LockedResults(lock)
      locked = LockedSources(lock, path: lockPath, root: workspace.root)
    }
    let sources = SourceRuns(root: workspace.root, store: store, stats: stats, snapshots: snapshots, usesStats: true, tree: tree, locked: locked)
    let scheduler = Scheduler(graph: pipeline.graph, options: options, store: store, sources: sources, services: host)
    return Parts(scheduler: scheduler, host: host, snapshots: snapshots, lock: manifestLock, stats: stats)
  }

  /// The commands that stages to be updated read.
  private func renewedCommands(_ options: RunOptions) -> Set<[String]> {
    var commands: Set<[String]> = []
    for stage in pipeline.graph.stages where options.updated.contains(stage.name) {
      for case .outside(let outside) in stage.inputs.flatMap(\.sources) { if case .command(let argv) = outside.origin { commands.insert(argv) } }
    }
    return commands
  }

  // MARK: the record

  func recorder(_ id: RunID, _ options: RunOptions) -> RunRecorder {
    RunRecorder(store.runLog(id), isRecording: !options.isPlan, told: options.hasBegun ?? { _ in }) { [pipeline, overrides, workspace] in
      let parameters = overrides.assignments.map { text in
        let words = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return RunRecord.Parameter(name: words[0], value: words.count > 1 ? words[1] : "")
      }
      return RunRecord(
        id: id.text, manifestPath: pipeline.path, manifestName: pipeline.name, manifestVersion: pipeline.version, pipeVersion: options.pipeVersion,
        startedAt: Int64(id.milliseconds), parameters: parameters,
        parametersFile: overrides.file.map { workspace.relative($0.path) }, profile: overrides.profile, gitCommit: GitHead.commit(of: workspace.root), jobs: options.jobs)
    }
  }

  /// Completes the run's log and takes it into the lineage index. The run itself is over, so that trouble here is only told.
  private func record(_ id: RunID, _ recorder: RunRecorder, _ scheduler: Scheduler, _ report: inout RunReport) {
    let names = scheduler.sources.summaries().map(\.summary.names)
    let (now, clock) = (Int64(Store.systemClock() / 1_000_000), MonotonicClock.nanoseconds())
    let stages = zip(scheduler.stages, report.stages).map { run, stage in
      var record = StageRecord(run, stage, in: scheduler.graph) { table in scheduler.sources.index(of: table).map { names[$0] } ?? [] }
      if run.startedAt > 0, run.endedAt > 0 {
        record.startedAt = now - Int64((clock &- run.startedAt) / 1_000_000)
        record.finishedAt = now - Int64((clock &- run.endedAt) / 1_000_000)
      }
      return record
    }
    do throws(StoreError) {
      try recorder.finish(stages, exitStatus: report.wasCancelled && report.exitCode == 0 ? 130 : Int(report.exitCode), at: Int64(Store.systemClock() / 1_000_000))
      report.runID = id.text
    } catch {
      report.notes.append("the run could not be recorded: \(error)")
      return
    }
    do throws(LineageError) {
      try Self.updateLineage(of: store)
    } catch { report.notes.append("\(error)") }
  }

  // MARK: the report

  private func report(_ scheduler: Scheduler, _ host: RunHost, isFirstRun: Bool, _ options: RunOptions) -> RunReport {
    let stages = scheduler.stages.map { StageReport($0, in: scheduler) }
    var exitCode: Int32 = 0
    for run in scheduler.stages {
      guard run.finish == .failed else { continue }
      let code: Int32 =
        switch run.failure {
        case .checks: 3
        case .task(let failure): failure.exitCode
        case .environment: 3
        case nil: 1
        }
      exitCode = Self.graver(exitCode, code)
    }
    if exitCode == 0, zip(scheduler.stages, stages).contains(where: { $0.isSelected && $1.status == .blocked }) { exitCode = 1 }
    return RunReport(
      manifestPath: pipeline.path, manifestName: pipeline.name, version: pipeline.version, isPlan: options.isPlan, isFirstRun: isFirstRun, jobs: options.jobs,
      stages: stages, lockPath: nil, lockChanged: false, seconds: 0, wasCancelled: scheduler.wasCancelled, exitCode: exitCode, runID: nil, notes: [])
  }
}

extension Session {
  /// Of two exit codes the one that says more: a bug of ours, then what failed, then what may be tried again, then checks.
  static func graver(_ a: Int32, _ b: Int32) -> Int32 {
    let order: [Int32] = [70, 1, 9, 75, 3]
    return order.first { $0 == a || $0 == b } ?? max(a, b)
  }
}

extension EntryKind {
  /// The keys with which a manifest's stages last finished: manifest digest → names and keys.
  static let lastKeys = EntryKind(rawValue: 12)
  /// Where a manifest lies that was run with this store: manifest digest → workspace root and path.
  static let manifest = EntryKind(rawValue: 14)
}

extension ResolvedFailure {
  var exitCode: Int32 {
    if isInternal { return 70 }
    switch diagnostic.id {
    case "locked": return 9
    case "lost-snapshot", "lost-submission", "submit-not-allowed": return 3
    // A pin of the lock whose bytes are not here.
    case "source-not-found" where diagnostic.message.contains("pinned in the lock"): return 3
    default: return isTransient ? 75 : 1
    }
  }
}

extension PipelineReading {
  /// The pipeline, or all errors together.
  public func get() throws(Problems) -> Pipeline {
    try Problems.throwErrors(in: diagnostics)
    guard let pipeline else { preconditionFailure("a manifest that cannot be read has an error") }
    return pipeline
  }
}

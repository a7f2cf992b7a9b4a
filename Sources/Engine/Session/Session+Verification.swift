import Diagnostics
public import Lineage
import Processes
import Rows
public import Store

extension Session {
  /// Runs stages again beside the cache, and compares what they give with what is in the store.
  ///
  /// For these stages nothing is taken from the cache, and what they make goes into a store of its own that is gone afterwards; what they
  /// read of other stages is what the store has. Nothing is published, checked or recorded. What reads the outside world or was submitted
  /// is not done twice.
  /// - Parameters:
  ///   - names: the stages; nil for all.
  ///   - begun: is given the run as soon as there is one to cancel.
  public func verify(
    _ names: Set<String>?, jobs: Int = 1, begun: (Handle) -> Void = { _ in }, observer: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) throws(StoreError) -> VerificationModel {
    let first = try looked()
    let names = names ?? Set(pipeline.graph.stages.map(\.name))
    let folder = try store.scratchDirectory()
    defer { folder.remove() }
    let scratch = try Store(directory: folder.path + "/store", over: store)
    var options = RunOptions()
    options.jobs = jobs
    options.keepsGoing = true
    options.forced = names
    options.selected = names
    options.isVerification = true
    options.allowsSubmit = false
    let second = verifier(options, scratch, readsSources: pipeline.graph.stages.allSatisfy { names.contains($0.name) }, begun, observer)
    second.run()
    var others: [Int: String] = [:]
    var stages: [VerificationModel.Stage] = []
    for (old, new) in zip(first.stages, second.stages) where names.contains(new.stage.name) {
      let outcome = ResultPair(first, second, Privacy([pipeline])).outcome(old, new, others)
      // Whoever reads it has read something else, too.
      if case .differs = outcome { others[new.index] = new.stage.displayName }
      if let other = pipeline.graph.producers[new.index].compactMap({ others[$0] }).first, others[new.index] == nil { others[new.index] = other }
      if !new.stage.isImplicit { stages.append(.init(name: new.stage.name, outcome: outcome)) }
    }
    return VerificationModel(stages: stages)
  }

  private func verifier(
    _ options: RunOptions, _ scratch: Store, readsSources: Bool, _ begun: (Handle) -> Void, _ observer: @escaping @Sendable (RunEvent) -> Void
  ) -> Scheduler {
    var plan = options
    plan.isPlan = true
    let manifestLock = ManifestLock(path: store.lockPath("manifest-\(identity.short)"), command: "pipe run --verify", waits: false, onWait: { _ in })
    let host = RunHost(
      workspace: workspace, store: store, lock: lock, lastKeys: [:], recorder: recorder(RunID.now(), plan), manifestLock: manifestLock,
      baselines: Baselines(store: store, workspace: workspace, manifestName: pipeline.name, lockPath: pipeline.isLocked ? lockPath : nil),
      manifestPath: pipeline.path, policy: SubmitPolicy(allows: false, resubmits: false, supervisor: nil), observer: observer)
    // A snapshot is what the sources' commands said: they are not asked again.
    let snapshots = Snapshots(store: store, root: workspace.root, locked: lock?.pins ?? [], renewed: [], oversight: host.oversight)
    // From scratch means from the files: what is known of them by their stamps is left aside.
    let kept = readsSources ? scratch : store
    let sources = SourceRuns(root: workspace.root, store: kept, stats: kept.statIndex(), snapshots: snapshots, usesStats: true)
    let scheduler = Scheduler(graph: pipeline.graph, options: options, store: scratch, sources: sources, services: VerificationServices(host))
    begun(Handle(scheduler, host))
    return scheduler
  }

  /// Two results of one stage.
  private struct ResultPair {
    let old: Scheduler
    let new: Scheduler
    let privacy: Privacy

    init(_ old: Scheduler, _ new: Scheduler, _ privacy: Privacy) {
      self.old = old
      self.new = new
      self.privacy = privacy
    }

    func outcome(_ before: StageRun, _ after: StageRun, _ others: [Int: String]) -> VerificationModel.Outcome {
      if case .failed = after.finish, case .task(let failure)? = after.failure { return .failed(failure.diagnostic.message) }
      if let other = new.graph.producers[after.index].compactMap({ others[$0] }).first { return .readsOthers(of: other) }
      guard after.isUsable else { return .notRun(reason(after)) }
      if after.wasAdopted { return .notRun(adopted(after)) }
      guard before.isUsable, let was = before.result, let now = after.result else { return .notRun("it is never cached, so there is nothing to compare with") }
      guard before.key == after.key else { return .notRun("what it reads was changed meanwhile") }
      for (port, output) in after.stage.kind.outputs.enumerated() where was.ports[port].content != now.ports[port].content {
        return .differs(difference(before, after, port, output))
      }
      for (port, output) in after.stage.kind.outputs.enumerated() where was.ports[port].lineage != now.ports[port].lineage {
        return .differs(.init(output: name(after, output), detail: "the rows are equal, and come from other rows"))
      }
      if was.drops.map({ "\($0.reason) \($0.count)" }) != now.drops.map({ "\($0.reason) \($0.count)" }) {
        return .differs(.init(output: after.stage.displayName, detail: "the rows are equal, and what was left out is not"))
      }
      if was.figures != now.figures { return .differs(figures(was.figures, now.figures, after)) }
      return .same
    }

    private func reason(_ run: StageRun) -> String {
      switch run.finish {
      case .blocked(let other): "it needs `\(other)`, which has no result"
      case .cancelled: "the run was stopped"
      default: "it has no result"
      }
    }

    private func adopted(_ run: StageRun) -> String {
      switch run.stage.kind.effect {
      case .snapshot: "a snapshot of the outside world is taken once"
      case .submit: "what was submitted is not submitted twice"
      case .pure, .volatile: run.stage.settings.isFrozen ? "it is frozen" : "its result was found in the store"
      }
    }

    private func name(_ run: StageRun, _ output: OutputPort) -> String {
      run.stage.kind.hasMainPort && output.name == run.stage.publicOutputs.first?.name ? run.stage.displayName : "\(run.stage.displayName).\(output.name)"
    }

    private func figures(_ was: StageFigures, _ now: StageFigures, _ run: StageRun) -> VerificationModel.Difference {
      let old = was.leaves.map { ($0.name, "\($0.value)") }
      let new = now.leaves.map { ($0.name, "\($0.value)") }
      let name = new.first { one in !old.contains { $0 == one } }?.0 ?? old.first { one in !new.contains { $0 == one } }?.0 ?? ""
      return .init(output: run.stage.displayName, detail: "the rows are equal, and the figure `\(name)` is not")
    }

    // MARK: the first row

    private func difference(_ before: StageRun, _ after: StageRun, _ port: Int, _ output: OutputPort) -> VerificationModel.Difference {
      let name = name(after, output)
      do throws(TaskFailure) {
        var was = RowStream(old, before.outputs[port], isTable: output.content == .rows)
        var now = RowStream(new, after.outputs[port], isTable: output.content == .rows)
        try was.load()
        try now.load()
        // Chunks that are equal from the beginning hold equal rows.
        let shared = zip(was.table.chunks, now.table.chunks).prefix { $0.ref.digest == $1.ref.digest }.count
        was.skip(shared)
        now.skip(shared)
        while true {
          let place = now.number
          let a: [UInt8]?
          do throws(TaskFailure) { a = try was.next() } catch {
            // Bytes that were not kept are made again, and that is what does not work here.
            return .init(
              output: name, row: output.content == .rows ? place + 1 : nil,
              detail: "from about there on: the bytes of before were not kept, and do not come out a second time")
          }
          let b = try now.next()
          if a == b, a != nil { continue }
          if output.content != .rows { return .init(output: name, detail: bytes(a ?? [], b ?? [], place)) }
          guard let a, let b else {
            let label = Tracer(new).label(after, port, a ?? b ?? [])
            return .init(
              output: name, row: place + 1, key: privacy.key(label, output.traits.rowKey, a ?? b ?? []),
              detail: a == nil && b == nil ? "the rows are equal, and cut into chunks in another way" : a == nil ? "the row is new" : "the row is gone")
          }
          let change = privacy.masked(FieldDiff.changes(a, b), a, b).first
          return .init(output: name, row: place + 1, key: privacy.key(Tracer(new).label(after, port, b), output.traits.rowKey, b), field: change)
        }
      } catch { return .init(output: name, detail: "its bytes cannot be read: \(error.message)") }
    }

    private func bytes(_ a: [UInt8], _ b: [UInt8], _ chunk: Int) -> String {
      let common = zip(a, b).prefix { $0 == $1 }.count
      return "the bytes differ from byte \(common + 1) of chunk \(chunk + 1) on"
    }
  }

  /// The rows of a table one after the other; of what is no table, its chunks.
  private struct RowStream {
    let scheduler: Scheduler
    let table: TableRun
    let isTable: Bool
    /// How many were given, those skipped included.
    private(set) var number = 0
    private var ordinal = 0
    private var row = 0
    private var chunk: Chunk?

    init(_ scheduler: Scheduler, _ table: TableRun, isTable: Bool) {
      self.scheduler = scheduler
      self.table = table
      self.isTable = isTable
    }

    func load() throws(TaskFailure) { try scheduler.load(table) }

    mutating func skip(_ chunks: Int) {
      ordinal = chunks
      number = isTable ? table.chunks.prefix(chunks).reduce(0) { $0 + $1.ref.rows } : chunks
    }

    mutating func next() throws(TaskFailure) -> [UInt8]? {
      while ordinal < table.chunks.count {
        if !isTable {
          defer { (ordinal, number) = (ordinal + 1, number + 1) }
          return try scheduler.bytes(of: table, ordinal, consuming: false)
        }
        if chunk == nil { chunk = Chunk(bytes: try scheduler.bytes(of: table, ordinal, consuming: false)) }
        if let chunk, row < chunk.rowCount {
          defer { (row, number) = (row + 1, number + 1) }
          return Array(chunk.bytes[chunk.range(ofRow: row)])
        }
        (chunk, row, ordinal) = (nil, 0, ordinal + 1)
      }
      return nil
    }
  }
}

/// What a run for comparison asks of the world: as any run, but it publishes, checks and records nothing.
private final class VerificationServices: RunServices {
  private let host: RunHost

  init(_ host: RunHost) { self.host = host }

  func nanoseconds() -> UInt64 { host.nanoseconds() }
  func sleep(seconds: Double) { host.sleep(seconds: seconds) }
  var isCancelled: Bool { host.isCancelled }
  var memoryBytes: Int { host.memoryBytes }
  var gpuCount: Int { host.gpuCount }
  func lockedKey(of stage: String) -> Digest? { host.lockedKey(of: stage) }
  func lastKey(of stage: String) -> Digest? { host.lastKey(of: stage) }
  func supervision(stage: Stage, key: Digest, timeoutSeconds: Double?) -> any Supervision { host.supervision(stage: stage, key: key, timeoutSeconds: timeoutSeconds) }
  func endSupervision(_ supervision: any Supervision) { host.endSupervision(supervision) }
  func settle(_ run: StageRun) throws(StoreError) {}
  func isPinned(_ key: Digest) -> Bool { host.isPinned(key) }
  func observe(_ event: RunEvent) { host.observe(event) }
  func adopted(_ key: Digest) {}
  func evaluate(_ run: StageRun, in scheduler: Scheduler) throws(TaskFailure) -> [CheckVerdict] { [] }
  func publish(_ run: StageRun, in scheduler: Scheduler) throws(TaskFailure) -> [PublishedFile] { [] }
}

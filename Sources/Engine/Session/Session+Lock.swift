import Rows
import Store

/// The lock: what a run writes into it, and how it differs from the one that is there.
extension Session {
  /// Writes the lock when it differs.
  func writeLock(_ parts: Parts, _ report: inout RunReport) throws(StoreError) -> Bool {
    guard let new = newLock(parts) else { return false }
    let bytes = new.bytes
    // Another order of lines, as a merge by hand leaves it, is no other lock.
    if bytes == lockBytes || bytes == lock?.bytes { return false }
    do throws(TaskFailure) { try parts.lock.hold() } catch {
      report.notes.append(error.message)
      return false
    }
    let path = workspace.absolute(lockPath)
    if case .success(let there) = workspace.load(lockPath), there == bytes { return false }
    try AtomicFile.write(path, bytes, sync: true)
    return true
  }

  /// Says in the report what a run would have written otherwise than the lock has it.
  func compareLock(_ parts: Parts, _ report: inout RunReport) {
    guard let lock, let new = newLock(parts), new.text != lock.text else { return }
    report.lockDifferences = LockMerge.differences(lock.text, new.text)
    report.exitCode = Self.graver(report.exitCode, 3)
  }

  /// Says in the report of a plan that was held to the lock what a run would write otherwise, beside the stages that would run.
  func checkLock(_ parts: Parts, _ report: inout RunReport) {
    let unlocked = Self.unlocked(parts.scheduler)
    if parts.scheduler.stages.contains(where: { run in
      switch run.finish {
      case .wouldRun, .mayRun: !unlocked.contains(run.index)
      default: false
      }
    }) {
      report.exitCode = Self.graver(report.exitCode, 3)
    }
    if lock != nil { giveReasons(parts.scheduler, &report) }
    guard let lock else {
      report.lockDifferences = ["lock: there is none"]
      report.exitCode = Self.graver(report.exitCode, 3)
      return
    }
    guard var new = newLock(parts) else { return }
    // What a plan cannot know follows from the keys: it is as it was.
    let names = Set(new.stages.map(\.name))
    let paths = Set(pipeline.graph.stages.flatMap { $0.kind.publishes.map(\.path) })
    new.files = lock.files.filter { names.contains($0.stage) && paths.contains($0.path) }
    new.submits = lock.submits.filter { names.contains($0.stage) }
    new.pins = lock.pins
    report.lockDifferences = LockMerge.differences(lock.text, new.text)
    for run in parts.scheduler.stages where run.isUsable && run.isSelected && !unlocked.contains(run.index) {
      for file in run.stage.kind.publishes where !lock.files.contains(where: { $0.path == file.path }) { report.lockDifferences.append("file \(file.path)") }
    }
    if !report.lockDifferences.isEmpty { report.exitCode = Self.graver(report.exitCode, 3) }
  }

  /// What differs from the definitions that the lock was written for, where only git still has them.
  private func giveReasons(_ scheduler: Scheduler, _ report: inout RunReport) {
    guard tree == nil, report.stages.contains(where: { $0.reason == .otherThanLocked }), let point = try? DiffPoint(lockOf: self), point.session.tree != nil,
      let past = try? point.session.looked(isLocked: true)
    else { return }
    for (index, run) in scheduler.stages.enumerated() where report.stages[index].reason == .otherThanLocked {
      guard let new = run.preImage, let twin = past.stages.first(where: { $0.stage.name == run.stage.name }), let old = twin.preImage,
        old.digest == lockedKey(of: run)
      else { continue }
      report.stages[index].reason = .changed(new.changes(since: old).map { RunReason.Change(part: $0.name, before: $0.old, after: $0.new) })
    }
  }

  private func lockedKey(of run: StageRun) -> Digest? { lock?.stages.first { $0.name == run.stage.name }?.key }

  /// The files that a lock says lie in the workspace, each with its digest.
  static func expectedFiles(_ lock: LockFile?) -> [String: Digest] {
    Dictionary((lock?.files ?? []).map { ($0.path, $0.sha256) }, uniquingKeysWith: { first, _ in first })
  }

  /// What the lock says after a run: new lines for stages whose outputs are in place, old lines for the rest; nil when nothing came of it.
  private func newLock(_ parts: Parts) -> LockFile? {
    let scheduler = parts.scheduler
    // Nothing came of it: what lies in `Outputs/` is as it was.
    guard scheduler.stages.contains(where: \.isUsable) else { return nil }
    var new = LockFile(manifest: pipeline.name, version: pipeline.version)
    let withheld = Self.withheld(scheduler)
    let unlocked = Self.unlocked(scheduler)
    var kept: Set<String> = []
    for run in scheduler.stages where !unlocked.contains(run.index) {
      let name = run.stage.name
      guard run.isUsable, run.isSelected, !withheld.contains(run.index), let key = run.key, let result = run.result else {
        kept.insert(name)
        continue
      }
      new.stages.append(.init(name: name, key: key))
      // A pure stage needs no more than its key: it can be done again.
      switch run.stage.kind.effect {
      case .snapshot: new.pins.append(.init(command: name, request: key, digest: Self.answer(result)))
      case .submit: new.submits.append(.init(stage: name, key: key, handle: parts.host.submissions.handle(key) ?? LocalJob.handle, result: Self.answer(result)))
      case .pure, .volatile: break
      }
      for (output, port) in zip(run.stage.outputs, result.ports) where output.isPublic {
        new.outputs.append(.init(stage: name, port: output.name, content: port.content, lineage: port.lineage, rows: port.rows, bytes: port.bytes))
      }
      for file in run.published {
        new.files.append(.init(path: file.path, stage: name, port: file.port, sha256: file.sha256, rows: file.rows, bytes: file.bytes))
      }
    }
    guard !new.stages.isEmpty else { return nil }
    addSources(scheduler, except: kept, to: &new)
    new.pins += parts.snapshots.pins
    if let lock {
      new.keep(kept, from: lock)
      for pin in lock.pins where !kept.isEmpty && !new.pins.contains(where: { $0.request == pin.request }) { new.pins.append(pin) }
    }
    return new
  }

  /// What a stage came to, as one digest.
  private static func answer(_ result: StageResult) -> Digest {
    var writer = ByteWriter()
    for port in result.ports { writer.digest(port.content) }
    return Digest.of(writer.bytes)
  }

  /// Stages that run each time, and what reads them: their results differ from run to run, and stand in no lock.
  static func unlocked(_ scheduler: Scheduler) -> Set<Int> {
    var found: Set<Int> = []
    for run in scheduler.stages
    where !run.stage.settings.isCached || run.stage.kind.effect == .volatile || scheduler.graph.producers[run.index].contains(where: found.contains) {
      found.insert(run.index)
    }
    return found
  }

  /// Stages whose new results lie behind no file in place: what reads them has not published. Their old lines stay, so that the lock
  /// goes on describing how what lies in `Outputs/` was made.
  private static func withheld(_ scheduler: Scheduler) -> Set<Int> {
    func ancestors(of starts: [StageRun]) -> Set<Int> {
      var found: Set<Int> = []
      var open = starts.map(\.index)
      while let next = open.popLast() {
        for producer in scheduler.graph.producers[next] where found.insert(producer).inserted { open.append(producer) }
      }
      return found
    }
    let publishing = scheduler.stages.filter { !$0.stage.publishes.isEmpty }
    return ancestors(of: publishing.filter { !$0.isUsable }).subtracting(ancestors(of: publishing.filter(\.isUsable)))
  }

  private func addSources(_ scheduler: Scheduler, except kept: Set<String>, to lock: inout LockFile) {
    var external = 0
    for (readers, summary) in scheduler.sources.summaries() {
      if summary.outside.lockedName == nil { external += 1 }
      let name = summary.outside.lockedName ?? "external:\(external)"
      let users = readers.map { scheduler.stages[$0] }
      guard let content = summary.content, users.contains(where: { run in run.isUsable && run.isSelected && !kept.contains(run.stage.name) }) else { continue }
      lock.sources.append(
        .init(name: name, content: content, files: summary.files, rows: summary.rows, bytes: summary.bytes, readers: users.map(\.stage.name).sorted()))
    }
  }
}

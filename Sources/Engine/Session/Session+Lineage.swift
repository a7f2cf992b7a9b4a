public import Lineage
import Rows
public import Store

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The records of a store's runs, and the index over them.
extension Session {
  /// A run's record as its log tells it; nil when there is no such run, or its log has no readable beginning.
  public static func record(of run: RunID, in store: Store) -> RunRecord? {
    guard let events = (try? store.history.events(of: run)) ?? nil else { return nil }
    return RunRecord(events: events.objects)
  }

  /// The records of the newest runs, newest first; of one manifest (by its path) when that is given.
  public static func records(in store: Store, limit: Int = .max, manifest: String? = nil) -> [RunRecord] {
    var records: [RunRecord] = []
    for run in store.history.list() {
      if records.count >= limit { break }
      guard let record = record(of: run, in: store), manifest == nil || record.manifestPath == manifest else { continue }
      records.append(record)
    }
    return records
  }

  /// Checks that keep a result of today from being published: the last run has found that they fail, and neither the stage's key nor the
  /// check has changed since.
  public func failedChecks(_ plan: RunReport) -> [(stage: String, check: String)] {
    guard let last = Self.records(in: store, limit: 1, manifest: pipeline.path).first else { return [] }
    var found: [(stage: String, check: String)] = []
    for record in last.stages where record.status == .failed {
      let name = record.caseLabel.map { "\(record.name)@\($0)" } ?? record.name
      guard let stage = plan.stages.first(where: { $0.name == name }), stage.status == .cached, let key = stage.key, key == record.key?.hex else { continue }
      let today = pipeline.graph[name]?.settings.checks.map(\.text) ?? []
      for check in record.checks where check.severity == .error && check.verdict == .failed && today.contains(check.expression) {
        found.append((name, check.expression))
      }
    }
    return found
  }

  /// The lineage index of a store, with every run in it that has ended: also those of processes that were killed.
  public static func lineage(of store: Store) throws(LineageError) -> LineageStore {
    let index = try LineageStore(path: lineagePath(store))
    _ = try catchUp(index, store)
    return index
  }

  /// Takes the runs that the index does not know into it; an index that is new or of another version takes all of them.
  /// - Returns: how many it took in; nil when another process is at it and takes too long.
  @discardableResult
  public static func updateLineage(of store: Store) throws(LineageError) -> Int? {
    try catchUp(try LineageStore(path: lineagePath(store)), store)
  }

  /// Makes the index anew from the logs.
  /// - Returns: how many runs are in it; nil when another process is at it and takes too long.
  @discardableResult
  public static func rebuildLineage(of store: Store) throws(LineageError) -> Int? {
    let path = lineagePath(store)
    // Looking at a workspace that never ran anything leaves nothing in it.
    if !Workspace.exists(path), store.history.list().isEmpty { return 0 }
    guard let lock = try holdLineage(store) else { return nil }
    for suffix in ["", "-journal", "-wal", "-shm"] { unlink(path + suffix) }
    lock.release()
    return try updateLineage(of: store)
  }

  static func lineagePath(_ store: Store) -> String { store.directory + "/lineage.sqlite" }

  /// So many runs are taken in by one transaction: what is in memory at once stays small.
  private static let foldedAtOnce = 128
  /// At 50 ms each, two seconds. Whoever gives up is caught up on by the next run.
  private static let attemptLimit = 40

  private static func catchUp(_ index: LineageStore, _ store: Store) throws(LineageError) -> Int? {
    guard let lock = try holdLineage(store) else { return nil }
    defer { lock.release() }
    let known = try index.knownRuns()
    var folded = 0
    var records: [RunRecord] = []
    for run in store.history.list().reversed() where !known.contains(run.text) {
      // A run that is at work is taken in at its end.
      guard !store.history.isLive(run), let record = record(of: run, in: store), record.id == run.text else { continue }
      records.append(record)
      if records.count == foldedAtOnce {
        try index.fold(records)
        folded += records.count
        records = []
      }
    }
    if !records.isEmpty { try index.fold(records) }
    return folded + records.count
  }

  private static func holdLineage(_ store: Store) throws(LineageError) -> FileLock? {
    var attempts = 0
    do throws(StoreError) {
      return try FileLock.acquire(store.lockPath("lineage"), command: "taking runs into the lineage index") { _ in
        attempts += 1
        return attempts < attemptLimit
      }
    } catch { throw LineageError(path: lineagePath(store), message: "\(error)") }
  }
}

import Diagnostics
import Lineage
import Rows
public import Store

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Collecting what no manifest needs any more.
///
/// The roots are the locks and the keys with which each manifest's stages last finished, of every workspace that has used the store and
/// is still there, and the stages of the last runs. What follows from them stays, so that the next run of any of these manifests has
/// nothing to do, and an edit afterwards costs what it would have cost before. Everything else that runs made can be made again.
extension Session {
  /// Collects in this session's store.
  /// - Parameters:
  ///   - dryRun: count only.
  ///   - graceSeconds: what is younger stays.
  ///   - keptRuns: so many of the last runs stay, with their records and the results of their stages.
  public func collect(dryRun: Bool = true, graceSeconds: UInt64 = 14 * 86_400, keptRuns: Int = 20) throws -> GarbageCollector.Report {
    try Self.collect(workspace, store, dryRun: dryRun, graceSeconds: graceSeconds, keptRuns: keptRuns)
  }

  /// Collects in the store of a workspace, whatever manifests it has.
  public static func collect(
    _ workspace: Workspace, _ store: Store, dryRun: Bool = true, graceSeconds: UInt64 = 14 * 86_400, keptRuns: Int = 20
  ) throws -> GarbageCollector.Report {
    // A run at work refers to what it has made and found only when it ends: until then nothing goes that it may have touched.
    let now = Store.systemClock() / 1_000_000
    let oldest = store.history.list().filter(store.history.isLive).map(\.milliseconds).min()
    let live = oldest.map { (now > $0 ? (now - $0) / 1000 : 0) + 60 } ?? 0
    let grace = max(graceSeconds, live)
    var snapshots: Set<Digest> = []
    var report = try GarbageCollector(store, graceSeconds: grace).collect(dryRun: dryRun) { marks in
      var needed = StoreMarks(store, marks)
      try keepRoots(workspace, store, keptRuns, &needed)
      marks = needed.result
      snapshots = needed.snapshots
    }
    removeSnapshots(store, except: snapshots, graceSeconds: grace, &report)
    removeBases(store, graceSeconds: grace, &report)
    report.leftoversRemoved += Submissions.collect(store, graceSeconds: grace, dryRun: dryRun)
    try removeRuns(store, keptRuns, graceSeconds: grace, &report)
    return report
  }

  // MARK: runs

  /// Removes the folders of old runs, with their logs: what is not among the last runs of the store, is no manifest's last run, and is
  /// older than the grace.
  private static func removeRuns(_ store: Store, _ keptRuns: Int, graceSeconds: UInt64, _ report: inout GarbageCollector.Report) throws {
    let now = Store.systemClock() / 1_000_000
    var last: Set<String> = []
    var index: LineageStore?
    for (number, run) in store.history.list().enumerated() {
      // Who asks where a manifest stands, or tries again, asks for its last run.
      let isLast = record(of: run, in: store).map { last.insert($0.manifestPath).inserted } ?? false
      let isYoung = now &- min(now, run.milliseconds) < graceSeconds * 1000
      if number < keptRuns || isLast || isYoung || store.history.isLive(run) { continue }
      if !report.isDryRun {
        // The index first: what it still knows of a run whose log is gone, nobody would take out again.
        if index == nil, Workspace.exists(lineagePath(store)) { index = try LineageStore(path: lineagePath(store)) }
        try index?.remove(run.text)
        guard try store.history.remove(run) else { continue }
      }
      report.runsRemoved += 1
    }
  }

  private static func keepRoots(_ workspace: Workspace, _ store: Store, _ keptRuns: Int, _ needed: inout StoreMarks) throws {
    var locks = lockPaths(workspace)
    let entries = try store.entries(of: [.lastKeys, .manifest, .published, .effect, .pin])
    var gone: Set<Digest> = []
    for entry in entries where entry.kind == .manifest {
      guard let (root, path) = place(entry.payload) else { continue }
      let home = Workspace(root: root, storeDirectory: store.directory)
      // A manifest that is there no more, in this workspace or another, needs nothing.
      guard Workspace.exists(home.absolute(path)) else {
        gone.insert(entry.key)
        continue
      }
      needed.keep(.manifest, entry.key)
      locks.insert(lockPath(beside: path, in: home))
    }
    for entry in entries {
      switch entry.kind {
      case .lastKeys where !gone.contains(entry.key):
        needed.keep(.lastKeys, entry.key)
        try needed.keep(stageKeys: keys(decoding: entry.payload).values)
      // What stands where in `Outputs/`, and what effects did: small, and the latter cannot be had again.
      case .published, .effect: needed.keep(entry.kind, entry.key)
      case .pin where entry.payload.count == Digest.byteCount:
        needed.keep(snapshot: entry.payload.withUnsafeBytes { Digest(bytes: $0) }, of: entry.key)
      default: break
      }
    }
    for path in locks.sorted() { if let lock = try knownLock(path) { try needed.keep(lock) } }
    for record in records(in: store, limit: keptRuns) { try needed.keep(stageKeys: record.stages.compactMap(\.key)) }
    for case .entry(.stageResult, let key) in store.history.livePins() { try needed.keep(stageKeys: [key]) }
    // The chunk lists of the sources, by the stamps of their files.
    for digest in store.statIndex().digests() { needed.keep(.sourceIndex, digest) }
  }

  /// Every lock of the workspace: beside its manifests, and the store's own for manifests with `lock: false`.
  private static func lockPaths(_ workspace: Workspace) -> Set<String> {
    var paths: Set<String> = []
    for folder in [workspace.root, workspace.root + "/Manifests", workspace.storeDirectory + "/locks"] {
      for name in Workspace.names(in: folder) where name.hasSuffix(".lock") { paths.insert(folder + "/" + name) }
    }
    return paths
  }

  private static func lockPath(beside manifest: String, in workspace: Workspace) -> String {
    var stem = manifest
    for suffix in [".yaml", ".yml"] where stem.hasSuffix(suffix) { stem = String(stem.dropLast(suffix.count)) }
    return workspace.absolute(stem + ".lock")
  }

  private static func place(_ payload: [UInt8]) -> (root: String, path: String)? {
    var reader = ByteReader(payload)
    guard let root = try? reader.text(), let path = try? reader.text() else { return nil }
    return (root, path)
  }

  /// A lock of ours; nil for the locks of other tools.
  private static func knownLock(_ path: String) throws(Unanswerable) -> LockFile? {
    guard case .success(let bytes) = Workspace.read(path) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.hasPrefix("pipe-lock ") else { return nil }
    do throws(LockFile.Malformed) {
      return try LockFile(parsing: text)
    } catch {
      // It may be the one that pins a snapshot, which nothing could bring back.
      throw Unanswerable(
        Diagnostic(
          .error, id: "lock", error.message, at: Place(path: path, line: error.line, column: 1),
          help: "nothing was removed: what this lock needs cannot be known before it is whole again"), exitCode: 2)
    }
  }

  // MARK: snapshots

  /// What is left of a snapshot that was being taken when its process was killed, after so long.
  private static let abandonedSeconds: UInt64 = 86_400

  private static func removeSnapshots(_ store: Store, except kept: Set<Digest>, graceSeconds: UInt64, _ report: inout GarbageCollector.Report) {
    let folder = store.directory + "/snapshots"
    let now = Store.systemClock()
    for name in Workspace.names(in: folder, hidden: true) {
      let path = folder + "/" + name
      guard let stamp = FileStamp(path: path) else { continue }
      let age = now &- min(now, UInt64(clamping: stamp.modified))
      if let digest = Digest(hex: name) {
        let isYoung = age < graceSeconds * 1_000_000_000
        if kept.contains(digest) || isYoung {
          report.blobsKept += 1
          report.bytesKept += Int(stamp.size)
          if !kept.contains(digest) { report.keptByGrace += 1 }
          continue
        }
        if !report.isDryRun, unlink(path) != 0 { continue }
        report.blobsRemoved += 1
        report.bytesRemoved += Int(stamp.size)
      } else if name.hasPrefix(".taking-"), age > max(graceSeconds, abandonedSeconds) * 1_000_000_000 {
        if report.isDryRun || unlink(path) == 0 { report.leftoversRemoved += 1 }
      }
    }
  }

  // MARK: files out of git

  /// Removes files that `pipe diff` has taken out of git: whoever needs one again takes it out again.
  private static func removeBases(_ store: Store, graceSeconds: UInt64, _ report: inout GarbageCollector.Report) {
    let folder = store.directory + "/bases"
    let now = Store.systemClock()
    for name in Workspace.names(in: folder, hidden: true) {
      let path = folder + "/" + name
      guard let stamp = FileStamp(path: path) else { continue }
      let age = now &- min(now, UInt64(clamping: stamp.modified))
      let isAbandoned = name.hasPrefix(".taking-")
      guard age >= (isAbandoned ? max(graceSeconds, abandonedSeconds) : graceSeconds) * 1_000_000_000 else { continue }
      if !report.isDryRun, unlink(path) != 0 { continue }
      report.leftoversRemoved += 1
      if !isAbandoned { report.bytesRemoved += Int(stamp.size) }
    }
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Processes
import Rows
import Store
import Synchronization

/// What a run asks of the world: time, processes, the last lock, the manifest's lock file.
final class RunHost: RunServices {
  private let workspace: Workspace
  private let store: Store
  private let lock: LockFile?
  /// Keys of the lock by stage; made when they are first asked for.
  private let lockedKeys = Mutex<[String: Digest]?>(nil)
  private let lastKeys: [String: Digest]
  private let publisher: Publisher
  private let baselines: Baselines
  private let observer: @Sendable (RunEvent) -> Void
  let recorder: RunRecorder
  private let manifestLock: ManifestLock
  let submissions: Submissions
  private let manifestPath: String
  /// The only files that may be put in place, by path and digest; nil for any.
  private let expected: [String: Digest]?
  private let cancelled = Atomic<Bool>(false)
  private let groups = Mutex<Set<Int32>>([])
  let memoryBytes: Int
  let gpuCount: Int

  init(
    workspace: Workspace, store: Store, lock: LockFile?, lastKeys: [String: Digest], recorder: RunRecorder, manifestLock: ManifestLock,
    baselines: Baselines, manifestPath: String, expected: [String: Digest]? = nil, policy: SubmitPolicy, observer: @escaping @Sendable (RunEvent) -> Void
  ) {
    self.submissions = Submissions(store: store, lock: lock, policy: policy)
    self.manifestPath = manifestPath
    self.expected = expected
    self.workspace = workspace
    self.store = store
    self.lock = lock
    self.lastKeys = lastKeys
    self.publisher = Publisher(workspace: workspace, store: store)
    self.baselines = baselines
    self.recorder = recorder
    self.manifestLock = manifestLock
    self.observer = observer
    self.memoryBytes = max(1 << 30, Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE))))
    // One at a time where nothing says how many there are.
    self.gpuCount = max(1, (0..<64).count { access("/dev/nvidia\($0)", F_OK) == 0 })
  }

  func nanoseconds() -> UInt64 { MonotonicClock.nanoseconds() }

  func sleep(seconds: Double) {
    let end = nanoseconds() &+ UInt64(max(0, seconds) * 1e9)
    while !isCancelled, nanoseconds() < end { usleep(20_000) }
  }

  var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

  /// Ends processes that tasks have started; what runs inside `pipe` itself is finished.
  func cancel() {
    cancelled.store(true, ordering: .relaxed)
    for group in groups.withLock({ $0 }) { kill(-group, SIGTERM) }
  }

  func lockedKey(of stage: String) -> Digest? {
    guard let lock else { return nil }
    return lockedKeys.withLock { keys in
      let known = keys ?? Dictionary(lock.stages.map { ($0.name, $0.key) }, uniquingKeysWith: { first, _ in first })
      keys = known
      return known[stage]
    }
  }
  func lastKey(of stage: String) -> Digest? { lastKeys[stage] ?? lockedKey(of: stage) }
  func observe(_ event: RunEvent) { observer(event) }
  func adopted(_ key: Digest) { recorder.pin(key) }
  func isPinned(_ key: Digest) -> Bool { lock?.pins.contains { $0.request == key } ?? false }
  func settle(_ run: StageRun) throws(StoreError) { if let key = run.key { try submissions.settle(key) } }

  func evaluate(_ run: StageRun, in scheduler: Scheduler) throws(TaskFailure) -> [CheckVerdict] {
    if let comparison = run.stage.kind.comparison {
      switch try ComparisonRun(baselines: baselines, oversight: oversight, scheduler: scheduler).compare(run, comparison) {
      case .figures(let figures): run.compared = figures
      case .missing(let reason): run.notCompared = reason
      }
    }
    return run.stage.settings.checks.isEmpty ? [] : try CheckEvaluator(run: run, scheduler: scheduler).evaluate()
  }

  func publish(_ run: StageRun, in scheduler: Scheduler) throws(TaskFailure) -> [PublishedFile] {
    guard !run.stage.publishes.isEmpty else { return [] }
    if run.wasAdopted, let files = publisher.publishedFiles(run) { return files }
    try manifestLock.hold()
    // What runs each time stands in no lock.
    return try publisher.publish(run, scheduler, expected: expected == nil || Session.unlocked(scheduler).contains(run.index) ? nil : expected)
  }

  /// The stamps of a stage's files as they were put into the workspace; nil when one is not known to lie there.
  func publishedStamps(_ run: StageRun) -> [(path: String, stamp: FileStamp)]? { publisher.stamps(run) }

  // MARK: processes

  /// What commands that belong to no stage's task (a source's) obey.
  var oversight: Oversight {
    Oversight(
      isCancelled: { self.isCancelled },
      started: { group in
        self.recorder.begin()
        self.groups.withLock { _ = $0.insert(group) }
      },
      ended: { group in self.groups.withLock { _ = $0.remove(group) } })
  }

  private final class TaskSupervision: Supervision {
    let host: RunHost
    let stage: String
    let key: Digest
    let timeoutSeconds: Double?
    private let directories = Mutex<[ScratchDirectory]>([])

    init(_ host: RunHost, stage: String, key: Digest, timeoutSeconds: Double?) {
      self.host = host
      self.stage = stage
      self.key = key
      self.timeoutSeconds = timeoutSeconds
    }

    var logPath: String { host.recorder.stageLog(stage) }

    var isCancelled: Bool { host.isCancelled }
    var root: String { host.workspace.root }

    func temporaryDirectory() throws(TaskFailure) -> String {
      do throws(StoreError) {
        let directory = try host.store.scratchDirectory()
        directories.withLock { $0.append(directory) }
        return directory.path
      } catch {
        throw TaskFailure(id: "temporary", message: "no folder for the task's files: \(error)")
      }
    }

    func register(processGroup: Int32) {
      host.groups.withLock { _ = $0.insert(processGroup) }
      // A cancellation between the start and this line has found no group to end.
      if isCancelled { kill(-processGroup, SIGTERM) }
    }

    func unregister(processGroup: Int32) { host.groups.withLock { _ = $0.remove(processGroup) } }

    func submit(_ submission: Submission) throws(TaskFailure) -> JobFolder {
      try host.submissions.run(
        submission,
        Submissions.Request(
          key: key, stage: stage, manifest: host.manifestPath, timeoutSeconds: timeoutSeconds, isCancelled: { self.isCancelled },
          tell: { self.host.observe(.notice($0)) }))
    }

    func end() { for directory in directories.withLock({ $0 }) { directory.remove() } }
  }

  func supervision(stage: Stage, key: Digest, timeoutSeconds: Double?) -> any Supervision {
    // A task is about to do its work: from here on there is something to record, and to be protected from collections.
    recorder.begin()
    return TaskSupervision(self, stage: stage.name, key: key, timeoutSeconds: timeoutSeconds)
  }

  func endSupervision(_ supervision: any Supervision) { (supervision as? TaskSupervision)?.end() }
}

/// The manifest's lock between processes: held from the first publication of a run until its lock file is written, so that the lock
/// always describes what lies in `Outputs/`.
final class ManifestLock: Sendable {
  private let path: String
  private let command: String
  private let waits: Bool
  private let onWait: @Sendable (String) -> Void
  private let held = Mutex<FileLock?>(nil)

  init(path: String, command: String, waits: Bool, onWait: @escaping @Sendable (String) -> Void) {
    self.path = path
    self.command = command
    self.waits = waits
    self.onWait = onWait
  }

  func hold() throws(TaskFailure) {
    let result = held.withLock { held -> Result<Void, TaskFailure> in
      if held != nil { return .success(()) }
      do throws(StoreError) {
        var hasTold = false
        let lock = try FileLock.acquire(path, command: command) { holder in
          guard waits else { return false }
          if !hasTold { onWait(holder?.description ?? "another process") }
          hasTold = true
          return true
        }
        guard let lock else {
          return .failure(TaskFailure(id: "locked", message: "another run of this manifest holds its lock", help: "leave --no-wait out to wait for it"))
        }
        held = lock
        return .success(())
      } catch { return .failure(TaskFailure(error)) }
    }
    try result.get()
  }

  func release() {
    held.withLock { held in
      held?.release()
      held = nil
    }
  }
}

/// Folders with what is in them.
enum FileTree {
  static func remove(_ path: String) {
    if Workspace.isFolder(path), let handle = opendir(path) {
      while let entry = readdir(handle) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
          pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) { String(cString: $0) }
        }
        if name != ".", name != ".." { remove(path + "/" + name) }
      }
      closedir(handle)
      rmdir(path)
    } else {
      unlink(path)
    }
  }
}

/// A clock that only goes forward.
enum MonotonicClock {
  static func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}

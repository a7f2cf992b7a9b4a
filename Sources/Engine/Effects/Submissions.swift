import Processes
import Rows
import Store
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What may be submitted in a run.
struct SubmitPolicy: Sendable {
  /// `--ci` without `--allow-submit` only attaches and takes.
  var allows = true
  /// `pipe retry --resubmit`: what nobody knows the fate of counts as never submitted.
  var resubmits = false
  /// The program to start as a supervisor; nil for a thread of this process.
  var supervisor: [String]?
}

/// Things that outlive the run that started them: each is submitted once for its key, and whoever needs the result attaches.
///
/// The journal says what was meant, the job itself what is: a step that was not written down is found out by asking the job. What
/// cannot be found out is `uncertain`, and only a person resolves it.
final class Submissions: Sendable {
  private let store: Store
  private let lock: LockFile?
  private let policy: SubmitPolicy
  /// Results that this run is taking; others wait until they are taken, or until it ends.
  private let taking = Mutex<[Digest: FileLock]>([:])

  init(store: Store, lock: LockFile?, policy: SubmitPolicy) {
    self.store = store
    self.lock = lock
    self.policy = policy
  }

  /// Who asks: everything of a task that a submission needs to know.
  struct Request {
    let key: Digest
    let stage: String
    let manifest: String
    let timeoutSeconds: Double?
    let isCancelled: () -> Bool
    let tell: (String) -> Void
  }

  static func directory(_ store: Store, _ key: Digest) -> String { store.directory + "/submit/" + key.hex }

  private static func folder(_ directory: String, _ attempt: Int) -> JobFolder { JobFolder("\(directory)/\(attempt)") }

  /// The last attempt of a journal that was not given up, and whether its end is known.
  private struct Standing {
    var attempt = 0
    var isOpen = false
    var hasHandle = false
    var isTaken = false
    /// How it ended, as the journal knows it.
    var ending: String?

    init(_ steps: [SubmitJournal.Step]) {
      for step in steps {
        switch step {
        case .intent(let attempt, _, _, _):
          self = Standing([])
          self.attempt = attempt
          isOpen = true
        case .handle(attempt, _): hasHandle = true
        case .ended(attempt, let how): ending = how
        case .taken(attempt): isTaken = true
        case .abandoned(attempt): isOpen = false
        default: continue
        }
      }
    }
  }

  // MARK: submitting and attaching

  /// Submits, or attaches to what was submitted, and waits.
  /// - Returns: the folder with what came out.
  func run(_ submission: Submission, _ request: Request) throws(TaskFailure) -> JobFolder {
    let directory = Self.directory(store, request.key)
    let journal = SubmitJournal(directory: directory)
    var supervisor: LocalJob.Started?
    var launches = 0
    var secrets: [Command.Secret]?
    var hasTold = false
    var hasSubmitted = false
    var pause: UInt32 = 2_000
    while true {
      if request.isCancelled() {
        if hasSubmitted || hasTold { request.tell("\(request.stage) goes on in the background; the next run takes its result") }
        throw TaskFailure(id: "cancelled", message: "`\(request.stage)` is not waited for")
      }
      let standing = try Self.stored { () throws(StoreError) in Standing(try journal.steps()) }
      let isFinished = standing.ending.map { $0 != SubmitJournal.done } ?? false
      // A failure that was reported is over: the next run tries again.
      guard standing.isOpen, !isFinished, !standing.isTaken else {
        let was = try open(submission, request, directory, journal, after: standing)
        if let was { secrets = was }
        continue
      }
      let folder = Self.folder(directory, standing.attempt)
      let job = LocalJob(folder: folder)
      switch job.state() {
      case .unsent:
        if let started = supervisor, !started.hasEnded() {
          usleep(2_000)
          continue
        }
        guard launches < 3 else { throw Self.unsupervised(request, folder) }
        try permit(request)
        let values: [Command.Secret]
        if let secrets { values = secrets } else { values = try Self.secrets(of: folder, request) }
        secrets = values
        supervisor = try job.start(policy.supervisor, secrets: values)
        launches += 1
        hasSubmitted = true
        CrashPoint.reach(.handle)
      case .running:
        if !standing.hasHandle {
          try Self.stored { () throws(StoreError) in try journal.append(.handle(attempt: standing.attempt, LocalJob.handle)) }
          CrashPoint.reach(.result)
        }
        if !hasTold {
          hasTold = true
          request.tell(
            hasSubmitted
              ? "\(request.stage) is under way and outlives this run: pipe log \(request.stage) follows it" : "\(request.stage) is under way already: attached to it")
        }
        _ = supervisor?.hasEnded()
        usleep(pause)
        pause = min(pause * 2, 200_000)
      case .ended(let ending):
        _ = supervisor?.hasEnded()
        if standing.ending == nil {
          try Self.stored { () throws(StoreError) in
            try journal.append(.ended(attempt: standing.attempt, ending.reason.map { ProcessFailure($0).message(submission.shown) } ?? SubmitJournal.done))
          }
        }
        CrashPoint.reach(.keep)
        if let reason = ending.reason { throw Self.failure(ProcessFailure(reason, standardErrorTail: ending.tail), submission, request) }
        if try holdsResult(directory, request) { return folder }
      case .cutOff:
        guard policy.resubmits else { throw Self.uncertain(submission, request) }
        try Self.stored { () throws(StoreError) in try journal.append(.abandoned(attempt: standing.attempt)) }
      }
    }
  }

  /// Of several runs that wait for one job, one takes its files and the others find its result in the store.
  /// - Returns: false when the journal has to be looked at again: another run may have taken the result meanwhile.
  private func holdsResult(_ directory: String, _ request: Request) throws(TaskFailure) -> Bool {
    if taking.withLock({ $0[request.key] != nil }) { return true }
    let held = try Self.stored { () throws(StoreError) in
      try FileLock.acquire(directory + "/take-lock", command: "pipe") { _ in !request.isCancelled() }
    }
    guard let held else { return false }
    taking.withLock { $0[request.key] = held }
    return false
  }

  /// Writes down that something is about to be submitted. Another run may be faster: then nothing is done.
  private func open(
    _ submission: Submission, _ request: Request, _ directory: String, _ journal: SubmitJournal, after standing: Standing
  ) throws(TaskFailure) -> [Command.Secret]? {
    try permit(request)
    if standing.isTaken, !policy.resubmits {
      taking.withLock { $0.removeValue(forKey: request.key) }?.release()
      throw Self.lost(request)
    }
    if standing.attempt == 0, !policy.resubmits, let line = lock?.submits.first(where: { $0.key == request.key }) { throw Self.elsewhere(line, request) }
    let held = try Self.stored { () throws(StoreError) in try FileLock.acquire(directory + "/journal-lock", command: "pipe") }
    defer { held?.release() }
    let now = try Self.stored { () throws(StoreError) in Standing(try journal.steps()) }
    guard now.attempt == standing.attempt, now.isOpen == standing.isOpen else { return nil }
    let attempt = now.attempt + 1
    let folder = Self.folder(directory, attempt)
    folder.make()
    let job = try submission.prepare(folder)
    try checkProgram(job.command)
    try Self.stored { () throws(StoreError) in
      try AtomicFile.write(folder.spec, JobSpec(job, timeoutSeconds: request.timeoutSeconds).encode(), sync: true)
    }
    CrashPoint.reach(.intent)
    try Self.stored { () throws(StoreError) in
      try journal.append(.intent(attempt: attempt, backend: LocalJob.handle, stage: request.stage, manifest: request.manifest))
    }
    CrashPoint.reach(.submit)
    return job.command.secrets
  }

  /// A program that is not there is found out before anything is submitted.
  private func checkProgram(_ command: Command) throws(TaskFailure) {
    do throws(ProcessFailure) {
      let path = command.environment.last { $0.name == "PATH" }?.value ?? "/usr/bin:/bin"
      _ = try ProgramSearch.find(command.program, path: path, directory: command.directory)
    } catch { throw TaskFailure(id: "program", message: error.message(command.program), help: error.help) }
  }

  /// The values of the secrets of a job that another run has prepared.
  private static func secrets(of folder: JobFolder, _ request: Request) throws(TaskFailure) -> [Command.Secret] {
    guard case .success(let bytes) = Workspace.read(folder.spec), let spec = try? JobSpec(decoding: bytes) else { throw unsupervised(request, folder) }
    var secrets: [Command.Secret] = []
    for name in spec.secrets {
      guard let value = HostEnvironment.value(name) else {
        throw TaskFailure(
          id: "secret", message: "the secret `\(name)` is not set", help: "export \(name)=… in the shell that runs pipe; it is never stored or shown")
      }
      secrets.append(.init(name: name, value: value))
    }
    return secrets
  }

  private func permit(_ request: Request) throws(TaskFailure) {
    guard !policy.allows else { return }
    throw TaskFailure(
      id: "submit-not-allowed", message: "`\(request.stage)` would be submitted, and `--ci` submits nothing",
      help: "run it where it may be submitted, and commit the lock; or say --allow-submit")
  }

  // MARK: afterwards

  /// Notes that a result is in the store; its files are not needed any more.
  func settle(_ key: Digest) throws(StoreError) {
    defer { taking.withLock { $0.removeValue(forKey: key) }?.release() }
    let directory = Self.directory(store, key)
    let journal = SubmitJournal(directory: directory)
    let standing = Standing(try journal.steps())
    guard standing.isOpen, standing.ending == SubmitJournal.done, !standing.isTaken else { return }
    try store.record(.effect, key, Array(LocalJob.handle.utf8))
    try store.makeDurable()
    try journal.append(.taken(attempt: standing.attempt))
    Self.folder(directory, standing.attempt).removeFiles()
  }

  /// Removes what attempts that are over have left behind: of the last one the files that went in and out, of earlier ones everything.
  ///
  /// Journals stay: a key that comes back is not submitted a second time.
  /// - Returns: how many folders went, or would go.
  static func collect(_ store: Store, graceSeconds: UInt64, dryRun: Bool) -> Int {
    let now = Store.systemClock()
    var removed = 0
    for key in Workspace.names(in: store.directory + "/submit") {
      let directory = store.directory + "/submit/" + key
      guard let steps = try? SubmitJournal(directory: directory).steps() else { continue }
      let standing = Standing(steps)
      let isFailed = standing.ending.map { $0 != SubmitJournal.done } ?? false
      for attempt in 1..<max(standing.attempt + 1, 1) {
        let folder = folder(directory, attempt)
        guard let stamp = FileStamp(path: folder.path), now &- min(now, UInt64(clamping: stamp.modified)) >= graceSeconds * 1_000_000_000 else { continue }
        if attempt < standing.attempt {
          if !dryRun { FileTree.remove(folder.path) }
          removed += 1
        } else if !standing.isOpen || standing.isTaken || isFailed, folder.hasFiles {
          if !dryRun { folder.removeFiles() }
          removed += 1
        }
      }
    }
    return removed
  }

  /// How something that was submitted is found again, as the lock says it.
  func handle(_ key: Digest) -> String? {
    if let bytes = (try? store.entry(.effect, key)) ?? nil { return String(decoding: bytes, as: UTF8.self) }
    return lock?.submits.first { $0.key == key }?.handle
  }

  private static func stored<Value>(_ body: () throws(StoreError) -> Value) throws(TaskFailure) -> Value {
    do throws(StoreError) { return try body() } catch { throw TaskFailure(error) }
  }
}

// MARK: messages

extension Submissions {
  private static func failure(_ failure: ProcessFailure, _ submission: Submission, _ request: Request) -> TaskFailure {
    var status: Int?
    if case .exited(let code) = failure.reason { status = Int(code) }
    let isTimeout = if case .timedOut = failure.reason { true } else { false }
    return TaskFailure(
      id: isTimeout ? "timeout" : "submission", message: failure.message(submission.shown), help: failure.help ?? "pipe log \(request.stage) shows all that it printed",
      notes: failure.standardErrorTail.map { ("log", $0) }, isTransient: isTimeout || status == TaskFailure.temporaryFailure, exitStatus: status, mayBeRetried: true)
  }

  private static func uncertain(_ submission: Submission, _ request: Request) -> TaskFailure {
    TaskFailure(
      id: "uncertain", message: "`\(submission.shown)` was submitted, and nobody knows what came of it: it was cut off before it ended",
      help: "see what it did (pipe log \(request.stage)); if it may be submitted again: pipe retry --resubmit", isTransient: true)
  }

  private static func elsewhere(_ line: LockFile.Submit, _ request: Request) -> TaskFailure {
    TaskFailure(
      id: "lost-submission",
      message: "`\(request.stage)` was submitted before (the lock names sha256:\(line.result.short)), and its result is not in this store",
      help: "bring the store of whoever made the lock (`--store`); to submit it anew: pipe retry --resubmit")
  }

  private static func lost(_ request: Request) -> TaskFailure {
    TaskFailure(
      id: "lost-submission", message: "the result of `\(request.stage)` was in this store and is not any more",
      help: "bring it back with the store of whoever has it (`--store`); to submit it anew: pipe retry --resubmit")
  }

  private static func unsupervised(_ request: Request, _ folder: JobFolder) -> TaskFailure {
    var notes: [(label: String, text: String)] = []
    if case .success(let bytes) = Workspace.read(folder.supervisorLog) {
      notes = bytes.split(separator: UInt8(ascii: "\n")).suffix(5).map { ("supervisor", String(decoding: $0, as: UTF8.self)) }
    }
    return TaskFailure(
      id: "supervisor", message: "the supervisor of `\(request.stage)` ended without starting it", help: "is there room in \(folder.path)?", notes: notes)
  }
}

import Processes
import Rows
import Store

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A job on this machine under a supervisor of ours: whoever asks is told for certain whether it was ever started.
struct LocalJob {
  /// What stands in the journal and the lock: the supervisor is found by the key alone.
  static let handle = "local"

  enum State: Equatable {
    /// It was never started, and nobody is about to.
    case unsent
    case running
    case ended(JobEnding)
    /// It was started, nothing of it lives, and nobody knows how far it came.
    case cutOff
  }

  let folder: JobFolder

  func state() -> State {
    if let ending = exitRecord() { return .ended(ending) }
    if FileLock.isHeld(folder.lock) { return .running }
    // It may have ended between the two looks.
    if let ending = exitRecord() { return .ended(ending) }
    if let status = shellStatus() { return .ended(JobEnding(status: status, tail: logTail())) }
    if Workspace.exists(folder.started) { return .cutOff }
    guard case .success(let bytes) = Workspace.read(folder.handle) else { return .unsent }
    // Marks without an fsync tell the truth as long as the machine has not been switched off.
    let boot = String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst().first.map(String.init) ?? ""
    return boot == Self.bootID && !boot.isEmpty ? .unsent : .cutOff
  }

  private func exitRecord() -> JobEnding? {
    guard case .success(let bytes) = Workspace.read(folder.exit) else { return nil }
    return try? JobEnding(decoding: bytes)
  }

  private func shellStatus() -> Int32? {
    guard case .success(let bytes) = Workspace.read(folder.ended), bytes.last == UInt8(ascii: "\n") else { return nil }
    return Int32(String(decoding: bytes.dropLast(), as: UTF8.self))
  }

  func logTail() -> [String] {
    guard case .success(let bytes) = Workspace.read(folder.logPath) else { return [] }
    return bytes.suffix(8 << 10).split(separator: UInt8(ascii: "\n")).suffix(20).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The supervisor's process, for people.
  var process: String? {
    guard case .success(let bytes) = Workspace.read(folder.handle) else { return nil }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init)
  }

  /// A supervisor that was started.
  enum Started {
    case process(DetachedProcess)
    /// In this process, where there is no program to start (tests of kinds).
    case thread(SupervisorThread)

    func hasEnded() -> Bool {
      switch self {
      case .process(let process): process.hasEnded()
      case .thread(let thread): thread.hasEnded
      }
    }
  }

  /// Starts a supervisor. If another was faster, it ends at once.
  /// - Parameter program: what to execute, and its first arguments; nil for a thread of this process.
  func start(_ program: [String]?, secrets: [Command.Secret]) throws(TaskFailure) -> Started {
    guard let program else { return .thread(SupervisorThread(folder.path, secrets)) }
    var environment = HostEnvironment.base() + secrets.map { ($0.name, $0.value) }
    if let point = HostEnvironment.value(CrashPoint.variable) { environment.append((CrashPoint.variable, point)) }
    do throws(ProcessFailure) {
      return .process(
        try DetachedProcess(
          executable: program[0], arguments: program + [folder.path], environment: environment, directory: "/", output: folder.supervisorLog))
    } catch { throw TaskFailure(id: "program", message: error.message("the supervisor"), help: error.help) }
  }

  /// Differs after each start of the machine; empty where nothing says.
  static let bootID: String = {
    guard case .success(let bytes) = Workspace.read("/proc/sys/kernel/random/boot_id") else { return "" }
    return String(decoding: bytes, as: UTF8.self).trimmingLineEnd
  }()
}

extension String {
  fileprivate var trimmingLineEnd: String { hasSuffix("\n") ? String(dropLast()) : self }
}

/// A supervisor on a thread.
final class SupervisorThread: Sendable {
  private let monitor = Monitor()
  nonisolated(unsafe) private var isOver = false

  init(_ path: String, _ secrets: [Command.Secret]) {
    WorkerThreads.start { [self] in
      _ = Supervisor.run(path, secrets: secrets)
      monitor.locked { isOver = true }
    }
  }

  var hasEnded: Bool { monitor.locked { isOver } }
}

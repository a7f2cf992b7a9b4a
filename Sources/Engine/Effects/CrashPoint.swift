#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Processes

/// Places between two steps of a submission at which a test has the process killed, as a power cut would: `PIPE_CRASH_AT` names one.
enum CrashPoint: String {
  /// The folder is ready, nothing is written down.
  case intent
  /// It is written down, nothing is submitted.
  case submit
  /// It is submitted, its handle is not written down.
  case handle
  /// The handle is written down, the result is not known.
  case result
  /// The result is known, nothing of it is kept.
  case keep
  /// In the supervisor: it has the lock, and has not written its handle.
  case supervisorHandle = "supervisor-handle"
  /// In the supervisor: its handle is written, the command is not started.
  case supervisorStart = "supervisor-start"
  /// In the supervisor: the command has ended, and nobody has written how.
  case supervisorExit = "supervisor-exit"

  static let variable = "PIPE_CRASH_AT"

  static func reach(_ point: CrashPoint) {
    if HostEnvironment.value(variable) == point.rawValue { kill(getpid(), SIGKILL) }
  }
}

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A process that goes on when we end: in a session of its own, with nothing of ours but what it is given.
public struct DetachedProcess: Sendable {
  public let id: Int32

  /// Starts a program that reads nothing; what it prints is appended to a file.
  public init(
    executable: String, arguments: [String], environment: [(name: String, value: String)], directory: String, output: String
  ) throws(ProcessFailure) {
    let file = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    defer { if file >= 0 { close(file) } }
    let started = Platform.spawn(
      executable: executable, arguments: arguments, environment: environment.map { "\($0.name)=\($0.value)" }, directory: directory, group: 0,
      input: -1, output: file, error: file, isDetached: true)
    guard started.errno == 0 else { throw ProcessFailure(.cannotStart(Platform.errorText(started.errno))) }
    id = started.pid
  }

  /// Whether it has ended. Once true, the number may belong to another process.
  public func hasEnded() -> Bool { Platform.reap(id, blocking: false) != nil }
}

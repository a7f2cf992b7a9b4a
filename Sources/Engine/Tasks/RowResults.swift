package import Rows

/// Results of single rows, kept between tasks: inside a touched chunk a costly kind computes only the rows that are new.
public struct RowResults: Sendable {
  private let find: @Sendable (Digest) -> [UInt8]?
  private let keep: @Sendable (Digest, [UInt8]) -> Void

  package init(find: @escaping @Sendable (Digest) -> [UInt8]?, keep: @escaping @Sendable (Digest, [UInt8]) -> Void) {
    self.find = find
    self.keep = keep
  }

  public static let none = RowResults(find: { _ in nil }, keep: { _, _ in })

  /// The kept result of a row; the engine adds everything else of the stage's key to the row's digest.
  public func result(for row: UnsafeRawBufferPointer) -> [UInt8]? { find(Digest.of(row)) }
  /// Keeps the result of a row.
  public func keep(_ result: [UInt8], for row: UnsafeRawBufferPointer) { keep(Digest.of(row), result) }
}

/// Processes that a task has started, so that Ctrl-C and timeouts reach them, and where their standard error goes.
public protocol Supervision: Sendable {
  /// Path of the file that takes the stage's standard error; kept with the run.
  var logPath: String { get }
  /// Seconds after which the task must end; nil for never.
  var timeoutSeconds: Double? { get }
  /// Whether the run is being cancelled: start nothing more.
  var isCancelled: Bool { get }
  /// Absolute path of the workspace root: the working directory of commands.
  var root: String { get }
  /// A fresh directory for the task's files; removed by the engine afterwards.
  func temporaryDirectory() throws(TaskFailure) -> String
  /// Notes a process group; it is killed when the run is cancelled.
  func register(processGroup: Int32)
  /// The process group has ended.
  func unregister(processGroup: Int32)
  /// Submits something once for the task's key, or attaches to it, and waits until it has ended well. Only for tasks whose effect is
  /// `submit`.
  func submit(_ submission: Submission) throws(TaskFailure) -> JobFolder
}

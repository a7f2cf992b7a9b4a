package import Rows
package import Store

/// What a run needs from the world around it: clock, processes, the last lock, somebody who watches.
package protocol RunServices: AnyObject, Sendable {
  /// A clock that only goes forward; for durations, never for content.
  func nanoseconds() -> UInt64
  func sleep(seconds: Double)
  var isCancelled: Bool { get }
  var memoryBytes: Int { get }
  var gpuCount: Int { get }
  /// The key that the lock holds for a stage.
  func lockedKey(of stage: String) -> Digest?
  /// The key with which a stage last finished in this workspace.
  func lastKey(of stage: String) -> Digest?
  /// - Parameter key: under which a task with the effect `submit` is submitted.
  func supervision(stage: Stage, key: Digest, timeoutSeconds: Double?) -> any Supervision
  func endSupervision(_ supervision: any Supervision)
  /// The result of a stage with the effect `submit` is in the store.
  func settle(_ run: StageRun) throws(StoreError)
  /// Whether the lock pins a stage's result under a key.
  func isPinned(_ key: Digest) -> Bool
  func observe(_ event: RunEvent)
  /// A stage's result was found under its key, and the run builds on it from here on.
  func adopted(_ key: Digest)
  /// Evaluates a finished stage's expectations.
  func evaluate(_ run: StageRun, in scheduler: Scheduler) throws(TaskFailure) -> [CheckVerdict]
  /// Puts a finished stage's files into the workspace.
  func publish(_ run: StageRun, in scheduler: Scheduler) throws(TaskFailure) -> [PublishedFile]
}

import Lineage
import Rows
import Store
import Synchronization

/// Writes down what a run does: a first line before its first task, the rest when it ends.
///
/// The first line makes the run a live one, so that a collection in another process leaves alone what it touches. A run with nothing to
/// do never comes that far, and writes nothing.
final class RunRecorder: Sendable {
  private struct State {
    var hasBegun = false
    /// Keys of results that the run found before it began to do anything.
    var found: [Digest] = []
    var problem: StoreError?
  }

  private let log: RunLog
  private let header: @Sendable () -> RunRecord
  private let told: @Sendable (RunRecord) -> Void
  /// Plans and questions are no runs.
  private let isRecording: Bool
  private let hasBegun = Atomic<Bool>(false)
  private let state = Mutex(State())

  /// - Parameters:
  ///   - told: given what `header` has answered.
  ///   - header: asked for once, and only by a run that has something to do.
  init(_ log: RunLog, isRecording: Bool, told: @escaping @Sendable (RunRecord) -> Void = { _ in }, _ header: @escaping @Sendable () -> RunRecord) {
    self.log = log
    self.told = told
    self.header = header
    self.isRecording = isRecording
  }

  /// Makes the log, once; cheap afterwards. Called from any thread, before anything is done that takes time.
  func begin() {
    guard isRecording, !hasBegun.load(ordering: .acquiring) else { return }
    state.withLock { state in
      guard !state.hasBegun else { return }
      state.hasBegun = true
      let record = header()
      told(record)
      do throws(StoreError) {
        try log.append(Lineage.RunEvent.started(record).line)
        try log.flush()
        try log.pin(state.found.map { .entry(.stageResult, $0) })
      } catch {
        // A run that cannot be recorded is still a run; its report says so.
        state.problem = error
      }
      state.found = []
      hasBegun.store(true, ordering: .releasing)
    }
  }

  /// Keeps a stage's result, and what it leads to, from a collection in another process while the run is at work.
  ///
  /// A run that has not begun to work pins nothing, since it writes nothing: should a collection come between what it found and its first
  /// task, what is gone is made again.
  func pin(_ key: Digest) {
    guard isRecording else { return }
    state.withLock { state in
      guard state.hasBegun else { return state.found.append(key) }
      do throws(StoreError) { try log.pin([.entry(.stageResult, key)]) } catch { if state.problem == nil { state.problem = error } }
    }
  }

  /// Whether the run has done anything that belongs in a record.
  var isBegun: Bool { hasBegun.load(ordering: .acquiring) }

  /// Writes how the run ended, and closes its log.
  func finish(_ stages: [StageRecord], exitStatus: Int, at milliseconds: Int64) throws(StoreError) {
    begin()
    if let problem = state.withLock({ $0.problem }) { throw problem }
    for stage in stages { try log.append(Lineage.RunEvent.stage(stage).line) }
    try log.append(Lineage.RunEvent.finished(at: milliseconds, exitStatus: exitStatus).line)
    try log.close()
  }

  /// Where what a stage's processes print on standard error goes; questions keep none of it.
  func stageLog(_ stage: String) -> String {
    guard isRecording, let path = try? log.stageLog(stage) else { return "/dev/null" }
    return path
  }
}

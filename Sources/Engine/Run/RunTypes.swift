package import Diagnostics
public import Lineage
package import Rows

/// One expectation, as read from the manifest.
package struct Check: Sendable {
  package enum Severity: String, Sendable { case error, warn }

  package let text: String
  package let severity: Severity
  package let range: SourceRange?
  package let expression: RowExpression

  package init(text: String, severity: Severity, range: SourceRange?, expression: RowExpression) {
    self.text = text
    self.severity = severity
    self.range = range
    self.expression = expression
  }
}

/// How an expectation came out. A view: kept in the run record, never in an artifact.
package struct CheckVerdict: Sendable {
  package enum Outcome: String, Sendable { case passed, failed, notChecked = "not checked" }

  package let check: Check
  package let outcome: Outcome
  /// The values it read: `is 2`, `rows.train is 358`; or why it was not checked.
  package let detail: String
}

/// A file that a stage put into the workspace.
package struct PublishedFile: Sendable, Equatable {
  /// `remade`: it had been edited by hand. `withheld`: it would have been other than the lock says, and was not put in place.
  package enum Change: String, Sendable { case written, unchanged, remade, withheld }

  package let path: String
  package let port: String
  package let sha256: Digest
  package let content: Digest
  package let rows: Int
  package let bytes: Int
  package let change: Change
}

extension PublishedFile {
  /// The same, but not put in place.
  var withheld: PublishedFile { PublishedFile(path: path, port: port, sha256: sha256, content: content, rows: rows, bytes: bytes, change: .withheld) }
}

/// A task's failure with its places resolved to files of today.
package struct ResolvedFailure: Error, Sendable {
  /// The whole message, ready to be shown.
  package let diagnostic: Diagnostic
  package let isTransient: Bool
  /// An internal error of ours (exit 70).
  package let isInternal: Bool

  package init(diagnostic: Diagnostic, isTransient: Bool = false, isInternal: Bool = false) {
    self.diagnostic = diagnostic
    self.isTransient = isTransient
    self.isInternal = isInternal
  }
}

/// How a run is to be done; nothing of it influences what comes out.
public struct RunOptions: Sendable {
  public var jobs = 1
  public var keepsGoing = false
  public var usesCache = true
  /// Stages to run again whatever the cache says.
  public var forced: Set<String> = []
  /// Stages that may run; nil for all.
  public var selected: Set<String>?
  /// Only look: nothing runs, nothing is written.
  public var isPlan = false
  /// Stages whose snapshots are taken anew (`pipe update`).
  public var updated: Set<String> = []
  /// Whether stages with the effect `submit` may submit anything.
  public var allowsSubmit = true
  /// Whether what was submitted and cannot be found again is submitted anew.
  public var resubmits = false
  /// The program, with its first arguments, that supervises what is submitted and outlives the run; nil for a thread of this process.
  public var supervisor: [String]?
  /// Whether the lock may be written.
  public var writesLock = true
  /// Whether everything has to come out as the lock has it: files that are others are not put in place, and the lock is left alone. A
  /// plan is then answered from the lock and the sources, whatever the store has.
  public var isLocked = false
  /// Bytes of chunks that may be in memory on their way from one task to the next.
  public var memoryBudget = 32 << 20
  /// Bytes of chunks that were made again and are kept for the next who asks: for questions, which follow rows through the same chunks
  /// again and again. A run has no use for it.
  var keptAgain = 0
  /// What stages come to by the lock, for a plan that is held to it.
  var lockedResults: LockedResults?
  /// Whether it is done to be compared with what is there: forced stages use nothing that is cached, and keep the bytes of every output.
  var isVerification = false
  /// Keys under which results are looked up whatever today's program would make of the stage: those of a lock.
  var pinnedKeys: [String: Digest] = [:]
  /// Whatever tells one build of the program from another; nil to leave no note of a run that had nothing to do (see ``SettledRun``).
  public var program: String?
  /// The version of the program, for the run's record.
  public var pipeVersion = ""
  /// Given the record without stages when the run has something to do and begins to do it; from any thread.
  public var hasBegun: (@Sendable (RunRecord) -> Void)?

  public init() {}
}

/// What happens during a run, for progress and event logs.
public enum RunEvent: Sendable {
  case stageStarted(stage: String)
  case stageProgress(stage: String, finished: Int, known: Int)
  case stageFinished(stage: String)
  /// Something that a person who waits wants to know.
  case notice(String)
}

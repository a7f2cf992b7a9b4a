public import Diagnostics
public import Lineage

/// A run, or a plan, as screens and `--json` show it.
public struct RunView: Sendable {
  /// Path of the manifest from the workspace root.
  public var manifest: String
  public var name: String
  public var version: String
  public var runID: String?
  public var jobs: Int
  public var isPlan = false
  public var isFirstRun = false
  public var wasCancelled = false
  public var stages: [StageView]
  /// The lock file, when this run wrote it.
  public var writtenLock: String?
  /// Of a run that was to come out as the lock has it: whether it did.
  public var locked: Locked?
  /// What came of running stages again, to be compared.
  public var verification: VerificationModel?
  /// Further remarks, one line each.
  public var notes: [String] = []
  /// What commands must name in this workspace; nil where one manifest is all there is.
  public var manifestArgument: String?
  public var seconds: Double
  public var exitCode: Int

  public init(manifest: String, name: String, version: String, jobs: Int, stages: [StageView], seconds: Double, exitCode: Int = 0) {
    self.manifest = manifest
    self.name = name
    self.version = version
    self.jobs = jobs
    self.stages = stages
    self.seconds = seconds
    self.exitCode = exitCode
  }

  /// A lock, and what a run would have written otherwise.
  public struct Locked: Sendable {
    public var path: String
    /// `stage pairs`, `source Datasets/a.jsonl`; empty when everything came out as locked.
    public var differences: [String]
    public var diff: DiffModel?
    /// Why there is no diff.
    public var problem: String?

    public init(path: String, differences: [String]) {
      self.path = path
      self.differences = differences
    }
  }

  public var tasks: Int { stages.reduce(0) { $0 + $1.tasks } }
  public var ran: Int { stages.reduce(0) { $0 + $1.ran } }
  public var cached: Int { stages.reduce(0) { $0 + $1.cached } }
  public var failed: Int { stages.count { $0.verdict == .failed } }
  public var files: [FileView] { stages.flatMap(\.files) }
  public var failures: [Diagnostic] { stages.compactMap(\.failure) }
  /// Stages that a person wrote; the engine adds one per path that is used as a table.
  public var declaredStages: [StageView] { stages.filter { !$0.isImplicit } }
  /// Selected stages that could not run for want of one that was not selected: (stage, what it needs).
  public var unselectedNeeds: [(stage: String, need: String)] {
    if isPlan { return [] }
    return stages.compactMap { stage in
      guard case .blocked(let need) = stage.verdict, stages.contains(where: { $0.name == need && $0.verdict == .unselected }) else { return nil }
      return (stage.name, need)
    }
  }
  /// Whether everything was in the cache and nothing on disk had to change.
  public var hadNothingToDo: Bool {
    stages.allSatisfy { $0.verdict == .cached } && ran == 0 && files.allSatisfy { $0.change == .unchanged } && writtenLock == nil && !wasCancelled
      && locked?.differences.isEmpty ?? true
  }
}

/// One stage of a run.
public struct StageView: Sendable {
  public enum Verdict: Sendable, Equatable {
    case ran, cached, failed, unselected, cancelled
    /// Something it reads failed or was not run.
    case blocked(by: String)
    case wouldRun
    /// Runs only if another stage gives other bytes.
    case mayRun(after: String)

    /// The word of tables and of `--json`.
    public var word: String {
      switch self {
      case .ran: "ran"
      case .cached: "cached"
      case .failed: "failed"
      case .unselected: "not selected"
      case .cancelled: "cancelled"
      case .blocked: "not run"
      case .wouldRun: "will run"
      case .mayRun: "may run"
      }
    }

    public var other: String? {
      switch self {
      case .blocked(let other), .mayRun(let other): other.isEmpty ? nil : other
      default: nil
      }
    }
  }

  public var name: String
  public var kind: String
  /// Added by the engine for a path used as a table.
  public var isImplicit = false
  public var verdict: Verdict
  /// Why it ran, or why not: a few words.
  public var why = ""
  public var key: String?
  /// Nil for a stage that reads no rows.
  public var rowsIn: Int?
  public var rowsOut = 0
  public var dropped: [(reason: String, count: Int)] = []
  public var tasks = 0
  public var ran = 0
  public var cached = 0
  /// Tasks done again for their bytes, not for their results.
  public var rewound = 0
  public var seconds = 0.0
  /// A few words of the kind on what came out.
  public var note: String?
  public var outputs: [OutputView] = []
  public var files: [FileView] = []
  public var checks: [CheckView] = []
  /// What it measured, under dotted names.
  public var figures: [(name: String, value: ReportJSON)] = []
  public var failure: Diagnostic?
  /// Sources whose data are not here, and which stand as the lock has them.
  public var sourcesAsLocked: [String] = []

  public init(name: String, kind: String, verdict: Verdict) {
    self.name = name
    self.kind = kind
    self.verdict = verdict
  }

  /// Whether its outputs can be used.
  public var isComplete: Bool { verdict == .ran || verdict == .cached }
}

/// A table that a stage gave.
public struct OutputView: Sendable, Equatable {
  public var port: String
  public var rows: Int
  public var bytes: Int
  /// Digest in hexadecimal.
  public var content: String
  /// Whether it is rows, and no file or folder.
  public var isTable = true

  public init(port: String, rows: Int, bytes: Int, content: String) {
    self.port = port
    self.rows = rows
    self.bytes = bytes
    self.content = content
  }
}

/// A file that a stage put into the workspace.
public struct FileView: Sendable, Equatable {
  public enum Change: String, Sendable {
    case written, unchanged
    /// Somebody had edited it.
    case remade
    /// It would have been other than the lock says, and was not put in place.
    case withheld
  }

  public var path: String
  public var port: String
  public var rows: Int
  public var bytes: Int
  /// In hexadecimal, as `sha256sum` prints it.
  public var sha256: String
  public var change: Change

  public init(path: String, port: String, rows: Int, bytes: Int, sha256: String, change: Change) {
    self.path = path
    self.port = port
    self.rows = rows
    self.bytes = bytes
    self.sha256 = sha256
    self.change = change
  }
}

/// How an expectation came out.
public struct CheckView: Sendable, Equatable {
  public enum Outcome: String, Sendable {
    case passed, failed
    case notChecked = "not checked"
  }

  public var text: String
  public var outcome: Outcome
  /// A check of severity `error` stops the stage; else it is a warning.
  public var isError: Bool
  /// What it read: `is 2`.
  public var detail: String
  public var place: Place?

  public init(text: String, outcome: Outcome, isError: Bool, detail: String, place: Place? = nil) {
    self.text = text
    self.outcome = outcome
    self.isError = isError
    self.detail = detail
    self.place = place
  }
}

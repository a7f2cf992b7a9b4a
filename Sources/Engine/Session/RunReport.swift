public import Diagnostics

/// What a run (or a plan) came to: everything that screens, records and `--json` show.
public struct RunReport: Sendable {
  public var manifestPath: String
  public var manifestName: String
  public var version: String
  public var isPlan: Bool
  public var isFirstRun: Bool
  public var jobs: Int
  public var stages: [StageReport]
  public var lockPath: String?
  /// Whether the lock file was written by this run.
  public var lockChanged: Bool
  /// What would stand otherwise in the lock (`stage pairs`, `source Datasets/a.jsonl`); only of a run that was to be as locked.
  public var lockDifferences: [String] = []
  public var seconds: Double
  public var wasCancelled: Bool
  public var exitCode: Int32
  public var runID: String?
  public var notes: [String]

  public var tasks: Int { stages.reduce(0) { $0 + $1.tasks } }
  public var ran: Int { stages.reduce(0) { $0 + $1.ran } }
  public var cached: Int { stages.reduce(0) { $0 + $1.cached } }
  public var failed: Int { stages.count { $0.status == .failed } }
  public var rewound: Int { stages.reduce(0) { $0 + $1.rewound } }
  public var files: [StageReport.File] { stages.flatMap(\.files) }
}

/// What became of one stage.
public struct StageReport: Sendable {
  public enum Status: String, Sendable {
    case ran, cached, failed, blocked, unselected, cancelled
    case wouldRun = "will run"
    case mayRun = "may run"
  }

  public struct Output: Sendable {
    public var port: String
    public var content: String
    public var lineage: String
    public var rows: Int
    public var bytes: Int
    public var isPublic: Bool
    /// Whether it is rows, and no file or folder.
    public var isTable: Bool
  }

  public struct File: Sendable {
    public enum Change: String, Sendable { case written, unchanged, remade, withheld }
    public var path: String
    public var stage: String
    public var port: String
    public var sha256: String
    public var rows: Int
    public var bytes: Int
    public var change: Change
  }

  public struct Verdict: Sendable {
    public enum Outcome: String, Sendable { case passed, failed, notChecked = "not checked" }
    public var text: String
    public var isError: Bool
    public var outcome: Outcome
    public var detail: String
    public var place: Place?
  }

  public var name: String
  public var kind: String
  public var isImplicit: Bool
  public var status: Status
  /// The stage that is in the way, for blocked ones and for plans.
  public var after: String?
  public var reason: RunReason
  public var key: String?
  public var rowsIn: Int
  public var rowsOut: Int
  public var dropped: [(reason: String, count: Int)]
  public var tasks: Int
  public var ran: Int
  public var cached: Int
  public var rewound: Int
  public var seconds: Double
  public var note: String?
  public var facts: [(name: String, sum: Int)]
  public var figures: StageFigures
  public var outputs: [Output]
  public var files: [File]
  public var checks: [Verdict]
  public var failure: Diagnostic?
  /// Sources whose data are not here, and which stand as the lock has them.
  public var sourcesAsLocked: [String]
  /// Names of the stages it reads.
  public var inputs: [String]
}

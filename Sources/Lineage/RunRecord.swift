public import Rows

/// What one execution of a manifest did: the header of the run and what became of each stage.
///
/// The truth is the run's event log; this is what the log adds up to.
public struct RunRecord: Sendable, Equatable {
  /// The run's name, which sorts by time.
  public var id: String
  /// The manifest's path, relative to the workspace root.
  public var manifestPath: String
  public var manifestName: String
  /// The version the manifest declares, if it does.
  public var manifestVersion: String?
  /// The version of `pipe`.
  public var pipeVersion: String
  /// Milliseconds since 1970.
  public var startedAt: Int64
  /// Milliseconds since 1970; nil when the run was killed or is at work.
  public var finishedAt: Int64?
  /// The exit status; nil when the run was killed or is at work.
  public var exitStatus: Int?
  /// Parameters given on the command line, in the order given.
  public var parameters: [Parameter]
  /// The file of parameters given on the command line, from the workspace's root.
  public var parametersFile: String?
  /// The profile given on the command line.
  public var profile: String?
  /// The commit the workspace was at, if it is in git. Whether files differed from it is not asked: `git status` may take seconds, and the
  /// digests of every source and stage, which stand in the record, say more.
  public var gitCommit: String?
  public var jobs: Int
  /// In the order the manifest's graph gives.
  public var stages: [StageRecord]

  public struct Parameter: Sendable, Equatable {
    public var name: String
    public var value: String
    public init(name: String, value: String) { (self.name, self.value) = (name, value) }
  }

  public init(
    id: String, manifestPath: String, manifestName: String, manifestVersion: String? = nil, pipeVersion: String, startedAt: Int64,
    finishedAt: Int64? = nil, exitStatus: Int? = nil, parameters: [Parameter] = [], parametersFile: String? = nil, profile: String? = nil,
    gitCommit: String? = nil,
    jobs: Int = 1, stages: [StageRecord] = []
  ) {
    self.id = id
    self.manifestPath = manifestPath
    self.manifestName = manifestName
    self.manifestVersion = manifestVersion
    self.pipeVersion = pipeVersion
    self.startedAt = startedAt
    self.finishedAt = finishedAt
    self.exitStatus = exitStatus
    self.parameters = parameters
    self.parametersFile = parametersFile
    self.profile = profile
    self.gitCommit = gitCommit
    self.jobs = jobs
    self.stages = stages
  }

  /// The record of a stage, of one case of it when it has cases.
  public func stage(_ name: String, caseLabel: String? = nil) -> StageRecord? {
    stages.first { $0.name == name && $0.caseLabel == caseLabel }
  }
}

/// What became of one stage, or of one case of a stage with a matrix.
public struct StageRecord: Sendable, Equatable {
  public enum Status: String, Sendable, CaseIterable {
    /// At least one of its tasks ran.
    case ran
    /// Everything it makes was there already.
    case cached
    case failed
    /// Left out on purpose: not selected, or its condition was false.
    case skipped
    /// Not reached: something it needs failed.
    case notRun = "not-run"
  }

  /// Why it ran, or why not.
  public struct Reason: Sendable, Equatable {
    /// Stable and short, for machines: `first-run`, `input-changed`.
    public var code: String
    /// For people.
    public var text: String
    public init(code: String, text: String) { (self.code, self.text) = (code, text) }
  }

  /// Rows a stage left out, for one reason.
  public struct Drop: Sendable, Equatable {
    public var reason: String
    public var rows: Int
    public init(reason: String, rows: Int) { (self.reason, self.rows) = (reason, rows) }
  }

  /// Something a stage says about what it made.
  public struct Fact: Sendable, Equatable {
    public var name: String
    public var value: FactValue
    public init(name: String, value: FactValue) { (self.name, self.value) = (name, value) }
  }

  public enum FactValue: Sendable, Equatable {
    case integer(Int64)
    /// A number that is not finite is recorded as its name.
    case real(Double)
    case text(String)
    case boolean(Bool)
  }

  /// What a stage read through one of its ports.
  public struct Input: Sendable, Equatable {
    public enum Origin: Sendable, Equatable {
      /// Files from outside, as paths relative to the workspace root, in order.
      case sources([String])
      /// A port of another stage of this run.
      case stage(String, caseLabel: String?, port: String)
    }
    public var port: String
    public var origin: Origin
    public var content: Digest
    public init(port: String, origin: Origin, content: Digest) { (self.port, self.origin, self.content) = (port, origin, content) }
  }

  /// What a stage made on one of its ports.
  public struct Output: Sendable, Equatable {
    public var port: String
    public var content: Digest
    /// The digest of the content together with its row maps; in no key.
    public var lineage: Digest?
    public var rows: Int?
    public var bytes: Int?
    public var files: [PublishedFile]
    public init(port: String, content: Digest, lineage: Digest? = nil, rows: Int? = nil, bytes: Int? = nil, files: [PublishedFile] = []) {
      self.port = port
      self.content = content
      self.lineage = lineage
      self.rows = rows
      self.bytes = bytes
      self.files = files
    }
  }

  /// A file below `Outputs/`.
  public struct PublishedFile: Sendable, Equatable {
    /// Relative to the workspace root.
    public var path: String
    /// The SHA-256 of the file itself, as `sha256sum` prints it.
    public var digest: Digest
    public var rows: Int?
    public var bytes: Int
    public init(path: String, digest: Digest, rows: Int? = nil, bytes: Int) {
      (self.path, self.digest, self.rows, self.bytes) = (path, digest, rows, bytes)
    }
  }

  /// How an expectation turned out.
  public struct Check: Sendable, Equatable {
    public enum Severity: String, Sendable, CaseIterable { case error, warning }
    public enum Verdict: String, Sendable, CaseIterable {
      case passed, failed
      /// There was nothing to compare with.
      case skipped
      /// The expression itself failed.
      case error
    }
    /// As it is written in the manifest.
    public var expression: String
    public var severity: Severity
    public var verdict: Verdict
    /// The value found, or why there is none.
    public var value: String
    public init(expression: String, severity: Severity, verdict: Verdict, value: String) {
      (self.expression, self.severity, self.verdict, self.value) = (expression, severity, verdict, value)
    }
  }

  public var name: String
  public var kind: String
  /// Which case of a matrix it is, as it is shown.
  public var caseLabel: String?
  /// The digest of everything its result may depend on; nil when it was never known.
  public var key: Digest?
  public var status: Status
  public var reason: Reason
  public var tasksTotal: Int
  public var tasksRan: Int
  public var tasksCached: Int
  public var rowsIn: Int?
  public var rowsOut: Int?
  public var dropped: [Drop]
  public var facts: [Fact]
  public var durationMicroseconds: Int64
  /// When it began and ended, in milliseconds since 1970; nil for one that was found in the cache, or whose record is older.
  public var startedAt: Int64?
  public var finishedAt: Int64?
  public var inputs: [Input]
  public var outputs: [Output]
  public var checks: [Check]
  /// What went wrong, in one message; nil when nothing did, or only a check.
  public var failure: String?

  public init(
    name: String, kind: String, caseLabel: String? = nil, key: Digest? = nil, status: Status, reason: Reason, tasksTotal: Int = 0,
    tasksRan: Int = 0, tasksCached: Int = 0, rowsIn: Int? = nil, rowsOut: Int? = nil, dropped: [Drop] = [], facts: [Fact] = [],
    durationMicroseconds: Int64 = 0, inputs: [Input] = [], outputs: [Output] = [], checks: [Check] = [], failure: String? = nil
  ) {
    self.name = name
    self.kind = kind
    self.caseLabel = caseLabel
    self.key = key
    self.status = status
    self.reason = reason
    self.tasksTotal = tasksTotal
    self.tasksRan = tasksRan
    self.tasksCached = tasksCached
    self.rowsIn = rowsIn
    self.rowsOut = rowsOut
    self.dropped = dropped
    self.facts = facts
    self.durationMicroseconds = durationMicroseconds
    self.inputs = inputs
    self.outputs = outputs
    self.checks = checks
    self.failure = failure
  }

  /// The output on a port.
  public func output(_ port: String) -> Output? { outputs.first { $0.port == port } }
}

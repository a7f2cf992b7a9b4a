public import Lineage

/// A finished run as one page that a reader opens from disk: its graph, its rows' way through it, labels, splits, scores, checks, and what
/// differs from a base.
///
/// It holds summaries and samples and never more than ``maximumBytes``: what does not fit is cut, with the count of what was.
public struct RunPage: Sendable {
  /// What a page takes at most: browsers open it at once, mail and CI artifacts take it.
  public static let maximumBytes = 4 << 20

  /// The run itself.
  public struct Run: Sendable {
    /// Empty for a state that no run is recorded of: everything was cached.
    public var id: String
    /// Milliseconds since 1970.
    public var startedAt: Int
    public var finishedAt: Int?
    /// Nil when the run was killed, or is at work.
    public var exitStatus: Int?
    public var commit: String?
    public var jobs: Int
    public var pipeVersion: String
    public var profile: String?
    /// Parameters of the run: name, JSON, and whether the command line gave them.
    public var parameters: [(name: String, value: String, isGiven: Bool)] = []

    public init(
      id: String, startedAt: Int, finishedAt: Int? = nil, exitStatus: Int? = nil, commit: String? = nil, jobs: Int = 1, pipeVersion: String, profile: String? = nil
    ) {
      self.id = id
      self.startedAt = startedAt
      self.finishedAt = finishedAt
      self.exitStatus = exitStatus
      self.commit = commit
      self.jobs = jobs
      self.pipeVersion = pipeVersion
      self.profile = profile
    }
  }

  /// A part of a stage's key that differs from the run before.
  public struct Change: Sendable {
    public var label: String
    public var before: String?
    public var after: String?

    public init(label: String, before: String?, after: String?) {
      self.label = label
      self.before = before
      self.after = after
    }
  }

  /// Something a stage reads: another stage's output, or files.
  public struct Input: Sendable {
    public var port: String
    /// Index of a stage; nil for files.
    public var stage: Int?
    public var output: String
    public var files: [String]

    public init(port: String, stage: Int?, output: String = "", files: [String] = []) {
      self.port = port
      self.stage = stage
      self.output = output
      self.files = files
    }
  }

  /// Something a stage made.
  public struct Output: Sendable {
    public var port: String
    /// Nil for what is no table.
    public var rows: Int?
    public var bytes: Int?
    public var content: String
    public var files: [(path: String, sha256: String, rows: Int?, bytes: Int)] = []
    /// Indices of ``RunPage/nodes``.
    public var samples: [Int] = []

    public init(port: String, rows: Int?, bytes: Int?, content: String) {
      self.port = port
      self.rows = rows
      self.bytes = bytes
      self.content = content
    }
  }

  public struct Drop: Sendable {
    public var reason: String
    public var rows: Int
    /// Indices of ``RunPage/nodes``: rows that were left out for it.
    public var samples: [Int]

    public init(reason: String, rows: Int, samples: [Int] = []) {
      self.reason = reason
      self.rows = rows
      self.samples = samples
    }
  }

  public struct Stage: Sendable {
    public var name: String
    public var kind: String
    public var status: StageRecord.Status
    /// Why it ran, or why not: a few words.
    public var why: String
    /// A file used as a table, drawn as that file.
    public var isFile = false
    public var desc: String?
    public var tags: [String] = []
    public var key: String?
    public var changes: [Change] = []
    public var tasks: (total: Int, ran: Int, cached: Int) = (0, 0, 0)
    public var microseconds: Int = 0
    public var rowsIn: Int?
    public var rowsOut: Int?
    public var drops: [Drop] = []
    public var facts: [(name: String, value: String)] = []
    public var checks: [StageRecord.Check] = []
    public var inputs: [Input] = []
    public var outputs: [Output] = []
    public var failure: String?
    /// Its lines of the manifest.
    public var excerpt: (file: String, line: Int, text: String)?
    public var templates: [(file: String, text: String)] = []
    /// False when manifest or templates are no longer what the run read.
    public var isAsRead = true

    public init(name: String, kind: String, status: StageRecord.Status, why: String) {
      self.name = name
      self.kind = kind
      self.status = status
      self.why = why
    }
  }

  /// A row, or a line of a file.
  public struct Node: Sendable {
    public enum Place: Sendable {
      /// Index of a stage, output, and row counted from 1.
      case row(stage: Int, port: String, row: Int)
      case line(file: String, line: Int)
    }

    public var place: Place
    public var label: String
    /// The members of a row that is an object; values as JSON, texts without their quotes.
    public let fields: [(name: String, value: String)]
    /// A line that is no object, as it stands there; empty where there are fields.
    public let text: String
    /// Indices of rows it was made from, and of those it looked up.
    public var parents: [Int] = []
    public var sides: [Int] = []
    /// Further ones that the page does not hold.
    public var left = 0

    /// - Parameter bytes: the row, or the line; no page shows more of a value than its first thousand characters or so, and no more is kept.
    public init(place: Place, label: String, bytes: [UInt8]) {
      self.place = place
      self.label = PageRoom.cut(label, to: 80)
      let found = RowText.fields(bytes)
      fields = found.map { (PageRoom.cut($0.name, to: 60), PageRoom.cut($0.value, to: PageRoom(divisor: 1).value)) }
      text = found.isEmpty ? PageRoom.cut(String(decoding: bytes, as: UTF8.self), to: PageRoom(divisor: 1).value) : ""
    }
  }

  /// The names of an output's first rows, for the search.
  public struct Names: Sendable {
    public var stage: Int
    public var port: String
    /// The file that shows these rows line by line, and how many lines stand before the first.
    public var file: String?
    public var header: Int
    public var total: Int
    public var names: [String]

    public init(stage: Int, port: String, file: String?, header: Int = 0, total: Int, names: [String]) {
      self.stage = stage
      self.port = port
      self.file = file
      self.header = header
      self.total = total
      self.names = names
    }
  }

  public var manifest: String
  public var name: String
  public var version: String?
  public var desc: String?
  public var run: Run
  /// In an order in which each comes after what it reads.
  public var stages: [Stage] = []
  public var nodes: [Node] = []
  public var names: [Names] = []
  public var splits: [SplitView] = []
  public var confusions: [ConfusionView] = []
  public var annotators: [AnnotatorsView] = []
  public var scores: [ScoresView] = []
  public var monitors: [MonitorView] = []
  public var diff: DiffModel?
  /// What could not be shown, one sentence each.
  public var notes: [String] = []

  public init(manifest: String, name: String, run: Run) {
    self.manifest = manifest
    self.name = name
    self.run = run
  }

  // MARK: figures

  /// Stages that a person wrote.
  var declared: [Stage] { stages.filter { !$0.isFile } }
  var isRecorded: Bool { !run.id.isEmpty }
  var seconds: Double? { run.finishedAt.map { Double($0 - run.startedAt) / 1000 } }
}

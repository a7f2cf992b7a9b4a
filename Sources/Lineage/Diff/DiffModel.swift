/// The difference between two states of a manifest's outputs, and what caused it: what text, Markdown and JSON show.
///
/// Equal states give equal models: no time, host or absolute path is in it, and every list has an order of its own.
public struct DiffModel: Sendable, Equatable {
  /// One of the two states.
  public struct Side: Sendable, Equatable {
    /// As it was asked for: a revision, a run, a file, or `working tree`.
    public var title: String
    /// The commit, in hexadecimal.
    public var commit: String?
    public var run: String?
    /// What the manifest declares.
    public var version: String

    public init(title: String, commit: String? = nil, run: String? = nil, version: String) {
      self.title = title
      self.commit = commit
      self.run = run
      self.version = version
    }
  }

  /// What happened to a row.
  public enum RowFate: String, Sendable, CaseIterable { case added, removed, edited }

  /// A field that differs; values as JSON, nil where the row has no such field.
  public struct FieldChange: Sendable, Equatable {
    /// `text`, `messages[1].content`.
    public var path: String
    public var before: String?
    public var after: String?

    public init(path: String, before: String?, after: String?) {
      self.path = path
      self.before = before
      self.after = after
    }
  }

  /// One row that differs.
  public struct RowChange: Sendable, Equatable {
    public var fate: RowFate
    /// The row's key, or the beginning of its content.
    public var key: String
    /// Counted from 1, in the output before and after.
    public var before: Int?
    public var after: Int?
    /// The output that the row was in before, when it is in another one now.
    public var movedFrom: String?
    public var fields: [FieldChange]
    /// Indices into the model's causes, the one it is counted under first.
    public var causes: [Int]
    /// Why the other state has no such row: `where` of `tickets`.
    public var dropped: String?

    public init(
      fate: RowFate, key: String, before: Int?, after: Int?, movedFrom: String? = nil, fields: [FieldChange] = [], causes: [Int] = [], dropped: String? = nil
    ) {
      self.fate = fate
      self.key = key
      self.before = before
      self.after = after
      self.movedFrom = movedFrom
      self.fields = fields
      self.causes = causes
      self.dropped = dropped
    }
  }

  /// A column that only one state has, or whose values are of another type.
  public struct SchemaChange: Sendable, Equatable {
    public enum Change: Sendable, Equatable {
      case added, removed
      /// `string`, `number`, `boolean`, `object`, `list`
      case type(before: String, after: String)
    }
    public var column: String
    public var change: Change

    public init(column: String, change: Change) {
      self.column = column
      self.change = change
    }
  }

  /// One output, `dataset.train`.
  public struct Output: Sendable, Equatable {
    public var name: String
    /// Nil when only the other state has the output.
    public var rowsBefore: Int?
    public var rowsAfter: Int?
    public var bytesBefore: Int?
    public var bytesAfter: Int?
    public var added = 0
    public var removed = 0
    public var edited = 0
    public var labelsMoved = 0
    /// Rows that were in another output of the stage before.
    public var crossed = 0
    /// Rows in which nothing differs but what a model estimates (a label's confidence), by no more than ``DiffModel/tolerance``; none of
    /// ``edited``.
    public var estimatesWithin = 0
    /// The same by more.
    public var estimatesBeyond = 0
    public var schema: [SchemaChange] = []
    /// Some of the rows that differ, by place: the same ones for everybody who compares these states.
    public var rows: [RowChange] = []
    /// False when rows could not be compared, and only the counts of the locks are known.
    public var isCompared = true

    public init(name: String) { self.name = name }

    public var changed: Int { added + removed + edited }
  }

  /// What an edit is of, in the order in which a row with several causes is counted.
  public enum Bucket: String, Sendable, CaseIterable {
    case sourceEdited = "source rows edited"
    case sourceAdded = "source rows added"
    case sourceRemoved = "source rows removed"
    case labels = "labels"
    case joined = "joined rows"
    /// Of a merged label: votes on other items, by which its annotators are weighed.
    case otherVotes = "votes on other items"
    case template = "template"
    case parameter = "parameter"
    case definition = "definition"
    case program = "program"
    case otherRows = "other rows"
    /// What it was made of could not be looked at; ``DiffModel/missing`` says why.
    case notFollowed = "not followed"
    case unexplained = "unexplained"
  }

  /// One place that was edited.
  public struct Edit: Sendable, Equatable {
    public var file: String
    /// Counted from 1, in the state after where it is there, else in the one before; 0 when there is none.
    public var line: Int
    /// The key of the row, or the name of the setting.
    public var name: String
    public var before: String?
    public var after: String?
    /// Who said so, for labels.
    public var by: String?

    public init(file: String, line: Int, name: String = "", before: String? = nil, after: String? = nil, by: String? = nil) {
      self.file = file
      self.line = line
      self.name = name
      self.before = before
      self.after = after
      self.by = by
    }
  }

  /// Something that was edited, and how many rows of the outputs differ because of it.
  public struct Cause: Sendable, Equatable {
    public var bucket: Bucket
    /// The file, the parameter, the field or the kind.
    public var subject: String
    /// Rows counted under it.
    public var rows = 0
    /// Further rows that it is also a cause of.
    public var also = 0
    /// How many places were edited; ``edits`` may hold fewer.
    public var editCount = 0
    public var edits: [Edit] = []

    public init(bucket: Bucket, subject: String) {
      self.bucket = bucket
      self.subject = subject
    }
  }

  /// A label that is another one now.
  public struct LabelMove: Sendable, Equatable {
    public var key: String
    public var labelType: String
    /// As JSON.
    public var before: String
    public var after: String
    /// Where the new label stands, and whose it is, when that is known.
    public var place: String?
    public var by: String?
    /// Of a merged label: the votes on it by class, `{"billing":3,"login":1}`.
    public var votesBefore: String?
    public var votesAfter: String?
    /// Whether it moved although all votes on it are the same: by votes on other items.
    public var isByOthers = false

    public init(key: String, labelType: String, before: String, after: String, place: String? = nil, by: String? = nil) {
      self.key = key
      self.labelType = labelType
      self.before = before
      self.after = after
      self.place = place
      self.by = by
    }
  }

  /// A figure of a stage that came out otherwise: a score of an evaluation, an agreement, a drift.
  public struct Score: Sendable, Equatable {
    public var stage: String
    /// `accuracy`, `f1.refund`
    public var name: String
    /// As JSON; nil where it was not measured.
    public var before: String?
    public var after: String?

    public init(stage: String, name: String, before: String?, after: String?) {
      self.stage = stage
      self.name = name
      self.before = before
      self.after = after
    }
  }

  /// Rows that a stage left out for one reason.
  public struct Drop: Sendable, Equatable {
    public var stage: String
    public var reason: String
    public var before: Int
    public var after: Int
    public init(stage: String, reason: String, before: Int, after: Int) {
      self.stage = stage
      self.reason = reason
      self.before = before
      self.after = after
    }
  }

  /// What became of a stage.
  public struct Stage: Sendable, Equatable {
    public enum Change: String, Sendable {
      /// Equal keys: nothing it depends on differs.
      case same
      /// Another key, and yet the same rows: whatever reads it was not touched.
      case equalRows = "equal rows"
      case changed, added, removed
    }
    public var name: String
    public var change: Change
    public init(name: String, change: Change) {
      self.name = name
      self.change = change
    }
  }

  /// How far what a model estimates may move before it counts as moved: as a share, 0.01.
  public static let tolerance = 0.01

  public var manifest: String
  public var name: String
  public var before: Side
  public var after: Side
  public var outputs: [Output] = []
  /// Most rows first.
  public var causes: [Cause] = []
  /// Rows with more than one cause.
  public var combined = 0
  public var labelMoves: [LabelMove] = []
  public var labelsMoved = 0
  /// In the order of the manifest.
  public var scores: [Score] = []
  public var drops: [Drop] = []
  public var stages: [Stage] = []
  /// What could not be looked at, and what brings it.
  public var missing: [String] = []
  /// What the data set's version has to be.
  public var version: VersionVerdict

  public init(manifest: String, name: String, before: Side, after: Side) {
    self.manifest = manifest
    self.name = name
    self.before = before
    self.after = after
    self.version = VersionVerdict(before: before.version, declared: after.version, change: .none)
  }

  public var changedRows: Int { outputs.reduce(0) { $0 + $1.changed } }
  /// Rows of which nothing but estimates differs.
  public var estimates: Int { outputs.reduce(0) { $0 + $1.estimatesWithin + $1.estimatesBeyond } }
  public var unexplained: Int { causes.first { $0.bucket == .unexplained }?.rows ?? 0 }
  /// Whether the states differ in anything that lies in `Outputs/`, or in the declared version.
  public var isEmpty: Bool {
    outputs.allSatisfy {
      $0.changed == 0 && $0.crossed == 0 && $0.estimatesWithin + $0.estimatesBeyond == 0 && $0.schema.isEmpty && $0.rowsBefore == $0.rowsAfter
        && $0.bytesBefore == $0.bytesAfter
    }
      && before.version == after.version
  }
}

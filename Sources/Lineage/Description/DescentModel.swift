/// What came of something: the rows, models and evaluations that rest on a source row, a label, a template, a file, or on all rows with a
/// value in a column.
public struct DescentModel: Sendable, Equatable {
  /// A row or a file where the search began.
  public struct Start: Sendable, Equatable {
    /// `tickets.rows`, or a file.
    public var name: String
    /// The row's number from 1, or the line; nil for all of it.
    public var number: Int?
    /// The row's key; empty when there is none.
    public var key: String
    public var rows: Int
    public init(name: String, number: Int?, key: String, rows: Int) { (self.name, self.number, self.key, self.rows) = (name, number, key, rows) }
  }

  /// How the rows were found that hold a value.
  public struct Search: Sendable, Equatable {
    /// Tables whose index was asked: `tickets.rows`.
    public var indexed: [String]
    /// Tables that were read row by row.
    public var scanned: [String]
    public var scannedRows: Int
    public init(indexed: [String] = [], scanned: [String] = [], scannedRows: Int = 0) { (self.indexed, self.scanned, self.scannedRows) = (indexed, scanned, scannedRows) }
  }

  public struct Output: Sendable, Equatable {
    public enum Content: String, Sendable { case table, file, folder }
    /// A place that somebody can look at: a row of the output, or a line of a file that it is published in.
    public struct Place: Sendable, Equatable {
      public var row: Int
      public var key: String
      public var file: String?
      public var line: Int?
      public init(row: Int, key: String, file: String? = nil, line: Int? = nil) { (self.row, self.key, self.file, self.line) = (row, key, file, line) }
    }

    public var name: String
    public var content: Content
    public var digest: String
    /// The rows that it is known to have become.
    public var rows: Int
    public var total: Int
    /// Nobody can say which rows it became: it sums up all that the stage read, or it was made with something (a model) that did.
    public var isWhole: Bool
    /// Of `rows`: how many are here because their maker does not say what they were made of.
    public var unknown: Int
    /// What it was made with that holds it: `fit.model`.
    public var through: [String]
    public var places: [Place]
    public init(name: String, content: Content, digest: String, rows: Int, total: Int, isWhole: Bool, unknown: Int, through: [String], places: [Place]) {
      self.name = name
      self.content = content
      self.digest = digest
      self.rows = rows
      self.total = total
      self.isWhole = isWhole
      self.unknown = unknown
      self.through = through
      self.places = places
    }
  }

  public struct Stage: Sendable, Equatable {
    public var name: String
    public var kind: String
    /// The rows among those that the stage read.
    public var rowsRead: Int
    public var rowsIn: Int
    public var outputs: [Output]
    public var dropped: [StageRecord.Drop]
    public init(name: String, kind: String, rowsRead: Int, rowsIn: Int, outputs: [Output], dropped: [StageRecord.Drop]) {
      self.name = name
      self.kind = kind
      self.rowsRead = rowsRead
      self.rowsIn = rowsIn
      self.outputs = outputs
      self.dropped = dropped
    }
  }

  public var target: String
  public var run: String?
  public var starts: [Start]
  /// More starts than are told one by one.
  public var moreStarts = 0
  /// Nil when a place was named, not a value.
  public var search: Search?
  public var stages: [Stage] = []
  /// Stages that were not looked at, because they have no result for what lies there now.
  public var missing: [String] = []

  public init(target: String, starts: [Start] = [], search: Search? = nil) { (self.target, self.starts, self.search) = (target, starts, search) }
}

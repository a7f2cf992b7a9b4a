/// Where one row of an output is from: source lines and their authors, templates, labels, parameters, stages.
public struct BlameModel: Sendable, Equatable {
  /// Who last changed a line, as git knows it.
  public struct Commit: Sendable, Equatable {
    /// In hexadecimal; nil for what is not committed yet.
    public var id: String?
    public var author: String
    /// `2026-11-21`
    public var date: String
    public var summary: String

    public init(id: String?, author: String, date: String, summary: String) {
      self.id = id
      self.author = author
      self.date = date
      self.summary = summary
    }
  }

  /// A line of a file.
  public struct Line: Sendable, Equatable {
    public var file: String
    /// Counted from 1; 0 for the whole file.
    public var line: Int
    /// Nil where the file is not in git, or its lines are not git's (a compressed file).
    public var commit: Commit?

    public init(file: String, line: Int, commit: Commit? = nil) {
      self.file = file
      self.line = line
      self.commit = commit
    }
  }

  /// Something that was written by a template.
  public struct Message: Sendable, Equatable {
    /// `messages[1]`; empty for a file that no message is known for.
    public var part: String
    /// The lines that the text came of, as far as they can be told; the first line of the file otherwise.
    public var lines: [Line]

    public init(part: String, lines: [Line]) {
      self.part = part
      self.lines = lines
    }
  }

  /// A label record that the row looked up.
  public struct Label: Sendable, Equatable {
    public var labelType: String
    /// As JSON.
    public var label: String
    public var by: String?
    /// Where the record stands; nil for a label that was merged out of votes.
    public var line: Line?
    /// What it was merged out of.
    public var votes: [Vote]

    public init(labelType: String, label: String, by: String?, line: Line?, votes: [Vote] = []) {
      self.labelType = labelType
      self.label = label
      self.by = by
      self.line = line
      self.votes = votes
    }
  }

  /// A vote behind a label.
  public struct Vote: Sendable, Equatable {
    /// The record as it stands in its file.
    public var text: String
    public var line: Line

    public init(text: String, line: Line) {
      self.text = text
      self.line = line
    }
  }

  /// A stage on the way, from the source to the output.
  public struct Stage: Sendable, Equatable {
    public var name: String
    public var kind: String
    public var version: Int
    public var place: Line?
    public init(name: String, kind: String, version: Int, place: Line?) {
      self.name = name
      self.kind = kind
      self.version = version
      self.place = place
    }
  }

  public struct Parameter: Sendable, Equatable {
    public var name: String
    /// As JSON.
    public var value: String
    public var stage: String
    public init(name: String, value: String, stage: String) {
      self.name = name
      self.value = value
      self.stage = stage
    }
  }

  /// `dataset.train:12`
  public var row: String
  public var key: String
  public var sources: [Line] = []
  /// Rows of joined tables.
  public var joined: [Line] = []
  public var messages: [Message] = []
  public var labels: [Label] = []
  public var parameters: [Parameter] = []
  public var stages: [Stage] = []
  /// The first of the runs in a row that made this very line; nil when no record has it.
  public var sinceRun: String?
  /// Milliseconds since 1970.
  public var sinceTime: Int?
  /// Whether it is the oldest run that is recorded: the line may be older.
  public var isOldestRun = false

  public init(row: String, key: String) {
    self.row = row
    self.key = key
  }
}

public import Diagnostics
import Rows

/// Why a task could not finish. Nothing of it is cached, and positions are relative to the task's input: the run resolves them.
public struct TaskFailure: Error, Sendable {
  /// Stable id of the message: `template`, `bad-row`, `row-key` …
  public var id: String
  /// What is wrong.
  public var message: String
  /// The place in a file that a person wrote (a template), when the fault shows there.
  public var place: Diagnostic?
  /// The rows at fault, first one first.
  public var rows: [RowParent]
  /// Rows of side tables that have to do with it, each under a word: shown as file and line.
  public var sides: [(label: String, row: RowParent)] = []
  /// A place inside a raw record, for files that do not parse: byte offset in the raw chunk, and the column.
  public var record: RecordPlace?
  /// What to do about it.
  public var help: String?
  /// Further lines of explanation.
  public var notes: [(label: String, text: String)]
  /// Whether trying again later may help (exit 75 rather than 1).
  public var isTransient: Bool
  /// The status a process ended with, when that was the failure.
  public var exitStatus: Int?
  /// Whether `retries:` applies: a process or a service failed, not the data.
  public var mayBeRetried: Bool

  /// The exit status with which a program says "try again later" (EX_TEMPFAIL).
  public static let temporaryFailure = 75

  public init(
    id: String, message: String, place: Diagnostic? = nil, rows: [RowParent] = [], record: RecordPlace? = nil, help: String? = nil,
    notes: [(label: String, text: String)] = [], isTransient: Bool = false, exitStatus: Int? = nil, mayBeRetried: Bool = false
  ) {
    self.id = id
    self.message = message
    self.place = place
    self.rows = rows
    self.record = record
    self.help = help
    self.notes = notes
    self.isTransient = isTransient
    self.exitStatus = exitStatus
    self.mayBeRetried = mayBeRetried
  }
}

/// A place in the raw bytes of one input chunk.
public struct RecordPlace: Sendable, Equatable {
  /// Which input chunk of the task.
  public let chunk: Int
  /// Newlines before the place, from the start of the raw chunk.
  public let lines: Int
  /// Column, from 1, in characters.
  public let column: Int
  /// The line (or the part of it) to show.
  public let excerpt: String
  /// The column at which the excerpt begins.
  public let excerptColumn: Int

  public init(chunk: Int, lines: Int, column: Int, excerpt: String, excerptColumn: Int = 1) {
    self.chunk = chunk
    self.lines = lines
    self.column = column
    self.excerpt = excerpt
    self.excerptColumn = excerptColumn
  }
}

/// A row of a task's input: which chunk of the task, which row in it. Nothing absolute, so that it may be cached.
public struct RowParent: Hashable, Sendable {
  /// Index of the input port, in the kind's order.
  public let port: Int
  /// Ordinal of the chunk: within the task for stream ports, within the table for whole ports.
  public let chunk: Int
  public let row: Int

  public init(port: Int = 0, chunk: Int, row: Int) {
    self.port = port
    self.chunk = chunk
    self.row = row
  }

  // Beyond any real port, and not negative: maps hold only counts.
  private static let unknownPort = 0xFFFF

  /// The origin of a row of which its maker did not say (an `exec` without `row_key`). `ordinal` counts such rows of one output, so
  /// that a run of them stays one entry of the map.
  public static func unknown(_ ordinal: Int) -> RowParent { RowParent(port: unknownPort, chunk: 0, row: ordinal) }
  /// Whether nobody knows where the row came from.
  public var isUnknown: Bool { port == RowParent.unknownPort }
}

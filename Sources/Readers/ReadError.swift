public import Diagnostics

/// Why a source cannot be read, where, and what to do about it.
///
/// What is wrong with one record of a readable source is a ``BadRecord`` instead: it may be set aside (`on_bad_row: quarantine`), a
/// `ReadError` never.
public struct ReadError: Error, Sendable, Hashable {
  /// What went wrong; the raw value is the stable id of the message.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    case notFound = "source-not-found"
    case unreadable = "source-unreadable"
    case changed = "source-changed"
    case pattern = "source-pattern"
    case encoding = "source-encoding"
    case structure = "source-structure"
    case header = "source-header"
    case archive = "source-archive"
    case database = "source-database"
    case tooLarge = "source-too-large"
    case record = "bad-record"
  }

  public var kind: Kind
  /// One sentence, lower case, values in backticks.
  public var message: String
  /// The source as people are shown it: `Datasets/a.tar.zst!/members/x.csv`.
  public var name: String
  /// From 1; nil when the whole source is meant.
  public var line: Int?
  /// From 1, in code points.
  public var column: Int?
  /// The line, or a part of it that begins at `excerptColumn`.
  public var excerpt: [UInt8]
  public var excerptColumn: Int
  /// What stands after the carets.
  public var label: String
  /// What to do about it.
  public var help: String?

  public init(
    _ kind: Kind, _ message: String, in name: String, line: Int? = nil, column: Int? = nil, excerpt: [UInt8] = [],
    excerptColumn: Int = 1, label: String = "", help: String? = nil
  ) {
    self.kind = kind
    self.message = message
    self.name = name
    self.line = line
    self.column = column
    self.excerpt = excerpt
    self.excerptColumn = excerptColumn
    self.label = label
    self.help = help
  }

  /// The same as data that a renderer shows.
  public var diagnostic: Diagnostic {
    let place: Place =
      if let line, let column {
        excerpt.isEmpty
          ? Place(path: name, line: line, column: column)
          : Place(path: name, line: line, column: column, excerpt: excerpt, excerptColumn: excerptColumn)
      } else {
        Place(path: name)
      }
    return Diagnostic(id: kind.rawValue, message, at: place, label: label, help: help)
  }
}

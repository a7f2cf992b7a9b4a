/// One thing to read: a file, some members of an archive, or rows of a database.
public struct SourceLocation: Hashable, Sendable {
  public enum Content: Hashable, Sendable {
    /// The file's bytes, decompressed when its name says that they are compressed.
    case file
    /// The members of an archive that a pattern meets.
    case members(Glob)
    /// Rows of an SQLite database.
    case database(DatabaseRead)
  }

  /// The name that people are shown, from the workspace root; for an archive without its members.
  public let name: String
  /// What the system opens.
  public let path: String
  public let content: Content

  public init(name: String, path: String, content: Content = .file) {
    self.name = name
    self.path = path
    self.content = content
  }

  /// The name of a member of this archive, as people are shown it; the plain name when `member` is empty.
  public func name(ofMember member: String) -> String { member.isEmpty ? name : name + "!/" + member }

  /// The format that the names tell: of the file, or of the members' pattern.
  public var format: RecordFormat? {
    switch content {
    case .file: RecordFormat(fileName: name)
    case .members(let glob): RecordFormat(fileName: glob.text)
    case .database: .database
    }
  }
}

/// What is read from a database.
public enum DatabaseRead: Hashable, Sendable {
  /// All rows, by rowid where the table has one.
  case table(String)
  /// A query that only reads; its `ORDER BY` is the order of the rows.
  case query(String)
}

internal import CSQLite

/// What SQLite refused, with its own words for it.
public struct SQLiteError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The extended result code, for example 5 (busy), 11 (corrupt), 26 (not a database).
  public let code: Int32
  public let message: String
  /// The database's file.
  public let path: String
  /// The statement that failed, if one did.
  public let statement: String?

  public init(code: Int32, message: String, path: String, statement: String? = nil) {
    self.code = code
    self.message = message
    self.path = path
    self.statement = statement
  }

  /// The error of the call that has just failed on a connection.
  init(_ connection: OpaquePointer?, _ code: Int32, path: String, statement: String? = nil) {
    // The connection's message belongs to its latest call; without a connection only the code has words.
    let text = connection.flatMap { sqlite3_errmsg($0) } ?? sqlite3_errstr(code)
    let extended = connection.map { sqlite3_extended_errcode($0) } ?? code
    self.init(
      code: extended == SQLITE_OK ? code : extended, message: text.map { String(cString: $0) } ?? "unknown error", path: path,
      statement: statement)
  }

  /// The primary result code, without the extension.
  public var primaryCode: Int32 { code & 0xFF }
  /// Another connection holds the database longer than was waited for.
  public var isBusy: Bool { primaryCode == SQLITE_BUSY || primaryCode == SQLITE_LOCKED }
  /// The file is no database, or a damaged one.
  public var isCorrupt: Bool { primaryCode == SQLITE_CORRUPT || primaryCode == SQLITE_NOTADB }
  /// The statement was stopped by an ``SQLiteInterrupter``.
  public var isInterrupted: Bool { primaryCode == SQLITE_INTERRUPT }
  /// The file system is full.
  public var isDiskFull: Bool { primaryCode == SQLITE_FULL }

  public var description: String {
    let place = statement.map { " in `\($0)`" } ?? ""
    return "`\(path)`: \(message)\(place)"
  }
}

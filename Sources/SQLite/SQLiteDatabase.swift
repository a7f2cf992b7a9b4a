internal import CSQLite
internal import Synchronization

/// A connection to a database file, for one thread at a time.
public final class SQLiteDatabase {
  /// How a file is opened.
  public enum Mode: Sendable {
    /// It must exist, and stays as it is.
    case readOnly
    /// It must exist, stays as it is, and nobody else writes it: no locks are taken and no side files are made, so that a database on
    /// read-only media opens even in WAL mode.
    case immutable
    /// It must exist.
    case readWrite
    /// It is made when it does not exist.
    case create
  }

  public let path: String
  let connection: OpaquePointer
  /// Stops this connection's running statement from any thread.
  public let interrupter: SQLiteInterrupter

  /// Opens a file.
  ///
  /// - Parameters:
  ///   - usesWAL: keep a write-ahead log, so that readers and a writer do not block each other; not for network file systems.
  ///   - busyTimeoutMilliseconds: how long to wait for other connections' locks.
  public init(path: String, mode: Mode, usesWAL: Bool = false, busyTimeoutMilliseconds: Int32 = 5000) throws(SQLiteError) {
    self.path = path
    var flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
    var name = path
    switch mode {
    case .readOnly: flags |= SQLITE_OPEN_READONLY
    case .immutable:
      flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
      name = SQLiteDatabase.uri(path) + "?immutable=1"
    case .readWrite: flags |= SQLITE_OPEN_READWRITE
    case .create: flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
    }
    var opened: OpaquePointer?
    let code = sqlite3_open_v2(name, &opened, flags, nil)
    guard code == SQLITE_OK, let opened else {
      let error = SQLiteError(opened, code, path: path)
      sqlite3_close_v2(opened)
      throw error
    }
    self.connection = opened
    self.interrupter = SQLiteInterrupter(opened)
    // From here on `deinit` closes the connection, also when the rest throws.
    try check(sqlite3_busy_timeout(connection, busyTimeoutMilliseconds))
    if usesWAL { _ = try rows("PRAGMA journal_mode = WAL") }
  }

  deinit {
    interrupter.end()
    // The `v2` form waits for statements that are still referenced.
    sqlite3_close_v2(connection)
  }

  /// A path as SQLite's URI reader wants it.
  static func uri(_ path: String) -> String {
    var out = "file:"
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "%"), UInt8(ascii: "?"), UInt8(ascii: "#"), 0...32, 127...255:
        let digits = String(byte, radix: 16, uppercase: true)
        out += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
      default: out.unicodeScalars.append(Unicode.Scalar(byte))
      }
    }
    return out
  }

  /// The library's version, for example `3.40.1`.
  public static var libraryVersion: String { String(cString: sqlite3_libversion()) }

  // MARK: Statements

  /// Runs one statement, or several with `;` between them, and passes over their rows.
  public func execute(_ sql: String) throws(SQLiteError) {
    try check(sqlite3_exec(connection, sql, nil, nil, nil), sql)
  }

  /// Runs one statement with values for its `?`s, and passes over its rows.
  public func execute(_ sql: String, _ values: [SQLiteValue]) throws(SQLiteError) {
    let statement = try prepare(sql)
    try statement.bind(values)
    while try statement.step() {}
  }

  /// Compiles one statement, to be run as often as wanted. More than one is an error.
  public func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
    try SQLiteStatement(self, sql)
  }

  /// All rows of a query. For results that are known to be small.
  public func rows(_ sql: String, _ values: [SQLiteValue] = []) throws(SQLiteError) -> [[SQLiteValue]] {
    let statement = try prepare(sql)
    try statement.bind(values)
    var rows: [[SQLiteValue]] = []
    while try statement.step() { rows.append((0..<statement.columnCount).map { statement.value($0) }) }
    return rows
  }

  /// Runs a body as one transaction that takes the write lock first; an error undoes it.
  public func transaction<R>(_ body: () throws -> R) throws -> R {
    // Immediate: two readers that both want to write later would deadlock, and one of them fail at once.
    try execute("BEGIN IMMEDIATE")
    do {
      let result = try body()
      try execute("COMMIT")
      return result
    } catch {
      // A failure may have rolled back already, and then there is nothing left to undo.
      if sqlite3_get_autocommit(connection) == 0 { try? execute("ROLLBACK") }
      throw error
    }
  }

  /// How many rows the latest statement changed.
  public var changes: Int { Int(sqlite3_changes64(connection)) }

  func check(_ code: Int32, _ statement: String? = nil) throws(SQLiteError) {
    if code != SQLITE_OK { throw SQLiteError(connection, code, path: path, statement: statement) }
  }
}

/// Stops the statement that a connection is running; safe on any thread, and after the connection is gone.
public final class SQLiteInterrupter: Sendable {
  private struct Connection: @unchecked Sendable {
    // Only ever handed to `sqlite3_interrupt`, which is made for other threads.
    let pointer: OpaquePointer
  }

  private let connection: Mutex<Connection?>

  init(_ connection: OpaquePointer) { self.connection = Mutex(Connection(pointer: connection)) }

  /// The running statement fails with an interruption; without one nothing happens.
  public func interrupt() {
    connection.withLock { connection in
      if let connection { sqlite3_interrupt(connection.pointer) }
    }
  }

  func end() { connection.withLock { $0 = nil } }
}

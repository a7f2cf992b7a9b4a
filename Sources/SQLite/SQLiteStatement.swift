internal import CSQLite

/// A compiled statement: bind values, step through its rows, reset, and again.
///
/// Columns are numbered from 0, parameters from 1, as in SQLite.
public final class SQLiteStatement {
  private let database: SQLiteDatabase
  private let statement: OpaquePointer
  public let sql: String

  init(_ database: SQLiteDatabase, _ sql: String) throws(SQLiteError) {
    self.database = database
    self.sql = sql
    var prepared: OpaquePointer?
    var code: Int32 = SQLITE_OK
    var hasMore = false
    sql.withCString { text in
      var rest: UnsafePointer<CChar>?
      code = sqlite3_prepare_v2(database.connection, text, -1, &prepared, &rest)
      if code == SQLITE_OK, let rest { hasMore = SQLiteStatement.isStatement(database.connection, rest) }
    }
    guard code == SQLITE_OK else { throw SQLiteError(database.connection, code, path: database.path, statement: sql) }
    guard let prepared else { throw SQLiteError(code: SQLITE_MISUSE, message: "no statement", path: database.path, statement: sql) }
    self.statement = prepared
    if hasMore { throw SQLiteError(code: SQLITE_MISUSE, message: "more than one statement", path: database.path, statement: sql) }
  }

  deinit { sqlite3_finalize(statement) }

  /// Whether anything but white space and comments follows. A rest that does not even compile counts as something.
  private static func isStatement(_ connection: OpaquePointer, _ rest: UnsafePointer<CChar>) -> Bool {
    var next: OpaquePointer?
    let code = sqlite3_prepare_v2(connection, rest, -1, &next, nil)
    defer { sqlite3_finalize(next) }
    return code != SQLITE_OK || next != nil
  }

  /// Whether running it changes nothing in the database.
  public var isReadOnly: Bool { sqlite3_stmt_readonly(statement) != 0 }

  // MARK: Parameters

  /// How many values it wants.
  public var parameterCount: Int { Int(sqlite3_bind_parameter_count(statement)) }

  /// Gives a parameter its value.
  public func bind(_ parameter: Int, _ value: SQLiteValue) throws(SQLiteError) {
    let number = Int32(clamping: parameter)
    // SQLITE_TRANSIENT: SQLite takes a copy, as the bytes are only lent to the call.
    let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    let code: Int32 =
      switch value {
      case .null: sqlite3_bind_null(statement, number)
      case .integer(let integer): sqlite3_bind_int64(statement, number, integer)
      case .real(let real): sqlite3_bind_double(statement, number, real)
      case .text(let text):
        text.utf8.withContiguousStorageIfAvailable { bytes in
          bytes.withMemoryRebound(to: CChar.self) { bind($0.baseAddress, $0.count, number, transient) }
        } ?? Array(text.utf8).withUnsafeBytes { bind($0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count, number, transient) }
      case .blob(let bytes):
        // An empty blob has no address, and a null pointer would bind NULL.
        bytes.isEmpty
          ? sqlite3_bind_zeroblob(statement, number, 0)
          : bytes.withUnsafeBytes { sqlite3_bind_blob64(statement, number, $0.baseAddress, UInt64($0.count), transient) }
      }
    try database.check(code, sql)
  }

  private func bind(_ text: UnsafePointer<CChar>?, _ count: Int, _ number: Int32, _ transient: sqlite3_destructor_type) -> Int32 {
    guard let text else { return sqlite3_bind_text64(statement, number, "", 0, transient, UInt8(SQLITE_UTF8)) }
    return sqlite3_bind_text64(statement, number, text, UInt64(count), transient, UInt8(SQLITE_UTF8))
  }

  /// Gives all parameters their values; their number must be right.
  public func bind(_ values: [SQLiteValue]) throws(SQLiteError) {
    guard values.count == parameterCount else {
      throw SQLiteError(
        code: SQLITE_RANGE, message: "\(parameterCount) values are wanted and \(values.count) given", path: database.path, statement: sql)
    }
    for (number, value) in values.enumerated() { try bind(number + 1, value) }
  }

  // MARK: Rows

  /// Goes on to the next row; false when there is none.
  public func step() throws(SQLiteError) -> Bool {
    let code = sqlite3_step(statement)
    switch code {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default:
      let error = SQLiteError(database.connection, code, path: database.path, statement: sql)
      // Lets go of the locks; the error was told already.
      sqlite3_reset(statement)
      throw error
    }
  }

  /// Makes it ready to run again. Bound values stay.
  public func reset() throws(SQLiteError) {
    // The code it returns is that of the last step, which has thrown it.
    sqlite3_reset(statement)
  }

  /// Binds, runs to the end, and resets: for statements that change something.
  public func run(_ values: [SQLiteValue] = []) throws(SQLiteError) {
    try bind(values)
    while try step() {}
    try reset()
  }

  // MARK: Columns

  public var columnCount: Int { Int(sqlite3_column_count(statement)) }

  /// A column's name in the result.
  public func columnName(_ column: Int) -> String { sqlite3_column_name(statement, Int32(column)).map { String(cString: $0) } ?? "" }

  /// The names of all columns, in order.
  public var columnNames: [String] { (0..<columnCount).map(columnName) }

  /// The type a table's column was declared with, as it was written; nil for an expression.
  public func declaredType(_ column: Int) -> String? { sqlite3_column_decltype(statement, Int32(column)).map { String(cString: $0) } }

  /// What the value in the current row is.
  public func type(_ column: Int) -> SQLiteType {
    switch sqlite3_column_type(statement, Int32(column)) {
    case SQLITE_INTEGER: .integer
    case SQLITE_FLOAT: .real
    case SQLITE_TEXT: .text
    case SQLITE_BLOB: .blob
    default: .null
    }
  }

  /// The value in the current row as an integer; SQLite converts what is none.
  public func integer(_ column: Int) -> Int64 { sqlite3_column_int64(statement, Int32(column)) }

  /// The value in the current row as a number; SQLite converts what is none.
  public func real(_ column: Int) -> Double { sqlite3_column_double(statement, Int32(column)) }

  /// Lends the bytes of a text or blob in the current row, UTF-8 for a text (which a careless writer may have made invalid).
  public func withBytes<R, E: Error>(_ column: Int, _ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    // In this order: asking for the number of bytes first could convert the value under the pointer.
    let start =
      sqlite3_column_type(statement, Int32(column)) == SQLITE_BLOB
      ? sqlite3_column_blob(statement, Int32(column)) : UnsafeRawPointer(sqlite3_column_text(statement, Int32(column)))
    let count = Int(sqlite3_column_bytes(statement, Int32(column)))
    return try body(UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count))
  }

  /// The value in the current row as a text; invalid UTF-8 is repaired.
  public func text(_ column: Int) -> String { withBytes(column) { String(decoding: $0, as: UTF8.self) } }

  /// The bytes of the value in the current row.
  public func blob(_ column: Int) -> [UInt8] { withBytes(column) { [UInt8]($0) } }

  /// The value in the current row as what it is.
  public func value(_ column: Int) -> SQLiteValue {
    switch type(column) {
    case .null: .null
    case .integer: .integer(integer(column))
    case .real: .real(real(column))
    case .text: .text(text(column))
    case .blob: .blob(blob(column))
    }
  }
}

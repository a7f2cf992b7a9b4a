internal import CSQLite
internal import Diagnostics
internal import Rows

/// Rows of an SQLite database as JSON Lines, one object per row with its columns in order.
///
/// Integers and texts are what they are, reals are the shortest text that reads back. What JSON cannot hold (a blob, an infinite
/// number, a text that is not UTF-8) makes the row a bad row: its line is `!` and the reason, which is not JSON.
final class DatabaseStream: ByteStream {
  /// What a line that stands for an unreadable row begins with.
  static let badRowMark = UInt8(ascii: "!")

  private let name: String
  private var database: OpaquePointer?
  private var statement: OpaquePointer?
  private var keys: [[UInt8]] = []
  private var columns: [String] = []
  private var pending: [UInt8] = []
  private var sent = 0
  private var isDone = false

  init(_ location: SourceLocation, _ read: DatabaseRead) throws(ReadError) {
    name = location.name
    // Opened as a plain file first: its messages are better, and SQLite would make a missing file appear.
    let file = try FileStream(location.path, name: name)
    var header = [UInt8](repeating: 0, count: 16)
    let got = try header.withUnsafeMutableBytes { buffer -> Result<Int, ReadError> in
      do throws(ReadError) { return .success(try file.read(into: buffer, at: 0)) } catch { return .failure(error) }
    }.get()
    guard got == 0 || header == Array("SQLite format 3".utf8) + [0] else {
      throw ReadError(.database, "this is not an SQLite database", in: name)
    }
    let opened = sqlite3_open_v2(Self.uri(location.path), &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nil)
    do throws(ReadError) {
      try check(opened)
      // A writer may hold the database for a moment; longer than this is no moment.
      sqlite3_busy_timeout(database, 10_000)
      switch read {
      case .table(let table): try prepareTable(table)
      case .query(let query): try prepareQuery(query)
      }
      try readColumns()
    } catch {
      close()
      throw error
    }
  }

  deinit { close() }

  private func close() {
    sqlite3_finalize(statement)
    sqlite3_close_v2(database)
    statement = nil
    database = nil
  }

  /// The path as a URI, so that `mode=ro` can be said: without it SQLite may still write to a journal.
  private static func uri(_ path: String) -> String {
    var out = "file:"
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"),
        UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
        out.unicodeScalars.append(UnicodeScalar(byte))
      default: out += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
    }
    return out + "?mode=ro"
  }

  private func prepareTable(_ table: String) throws(ReadError) {
    let quoted = "\"" + table.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    let tables = try names()
    // SQLite compares names of tables without case.
    guard tables.contains(where: { $0.lowercased() == table.lowercased() }) else {
      let near = Suggestion.nearest(to: table, in: tables)
      let list = tables.prefix(5).map { "`\($0)`" }.joined(separator: ", ")
      throw ReadError(
        .database, "the database has no table `\(table)`", in: name,
        help: near.map { "did you mean `\($0)`?" } ?? (tables.isEmpty ? "it has no tables" : "it has \(list)" + (tables.count > 5 ? " …" : "")))
    }
    // An index that holds all columns could be scanned instead of the table: the order is therefore asked for. A view or a table
    // WITHOUT ROWID has no rowid, and one order only.
    if sqlite3_prepare_v2(database, "SELECT * FROM \(quoted) ORDER BY rowid", -1, &statement, nil) == SQLITE_OK { return }
    try check(sqlite3_prepare_v2(database, "SELECT * FROM \(quoted)", -1, &statement, nil))
  }

  private func names() throws(ReadError) -> [String] {
    var list: OpaquePointer?
    defer { sqlite3_finalize(list) }
    try check(sqlite3_prepare_v2(database, "SELECT name FROM sqlite_schema WHERE type IN ('table','view') ORDER BY name", -1, &list, nil))
    var names: [String] = []
    while true {
      let result = sqlite3_step(list)
      if result == SQLITE_DONE { return names }
      guard result == SQLITE_ROW else {
        try check(result)
        return names
      }
      if let text = sqlite3_column_text(list, 0) { names.append(String(cString: text)) }
    }
  }

  private func prepareQuery(_ query: String) throws(ReadError) {
    var rest: String = ""
    let result = query.withCString { text in
      var tail: UnsafePointer<CChar>?
      let result = sqlite3_prepare_v2(database, text, -1, &statement, &tail)
      if let tail { rest = String(cString: tail) }
      return result
    }
    guard result == SQLITE_OK else { throw error("the query cannot be read: \(String(cString: sqlite3_errmsg(database)))") }
    guard statement != nil else { throw error("the query is empty") }
    guard sqlite3_stmt_readonly(statement) != 0 else { throw error("the query would write to the database", help: "a source is only read: use `SELECT`") }
    guard rest.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 || $0 == UInt8(ascii: ";") }) else {
      throw error("the query is more than one statement", help: "keep one `SELECT`")
    }
    guard sqlite3_column_count(statement) > 0 else { throw error("the query gives no columns", help: "a source is only read: use `SELECT`") }
  }

  private func readColumns() throws(ReadError) {
    for index in 0..<sqlite3_column_count(statement) {
      let column = sqlite3_column_name(statement, index).map { String(cString: $0) } ?? ""
      guard !columns.contains(column) else {
        throw error("column `\(column)` comes twice", help: "give one of them another name: `SELECT … AS other_name`")
      }
      columns.append(column)
      keys.append(Array((index == 0 ? "{" : ",").utf8) + JSONText.quoted(column) + [UInt8(ascii: ":")])
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(ReadError) -> Int {
    if sent == pending.count {
      pending.removeAll(keepingCapacity: true)
      sent = 0
      while !isDone, pending.count < 64 * 1024 { try appendRow() }
    }
    let count = min(buffer.count, pending.count - sent)
    pending.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[sent..<(sent + count)])) }
    sent += count
    return count
  }

  private func appendRow() throws(ReadError) {
    let result = sqlite3_step(statement)
    if result == SQLITE_DONE {
      isDone = true
      return
    }
    guard result == SQLITE_ROW else { return try check(result) }
    let start = pending.count
    for index in keys.indices {
      pending += keys[index]
      if let problem = appendValue(Int32(index)) {
        pending.removeSubrange(start...)
        pending.append(Self.badRowMark)
        pending += Array("column `\(columns[index])` \(problem)".utf8.map { $0 == 0x0A ? 0x20 : $0 })
        pending.append(0x0A)
        return
      }
    }
    pending += [UInt8(ascii: "}"), 0x0A]
  }

  /// Appends the value of a column, or says why JSON has no form for it.
  private func appendValue(_ index: Int32) -> String? {
    switch sqlite3_column_type(statement, index) {
    case SQLITE_INTEGER: pending += Array(String(sqlite3_column_int64(statement, index)).utf8)
    case SQLITE_FLOAT:
      let value = sqlite3_column_double(statement, index)
      guard value.isFinite else { return "holds a number that is not finite" }
      pending += Array(value.description.utf8)
    case SQLITE_TEXT:
      let text = UnsafeRawBufferPointer(start: sqlite3_column_text(statement, index), count: Int(sqlite3_column_bytes(statement, index)))
      guard UTF8Check.firstError(text) == nil else { return "holds text that is not UTF-8" }
      JSONText.append(text, to: &pending)
    case SQLITE_BLOB:
      return "holds a blob of \(sqlite3_column_bytes(statement, index)) bytes, which JSON cannot: read it with a `query` that has `hex(…)` or `CAST(… AS TEXT)`"
    default: pending += Array("null".utf8)
    }
    return nil
  }

  private func error(_ message: String, help: String? = nil) -> ReadError { ReadError(.database, message, in: name, help: help) }

  private func check(_ result: Int32) throws(ReadError) {
    guard result != SQLITE_OK else { return }
    switch result & 0xFF {
    case SQLITE_BUSY, SQLITE_LOCKED: throw error("the database is locked by another program", help: "run again when it has finished writing")
    case SQLITE_NOTADB, SQLITE_CORRUPT: throw error("the database is damaged: \(String(cString: sqlite3_errmsg(database)))", help: "`PRAGMA integrity_check` says more")
    case SQLITE_CANTOPEN:
      throw error(
        "the database cannot be opened for reading", help: "a database in WAL mode needs a folder that can be written to, or `PRAGMA journal_mode=DELETE` first")
    default: throw error("the database cannot be read: \(String(cString: sqlite3_errmsg(database)))")
    }
  }
}

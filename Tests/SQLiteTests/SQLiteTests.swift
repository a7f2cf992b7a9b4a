import Testing

@testable import SQLite

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite struct SQLiteTests {
  private let directory = Directory()
  private var path: String { directory.path + "/test ?#%41ü.sqlite" }

  private final class Directory {
    let path: String
    init() {
      path = (getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp") + "/pipe-sqlite-tests-\(getpid())-\(UInt64.random(in: .min ... .max))"
      mkdir(path, 0o777)
    }
    deinit {
      if let stream = opendir(path) {
        while let entry = readdir(stream) {
          let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
          unlink(path + "/" + name)
        }
        closedir(stream)
      }
      rmdir(path)
    }
  }

  @Test func valuesOfAllTypesComeBack() throws {
    let values: [SQLiteValue] = [
      .null, .integer(.min), .integer(.max), .integer(0), .real(0.1), .real(-1e300), .text(""), .text("ünï\0code"), .blob([]),
      .blob([0, 255, 1]),
    ]
    do {
      let database = try SQLiteDatabase(path: path, mode: .create)
      try database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
      let insert = try database.prepare("INSERT INTO t (v) VALUES (?)")
      for value in values { try insert.run([value]) }
      #expect(database.changes == 1)
    }
    for mode in [.readOnly, .immutable, .readWrite] as [SQLiteDatabase.Mode] {
      let database = try SQLiteDatabase(path: path, mode: mode)
      #expect(try database.rows("SELECT v FROM t ORDER BY id").map { $0[0] } == values)
    }
  }

  @Test func columnsHaveNamesAndTypes() throws {
    let database = try SQLiteDatabase(path: path, mode: .create)
    try database.execute("CREATE TABLE t (a VARCHAR(10), b INT, c); INSERT INTO t VALUES ('x', 5, 2.5)")
    let statement = try database.prepare("SELECT a, b AS bee, c, a || b FROM t")
    #expect(statement.columnNames == ["a", "bee", "c", "a || b"])
    #expect((0..<4).map { statement.declaredType($0) } == ["VARCHAR(10)", "INT", nil, nil])
    #expect(try statement.step())
    #expect((0..<4).map { statement.type($0) } == [.text, .integer, .real, .text])
    #expect(statement.text(0) == "x" && statement.integer(1) == 5 && statement.real(2) == 2.5 && statement.text(3) == "x5")
    #expect(statement.withBytes(0) { [UInt8]($0) } == [120])
    #expect(try !statement.step())
    try statement.reset()
    #expect(try statement.step())
    #expect(statement.isReadOnly)
    #expect(try !database.prepare("DELETE FROM t").isReadOnly)
  }

  @Test func errorsSayWhatAndWhere() throws {
    let missing = #expect(throws: SQLiteError.self) { try SQLiteDatabase(path: path, mode: .readOnly) }
    #expect(missing?.description == "`\(path)`: unable to open database file")
    let database = try SQLiteDatabase(path: path, mode: .create)
    let syntax = #expect(throws: SQLiteError.self) { try database.prepare("SELECT FROM") }
    #expect(syntax?.description == "`\(path)`: near \"FROM\": syntax error in `SELECT FROM`")
    try database.execute("CREATE TABLE t (a UNIQUE)")
    try database.execute("INSERT INTO t VALUES (?)", [.integer(1)])
    let constraint = #expect(throws: SQLiteError.self) { try database.execute("INSERT INTO t VALUES (?)", [.integer(1)]) }
    #expect(constraint?.code == 2067 && constraint?.primaryCode == 19)
    #expect(throws: SQLiteError.self) { try database.prepare("") }
    #expect(throws: SQLiteError.self) { try database.prepare("SELECT 1; SELECT 2") }
    _ = try database.prepare("SELECT 1; -- and nothing more\n")
    let count = #expect(throws: SQLiteError.self) { try database.rows("SELECT ?, ?", [.null]) }
    #expect(count?.message == "2 values are wanted and 1 given")
  }

  @Test func aReadOnlyDatabaseStaysAsItIs() throws {
    try SQLiteDatabase(path: path, mode: .create).execute("CREATE TABLE t (a)")
    let database = try SQLiteDatabase(path: path, mode: .readOnly)
    let error = #expect(throws: SQLiteError.self) { try database.execute("INSERT INTO t VALUES (1)") }
    #expect(error?.primaryCode == 8)
  }

  @Test func aTransactionIsWholeOrNothing() throws {
    struct Stop: Error {}
    let database = try SQLiteDatabase(path: path, mode: .create)
    try database.execute("CREATE TABLE t (a)")
    try database.transaction { try database.execute("INSERT INTO t VALUES (1)") }
    #expect(throws: Stop.self) {
      try database.transaction {
        try database.execute("INSERT INTO t VALUES (2)")
        throw Stop()
      }
    }
    #expect(try database.rows("SELECT a FROM t") == [[.integer(1)]])
    let answer = try database.transaction { 42 }
    #expect(answer == 42)
  }

  @Test func writersWaitForEachOther() throws {
    let first = try SQLiteDatabase(path: path, mode: .create, usesWAL: true)
    try first.execute("CREATE TABLE t (a)")
    #expect(try first.rows("PRAGMA journal_mode") == [[.text("wal")]])
    let second = try SQLiteDatabase(path: path, mode: .readWrite, busyTimeoutMilliseconds: 10)
    try first.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)")
    #expect(try second.rows("SELECT * FROM t") == [])
    let error = #expect(throws: SQLiteError.self) { try second.execute("INSERT INTO t VALUES (2)") }
    #expect(error?.isBusy == true)
    try first.execute("COMMIT")
    try second.execute("INSERT INTO t VALUES (2)")
    #expect(try first.rows("SELECT count(*) FROM t") == [[.integer(2)]])
  }

  @Test func aLongQueryCanBeInterrupted() async throws {
    let database = try SQLiteDatabase(path: path, mode: .create)
    let interrupter = database.interrupter
    let stopper = Task.detached {
      while !Task.isCancelled {
        try? await Task.sleep(nanoseconds: 5_000_000)
        interrupter.interrupt()
      }
    }
    let error = #expect(throws: SQLiteError.self) {
      try database.rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
    }
    stopper.cancel()
    _ = await stopper.value
    #expect(error?.isInterrupted == true)
  }

  @Test func garbageIsNoDatabase() throws {
    let file = open(path, O_CREAT | O_WRONLY, 0o644)
    let bytes = [UInt8](repeating: 65, count: 5000)
    #expect(write(file, bytes, bytes.count) == bytes.count)
    close(file)
    let error = #expect(throws: SQLiteError.self) { try SQLiteDatabase(path: path, mode: .readWrite).rows("SELECT * FROM sqlite_master") }
    #expect(error?.isCorrupt == true)
  }
}

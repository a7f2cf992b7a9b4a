internal import Rows
internal import SQLite
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Why the lineage store cannot answer or take in. Nothing depends on it: a run goes on, and says so as a warning.
public struct LineageError: Error, Sendable, Equatable, CustomStringConvertible {
  public let path: String
  public let message: String

  public init(path: String, message: String) {
    self.path = path
    self.message = message
  }

  public var description: String {
    "cannot use the lineage index `\(path)`: \(message); runs are not affected, and `pipe doctor` makes it anew from the run logs"
  }
}

/// An index over the records of runs, in SQLite: which run made what, and what was made from what.
///
/// It only says what the run logs say, so it is safe to delete; it answers questions and never influences what runs. Several processes
/// may use it at once.
public final class LineageStore: Sendable {
  public let path: String
  let database: Mutex<SQLiteDatabase>
  /// The index was absent, of another version, or damaged, and is empty now: the records of old runs should be folded in again.
  public let isFresh: Bool

  /// The tables' version. A file of another version is emptied: everything in it can be had again.
  static let version: Int64 = 2

  static let tables = """
    CREATE TABLE run_index (
      id TEXT PRIMARY KEY, manifest TEXT NOT NULL, name TEXT NOT NULL, started_at INTEGER NOT NULL, finished_at INTEGER, exit_status INTEGER,
      header TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX runs_by_manifest ON run_index (manifest, id);
    CREATE TABLE stage_index (
      run TEXT NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, case_label TEXT, key BLOB, status TEXT NOT NULL,
      tasks_ran INTEGER NOT NULL, tasks_cached INTEGER NOT NULL, record TEXT NOT NULL,
      PRIMARY KEY (run, place)
    ) WITHOUT ROWID;
    CREATE INDEX stages_by_name ON stage_index (name, run);
    CREATE TABLE input_index (run TEXT NOT NULL, place INTEGER NOT NULL, port TEXT NOT NULL, content BLOB NOT NULL);
    CREATE INDEX inputs_by_stage ON input_index (run, place);
    CREATE INDEX inputs_by_content ON input_index (content);
    CREATE TABLE source_index (run TEXT NOT NULL, place INTEGER NOT NULL, port TEXT NOT NULL, path TEXT NOT NULL);
    CREATE INDEX sources_by_stage ON source_index (run, place);
    CREATE INDEX sources_by_path ON source_index (path);
    CREATE TABLE output_index (run TEXT NOT NULL, place INTEGER NOT NULL, port TEXT NOT NULL, content BLOB NOT NULL);
    CREATE INDEX outputs_by_stage ON output_index (run, place);
    CREATE INDEX outputs_by_content ON output_index (content);
    CREATE TABLE file_index (run TEXT NOT NULL, place INTEGER NOT NULL, port TEXT NOT NULL, path TEXT NOT NULL, digest BLOB NOT NULL);
    CREATE INDEX files_by_stage ON file_index (run, place);
    CREATE INDEX files_by_path ON file_index (path, run);
    CREATE INDEX files_by_digest ON file_index (digest);
    """

  /// Opens the index in a file, for example `.pipe/lineage.sqlite`, and makes it when it is absent, damaged or of another version.
  public init(path: String) throws(LineageError) {
    self.path = path
    do {
      let (database, isFresh) = try LineageStore.open(path)
      self.database = Mutex(database)
      self.isFresh = isFresh
    } catch {
      throw LineageError(path: path, message: error.message)
    }
  }

  private static func open(_ path: String) throws(SQLiteError) -> (SQLiteDatabase, isFresh: Bool) {
    do throws(SQLiteError) {
      return try prepare(path)
    } catch {
      guard error.isCorrupt else { throw error }
      for suffix in ["", "-journal", "-wal", "-shm"] { unlink(path + suffix) }
      return try prepare(path)
    }
  }

  private static func prepare(_ path: String) throws(SQLiteError) -> (SQLiteDatabase, isFresh: Bool) {
    let database = try SQLiteDatabase(path: path, mode: .create)
    // Never worth waiting for the device: after a power cut it is made anew.
    try database.execute("PRAGMA synchronous = OFF")
    if try version(of: database) == version { return (database, false) }
    try database.execute("BEGIN IMMEDIATE")
    // Another process may have made the tables while we waited.
    if try version(of: database) != version {
      for row in try database.rows("SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY type DESC") {
        if case .text(let type) = row[0], case .text(let name) = row[1] { try database.execute("DROP \(type) \"\(name)\"") }
      }
      try database.execute(tables)
      try database.execute(views)
      try database.execute("PRAGMA user_version = \(version)")
    }
    try database.execute("COMMIT")
    return (database, true)
  }

  private static func version(of database: SQLiteDatabase) throws(SQLiteError) -> Int64 {
    guard case .integer(let version)? = try database.rows("PRAGMA user_version").first?.first else { return 0 }
    return version
  }

  // MARK: Folding in

  /// Takes in a run; taking it in again replaces what was known of it.
  public func fold(_ run: RunRecord) throws(LineageError) {
    try fold([run])
  }

  /// Takes in several runs in one transaction.
  public func fold(_ runs: [RunRecord]) throws(LineageError) {
    try use { database in
      try database.transaction {
        let folding = try Folding(database)
        for run in runs { try folding.fold(run) }
      }
    }
  }

  /// Forgets a run, for example because its log is gone.
  public func remove(_ id: String) throws(LineageError) {
    try use { database in try database.transaction { try Folding(database).remove(id) } }
  }

  /// The names of the runs taken in, so that those of killed processes can be caught up on.
  public func knownRuns() throws(LineageError) -> Set<String> {
    try use { database in Set(try database.rows("SELECT id FROM run_index").compactMap { $0[0].text }) }
  }

  /// Runs a body with the connection, and words its errors.
  func use<R: Sendable>(_ body: (SQLiteDatabase) throws -> R) throws(LineageError) -> R {
    do {
      return try database.withLock { try body($0) }
    } catch let error as SQLiteError {
      throw LineageError(path: path, message: error.message)
    } catch {
      throw LineageError(path: path, message: "\(error)")
    }
  }
}

/// The statements that take a run in.
private struct Folding {
  let delete: [SQLiteStatement]
  let run: SQLiteStatement
  let stage: SQLiteStatement
  let input: SQLiteStatement
  let source: SQLiteStatement
  let output: SQLiteStatement
  let file: SQLiteStatement

  init(_ database: SQLiteDatabase) throws(SQLiteError) {
    var delete = [try database.prepare("DELETE FROM run_index WHERE id = ?")]
    for table in ["stage_index", "input_index", "source_index", "output_index", "file_index"] {
      delete.append(try database.prepare("DELETE FROM \(table) WHERE run = ?"))
    }
    self.delete = delete
    run = try database.prepare("INSERT INTO run_index VALUES (?, ?, ?, ?, ?, ?, ?)")
    stage = try database.prepare("INSERT INTO stage_index VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
    input = try database.prepare("INSERT INTO input_index VALUES (?, ?, ?, ?)")
    source = try database.prepare("INSERT INTO source_index VALUES (?, ?, ?, ?)")
    output = try database.prepare("INSERT INTO output_index VALUES (?, ?, ?, ?)")
    file = try database.prepare("INSERT INTO file_index VALUES (?, ?, ?, ?, ?)")
  }

  func remove(_ id: String) throws(SQLiteError) {
    for statement in delete { try statement.run([.text(id)]) }
  }

  func fold(_ record: RunRecord) throws(SQLiteError) {
    try remove(record.id)
    let id = SQLiteValue.text(record.id)
    try run.run([
      id, .text(record.manifestPath), .text(record.manifestName), .integer(record.startedAt),
      record.finishedAt.map { .integer($0) } ?? .null,
      record.exitStatus.map { .integer(Int64($0)) } ?? .null, .text(record.header.string),
    ])
    for (number, record) in record.stages.enumerated() {
      let place = SQLiteValue.integer(Int64(number))
      try stage.run([
        id, place, .text(record.name), record.caseLabel.map { .text($0) } ?? .null, record.key.map { .blob($0.bytes) } ?? .null,
        .text(record.status.rawValue), .integer(Int64(record.tasksRan)), .integer(Int64(record.tasksCached)), .text(record.json.string),
      ])
      for read in record.inputs {
        try input.run([id, place, .text(read.port), .blob(read.content.bytes)])
        if case .sources(let paths) = read.origin {
          for path in paths { try source.run([id, place, .text(read.port), .text(path)]) }
        }
      }
      for made in record.outputs {
        try output.run([id, place, .text(made.port), .blob(made.content.bytes)])
        for published in made.files { try file.run([id, place, .text(made.port), .text(published.path), .blob(published.digest.bytes)]) }
      }
    }
  }
}

extension JSON {
  var string: String { String(decoding: bytes, as: UTF8.self) }
}

extension SQLiteValue {
  var text: String? { if case .text(let text) = self { text } else { nil } }
  var int64: Int64? { if case .integer(let value) = self { value } else { nil } }
  var bytes: [UInt8]? { if case .blob(let bytes) = self { bytes } else { nil } }
}

import Readers
import SQLite
import Store
import Testing

@testable import Engine

@Suite struct DatabaseStampTests {
  /// In WAL mode a commit does not touch the database's own file.
  @Test func aCommitInTheLogIsSeen() throws {
    let bench = Bench()
    let path = bench.workspace.absolute("data/notes.db")
    let database = try SQLiteDatabase(path: path, mode: .create, usesWAL: true)
    try database.execute("create table notes(id integer primary key, text text)")
    try database.execute("insert into notes values (1, 'a')")
    let location = SourceLocation(name: "notes.db", path: path, content: .database(.table("notes")))
    let before = location.stamp
    #expect(before != nil && before == location.stamp)
    let file = FileStamp(path: path)
    try database.execute("insert into notes values (2, 'b')")
    #expect(FileStamp(path: path) == file, "the row is in the log, else this test says nothing")
    #expect(location.stamp != before)
  }
}

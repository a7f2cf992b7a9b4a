import Testing

@testable import Engine

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A folder becomes bytes that depend on names and contents alone, and a folder again.
@Suite struct FolderArchiveTests {
  private func pack(_ folder: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    let problem = FolderArchive.pack(folder, try FolderArchive.entries(of: folder)) { (piece) throws(Never) in bytes += piece }
    if let problem { throw problem }
    return bytes
  }

  private func unpack(_ bytes: [UInt8], into folder: String?, pieces: Int = 1_000) throws -> [FolderArchive.Entry] {
    var unpacker = FolderArchive.Unpacker(into: folder)
    for start in stride(from: 0, to: bytes.count, by: pieces) { try unpacker.take(Array(bytes[start..<min(bytes.count, start + pieces)])) }
    try unpacker.finish()
    return unpacker.entries
  }

  private static let long = "layers/" + String(repeating: "a-long-name-", count: 12) + "ü.bin"

  private func fill(_ bench: Bench, _ root: String) {
    bench.write(root + "/z.txt", "last")
    bench.write(root + "/empty", "")
    bench.write(root + "/" + Self.long, String(repeating: "0123456789", count: 700))
    bench.write(root + "/run", "#!/bin/sh\n")
    chmod(bench.workspace.absolute(root + "/run"), 0o700)
    mkdir(bench.workspace.absolute(root + "/nothing"), 0o777)
  }

  @Test(arguments: [1, 511, 512, 513, 1 << 20]) func andBack(_ pieces: Int) throws {
    let bench = Bench()
    fill(bench, "model")
    let bytes = try pack(bench.workspace.absolute("model"))
    #expect(bytes.count % 512 == 0)
    let entries = try unpack(bytes, into: bench.workspace.absolute("back"), pieces: pieces)
    #expect(entries.map(\.path) == ["empty", "layers/", Self.long, "nothing/", "run", "z.txt"])
    #expect(bench.text("back/" + Self.long) == bench.text("model/" + Self.long))
    #expect(bench.text("back/empty") == "")
    #expect(access(bench.workspace.absolute("back/run"), X_OK) == 0)
    #expect(Workspace.isFolder(bench.workspace.absolute("back/nothing")))
    // Times, owners and the order of making are no part of it.
    #expect(try pack(bench.workspace.absolute("back")) == bytes)
    #expect(try unpack(bytes, into: nil) == entries)
  }

  @Test func linksCountAsFilesAndLinkedFoldersDoNot() throws {
    let bench = Bench()
    bench.write("elsewhere/weights", "w")
    bench.write("model/a", "a")
    symlink(bench.workspace.absolute("elsewhere/weights"), bench.workspace.absolute("model/weights"))
    #expect(try FolderArchive.entries(of: bench.workspace.absolute("model")).map(\.bytes) == [1, 1])
    symlink(bench.workspace.absolute("elsewhere"), bench.workspace.absolute("model/more"))
    do throws(FolderArchive.Failure) {
      _ = try FolderArchive.entries(of: bench.workspace.absolute("model"))
      Issue.record("a link to a folder was taken")
    } catch { #expect(error.message == "`more` is a link to a folder: copy what belongs to the result") }
  }

  @Test func whatIsNoArchiveIsRefused() throws {
    let bench = Bench()
    fill(bench, "model")
    let bytes = try pack(bench.workspace.absolute("model"))
    #expect(throws: FolderArchive.Failure.self) { try unpack(Array(bytes.dropLast(1024)), into: nil) }
    #expect(throws: FolderArchive.Failure.self) { try unpack([UInt8](repeating: 65, count: 2048), into: nil) }
    let outside = FolderArchive.header(.init(path: "../x", bytes: 0, isExecutable: false)) + [UInt8](repeating: 0, count: 1024)
    #expect(throws: FolderArchive.Failure.self) { try unpack(outside, into: bench.workspace.absolute("back")) }
    #expect(!Workspace.exists(bench.workspace.absolute("x")))
  }
}

import Rows
import Testing

@testable import Store

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite struct BlobWriterTests {
  let scratch = Scratch()

  @Test func piecesBecomeOneBlob() throws {
    let store = try Store(directory: scratch + "store")
    var random = SeededGenerator(seed: 41)
    for size in [0, 5, 16_383, 16_384, 300_000] {
      let bytes = random.bytes(size)
      let writer = store.blobWriter()
      var at = 0
      while at < size {
        let next = min(size, at + Int.random(in: 1...40_000, using: &random))
        try writer.write(Array(bytes[at..<next]))
        at = next
      }
      let (digest, count) = try writer.finish()
      #expect(digest == Digest.of(bytes) && count == size)
      #expect(try store.get(digest) == bytes)
      scratch.write("file", bytes)
      let put = try #require(try store.put(fileAt: scratch + "file"))
      #expect(put == (digest, size))
    }
    #expect(try store.put(fileAt: scratch + "nowhere") == nil)
    #expect(scratch.files("store/tmp") == [])
  }

  @Test func aWriterLetGoLeavesNothing() throws {
    let store = try Store(directory: scratch + "store")
    do {
      let writer = store.blobWriter()
      try writer.write([UInt8](repeating: 1, count: 5_000_000))
    }
    #expect(scratch.files("store").filter { $0.contains("tmp/") || $0.contains("cas/") } == [])
  }

  @Test func sweepingLeavesTheLivingAlone() throws {
    let store = try Store(directory: scratch + "store")
    let writer = store.blobWriter()
    try writer.write([UInt8](repeating: 1, count: 5_000_000))
    let living = try store.scratchDirectory()
    scratch.write("store/tmp/files-dead/17", "rubbish")
    scratch.write("store/tmp/scratch-dead/a/b", "rubbish")
    scratch.write("store/tmp/somebody-elses/17", "not ours")
    chmod(scratch + "store/tmp/scratch-dead/a", 0o500)
    #expect(try Store(directory: scratch + "store").sweepTemporaries() == 2)
    #expect(scratch.files("store/tmp").count == 2)
    #expect(Files.isThere(living.path) && !Files.isThere(scratch + "store/tmp/scratch-dead"))
    let (digest, _) = try writer.finish()
    #expect(store.contains(digest))
  }

  @Test func theFirstBlobOfAProcessClearsAway() throws {
    scratch.write("store/tmp/files-dead/17", "rubbish")
    let store = try Store(directory: scratch + "store")
    try store.put([UInt8](repeating: 1, count: 100))
    #expect(scratch.files("store/tmp") == ["store/tmp/files-dead/17"])
    try store.put([UInt8](repeating: 1, count: 5_000_000))
    #expect(scratch.files("store/tmp") == [])
  }

  @Test func tidyingByHandWhileARunWritesIsSurvived() throws {
    let store = try Store(directory: scratch + "store")
    try store.put([UInt8](repeating: 1, count: 50_000))
    for (number, folder) in ["store/tmp", "store/cas", "store/packs", "store/segments"].enumerated() {
      Scratch.removeAll(scratch + folder)
      for count in [60_000, 6_000_000] {
        let digest = try store.put([UInt8](repeating: UInt8(number), count: count))
        #expect(try store.get(digest)?.count == count)
      }
      try store.record(.action, Digest.of(folder), [1])
      try store.flush()
      #expect(try Store(directory: scratch + "store").entry(.action, Digest.of(folder)) == [1])
    }
    let writer = store.blobWriter()
    Scratch.removeAll(scratch + "store/tmp")
    try writer.write([UInt8](repeating: 3, count: 70_000))
    #expect(try store.get(writer.finish().digest)?.count == 70_000)
  }

  @Test func scratchDirectoriesGoWithTheirTask() throws {
    let store = try Store(directory: scratch + "store")
    scratch.write("outside", "stays")
    let path: String
    do {
      let directory = try store.scratchDirectory()
      path = directory.path
      #expect(Files.status(path)!.st_mode & 0o777 == 0o700)
      try AtomicFile.write(path + "/a/b/c", [1], sync: false)
      symlink(scratch.path, path + "/link")
      directory.remove()
      directory.remove()
      #expect(!Files.isThere(path))
    }
    #expect(scratch.read("outside") == Array("stays".utf8))
    let second = try store.scratchDirectory().path
    #expect(!Files.isThere(second) && second != path)
  }
}

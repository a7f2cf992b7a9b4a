#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Rows
import Testing

@testable import Store

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
      try writer.write([UInt8](repeating: 1, count: 50_000))
    }
    #expect(scratch.files("store").filter { $0.contains("tmp/") || $0.contains("cas/") } == [])
  }

  @Test func sweepingLeavesTheLivingAlone() throws {
    let store = try Store(directory: scratch + "store")
    let writer = store.blobWriter()
    try writer.write([UInt8](repeating: 1, count: 50_000))
    scratch.write("store/tmp/dead/17", "rubbish")
    #expect(try Store(directory: scratch + "store").sweepTemporaries() == 1)
    #expect(scratch.files("store/tmp").count == 1)
    let (digest, _) = try writer.finish()
    #expect(store.contains(digest))
  }
}

import Rows
import Synchronization
import Testing

@testable import Store

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite struct StoreTests {
  let scratch = Scratch()
  var directory: String { scratch + "store" }

  @Test func blobsComeBackUnderTheirDigest() throws {
    let store = try Store(directory: directory)
    var random = SeededGenerator(seed: 1)
    for size in [0, 1, 7, 8, 100, 16 * 1024 - 1, 16 * 1024, 192 * 1024, 5 << 20] {
      let bytes = random.bytes(size)
      #expect(try store.get(Digest.of(bytes)) == nil)
      #expect(!store.contains(Digest.of(bytes)))
      let digest = try store.put(bytes)
      #expect(digest == Digest.of(bytes))
      #expect(store.contains(digest))
      #expect(store.size(of: digest) == size)
      #expect(try store.get(digest) == bytes)
      #expect(try store.withBlob(digest) { $0.count } == size)
    }
    try store.flush()
    let again = try Store(directory: directory)
    random = SeededGenerator(seed: 1)
    for size in [0, 1, 7, 8, 100, 16 * 1024 - 1, 16 * 1024, 192 * 1024, 5 << 20] {
      let bytes = random.bytes(size)
      #expect(try again.get(Digest.of(bytes)) == bytes)
    }
  }

  @Test func openingWritesNothing() throws {
    let store = try Store(directory: directory)
    #expect(try store.entry(.action, Digest.of("a")) == nil)
    store.refresh()
    try store.flush()
    #expect(scratch.files().isEmpty)
  }

  @Test func aRunWithNothingToRecordWritesNothing() throws {
    let first = try Store(directory: directory)
    try first.record(.action, Digest.of("a"), [1])
    try first.flush()
    let files = scratch.files()
    let second = try Store(directory: directory)
    #expect(try second.entry(.action, Digest.of("a")) == [1])
    try second.flush()
    #expect(scratch.files() == files)
  }

  @Test func withoutCreateTheDirectoryMustBeThere() throws {
    let error = #expect(throws: StoreError.self) { try Store(directory: directory, create: false) }
    #expect(error?.kind == .missing)
    #expect(error?.description == "cannot open the store `\(directory)`: it does not exist")
  }

  @Test func anotherFormatIsRefused() throws {
    scratch.write("store/format", "pipe store 9\n")
    let error = #expect(throws: StoreError.self) { try Store(directory: directory) }
    #expect(error?.kind == .unknownFormat)
  }

  @Test func theLastEntryWins() throws {
    let store = try Store(directory: directory)
    let key = Digest.of("key")
    try store.record(.action, key, [1])
    try store.record(.stageResult, key, [9])
    try store.record(.action, key, [2])
    #expect(try store.entry(.action, key) == [2])
    try store.flush()
    try store.record(.action, key, [3])
    try store.flush()
    #expect(try store.entry(.action, key) == [3])
    let again = try Store(directory: directory)
    #expect(try again.entry(.action, key) == [3])
    #expect(try again.entry(.stageResult, key) == [9])
    #expect(!again.hasEntry(.sidecar, key))
  }

  @Test func aClockSetBackDoesNotBringOldEntriesBack() throws {
    let late = TestClock(2_000_000_000_000_000_000)
    let early = TestClock(1_000_000_000_000_000_000)
    let key = Digest.of("key")
    let first = try Store(directory: directory, clock: late.clock)
    try first.record(.action, key, [1])
    try first.flush()
    let second = try Store(directory: directory, clock: early.clock)
    try second.record(.action, key, [2])
    try second.flush()
    #expect(try Store(directory: directory).entry(.action, key) == [2])
  }

  @Test func largeEntriesAreKeptAsBlobs() throws {
    let store = try Store(directory: directory)
    var random = SeededGenerator(seed: 2)
    let large = random.bytes(100_000)
    try store.record(.sidecar, Digest.of("k"), large)
    try store.flush()
    #expect(try Store(directory: directory).entry(.sidecar, Digest.of("k")) == large)
    #expect(scratch.files("store/packs").count == 1)
  }

  @Test func otherStoresSeeFlushedEntriesAfterARefresh() throws {
    let writer = try Store(directory: directory)
    let reader = try Store(directory: directory)
    for number in 0..<20 {
      try writer.record(.action, Digest.of("\(number)"), [UInt8(number)])
      #expect(try reader.entry(.action, Digest.of("\(number)")) == nil)
      try writer.flushBuffer()
      reader.refresh()
      #expect(try reader.entry(.action, Digest.of("\(number)")) == [UInt8(number)])
      if number % 7 == 6 { try writer.flush() }
    }
  }

  @Test func buffersReachTheFileByThemselves() async throws {
    let writer = try Store(directory: directory)
    try writer.record(.action, Digest.of("a"), [1])
    let reader = try Store(directory: directory)
    for _ in 0..<600 where try reader.entry(.action, Digest.of("a")) == nil {
      try await Task.sleep(nanoseconds: 50_000_000)
      reader.refresh()
    }
    #expect(try reader.entry(.action, Digest.of("a")) == [1])
    withExtendedLifetime(writer) {}
  }

  @Test(arguments: [3, 700, 3000])
  func theIndexCanBeDeleted(count: Int) throws {
    var expected: [Digest: [UInt8]] = [:]
    var random = SeededGenerator(seed: UInt64(count))
    for run in 0..<4 {
      let store = try Store(directory: directory)
      for number in 0..<count {
        let key = Digest.of("\(number * (run % 2 + 1))")
        let payload = random.bytes(Int.random(in: 0..<40, using: &random))
        try store.record(.action, key, payload)
        expected[key] = payload
      }
      try store.flush()
    }
    #expect(scratch.files("store").contains("store/index") == (count > 512))
    for _ in 0..<2 {
      let store = try Store(directory: directory)
      for (key, payload) in expected { #expect(try store.entry(.action, key) == payload) }
      _ = unlink(scratch + "store/index")
    }
  }

  @Test func anIndexIsExtendedNotRebuilt() throws {
    var random = SeededGenerator(seed: 5)
    var expected: [Digest: [UInt8]] = [:]
    for _ in 0..<6 {
      let store = try Store(directory: directory)
      for _ in 0..<900 {
        let key = Digest.of("\(Int.random(in: 0..<4000, using: &random))")
        expected[key] = random.bytes(8)
        try store.record(.action, key, expected[key]!)
      }
      try store.flush()
      for (key, payload) in expected { #expect(try store.entry(.action, key) == payload) }
    }
    let store = try Store(directory: directory)
    #expect(store.catalog.withLock { $0.fresh.count } == 0)
    #expect(store.catalog.withLock { $0.index?.recordCount } == expected.count)
    for (key, payload) in expected { #expect(try store.entry(.action, key) == payload) }
  }
}

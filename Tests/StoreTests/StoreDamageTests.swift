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

/// What damage does: at worst something is made again, never is something wrong believed.
@Suite struct StoreDamageTests {
  let scratch = Scratch()
  var directory: String { scratch + "store" }

  /// A store of a few entries and small blobs in one segment; returns the segment's file and what the store holds, in order.
  private func fill(_ count: Int = 6) throws -> (segment: String, payloads: [(Digest, [UInt8])]) {
    let store = try Store(directory: directory)
    var payloads: [(Digest, [UInt8])] = []
    for number in 0..<count {
      let payload = Array("payload number \(number), some bytes".utf8.prefix(9 + 5 * number))
      let key = Digest.of("\(number)")
      try store.record(.action, key, payload)
      payloads.append((key, payload))
    }
    try store.flush()
    let segment = try #require(scratch.files("store/segments").first)
    return (segment, payloads)
  }

  @Test func aTailTornAtAnyByteLosesNothingBeforeIt() throws {
    let (segment, payloads) = try fill()
    let whole = scratch.read(segment)
    var ends: [Int] = []
    let seed = whole.withUnsafeBytes { Segment.seed(of: $0)! }
    _ = whole.withUnsafeBytes {
      Segment.scan($0, from: Segment.headerSize, seed: seed) { header, offset, _ in ends.append(offset + header.extent) }
    }
    #expect(ends.count == payloads.count)
    for length in 0..<whole.count {
      scratch.write(segment, Array(whole[..<length]))
      let store = try Store(directory: directory)
      for (number, (key, payload)) in payloads.enumerated() {
        #expect(try store.entry(.action, key) == (ends[number] <= length ? payload : nil), "cut at \(length), entry \(number)")
      }
      #expect(store.damageCount == 0)
    }
  }

  @Test func aFlippedBitAnywhereIsNeverBelieved() throws {
    let (segment, payloads) = try fill(4)
    let whole = scratch.read(segment)
    for at in 0..<whole.count {
      var bytes = whole
      bytes[at] ^= UInt8(1 << (at % 8))
      scratch.write(segment, bytes)
      let store = try Store(directory: directory)
      var lost = 0
      for (key, payload) in payloads {
        let found = try store.entry(.action, key)
        #expect(found == payload || found == nil, "bit flipped at \(at)")
        if found == nil { lost += 1 }
      }
      // One record at most; all of them only when the segment's own name is damaged, which seeds every check.
      #expect(lost <= (at < Segment.headerSize ? payloads.count : 1), "bit flipped at \(at)")
    }
  }

  @Test func bitsFlippedBehindTheIndexCountAsAbsent() throws {
    let store = try Store(directory: directory)
    let keys = (0..<1000).map { Digest.of("\($0)") }
    for (number, key) in keys.enumerated() { try store.record(.action, key, Array("payload \(number)".utf8)) }
    try store.flush()
    let segment = try #require(scratch.files("store/segments").first)
    var bytes = scratch.read(segment)
    var random = SeededGenerator(seed: 11)
    for _ in 0..<50 { bytes[Int.random(in: Segment.headerSize..<bytes.count, using: &random)] ^= 4 }
    scratch.write(segment, bytes)
    let log = DamageLog()
    let damaged = try Store(directory: directory, onDamage: log.handler)
    var lost: [Int] = []
    for (number, key) in keys.enumerated() {
      let found = try damaged.entry(.action, key)
      #expect(found == nil || found == Array("payload \(number)".utf8))
      if found == nil { lost.append(number) }
    }
    #expect(!lost.isEmpty && lost.count <= 50)
    #expect(log.all.count == damaged.damageCount)
    // What was lost is made again, and then everything is there, also for the next process.
    for number in lost { try damaged.record(.action, keys[number], Array("payload \(number)".utf8)) }
    try damaged.flush()
    let healed = try Store(directory: directory)
    for (number, key) in keys.enumerated() { #expect(try healed.entry(.action, key) == Array("payload \(number)".utf8)) }
    #expect(healed.damageCount == 0)
  }

  @Test func aDamagedIndexIsNeverBelieved() throws {
    let store = try Store(directory: directory)
    let keys = (0..<600).map { Digest.of("\($0)") }
    for (number, key) in keys.enumerated() { try store.record(.action, key, Array("\(number)".utf8)) }
    try store.flush()
    let whole = scratch.read("store/index")
    var random = SeededGenerator(seed: 12)
    for round in 0..<60 {
      var bytes = whole
      switch round % 3 {
      case 0: bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= UInt8(1 << Int.random(in: 0..<8, using: &random))
      case 1: bytes = Array(bytes[..<Int.random(in: 0..<bytes.count, using: &random)])
      default:
        for _ in 0..<100 { bytes[Int.random(in: 200..<bytes.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random) }
      }
      scratch.write("store/index", bytes)
      let damaged = try Store(directory: directory)
      for (number, key) in keys.enumerated() {
        let found = try damaged.entry(.action, key)
        #expect(found == nil || found == Array("\(number)".utf8))
      }
    }
    // Verification notices, and the index is made anew.
    var bytes = whole
    for at in stride(from: 300, to: bytes.count, by: 16) { bytes[at] ^= 1 }
    scratch.write("store/index", bytes)
    let verification = try Store(directory: directory).verify()
    #expect(verification.damages.map(\.subject) == [.index])
    let healed = try Store(directory: directory)
    for (number, key) in keys.enumerated() { #expect(try healed.entry(.action, key) == Array("\(number)".utf8)) }
    #expect(try healed.verify().damages == [])
  }

  @Test func aDamagedBlobIsMovedAsideAndCanBeMadeAgain() throws {
    var random = SeededGenerator(seed: 3)
    let bytes = random.bytes(5_000_000)
    for damage in 0..<3 {
      let digest = try Store(directory: directory).put(bytes)
      let file = "store/cas/sha256/\(digest.hex.prefix(2))/\(digest.hex)"
      var damaged = bytes
      switch damage {
      case 0: damaged[2_500_000] ^= 1
      case 1: damaged = Array(bytes[..<4_999_999])
      default: damaged = []
      }
      scratch.write(file, damaged)
      let log = DamageLog()
      let store = try Store(directory: directory, onDamage: log.handler)
      #expect(try store.get(digest) == nil)
      #expect(store.damageCount == 1)
      #expect(
        log.all == [
          Store.Damage(subject: .blob(digest), path: directory + "/damaged/" + digest.hex, detail: "its bytes have another digest")
        ])
      #expect(!store.contains(digest))
      #expect(try store.put(bytes) == digest)
      #expect(try store.get(digest) == bytes)
    }
  }

  @Test func aShortBlobIsReplacedByPutting() throws {
    var random = SeededGenerator(seed: 3)
    let bytes = random.bytes(5_000_000)
    let store = try Store(directory: directory)
    let digest = try store.put(bytes)
    scratch.write("store/cas/sha256/\(digest.hex.prefix(2))/\(digest.hex)", [])
    try store.put(bytes)
    #expect(try store.get(digest) == bytes)
    #expect(store.damageCount == 0)
  }

  @Test func aDamagedPackLosesOneBlobThatCanBeMadeAgain() throws {
    var random = SeededGenerator(seed: 3)
    let blobs = (0..<3).map { _ in random.bytes(50_000) }
    for damage in 0..<3 {
      let store = try Store(directory: directory)
      let digests = try blobs.map { try store.put($0) }
      try store.flush()
      let pack = try #require(scratch.files("store/packs").first)
      var file = scratch.read(pack)
      let lost: [Int]
      switch damage {
      case 0: (file[50_007], lost) = (file[50_007] ^ 1, [1])
      case 1: (file, lost) = (Array(file.dropLast(10)), [2])
      default: (file, lost) = ([], [0, 1, 2])
      }
      scratch.write(pack, file)
      let log = DamageLog()
      let again = try Store(directory: directory, onDamage: log.handler)
      for (number, digest) in digests.enumerated() { #expect(try again.get(digest) == (lost.contains(number) ? nil : blobs[number])) }
      #expect(log.all.map(\.subject) == lost.map { .blob(digests[$0]) })
      for blob in blobs { try again.put(blob) }
      try again.flush()
      for (number, digest) in digests.enumerated() { #expect(try Store(directory: directory).get(digest) == blobs[number]) }
      Scratch.removeAll(directory)
    }
  }

  @Test func aPackThatIsGoneIsMadeAgain() throws {
    var random = SeededGenerator(seed: 4)
    let bytes = random.bytes(50_000)
    let store = try Store(directory: directory)
    let digest = try store.put(bytes)
    unlink(scratch + (try #require(scratch.files("store/packs").first)))
    #expect(try store.get(digest) == nil)
    try store.put(bytes)
    #expect(try store.get(digest) == bytes)
  }

  @Test func aDamagedSmallBlobCanBeMadeAgain() throws {
    let bytes = Array("a small blob".utf8)
    let digest = try Store(directory: directory).put(bytes)
    let segment = try #require(scratch.files("store/segments").first)
    var file = scratch.read(segment)
    file[Segment.headerSize + RecordHeader.size + 3] ^= 1
    scratch.write(segment, file)
    let store = try Store(directory: directory)
    #expect(try store.get(digest) == nil)
    try store.put(bytes)
    try store.flush()
    #expect(try Store(directory: directory).get(digest) == bytes)
  }

  @Test func aSegmentKeptAsAPayloadIsNotTakenForRecords() throws {
    let (segment, payloads) = try fill(3)
    let inner = scratch.read(segment)
    let store = try Store(directory: directory)
    try store.record(.sidecar, Digest.of("outer"), inner)
    try store.record(.action, payloads[0].0, [42])
    try store.flush()
    let outer = try #require(scratch.files("store/segments").first { $0 != segment })
    var bytes = scratch.read(outer)
    // The outer record's header is damaged, so that the scan looks for the next record inside its payload.
    bytes[Segment.headerSize + 5] ^= 1
    scratch.write(outer, bytes)
    unlink(scratch + segment)
    let again = try Store(directory: directory)
    #expect(try again.entry(.action, payloads[0].0) == [42])
    #expect(try again.entry(.action, payloads[1].0) == nil)
  }

  @Test func verificationFindsWhatIsDamaged() throws {
    let (segment, _) = try fill(3)
    let store = try Store(directory: directory)
    var random = SeededGenerator(seed: 8)
    let digest = try store.put(random.bytes(5_000_000))
    let packed = try store.put(random.bytes(20_000))
    try store.flush()
    #expect(
      try store.verify()
        == with(Store.Verification()) {
          $0.blobs = 2
          $0.records = 3
          $0.bytes = 5_020_000 + 9 + 14 + 19
        })
    let pack = try #require(scratch.files("store/packs").first)
    var blobs = scratch.read(pack)
    blobs[100] ^= 1
    scratch.write(pack, blobs)
    var bytes = scratch.read(segment)
    bytes[Segment.headerSize + RecordHeader.size] ^= 1
    scratch.write(segment, bytes)
    scratch.write("store/cas/sha256/\(digest.hex.prefix(2))/\(digest.hex)", [1, 2, 3])
    let damages = try Store(directory: directory).verify().damages
    #expect(damages.contains { $0.subject == .blob(packed) && $0.path == directory + "/" + pack.dropFirst(6) })
    #expect(
      damages.filter { $0.subject != .blob(packed) }.map(\.description) == [
        "`\(directory)/damaged/\(digest.hex)`: its bytes have another digest",
        "`\(directory)/segments/\(segment.split(separator: "/").last!)`: one stretch of it is damaged",
      ])
  }

  @Test func statsCount() throws {
    _ = try fill(3)
    let store = try Store(directory: directory)
    var random = SeededGenerator(seed: 8)
    try store.put(random.bytes(20_000))
    try store.put(random.bytes(100))
    try store.record(.action, Digest.of("0"), [1])
    try store.record(.sidecar, Digest.of("0"), [1])
    let stats = try store.stats()
    #expect(stats.blobs == 1 && stats.blobBytes == 20_000 && stats.smallBlobs == 1 && stats.smallBlobBytes == 100)
    #expect(stats.entries == [.action: 3, .sidecar: 1] && stats.replacedRecords == 1 && stats.segments == 2 && stats.unindexedRecords == 6)
  }
}

func with<Value>(_ value: Value, _ change: (inout Value) -> Void) -> Value {
  var value = value
  change(&value)
  return value
}

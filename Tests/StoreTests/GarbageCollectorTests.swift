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

@Suite struct GarbageCollectorTests {
  let scratch = Scratch()
  var directory: String { scratch + "store" }
  /// Files bear the machine's time, so the tests' clock begins there.
  let clock = TestClock(Store.systemClock())

  private func open() throws -> Store { try Store(directory: directory, clock: clock.clock) }

  private static let blobs: [[UInt8]] = {
    var random = SeededGenerator(seed: 31)
    return [20_000, 30_000, 100, 200].map { random.bytes($0) }
  }()

  private func fill() throws {
    let store = try open()
    for blob in Self.blobs { try store.put(blob) }
    for number in 0..<10 { try store.record(.action, Digest.of("\(number)"), [UInt8(number)]) }
    try store.record(.action, Digest.of("3"), [33])
    try store.record(.sidecar, Digest.of("large"), [UInt8](repeating: 5, count: 50_000))
    try store.flush()
  }

  private func marks(_ marks: inout GarbageCollector.Marks) {
    marks.blob(Digest.of(Self.blobs[0]))
    marks.blob(Digest.of(Self.blobs[2]))
    for number in 0..<5 { marks.entry(.action, Digest.of("\(number)")) }
  }

  @Test func keepsWhatIsMarkedAndRemovesTheRest() throws {
    try fill()
    clock.advance(seconds: 100)
    let collector = GarbageCollector(try open(), graceSeconds: 10)
    let plan = try collector.collect(mark: marks)
    #expect(plan.isDryRun && plan.blobsRemoved == 3 && plan.bytesRemoved == 30_000 + 200 + 50_000)
    #expect(plan.entriesRemoved == 6 && plan.entriesKept == 5 && plan.blobsKept == 2 && plan.keptByGrace == 0)
    #expect(try open().stats().entries == [.action: 10, .sidecar: 1])
    let report = try collector.collect(dryRun: false, mark: marks)
    #expect(report.blobsRemoved == 3 && report.entriesRemoved == 6 && report.segmentBytesRemoved > 0)
    #expect(scratch.files("store/packs").map { scratch.read($0).count } == [20_000])
    for store in [try open()] {
      #expect(try store.get(Digest.of(Self.blobs[0])) == Self.blobs[0] && store.get(Digest.of(Self.blobs[2])) == Self.blobs[2])
      #expect(try store.get(Digest.of(Self.blobs[1])) == nil && store.get(Digest.of(Self.blobs[3])) == nil)
      for number in 0..<10 {
        let expected: [UInt8]? = number >= 5 ? nil : number == 3 ? [33] : [UInt8(number)]
        #expect(try store.entry(.action, Digest.of("\(number)")) == expected)
      }
      #expect(try store.entry(.sidecar, Digest.of("large")) == nil)
      let stats = try store.stats()
      #expect(stats.replacedRecords == 0 && stats.entries == [.action: 5] && stats.blobs == 1 && stats.smallBlobs == 1)
      #expect(try store.verify().damages == [])
    }
    let nothing = try collector.collect(dryRun: false, mark: marks)
    #expect(nothing.blobsRemoved == 0 && nothing.entriesRemoved == 0 && nothing.segmentBytesRemoved == 0)
  }

  @Test func theBlobOfAMarkedEntryStays() throws {
    try fill()
    clock.advance(seconds: 100)
    _ = try GarbageCollector(try open(), graceSeconds: 10).collect(dryRun: false) { $0.entry(.sidecar, Digest.of("large")) }
    #expect(try open().entry(.sidecar, Digest.of("large"))?.count == 50_000)
    #expect(scratch.files("store/packs").map { scratch.read($0).count } == [50_000])
  }

  @Test func youthProtects() throws {
    try fill()
    clock.advance(seconds: 5)
    let report = try GarbageCollector(try open(), graceSeconds: 100).collect(dryRun: false) { _ in }
    #expect(report.blobsRemoved == 0 && report.entriesRemoved == 0)
    // Four blobs and eleven entries; the blob that holds the large entry's payload is kept for its entry.
    #expect(report.keptByGrace == 4 + 11)
    #expect(try open().stats().entries == [.action: 10, .sidecar: 1])
  }

  @Test func puttingAgainMakesYoung() throws {
    try fill()
    clock.advance(seconds: 0)
    let old = try open()
    // Two hours later the same blobs are put again.
    clock.advance(seconds: 7200)
    for blob in [Self.blobs[1], Self.blobs[3]] { try old.put(blob) }
    try old.flush()
    let later = TestClock(clock.clock() + 1_000_000_000)
    _ = try GarbageCollector(try Store(directory: directory, clock: later.clock), graceSeconds: 3600).collect(dryRun: false) { _ in }
    #expect(try open().contains(Digest.of(Self.blobs[1])) && open().contains(Digest.of(Self.blobs[3])))
    #expect(try !open().contains(Digest.of(Self.blobs[0])) && !open().contains(Digest.of(Self.blobs[2])))
  }

  @Test func pinsOfLiveRunsProtect() throws {
    try fill()
    clock.advance(seconds: 100)
    let store = try open()
    let log = store.runLog(RunID(milliseconds: 1, random: (0, 0)))
    try log.pin([.blob(Digest.of(Self.blobs[1])), .entry(.action, Digest.of("7"))])
    try log.pin([.blob(Digest.of(Self.blobs[3]))])
    _ = try GarbageCollector(store, graceSeconds: 10).collect(dryRun: false) { _ in }
    #expect(try store.get(Digest.of(Self.blobs[1])) == Self.blobs[1] && store.get(Digest.of(Self.blobs[3])) == Self.blobs[3])
    #expect(try store.entry(.action, Digest.of("7")) == [7] && store.entry(.action, Digest.of("8")) == nil)
    try log.close()
    _ = try GarbageCollector(store, graceSeconds: 10).collect(dryRun: false) { _ in }
    #expect(try store.get(Digest.of(Self.blobs[1])) == nil && store.entry(.action, Digest.of("7")) == nil)
  }

  @Test func runsInOtherProcessesGoOn() throws {
    try fill()
    let running = try open()
    try running.record(.action, Digest.of("running"), [1])
    try running.flushBuffer()
    clock.advance(seconds: 100)
    let early = try open()
    _ = try GarbageCollector(try open(), graceSeconds: 10).collect(dryRun: false, mark: marks)
    // What was open before finds what moved, and its own segment is untouched.
    for store in [running, early] {
      for number in 0..<5 {
        let expected: [UInt8] = number == 3 ? [33] : [UInt8(number)]
        #expect(try store.entry(.action, Digest.of("\(number)")) == expected)
      }
      // Its pack has been rewritten.
      #expect(try store.get(Digest.of(Self.blobs[0])) == Self.blobs[0])
      #expect(store.damageCount == 0)
    }
    try running.record(.action, Digest.of("later"), [2])
    try running.flush()
    #expect(try open().entry(.action, Digest.of("running")) == [1] && open().entry(.action, Digest.of("later")) == [2])
  }

  @Test func aCrashAtAnyOperationLosesNothingMarked() throws {
    for n in 1... {
      let directory = scratch + "crash-\(n)"
      let store = try Store(directory: directory, clock: clock.clock)
      for blob in Self.blobs { try store.put(blob) }
      for number in 0..<10 { try store.record(.action, Digest.of("\(number)"), [UInt8(number)]) }
      try store.flush()
      if n % 2 == 0 { try store.extendIndex() }
      let later = TestClock(clock.clock() + 100_000_000_000)
      let crash = CrashingDisk(failAt: n)
      do {
        _ = try GarbageCollector(try Store(directory: directory, disk: crash.disk, clock: later.clock), graceSeconds: 10).collect(
          dryRun: false, mark: marks)
      } catch is StoreError {}
      for after in [store, try Store(directory: directory)] {
        #expect(try after.get(Digest.of(Self.blobs[0])) == Self.blobs[0] && after.get(Digest.of(Self.blobs[2])) == Self.blobs[2])
        for number in 0..<5 { #expect(try after.entry(.action, Digest.of("\(number)")) == [UInt8(number)], "crash at operation \(n)") }
      }
      #expect(try Store(directory: directory).verify().damages == [])
      _ = try GarbageCollector(try Store(directory: directory, clock: later.clock), graceSeconds: 10).collect(dryRun: false, mark: marks)
      #expect(try Store(directory: directory).stats().entries == [.action: 5])
      if !crash.hasFailed {
        #expect(n > 5)
        return
      }
    }
  }
}

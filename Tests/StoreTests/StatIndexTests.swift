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

@Suite struct StatIndexTests {
  let scratch = Scratch()
  private func index(_ clock: TestClock) -> StatIndex {
    StatIndex(path: scratch + "stat", lockPath: scratch + "locks/stat", clock: clock.clock)
  }

  private func stamp(_ inode: UInt64, modified: UInt64, changed: UInt64? = nil, size: Int64 = 10) -> FileStamp {
    FileStamp(device: 1, inode: inode, size: size, modified: Int64(modified), changed: Int64(changed ?? modified))
  }

  @Test func remembersAcrossProcesses() throws {
    let clock = TestClock()
    let past = clock.clock() - 100_000_000_123
    let first = index(clock)
    #expect(first.digest(of: stamp(1, modified: past), tag: 5) == nil)
    for inode in 0..<1000 as Range<UInt64> {
      first.record(stamp(inode, modified: past), tag: 5, digest: Digest.of("\(inode)"), readAt: clock.clock())
    }
    #expect(first.digest(of: stamp(1, modified: past), tag: 5) == Digest.of("1"))
    try first.save()
    let second = index(clock)
    for inode in 0..<1000 as Range<UInt64> { #expect(second.digest(of: stamp(inode, modified: past), tag: 5) == Digest.of("\(inode)")) }
    #expect(second.digest(of: stamp(1000, modified: past), tag: 5) == nil)
    #expect(second.digest(of: stamp(1, modified: past), tag: 6) == nil)
    #expect(second.digest(of: stamp(1, modified: past + 1), tag: 5) == nil)
    #expect(second.digest(of: stamp(1, modified: past, changed: past + 1), tag: 5) == nil)
    #expect(second.digest(of: stamp(1, modified: past, size: 11), tag: 5) == nil)
  }

  @Test func distrustsWhatChangedAsItWasRead() {
    let clock = TestClock(1_800_000_000_123_456_789)
    let now = clock.clock()
    let index = index(clock)
    for (age, trusted) in [(0, false), (1, false), (20_000_000, false), (20_000_001, true), (1_000_000_000, true)] as [(UInt64, Bool)] {
      let stamp = stamp(age, modified: now - age)
      index.record(stamp, tag: 0, digest: Digest.of("x"), readAt: now)
      clock.advance(seconds: 10)
      #expect((index.digest(of: stamp, tag: 0) != nil) == trusted, "changed \(age) ns before it was read")
      clock.advance(seconds: 0)
    }
    // An old modification time with a fresh change time is an edit with the time set back.
    let forged = stamp(7, modified: now - 1_000_000_000_000, changed: now)
    index.record(forged, tag: 0, digest: Digest.of("x"), readAt: now)
    #expect(index.digest(of: forged, tag: 0) == nil)
    // Times in whole seconds come from file systems that know no better.
    let coarse = stamp(8, modified: (now / 1_000_000_000 - 1) * 1_000_000_000)
    index.record(coarse, tag: 0, digest: Digest.of("x"), readAt: now)
    #expect(index.digest(of: coarse, tag: 0) == nil)
  }

  @Test func distrustsTimesFromTheFuture() {
    let clock = TestClock()
    let index = index(clock)
    let future = stamp(1, modified: clock.clock() + 3_600_000_000_001)
    index.record(future, tag: 0, digest: Digest.of("x"), readAt: clock.clock() + 7_200_000_000_000)
    #expect(index.digest(of: future, tag: 0) == nil)
  }

  @Test func writesOnlyWhenThereIsNews() throws {
    let clock = TestClock()
    let past = clock.clock() - 100_000_000_123
    let first = index(clock)
    try first.save()
    #expect(scratch.files() == [])
    first.record(stamp(1, modified: past), tag: 0, digest: Digest.of("x"), readAt: clock.clock())
    try first.save()
    let inode = Files.status(scratch + "stat")!.st_ino
    try first.save()
    let second = index(clock)
    #expect(second.digest(of: stamp(1, modified: past), tag: 0) != nil)
    try second.save()
    #expect(Files.status(scratch + "stat")!.st_ino == inode)
  }

  @Test func keepsWhatOthersWrote() throws {
    let clock = TestClock()
    let past = clock.clock() - 100_000_000_123
    let first = index(clock)
    let second = index(clock)
    first.record(stamp(1, modified: past), tag: 0, digest: Digest.of("1"), readAt: clock.clock())
    second.record(stamp(2, modified: past), tag: 0, digest: Digest.of("2"), readAt: clock.clock())
    try first.save()
    try second.save()
    let third = index(clock)
    #expect(third.digest(of: stamp(1, modified: past), tag: 0) == Digest.of("1"))
    #expect(third.digest(of: stamp(2, modified: past), tag: 0) == Digest.of("2"))
  }

  @Test func forgetsWhatNobodyAsksFor() throws {
    let clock = TestClock()
    let past = clock.clock() - 100_000_000_123
    let first = index(clock)
    for inode in [1, 2] as [UInt64] { first.record(stamp(inode, modified: past), tag: 0, digest: Digest.of("x"), readAt: clock.clock()) }
    try first.save()
    for _ in 0..<10 {
      clock.advance(seconds: 10 * 86_400)
      let index = index(clock)
      #expect(index.digest(of: stamp(1, modified: past), tag: 0) != nil)
      try index.save()
    }
    let last = index(clock)
    #expect(last.digest(of: stamp(1, modified: past), tag: 0) != nil)
    #expect(last.digest(of: stamp(2, modified: past), tag: 0) == nil)
  }

  @Test func damageIsNeverBelieved() throws {
    let clock = TestClock()
    let past = clock.clock() - 100_000_000_123
    let first = index(clock)
    for inode in 0..<20 as Range<UInt64> {
      first.record(stamp(inode, modified: past), tag: 3, digest: Digest.of("\(inode)"), readAt: clock.clock())
    }
    try first.save()
    let whole = scratch.read("stat")
    for at in 0..<whole.count {
      var bytes = whole
      bytes[at] ^= UInt8(1 << (at % 8))
      if at % 7 == 0 { bytes = Array(bytes[..<at]) }
      scratch.write("stat", bytes)
      let index = index(clock)
      for inode in 0..<20 as Range<UInt64> {
        let digest = index.digest(of: stamp(inode, modified: past), tag: 3)
        #expect(digest == nil || digest == Digest.of("\(inode)"), "damaged at \(at)")
      }
    }
  }

  @Test func stampsTellFilesApart() throws {
    scratch.write("a", "one")
    let before = try #require(FileStamp(path: scratch + "a"))
    #expect(before == FileStamp(path: scratch + "a"))
    scratch.write("a", "two")
    #expect(before != FileStamp(path: scratch + "a"))
    #expect(FileStamp(path: scratch + "b") == nil)
  }
}

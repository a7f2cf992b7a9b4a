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

/// Every change to the disk fails once, in every manner; what was kept before is still there, and going on works.
@Suite struct StoreFaultTests {
  let scratch = Scratch()

  private static let small = (0..<40).map { (Digest.of("small \($0)"), Array("payload \($0)".utf8)) }
  private static let blobs: [[UInt8]] = {
    var random = SeededGenerator(seed: 21)
    return (0..<4).map { random.bytes([100, 17_000, 40_000, 16_384][$0]) }
  }()

  /// A run that records and keeps things, flushes, and flushes again.
  private func work(_ store: Store) throws {
    for (number, (key, payload)) in Self.small.enumerated() {
      try store.record(.action, key, payload)
      if number % 10 == 9 { try store.put(Self.blobs[number / 10]) }
      if number % 15 == 14 { try store.flushBuffer() }
      if number == 30 { try store.flush() }
    }
    try store.record(.preImage, Digest.of("large"), Self.blobs[2] + Self.blobs[1])
    try store.flush()
    try store.extendIndex()
  }

  private func check(_ store: Store) throws {
    for (key, payload) in Self.small { #expect(try store.entry(.action, key) == payload) }
    for blob in Self.blobs { #expect(try store.get(Digest.of(blob)) == blob) }
    #expect(try store.entry(.preImage, Digest.of("large")) == Self.blobs[2] + Self.blobs[1])
  }

  @Test func aCrashAtAnyOperationDamagesNothing() throws {
    for n in 1... {
      let directory = scratch + "crash-\(n)"
      // A store with a past, so that old records can be lost too.
      let before = try Store(directory: directory)
      try before.record(.action, Digest.of("old"), [7])
      try before.flush()

      let crash = CrashingDisk(failAt: n)
      do {
        let store = try Store(directory: directory, disk: crash.disk)
        try work(store)
        // While the store lives: what it tidies when it goes, it tidies as far as it can.
        #expect(!crash.hasFailed, "operation \(n) failed and nobody was told")
        withExtendedLifetime(store) {}
      } catch is StoreError {
        #expect(crash.hasFailed)
      }
      let after = try Store(directory: directory)
      #expect(try after.entry(.action, Digest.of("old")) == [7], "crash at operation \(n)")
      for (key, payload) in Self.small {
        let found = try after.entry(.action, key)
        #expect(found == nil || found == payload, "crash at operation \(n)")
      }
      for blob in Self.blobs {
        let found = try after.get(Digest.of(blob))
        #expect(found == nil || found == blob, "crash at operation \(n)")
      }
      #expect(after.damageCount == 0, "crash at operation \(n)")
      #expect(try after.verify().damages == [], "crash at operation \(n)")
      try work(after)
      try check(after)
      try check(try Store(directory: directory))
      after.sweepTemporaries()
      #expect(scratch.files("crash-\(n)").filter { $0.contains("/tmp/") } == [], "crash at operation \(n)")
      if !crash.hasFailed {
        #expect(n > 20)
        return
      }
    }
  }

  @Test func anOperationThatFailsOnceIsReportedAndCanBeTriedAgain() throws {
    for n in 1... {
      let directory = scratch + "once-\(n)"
      let fault = CrashingDisk(failAt: n, manner: .once(EIO))
      let store = try Store(directory: directory, disk: fault.disk)
      var failures = 0
      func persist(_ body: () throws -> Void) throws {
        do { try body() } catch let error as StoreError {
          failures += 1
          #expect(error.code == EIO)
          try body()
        }
      }
      for (number, (key, payload)) in Self.small.enumerated() {
        try persist { try store.record(.action, key, payload) }
        if number % 10 == 9 { try persist { try store.put(Self.blobs[number / 10]) } }
        if number % 15 == 14 { try persist { try store.flushBuffer() } }
        if number == 30 { try persist { try store.flush() } }
      }
      try persist { try store.record(.preImage, Digest.of("large"), Self.blobs[2] + Self.blobs[1]) }
      try persist { try store.flush() }
      try check(store)
      try check(try Store(directory: directory))
      #expect(try Store(directory: directory).verify().damages == [], "failure at operation \(n)")
      #expect(scratch.files("once-\(n)").filter { $0.contains("/tmp/") } == [], "failure at operation \(n)")
      if !fault.hasFailed {
        #expect(n > 20)
        return
      }
      #expect(failures <= 1)
    }
  }

  @Test func aFullDiskSaysSoAndLosesNothing() throws {
    for n in 1... {
      let directory = scratch + "full-\(n)"
      let fault = CrashingDisk(failAt: n, manner: .full)
      let store = try Store(directory: directory, disk: fault.disk)
      do {
        try work(store)
      } catch let error as StoreError {
        #expect(error.kind == .diskFull)
        #expect(error.description.hasPrefix("no space left to "))
      }
      #expect(scratch.files("full-\(n)").filter { $0.contains("/tmp/") } == [], "full at operation \(n)")
      let after = try Store(directory: directory)
      #expect(try after.verify().damages == [])
      try work(after)
      try check(after)
      if !fault.hasFailed { return }
    }
  }

  @Test func errorsSayWhatToDo() {
    #expect(
      StoreError("write", ".pipe/cas/x", code: ENOSPC).description
        == "no space left to write `.pipe/cas/x`: free some space (`pipe cache gc` shows what can go), then run again; nothing is damaged")
    #expect(
      StoreError("create", ".pipe", code: EACCES).description
        == "cannot create `.pipe`: permission denied; check the owner and the permissions")
    #expect(StoreError("open", "x", code: EIO).description == "cannot open `x`: input/output error")
  }
}

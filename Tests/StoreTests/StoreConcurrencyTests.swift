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

/// Many threads and many stores on one directory: two runs at a time, worktrees that share a store.
@Suite struct StoreConcurrencyTests {
  let scratch = Scratch()
  var directory: String { scratch + "store" }

  @Test func threadsShareAStore() async throws {
    let store = try Store(directory: directory)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<8 {
        group.addTask {
          var random = SeededGenerator(seed: UInt64(worker))
          for round in 0..<200 {
            let number = Int.random(in: 0..<300, using: &random)
            let payload = Array("value of \(number)".utf8)
            try store.record(.action, Digest.of("\(number)"), payload)
            #expect(try store.entry(.action, Digest.of("\(number)")) == payload)
            let other = Int.random(in: 0..<300, using: &random)
            let found = try store.entry(.action, Digest.of("\(other)"))
            #expect(found == nil || found == Array("value of \(other)".utf8))
            let blob = [UInt8](repeating: UInt8(number & 255), count: number % 2 == 0 ? 100 + number : 20_000 + number)
            let digest = try store.put(blob)
            #expect(try store.get(digest) == blob)
            if round % 50 == 49 { try store.flush() }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try Store(directory: directory).verify().damages == [])
  }

  @Test func storesShareADirectory() async throws {
    let writers = 4
    let perWriter = 900
    try await withThrowingTaskGroup(of: Void.self) { [directory] group in
      for worker in 0..<writers {
        group.addTask {
          // Several runs one after another, each with an index to extend, all at once with the others'.
          for run in 0..<3 {
            let store = try Store(directory: directory)
            for number in (run * perWriter / 3)..<((run + 1) * perWriter / 3) {
              try store.record(.action, Digest.of("\(worker) \(number)"), Array("\(worker) \(number)".utf8))
              try store.record(.stageResult, Digest.of("shared \(number)"), Array("shared \(number)".utf8))
              if number % 17 == 0 { try store.put([UInt8](repeating: UInt8(number % 251), count: 30_000)) }
              if number % 101 == 0 { store.refresh() }
            }
            try store.flush()
            try store.extendIndex()
          }
        }
      }
      try await group.waitForAll()
    }
    for _ in 0..<2 {
      let store = try Store(directory: directory)
      for worker in 0..<writers {
        for number in 0..<perWriter {
          #expect(try store.entry(.action, Digest.of("\(worker) \(number)")) == Array("\(worker) \(number)".utf8))
        }
      }
      for number in 0..<perWriter {
        #expect(try store.entry(.stageResult, Digest.of("shared \(number)")) == Array("shared \(number)".utf8))
      }
      #expect(try store.verify().damages == [])
      unlink(directory + "/index")
    }
  }

  @Test func smallSegmentsAreMergedWhileOthersRead() throws {
    let reader = try Store(directory: directory)
    var count = 0
    var early: Store?
    for run in 0..<150 {
      let store = try Store(directory: directory)
      for number in 0..<5 {
        try store.record(.action, Digest.of("\(run) \(number)"), Array("\(run) \(number)".utf8))
        count += 1
      }
      try store.flush()
      if run == 60 { early = try Store(directory: directory) }
    }
    #expect(scratch.files("store/segments").count <= Store.smallSegmentLimit + Catalog.freshSegmentLimit + 1)
    reader.refresh()
    for store in [reader, try #require(early), try Store(directory: directory)] {
      for run in 0..<61 { #expect(try store.entry(.action, Digest.of("\(run) 3")) == Array("\(run) 3".utf8)) }
    }
    #expect(try Store(directory: directory).stats().entries == [.action: count])
  }

  @Test func aSegmentOfALiveWriterIsNotClosedByOthers() throws {
    let writer = try Store(directory: directory)
    try writer.record(.action, Digest.of("first"), [1])
    try writer.flushBuffer()
    let other = try Store(directory: directory)
    for number in 0..<600 { try other.record(.action, Digest.of("other \(number)"), [2]) }
    try other.flush()
    try other.extendIndex()
    try writer.record(.action, Digest.of("second"), [3])
    try writer.flush()
    let reader = try Store(directory: directory)
    #expect(try reader.entry(.action, Digest.of("first")) == [1])
    #expect(try reader.entry(.action, Digest.of("second")) == [3])
  }

  @Test func locksExclude() async throws {
    let path = scratch + "locks/x"
    let held = try #require(try FileLock.tryAcquire(path, command: "pipe run a.yaml"))
    #expect(try FileLock.tryAcquire(path, command: "other") == nil)
    #expect(try FileLock.tryAcquire(path, .shared, command: "other") == nil)
    #expect(FileLock.holder(of: path) == FileLock.Holder(process: getpid(), command: "pipe run a.yaml"))
    #expect(FileLock.isHeld(path))
    let asked = Atomic<Int>(0)
    let gaveUp = try FileLock.acquire(path, command: "other") { holder in
      #expect(holder?.command == "pipe run a.yaml")
      return asked.wrappingAdd(1, ordering: .relaxed).newValue < 3
    }
    #expect(gaveUp == nil)
    held.release()
    held.release()
    #expect(FileLock.holder(of: path) == nil)
    let first = try FileLock.tryAcquire(path, .shared, command: "a")
    let second = try FileLock.tryAcquire(path, .shared, command: "b")
    #expect(first != nil && second != nil)
    #expect(try FileLock.tryAcquire(path, command: "c") == nil)
  }

  @Test func locksCount() async throws {
    let path = scratch + "locks/counter"
    let counter = scratch + "counter"
    try AtomicFile.write(counter, Array("0".utf8), sync: false)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<6 {
        group.addTask {
          for _ in 0..<40 {
            let lock = try #require(try FileLock.acquire(path, command: "\(worker)", removesFile: true))
            let value = Int(String(decoding: try Files.contents(counter)!, as: UTF8.self))!
            try AtomicFile.write(counter, Array("\(value + 1)".utf8), sync: false)
            lock.release()
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(scratch.read("counter") == Array("240".utf8))
    #expect(scratch.files("locks") == [])
  }
}

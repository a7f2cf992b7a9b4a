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

/// Real processes on one store: writers at the same time, and writers that are killed.
@Suite struct StoreProcessTests {
  let scratch = Scratch()
  var directory: String { scratch + "store" }

  @Test func aKilledWriterLosesAtMostItsBuffer() async throws {
    for round in 0..<3 {
      await #expect(processExitsWith: .signal(SIGKILL)) { [directory = directory as String, round = round as Int] in
        let store = try Store(directory: directory)
        let lock = try FileLock.tryAcquire(store.lockPath("held"), command: "dies")
        precondition(lock != nil)
        for number in 0... {
          try store.record(.action, Digest.of("\(round) \(number)"), Array("payload of \(number)".utf8))
          if number == 100 { try store.flushBuffer() }
          if number % 40 == 0 { try store.put([UInt8](repeating: UInt8(round), count: 20_000 + number)) }
          if number == 150 + round { kill(getpid(), SIGKILL) }
        }
      }
    }
    // The lock went with its holder, and the next process finds everything up to the last flush.
    #expect(!FileLock.isHeld(directory + "/locks/held"))
    let store = try Store(directory: directory)
    for round in 0..<3 {
      for number in 0...100 { #expect(try store.entry(.action, Digest.of("\(round) \(number)")) == Array("payload of \(number)".utf8)) }
      #expect(try store.get(Digest.of([UInt8](repeating: UInt8(round), count: 20_080)))?.count == 20_080)
    }
    #expect(try store.verify().damages == [])
    #expect(store.damageCount == 0)
    // Its segment is not taken for one that still grows.
    for number in 0..<600 { try store.record(.sidecar, Digest.of("\(number)"), [1]) }
    try store.flush()
    let after = try Store(directory: directory)
    #expect(after.catalog.withLock { $0.segments.allSatisfy(\.isClosed) })
    #expect(try after.entry(.action, Digest.of("2 100")) != nil)
  }

  @Test func processesWriteAtTheSameTime() async throws {
    async let first: Void = writer(directory, 1)
    async let second: Void = writer(directory, 2)
    async let third: Void = writer(directory, 3)
    _ = await (first, second, third)
    let store = try Store(directory: directory)
    for process in 1...3 {
      for number in 0..<2000 { #expect(try store.entry(.action, Digest.of("\(process) \(number)")) == Array("\(number)".utf8)) }
    }
    #expect(try store.verify().damages == [])
  }

  private func writer(_ directory: String, _ process: Int) async {
    await #expect(processExitsWith: .success) { [directory = directory as String, process = process as Int] in
      for run in 0..<2 {
        let store = try Store(directory: directory)
        for number in (run * 1000)..<(run * 1000 + 1000) {
          try store.record(.action, Digest.of("\(process) \(number)"), Array("\(number)".utf8))
          try store.record(.stageResult, Digest.of("\(number)"), Array("\(number)".utf8))
        }
        try store.flush()
        try store.extendIndex()
      }
    }
  }

  @Test func aKilledPublicationIsCompletedOrUndone() async throws {
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = scratch.path as String] in
      let set = PublishJournal(directory: path + "/publish", root: path).begin()
      try set.write("out/a", [1])
      try set.write("out/b", [2])
      kill(getpid(), SIGKILL)
    }
    #expect(scratch.files().count == 3)
    let recovery = PublishJournal(directory: scratch + "publish", root: scratch.path).recover()
    #expect(recovery.removedTemporaries == 2 && recovery.completed == [])
    #expect(scratch.files() == [])
  }
}

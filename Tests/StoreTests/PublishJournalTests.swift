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

@Suite struct PublishJournalTests {
  let scratch = Scratch()

  private func journal(_ name: String, _ disk: Disk = .real) -> PublishJournal {
    PublishJournal(directory: scratch + "\(name)/.pipe/publish", root: scratch + name, disk: disk)
  }

  private static let before = ["Outputs/a.jsonl": "old a", "Outputs/gone.jsonl": "old gone", "Outputs/same.jsonl": "same"]
  private static let after = ["Outputs/a.jsonl": "new a", "Outputs/deep/er/b.jsonl": "new b", "Outputs/same.jsonl": "same"]

  private func prepare(_ name: String) { for (path, text) in Self.before { scratch.write("\(name)/\(path)", text) } }

  private func publish(_ journal: PublishJournal) throws {
    let set = journal.begin()
    try set.write("Outputs/a.jsonl", Array("new a".utf8))
    let file = try set.create("Outputs/deep/er/b.jsonl")
    try file.write(Array("new ".utf8))
    try file.write(Array("b".utf8))
    try file.close()
    try set.remove("Outputs/gone.jsonl")
    try set.remove("Outputs/was-never-there.jsonl")
    try set.commit()
  }

  /// The published files and their texts; temporaries and journals appear under their names.
  private func state(_ name: String) -> [String: String] {
    var state: [String: String] = [:]
    for file in scratch.files(name) { state[String(file.dropFirst(name.count + 1))] = String(decoding: scratch.read(file), as: UTF8.self) }
    return state
  }

  @Test func aSetAppears() throws {
    prepare("x")
    let same = Files.status(scratch + "x/Outputs/same.jsonl")!
    try publish(journal("x"))
    #expect(state("x") == Self.after)
    let now = Files.status(scratch + "x/Outputs/same.jsonl")!
    #expect(now.st_ino == same.st_ino && now.modifiedNanoseconds == same.modifiedNanoseconds)
    #expect(journal("x").recover() == PublishJournal.Recovery())
  }

  @Test func anEmptySetWritesNothing() throws {
    try journal("x").begin().commit()
    #expect(scratch.files().isEmpty)
  }

  @Test func aDiscardedSetLeavesNothing() throws {
    prepare("x")
    do {
      let set = journal("x").begin()
      try set.write("Outputs/a.jsonl", [1])
      let open = try set.create("Outputs/c.jsonl")
      try open.write([2])
      try set.remove("Outputs/gone.jsonl")
    }
    #expect(state("x") == Self.before)
  }

  @Test func aLiveSetIsLeftAlone() throws {
    prepare("x")
    let set = journal("x").begin()
    try set.write("Outputs/a.jsonl", Array("new a".utf8))
    try set.remove("Outputs/gone.jsonl")
    #expect(journal("x").recover() == PublishJournal.Recovery())
    try set.commit()
    #expect(state("x")["Outputs/a.jsonl"] == "new a")
  }

  @Test func aCrashAtAnyOperationLeavesTheOldSetOrTheNewOne() throws {
    var outcomes: Set<String> = []
    for n in 1... {
      let name = "crash-\(n)"
      prepare(name)
      let crash = CrashingDisk(failAt: n)
      do {
        try publish(journal(name, crash.disk))
        #expect(!crash.hasFailed)
      } catch is StoreError {}
      // The recovery crashes as well, at every operation of its own, before one gets through.
      for m in 1... {
        let again = CrashingDisk(failAt: m)
        let recovery = journal(name, again.disk).recover()
        if !again.hasFailed {
          #expect(recovery.failures == [])
          break
        }
      }
      let state = state(name)
      #expect(state == Self.before || state == Self.after, "crash at operation \(n)")
      outcomes.insert(state == Self.before ? "old" : "new")
      #expect(journal(name).recover() == PublishJournal.Recovery())
      if !crash.hasFailed { break }
    }
    #expect(outcomes == ["old", "new"])
  }

  @Test func aFailureBeforeTheIntentLeavesEverythingAsItWas() throws {
    for n in 1... {
      let name = "once-\(n)"
      prepare(name)
      let fault = CrashingDisk(failAt: n, manner: .once(EIO))
      do {
        try publish(journal(name, fault.disk))
        #expect(!fault.hasFailed)
        #expect(state(name) == Self.after)
        return
      } catch let error as StoreError {
        #expect(error.code == EIO)
      }
      if state(name) != Self.before {
        // The intent was written: the set is under way, and recovery ends it.
        #expect(scratch.files(name).contains { $0.contains("/.pipe/publish/") })
        _ = journal(name).recover()
        #expect(state(name) == Self.after, "failure at operation \(n)")
      }
    }
  }

  @Test func aFullDiskLeavesTheOldSet() throws {
    for n in 1...5 {
      let name = "full-\(n)"
      prepare(name)
      let error = #expect(throws: StoreError.self) { try publish(journal(name, CrashingDisk(failAt: n, manner: .full).disk)) }
      #expect(error?.kind == .diskFull)
      #expect(state(name) == Self.before)
    }
  }

  @Test func aJournalCutAtAnyByteMeansOldOrNew() throws {
    // A set whose process died right before the renames.
    var length = 0
    for cut in 0... {
      let name = "cut-\(cut)"
      prepare(name)
      let session = "dead"
      var lines: [UInt8] = []
      lines += PublishIntent.line("root", scratch + name)
      lines += PublishIntent.line("dir", "Outputs")
      lines += PublishIntent.line("rename", "Outputs/.pipe-set-dead-0", "Outputs/a.jsonl")
      lines += PublishIntent.line("remove", "Outputs/gone.jsonl")
      lines += PublishIntent.line("intent", "2")
      length = lines.count
      scratch.write("\(name)/Outputs/.pipe-set-dead-0", "new a")
      scratch.write("\(name)/.pipe/publish/\(session)", Array(lines.prefix(cut)))
      let recovery = journal(name).recover()
      var expected = Self.before
      let dirEnds = PublishIntent.line("root", scratch + name).count + PublishIntent.line("dir", "Outputs").count
      if cut == length {
        expected["Outputs/a.jsonl"] = "new a"
        expected["Outputs/gone.jsonl"] = nil
        #expect(recovery.completed == ["Outputs/a.jsonl", "Outputs/gone.jsonl"])
      } else if cut < dirEnds {
        // The temporary is made only after its line is written.
        expected["Outputs/.pipe-set-dead-0"] = "new a"
      }
      #expect(state(name) == expected, "cut at \(cut)")
      if cut == length { return }
    }
  }

  @Test func aMovedWorkspaceIsRecoveredWhereItIs() throws {
    var halfDone = 0
    for n in 1... {
      prepare("old-\(n)")
      let crash = CrashingDisk(failAt: n)
      try? publish(journal("old-\(n)", crash.disk))
      let left = state("old-\(n)")
      rename(scratch + "old-\(n)", scratch + "new-\(n)")
      let recovery = journal("new-\(n)").recover()
      #expect(recovery.failures == [])
      let found = state("new-\(n)")
      #expect(found == Self.before || found == Self.after, "crash at operation \(n)")
      if left["Outputs/a.jsonl"] == "new a", found != left { halfDone += 1 }
      #expect(state("old-\(n)") == [:])
      if !crash.hasFailed { break }
    }
    #expect(halfDone > 0)
  }

  @Test func namesOfAnyKindAreFine() throws {
    let names = ["with\ttab", "with\nnewline", "100%", "%41", "ünïcödé", ".hidden", "-dash", String(repeating: "x", count: 255)]
    let crash = CrashingDisk(failAt: 1_000_000)
    let set = journal("x", crash.disk).begin()
    for name in names { try set.write("Outputs/\(name)", Array(name.utf8)) }
    try set.commit()
    #expect(state("x") == Dictionary(uniqueKeysWithValues: names.map { ("Outputs/\($0)", $0) }))
    let line = PublishIntent.line("remove", names[0] + names[1] + names[2] + names[3])
    #expect(PublishIntent(journal: line).changes == [.init(temporary: nil, target: names[0] + names[1] + names[2] + names[3])])
  }

  @Test func aDirectoryInTheWayIsFoundBeforeAnythingHappens() throws {
    prepare("x")
    scratch.write("x/Outputs/b/c", "in the way")
    let set = journal("x").begin()
    try set.write("Outputs/a.jsonl", [1])
    let error = #expect(throws: StoreError.self) { try set.write("Outputs/b", [2]) }
    #expect(error?.description == "cannot write `\(scratch + "x/Outputs/b")`: is a directory")
    set.discard()
    #expect(state("x")["Outputs/a.jsonl"] == "old a")
  }

  @Test func atomicWritesLeaveOldOrNewAndAbandonedOnesAreSwept() throws {
    for n in 1... {
      let path = "atomic-\(n)/x.lock"
      scratch.write(path, "old")
      let crash = CrashingDisk(failAt: n)
      do {
        try AtomicFile.write(scratch + path, Array("new".utf8), sync: true, disk: crash.disk)
        #expect(scratch.read(path) == Array("new".utf8))
      } catch {
        #expect(scratch.read(path) == Array("old".utf8) || scratch.read(path) == Array("new".utf8))
      }
      _ = journal("x").recover(sweeping: [scratch + "atomic-\(n)"])
      #expect(scratch.files("atomic-\(n)") == [path])
      if !crash.hasFailed { return }
    }
  }
}

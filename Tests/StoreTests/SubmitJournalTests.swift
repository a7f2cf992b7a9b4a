import Testing

@testable import Store

/// What is known of a submission survives whatever happens while it is written down.
@Suite struct SubmitJournalTests {
  private static let steps: [SubmitJournal.Step] = [
    .intent(attempt: 1, backend: "local", stage: "fit@de/1", manifest: "Manifests/a\tb\n%.yaml"), .handle(attempt: 1, "local"),
    .ended(attempt: 1, "`sh train.sh` ended with exit code 3"), .abandoned(attempt: 1), .intent(attempt: 2, backend: "local", stage: "fit", manifest: "m.yaml"),
    .ended(attempt: 2, SubmitJournal.done), .taken(attempt: 2),
  ]

  @Test func stepsAreReadAsTheyWereWritten() throws {
    let scratch = Scratch()
    let journal = SubmitJournal(directory: scratch + "submit/k")
    #expect(try journal.steps() == [])
    for step in Self.steps { try journal.append(step) }
    #expect(try journal.steps() == Self.steps)
  }

  @Test func aTornLineWasNeverWritten() throws {
    let scratch = Scratch()
    let journal = SubmitJournal(directory: scratch + "k")
    try journal.append(Self.steps[0])
    let whole = scratch.read("k/journal")
    try journal.append(Self.steps[1])
    let both = scratch.read("k/journal")
    for end in whole.count..<both.count {
      scratch.write("k/journal", Array(both[..<end]))
      #expect(try journal.steps().count <= 2)
      #expect(try journal.steps().first == Self.steps[0])
      // What comes after it is whole again.
      try journal.append(Self.steps[2])
      #expect(try journal.steps().last == Self.steps[2])
      #expect(try journal.steps().allSatisfy { Self.steps.contains($0) })
    }
  }

  @Test func aCrashLeavesTheStepOrNothing() throws {
    for number in 1... {
      let scratch = Scratch()
      let crash = CrashingDisk(failAt: number)
      let journal = SubmitJournal(directory: scratch + "submit/k", disk: crash.disk)
      var written = 0
      do throws(StoreError) {
        for step in Self.steps.prefix(3) {
          try journal.append(step)
          written += 1
        }
      } catch {}
      let found = try SubmitJournal(directory: scratch + "submit/k").steps()
      // A step that was reported as written is there; one more may be.
      #expect(found.count >= written && found.count <= written + 1, "operation \(number)")
      #expect(found == Array(Self.steps.prefix(found.count)))
      if !crash.hasFailed {
        #expect(written == 3)
        break
      }
    }
  }

  @Test func whatIsDurableIsThereForAnotherProcess() throws {
    let scratch = Scratch()
    let store = try Store(directory: scratch + "store")
    let large = try store.put([UInt8](repeating: 7, count: 40_000))
    let small = try store.put(Array("small".utf8))
    try store.record(.effect, small, Array("local".utf8))
    try store.makeDurable([large, small])
    // Nothing was closed or flushed.
    let other = try Store(directory: scratch + "store")
    #expect(try other.get(large)?.count == 40_000)
    #expect(try other.get(small) == Array("small".utf8))
    #expect(try other.entry(.effect, small) == Array("local".utf8))
    withExtendedLifetime(store) {}
  }
}

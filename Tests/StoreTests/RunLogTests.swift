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

@Suite struct RunLogTests {
  let scratch = Scratch()
  private var runs: String { scratch + "runs" }
  private let id = RunID(milliseconds: 1_469_918_176_385, random: (0, 42))

  @Test func namesSortByTimeAndReadBack() {
    #expect(RunID(milliseconds: 1_469_918_176_385, random: (0, 0)).text == "01aryz6s41" + String(repeating: "0", count: 16))
    #expect(RunID(milliseconds: UInt64.max, random: (.max, .max)).text == "7" + String(repeating: "z", count: 25))
    var last = RunID(milliseconds: 0, random: (.max, .max))
    var random = SeededGenerator(seed: 4)
    for milliseconds in [1, 2, 1000, 1_800_000_000_000, 1_800_000_000_001] as [UInt64] {
      let id = RunID(milliseconds: milliseconds, random: (random.next(), random.next()))
      #expect(id > last && id.milliseconds == milliseconds && RunID(id.text.uppercased()) == id)
      last = id
    }
    for wrong in [
      "", "01aryz6s41", "8" + String(repeating: "0", count: 25), "01aryz6s41" + String(repeating: "u", count: 16),
      "../../../../../../../../../x",
    ] {
      #expect(RunID(wrong) == nil)
    }
    #expect(RunID.now() != RunID.now())
  }

  @Test func eventsComeBackAndAreValidJSONLines() throws {
    let log = RunLog(runs: runs, id: id)
    #expect(scratch.files() == [])
    for event in ["{}", "{\"a\":1}", "{\"check\":\"0123456789abcdef\"}", "{\"text\":\"ü,\\n}\"}"] { try log.append(Array(event.utf8)) }
    try log.close()
    let text = String(decoding: scratch.read("runs/\(id)/events.jsonl"), as: UTF8.self)
    #expect(text.hasPrefix("{\"check\":\"") && text.contains("\n{\"a\":1,\"check\":\""))
    let events = try #require(try RunHistory(runs: runs).events(of: id))
    #expect(
      events.objects.map { String(decoding: $0, as: UTF8.self) } == [
        "{}", "{\"a\":1}", "{\"check\":\"0123456789abcdef\"}", "{\"text\":\"ü,\\n}\"}",
      ])
    #expect(!events.isTorn && events.damagedLines == 0)
  }

  @Test func tornAndDamagedLinesAreToldApart() throws {
    let log = RunLog(runs: runs, id: id)
    for number in 0..<3 { try log.append(Array("{\"n\":\(number)}".utf8)) }
    try log.close()
    let name = "runs/\(id)/events.jsonl"
    let whole = scratch.read(name)
    let length = whole.count / 3
    for cut in 0...whole.count {
      scratch.write(name, Array(whole[..<cut]))
      let events = try #require(try RunHistory(runs: runs).events(of: id))
      #expect(events.objects.count == cut / length && events.isTorn == (cut % length != 0) && events.damagedLines == 0)
    }
    for at in length..<(2 * length - 1) {
      var bytes = whole
      bytes[at] ^= 1
      scratch.write(name, bytes)
      let events = try #require(try RunHistory(runs: runs).events(of: id))
      // The damaged line is gone, its neighbours are not.
      #expect(events.objects == [Array("{\"n\":0}".utf8), Array("{\"n\":2}".utf8)], "damaged at \(at)")
      #expect(events.damagedLines >= 1)
    }
  }

  @Test func runsAreListedNewestFirstAndKnowWhetherTheyLive() throws {
    let history = RunHistory(runs: runs)
    #expect(history.list() == [])
    var ids: [RunID] = []
    for milliseconds in [5, 3, 9] as [UInt64] {
      let id = RunID(milliseconds: milliseconds, random: (0, 0))
      ids.append(id)
      let log = RunLog(runs: runs, id: id)
      try log.append(Array("{}".utf8))
      try log.flush()
      #expect(history.isLive(id))
      #expect(try !history.remove(id))
      try log.close()
      #expect(!history.isLive(id))
    }
    #expect(history.list() == [ids[2], ids[0], ids[1]])
    scratch.write("runs/\(ids[0])/logs/x.log", "hello")
    #expect(try history.remove(ids[0]))
    #expect(history.list() == [ids[2], ids[1]])
    #expect(try history.events(of: ids[0]) == nil)
  }

  @Test func aLogThatCannotBeWrittenSaysSoAndGoesOn() throws {
    for n in 1... {
      let id = RunID(milliseconds: UInt64(n), random: (0, 0))
      let fault = CrashingDisk(failAt: n, manner: .once(EIO))
      let log = RunLog(runs: runs, id: id, disk: fault.disk)
      for number in 0..<5 {
        try log.append(Array("{\"n\":\(number)}".utf8))
        do { try log.flush() } catch { try log.flush() }
      }
      try log.close()
      let events = try #require(try RunHistory(runs: runs).events(of: id))
      #expect(events.objects.count == 5 && events.damagedLines == 0)
      if !fault.hasFailed { return }
    }
  }

  @Test func stageLogsHaveSafeNames() throws {
    let log = RunLog(runs: runs, id: id)
    let names = try ["clean", "a/b", "../../x", ".hidden", "a b", "a_b", String(repeating: "x", count: 300), "ü"].map {
      try log.stageLog($0)
    }
    #expect(Set(names).count == names.count)
    #expect(names[0] == runs + "/\(id)/logs/clean.log")
    for name in names {
      try AtomicFile.write(name, [1], sync: false)
      #expect(name.dropFirst((runs + "/\(id)/logs/").count).contains("/") == false)
    }
    #expect(RunHistory(runs: runs).stageLog(id, "a/b") == names[1])
    #expect(scratch.files("runs/\(id)/logs").count == names.count)
  }
}

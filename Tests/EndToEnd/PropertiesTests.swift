import Foundation
import Testing

extension HeavyTests {
  /// Cost follows change: what an edit may run again, on tables of more than 200 chunks.
  @Suite struct PropertiesTests {
    private static let chunkWise = ["tickets", "pairs", "dataset"]

    @Test(arguments: [11, 12, 13] as [UInt64]) func costFollowsChange(_ seed: UInt64) throws {
      let workspace = TicketWorkspace()
      var random = Seeded(seed)
      var data = TicketData(count: 80_000, seed: seed)
      try data.setUp(workspace.folder)
      let first = try workspace.runs()
      for stage in Self.chunkWise {
        try #require(try first.stage(stage).tasks >= 200, "\(stage)")
      }
      #expect(try workspace.runs().ran == 0)

      // Every kind of change is compared with a run from nothing for the first seed, the sum of all changes for every seed.
      let isCompared = seed == 11
      func afterwards(_ what: String, atMost limit: Int, compared: Bool) throws {
        let summary = try workspace.runs()
        for stage in Self.chunkWise {
          let ran = try summary.stage(stage).ran
          #expect(ran <= limit, "seed \(seed): \(what): \(ran) of \(stage) ran")
        }
        #expect(try summary.stage("tickets").ran > 0, "seed \(seed): \(what): nothing was noticed")
        #expect(try summary.stage("data/labels.jsonl").ran == 0)
        if compared {
          let fresh = try workspace.fresh()
          #expect(workspace.differing(from: fresh) == [], "seed \(seed): \(what)")
          #expect(try workspace.runs().ran == 0, "seed \(seed): \(what), second run")
        }
      }
      func write() throws {
        try workspace.folder.write("data/tickets.jsonl", data.rows.joined(separator: "\n") + "\n")
      }

      for round in 0..<4 {
        let edited = random.below(data.rows.count)
        data.rows[edited] = TicketData.row(Self.id(of: data.rows[edited]), &random)
        try write()
        try afterwards("edit of row \(edited)", atMost: 2, compared: isCompared && round == 0)

        let inserted = random.below(data.rows.count)
        data.rows.insert(TicketData.row("N\(round)", &random), at: inserted)
        try write()
        try afterwards("insert at row \(inserted)", atMost: 2, compared: isCompared && round == 1)

        let deleted = random.below(data.rows.count)
        data.rows.remove(at: deleted)
        try write()
        try afterwards("delete of row \(deleted)", atMost: 2, compared: isCompared && round == 2)

        data.rows.insert(TicketData.row("F\(round)", &random), at: 0)
        try write()
        try afterwards("insert \(round) at the front", atMost: 2, compared: isCompared && round == 3)
      }

      // Labels: the chunks of the table are known without reading it.
      for round in 0..<2 {
        for index in random.different(10, below: data.labels.count) {
          let name = TicketData.classes.first { !data.labels[index].contains("\"\($0)\"") }!
          data.labels[index] = TicketData.label("T\(index)", name)
        }
        try workspace.folder.write("data/labels.jsonl", data.labels.joined(separator: "\n") + "\n")
        let summary = try workspace.runs()
        #expect(try summary.stage("tickets").ran == 0)
        let pairs = try summary.stage("pairs").ran
        #expect(pairs >= 1 && pairs <= 10, "seed \(seed): ten labels: \(pairs) of pairs ran")
        if round == 1 {
          let fresh = try workspace.fresh()
          #expect(workspace.differing(from: fresh) == [], "seed \(seed): ten labels")
        }
      }
      // What nobody reads of a label costs nothing.
      let shifted = random.below(data.labels.count)
      data.labels[shifted] = data.labels[shifted].replacingOccurrences(of: ":0.9}", with: ":0.8}")
      try workspace.folder.write("data/labels.jsonl", data.labels.joined(separator: "\n") + "\n")
      let summary = try workspace.runs()
      #expect(try summary.stage("data/labels.jsonl").ran > 0)
      #expect(try summary.stage("pairs").ran == 0)
      #expect(try summary.stage("dataset").ran == 0)
    }

    private static func id(of row: String) -> String {
      String(row.dropFirst(7).prefix { $0 != "\"" })
    }
  }
}

import Engine
import Foundation
import Lineage
import Rows
import Testing

/// Against a comparison of all rows: random edits, the same counts, nothing left unexplained.
@Suite struct RandomEditTests {
  @Test func countsAreThoseOfAComparisonOfAllRows() throws {
    for seed: UInt64 in 1...2 {
      var random = Seeded(seed)
      let workspace = try Story.workspace(rows: 200)
      // Long enough for several chunks.
      let filler = String(repeating: "lorem ipsum ", count: 55)
      var tickets = Story.tickets(200).map { $0.replacingOccurrences(of: "message", with: "message \(filler)") }
      var labels = Story.labels(200)
      try workspace.write("Datasets/tickets.jsonl", Story.text(tickets))
      try workspace.replace(GitWorkspace.manifest, "format: openai-chat", "format: jsonl")
      try workspace.commit("step-0")
      var before = try Self.outputs(workspace)
      var next = 1000
      for step in 1...5 {
        for _ in 0..<Int.random(in: 1...6, using: &random) {
          let row = Int.random(in: 0..<tickets.count, using: &random)
          switch Int.random(in: 0..<6, using: &random) {
          case 0: tickets[row] = tickets[row].replacingOccurrences(of: "\"}", with: "!\"}")
          case 1: tickets.remove(at: row)
          case 2:
            next += 1
            tickets.insert("{\"id\":\"T-\(next)\",\"channel\":\"mail\",\"text\":\"a new one\"}", at: row)
            labels.append(Story.labels(next).last!)
          case 3: labels[row] = labels[row].replacingOccurrences(of: "login", with: "other")
          case 4: labels.remove(at: Int.random(in: 0..<labels.count, using: &random))
          default: try workspace.write("Pipelines/ask.jinja", Story.template + "{% if channel == 'chat' %}\(step).\(row){% endif %}\n")
          }
        }
        try workspace.write("Datasets/tickets.jsonl", Story.text(tickets))
        try workspace.write("Datasets/labels.jsonl", Story.text(labels))
        try workspace.commit("step-\(step)")
        let after = try Self.outputs(workspace)
        let model = try workspace.session().diff("step-\(step - 1)..step-\(step)", rows: nil)
        for (index, output) in model.outputs.enumerated() {
          let old = before[index]
          let new = after[index]
          let other = before[1 - index]
          #expect(output.rowsBefore == old.count && output.rowsAfter == new.count, "seed \(seed), step \(step)")
          #expect(output.edited == new.keys.count { old[$0] != nil && old[$0] != new[$0] }, "seed \(seed), step \(step)")
          #expect(output.added == new.keys.count { old[$0] == nil && other[$0] == nil }, "seed \(seed), step \(step)")
          let others = after[1 - index]
          #expect(output.removed == old.keys.count { new[$0] == nil && others[$0] == nil }, "seed \(seed), step \(step)")
          #expect(output.rows.count == output.changed + output.crossed, "seed \(seed), step \(step)")
        }
        #expect(model.unexplained == 0, "seed \(seed), step \(step)")
        #expect(model.outputs.flatMap(\.rows).allSatisfy { !$0.causes.isEmpty }, "seed \(seed), step \(step)")
        before = after
      }
    }
  }

  /// The rows of train and eval by key.
  private static func outputs(_ workspace: GitWorkspace) throws -> [[String: String]] {
    ["train", "eval"].map { name in
      var rows: [String: String] = [:]
      for line in workspace.read("Outputs/case/\(name).jsonl").split(separator: "\n") {
        let object = (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any]
        if let id = object?["id"] as? String { rows[id] = String(line) }
      }
      return rows
    }
  }

  /// SplitMix64.
  private struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }
}

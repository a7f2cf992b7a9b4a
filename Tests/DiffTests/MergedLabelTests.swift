import Diagnostics
import Engine
import Foundation
import Lineage
import Reports
import Testing

/// Labels that are merged out of votes: whose votes moved them, and what only the model's estimate did.
@Suite struct MergedLabelTests {
  private static let manifest = """
    schema: pipe/v1
    name: case
    label_types: { intent: { kind: class, classes: [a, b] } }
    stages:
      items: { kind: ingest, from: Datasets/items.jsonl, row_key: id, sheet: items }
      labels:
        kind: label-merge
        from: ${stages.items}
        votes: Datasets/votes.csv
        columns: { item: task, annotator: who }
        label_type: intent
        method: dawid-skene
      pairs:
        kind: assemble
        from: ${stages.items}
        labels: ${stages.labels}
        label_type: intent
        messages: [{ role: user, content: "{{ text }}" }, { role: assistant, content: "{{ intent }}" }]
      dataset: { kind: export, from: "${stages.pairs}", format: jsonl, to: Outputs/case/rows.jsonl }

    """

  /// Forty items, three annotators; the third errs now and then.
  private static func votes(_ change: (inout [String: String]) -> Void = { _ in }) -> String {
    var votes: [String: String] = [:]
    for item in 1...40 {
      let truth = item % 2 == 0 ? "a" : "b"
      let other = truth == "a" ? "b" : "a"
      votes["i\(item) w1"] = truth
      votes["i\(item) w2"] = item % 9 == 0 ? other : truth
      votes["i\(item) w3"] = item % 5 == 0 ? other : truth
    }
    change(&votes)
    let lines = votes.map { pair in pair.key.split(separator: " ").map(String.init) + [pair.value] }
    return "task,who,label\n" + lines.sorted { ($0[0].count, $0[0], $0[1]) < ($1[0].count, $1[0], $1[1]) }.map { $0.joined(separator: ",") + "\n" }.joined()
  }

  private func workspace(_ votes: String) throws -> GitWorkspace {
    let workspace = try GitWorkspace()
    try workspace.write(GitWorkspace.manifest, Self.manifest)
    try workspace.write("Datasets/items.jsonl", (1...40).map { "{\"id\":\"i\($0)\",\"text\":\"text \($0)\"}\n" }.joined())
    try workspace.write("Datasets/votes.csv", votes)
    try workspace.commit("base")
    return workspace
  }

  @Test func votesBeforeAndAfterAndWhose() throws {
    let workspace = try workspace(Self.votes())
    // Two of three change their mind on one item; somebody new votes on another, which changes nothing.
    try workspace.write(
      "Datasets/votes.csv",
      Self.votes { votes in
        votes["i2 w1"] = "b"
        votes["i2 w2"] = "b"
        votes["i8 w9"] = "a"
      })
    try workspace.run()
    let model = try workspace.session().diff()
    let move = try #require(model.labelMoves.first { $0.key == "i2" })
    #expect(move.before == "\"a\"" && move.after == "\"b\"")
    #expect(move.by == "w1, w2")
    #expect(move.votesBefore == "{\"a\":3}")
    #expect(move.votesAfter == "{\"a\":1,\"b\":2}")
    #expect(!move.isByOthers)
    #expect(model.unexplained == 0)
    let cause = try #require(model.causes.first { $0.bucket == .labels })
    #expect(cause.edits.map(\.by) == ["w1", "w2"])
    #expect(DiffText(model).render().contains("w1, w2, Datasets/votes.csv:5, votes a 3 → a 1, b 2"))
    let agreement = try #require(model.scores.first { $0.stage == "labels" && $0.name == "agreement.alpha" })
    #expect(agreement.before != agreement.after)
    #expect(DiffText(model).render().contains("agreement.alpha 0."))
    // The stage itself: what its votes changed, and what its model did with the rest.
    let labels = try workspace.session().diff(output: "labels")
    let rows = try #require(labels.outputs.first { $0.name == "labels" })
    #expect(rows.labelsMoved >= 1)
    #expect(rows.edited + rows.estimatesWithin + rows.estimatesBeyond > 2)
    #expect(labels.labelMoves.contains { $0.key.contains("i2") && $0.votesAfter == "{\"a\":1,\"b\":2}" })
  }

  @Test func aLabelThatOthersVotesMoveSaysSo() throws {
    // On i40 w2 and w3 disagree with w1; who is right is decided by how they did elsewhere.
    func votes(_ worse: String) -> String {
      Self.votes { votes in
        for item in 1...40 {
          let truth = item % 2 == 0 ? "a" : "b"
          votes["i\(item) w1"] = truth
          votes["i\(item) w2"] = truth
          votes["i\(item) w3"] = truth
        }
        votes["i40 w1"] = "b"
        votes["i40 w2"] = "a"
        votes["i40 w3"] = nil
        for item in 1...12 { votes["i\(item) \(worse)"] = item % 2 == 0 ? "b" : "a" }
      }
    }
    let workspace = try workspace(votes("w1"))
    try workspace.write("Datasets/votes.csv", votes("w2"))
    try workspace.run()
    let model = try workspace.session().diff()
    let move = try #require(model.labelMoves.first { $0.key == "i40" })
    #expect(move.before == "\"a\"" && move.after == "\"b\"")
    #expect(move.isByOthers)
    #expect(move.votesBefore == move.votesAfter)
    let cause = try #require(model.causes.first { $0.bucket == .otherVotes })
    #expect(cause.subject == "`labels` weighs annotators by all votes of `Datasets/votes.csv`")
    #expect(Set(cause.edits.compactMap(\.by)) == ["w1", "w2"])
    #expect(cause.editCount == 24)
    #expect(model.unexplained == 0)
    #expect(DiffMarkdown(model).render().contains("moved by votes on other items"))
  }

  @Test func whatOnlyTheModelEstimatesIsCountedApart() throws {
    let workspace = try workspace(Self.votes())
    // One vote on one item shifts everybody's weight a little.
    try workspace.write("Datasets/votes.csv", Self.votes { $0["i39 w3"] = "a" })
    try workspace.run()
    let model = try workspace.session().diff(output: "labels")
    let rows = try #require(model.outputs.first { $0.name == "labels" })
    #expect(rows.edited == 1)
    #expect(rows.estimatesWithin + rows.estimatesBeyond > 5)
    #expect(model.unexplained == 0)
    // Nothing of it reaches the rows of the set, but for the label that it is about.
    #expect(try workspace.session().diff().estimates == 0)
    for text in [DiffText(model).render(), DiffMarkdown(model).render()] { #expect(text.contains("stimates alone moved, in rows of")) }
    #expect(model.json.compact.contains("\"tolerance\":0.01"))
    #expect(model.version.change == .none || model.version.change == .changed)
  }
}

import Diagnostics
import Engine
import Foundation
import Testing

/// What an edit costs, that the order of votes moves no byte, and where a label came from.
@Suite struct LabelMergeTests {
  static let head = "label_types: { intent: { kind: class, classes: [a, b, c, d] } }\n"
  static let stages = """
    tickets: { kind: ingest, from: Datasets/tickets.jsonl, row_key: id, sheet: tickets }
    labels: { kind: label-merge, from: "${stages.tickets}", votes: Datasets/votes.csv, label_type: intent, method: dawid-skene }
    pairs:
      kind: assemble
      from: ${stages.tickets}
      labels: ${stages.labels}
      messages: [ { role: user, content: "{{ text }}" }, { role: assistant, content: "{{ intent }}" } ]
    dataset:
      kind: export
      from: ${stages.pairs}
      format: jsonl
      gate: { status: [labeled, approved] }
      to: Outputs/case/rows.jsonl

    """

  /// A generator of its own: the same numbers everywhere.
  struct Numbers {
    var state: UInt64
    mutating func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound))
    }
  }

  static func tickets(_ count: Int) -> [String] {
    (0..<count).map { "{\"id\":\"T-\($0)\",\"text\":\"\(String(repeating: "ticket \($0) ", count: 30))\"}" }
  }

  static func votes(_ count: Int) -> [String] {
    var numbers = Numbers(state: 5)
    return (0..<count).flatMap { item in
      (0..<(1 + numbers.next(5))).map { annotator in
        "T-\(item),w\(annotator),\(["a", "b", "c", "d"][numbers.next(10) < 6 ? item % 4 : numbers.next(4)])"
      }
    }
  }

  static func text(_ lines: [String], header: String? = nil) -> String { ((header.map { [$0] } ?? []) + lines).map { $0 + "\n" }.joined() }

  static func bench(_ tickets: [String], _ votes: [String], stages: String = stages) throws -> Bench {
    try Bench(
      stages: stages, head: head,
      files: [("Datasets/tickets.jsonl", text(tickets)), ("Datasets/votes.csv", text(votes, header: "item,annotator,label"))])
  }

  static func stage(_ name: String, _ report: RunReport) throws -> StageReport { try #require(report.stages.first { $0.name == name }) }

  @Test(arguments: ["majority", "wawa", "zbs", "dawid-skene", "one-coin"]) func orderOfVotesMovesNoByte(_ method: String) throws {
    var votes = Self.votes(300)
    let stages = Self.stages.replacingOccurrences(of: "dawid-skene", with: method)
    func outputs() throws -> [String] {
      let bench = try Self.bench(Self.tickets(300), votes, stages: stages)
      let session = try bench.run().session
      return try ["rows", "posteriors", "disagreements", "annotators"].map { port in
        try session.show("labels.\(port)", count: 1000).rows.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
      }
    }
    let first = try outputs()
    #expect(first.allSatisfy { !$0.isEmpty })
    var numbers = Numbers(state: 11)
    for _ in 0..<3 {
      for place in votes.indices.dropLast() { votes.swapAt(place, place + numbers.next(votes.count - place)) }
      #expect(try outputs() == first)
    }
  }

  @Test func editsCostWhatTheyChange() throws {
    let count = 6000
    var tickets = Self.tickets(count)
    var votes = Self.votes(count)
    let bench = try Self.bench(tickets, votes)
    let first = try bench.run().report
    #expect(first.exitCode == 0)
    #expect(try Self.stage("pairs", first).tasks >= 6)
    #expect(try bench.run().report.ran == 0)

    // The text of a ticket is none of the labels' business.
    tickets[3000] = tickets[3000].replacingOccurrences(of: "ticket 3000 ticket 3000", with: "edited")
    try bench.scratch.write("Datasets/tickets.jsonl", Self.text(tickets))
    let edited = try bench.run().report
    let labels = try Self.stage("labels", edited)
    // Chunks are cut by content: an edit may move a cut, and then positions are others though labels are not.
    #expect(labels.outputs.map(\.content) == (try Self.stage("labels", first)).outputs.map(\.content))
    if try Self.stage("tickets", edited).tasks == (try Self.stage("tickets", first)).tasks { #expect(labels.status == .cached) }
    #expect((1...2).contains(try Self.stage("pairs", edited).ran))

    // Five votes: their chunks are read again, and of the examples those whose label moved.
    for place in [10, 11, 5000, 9000, 9001] { votes[place] = votes[place].replacingOccurrences(of: ",a", with: ",b") }
    votes[12] = String(votes[12].dropLast()) + (votes[12].hasSuffix("c") ? "d" : "c")
    try bench.scratch.write("Datasets/votes.csv", Self.text(votes, header: "item,annotator,label"))
    let voted = try bench.run().report
    #expect(try Self.stage("labels", voted).status == .ran)
    #expect(try Self.stage("tickets", voted).ran == 0)
    #expect(try Self.stage("pairs", voted).ran <= 6)

    // The same from nothing, with another number of workers.
    let fresh = try Self.bench(tickets, votes)
    _ = try fresh.run { $0.jobs = 4 }
    #expect(fresh.scratch.read("Outputs/case/rows.jsonl") == bench.scratch.read("Outputs/case/rows.jsonl"))
  }

  @Test func aLabelComesFromItsVotes() throws {
    let bench = try Self.bench(Self.tickets(3), ["T-0,x,a", "T-1,x,b", "T-0,y,a", "T-0,z,c"])
    let (session, report) = try bench.run()
    #expect(report.exitCode == 0)
    let node = try session.trace("labels.rows:1")
    let lines = node.parents.map { parent in
      var parent = parent
      while let first = parent.parents.first { parent = first }
      return parent.place
    }
    #expect(
      lines == [
        .line(file: "Datasets/tickets.jsonl", line: 1), .line(file: "Datasets/votes.csv", line: 2), .line(file: "Datasets/votes.csv", line: 4),
        .line(file: "Datasets/votes.csv", line: 5),
      ])
    // A ticket without a label is held back by the gate.
    #expect(try Self.stage("dataset", report).dropped.map(\.count) == [1])
    #expect(try Self.stage("labels", report).rowsIn == 3)
  }

  /// What a reduction made is made again when the store has lost it, also in another run.
  @Test func lostLabelsAreMergedAgain() throws {
    let bench = try Self.bench(Self.tickets(40), Self.votes(40))
    let rows = try bench.rows("labels.rows", try bench.run().session)
    #expect(!rows.isEmpty)
    let blobs = bench.scratch.root + "/.pipe/packs"
    try? FileManager.default.removeItem(atPath: blobs)
    let again = try bench.run()
    #expect(again.report.exitCode == 0)
    #expect(try bench.rows("labels.rows", again.session) == rows)
  }
}

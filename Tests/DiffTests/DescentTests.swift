import Diagnostics
import Engine
import Lineage
import Reports
import Rows
import Testing

/// What came of a row, against the ways up of all rows.
@Suite struct DescentTests {
  static let manifest = """
    schema: pipe/v1
    name: case
    version: 1.0.0
    label_types: { intent: { kind: class, classes: [billing, login, other] } }
    stages:
      tickets:
        kind: ingest
        from: Datasets/tickets-*.jsonl
        row_key: id
        sheet: tickets
        join: [{ from: Datasets/customers.csv, key: customer, columns: [plan] }]
        where: "text | length >= 8"
        trace_by: [channel]
      labels:
        kind: label-merge
        from: ${stages.tickets}
        votes: Datasets/votes.csv
        columns: { item: id, annotator: worker }
        label_type: intent
        method: majority
      pairs:
        kind: assemble
        from: ${stages.tickets}
        labels: ${stages.labels}
        label_type: intent
        messages:
          - { role: user, template: Pipelines/ask.jinja }
          - { role: assistant, content: "{{ intent }}" }
      dataset:
        kind: export
        from: ${stages.pairs}
        format: openai-chat
        split: { by: customer, into: { train: 0.7, eval: 0.3 } }
        gate: { status: [labeled, approved] }
        to: Outputs/case/${split}.jsonl
      fit:
        kind: train-submit
        from: ${stages.dataset.train}
        backend: { kind: classifier, features: [text], target: intent }
      quality:
        kind: evaluate
        model: ${stages.fit}
        from: ${stages.dataset.eval}
        gold: intent
        metrics: [accuracy]

    """

  /// So many tickets that a table has several chunks.
  private static let count = 800

  private static func workspace(hasModel: Bool = false) throws -> GitWorkspace {
    let workspace = try GitWorkspace(isRepository: false)
    try workspace.write(GitWorkspace.manifest, hasModel ? manifest : String(manifest[..<manifest.firstRange(of: "  fit:")!.lowerBound]))
    let filler = String(repeating: " long", count: 40)
    let tickets = (1...count).map { number in
      "{\"id\":\"T-\(number)\",\"customer\":\"C-\(number % 97)\",\"channel\":\"\(number % 3 == 0 ? "chat" : "mail")\",\"text\":\"\(number % 11 == 0 ? "short" : "message \(number)\(filler)")\"}"
    }
    try workspace.write("Datasets/tickets-1.jsonl", Story.text(Array(tickets[..<500])))
    try workspace.write("Datasets/tickets-2.jsonl", Story.text(Array(tickets[500...])))
    try workspace.write("Datasets/customers.csv", Story.text(["customer,plan"] + (0..<97).map { "C-\($0),p\($0 % 4)" }))
    var votes = ["id,worker,label"]
    for number in 1...count where number % 13 != 0 && number % 11 != 0 {
      for worker in 0..<3 { votes.append("T-\(number),w\(worker),\(["billing", "login", "other"][(number + (worker == 2 ? number % 2 : 0)) % 3])") }
    }
    try workspace.write("Datasets/votes.csv", Story.text(votes))
    try workspace.write("Pipelines/ask.jinja", "{{ plan }} {{ text }}\n")
    return workspace
  }

  private static func leaves(_ node: TraceNode, _ found: inout Set<String>) {
    if case .line(let file, let line) = node.place, node.parents.isEmpty { found.insert("\(file):\(line)") }
    for parent in node.parents { leaves(parent, &found) }
  }

  @Test func downIsTheOtherWayOfUp() throws {
    let workspace = try Self.workspace()
    let report = try workspace.run()
    #expect(report.exitCode == 0, "\(report.stages.compactMap { $0.failure?.message })")
    let session = try workspace.session()
    // By brute force: for a sample of rows of every table, the lines that they come from.
    var expected: [String: Set<String>] = [:]
    var looked: [String: Set<Int>] = [:]
    var generator = SystemRandomNumberGenerator.seeded(7)
    for (stage, port) in [("tickets", "rows"), ("labels", "rows"), ("pairs", "rows"), ("dataset", "train"), ("dataset", "eval")] {
      let total = try session.show("\(stage).\(port)", count: 0).total
      for _ in 0..<5 {
        let row = Int.random(in: 1...total, using: &generator)
        guard looked["\(stage).\(port)", default: []].insert(row).inserted else { continue }
        var lines: Set<String> = []
        Self.leaves(try session.trace("\(stage).\(port):\(row)"), &lines)
        for line in lines { expected[line, default: []].insert("\(stage).\(port):\(row)") }
      }
    }
    var targets = Array(expected.keys.sorted().shuffled(using: &generator).prefix(12))
    targets.append("Datasets/tickets-1.jsonl:11")
    for target in targets {
      var found: Set<String> = []
      for stage in try session.descent(of: target, shown: .max).stages {
        for output in stage.outputs where looked["\(stage.name).\(output.name)"] != nil {
          #expect(!output.isWhole)
          for place in output.places where looked["\(stage.name).\(output.name)"]!.contains(place.row) { found.insert("\(stage.name).\(output.name):\(place.row)") }
        }
      }
      #expect(found == expected[target] ?? [], "\(target)")
    }
  }

  @Test func rowsOfACustomer() throws {
    let workspace = try Self.workspace()
    try workspace.run()
    let session = try workspace.session()
    for (target, isIndexed) in [("customer=C-5", true), ("tickets:channel=chat", true), ("tickets.rows:text=short", false), ("id=T-17", true), ("plan=p2", false)] {
      let model = try session.descent(of: target, shown: .max)
      let parts = target.split(separator: ":").last!.split(separator: "=")
      let rows = try session.show("tickets", count: .max).rows.enumerated().filter { _, row in
        row.withUnsafeBytes { (try? RowKey(columns: [String(parts[0])]).text(of: $0)) == Array(parts[1].utf8) }
      }.map { $0.offset + 1 }
      let tickets = model.stages.first { $0.name == "tickets" }?.outputs.first
      #expect(tickets?.places.map(\.row) ?? [] == rows, "\(target)")
      #expect(model.search.map { $0.scanned.contains("tickets.rows") } == !isIndexed, "\(target)")
      // Asked again, the answer is the same.
      #expect(try session.descent(of: target, shown: .max) == model)
      guard !rows.isEmpty else { continue }
      // A whole customer falls on one side of the split.
      if target == "customer=C-5" { #expect(model.stages.first { $0.name == "dataset" }?.outputs.count == 1) }
    }
  }

  @Test func modelsAndEvaluations() throws {
    let workspace = try Self.workspace(hasModel: true)
    try workspace.run()
    let session = try workspace.session()
    let train = try session.descent(of: "dataset.train:1")
    let fit = try #require(train.stages.first { $0.name == "fit" })
    #expect(fit.rowsRead == 1)
    #expect(fit.outputs.first { $0.name == "model" }?.isWhole == true)
    #expect(train.stages.first { $0.name == "quality" }?.outputs.first { $0.name == "rows" }?.through == ["fit.model"])
    let held = try session.descent(of: "dataset.eval:1")
    #expect(!held.stages.contains { $0.name == "fit" })
    let quality = try #require(held.stages.first { $0.name == "quality" })
    #expect(quality.outputs.first { $0.name == "rows" }?.rows == 1)
    #expect(quality.outputs.first { $0.name == "scores" }?.isWhole == true)
    let template = try session.descent(of: "Pipelines/ask.jinja")
    #expect(template.stages.map(\.name) == ["pairs", "dataset", "fit", "quality"])
    let line = try session.descent(of: "Outputs/case/train.jsonl:1")
    #expect(line.stages.map(\.name) == train.stages.map(\.name))
    #expect(train.render().contains("Outputs/case/train.jsonl:1"))
  }

  @Test func whatNobodyCanAnswerIsSaid() throws {
    let workspace = try Self.workspace()
    try workspace.run()
    let session = try workspace.session()
    for target in ["customer=", "nope=1", "Datasets/none.csv:1", "Datasets/none.csv", "Datasets/customers.csv:1", "tickets.rows:999999", "unknown"] {
      #expect(throws: Session.Unanswerable.self, "\(target)") { _ = try session.descent(of: target) }
    }
  }
}

extension SystemRandomNumberGenerator {
  /// Numbers from a seed (SplitMix64).
  static func seeded(_ seed: UInt64) -> SplitMix { SplitMix(state: seed) }

  struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }
}

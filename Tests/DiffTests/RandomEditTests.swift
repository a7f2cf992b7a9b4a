import Engine
import Foundation
import Lineage
import Rows
import Testing

/// Against a comparison of all rows: random edits, the same counts, every row under an edit that can have caused it.
///
/// Thirty seeds by default; `PIPE_LONG_TESTS=1` takes two hundred. Both states are workspaces without git that share nothing but the edits, and
/// each is a base by its lock and its sources, so that no process is started.
@Suite struct RandomEditTests {
  private static let seeds: UInt64 = ProcessInfo.processInfo.environment["PIPE_LONG_TESTS"] == "1" ? 200 : 30
  private static let stepsPerSeed = 4

  @Test func countsAreThoseOfAComparisonOfAllRows() throws {
    for seed in 1...Self.seeds { try Self.walk(seed) }
  }

  /// The inputs, and what the last step did to them.
  private struct Inputs {
    var tickets = Story.tickets(40)
    var labels = Story.labels(40)
    var template = Story.template
    var minimum = 4
    var version = 1
    var next = 1000
    /// What was edited, by what may be named as a cause.
    var edited: Set<DiffModel.Bucket> = []

    mutating func edit(_ random: inout Seeded) {
      edited = []
      for _ in 0..<Int.random(in: 1...5, using: &random) {
        let row = Int.random(in: 0..<tickets.count, using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0:
          tickets[row] = tickets[row].replacingOccurrences(of: "\"}", with: "!\"}")
          edited.insert(.sourceEdited)
        case 1 where tickets.count > 10:
          tickets.remove(at: row)
          edited.insert(.sourceRemoved)
        case 2:
          next += 1
          tickets.insert("{\"id\":\"T-\(next)\",\"channel\":\"mail\",\"text\":\"a new one\"}", at: row)
          labels.append(Story.labels(next).last!)
          edited.formUnion([.sourceAdded, .labels])
        case 3:
          let place = Int.random(in: 0..<labels.count, using: &random)
          labels[place] = labels[place].replacingOccurrences(of: "login", with: "other")
          edited.insert(.labels)
        case 4 where labels.count > 5:
          labels.remove(at: Int.random(in: 0..<labels.count, using: &random))
          edited.insert(.labels)
        case 5:
          minimum = Int.random(in: 3...7, using: &random)
          edited.insert(.parameter)
        case 6:
          version = 3 - version
          edited.insert(.definition)
        default:
          template = Story.template + "{% if channel == 'chat' %}\(next).\(row){% endif %}\n"
          edited.insert(.template)
        }
      }
    }

    func write(to workspace: GitWorkspace) throws {
      let manifest = Story.manifest.replacingOccurrences(of: "format: openai-chat", with: "format: jsonl").replacingOccurrences(
        of: "min_chars: 4", with: "min_chars: \(minimum)"
      )
      .replacingOccurrences(of: "train: 0.7, eval: 0.3", with: version == 1 ? "train: 0.7, eval: 0.3" : "train: 0.6, eval: 0.4")
      try workspace.write(GitWorkspace.manifest, manifest)
      try workspace.write("Datasets/tickets.jsonl", Story.text(tickets))
      try workspace.write("Datasets/labels.jsonl", Story.text(labels))
      try workspace.write("Pipelines/ask.jinja", template)
    }
  }

  private static func walk(_ seed: UInt64) throws {
    var random = Seeded(seed)
    var inputs = Inputs()
    let store = NSTemporaryDirectory() + "pipe-diff-store-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: store) }
    var last = try Self.made(inputs, store)
    for step in 1...stepsPerSeed {
      inputs.edit(&random)
      let next = try Self.made(inputs, store)
      let model = try next.session.diff(since: last.session)
      try Self.compare(model, last.outputs, next.outputs, inputs.edited, "seed \(seed), step \(step)")
      last = next
    }
  }

  private struct Made {
    let workspace: GitWorkspace
    let session: Session
    let outputs: [[String: String]]
  }

  private static func made(_ inputs: Inputs, _ store: String) throws -> Made {
    let workspace = try GitWorkspace(isRepository: false)
    try inputs.write(to: workspace)
    func session() throws -> Session {
      try Session(manifest: workspace.root + "/" + GitWorkspace.manifest, workspace: Workspace(root: workspace.root, storeDirectory: store), kinds: workspace.kinds)
    }
    let report = try session().run(RunOptions())
    try #require(report.exitCode == 0)
    return Made(workspace: workspace, session: try session(), outputs: Self.outputs(workspace))
  }

  private static func compare(
    _ model: DiffModel, _ before: [[String: String]], _ after: [[String: String]], _ edited: Set<DiffModel.Bucket>, _ place: Comment
  ) throws {
    for (index, output) in model.outputs.enumerated() {
      let (old, new) = (before[index], after[index])
      let (was, now) = (before[1 - index], after[1 - index])
      #expect(output.isCompared, place)
      #expect(output.rowsBefore == old.count && output.rowsAfter == new.count, place)
      #expect(output.edited == new.keys.count { old[$0] != nil && old[$0] != new[$0] }, place)
      #expect(output.added == new.keys.count { old[$0] == nil && was[$0] == nil }, place)
      #expect(output.removed == old.keys.count { new[$0] == nil && now[$0] == nil }, place)
      #expect(output.crossed == new.keys.count { old[$0] == nil && was[$0] != nil }, place)
      #expect(output.rows.count == output.changed + output.crossed, place)
      // Every row that differs, and its bytes: what is told is what stands there.
      for row in output.rows where row.movedFrom == nil {
        #expect((row.before == nil) == (old[row.key] == nil), place)
        #expect((row.after == nil) == (new[row.key] == nil), place)
      }
    }
    #expect(model.unexplained == 0, place)
    #expect(model.missing == [], place)
    #expect(model.causes.reduce(0) { $0 + $1.rows } == model.changedRows + model.outputs.reduce(0) { $0 + $1.crossed }, place)
    #expect(model.outputs.flatMap(\.rows).allSatisfy { !$0.causes.isEmpty }, place)
    // Nothing is named that nobody edited. A source row may have been inserted and edited, or removed, in one step.
    let sources: Set<DiffModel.Bucket> = [.sourceEdited, .sourceAdded, .sourceRemoved]
    let named = Set(model.causes.map(\.bucket))
    #expect(named.subtracting(sources).isSubset(of: edited.subtracting(sources)), "\(place): \(named) of \(edited)")
    if edited.isDisjoint(with: sources) { #expect(named.isDisjoint(with: sources), place) }
  }

  /// The rows of train and eval by key.
  private static func outputs(_ workspace: GitWorkspace) -> [[String: String]] {
    ["train", "eval"].map { name in
      var rows: [String: String] = [:]
      for line in workspace.read("Outputs/case/\(name).jsonl").split(separator: "\n") {
        // The id stands first.
        guard let start = line.range(of: "\"id\":\""), let end = line[start.upperBound...].firstIndex(of: "\"") else { continue }
        rows[String(line[start.upperBound..<end])] = String(line)
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

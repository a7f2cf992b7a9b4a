import Diagnostics
import Engine
import Foundation
import Lineage
import Rows
import Stages
import Testing

/// The scripted story on the demo of the repository, and on a small package index like Debian's: each edit in a commit of its own, then all together.
@Suite struct LongStoryTests {
  private static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  private static func rows(_ model: DiffModel, _ bucket: DiffModel.Bucket) -> Int { model.causes.filter { $0.bucket == bucket }.reduce(0) { $0 + $1.rows } }

  /// What holds of every difference.
  private func hold(_ model: DiffModel, _ comment: Comment) {
    #expect(model.unexplained == 0, comment)
    #expect(model.missing == [], comment)
    #expect(Self.rows(model, .notFollowed) == 0, comment)
    #expect(model.causes.reduce(0) { $0 + $1.rows } == model.changedRows + model.outputs.reduce(0) { $0 + $1.crossed }, comment)
  }

  /// The demo up to its training set; what is learned from it would only take time.
  private func demo() throws -> GitWorkspace {
    let workspace = try GitWorkspace()
    for folder in ["Datasets", "Pipelines"] {
      try FileManager.default.createDirectory(atPath: workspace.root + "/" + folder, withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: Self.repository + "/" + folder + "/support", toPath: workspace.root + "/" + folder + "/support")
    }
    let manifest = try String(contentsOfFile: Self.repository + "/Manifests/support-intents.yaml", encoding: .utf8)
    let end = try #require(manifest.range(of: "  # 5. "))
    try workspace.write(GitWorkspace.manifest, String(manifest[..<end.lowerBound]))
    return workspace
  }

  @Test func theDemo() throws {
    let workspace = try demo()
    try workspace.commit("base")
    let tickets = "Datasets/support/tickets-02.csv"
    // Three rows that are in the set, found by their words.
    let published = workspace.read("Outputs/support-intents/train.jsonl")
    let candidates = ["nur 100 statt 120", "Wartungsmodus??", "den Dauerauftrag an Sie"].filter { workspace.read(tickets).contains($0) && published.contains($0) }
    let chosen = Array(candidates.prefix(3))
    try #require(chosen.count >= 2)
    let edits: [(name: String, edit: () throws -> Void)] = [
      ("rows", { for text in chosen { try workspace.replace(tickets, text, text + " (nachgetragen)") } }),
      ("template", { try workspace.replace("Pipelines/support/intent.jinja", "Channel: ", "Via: ") }),
      (
        "votes",
        {
          // The first five votes of one person say something else.
          var lines = workspace.read("Datasets/support/votes.csv").components(separatedBy: "\n")
          var left = 5
          for at in lines.indices where left > 0 && lines[at].contains(",w002,") {
            let cells = lines[at].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            lines[at] = [cells[0], cells[1], cells[2] == "other" ? "billing" : "other", cells[3]].joined(separator: ",")
            left -= 1
          }
          try workspace.write("Datasets/support/votes.csv", lines.joined(separator: "\n"))
        }
      ), ("parameter", { try workspace.replace(GitWorkspace.manifest, "min_chars: 20", "min_chars: 30") }),
    ]
    var last = "base"
    var alone: [String: DiffModel] = [:]
    for step in edits {
      try step.edit()
      try workspace.commit(step.name)
      let model = try workspace.session().diff("\(last)..\(step.name)", rows: nil)
      hold(model, "\(step.name)")
      alone[step.name] = model
      last = step.name
    }
    let (rows, template, votes, parameter) = (
      try #require(alone["rows"]), try #require(alone["template"]), try #require(alone["votes"]), try #require(alone["parameter"])
    )
    #expect(rows.changedRows == chosen.count)
    #expect(Self.rows(rows, .sourceEdited) == chosen.count)
    #expect(rows.causes.map(\.subject) == [tickets])
    // Every conversation says how it came in.
    #expect(template.changedRows == template.outputs.compactMap(\.rowsAfter).reduce(0, +))
    #expect(Self.rows(template, .template) == template.changedRows)
    #expect(template.causes.map(\.subject) == ["Pipelines/support/intent.jinja"])
    #expect(votes.labelMoves.allSatisfy { $0.isByOthers || $0.by == "w002" && $0.votesBefore != $0.votesAfter })
    #expect(Self.rows(votes, .labels) + Self.rows(votes, .otherVotes) == votes.changedRows)
    #expect(parameter.outputs.allSatisfy { $0.added == 0 && $0.edited == 0 })
    #expect(Self.rows(parameter, .parameter) == parameter.changedRows)
    #expect(parameter.changedRows > 0)
    #expect(parameter.causes.map(\.subject) == ["min_chars"])
    // A program of the same bytes under another version: nothing after it is touched.
    workspace.kinds["ingest"] = Ingest2.self
    try workspace.commit("kind")
    let kind = try workspace.session().diff("parameter..kind")
    hold(kind, "kind")
    #expect(kind.changedRows == 0)
    #expect(kind.stages.first { $0.name == "tickets" }?.change == .equalRows)
    #expect(kind.stages.first { $0.name == "dataset" }?.change == .same)
    // All together.
    let all = try workspace.session().diff("base..kind", rows: nil)
    hold(all, "all")
    #expect(Self.rows(all, .parameter) == parameter.changedRows)
    #expect(Self.rows(all, .sourceEdited) <= chosen.count)
    #expect(Self.rows(all, .template) > 0)
    #expect(all.changedRows == all.outputs.compactMap(\.rowsBefore).reduce(0, +))
  }

  /// Packages as `apt-cache dumpavail` has them, made up; read through a command, whose answer is pinned in the lock.
  @Test func aPackageIndex() throws {
    let workspace = try GitWorkspace()
    let sections = ["admin", "net", "libs"]
    var packages = (1...60).map { number in
      "{\"package\":\"p\(number)\",\"version\":\"1.\(number)\",\"architecture\":\"all\",\"source\":\"s\(number / 3)\",\"section\":\"contrib/\(sections[number % 3])\",\"description\":\"does \(number)\"}"
    }
    try workspace.write("Datasets/index.jsonl", Story.text(packages))
    try workspace.write("Pipelines/description.jinja", "{{ package }}\n{% if section is defined %}in Debian{% endif %}\n{{ description }}\n")
    try workspace.write(
      GitWorkspace.manifest,
      """
      schema: pipe/v1
      name: case
      version: 1.0.0
      params:
        sections: [admin, net, libs]
      stages:
        packages:
          kind: ingest
          from: { run: [cat, Datasets/index.jsonl] }
          format: jsonl
          row_key: [package, version, architecture]
          derive: { topic: "(section or '').split('/') | last" }
          where: "topic in ${params.sections} and description != ''"
        pairs:
          kind: assemble
          from: ${stages.packages}
          vars: { sections: "${params.sections}" }
          messages:
            - { role: system, content: "Name the section. The sections: {{ sections | join(', ') }}." }
            - { role: user, template: Pipelines/description.jinja }
            - { role: assistant, content: "{{ topic }}" }
        dataset:
          kind: export
          from: ${stages.pairs}
          format: openai-chat
          split: { by: source, into: { train: 0.8, eval: 0.2 } }
          to: Outputs/case/${split}.jsonl

      """)
    try workspace.commit("base")
    for number in [4, 8, 15] { packages[number - 1] = packages[number - 1].replacingOccurrences(of: "does \(number)", with: "does \(number) well") }
    try workspace.write("Datasets/index.jsonl", Story.text(packages))
    try workspace.commit("rows")
    try workspace.replace("Pipelines/description.jinja", "in Debian", "in Debian 12")
    try workspace.commit("template")
    try workspace.replace(GitWorkspace.manifest, "sections: [admin, net, libs]", "sections: [admin, net]")
    try workspace.commit("parameter")
    let session = try workspace.session()
    let rows = try session.diff("base..rows", rows: nil)
    hold(rows, "rows")
    #expect(rows.changedRows == 3)
    #expect(Self.rows(rows, .sourceEdited) == 3)
    #expect(rows.causes.first?.edits.map(\.line) == [4, 8, 15])
    let template = try session.diff("rows..template")
    hold(template, "template")
    #expect(Self.rows(template, .template) == 60)
    #expect(template.causes.first?.edits.map(\.line) == [2])
    // The parameter leaves out a third, and says another sentence to the rest.
    let parameter = try session.diff("template..parameter")
    hold(parameter, "parameter")
    #expect(parameter.outputs.map(\.removed).reduce(0, +) == 20)
    #expect(parameter.outputs.map(\.edited).reduce(0, +) == 40)
    #expect(Self.rows(parameter, .parameter) == 60)
    #expect(parameter.causes.map(\.subject) == ["sections"])
    let all = try session.diff("base..parameter", rows: nil)
    hold(all, "all")
    #expect(all.changedRows == 60)
    // p15 is in a section that went: the edit of its row is no cause of that.
    #expect(Self.rows(all, .sourceEdited) >= 2 && Self.rows(all, .sourceEdited) <= 3)
    #expect(Self.rows(all, .parameter) + Self.rows(all, .template) + Self.rows(all, .sourceEdited) == 60)
  }
}

/// Ingest under another version, with the same bytes.
private struct Ingest2: StageKind {
  static let name = IngestKind.name
  static let version = IngestKind.version + 1
  static let components = IngestKind.components
  static let facts = IngestKind.facts
  private let kind: IngestKind
  init(_ stage: any StageReading) throws(Problems) { kind = try IngestKind(stage) }
  var inputs: [InputPort] { kind.inputs }
  var outputs: [OutputPort] { kind.outputs }
  var work: Work { kind.work }
  func derivedFacts(_ sums: [String: Int]) -> [String: Double] { kind.derivedFacts(sums) }
}

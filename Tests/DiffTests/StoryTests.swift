import Diagnostics
import Engine
import Foundation
import Lineage
import Reports
import Readers
import Rows
import Stages
import Testing

/// One edit a commit, then all together: every row that differs is attributed to the edit that caused it.
@Suite struct StoryTests {
  private static func rows(_ model: DiffModel, _ bucket: DiffModel.Bucket) -> Int { model.causes.filter { $0.bucket == bucket }.reduce(0) { $0 + $1.rows } }

  @Test func eachEditHasItsRows() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    try Story.editRows(workspace)
    try workspace.commit("rows")
    try Story.editTemplate(workspace)
    try workspace.commit("template")
    try Story.editLabels(workspace)
    try workspace.commit("labels")
    try Story.editParameter(workspace)
    try workspace.commit("parameter")
    let session = try workspace.session()

    let rows = try session.diff("base..rows")
    #expect(rows.changedRows == 3)
    #expect(Self.rows(rows, .sourceEdited) == 3)
    #expect(rows.causes.map(\.subject) == ["Datasets/tickets.jsonl"])
    #expect(rows.causes.first?.edits.map(\.line) == [2, 5, 9])
    #expect(rows.causes.first?.edits.map(\.name) == ["T-2", "T-5", "T-9"])

    let template = try session.diff("rows..template")
    #expect(template.changedRows == 8)
    #expect(Self.rows(template, .template) == 8)
    #expect(
      template.causes.first?.edits == [
        .init(
          file: "Pipelines/ask.jinja", line: 2, before: "{% if channel == 'chat' %}(a chat)", after: "{% if channel == 'chat' %}(a live chat)")
      ])

    let labels = try session.diff("template..labels")
    #expect(labels.changedRows == 5)
    #expect(Self.rows(labels, .labels) == 5)
    #expect(labels.labelMoves.map(\.key) == ["T-1", "T-10", "T-13", "T-16", "T-4"])
    #expect(labels.labelMoves.allSatisfy { $0.before == "\"login\"" && $0.after == "\"billing\"" })
    #expect(labels.labelMoves.first?.by == "w1")
    #expect(labels.labelMoves.first?.place == "Datasets/labels.jsonl:1")

    let parameter = try session.diff("labels..parameter")
    #expect(parameter.outputs.map(\.removed).reduce(0, +) == 3)
    #expect(Self.rows(parameter, .parameter) == 3)
    #expect(parameter.drops == [.init(stage: "tickets", reason: "where", before: 0, after: 3)])
    #expect(parameter.causes.first?.subject == "min_chars")

    let all = try session.diff("base..parameter")
    for model in [rows, template, labels, parameter, all] {
      #expect(model.unexplained == 0)
      #expect(model.missing == [])
      #expect(model.causes.reduce(0) { $0 + $1.rows } == model.changedRows)
    }
    #expect(Self.rows(all, .sourceEdited) == 3)
    #expect(Self.rows(all, .labels) == 5)
    #expect(Self.rows(all, .parameter) == 3)
    // Of the eight chats one is too short now, one was edited, and none has a moved label.
    #expect(Self.rows(all, .template) == all.changedRows - 11)
    #expect(all.version.due == "2.0.0")
    #expect(!all.version.holds)
    #expect(try session.diff("parameter").isEmpty)
    #expect(try session.diff("parameter..parameter").isEmpty)
  }

  @Test func backwardsIsTheOppositeOfForwards() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    try workspace.write("Datasets/tickets.jsonl", Story.text(Array(Story.tickets(26).dropFirst(2))))
    try workspace.write("Datasets/labels.jsonl", Story.text(Story.labels(26)))
    try workspace.commit("more")
    let session = try workspace.session()
    let there = try session.diff("base..more")
    let back = try session.diff("more..base")
    #expect(there.outputs.map(\.added).reduce(0, +) == 2)
    #expect(there.outputs.map(\.added) == back.outputs.map(\.removed))
    #expect(there.outputs.map(\.removed) == back.outputs.map(\.added))
    #expect(Self.rows(there, .sourceAdded) == 2)
    #expect(Self.rows(there, .sourceRemoved) == 2)
    #expect(Self.rows(back, .sourceAdded) == 2)
    #expect(there.causes.first { $0.bucket == .sourceRemoved }?.edits.map(\.line) == [1, 2])
  }

  @Test func anEditThatLeavesTheRowOutIsAnEdit() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    try workspace.replace("Datasets/tickets.jsonl", "message number 3\"", "abc\"")
    try workspace.run()
    let model = try workspace.session().diff("base")
    #expect(model.outputs.map(\.removed).reduce(0, +) == 1)
    #expect(model.causes.map(\.bucket) == [.sourceEdited])
    let row = try #require(model.outputs.flatMap(\.rows).first)
    #expect(row.dropped == "where (tickets)")
  }

  @Test func aLabelThatComesOrGoesMovesItsRow() throws {
    let workspace = try Story.workspace()
    try workspace.write("Datasets/labels.jsonl", Story.text(Array(Story.labels(24).dropFirst())))
    try workspace.commit("base")
    try workspace.write("Datasets/labels.jsonl", Story.text(Story.labels(23)))
    try workspace.run()
    let model = try workspace.session().diff()
    #expect(model.outputs.map(\.added).reduce(0, +) == 1)
    #expect(model.outputs.map(\.removed).reduce(0, +) == 1)
    #expect(model.causes.map(\.bucket) == [.labels])
    #expect(model.causes.first?.rows == 2)
    #expect(model.outputs.flatMap(\.rows).compactMap(\.dropped) == ["gate status (dataset)", "gate status (dataset)"])
  }

  @Test func aNewSplitIsToldAsRowsThatCross() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    try workspace.replace(GitWorkspace.manifest, "train: 0.7, eval: 0.3", "train: 0.4, eval: 0.6")
    try workspace.run()
    let model = try workspace.session().diff()
    let crossed = model.outputs.reduce(0) { $0 + $1.crossed }
    #expect(crossed > 0)
    #expect(model.changedRows == 0)
    #expect(model.outputs.map(\.name) == ["dataset.train", "dataset.eval"])
    #expect(model.causes.map(\.bucket) == [.definition])
    #expect(model.causes.first?.rows == crossed)
    #expect(model.outputs[1].rows.allSatisfy { $0.movedFrom == "dataset.train" })
    #expect(model.version.change == .changed)
  }

  @Test func aKindsVersionIsACause() throws {
    let workspace = try GitWorkspace()
    workspace.kinds["ingest"] = PlainIngest1.self
    try workspace.write(
      GitWorkspace.manifest,
      """
      schema: pipe/v1
      name: case
      stages:
        rows: { kind: ingest, from: Datasets/rows.jsonl, row_key: id }
        out: { kind: export, from: "${stages.rows}", format: jsonl, to: Outputs/case/rows.jsonl }

      """)
    try workspace.write("Datasets/rows.jsonl", "{\"id\":1}\n{\"id\":2}\n")
    try workspace.commit("base")
    workspace.kinds["ingest"] = PlainIngest2.self
    try workspace.run()
    let model = try workspace.session().diff()
    #expect(model.outputs.map(\.edited) == [2])
    #expect(model.causes.map(\.bucket) == [.program])
    #expect(model.causes.first?.edits.map(\.before) == ["1"])
    #expect(model.causes.first?.edits.map(\.after) == ["2"])
    #expect(model.outputs.first?.schema == [.init(column: "version", change: .added)])
  }

  /// Rows between two stages are not kept, and a program of today makes others of them: the files are compared line by line.
  @Test func theVersionOfAStageInTheMiddleIsACause() throws {
    let workspace = try GitWorkspace()
    workspace.kinds["assemble"] = PlainAssemble1.self
    try workspace.write(
      GitWorkspace.manifest,
      """
      schema: pipe/v1
      name: case
      stages:
        tickets: { kind: ingest, from: Datasets/tickets.jsonl, row_key: id }
        pairs: { kind: assemble, from: "${stages.tickets}", messages: [{ role: user, content: "{{ text }}" }] }
        dataset: { kind: export, from: "${stages.pairs}", format: openai-chat, split: { by: id, into: { train: 0.7, eval: 0.3 } }, to: "Outputs/case/${split}.jsonl" }

      """)
    try workspace.write("Datasets/tickets.jsonl", Story.text(Story.tickets(24)))
    try workspace.commit("base")
    workspace.kinds["assemble"] = PlainAssemble2.self
    try workspace.run()
    let model = try workspace.session().diff()
    #expect(model.outputs.map(\.edited).reduce(0, +) == 24)
    #expect(model.changedRows == 24)
    #expect(model.causes.map(\.bucket) == [.program])
    #expect(model.causes.first?.rows == 24)
    #expect(model.causes.first?.subject == "kind `assemble`")
    #expect(model.missing == [])
    #expect(model.outputs.flatMap(\.rows).allSatisfy { $0.key.hasPrefix("T-") })
    // Together with edited rows, which are told apart.
    for number in [2, 5, 9] { try workspace.replace("Datasets/tickets.jsonl", "message number \(number)\"", "message <b>\(number)</b>\"") }
    try workspace.run()
    let both = try workspace.session().diff()
    #expect(both.changedRows == 24)
    #expect(Self.rows(both, .sourceEdited) == 3)
    #expect(Self.rows(both, .program) == 21)
  }

  @Test func aColumnThatIsOfAnotherTypeIsASchemaChange() throws {
    let workspace = try GitWorkspace()
    try workspace.write(
      GitWorkspace.manifest,
      """
      schema: pipe/v1
      name: case
      stages:
        rows: { kind: ingest, from: Datasets/rows.jsonl, row_key: id }
        out: { kind: export, from: "${stages.rows}", format: jsonl, to: Outputs/case/rows.jsonl }

      """)
    try workspace.write("Datasets/rows.jsonl", (1...4).map { "{\"id\":\"\($0)\",\"n\":\($0),\"old\":1}\n" }.joined())
    try workspace.commit("base")
    try workspace.write("Datasets/rows.jsonl", (1...4).map { "{\"id\":\"\($0)\",\"n\":\"\($0)\",\"new\":null}\n" }.joined())
    try workspace.run()
    let model = try workspace.session().diff()
    #expect(
      model.outputs.first?.schema == [
        .init(column: "n", change: .type(before: "number", after: "string")), .init(column: "new", change: .added), .init(column: "old", change: .removed),
      ])
    #expect(DiffText(model).render().contains("column n was a number, is a string"))
  }

  @Test func privateColumnsAreShownAsDigests() throws {
    let workspace = try Story.workspace()
    try workspace.replace(
      GitWorkspace.manifest, "    where: \"text", "    columns: { id: id, channel: channel, text: { from: text, pii: true } }\n    where: \"text")
    try workspace.commit("base")
    try Story.editRows(workspace)
    try workspace.run()
    let model = try workspace.session().diff()
    #expect(model.changedRows == 3)
    for text in [model.json.compact, DiffMarkdown(model).render(), DiffText(model).render()] {
      #expect(!text.contains("number"))
      #expect(text.contains("pii:"))
    }
  }
}

/// A kind whose second version writes a column more.
private func plain(_ stage: any StageReading) -> (inputs: [InputPort], outputs: [OutputPort]) {
  let from = stage.setting("from")
  let outside = OutsideSource(origin: .files(pattern: from?.texts.first ?? ""), format: .jsonl, seesNames: false)
  return (
    [InputPort(name: "from", reading: .source, sources: [.outside(outside)], range: from?.range)],
    [OutputPort("rows", traits: TableTraits(rowKey: stage.setting("row_key")?.texts ?? []))]
  )
}

private func plainWork(_ addition: String) -> Work {
  .eachChunk(
    ChunkWork { (input, writer) throws(TaskFailure) in
      for (ordinal, chunk) in input.chunks.enumerated() {
        let lines = String(decoding: chunk.bytes, as: UTF8.self).split(separator: "\n")
        for (row, line) in lines.enumerated() {
          var bytes = Array(line.utf8.dropLast()) + Array(addition.utf8)
          bytes.append(UInt8(ascii: "}"))
          let outcome = bytes.withUnsafeBytes { raw -> Result<Void, TaskFailure> in
            do throws(TaskFailure) { return .success(try writer.emit(from: RowParent(chunk: ordinal, row: row), row: raw)) } catch { return .failure(error) }
          }
          try outcome.get()
        }
      }
    })
}

private struct PlainIngest1: StageKind {
  static let name = "ingest"
  static let version = 1
  let inputs: [InputPort]
  let outputs: [OutputPort]
  init(_ stage: any StageReading) throws(Problems) { (inputs, outputs) = plain(stage) }
  var work: Work { plainWork("") }
}

private struct PlainIngest2: StageKind {
  static let name = "ingest"
  static let version = 2
  let inputs: [InputPort]
  let outputs: [OutputPort]
  init(_ stage: any StageReading) throws(Problems) { (inputs, outputs) = plain(stage) }
  var work: Work { plainWork(",\"version\":2") }
}

/// A kind between two others, whose second version writes another text.
private func assemble(_ stage: any StageReading) throws(Problems) -> (inputs: [InputPort], outputs: [OutputPort]) {
  let from = stage.setting("from")
  let sources = try from.map { setting throws(Problems) in try stage.inputs(setting) } ?? []
  var traits = sources.first.map { stage.traits(of: $0) } ?? TableTraits()
  traits.columns = traits.columns.map { $0 + ["messages"] }
  return ([InputPort(name: "from", reading: .stream, sources: sources, range: from?.range)], [OutputPort("rows", traits: traits)])
}

private struct PlainAssemble1: StageKind {
  static let name = "assemble"
  static let version = 1
  let inputs: [InputPort]
  let outputs: [OutputPort]
  init(_ stage: any StageReading) throws(Problems) { (inputs, outputs) = try assemble(stage) }
  var work: Work { plainWork(",\"messages\":[{\"role\":\"user\",\"content\":\"one\"},{\"role\":\"assistant\",\"content\":\"a\"}]") }
}

private struct PlainAssemble2: StageKind {
  static let name = "assemble"
  static let version = 2
  let inputs: [InputPort]
  let outputs: [OutputPort]
  init(_ stage: any StageReading) throws(Problems) { (inputs, outputs) = try assemble(stage) }
  var work: Work { plainWork(",\"messages\":[{\"role\":\"user\",\"content\":\"two\"},{\"role\":\"assistant\",\"content\":\"a\"}]") }
}

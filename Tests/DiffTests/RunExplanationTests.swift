import Diagnostics
import Engine
import Lineage
import Reports
import Testing

/// `pipe explain --run`: which edit made each stage run.
@Suite struct RunExplanationTests {
  private func explain(_ workspace: GitWorkspace) throws -> RunExplanation {
    let session = try workspace.session()
    let last = try #require(Session.records(in: session.store, limit: 1).first)
    return session.explain(run: last)
  }

  private func causes(_ explanation: RunExplanation, _ stage: String) -> [String] {
    explanation.stages.first { $0.name == stage }?.causes.map { "\($0.stage): \($0.change.what) \($0.change.name)" } ?? []
  }

  @Test func eachEditIsTheFirstCauseOfWhatItMadeRun() throws {
    let workspace = try Story.workspace(isRepository: false)
    try workspace.run()
    #expect(try explain(workspace).stages.allSatisfy { $0.causes.isEmpty && $0.since == nil })

    try Story.editTemplate(workspace)
    try workspace.run()
    var found = try explain(workspace)
    #expect(causes(found, "tickets").isEmpty)
    #expect(causes(found, "pairs") == ["pairs: file Pipelines/ask.jinja"])
    #expect(causes(found, "dataset") == ["pairs: file Pipelines/ask.jinja"])

    try Story.editRows(workspace)
    try workspace.run()
    found = try explain(workspace)
    #expect(causes(found, "tickets") == ["tickets: source Datasets/tickets.jsonl"])
    #expect(causes(found, "dataset") == ["tickets: source Datasets/tickets.jsonl"])

    try Story.editLabels(workspace)
    try Story.editParameter(workspace)
    try workspace.run()
    found = try explain(workspace)
    #expect(causes(found, "tickets") == ["tickets: field where"])
    #expect(causes(found, "pairs").contains("Datasets/labels.jsonl: source Datasets/labels.jsonl"))
    #expect(found.render().contains("where changed"))
    #expect(found.render(isVerbose: true).contains("since run"))
  }
}

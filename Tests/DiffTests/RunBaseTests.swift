import Engine
import Foundation
import Lineage
import Reports
import Store
import Testing

/// A run as base: what it read may be in git, in the working tree, or nowhere.
@Suite struct RunBaseTests {
  private static func rows(_ model: DiffModel, _ bucket: DiffModel.Bucket) -> Int { model.causes.filter { $0.bucket == bucket }.reduce(0) { $0 + $1.rows } }

  @Test func withoutGitAnEditedRowIsEdited() throws {
    let workspace = try Story.workspace(isRepository: false)
    try workspace.run()
    try Story.editRows(workspace)
    try workspace.run()
    let model = try workspace.session().diff()
    #expect(model.before.run != nil)
    #expect(model.outputs.map(\.edited).reduce(0, +) == 3)
    #expect(model.changedRows == 3)
    #expect(Self.rows(model, .sourceEdited) == 3)
    #expect(model.causes.first?.subject == "Datasets/tickets.jsonl")
    #expect(model.causes.first?.edits.map(\.line) == [2, 5, 9])
    #expect(model.causes.first?.edits.allSatisfy { $0.before == nil } == true)
    #expect(model.missing.contains { $0.contains("neither git nor the working tree has those bytes") })
  }

  @Test func withoutGitRowsThatComeAndGo() throws {
    let workspace = try Story.workspace(isRepository: false)
    try workspace.run()
    try workspace.write("Datasets/tickets.jsonl", Story.text(Array(Story.tickets(26).dropFirst())))
    try workspace.write("Datasets/labels.jsonl", Story.text(Story.labels(26)))
    try workspace.run()
    let model = try workspace.session().diff()
    #expect(model.outputs.map(\.added).reduce(0, +) == 2)
    #expect(model.outputs.map(\.removed).reduce(0, +) == 1)
    #expect(Self.rows(model, .sourceAdded) == 2)
    #expect(Self.rows(model, .sourceRemoved) == 1)
    #expect(model.unexplained == 0)
  }

  /// Its template is nowhere any more; what was not kept cannot be made again, and is no error.
  @Test func aRunOfUncommittedEdits() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    try Story.editTemplate(workspace)
    let report = try workspace.run()
    try workspace.replace("Pipelines/ask.jinja", "(a live chat)", "(another chat)")
    try workspace.run()
    let id = try #require(report.runID)
    let model = try workspace.session().diff(id)
    // The chats differ, by a template of which only today's text is there.
    #expect(model.changedRows == 8 || model.outputs.allSatisfy { !$0.isCompared })
    #expect(model.unexplained == 0)
    if model.changedRows == 8 { #expect(Self.rows(model, .template) + Self.rows(model, .notFollowed) == 8) } else { #expect(!model.missing.isEmpty) }
    // Against a commit, too.
    let commit = try workspace.session().diff("base..\(id)")
    #expect(commit.unexplained == 0)
    #expect(commit.changedRows == 8 || !commit.missing.isEmpty)
  }

  @Test func whatWasTakenOutOfGitIsCollected() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    try Story.editRows(workspace)
    try workspace.run()
    #expect(try workspace.session().diff().changedRows == 3)
    let bases = workspace.root + "/.pipe/bases"
    #expect(try !FileManager.default.contentsOfDirectory(atPath: bases).isEmpty)
    let session = try workspace.session()
    #expect(try session.collect(dryRun: true, graceSeconds: 0).leftoversRemoved > 0)
    #expect(try !FileManager.default.contentsOfDirectory(atPath: bases).isEmpty)
    _ = try session.collect(dryRun: false, graceSeconds: 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: bases).isEmpty)
    #expect(try workspace.session().diff().changedRows == 3)
  }
}

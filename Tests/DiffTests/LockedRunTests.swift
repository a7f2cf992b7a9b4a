import Diagnostics
import Engine
import Foundation
import Lineage
import Rows
import Testing

/// Runs and plans that are held to the committed lock, and runs that are done twice.
@Suite struct LockedRunTests {
  private func run(_ workspace: GitWorkspace, _ change: (inout RunOptions) -> Void) throws -> RunReport {
    var options = RunOptions()
    change(&options)
    return try workspace.session().run(options)
  }

  private func verdicts(_ workspace: GitWorkspace) throws -> [String] {
    let report = try run(workspace) { options in (options.isPlan, options.isLocked) = (true, true) }
    return report.stages.map { "\($0.name) \($0.status.rawValue) \($0.after ?? "") \($0.reason)" } + report.lockDifferences + ["exit \(report.exitCode)"]
  }

  // MARK: runs

  @Test func whatIsNotAsLockedIsNotPublished() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    let files = ["Outputs/case/train.jsonl", "Outputs/case/eval.jsonl", "Manifests/case.lock"]
    let committed = files.map(workspace.read)
    try Story.editTemplate(workspace)
    let report = try run(workspace) { $0.isLocked = true }
    #expect(report.exitCode == 3)
    #expect(files.map(workspace.read) == committed)
    #expect(report.lockDifferences == ["stage dataset", "stage pairs"])
    #expect(report.files.map(\.change) == [.withheld, .withheld])
    #expect(!report.lockChanged)
    let diff = try workspace.session().diffOfLock()
    #expect(diff.causes.map(\.bucket) == [.template])
    #expect(diff.causes.first?.edits.first?.after == "{% if channel == 'chat' %}(a live chat)")
    #expect(diff.before.title == "Manifests/case.lock")
    // What is committed goes into its place, whoever took it away.
    try workspace.git("checkout", "-q", ".")
    try FileManager.default.removeItem(atPath: workspace.root + "/Outputs")
    let again = try run(workspace) { $0.isLocked = true }
    #expect(again.exitCode == 0)
    #expect(again.lockDifferences == [])
    #expect(files.map(workspace.read) == committed)
  }

  @Test func aLockThatWasLeftBehindIsComparedWithWhatItWasWrittenFor() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    try Story.editTemplate(workspace)
    try workspace.git("commit", "-q", "-a", "-m", "a template, and no lock")
    #expect(try run(workspace) { $0.isLocked = true }.exitCode == 3)
    let diff = try workspace.session().diffOfLock()
    #expect(diff.causes.map(\.bucket) == [.template])
    #expect(diff.causes.first?.edits.first?.before == "{% if channel == 'chat' %}(a chat)")
    #expect(diff.missing == [])
  }

  @Test func anotherVersionIsAnotherLock() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    try workspace.replace(GitWorkspace.manifest, "version: 1.0.0", "version: 1.0.1")
    let report = try run(workspace) { $0.isLocked = true }
    #expect(report.lockDifferences == ["manifest"])
    #expect(report.exitCode == 3)
    #expect(try verdicts(workspace).filter { !$0.contains(" cached ") } == ["manifest", "exit 3"])
  }

  // MARK: plans

  /// With the store and without it, with the data and without them: one answer.
  @Test func aPlanIsAnsweredFromGitAndTheLock() throws {
    let workspace = try Story.workspace()
    try workspace.write(".gitignore", ".pipe\nOutputs\nDatasets/tickets.jsonl\n")
    try workspace.commit("base")
    let steps: [(name: String, edit: (GitWorkspace) throws -> Void)] = [
      ("nothing", { _ in }), ("template", Story.editTemplate), ("labels", Story.editLabels), ("parameter", Story.editParameter),
      ("version", { try $0.replace(GitWorkspace.manifest, "version: 1.0.0", "version: 1.1.0") }),
      ("a stage less", { try $0.replace(GitWorkspace.manifest, "to: Outputs/case/${split}.jsonl", "to: Outputs/case/parts/${split}.jsonl") }),
    ]
    for step in steps {
      try step.edit(workspace)
      let all = try verdicts(workspace)
      #expect(all.last == (step.name == "nothing" ? "exit 0" : "exit 3"), "\(step.name)")
      let clone = try GitWorkspace(isRepository: false)
      try clone.copy(workspace, without: [".pipe", "Outputs"])
      #expect(try verdicts(clone) == all, "\(step.name), without a store")
      try FileManager.default.removeItem(atPath: clone.root + "/Datasets/tickets.jsonl")
      #expect(try verdicts(clone) == all, "\(step.name), without data")
      let report = try run(clone) { options in (options.isPlan, options.isLocked) = (true, true) }
      #expect(report.stages.first { $0.name == "tickets" }?.sourcesAsLocked == ["Datasets/tickets.jsonl"])
      try workspace.git("checkout", "-q", ".")
    }
  }

  @Test func aFileOfGitThatIsGoneIsNoLockedSource() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    try FileManager.default.removeItem(atPath: workspace.root + "/Datasets/tickets.jsonl")
    let report = try run(workspace) { options in (options.isPlan, options.isLocked) = (true, true) }
    #expect(report.stages.first { $0.name == "tickets" }?.failure?.id == "source-not-found")
    #expect(report.exitCode == 1)
  }

  /// Of three files one is in git: the others stand as locked for as long as that one is as it was.
  @Test func aSourceOfWhichGitHasAPart() throws {
    let workspace = try Story.workspace()
    try workspace.replace(GitWorkspace.manifest, "Datasets/tickets.jsonl", "Datasets/tickets-*.jsonl")
    let tickets = Story.tickets(24)
    for part in 0..<3 { try workspace.write("Datasets/tickets-\(part).jsonl", Story.text(Array(tickets[part * 8..<part * 8 + 8]))) }
    try workspace.write(".gitignore", ".pipe\nOutputs\nDatasets/tickets-1.jsonl\nDatasets/tickets-2.jsonl\n")
    try workspace.commit("base")
    let all = try verdicts(workspace)
    #expect(all.last == "exit 0")
    for part in 1..<3 { try FileManager.default.removeItem(atPath: workspace.root + "/Datasets/tickets-\(part).jsonl") }
    #expect(try verdicts(workspace) == all)
    try workspace.replace("Datasets/tickets-0.jsonl", "message number 2\"", "message number two\"")
    #expect(try verdicts(workspace).first?.hasPrefix("tickets will run") == true)
  }

  // MARK: twice

  private static let manifest = """
    schema: pipe/v1
    name: case
    stages:
      rows: { kind: ingest, from: Datasets/rows.jsonl, row_key: id }
      noise:
        kind: exec
        from: ${stages.rows}
        run: [sh, -c, 'sed "3s/}$/,\\"by\\":$$}/"']
        row_key: id
      calm: { kind: export, from: "${stages.rows}", format: jsonl, to: Outputs/case/calm.jsonl }
      out: { kind: export, from: "${stages.noise}", format: jsonl, to: Outputs/case/out.jsonl }

    """

  @Test func whatGivesOtherBytesIsNamedToItsField() throws {
    let workspace = try GitWorkspace(isRepository: false)
    try workspace.write(GitWorkspace.manifest, Self.manifest)
    try workspace.write("Datasets/rows.jsonl", (1...5).map { "{\"id\":\"r\($0)\"}\n" }.joined())
    #expect(try workspace.run().exitCode == 0)
    let out = workspace.read("Outputs/case/out.jsonl")
    let blobs = try FileManager.default.subpathsOfDirectory(atPath: workspace.root + "/.pipe").filter { $0.hasPrefix("cas/") }
    let model = try workspace.session().verify(nil)
    #expect(!model.holds)
    #expect(model.stages.map(\.name) == ["rows", "noise", "calm", "out"])
    #expect(model.stages.map(\.outcome)[0] == .same)
    #expect(model.stages.map(\.outcome)[2] == .same)
    #expect(model.stages.map(\.outcome)[3] == .readsOthers(of: "noise"))
    guard case .differs(let difference) = model.stages[1].outcome else {
      Issue.record("noise gave the same bytes: \(model.stages[1])")
      return
    }
    #expect(difference.output == "noise")
    #expect(difference.row == 3)
    #expect(difference.key == "r3")
    #expect(difference.field?.path == "by")
    #expect(difference.field?.before != difference.field?.after)
    // Nothing of it is left, and nothing was touched.
    #expect(workspace.read("Outputs/case/out.jsonl") == out)
    #expect(try FileManager.default.subpathsOfDirectory(atPath: workspace.root + "/.pipe").filter { $0.hasPrefix("cas/") } == blobs)
    #expect(try FileManager.default.contentsOfDirectory(atPath: workspace.root + "/.pipe/tmp").filter { $0.hasPrefix("scratch") } == [])
    #expect(try workspace.run().ran == 0)
    #expect(try workspace.session().verify(["calm"]).holds)
  }
}

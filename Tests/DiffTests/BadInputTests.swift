import Diagnostics
import Engine
import Foundation
import Lineage
import Rows
import Testing

/// What a question that has no answer says.
@Suite struct DiffBadInputTests {
  private func refusal(_ workspace: GitWorkspace, _ range: String?, output: String? = nil) throws -> (message: String, exitCode: Int32)? {
    let session = try workspace.session()
    do {
      _ = try session.diff(range, output: output)
      return nil
    } catch let error as Session.Unanswerable { return (error.diagnostic.message, error.exitCode) }
  }

  @Test func namesThatMeanNothing() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    let unknown = try #require(try refusal(workspace, "nowhere"))
    #expect(unknown == ("git knows no revision `nowhere`", 2))
    let output = try #require(try refusal(workspace, "base", output: "datset"))
    #expect(output == ("there is no stage or output `datset`", 2))
    let run = try #require(try refusal(workspace, "01arz3ndektsv4rrffq69g5fav"))
    #expect(run == ("there is no run `01arz3ndektsv4rrffq69g5fav`", 2))
    let option = try #require(try refusal(workspace, "--output=x"))
    #expect(option.message == "git knows no revision `--output=x`")
    try workspace.write("newer.lock", "pipe-lock 2\n")
    let lock = try #require(try refusal(workspace, workspace.root + "/newer.lock"))
    #expect(lock == ("expected `pipe-lock 1`: this is no lock, or one of a newer pipe", 2))
  }

  @Test func aStoreThatLostTheBaseFallsBackToCounts() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    try workspace.write("Datasets/tickets.jsonl", Story.text(Story.tickets(20)))
    try workspace.commit("less")
    try FileManager.default.removeItem(atPath: workspace.root + "/.pipe")
    try workspace.run()
    let model = try workspace.session().diff("base")
    #expect(model.outputs.map(\.isCompared) == [false, false])
    #expect(model.outputs.compactMap(\.rowsBefore).reduce(0, +) == 24)
    #expect(model.outputs.compactMap(\.rowsAfter).reduce(0, +) == 20)
    #expect(model.missing.count == 1)
    #expect(model.missing.first?.contains("the results of `tickets`, `pairs`, `dataset` at base are not in this store") == true)
    #expect(!model.isEmpty)
    #expect(!model.version.holds)
  }

  /// What is damaged counts as absent: it is made again out of git, or named.
  @Test func aDamagedStoreIsNoEnd() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    try Story.editRows(workspace)
    try workspace.run()
    let whole = try workspace.session().diff()
    let segments = workspace.root + "/.pipe/segments"
    for name in try FileManager.default.contentsOfDirectory(atPath: segments) {
      var bytes = try Data(contentsOf: URL(fileURLWithPath: segments + "/" + name))
      for place in stride(from: bytes.count / 3, to: bytes.count, by: 97) { bytes[place] ^= 0x55 }
      try bytes.write(to: URL(fileURLWithPath: segments + "/" + name))
    }
    let damaged = try workspace.session().diff()
    #expect(damaged.unexplained == 0)
    #expect(damaged.outputs.map(\.rowsBefore) == whole.outputs.map(\.rowsBefore))
    if damaged.outputs.contains(where: { !$0.isCompared }) { #expect(!damaged.missing.isEmpty) }
    // A run makes good again what it needs.
    #expect(try workspace.run().exitCode == 0)
    #expect(try workspace.session().diff().changedRows == 3 || !damaged.missing.isEmpty)
  }

  @Test func aManifestThatGitDoesNotKnow() throws {
    let workspace = try Story.workspace()
    try workspace.git("add", ".gitignore")
    try workspace.git("commit", "-q", "-m", "empty")
    try workspace.run()
    let refused = try #require(try refusal(workspace, "HEAD"))
    #expect(refused.message == "git has no `Manifests/case.yaml` at `HEAD`")
  }
}

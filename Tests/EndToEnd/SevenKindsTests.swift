import Foundation
import Testing

extension HeavyTests {
  /// The promises of the spine, kept by the whole loop: tickets and votes in, a model tried on what came of them, its score, the log.
  @Suite(.serialized) struct SevenKindsTests {
    /// The demo, as it stands in the repository.
    private static func demo() throws -> TicketWorkspace {
      let workspace = TicketWorkspace()
      for folder in ["Datasets/support", "Pipelines/support"] {
        try FileManager.default.createDirectory(
          atPath: workspace.path + "/" + folder.split(separator: "/")[0], withIntermediateDirectories: true)
        try TicketWorkspace.command("cp", "-a", CLIProgram.repository + "/" + folder, workspace.path + "/" + folder)
      }
      try FileManager.default.createDirectory(atPath: workspace.path + "/Manifests", withIntermediateDirectories: true)
      let manifest = "Manifests/support-intents.yaml"
      try FileManager.default.copyItem(atPath: CLIProgram.repository + "/" + manifest, toPath: workspace.path + "/" + manifest)
      return workspace
    }

    @Test func everyKindTakesPart() throws {
      let workspace = try Self.demo()
      let summary = try workspace.runs()
      let stages = try #require(summary.answer.json["stages"] as? [[String: Any]])
      let kinds = Set(stages.compactMap { $0["kind"] as? String })
      #expect(kinds == ["ingest", "label-merge", "assemble", "export", "train-submit", "evaluate", "monitor"])
      #expect(try workspace.runs().ran == 0)
      // What is committed is what a run makes, here and on every other machine.
      let committed = FileManager.default.contents(atPath: CLIProgram.repository + "/Manifests/support-intents.lock")
      #expect(workspace.results()["Manifests/support-intents.lock"] == committed)
    }

    @Test func equalBytesWhereverAndHoweverItRuns() throws {
      let workspace = try Self.demo()
      try workspace.runs("-j", "1")
      let expected = workspace.results()
      try #require(expected["Manifests/support-intents.lock"] != nil)
      for (name, environment) in [
        ("workers", [:]), ("TZ", ["TZ": "Pacific/Apia", "LANG": "de_DE.UTF-8"]), ("locale", ["LC_ALL": "tr_TR.UTF-8"]),
        ("processor", ["GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX512F"]),
      ] as [(String, [String: String])] {
        let other = try workspace.inputsOnly()
        #expect(try other.runs("-j", "8", environment: environment).cached == 0)
        #expect(other.differing(from: expected) == [], "\(name)")
      }
      try workspace.remove("Outputs")
      #expect(try workspace.runs("--no-cache").cached == 0)
      #expect(workspace.differing(from: expected) == [], "--no-cache")
    }

    /// Whatever is edited: what a run makes of it beside its cache is what a run from nothing makes.
    @Test(arguments: 41..<47 as Range<UInt64>) func editsEndWhereAFreshRunEnds(_ seed: UInt64) throws {
      let workspace = try Self.demo()
      try workspace.runs()
      var random = Seeded(seed)
      for _ in 0..<3 {
        try Self.edit(workspace, &random)
        let summary = try workspace.run()
        // An edit may break a check of the manifest; then it must break it in a fresh run, too.
        let fresh = try workspace.inputsOnly()
        #expect(try fresh.run().status == summary.status)
        if summary.status == 0 { #expect(workspace.differing(from: fresh.results()) == [], "seed \(seed)") }
      }
    }

    private static func edit(_ workspace: TicketWorkspace, _ random: inout Seeded) throws {
      switch random.below(4) {
      case 0: try changeVotes(5, in: workspace, &random)
      case 1:
        var lines = try Self.lines("Datasets/support/votes.csv", in: workspace)
        lines.remove(at: 1 + random.below(lines.count - 1))
        try workspace.folder.write("Datasets/support/votes.csv", lines.joined(separator: "\n") + "\n")
      case 2:
        let name = "Datasets/support/requests-2026-10-2\(6 + random.below(4)).jsonl"
        var lines = try Self.lines(name, in: workspace)
        let at = random.below(lines.count)
        lines[at] = lines[at].replacingOccurrences(of: "\"status\":200", with: "\"status\":500")
        try workspace.folder.write(name, lines.joined(separator: "\n") + "\n")
      default:
        let text = try workspace.folder.read("Datasets/support/tickets-02.csv")
        try workspace.folder.write("Datasets/support/tickets-02.csv", text.replacingOccurrences(of: "Guten", with: "Sehr guten \(random.below(100))"))
      }
    }

    private static func lines(_ file: String, in workspace: TicketWorkspace) throws -> [String] {
      try workspace.folder.read(file).split(separator: "\n").map(String.init)
    }

    /// Gives some votes another class.
    private static func changeVotes(_ count: Int, in workspace: TicketWorkspace, _ random: inout Seeded) throws {
      var lines = try Self.lines("Datasets/support/votes.csv", in: workspace)
      for at in random.different(count, below: lines.count - 1) {
        var cells = lines[at + 1].components(separatedBy: ",")
        try #require(cells.count == 4)
        let other = TicketData.classes.filter { $0 != cells[2] }
        cells[2] = other[random.below(other.count)]
        lines[at + 1] = cells.joined(separator: ",")
      }
      try workspace.folder.write("Datasets/support/votes.csv", lines.joined(separator: "\n") + "\n")
    }

    @Test func fiveEditedVotesRunOnlyWhatCanChange() throws {
      let workspace = try Self.demo()
      try workspace.runs()
      var random = Seeded(50)
      try Self.changeVotes(5, in: workspace, &random)
      let summary = try workspace.runs()
      #expect(try summary.stage("tickets").ran == 0)
      #expect(try summary.stage("labels").ran > 0)
      // The log is watched against columns that no vote can change: changed chunks are looked at, and nothing is computed from them.
      #expect(try summary.stage("watch").cached >= 4)
      #expect(workspace.differing(from: try workspace.fresh()) == [])
    }

    @Test func anEditedTextDoesNotMergeVotesAgain() throws {
      let workspace = try Self.demo()
      try workspace.runs()
      try workspace.edit("Datasets/support/tickets-02.csv", ("Guten", "Sehr guten"))
      let summary = try workspace.runs()
      #expect(try summary.stage("tickets").ran > 0)
      #expect(try summary.stage("labels").ran <= 1, "at most the keys of the changed chunk are read")
    }

    @Test func killedRunsAreFinishedByTheNext() throws {
      let workspace = try Self.demo()
      let start = Date()
      try workspace.runs("-j", "2")
      let time = Date().timeIntervalSince(start)
      let expected = workspace.results()
      let untouched = try workspace.inputsOnly()
      var random = Seeded(51)
      var living = 0
      for round in 0..<12 {
        let other = try untouched.copied()
        let run = try other.start(["-j", "2"])
        Thread.sleep(forTimeInterval: time * (Double(round) + Double(random.below(1000)) / 1000) / 12)
        run.signal(SIGKILL)
        if run.wait().status == 128 + SIGKILL { living += 1 }
        for (name, bytes) in other.results() where !name.contains("/.") { #expect(bytes == expected[name], "round \(round): \(name)") }
        try other.runs()
        #expect(other.differing(from: expected) == [], "round \(round)")
        #expect(try other.runs().ran == 0, "round \(round)")
      }
      #expect(living >= 6, "only \(living) of 12 met a living process")
    }

    @Test func twoRunsAtOnceBothSucceed() throws {
      let workspace = try Self.demo()
      let runs = try [workspace.start(["-j", "4"]), workspace.start(["-j", "4"])]
      #expect(runs.map { $0.wait().status } == [0, 0])
      #expect(workspace.differing(from: try workspace.fresh()) == [])
      #expect(try workspace.runs().ran == 0)
    }
  }
}

import Foundation
import Testing

extension HeavyTests {
  /// Runs that end at any moment, and runs that meet.
  @Suite(.serialized) struct KillTests {
    private static let manifest =
      TicketData.manifest.replacingOccurrences(
        of: "from: ${stages.tickets}", with: "from: ${stages.named}") + """
          slow:
            kind: exec
            from: ${stages.tickets}
            run: [sh, Pipelines/slow.sh, A]
            files: [Pipelines/slow.sh]
            rows: chunk
            row_key: id
          named: { kind: ingest, from: "${stages.slow}", row_key: id, sheet: tickets }

        """

    private static func prepared(seed: UInt64) throws -> TicketWorkspace {
      let workspace = TicketWorkspace()
      try TicketData(count: 6_000, seed: seed).setUp(workspace.folder)
      try workspace.folder.write("Pipelines/slow.sh", "sleep 0.15\ncat\n")
      try workspace.folder.write("tickets.yaml", manifest)
      return workspace
    }

    /// Another manifest with the same files: other texts, nothing in common behind the ingest.
    private static func change(_ workspace: TicketWorkspace) throws {
      try workspace.edit("tickets.yaml", ("Ticket of", "From"), ("slow.sh, A", "slow.sh, B"))
    }

    /// Living processes whose working directory is in a folder: commands start in the workspace.
    private static func processes(in folder: String) -> [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).filter {
        Int($0) != nil
      }.compactMap { id in
        guard
          let place = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/cwd"),
          place.hasPrefix(folder)
        else { return nil }
        let command =
          FileManager.default.contents(atPath: "/proc/\(id)/cmdline").map {
            String(decoding: $0, as: UTF8.self).replacingOccurrences(of: "\0", with: " ")
          } ?? ""
        return command.isEmpty ? nil : "\(id): \(command)"
      }
    }

    private struct Tally: Sendable {
      var living = 0
      var withCommand = 0
    }

    /// Two lanes at a time: most of a run is waiting for its command.
    @Test func fiftyKilledRunsAreFinishedByTheNext() async throws {
      let before = try Self.prepared(seed: 31)
      try before.runs("-j", "4")
      let old = before.results()
      // The inputs of the new run, the outputs of the old one, an empty store.
      try before.remove(".pipe")
      try Self.change(before)

      let lanes = 2
      let calm = try await Self.inLanes(lanes) { _ in
        let workspace = try before.copied()
        let start = Date()
        try workspace.runs("-j", "4")
        return (time: Date().timeIntervalSince(start), results: workspace.results())
      }
      let time = calm.map(\.time).min()!
      let expected = calm[0].results
      try #require(TicketWorkspace.differing(expected, calm[1].results) == [])
      try #require(
        TicketWorkspace.differing(expected, old) == [
          "Outputs/tickets/eval.jsonl", "Outputs/tickets/train.jsonl", "tickets.lock",
        ])
      try #require(time > 0.5, "a run of \(time) s is too short to be hit")

      var random = Seeded(32)
      let moments = (0..<50).map { time * (Double($0) + Double(random.below(1000)) / 1000) / 50 }
      let tallies = try await Self.inLanes(lanes) { lane in
        var tally = Tally()
        for (index, moment) in moments.enumerated() where index % lanes == lane {
          let what = "moment \(index), \(Int(moment * 1000)) of \(Int(time * 1000)) ms"
          let workspace = try before.copied()
          let run = try workspace.start(["-j", "4"])
          Thread.sleep(forTimeInterval: moment)
          let isAlive = run.process.isRunning
          if Self.processes(in: workspace.path).contains(where: { $0.contains("slow.sh") }) {
            tally.withCommand += 1
          }
          run.signal(SIGKILL)
          let answer = run.wait()
          if isAlive, answer.status == 128 + SIGKILL { tally.living += 1 }

          var orphans = Self.processes(in: workspace.path)
          let end = Date().addingTimeInterval(5)
          while !orphans.isEmpty, Date() < end {
            Thread.sleep(forTimeInterval: 0.02)
            orphans = Self.processes(in: workspace.path)
          }
          #expect(orphans == [], "\(what)")

          // Nothing torn: each file is wholly the old one or the new one. Temporaries are hidden, and gone after the next run.
          for (name, bytes) in workspace.results() where !name.contains("/.") {
            #expect(
              bytes == old[name] || bytes == expected[name],
              "\(what): \(name) is neither old nor new")
          }
          let next = try workspace.run("-j", "4")
          #expect(next.status == 0, "\(what): \(next.answer.errors)")
          #expect(workspace.differing(from: expected) == [], "\(what)")
          #expect(try workspace.runs().ran == 0, "\(what)")
        }
        return tally
      }
      #expect(tallies.map(\.living).reduce(0, +) >= 40, "\(tallies)")
      #expect(tallies.map(\.withCommand).reduce(0, +) >= 20, "\(tallies)")
    }

    @Test func twoRunsAtOnceBothSucceed() throws {
      let workspace = try Self.prepared(seed: 33)
      let expected = try workspace.fresh()
      let first = try workspace.start(["-j", "4"])
      Thread.sleep(forTimeInterval: 0.1)
      let second = try workspace.start(["-j", "4"])
      let answers = [first, second].map { $0.wait() }
      #expect(answers.map(\.status) == [0, 0], "\(answers.map(\.errors))")
      #expect(workspace.differing(from: expected) == [])
      #expect(try workspace.runs().ran == 0)
    }

    @Test(arguments: 0..<3) func whatWasFinishedBeforeAnInterruptionIsKept(_ round: Int) throws {
      let workspace = try Self.prepared(seed: 34)
      let run = try workspace.start(["-j", "2"])
      let end = Date().addingTimeInterval(20)
      while !Self.processes(in: workspace.path).contains(where: { $0.contains("slow.sh") }),
        Date() < end
      { Thread.sleep(forTimeInterval: 0.01) }
      Thread.sleep(forTimeInterval: 0.2 + Double(round) * 0.15)
      run.signal(SIGINT)
      let answer = run.wait()
      #expect(answer.status == 130, "\(answer.errors)")
      #expect(Self.processes(in: workspace.path) == [])
      #expect(
        !workspace.folder.exists("Outputs/tickets/train.jsonl"), "published before it was complete")
      let next = try workspace.runs()
      let slow = try next.stage("slow")
      #expect(slow.cached > 0)
      #expect(slow.ran > 0)
      #expect(try next.stage("tickets").cached > 0)
      let fresh = try workspace.fresh()
      #expect(workspace.differing(from: fresh) == [])
    }

    /// One task per lane, each waiting for processes of its own.
    private static func inLanes<Result: Sendable>(
      _ count: Int, _ work: @escaping @Sendable (Int) throws -> Result
    ) async throws -> [Result] {
      try await withThrowingTaskGroup(of: Result.self) { group in
        for lane in 0..<count { group.addTask { try work(lane) } }
        var results: [Result] = []
        for try await result in group { results.append(result) }
        return results
      }
    }
  }
}

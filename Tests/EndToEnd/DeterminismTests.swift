import Foundation
import Testing

extension HeavyTests {
  /// Same inputs, same bytes; and what does not matter runs nothing.
  @Suite(.serialized) struct DeterminismTests {
    /// Beside the training set: numbers that are computed, expressions, CSV, shares and a command.
    private static let manifest =
      TicketData.manifest + """
          numbers:
            kind: ingest
            from: ${stages.tickets}
            row_key: id
            derive:
              chars: "text | length"
              share: "(text | length) / 7"
              third: "amount / 3"
          passed:
            kind: exec
            from: ${stages.numbers}
            run: [cat]
            rows: chunk
            row_key: id
          table:
            kind: export
            from: ${stages.passed}
            format: csv
            options: { columns: [id, amount, chars, share, third] }
            shards: 3
            to: Outputs/tickets/numbers.csv

        """

    private static func prepared(_ count: Int = 6_000) throws -> TicketWorkspace {
      let workspace = TicketWorkspace()
      var data = TicketData(count: count, seed: 21)
      // Two files under one glob.
      let rest = Array(data.rows[(count / 2)...])
      data.rows.removeSubrange((count / 2)...)
      try data.setUp(workspace.folder)
      try workspace.folder.write("data/tickets-more.jsonl", rest.joined(separator: "\n") + "\n")
      try workspace.folder.write("tickets.yaml", manifest)
      return workspace
    }

    @Test func equalBytesWhereverAndHoweverItRuns() throws {
      let workspace = try Self.prepared()
      try workspace.runs("-j", "1")
      let expected = workspace.results()
      try #require(
        expected.keys.sorted() == [
          "Outputs/tickets/eval.jsonl", "Outputs/tickets/numbers-00000-of-00003.csv",
          "Outputs/tickets/numbers-00001-of-00003.csv",
          "Outputs/tickets/numbers-00002-of-00003.csv", "Outputs/tickets/train.jsonl",
          "tickets.lock",
        ])
      try #require(expected.values.allSatisfy { $0.count > 1000 })

      let environments: [(String, [String: String])] = [
        ("nothing", [:]),
        ("TZ", ["TZ": "Pacific/Apia"]),
        ("TZ and LANG", ["TZ": "America/New_York", "LANG": "de_DE.UTF-8"]),
        ("LC_ALL C", ["LC_ALL": "C"]),
        ("LC_ALL tr_TR", ["LC_ALL": "tr_TR.UTF-8"]),
        ("LC_ALL C.UTF-8", ["LC_ALL": "C.UTF-8"]),
        ("processor", ["GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX512F"]),
      ]
      for (name, environment) in environments {
        let other = try workspace.inputsOnly()
        let summary = try other.runs("-j", "8", environment: environment)
        #expect(summary.cached == 0)
        #expect(other.differing(from: expected) == [], "\(name)")
      }

      // Again in the same place, taking nothing from the cache: every file is made anew.
      try workspace.remove("Outputs")
      let again = try workspace.runs("--no-cache", "-j", "8")
      #expect(again.cached == 0)
      #expect(workspace.differing(from: expected) == [], "--no-cache")

      // A clone: inputs, lock and outputs, and no store.
      let clone = try workspace.copied()
      try clone.remove(".pipe")
      #expect(try clone.runs().cached == 0)
      #expect(clone.differing(from: expected) == [], "clone")

      for mask in ["000", "077"] {
        let other = try workspace.inputsOnly()
        try TicketWorkspace.command(
          "sh", "-c", "umask \(mask); cd \"$1\"; \"$0\" run --json >/dev/null 2>&1",
          CLIProgram.path, other.path)
        #expect(other.differing(from: expected) == [], "umask \(mask)")
      }

      // A store elsewhere, that others use, too.
      let store = CLIProgram.Folder()
      for _ in 0..<2 {
        let other = try workspace.inputsOnly()
        try other.runs("--store", store.path + "/store")
        #expect(other.differing(from: expected) == [], "--store")
      }
    }

    @Test func whatDoesNotMatterRunsNothing() throws {
      let workspace = try Self.prepared(2_000)
      let first = try workspace.runs()
      #expect(first.cached == 0)
      let expected = workspace.results()
      func nothing(_ what: String, in place: TicketWorkspace, lock: Bool = true) throws {
        let summary = try place.runs()
        #expect(summary.ran == 0, "\(what)")
        #expect(
          place.differing(from: expected).filter { lock || $0 != "tickets.lock" } == [], "\(what)")
      }
      try nothing("second run", in: workspace)

      for name in [
        "data/tickets.jsonl", "data/tickets-more.jsonl", "data/labels.jsonl", "tickets.yaml",
      ] {
        try TicketWorkspace.command(
          "touch", "-d", "2001-02-03 04:05:06", workspace.path + "/" + name)
      }
      try nothing("touched", in: workspace)
      try nothing("touched, second run", in: workspace)

      let copy = try workspace.copied()
      try nothing("copied", in: copy)
      let moved = TicketWorkspace()
      try FileManager.default.moveItem(atPath: copy.path, toPath: moved.path + "/inside")
      let answer = try CLIProgram.run("run", "--json", "tickets.yaml", in: moved.path + "/inside")
      #expect(answer.json["ran"] as? Int == 0, "moved: \(answer.errors)")

      // The order of the files under the glob stays what it was.
      try FileManager.default.moveItem(
        atPath: workspace.path + "/data/tickets-more.jsonl",
        toPath: workspace.path + "/data/tickets--.jsonl")
      try nothing("renamed source", in: workspace)

      try workspace.edit(
        "tickets.yaml", ("  pairs:\n", "  couples:\n"), ("stages.pairs", "stages.couples"))
      try nothing("renamed stage", in: workspace, lock: false)
      #expect(
        String(decoding: try #require(workspace.results()["tickets.lock"]), as: UTF8.self).contains(
          "couples.rows"))
      try workspace.edit(
        "tickets.yaml", ("  couples:\n", "  pairs:\n"), ("stages.couples", "stages.pairs"))
      try nothing("named as before", in: workspace)

      try workspace.folder.write(
        "tickets.yaml", try Self.reordered(workspace.folder.read("tickets.yaml")))
      try nothing("reordered manifest", in: workspace)
    }

    /// The same manifest, stages and some keys in another order, with comments.
    private static func reordered(_ text: String) throws -> String {
      let parts = text.components(separatedBy: "stages:\n")
      try #require(parts.count == 2)
      var stages: [String] = []
      for line in parts[1].split(separator: "\n") {
        if line.hasPrefix("  "), !line.hasPrefix("   ") {
          stages.append(line + "\n")
        } else {
          stages[stages.count - 1] += line + "\n"
        }
      }
      try #require(stages.count == 6)
      var reordered =
        "# a comment\n"
        + parts[0].split(separator: "\n").reversed().filter {
          !$0.hasPrefix("  ") && !$0.hasPrefix("label_types")
        }.joined(separator: "   # another\n")
      reordered +=
        "\nstages:\n" + stages.reversed().map { "  # stage\n" + $0 }.joined(separator: "\n")
      reordered +=
        "label_types:\n" + parts[0].split(separator: "\n").filter { $0.hasPrefix("  ") }.joined()
        + "\n"
      reordered = reordered.replacingOccurrences(
        of: "{ kind: ingest, from: data/tickets*.jsonl, row_key: id, sheet: tickets }",
        with: "{ sheet: 'tickets', row_key: \"id\", from: data/tickets*.jsonl, kind: ingest }")
      reordered = reordered.replacingOccurrences(of: "    kind: export\n", with: "")
        .replacingOccurrences(
          of: "    format: openai-chat\n",
          with: "    format: openai-chat  # chat\n    kind: export\n")
      reordered = reordered.replacingOccurrences(
        of: "    format: csv\n", with: "    format: csv\n    kind: export\n")
      return reordered
    }
  }
}

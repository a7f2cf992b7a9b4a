import Diagnostics
import Engine
import Foundation
import Testing

/// What an exec stage does to the world, and what of it stands in its key.
@Suite struct ExecEffectTests {
  private static let rows = [(path: "Datasets/rows.jsonl", text: "{\"id\":1,\"text\":\"a\"}\n{\"id\":2,\"text\":\"b\"}\n")]

  private static func bench(_ fields: String, more: String = "", head: String = "", files: [(path: String, text: String)] = []) throws -> Bench {
    try Bench(
      stages: """
        rows: { kind: ingest, from: Datasets/rows.jsonl, row_key: id }
        asked:
          kind: exec
          from: ${stages.rows}
          row_key: id
          \(fields.split(separator: "\n").joined(separator: "\n  "))
        \(more)
        """, head: head, files: rows + files)
  }

  /// How often the program of a bench was started.
  private func count(_ bench: Bench) -> Int { bench.scratch.read("counter")?.split(separator: "\n").count ?? 0 }

  @Test func whereAFileGoesIsNotInTheKey() throws {
    func stages(_ path: String) -> String {
      "run: [sh, -c, 'echo x >>counter; cat \"$0\" >\"$1\"', \"${in.rows}\", \"${out.index}\"]\nrows: file\noutputs: { index: \(path) }"
    }
    let bench = try Self.bench(stages("Outputs/a.bin"))
    #expect(try bench.run().report.exitCode == 0)
    let manifest = try #require(bench.scratch.read(Bench.manifest))
    try bench.scratch.write(Bench.manifest, manifest.replacingOccurrences(of: "Outputs/a.bin", with: "Outputs/elsewhere/b.bin"))
    let moved = try bench.run().report
    #expect(moved.exitCode == 0)
    #expect(moved.ran == 0)
    #expect(count(bench) == 1)
    #expect(bench.scratch.read("Outputs/elsewhere/b.bin") == Self.rows[0].text)
    // The program sees its kind of file.
    try bench.scratch.write(Bench.manifest, manifest.replacingOccurrences(of: "Outputs/a.bin", with: "Outputs/a.json"))
    #expect(try bench.run().report.ran == 1)
  }

  @Test func aPublishedFileIsNotReadAsRows() throws {
    let bench = try Self.bench(
      "run: [sh, -c, 'cat \"$0\" >\"$1\"', \"${in.rows}\", \"${out.index}\"]\nrows: file\noutputs: { index: Outputs/a.bin }",
      more: "again: { kind: exec, from: \"${stages.asked.index}\", run: [cat] }")
    let problems = bench.lint()
    #expect(problems.map(\.message) == ["`asked.index` is a file, and `rows` wants rows"])
    #expect(problems.first?.notes.map(\.text) == ["only an exec stage with `rows: file` takes files"])
  }

  @Test func tryAgainLaterIsExit75() throws {
    let busy = try Self.bench("run: [sh, -c, 'cat >/dev/null; exit 75']")
    #expect(try busy.run().report.exitCode == 75)
    let slow = try Self.bench("run: [sleep, \"20\"]\ntimeout: 1s")
    #expect(try slow.run().report.exitCode == 75)
    let broken = try Self.bench("run: [sh, -c, 'exit 3']")
    #expect(try broken.run().report.exitCode == 1)
    let patient = try Self.bench(
      "run: [sh, -c, 'echo x >>counter; [ $(wc -l <counter) -ge 3 ] || exit 75; cat']\nretries: { max: 2, backoff: 1s, on_exit: [75] }")
    #expect(try patient.run().report.exitCode == 0)
    #expect(count(patient) == 3)
  }

  @Test func labelsAttachToRowsOfASheet() throws {
    let bench = try Self.bench(
      "run: [cat]\nsheet: questions",
      more: """
        pairs:
          kind: assemble
          from: ${stages.asked}
          labels: Datasets/labels.jsonl
          label_type: mood
          messages: [ { role: user, content: "{{ text }}" }, { role: assistant, content: "{{ mood }}" } ]
        """, head: "label_types: { mood: { kind: class, classes: [good, bad] } }\n",
      files: [("Datasets/labels.jsonl", "{\"sheet\":\"questions\",\"item\":\"1\",\"label_type\":\"mood\",\"label\":\"good\"}\n")])
    let (session, report) = try bench.run()
    #expect(report.exitCode == 0, "\(report.stages.compactMap(\.failure))")
    #expect(try bench.rows("pairs", session).contains("{\"role\":\"assistant\",\"content\":\"good\"}"))
  }

  @Test func aSnapshotIsTakenOnce() throws {
    let bench = try Self.bench(
      "run: [sh, -c, 'echo x >>counter; cat']\neffect: snapshot", more: "out: { kind: exec, from: \"${stages.asked}\", run: [cat], row_key: id }")
    #expect(try bench.run().report.exitCode == 0)
    let lock = try #require(bench.scratch.read("Manifests/case.lock"))
    #expect(lock.contains("\npin asked sha256:"))
    #expect(try bench.run { $0.forced = ["asked", "out"] }.report.exitCode == 0)
    #expect(try bench.run { $0.usesCache = false }.report.exitCode == 0)
    #expect(count(bench) == 1)
    #expect(try bench.run { $0.updated = ["asked"] }.report.exitCode == 0)
    #expect(count(bench) == 2)
    #expect(bench.scratch.read("Manifests/case.lock") == lock)

    // A store without what the lock pins: other rows would be another data set.
    try FileManager.default.removeItem(atPath: bench.scratch.root + "/.pipe")
    let lost = try bench.run().report
    #expect(lost.exitCode == 3)
    let failure = try #require(lost.stages.first { $0.name == "asked" }?.failure)
    #expect(failure.message == "`asked` is pinned in the lock, and its rows are not in this store")
    #expect(failure.help == "bring the store of whoever made the lock (`--store`), or take it anew: pipe update -s asked")
    #expect(count(bench) == 2)
    #expect(try bench.run { $0.updated = ["asked"] }.report.exitCode == 0)
    #expect(count(bench) == 3)
  }

  @Test(arguments: ["table", "file"]) func aSubmissionIsMadeOnce(_ rows: String) throws {
    let run = rows == "table" ? "run: [sh, -c, 'echo x >>counter; cat']" : "run: [sh, -c, 'echo x >>counter; cat \"$0\" >\"$1\"', \"${in.rows}\", \"${out.rows}\"]"
    let bench = try Self.bench("\(run)\nrows: \(rows)\neffect: submit")
    let (session, report) = try bench.run()
    #expect(report.exitCode == 0, "\(report.stages.compactMap(\.failure))")
    #expect(try bench.rows("asked", session) == Self.rows[0].text)
    #expect(report.stages.first { $0.name == "asked" }?.facts.isEmpty ?? false, "every row has its parent")
    #expect(try bench.run { $0.forced = ["asked"] }.report.exitCode == 0)
    #expect(count(bench) == 1)
    #expect(bench.scratch.read("Manifests/case.lock")?.contains("\nsubmit asked key=sha256:") ?? false)
  }

  @Test func aSubmissionIsOneProcess() throws {
    let bench = try Self.bench("run: [cat]\nrows: row\neffect: submit")
    #expect(bench.lint().map(\.message) == ["`effect: submit` starts one process, and `rows: row` means many"])
  }

  @Test func whatRunsEachTimeStandsInNoLock() throws {
    let bench = try Self.bench("run: [sh, -c, 'echo x >>counter; cat']\neffect: volatile", more: "after: { kind: exec, from: \"${stages.asked}\", run: [cat] }")
    #expect(try bench.run().report.exitCode == 0)
    #expect(try bench.run().report.exitCode == 0)
    #expect(count(bench) == 2)
    let lock = try #require(bench.scratch.read("Manifests/case.lock"))
    #expect(lock.contains("stage rows "))
    #expect(!lock.contains("asked") && !lock.contains("after"))
  }
}

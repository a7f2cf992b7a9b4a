import Foundation
import Testing

/// Endings from outside: signals, other runs, commands that fail.
@Suite struct CLIEndingTests {
  private let folder = CLIProgram.Folder()

  /// `slow` prints one row after some seconds; `quick` is published at once.
  private func prepare(seconds: Int, slow: String = "") throws {
    try folder.write("Datasets/rows.jsonl", "{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":\"b\",\"text\":\"two\"}\n")
    try folder.write("Pipelines/slow.sh", "sleep \(seconds)\n\(slow)\necho '{\"id\":\"s\"}'\n")
    try folder.write(
      "Manifests/ends.yaml",
      """
      schema: pipe/v1
      name: ends
      params: { suffix: "" }
      stages:
        rows:
          kind: exec
          run: [cat, Datasets/rows.jsonl]
          files: [Datasets/rows.jsonl]
          row_key: id
        quick:
          kind: export
          from: ${stages.rows}
          format: jsonl
          where: id != ${params.suffix}
          to: Outputs/ends/quick.jsonl
        slow:
          kind: exec
          run: [sh, Pipelines/slow.sh]
          files: [Pipelines/slow.sh]
          row_key: id
      """ + "\n")
  }

  private func waitForFile(_ file: String) throws {
    let end = Date().addingTimeInterval(20)
    while !folder.exists(file), Date() < end { usleep(20_000) }
    try #require(folder.exists(file))
  }

  @Test(arguments: [(SIGINT, Int32(130)), (SIGTERM, Int32(143))]) func aSignalEndsTheRunAndKeepsWhatHasFinished(_ signal: Int32, _ status: Int32) throws {
    try prepare(seconds: 30)
    let run = try CLIProgram.start(["run", "-j", "2"], in: folder.path)
    try waitForFile("Outputs/ends/quick.jsonl")
    let start = Date()
    run.signal(signal)
    let answer = run.wait()
    #expect(answer.status == status, "\(answer.errors)")
    #expect(Date().timeIntervalSince(start) < 10)
    #expect(answer.errors.contains("what has finished is kept") || answer.errors.contains("stopping"))
    try folder.write("Pipelines/slow.sh", "echo '{\"id\":\"s\"}'\n")
    let next = try CLIProgram.run("run", "--json", in: folder.path)
    #expect(next.status == 0)
    // Only the stage that was stopped (and changed) runs.
    #expect(next.json["ran"] as? Int == 1)
  }

  @Test func aHeldLockIsStatus9WithNoWait() throws {
    try prepare(seconds: 4)
    let first = try CLIProgram.start(["run", "-j", "2"], in: folder.path)
    try waitForFile("Outputs/ends/quick.jsonl")
    let second = try CLIProgram.run("run", "-s", "+quick", "-p", "suffix=a", "--no-wait", in: folder.path)
    #expect(second.status == 9, "\(second.output)\(second.errors)")
    #expect(second.errors.contains("error[locked]"))
    #expect(first.wait().status == 0)
    // Without --no-wait the same is just a run.
    #expect(try CLIProgram.run("run", "-s", "quick", "-p", "suffix=a", in: folder.path).status == 0)
  }

  @Test func whatIsSelectedMayNeedWhatIsNot() throws {
    try prepare(seconds: 0)
    let answer = try CLIProgram.run("run", "-s", "quick", in: folder.path)
    #expect(answer.status == 1)
    #expect(
      answer.errors == """
        error[not-selected]: `quick` needs `rows`, which was not selected and has no result in the store
           = help  -s +quick runs what it needs, too

          quick not run (needs rows)
          nothing was published · pipe run runs everything

        """)
    #expect(try CLIProgram.run("run", "-s", "+quick", in: folder.path).status == 0)
  }

  @Test func aCommandThatFailsIsStatus1AndItsWordsAreShown() throws {
    try prepare(seconds: 0, slow: "echo 'no such luck' >&2; exit 7")
    let answer = try CLIProgram.run("run", in: folder.path)
    #expect(answer.status == 1)
    #expect(answer.errors.contains("no such luck"))
    #expect(answer.errors.contains("slow FAILED"))
  }

  @Test func aStageThatLiesAboutBeingPureIsStatus70() throws {
    try prepare(seconds: 0)
    // Rows of noise, large enough for a file of their own in the store.
    try folder.write(
      "Pipelines/noise.sh",
      "i=0; while [ $i -lt 400 ]; do echo \"{\\\"id\\\":\\\"$i\\\",\\\"text\\\":\\\"$(od -An -N40 -tx1 /dev/urandom | tr -d ' \\n')\\\"}\"; i=$((i+1)); done\n")
    var manifest = try folder.read("Manifests/ends.yaml")
    manifest = manifest.replacingOccurrences(of: "run: [cat, Datasets/rows.jsonl]\n    files: [Datasets/rows.jsonl]", with: "run: [sh, Pipelines/noise.sh]")
    try folder.write("Manifests/ends.yaml", manifest)
    #expect(try CLIProgram.run("run", in: folder.path).status == 0)
    try FileManager.default.removeItem(atPath: folder.path + "/.pipe/packs")
    let answer = try CLIProgram.run("run", "-p", "suffix=a", in: folder.path)
    #expect(answer.status == 70, "\(answer.output)\(answer.errors)")
  }

  @Test func anUnwritableStoreSaysSo() throws {
    try prepare(seconds: 0)
    let answer = try CLIProgram.run("run", "--store", "/proc/nowhere", in: folder.path)
    #expect(answer.status == 1)
    #expect(answer.errors.contains("/proc/nowhere"))
  }
}

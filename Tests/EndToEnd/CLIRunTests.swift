import Foundation
import Testing

/// Runs as people see them: screens, exit statuses, JSON.
@Suite struct CLIRunTests {
  private let folder: CLIProgram.Folder

  init() throws {
    folder = CLIProgram.Folder()
    let start = try CLIProgram.run("init", in: folder.path)
    try #require(start.status == 0, "\(start.errors)")
  }

  private func pipe(_ arguments: String..., input: String? = nil, environment: [String: String] = [:]) throws -> CLIProgram.Answer {
    try CLIProgram.start(arguments, in: folder.path, environment: environment, input: input).wait()
  }

  private func edit(_ replacements: (String, String)...) throws {
    var text = try folder.read("Manifests/first.yaml")
    for (old, new) in replacements {
      try #require(text.contains(old))
      text = text.replacingOccurrences(of: old, with: new)
    }
    try folder.write("Manifests/first.yaml", text)
  }

  @Test func whatInitWritesRunsAndThenHasNothingToDo() throws {
    let first = try pipe("run")
    #expect(first.status == 0, "\(first.errors)")
    #expect(first.output.hasPrefix("first 0.1.0 · 3 stages · "))
    #expect(first.output.contains("Outputs/first/train.jsonl"))
    #expect(first.output.contains("Manifests/first.lock"))
    #expect(first.output.contains("first run"))
    let second = try pipe("run", "--json")
    #expect(second.status == 0)
    #expect(second.json["ran"] as? Int == 0)
    #expect(second.json["tasks"] as? Int == second.json["cached"] as? Int)
    #expect((second.json["stages"] as? [Any])?.isEmpty == false)
    let third = try pipe("run")
    #expect(third.output.hasPrefix("first 0.1.0 · nothing to do: "))
    #expect(third.output.split(separator: "\n").count == 1)
    #expect(try pipe("plan", "--check").status == 0)
  }

  @Test func theNextCommandsOfTheScreenWork() throws {
    let first = try pipe("run")
    let line = try #require(first.output.split(separator: "\n").last { $0.hasPrefix("  next") })
    let commands = line.dropFirst(6).split(separator: "·").map { $0.split(separator: " ").map(String.init) }
    #expect(commands.count == 3)
    for command in commands {
      #expect(command.first == "pipe")
      let answer = try CLIProgram.start(Array(command.dropFirst()), in: folder.path).wait()
      #expect(answer.status == 0, "\(command): \(answer.errors)")
      #expect(!answer.output.isEmpty)
    }
  }

  @Test func aPlanSaysWhyAndRunsNothing() throws {
    let before = try pipe("plan")
    #expect(before.status == 0)
    #expect(before.output.contains("will run"))
    #expect(!folder.exists("Outputs/first/train.jsonl"))
    #expect(try pipe("plan", "--check").status == 3)
    _ = try pipe("run")
    try edit(("sheet: reviews", "sheet: reviews\n    where: \"text | length > 30\""))
    let after = try pipe("run", "-n", "--json")
    let stages = try #require(after.json["stages"] as? [[String: Any]])
    #expect(stages.first { $0["stage"] as? String == "reviews" }?["verdict"] as? String == "will run")
    let explanation = try pipe("explain", "reviews", "--json")
    #expect(((explanation.json["changes"] as? [[String: Any]])?.first?["part"] as? String)?.hasSuffix("where") == true)
  }

  @Test func aFailedStageIsStatus1() throws {
    try edit(("content: \"{{ text }}\"", "content: \"{{ text.nothing.at_all }}\""))
    let answer = try pipe("run")
    #expect(answer.status == 1)
    #expect(answer.errors.contains("pairs FAILED"))
    #expect(answer.errors.contains("nothing was published"))
    #expect(!folder.exists("Outputs/first/train.jsonl"))
    let json = try pipe("run", "--json")
    #expect(json.status == 1)
    #expect(json.json["failed"] as? Int == 1)
    #expect(json.json["error"] != nil)
    try edit((".nothing.at_all", ""))
    #expect(try pipe("retry").status == 0)
    #expect(folder.exists("Outputs/first/train.jsonl"))
  }

  @Test func retryTakesTheParametersOfTheLastRun() throws {
    try edit(("stages:", "params: { least: 1 }\nstages:"), ("sheet: reviews", "sheet: reviews\n    where: \"text | length > ${params.least}\""))
    try edit(("content: \"{{ text }}\"", "content: \"{{ text.nothing.at_all }}\""))
    try folder.write("more.yaml", "least: 2\n")
    #expect(try pipe("run", "-p", "least=30", "--params-file", "more.yaml").status == 1)
    try edit((".nothing.at_all", ""))
    let again = try pipe("retry")
    #expect(again.status == 0, "\(again.errors)")
    #expect(again.errors.hasPrefix("pipe: with -p least=30 --params-file \(folder.path)/more.yaml, as in the last run\n"), "\(again.errors)")
    #expect(!folder.exists("Manifests/first.lock"), "with parameters no lock is written")
    #expect(try pipe("run", "-p", "least=30", "--json").json["ran"] as? Int == 0)
    // Others take their place.
    #expect(try pipe("retry", "-p", "least=1").status == 0)
    #expect(try pipe("run", "--json").json["ran"] as? Int == 0)
  }

  @Test func aBadManifestIsStatus2AndEverythingIsSaidAtOnce() throws {
    try edit(("label_type: mood\n    messages", "label_typ: mood\n    messages"), ("row_key: id", "row_kye: id"))
    let answer = try pipe("run")
    #expect(answer.status == 2)
    #expect(answer.errors.contains("did you mean `label_type`?"))
    #expect(answer.errors.contains("did you mean `row_key`?"))
    #expect(answer.errors.contains("nothing ran\n"))
    #expect(answer.output.isEmpty)
    let json = try pipe("run", "--json")
    #expect((json.json["error"] as? [String: Any])?["file"] as? String == "Manifests/first.yaml")
    #expect((json.json["diagnostics"] as? [Any])?.count ?? 0 >= 2)
    #expect(try pipe("lint").status == 2)
  }

  @Test func aFailedCheckIsStatus3AndPublishesNothing() throws {
    try edit(("split: {", "expect: [ \"rows.train >= 1000\" ]\n    split: {"))
    let answer = try pipe("run")
    #expect(answer.status == 3)
    #expect(answer.errors.hasPrefix("check failed: dataset: rows.train >= 1000\n  --> Manifests/first.yaml:"))
    #expect(!folder.exists("Outputs/first/train.jsonl"))
    let status = try pipe("status")
    #expect(status.output.contains("  check failed: dataset: rows.train >= 1000 in the last run; pipe run checks it again\n"), "\(status.output)")
    #expect(!status.output.contains("up to date"))
    #expect(try ((pipe("status", "--json").json["manifests"] as? [[String: Any]])?.first?["up_to_date"] as? Bool) == false)
    // Refused, not forgotten: looking at what was refused is possible.
    #expect(try pipe("run").status == 3)
    try edit(("expect: [ \"rows.train >= 1000\" ]", "expect: [ { check: \"rows.train >= 1000\", severity: warn } ]"))
    let warned = try pipe("run")
    #expect(warned.status == 0)
    #expect(warned.output.contains("  ! dataset: rows.train >= 1000   does not hold"))
  }

  @Test func aSelectionOfNothingIsStatus4() throws {
    let answer = try pipe("run", "-s", "pears")
    #expect(answer.status == 4)
    #expect(answer.errors == "error[nothing-selected]: no stage matches `pears`\n   = help  did you mean `pairs`?\n")
    #expect(try pipe("run", "-s", "kind:nonsense").status == 4)
    #expect(try pipe("run", "-s", "knd:ingest").status == 2)
    #expect(try pipe("run", "-s", "+pairs").status == 0)
    #expect(!folder.exists("Outputs/first/train.jsonl"))
  }

  @Test func parametersAreNamedAndWriteNoLock() throws {
    try edit(("label_types:", "params: { least: 10 }\n\nlabel_types:"), ("sheet: reviews", "sheet: reviews\n    where: \"text | length > ${params.least}\""))
    let answer = try pipe("run", "-p", "least=40")
    #expect(answer.status == 0, "\(answer.errors)")
    #expect(!folder.exists("Manifests/first.lock"))
    #expect(try pipe("run", "-p", "leats=40").status == 2)
    #expect(try pipe("run", "-p", "least=40", "--lock").status == 0)
    #expect(folder.exists("Manifests/first.lock"))
  }

  @Test func showPrintsJSONLinesForMachines() throws {
    _ = try pipe("run")
    let rows = try pipe("show", "pairs", "-n", "3")
    #expect(rows.status == 0)
    #expect(rows.records.count == 3)
    #expect(rows.records[0]["id"] as? String == "R-1")
    #expect(try pipe("show", "pairs", "-n", "0").records.count == 8)
    #expect(try pipe("show", "pairs", "-n", "2", "--from", "8").records.count == 1)
    #expect(try pipe("show", "nothing").status == 2)
    #expect(try pipe("show", "dataset").errors.contains("dataset.train"))
  }

  @Test func traceLeadsToTheLine() throws {
    _ = try pipe("run")
    let trace = try pipe("trace", "Outputs/first/train.jsonl:1")
    #expect(trace.status == 0, "\(trace.errors)")
    #expect(trace.output.contains("Datasets/first/reviews.jsonl:"))
    #expect(trace.output.contains("Datasets/first/labels.jsonl:"))
    #expect(try pipe("trace", "Outputs/first/train.jsonl:999").status == 2)
    #expect(try pipe("trace", "pairs").status == 2)
  }

  @Test func theRestOfTheReadingCommandsAnswerInJSON() throws {
    _ = try pipe("run")
    for arguments in [["status"], ["graph"], ["log"], ["lock"], ["cache", "stats"], ["cache", "verify"], ["doctor"], ["explain"], ["lint"]] {
      let answer = try CLIProgram.start(arguments + ["--json"], in: folder.path).wait()
      #expect(answer.status == 0, "\(arguments): \(answer.errors)")
      #expect(!answer.records.isEmpty)
      #expect(answer.records.allSatisfy { $0["schema_version"] as? Int == 1 }, "\(arguments)")
      let text = try CLIProgram.start(arguments, in: folder.path).wait()
      #expect(text.status == 0)
      #expect(!text.output.isEmpty)
    }
  }

  @Test func checkoutBringsBackWhatTheLockSays() throws {
    _ = try pipe("run")
    let before = try folder.read("Outputs/first/train.jsonl")
    try folder.write("Outputs/first/train.jsonl", "edited by hand\n")
    #expect(try pipe("doctor").status == 3)
    let answer = try pipe("checkout")
    #expect(answer.status == 0, "\(answer.errors)")
    #expect(try folder.read("Outputs/first/train.jsonl") == before)
  }

  @Test func fmtChecksWritesAndReadsStandardInput() throws {
    #expect(try pipe("fmt", "--check").status == 0)
    let tidy = try folder.read("Manifests/first.yaml")
    try folder.write("Manifests/first.yaml", tidy + "\n\n\n")
    #expect(try pipe("fmt", "--check").status == 3)
    #expect(try pipe("fmt").output == "changed Manifests/first.yaml\n")
    #expect(try folder.read("Manifests/first.yaml") == tidy)
    #expect(try pipe("fmt", "-", input: tidy + "\n\n").output == tidy)
  }

  @Test func aReaderThatGoesAwayIsNoError() throws {
    _ = try pipe("run")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    process.arguments = ["-c", "{ \"$0\" show pairs -n 0; \"$0\" show pairs -n 0; } 2>errors | head -n 1 >first", CLIProgram.path]
    try process.run()
    process.waitUntilExit()
    #expect(try folder.read("errors").isEmpty)
    #expect(try folder.read("first").hasPrefix("{\"id\":\"R-1\""))
  }

  @Test func coloursOnlyWhenAskedFor() throws {
    #expect(try !pipe("run").output.contains("\u{1B}"))
    #expect(try pipe("run", "-f", "--color", "always").output.contains("\u{1B}["))
    #expect(try !pipe("run", "-f", environment: ["NO_COLOR": "1"]).output.contains("\u{1B}"))
  }

  @Test func sarifAndSchemaAreJSON() throws {
    let sarif = try pipe("lint", "--sarif")
    let log = try JSONSerialization.jsonObject(with: Data(sarif.output.utf8)) as? [String: Any]
    #expect(log?["version"] as? String == "2.1.0")
    let schema = try JSONSerialization.jsonObject(with: Data(try pipe("schema").output.utf8)) as? [String: Any]
    #expect((schema?["$schema"] as? String)?.contains("2020-12") == true)
  }
}

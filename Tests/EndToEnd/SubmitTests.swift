import Foundation
import Testing

/// Trainings under the supervisor: whatever is killed, wherever, each is submitted once.
@Suite(.serialized) struct SubmitTests {
  /// A workspace with a training that counts how often it was started.
  struct Workspace {
    let folder = CLIProgram.Folder()

    init(_ script: String = "", fields: String = "", backend: String = "") throws {
      try folder.write("Datasets/rows.jsonl", (1...5).map { "{\"id\":\($0),\"text\":\"row \($0)\"}\n" }.joined())
      try folder.write(
        "train.sh", "echo started >>counter\n\(script)\necho epoch 1\ncp \"$PIPE_TRAIN\" \"$PIPE_MODEL/rows\"\necho '{\"loss\":0.5}' >\"$PIPE_MODEL/metrics.json\"\n")
      try folder.write(
        "m.yaml",
        """
        schema: pipe/v1
        name: m
        stages:
          rows: { kind: ingest, from: Datasets/rows.jsonl, row_key: id }
          fit:
            kind: train-submit
            from: ${stages.rows}
            backend: { kind: command, run: [sh, train.sh]\(backend) }
        \(fields)
        """)
    }

    func run(_ arguments: String..., environment: [String: String] = [:]) throws -> CLIProgram.Answer {
      try CLIProgram.start(arguments.isEmpty ? ["run"] : arguments, in: folder.path, environment: environment).wait()
    }

    func start(_ arguments: String...) throws -> CLIProgram.Running { try CLIProgram.start(arguments, in: folder.path) }

    var count: Int { (try? folder.read("counter"))?.split(separator: "\n").count ?? 0 }

    /// Waits until something holds, at most twenty seconds.
    func eventually(_ condition: () -> Bool) -> Bool {
      let end = Date().addingTimeInterval(20)
      while !condition(), Date() < end { Thread.sleep(forTimeInterval: 0.01) }
      return condition()
    }

    /// A file of the only attempt so far.
    func job(_ name: String) -> String? {
      let submit = folder.path + "/.pipe/submit"
      guard let key = try? FileManager.default.contentsOfDirectory(atPath: submit).first else { return nil }
      return try? String(contentsOfFile: "\(submit)/\(key)/1/\(name)", encoding: .utf8)
    }

    var supervisor: Int32? { job("handle")?.split(separator: "\n").first.flatMap { Int32($0) } }

    /// Every file below a folder.
    func files(_ path: String = "") -> [String] {
      FileManager.default.enumerator(atPath: folder.path + "/" + path)?.compactMap { $0 as? String } ?? []
    }
  }

  @Test(arguments: ["intent", "submit", "handle", "result", "keep"])
  func pipeIsKilledInAGap(_ gap: String) throws {
    let workspace = try Workspace()
    let killed = try workspace.run(environment: ["PIPE_CRASH_AT": gap])
    #expect(killed.status == 128 + SIGKILL, "\(gap): \(killed.errors)")
    let next = try workspace.run()
    #expect(next.status == 0, "\(gap): \(next.errors)")
    #expect(workspace.count == 1, "\(gap)")
    #expect(try workspace.folder.read("m.lock").contains("\nsubmit fit key=sha256:"))
    #expect(try workspace.run("run", "--json").json["ran"] as? Int == 0)
  }

  @Test(arguments: ["supervisor-handle", "supervisor-start", "supervisor-exit"])
  func theSupervisorIsKilledInAGap(_ gap: String) throws {
    let workspace = try Workspace()
    let first = try workspace.run(environment: ["PIPE_CRASH_AT": gap])
    // Behind the command's end nothing is lost; before its start nothing has happened.
    #expect(first.status == (gap == "supervisor-exit" ? 0 : 1), "\(gap): \(first.errors)")
    let next = try workspace.run()
    #expect(next.status == 0, "\(gap): \(next.errors)")
    #expect(workspace.count == 1, "\(gap)")
  }

  @Test func aTrainingThatIsCutOffIsUncertainUntilSomebodyDecides() throws {
    let workspace = try Workspace("echo $$ >pid\n[ -e go ] || sleep 60")
    let run = try workspace.start("run")
    #expect(workspace.eventually { workspace.folder.exists("pid") })
    let supervisor = try #require(workspace.supervisor)
    kill(supervisor, SIGKILL)
    let answer = run.wait()
    #expect(answer.status == 75)
    #expect(answer.errors.contains("error[uncertain]: `sh train.sh` was submitted, and nobody knows what came of it: it was cut off before it ended"), "\(answer.errors)")
    // The guard has taken the command along.
    let trainer = try #require(Int32(try workspace.folder.read("pid").split(separator: "\n")[0]))
    #expect(workspace.eventually { kill(trainer, 0) != 0 })
    #expect(try workspace.run().status == 75)
    #expect(try workspace.run("retry").status == 75)
    #expect(workspace.count == 1)
    try workspace.folder.write("go", "")
    let again = try workspace.run("retry", "--resubmit")
    #expect(again.status == 0, "\(again.errors)")
    #expect(workspace.count == 2)
    #expect(try workspace.run("run", "--json").json["ran"] as? Int == 0)
  }

  @Test(arguments: [SIGINT, SIGKILL]) func theTrainingGoesOnAndTheNextRunAttaches(_ signal: Int32) throws {
    let workspace = try Workspace("while [ ! -e go ]; do sleep 0.05; done")
    let run = try workspace.start("run")
    #expect(workspace.eventually { workspace.count == 1 })
    run.signal(signal)
    let answer = run.wait()
    #expect(answer.status == 128 + signal)
    if signal == SIGINT { #expect(answer.errors.contains("fit goes on in the background; the next run takes its result"), "\(answer.errors)") }
    let supervisor = try #require(workspace.supervisor)
    #expect(kill(supervisor, 0) == 0)

    let log = try workspace.start("log", "fit")
    let next = try workspace.start("run")
    #expect(workspace.eventually { next.errors.contains("fit is under way already: attached to it") })
    #expect(try workspace.run("run", "--ci", "-n").status == 0)
    try workspace.folder.write("go", "")
    let attached = next.wait()
    #expect(attached.status == 0, "\(attached.errors)")
    #expect(workspace.count == 1)
    let followed = log.wait()
    #expect(followed.output == "epoch 1\n")
    #expect(followed.errors.contains("fit is under way (process \(supervisor)"), "\(followed.errors)")
    #expect(try workspace.run("log", "fit").output == "epoch 1\n")
  }

  @Test func twoRunsAtOnceTrainOnce() throws {
    let workspace = try Workspace("sleep 0.3")
    let runs = try [workspace.start("run"), workspace.start("run"), workspace.start("run")]
    let answers = runs.map { $0.wait() }
    #expect(answers.map(\.status) == [0, 0, 0], "\(answers.map(\.errors))")
    #expect(workspace.count == 1)
  }

  @Test func aCloneTakesTheResultAndNeverSubmits() throws {
    let workspace = try Workspace()
    #expect(try workspace.run().status == 0)
    let store = workspace.folder.path + "/.pipe"
    let clone = try Workspace()
    try clone.folder.write("m.lock", try workspace.folder.read("m.lock"))
    let alone = try clone.run()
    #expect(alone.status == 3)
    #expect(alone.errors.contains("error[lost-submission]: `fit` was submitted before"), "\(alone.errors)")
    #expect(clone.count == 0)
    #expect(try clone.run("run", "--store", store).status == 0)
    #expect(clone.count == 0)
    #expect(try clone.folder.read("m.lock") == workspace.folder.read("m.lock"))
    // Forcing does not train again; saying so does.
    #expect(try workspace.run("run", "-f").status == 0)
    #expect(workspace.count == 1)
    #expect(try workspace.run("retry", "-f", "--resubmit").status == 0)
    #expect(workspace.count == 2)
  }

  @Test func withNobodyWatchingNothingIsSubmitted() throws {
    let workspace = try Workspace()
    let refused = try workspace.run("run", "--ci")
    #expect(refused.status == 3)
    #expect(refused.errors.contains("error[submit-not-allowed]: `fit` would be submitted, and `--ci` submits nothing"), "\(refused.errors)")
    #expect(workspace.count == 0)
    #expect(try workspace.run("run", "--ci", "--allow-submit").status == 0)
    #expect(workspace.count == 1)
    #expect(try workspace.run("run", "--ci").status == 0)
  }

  @Test func aFailureIsToldAndTriedAgain() throws {
    let workspace = try Workspace("[ -e go ] || exit 75")
    let failed = try workspace.run()
    #expect(failed.status == 75, "\(failed.errors)")
    #expect(workspace.count == 1)
    try workspace.folder.write("go", "")
    #expect(try workspace.run().status == 0)
    #expect(workspace.count == 2)

    // Within one run, when asked.
    let patient = try Workspace("[ $(wc -l <counter) -ge 3 ] || exit 75", fields: "    retries: { max: 3, backoff: 1s, on_exit: [75] }")
    #expect(try patient.run().status == 0)
    #expect(patient.count == 3)
  }

  @Test func aFloodIsCut() throws {
    let workspace = try Workspace("head -c 20000000 /dev/zero | tr '\\0' 'x' | fold -w 4000")
    #expect(try workspace.run().status == 0)
    let log = workspace.files(".pipe/submit").first { $0.hasSuffix("/log") }!
    let size = try FileManager.default.attributesOfItem(atPath: workspace.folder.path + "/.pipe/submit/" + log)[.size] as? Int ?? 0
    #expect((16 << 20)..<(17 << 20) ~= size)
  }

  @Test func secretsReachTheProgramAndNothingElse() throws {
    let secret = "s3cret-\(UUID().uuidString)"
    let workspace = try Workspace("echo \"using $TOKEN\"; printf %s \"$TOKEN\" | wc -c >length; env >&2", backend: ", secrets: [TOKEN]")
    let without = try workspace.run()
    #expect(without.status == 1)
    #expect(without.errors.contains("the secret `TOKEN` is not set"), "\(without.errors)")
    #expect(workspace.count == 0)
    #expect(try workspace.run("run", environment: ["TOKEN": secret]).status == 0)
    #expect(try workspace.folder.read("length").trimmingCharacters(in: .whitespacesAndNewlines) == "\(secret.count)")
    #expect(try workspace.run("log", "fit").output.contains("using <TOKEN>"))
    for file in workspace.files() {
      guard let bytes = FileManager.default.contents(atPath: workspace.folder.path + "/" + file) else { continue }
      #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(file)")
    }
  }

  @Test func theModelIsPutWhereProgramsFindIt() throws {
    let workspace = try Workspace("mkdir \"$PIPE_MODEL/bin\"; printf 'echo model\\n' >\"$PIPE_MODEL/bin/run\"; chmod +x \"$PIPE_MODEL/bin/run\"")
    #expect(try workspace.run().status == 0)
    #expect(try workspace.run("show", "fit.model", "-o", "there").status == 0)
    #expect(try workspace.folder.read("there/bin/run") == "echo model\n")
    #expect(FileManager.default.isExecutableFile(atPath: workspace.folder.path + "/there/bin/run"))
    #expect(try workspace.folder.read("there/rows") == workspace.folder.read("Datasets/rows.jsonl"))
    #expect(try workspace.run("show", "fit.metrics").output == "{\"loss\":0.5}\n")
  }
}

extension CLIProgram.Running {
  /// What it has said so far.
  var errors: String { String(decoding: FileManager.default.contents(atPath: base + ".err") ?? Data(), as: UTF8.self) }
}

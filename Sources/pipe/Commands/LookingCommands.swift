import ArgumentParser
import Diagnostics
import Engine
import Lineage
import Reports
import Rows
import Stages
import Store

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Runs a question and turns its refusal into a complaint.
func answered<T>(_ body: () throws -> T) throws -> T {
  do {
    return try body()
  } catch let refusal as Session.Unanswerable {
    throw Complaint(refusal.exitCode, refusal.diagnostic)
  } catch let error as StoreError {
    throw Complaint(error)
  }
}

/// `pipe status`
struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "status", abstract: "Say where the workspace is and what a run would do now.")

  @Argument(help: "The manifest. Without it: all of the workspace.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
    var workspace = common.workspace()
    var paths: [String] = workspace.manifests().map { workspace.absolute($0) }
    if let manifest {
      let found = try common.manifest(manifest)
      workspace = found.workspace
      paths = [found.path]
    }
    var manifests: [StatusView.Manifest] = []
    for path in paths { manifests.append(try standing(path, workspace)) }
    let view = StatusView(root: workspace.root, store: workspace.storeDirectory, manifests: manifests)
    common.answer(view.json, view.render(style: Console.output.style))
    if manifest == nil, manifests.isEmpty, !common.json { Console.output.write("\nno manifests yet: pipe init writes one\n") }
    if manifests.contains(where: { !$0.problems.isEmpty }) { throw Ending(status: ExitStatus.invalid) }
  }

  private func standing(_ path: String, _ workspace: Workspace) throws -> StatusView.Manifest {
    let relative = workspace.relative(path)
    let session: Session
    do {
      session = try common.session(path: path, workspace, try parameters.overrides())
    } catch {
      guard error.status == ExitStatus.invalid else { throw error }
      return .init(path: relative, name: "", version: "", lock: "", hasLock: false, plan: nil, problems: error.diagnostics)
    }
    var options = RunOptions()
    options.isPlan = true
    options.jobs = Execution.cores
    let report = try answered { try session.run(options, command: "status") }
    var manifest = StatusView.Manifest(
      path: relative, name: session.pipeline.name, version: session.pipeline.version, lock: session.lockPath, hasLock: session.lock != nil,
      plan: RunView(report, session.pipeline), lastRun: RunEntry.newest(in: session.store, of: relative))
    manifest.refused = session.failedChecks(report)
    return manifest
  }
}

/// `pipe explain`
struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Say why a stage would run, or why not: its key of today against the last one.",
    discussion: "With --run: which edit made each stage of a run that is over run.")

  @Argument(help: "The stage. Without it: every stage.", completion: .stages)
  var stage: String?

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Option(name: .customLong("run"), help: ArgumentHelp("Explain this run: its id, the beginning of it, or `last`.", valueName: "run"))
  var id: String?

  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
    if let id { return try explainRun(id) }
    let session: Session
    var names: [String]
    if let stage, manifest == nil, stage.hasSuffix(".yaml") || stage.hasSuffix(".yml") {
      // `pipe explain Manifests/x.yaml` means all its stages.
      session = try common.session(stage, try parameters.overrides())
      names = []
    } else if let stage {
      session = try common.session(havingStage: stage, manifest, try parameters.overrides())
      names = [stage]
    } else {
      session = try common.session(manifest, try parameters.overrides())
      names = []
    }
    if names.isEmpty { names = session.pipeline.graph.stages.filter { !$0.isImplicit }.map(\.name) }
    let views = try answered { try names.map { ExplainView(try session.explain($0), session.pipeline) } }
    if common.json {
      for view in views { Console.output.write(view.json.compact + "\n") }
    } else {
      let style = Console.output.style
      Console.output.write(views.map { $0.render(style: style, isVerbose: common.verbose) }.joined(separator: "\n"))
    }
  }

  private func explainRun(_ id: String) throws {
    // `pipe explain --run last Manifests/x.yaml` means all its stages.
    let isManifest = stage.map { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") } ?? false
    let session = try common.session(isManifest ? stage : manifest, try parameters.overrides())
    var explanation = session.explain(run: try common.record(id == "last" ? nil : id, session))
    if let stage, !isManifest {
      explanation.stages = explanation.stages.filter { $0.name == stage || $0.name.hasPrefix(stage + "@") }
      if explanation.stages.isEmpty { throw Complaint(ExitStatus.invalid, Diagnostic(id: "unknown-stage", "the run has no stage `\(stage)`", at: nil)) }
    }
    common.answer(explanation.json, explanation.render(style: Console.output.style, isVerbose: common.verbose))
  }
}

/// `pipe show`
struct ShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print rows of a stage's output, or put a model where programs find it.",
    discussion: """
      With --json, or when the output is not a terminal: JSON Lines and nothing else. What is not in the store any more is made again. \
      Of an output that is a file or a folder (a model) it lists what is in it; -o writes it to a path: pipe show fit.model -o model
      """)

  @Argument(help: ArgumentHelp("<stage> or <stage>.<output>, for example dataset.train.", valueName: "stage"), completion: .outputs)
  var name: String

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Option(name: [.customShort("n"), .customLong("rows")], help: ArgumentHelp("So many rows; 0 for all.", valueName: "n"))
  var count = 5

  @Option(name: .long, help: ArgumentHelp("Begin with this row, counted from 1.", valueName: "row"))
  var from = 1

  @Option(name: [.customShort("o"), .customLong("output")], help: ArgumentHelp("Write a file or a folder there.", valueName: "path"), completion: .file())
  var target: String?

  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if count < 0 { throw ValidationError("--rows is 0 or more") }
    if from < 1 { throw ValidationError("--from counts from 1") }
  }

  func run() throws {
    let stage = name.split(separator: ".").first.map(String.init) ?? name
    let session = try common.session(havingStage: stage, manifest, try parameters.overrides())
    if let files = try answered({ try session.files(name, to: target.map { Workspace.absolute($0) }) }) { return show(files) }
    if target != nil {
      throw Complaint(
        ExitStatus.invalid, Diagnostic(id: "usage", "`\(name)` is a table, and -o writes files and folders", at: nil, help: "pipe show \(name) -n 0 > rows.jsonl"))
    }
    let wanted = count == 0 ? Int.max : count
    let rows = try answered { try session.show(name, count: wanted, from: from - 1) }
    let forMachines = common.json || !Console.output.isTerminal
    if !forMachines, !common.quiet {
      let last = from + rows.rows.count - 1
      let style = Console.output.style
      Console.output.write(style.heading("\(rows.stage).\(rows.port)") + "  rows \(from)–\(last) of \(Figures.count(rows.total))\n")
    }
    var out: [UInt8] = []
    for row in rows.rows {
      if forMachines {
        out += row
        out.append(UInt8(ascii: "\n"))
      } else {
        out += Array(RowText.render(row, style: Console.output.style, isWhole: common.verbose).utf8)
      }
      if out.count > 1 << 16 {
        Console.output.write(out)
        out = []
      }
    }
    Console.output.write(out)
  }
}

extension ShowCommand {
  private func show(_ files: Session.Files) {
    let entries = files.entries.filter { !$0.isFolder }
    common.answer(
      .object([
        "schema_version": .int(reportSchemaVersion), "stage": .string(files.stage), "port": .string(files.port),
        "content": .string(files.isFolder ? "folder" : "file"), "written": target.map { .string($0) },
        "files": .array(entries.map { .object(["path": .string($0.path), "bytes": .int($0.bytes)]) }),
      ]),
      target.map { "  wrote  \($0)  \(Figures.count(entries.count, "file")), \(Figures.bytes(entries.reduce(0) { $0 + $1.bytes }))\n" }
        ?? (Console.output.style.heading("\(files.stage).\(files.port)") + "  a \(files.isFolder ? "folder" : "file")\n"
          + entries.map { "  \($0.path)  \(Figures.bytes($0.bytes))\n" }.joined()))
  }
}

/// `pipe log`
struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "List the last runs, show one, or follow what a stage prints.",
    discussion: "Of a stage under way (a training) it shows what comes until it has ended; Ctrl-C ends only the looking.")

  @Argument(help: ArgumentHelp("A run's id, or the beginning of one; or a stage.", valueName: "run or stage"), completion: .stages)
  var name: String?

  @Argument(help: "The manifest, with a stage.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Option(name: [.customShort("n"), .customLong("runs")], help: ArgumentHelp("So many runs; 0 for all.", valueName: "n"))
  var count = 10

  @Flag(help: "Of a stage: print what there is, and do not wait for more.")
  var noFollow = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    let store = try common.openStore()
    if let name {
      let fitting = store.history.list().filter { $0.text.hasPrefix(name.lowercased()) }
      if manifest != nil || fitting.isEmpty, let session = try sessionOfStage(name) { return try show(name, session) }
      guard let found = fitting.first, let entry = RunEntry(found, in: store) else {
        throw Complaint(ExitStatus.invalid, Diagnostic(id: "unknown-run", "there is no run `\(name)`, and no stage", at: nil, help: "`pipe log` lists the runs, `pipe graph` the stages"))
      }
      if fitting.count > 1 {
        throw Complaint(ExitStatus.invalid, Diagnostic(id: "unknown-run", "\(fitting.count) runs begin with `\(name)`", at: nil, help: "give more of the id"))
      }
      return common.answer(entry.json, entry.render(style: Console.output.style))
    }
    let runs = RunEntry.list(in: store, limit: count == 0 ? .max : count)
    if common.json {
      for run in runs { Console.output.write(run.json.compact + "\n") }
    } else {
      Console.output.write(runs.isEmpty ? "no runs yet\n" : RunEntry.table(runs, style: Console.output.style))
    }
  }

  /// The session of the manifest that has this stage; nil when none has. A manifest that is wrong has no stages.
  private func sessionOfStage(_ name: String) throws -> Session? {
    guard let session = try? common.session(havingStage: name, manifest) else {
      if manifest != nil { _ = try common.session(manifest) }
      return nil
    }
    return session.pipeline.graph.stages.contains { $0.name == name } ? session : nil
  }

  private func show(_ stage: String, _ session: Session) throws {
    guard let log = StageLog.newest(of: stage, manifest: session.pipeline.path, in: session.store) else { return try showRows(stage, session) }
    if log.isLive, !common.quiet {
      Console.errors.write("pipe: \(stage) is under way" + (log.process.map { " (process \($0) watches over it)" } ?? "") + "\n")
    }
    var offset = 0
    while true {
      let isLive = log.isLive
      while case let bytes = log.read(from: offset), !bytes.isEmpty {
        offset += bytes.count
        Console.output.write(bytes)
      }
      guard isLive, !noFollow else { return }
      usleep(200_000)
    }
  }

  /// A stage without processes may have written a log of its own: the output `log` of an embedded training.
  private func showRows(_ stage: String, _ session: Session) throws {
    guard session.pipeline.graph[stage]?.outputNames.contains("log") ?? false else {
      throw Complaint(ExitStatus.invalid, Diagnostic(id: "no-log", "no run has kept a log of `\(stage)`", at: nil, help: "programs that a stage runs write it on standard error"))
    }
    for row in try answered({ try session.show(stage + ".log", count: .max) }).rows {
      guard let text = row.withUnsafeBytes({ row in JSONScanner.value(of: JSONText.quoted("text"), in: row).map { JSONText.decoded(UnsafeRawBufferPointer(rebasing: row[$0])) } })
      else { continue }
      Console.output.write(text + [UInt8(ascii: "\n")])
    }
  }
}

/// `pipe lock`
struct LockCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lock", abstract: "Look at the lock: the committed record of what lies in Outputs/.", subcommands: [LockShowCommand.self, LockCheckCommand.self, LockMergeCommand.self],
    defaultSubcommand: LockShowCommand.self)
}

/// `pipe lock show`
struct LockShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "show", abstract: "Print what a manifest's lock says.")

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    let session = try common.session(manifest)
    guard let lock = session.lock else {
      throw Complaint(ExitStatus.invalid, Diagnostic(id: "no-lock", "`\(session.pipeline.path)` has no lock yet", at: nil, help: "`pipe run` writes it"))
    }
    let view = LockView(lock, path: session.lockPath)
    common.answer(view.json, view.render(style: Console.output.style))
  }
}

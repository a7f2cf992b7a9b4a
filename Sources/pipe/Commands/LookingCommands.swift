import ArgumentParser
import Diagnostics
import Engine
import Reports
import Stages
import Store

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
    commandName: "explain", abstract: "Say why a stage would run, or why not: its key of today against the last one.")

  @Argument(help: "The stage. Without it: every stage.", completion: .stages)
  var stage: String?

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
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
}

/// `pipe show`
struct ShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print rows of a stage's output.",
    discussion: "With --json, or when the output is not a terminal: JSON Lines and nothing else. What is not in the store any more is made again.")

  @Argument(help: ArgumentHelp("<stage> or <stage>.<output>, for example dataset.train.", valueName: "stage"), completion: .outputs)
  var name: String

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Option(name: [.customShort("n"), .customLong("rows")], help: ArgumentHelp("So many rows; 0 for all.", valueName: "n"))
  var count = 5

  @Option(name: .long, help: ArgumentHelp("Begin with this row, counted from 1.", valueName: "row"))
  var from = 1

  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if count < 0 { throw ValidationError("--rows is 0 or more") }
    if from < 1 { throw ValidationError("--from counts from 1") }
  }

  func run() throws {
    let stage = name.split(separator: ".").first.map(String.init) ?? name
    let session = try common.session(havingStage: stage, manifest, try parameters.overrides())
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

/// `pipe trace`
struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace", abstract: "Say where a row came from, down to the lines of the source files.",
    discussion: "For example: pipe trace Outputs/support-intents/train.jsonl:12, or pipe trace dataset.train:12")

  @Argument(help: ArgumentHelp("<file>:<line> of an output, or <stage>.<output>:<row>; both count from 1.", valueName: "row"))
  var target: String

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
    let name = target.lastIndex(of: ":").map { String(target[..<$0]) } ?? target
    let relative = common.workspace().relative(name)
    let stage = name.split(separator: ".").first.map(String.init) ?? name
    let session = try common.session(manifest, try parameters.overrides(), what: name.contains("/") ? "output `\(name)`" : "stage `\(stage)`") { pipeline in
      pipeline.graph.stages.contains { candidate in
        candidate.name == name || candidate.name == stage || candidate.kind.publishes.contains { $0.path == name || $0.path == relative }
      }
    }
    let trace = try answered { TraceView(try session.trace(target), session.pipeline) }
    common.answer(trace.json, trace.render(style: Console.output.style))
  }
}

/// `pipe log`
struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "log", abstract: "List the last runs, or show one.")

  @Argument(help: ArgumentHelp("A run's id, or the beginning of one.", valueName: "run"))
  var id: String?

  @Option(name: [.customShort("n"), .customLong("runs")], help: ArgumentHelp("So many runs; 0 for all.", valueName: "n"))
  var count = 10

  @OptionGroup var common: CommonOptions

  func run() throws {
    let store = try common.openStore()
    if let id {
      let fitting = store.history.list().filter { $0.text.hasPrefix(id.lowercased()) }
      guard let found = fitting.first, let entry = RunEntry(found, in: store) else {
        throw Complaint(ExitStatus.invalid, Diagnostic(id: "unknown-run", "there is no run `\(id)`", at: nil, help: "`pipe log` lists them"))
      }
      if fitting.count > 1 {
        throw Complaint(ExitStatus.invalid, Diagnostic(id: "unknown-run", "\(fitting.count) runs begin with `\(id)`", at: nil, help: "give more of the id"))
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
}

/// `pipe lock`
struct LockCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lock", abstract: "Look at the lock: the committed record of what lies in Outputs/.", subcommands: [LockShowCommand.self],
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

import ArgumentParser
import Diagnostics
import Engine
import Lineage
import Reports
import Store

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How to run.
struct ExecutionOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: ArgumentHelp("So many tasks at once. Without it: one per core.", valueName: "n"))
  var jobs: Int?

  @Flag(name: .shortAndLong, help: "After a failure, go on with what does not depend on it.")
  var keepGoing = false

  @Flag(name: .shortAndLong, help: "Run the selected stages again, whatever the cache says.")
  var force = false

  @Flag(help: "Take nothing from the cache; what is made goes into it as usual.")
  var noCache = false

  @Flag(help: "When another run of the manifest holds its lock, end with status 9 instead of waiting.")
  var noWait = false

  @Flag(help: "Nobody is watching: no progress line, no colours unless asked for; nothing is submitted.")
  var ci = false

  @Flag(help: "With --ci: trainings and other submissions may be submitted all the same.")
  var allowSubmit = false

  @Flag(help: "Write the lock also when parameters were given on the command line.")
  var lock = false

  @Option(
    help: ArgumentHelp("Tell the run as OpenLineage events: a line each in a file, or to a URL. Without it: to $OPENLINEAGE_URL, if there is one.", valueName: "file or url"))
  var openlineage: String?

  var settings: Execution.Settings {
    .init(jobs: jobs, keepsGoing: keepGoing, force: force, usesCache: !noCache, waits: !noWait, isWatched: !ci, allowsSubmit: !ci || allowSubmit,
      openLineage: openlineage)
  }

  /// Whether somebody is told of every run, also of one with nothing to do.
  var tellsLineage: Bool { openlineage != nil || !(Environment["OPENLINEAGE_URL"] ?? "").isEmpty }

  func validate() throws {
    if let jobs, !(1...1024).contains(jobs) { throw ValidationError("--jobs is a number from 1 to 1024") }
  }
}

/// `pipe run`
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run what a manifest says: only what a change can have touched.",
    discussion: "With -n nothing is run: it is `pipe plan`.", aliases: ["repro"])

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Flag(name: [.customShort("n"), .customLong("dry-run")], help: "Only say what would run, and why.")
  var isPlan = false

  @Flag(help: "Everything has to come out as the lock has it: what does not is shown and not published, the lock is left alone, and the status is 3.")
  var locked = false

  @Option(
    help: ArgumentHelp(
      "Afterwards run these stages (all: every one) again beside the cache; status 3 when they give other bytes, with the first row and field that differ.",
      valueName: "stages|all"), completion: .stages)
  var verify: [String] = []

  @OptionGroup var selection: SelectionOptions
  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var execution: ExecutionOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if isPlan, locked { throw ValidationError("--locked is about a run; without running, `pipe plan --check` says whether the lock is up to date") }
    if isPlan, !verify.isEmpty { throw ValidationError("--verify runs stages, and -n runs none") }
    if locked, execution.lock { throw ValidationError("--lock writes the lock, and --locked never does") }
  }

  func run() throws {
    if execution.ci, common.color == .auto { Console.use(.never) }
    let (path, workspace) = try common.manifest(manifest)
    let overrides = try parameters.overrides()
    if mayBeSettled, let settled = SettledRun.standing(manifest: path, workspace: workspace, overrides: overrides, program: SelfProgram.identity) {
      return Execution.show(settled, path, common)
    }
    let session = try common.session(path: path, workspace, overrides)
    if locked { try requireLock(session) }
    var settings = execution.settings
    // What is not in the lock already would be paid for, and then refused.
    if locked, !execution.allowSubmit { settings.allowsSubmit = false }
    var execution = Execution(common: common, settings: settings, writesLock: !parameters.areGiven || self.execution.lock)
    execution.isLocked = locked
    if !verify.isEmpty { execution.verified = try verifiedStages(session.pipeline) }
    try execution.run(session, selected: try selection.stages(of: session.pipeline), isPlan: isPlan)
  }

  /// Whether a run with nothing to do would say no more than that.
  private var mayBeSettled: Bool {
    !isPlan && !locked && verify.isEmpty && selection.isEmpty && !parameters.areGiven && !execution.force && !execution.noCache && !execution.lock && !common.json
      && !common.verbose && !execution.tellsLineage
  }

  private func requireLock(_ session: Session) throws(Complaint) {
    if !session.pipeline.isLocked {
      throw Complaint(
        ExitStatus.invalid, Diagnostic(id: "locked-run", "`\(session.pipeline.path)` has `lock: false`: nothing is committed that a run could be held to", at: nil))
    }
    if session.lock == nil {
      throw Complaint(
        ExitStatus.checkFailed,
        Diagnostic(
          id: "locked-run", "there is no `\(session.lockPath)` that the run could be held to", at: nil,
          help: "run without --locked once, and commit the lock that it writes"))
    }
  }

  private func verifiedStages(_ pipeline: Pipeline) throws(Complaint) -> Execution.Verified {
    if verify.contains("all") { return .all }
    var options = SelectionOptions()
    options.select = verify
    options.exclude = []
    return .some(try options.stages(of: pipeline) ?? [])
  }
}

/// `pipe plan`
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Say what would run, and why, without running it.")

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Flag(
    help:
      "End with status 3 when the lock is not up to date: answered from git, the lock and the sources alone. Data that are not here, and not in git, are taken as locked."
  )
  var check = false

  @Flag(name: .shortAndLong, help: "As if these stages were run again whatever the cache says.")
  var force = false

  @OptionGroup var selection: SelectionOptions
  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
    let session = try common.session(manifest, try parameters.overrides())
    var execution = Execution(common: common, settings: .init(force: force), writesLock: false)
    // Parameters of the command line are in no lock, and a lock of one machine says nothing about others: then the store answers.
    execution.isLocked = check && session.pipeline.isLocked && !parameters.areGiven
    try execution.run(session, selected: try selection.stages(of: session.pipeline), isPlan: true, failsIfAnythingWouldRun: check && !execution.isLocked)
  }
}

/// `pipe update`
struct UpdateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "update", abstract: "Read the outside world again: commands that are sources, remote data; then run.",
    discussion: "What a `{run: …}` source answered is pinned in the lock until this command is given.")

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @OptionGroup var selection: SelectionOptions
  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var execution: ExecutionOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
    if execution.ci, common.color == .auto { Console.use(.never) }
    let session = try common.session(manifest, try parameters.overrides())
    let selected = try selection.stages(of: session.pipeline)
    try Execution(
      common: common, settings: execution.settings, writesLock: !parameters.areGiven || execution.lock,
      updated: selected ?? Set(session.pipeline.graph.stages.map(\.name))
    )
    .run(session, selected: selected, isPlan: false, command: "update")
  }
}

/// `pipe retry`
struct RetryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Run the manifest of the last run again; what had finished is not done twice.",
    discussion: "With the parameters and the profile of that run, unless others are given.")

  @Argument(help: "The manifest. Without it: that of the last run.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Flag(help: "Submit again what was submitted and of which nobody knows what came of it.")
  var resubmit = false

  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var execution: ExecutionOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
    if execution.ci, common.color == .auto { Console.use(.never) }
    let given = try manifest.map { try common.manifest($0) }
    let workspace = given?.workspace ?? common.workspace()
    let last = try lastRun(of: given.map { workspace.relative($0.path) }, in: workspace)
    let path = given?.path ?? last.map { workspace.absolute($0.manifestPath) }
    let isGiven = !parameters.given.isEmpty
    let again = isGiven ? parameters.given : last.map { GivenParameters(of: $0, in: workspace) } ?? GivenParameters()
    if !again.isEmpty, !isGiven, !common.quiet, !common.json { Console.errors.write("pipe: with \(again.description), as in the last run\n") }
    let session = try common.session(path, try again.overrides())
    try Execution(common: common, settings: execution.settings, writesLock: !again.areGiven || execution.lock, resubmits: resubmit).run(
      session, selected: nil, isPlan: false, command: "retry")
  }

  private func lastRun(of manifest: String?, in workspace: Workspace) throws -> RunRecord? {
    do throws(StoreError) {
      return Session.records(in: try Store(directory: workspace.storeDirectory), limit: 1, manifest: manifest).first
    } catch { throw Complaint(error) }
  }
}

/// One run or plan from the command line: signals, progress, the screen and the exit status.
struct Execution {
  struct Settings {
    var jobs: Int?
    var keepsGoing = false
    var force = false
    var usesCache = true
    var waits = true
    var isWatched = true
    var allowsSubmit = true
    var openLineage: String?
  }

  let common: CommonOptions
  let settings: Settings
  let writesLock: Bool
  var updated: Set<String> = []
  var resubmits = false
  /// Whether nothing may come out otherwise than the lock has it.
  var isLocked = false
  /// What is run again afterwards, to be compared.
  var verified: Verified?

  enum Verified {
    case all
    case some(Set<String>)

    var names: Set<String>? { if case .some(let names) = self { names } else { nil } }
  }

  func run(_ session: Session, selected: Set<String>?, isPlan: Bool, failsIfAnythingWouldRun: Bool = false, command: String = "run") throws {
    let pipeline = session.pipeline
    var options = RunOptions()
    options.pipeVersion = pipeVersion
    options.program = SelfProgram.identity
    options.jobs = settings.jobs ?? pipeline.profileJobs ?? Self.cores
    options.keepsGoing = settings.keepsGoing
    options.usesCache = settings.usesCache && pipeline.profileUsesCache
    options.selected = selected
    if settings.force { options.forced = selected ?? Set(pipeline.graph.stages.map(\.name)) }
    options.isPlan = isPlan
    options.writesLock = writesLock && !isLocked
    options.isLocked = isLocked
    options.updated = updated
    options.allowsSubmit = settings.allowsSubmit
    options.resubmits = resubmits
    options.supervisor = SelfProgram.supervisor

    let form: Progress.Form =
      common.json ? (isPlan ? .none : .json) : common.quiet || isPlan ? .none : Console.errors.isTerminal && settings.isWatched ? .line : .lines
    let progress = Progress(form, stages: pipeline.graph.stages.map(\.name), implicit: Set(pipeline.graph.stages.filter(\.isImplicit).map(\.name)))
    let teller = try isPlan ? nil : LineageTeller(settings.openLineage, session)
    options.hasBegun = teller?.begun
    let report: RunReport
    var verification: VerificationModel?
    do throws(StoreError) {
      report = try session.run(
        options, command: command, waits: settings.waits,
        begun: { handle in
          Interrupts.onFirst { number in
            progress.say(number == SIGINT ? "stopping; what has finished is kept (once more stops at once)" : "stopping")
            handle.cancel()
          }
        },
        waiting: { progress.say("waiting for \($0)") },
        observer: {
          progress.observe($0)
          teller?.observe($0)
        })
      if let verified, !report.wasCancelled {
        verification = try session.verify(verified.names, jobs: options.jobs, begun: { handle in Interrupts.onFirst { _ in handle.cancel() } })
      }
    } catch {
      progress.end()
      throw Complaint(error)
    }
    let untold = teller?.finish(report.runID)
    progress.end()

    var view = RunView(report, pipeline)
    view.seconds = Elapsed.seconds
    if view.wasCancelled, let signal = Interrupts.signal { view.exitCode = Int(ExitStatus.signal(signal)) }
    if failsIfAnythingWouldRun, view.exitCode == 0, view.stages.contains(where: { $0.verdict != .cached && $0.verdict != .unselected }) {
      view.exitCode = Int(ExitStatus.checkFailed)
    }
    if let verification {
      view.verification = verification
      if !verification.holds, view.exitCode == 0 { view.exitCode = Int(ExitStatus.checkFailed) }
    }
    if isLocked { view.locked = locked(report, session) }
    if !writesLock, !isPlan, pipeline.isLocked, view.files.contains(where: { $0.change != .unchanged }) {
      view.notes.append("the lock was not written, because parameters were given: --lock writes it")
    }
    if let untold { view.notes.append(untold) }
    let warnings = pipeline.remarks.count { $0.severity == .warning }
    if warnings > 0, !view.hadNothingToDo {
      view.notes.append("the manifest has \(Figures.count(warnings, "warning")): pipe lint shows \(warnings == 1 ? "it" : "them")")
    }
    show(view, session)
    ProcessEnd.keep(session, view)
    if view.exitCode != 0 { throw Ending(status: Int32(view.exitCode)) }
  }

  /// What a run that was to be as locked came to.
  private func locked(_ report: RunReport, _ session: Session) -> RunView.Locked {
    var locked = RunView.Locked(path: session.lockPath, differences: report.lockDifferences)
    guard !report.lockDifferences.isEmpty, !report.isPlan else { return locked }
    do {
      locked.diff = try session.diffOfLock(rows: common.json ? 1000 : 10)
    } catch let refusal as Session.Unanswerable {
      locked.problem = refusal.diagnostic.message
    } catch { locked.problem = "\(error)" }
    return locked
  }

  /// The screen of a run with nothing to do.
  static func show(_ settled: SettledRun, _ path: String, _ common: CommonOptions) {
    if common.quiet { return }
    var all = StageView(name: "", kind: "", verdict: .cached)
    all.tasks = settled.tasks
    all.cached = settled.tasks
    let view = RunView(manifest: path, name: settled.name, version: settled.version, jobs: 0, stages: [all], seconds: Elapsed.seconds)
    Console.output.write(RunScreen(view, style: Console.output.style).render())
  }

  private func show(_ view: RunView, _ session: Session) {
    if common.json { return Console.output.write(view.json.compact + "\n") }
    var view = view
    view.manifestArgument = session.workspace.manifests().count > 1 ? CommonOptions.shortName(of: view.manifest, in: session.workspace) : nil
    if common.quiet, view.exitCode == 0 { return }
    let screen = RunScreen(view, style: Console.output.style, isVerbose: common.verbose)
    // What went wrong belongs where errors go.
    (view.exitCode == 0 || view.isPlan ? Console.output : Console.errors).write(screen.render())
  }

  /// Cores that are switched on.
  static var cores: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}

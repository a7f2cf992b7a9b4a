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

/// `pipe report`
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Show what the runs came to, as text or as a page.",
    discussion: "pipe report without a subcommand is pipe report run; its options: pipe help report run", subcommands: [ReportRunCommand.self, ReportMonitorCommand.self],
    defaultSubcommand: ReportRunCommand.self)
}

/// `pipe report run`, which `pipe report` means.
struct ReportRunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Write a run as one page: its graph, rows, labels, splits, scores, checks, and what differs from a base.",
    discussion: """
      The page needs no network and opens from disk. It holds counts of everything and samples of rows, 4 MiB at most. \
      For example: pipe report, or pipe report support-intents --base main -o report.html
      """)

  @Argument(
    help: ArgumentHelp("A run's id, or the beginning of one; or a manifest, for its last run.", valueName: "run or manifest"),
    completion: .file(extensions: ["yaml", "yml"]))
  var name: String?

  @Option(
    name: [.customShort("o"), .customLong("output")], help: ArgumentHelp("The page. Without it: in the store, under the manifest's name.", valueName: "file"),
    completion: .file(extensions: ["html"]))
  var output: String?

  @Option(help: ArgumentHelp("Compare with this git revision, run or lock file.", valueName: "state"))
  var base: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    let (session, record) = try found()
    var page = try answered { () throws in
      let earlier = Session.records(in: session.store, limit: Self.earlierRuns, manifest: record.manifestPath).filter { record.id.isEmpty || $0.id < record.id }
      return RunPage(try session.opened(record), earlier: earlier)
    }
    if let base {
      let range = base.contains("..") ? base : "\(base)..\(record.id)"
      do {
        page.diff = try session.diff(range, rows: Self.changedRows)
      } catch let refusal as Session.Unanswerable where refusal.exitCode == ExitStatus.failed {
        // The rest of the page is as good as without.
        page.notes.append("differences from `\(base)` are not shown: \(refusal.diagnostic.message)")
      } catch { _ = try answered { throw error } }
    }
    let path = try output ?? Self.standardPath(of: record, session)
    let bytes = Array(page.html.utf8)
    try PageFile.write(bytes, to: path)
    common.answer(
      .object([
        "schema_version": .int(reportSchemaVersion), "page": .string(path), "bytes": .int(bytes.count), "run": record.id.isEmpty ? nil : .string(record.id),
        "manifest": .string(record.manifestPath),
        "notes": page.notes.isEmpty ? nil : .strings(page.notes),
      ]), common.quiet ? "" : path == "-" ? "" : "wrote \(path)  \(Figures.bytes(bytes.count))\n" + page.notes.map { "  ! \($0)\n" }.joined())
  }

  /// So many runs are looked through for the one before that a stage ran in.
  private static let earlierRuns = 30
  /// Rows of each output that a page may tell one by one.
  private static let changedRows = 1000

  private func found() throws -> (Session, RunRecord) {
    if let name, case let store = try common.openStore(), case let fitting = store.history.list().filter({ $0.text.hasPrefix(name.lowercased()) }), !fitting.isEmpty,
      !common.workspace().manifests().contains(where: { $0 == name })
    {
      guard fitting.count == 1, let record = Session.record(of: fitting[0], in: store) else {
        throw Complaint(ExitStatus.invalid, Diagnostic(id: "unknown-run", "\(fitting.count) runs begin with `\(name)`", at: nil, help: "give more of the id"))
      }
      return (try session(of: record), record)
    }
    let session = try common.session(name, what: "last run") { pipeline in !Session.records(in: try! common.openStore(), limit: 1, manifest: pipeline.path).isEmpty }
    guard let record = try answered({ try session.presentRecord(pipeVersion: pipeVersion) }) else {
      throw Complaint(
        ExitStatus.invalid, Diagnostic(id: "no-run", "no run of `\(session.pipeline.path)` is recorded here", at: nil, help: "pipe run \(session.pipeline.path)"))
    }
    return (record.id.isEmpty ? session : try self.session(of: record), record)
  }

  /// The run's manifest with the parameters that the run was given.
  private func session(of record: RunRecord) throws -> Session {
    let workspace = common.workspace()
    let path = workspace.absolute(record.manifestPath)
    guard access(path, F_OK) == 0 else {
      throw Complaint(
        ExitStatus.invalid,
        Diagnostic(
          id: "manifest", "`\(record.manifestPath)` of run \(record.id) is not here any more", at: nil,
          help: "git checkout \(record.gitCommit.map { String($0.prefix(12)) } ?? "<the commit that has it>")"))
    }
    let given = GivenParameters(of: record, in: workspace)
    // A file of parameters may be gone since; the manifest's own values are the next best.
    if let session = try? common.session(path: path, workspace, try given.overrides()) { return session }
    return try common.session(path: path, workspace)
  }

  private static func standardPath(of record: RunRecord, _ session: Session) throws -> String {
    let folder = session.workspace.storeDirectory + "/reports"
    mkdir(folder, 0o777)
    let path = folder + "/\(record.manifestName).html"
    let current = Workspace.currentDirectory + "/"
    return path.hasPrefix(current) ? String(path.dropFirst(current.count)) : path
  }
}

/// `pipe report monitor`
struct ReportMonitorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "monitor", abstract: "Show a monitor's snapshots in the order of their windows.",
    discussion: "A `!` is before a figure that its method calls drift. The page holds everything it shows and needs no network.")

  @Argument(help: "The stage. Without it: the manifest's monitor.", completion: .stages)
  var stage: String?

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Option(
    name: [.customShort("o"), .customLong("html")], help: ArgumentHelp("Write a page with plots to this file.", valueName: "file"),
    completion: .file(extensions: ["html"]))
  var page: String?

  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
    let (session, name) = try found()
    let rows = try answered { try session.show("\(name).rows", count: .max) }
    let view = MonitorView(manifest: session.pipeline.name, stage: name, rows: rows.rows)
    if let page {
      try PageFile.write(Array(view.html.utf8), to: page)
      if !common.quiet, !common.json { Console.output.write("wrote \(page)\n") }
      return
    }
    common.answer(view.json, view.render(style: Console.output.style))
  }

  private func found() throws -> (session: Session, stage: String) {
    let session: Session
    if let stage, manifest == nil, stage.hasSuffix(".yaml") || stage.hasSuffix(".yml") {
      // `pipe report monitor Manifests/x.yaml` means the monitor of that manifest.
      session = try common.session(stage, try parameters.overrides())
    } else if let stage {
      let session = try common.session(havingStage: stage, manifest, try parameters.overrides())
      guard let kind = session.pipeline.graph.stages.first(where: { $0.name == stage })?.kindName, kind == "monitor" else {
        let known = Self.monitors(session)
        throw Complaint(
          ExitStatus.invalid,
          Diagnostic(
            id: "monitor", "`\(stage)` is no monitor", at: nil,
            help: known.isEmpty ? "`\(session.pipeline.path)` has none" : "monitors are " + known.joined(separator: ", ")))
      }
      return (session, stage)
    } else {
      session = try common.session(manifest, try parameters.overrides(), what: "a monitor") { !$0.graph.stages.filter { $0.kindName == "monitor" }.isEmpty }
    }
    let monitors = Self.monitors(session)
    guard monitors.count == 1 else {
      throw Complaint(
        ExitStatus.invalid,
        Diagnostic(
          id: "monitor", monitors.isEmpty ? "`\(session.pipeline.path)` has no stage of kind `monitor`" : "which monitor? there are \(monitors.count)", at: nil,
          help: monitors.isEmpty ? "watch: { kind: monitor, from: Datasets/live/requests-*.jsonl }" : "name one: " + monitors.joined(separator: ", ")))
    }
    return (session, monitors[0])
  }

  private static func monitors(_ session: Session) -> [String] { session.pipeline.graph.stages.filter { $0.kindName == "monitor" }.map(\.name) }
}

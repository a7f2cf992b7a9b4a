import ArgumentParser
import Diagnostics
import Engine
import Reports

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
    commandName: "report", abstract: "Show what the runs came to, as text or as a page.", subcommands: [ReportMonitorCommand.self])

  func run() throws {
    throw Complaint(
      ExitStatus.invalid,
      Diagnostic(id: "planned", "`pipe report` of runs is planned, not built yet", at: nil, help: "`pipe report monitor` shows what a monitor has seen"))
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
      try write(Array(view.html.utf8), to: page)
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

  private func write(_ bytes: [UInt8], to path: String) throws {
    func complaint() -> Complaint {
      Complaint(ExitStatus.failed, Diagnostic(id: "io", "`\(path)` could not be written: \(String(cString: strerror(errno)))", at: nil))
    }
    guard let file = fopen(path, "w") else { throw complaint() }
    let isWritten = fwrite(bytes, 1, bytes.count, file) == bytes.count
    guard fclose(file) == 0, isWritten else { throw complaint() }
  }
}

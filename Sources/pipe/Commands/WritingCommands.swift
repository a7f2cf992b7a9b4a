import ArgumentParser
import Diagnostics
import Engine
import Manifests
import Reports
import Stages

/// `pipe lint`
struct LintCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lint", abstract: "Say everything that is wrong with manifests, without running anything.")

  @Argument(help: "Manifests. Without any: all of the workspace.", completion: .file(extensions: ["yaml", "yml"]))
  var manifests: [String] = []

  @Flag(help: "Answer in SARIF 2.1.0, as code scanning services read it.")
  var sarif = false

  @Flag(help: "End with status 2 for warnings, too.")
  var strict = false

  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
    var files: [String] = []
    var diagnostics: [Diagnostic] = []
    for (path, workspace) in try paths() {
      let reading = Session.read(path, workspace, StageKinds.all, try parameters.overrides())
      files.append(workspace.relative(path))
      // A fragment that two manifests include is reported once.
      for diagnostic in reading.diagnostics where !diagnostics.contains(diagnostic) { diagnostics.append(diagnostic) }
    }
    let isWrong = diagnostics.contains { $0.severity == .error || strict && $0.severity == .warning }
    if sarif {
      Console.output.write(diagnostics.sarif(toolVersion: pipeVersion).pretty)
    } else if common.json {
      var members: [ReportJSON.Member] = [.init("schema_version", .int(reportSchemaVersion)), .init("files", .strings(files))]
      if case .object(let rest) = diagnostics.json { members += rest }
      Console.output.write(ReportJSON.object(members).compact + "\n")
    } else {
      let console = isWrong ? Console.errors : Console.output
      let shown = common.quiet ? diagnostics.filter { $0.severity == .error } : diagnostics
      console.write(shown.map(console.renderer.render).joined(separator: "\n"))
      if let problems = Problems(shown.filter { $0.severity != .note }) { console.write(problems.summary + "\n") }
      if !isWrong, !common.quiet, diagnostics.isEmpty { console.write("\(Figures.count(files.count, "manifest")): nothing to complain about\n") }
    }
    if isWrong { throw Ending(status: ExitStatus.invalid) }
  }

  private func paths() throws -> [(path: String, workspace: Workspace)] {
    if !manifests.isEmpty { return try manifests.map { try common.manifest($0) } }
    let workspace = common.workspace()
    let known = workspace.manifests()
    if known.isEmpty { _ = try common.manifest(nil) }
    return known.map { (workspace.absolute($0), workspace) }
  }
}

/// `pipe graph`
struct GraphCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "graph", abstract: "Draw a manifest's graph: text, Mermaid, DOT or JSON.")

  enum Format: String, CaseIterable, ExpressibleByArgument { case text, mermaid, dot, json }

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Option(name: .shortAndLong, help: ArgumentHelp("text, mermaid, dot or json.", valueName: "format"))
  var format = Format.text

  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
    let (path, workspace) = try common.manifest(manifest)
    let pipeline: Pipeline
    do { pipeline = try Session.read(path, workspace, StageKinds.all, try parameters.overrides()).get() } catch let problems as Problems { throw Complaint(problems) }
    let graph = GraphView(pipeline)
    switch common.json ? .json : format {
    case .text: Console.output.write(graph.text(style: Console.output.style))
    case .mermaid: Console.output.write(graph.mermaid)
    case .dot: Console.output.write(graph.dot)
    case .json: Console.output.write(graph.json.compact + "\n")
    }
  }
}

/// `pipe completions`
struct CompletionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completions", abstract: "Print the completions of a shell: bash, zsh or fish.",
    discussion: "For example: pipe completions bash > ~/.local/share/bash-completion/completions/pipe")

  enum Shell: String, CaseIterable, ExpressibleByArgument { case bash, zsh, fish }

  @Argument(help: "bash, zsh or fish.")
  var shell: Shell

  func run() throws {
    let script: String =
      switch shell {
      case .bash: Pipe.completionScript(for: .bash)
      case .zsh: Pipe.completionScript(for: .zsh)
      case .fish: Pipe.completionScript(for: .fish)
      }
    Console.output.write(script + (script.hasSuffix("\n") ? "" : "\n"))
  }
}

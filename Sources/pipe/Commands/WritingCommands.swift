import ArgumentParser
import Diagnostics
import Engine
import Manifests
import Reports
import Stages
import Store

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

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

/// `pipe fmt`
struct FormatCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fmt", abstract: "Write manifests in the one usual way, keeping every comment and every meaning.",
    discussion: "`pipe fmt -` reads standard input and writes standard output.")

  @Argument(help: "Manifests, or -. Without any: all of the workspace.", completion: .file(extensions: ["yaml", "yml"]))
  var files: [String] = []

  @Flag(help: "Change nothing; end with status 3 when a file would change.")
  var check = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    if files == ["-"] { return try formatStandardInput() }
    var paths: [(shown: String, path: String)] = files.map { ($0, Workspace.absolute($0)) }
    if files.isEmpty {
      let workspace = common.workspace()
      paths = workspace.manifests().map { ($0, workspace.absolute($0)) }
      if paths.isEmpty { _ = try common.manifest(nil) }
    }
    var problems: [Diagnostic] = []
    var changed: [String] = []
    for (shown, path) in paths {
      switch Workspace.read(path) {
      case .failure(let failure): problems.append(Diagnostic(id: "manifest", "cannot read `\(shown)`: \(failure.message)", at: nil, help: failure.help))
      case .success(let bytes):
        do throws(Problems) {
          let text = Array(try ManifestFormatter.format(SourceText(path: shown, bytes: bytes)).utf8)
          guard text != bytes else { continue }
          changed.append(shown)
          if !check { try write(text, path) }
        } catch { problems += error.all }
      }
    }
    if let all = Problems(problems) { throw Complaint(all) }
    let verb = check ? "would change" : "changed"
    common.answer(
      .object(["schema_version": .int(reportSchemaVersion), "files": .int(paths.count), "changed": .strings(changed), "written": .bool(!check)]),
      common.quiet ? "" : changed.isEmpty ? "\(Figures.count(paths.count, "file")): nothing to change\n" : changed.map { "\(verb) \($0)\n" }.joined())
    if check, !changed.isEmpty { throw Ending(status: ExitStatus.checkFailed) }
  }

  private func formatStandardInput() throws {
    switch Workspace.read("/dev/stdin") {
    case .failure(let failure): throw Complaint(ExitStatus.invalid, Diagnostic(id: "manifest", "cannot read standard input: \(failure.message)", at: nil))
    case .success(let bytes):
      let text: String
      do throws(Problems) { text = try ManifestFormatter.format(SourceText(path: "standard input", bytes: bytes)) } catch { throw Complaint(error) }
      if !check { Console.output.write(text) } else if Array(text.utf8) != bytes { throw Ending(status: ExitStatus.checkFailed) }
    }
  }

  private func write(_ bytes: [UInt8], _ path: String) throws(Problems) {
    do throws(StoreError) { try AtomicFile.write(path, bytes, sync: false) } catch {
      throw Problems(Diagnostic(id: "write", "\(error)", at: nil))
    }
  }
}

/// `pipe schema`
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the JSON Schema of manifests, for editors.",
    discussion: "A manifest is completed and checked while it is written when its first line is\n# yaml-language-server: $schema=<file>")

  enum Kind: String, CaseIterable, ExpressibleByArgument { case manifest, fragment, prompt, label }

  @Argument(help: "manifest, fragment, prompt or label.")
  var kind = Kind.manifest

  @OptionGroup var common: CommonOptions

  func run() throws {
    let file: ManifestSchema.File =
      switch kind {
      case .manifest: .manifest
      case .fragment: .fragment
      case .prompt: .prompt
      case .label: .label
      }
    Console.output.write(ManifestSchema.json(file, ManifestLanguage(built: Set(StageKinds.all.keys))).pretty)
  }
}

/// `pipe init`
struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Write a small manifest that runs, with data to run on, to start from.",
    discussion: "Nothing that is there is overwritten.")

  @Argument(help: "The folder.", completion: .directory)
  var folder = "."

  @Option(help: ArgumentHelp("The manifest's name.", valueName: "name"))
  var name = "first"

  @OptionGroup var common: CommonOptions

  func validate() throws {
    let isName = !name.isEmpty && name.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 } && !name.hasPrefix("-")
    if !isName { throw ValidationError("--name is made of a-z, 0-9 and -") }
  }

  func run() throws {
    let root = Workspace.absolute(folder)
    let files = Starter.files(name: name)
    for file in files {
      if case .success = Workspace.read(root + "/" + file.path) {
        throw Complaint(ExitStatus.invalid, Diagnostic(id: "exists", "`\(file.path)` is there already", at: nil, help: "another --name, or another folder"))
      }
    }
    do throws(StoreError) {
      for file in files {
        var folder = root
        for part in file.path.split(separator: "/").dropLast() {
          folder += "/" + part
          mkdir(folder, 0o777)
        }
        try AtomicFile.write(root + "/" + file.path, Array(file.text.utf8), sync: false)
      }
    } catch { throw Complaint(error) }
    common.answer(
      .object(["schema_version": .int(reportSchemaVersion), "root": .string(root), "files": .strings(files.map(\.path))]),
      files.map { "  wrote  \($0.path)\n" }.joined() + "  next   \(folder == "." ? "" : "cd \(folder) && ")pipe run\n")
  }
}

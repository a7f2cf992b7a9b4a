import ArgumentParser
import Diagnostics
import Engine
import Lineage
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

extension ColorChoice: ExpressibleByArgument {}

/// What every command understands.
struct CommonOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The workspace. Without it: the nearest folder above with .pipe, Manifests or .git.", valueName: "dir"), completion: .directory)
  var root: String?

  @Option(help: ArgumentHelp("Where artifacts are kept. Without it: .pipe in the workspace.", valueName: "dir"), completion: .directory)
  var store: String?

  @Flag(help: "Answer in JSON, errors too.")
  var json = false

  @Option(help: ArgumentHelp("Use colours: auto, always or never.", valueName: "when"))
  var color = ColorChoice.auto

  @Flag(name: .shortAndLong, help: "Only say what is wrong.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Say more.")
  var verbose = false

  mutating func validate() throws { Console.use(color) }
}

extension CommonOptions {
  /// The workspace of a path, or of the current folder.
  func workspace(of path: String? = nil) -> Workspace { Workspace.containing(path ?? ".", root: root, store: store) }

  /// The manifest somebody means, and its workspace: a path, a manifest's name, or nothing where there is only one.
  func manifest(_ given: String?) throws(Complaint) -> (path: String, workspace: Workspace) {
    if let given {
      if access(given, F_OK) == 0 { return (Workspace.absolute(given), workspace(of: given)) }
      let workspace = workspace()
      let known = workspace.manifests()
      // As it stands in `pipe status`, from wherever we are; and by its bare name.
      if let found = known.first(where: { $0 == given || Self.stem($0) == given }) { return (workspace.absolute(found), workspace) }
      let meant = Suggestion.nearest(to: given, in: known + known.map(Self.stem)).map { "did you mean `\($0)`?" }
      throw Complaint(
        ExitStatus.invalid,
        Diagnostic(
          id: "manifest", "there is no manifest `\(given)`", at: nil,
          help: meant ?? (known.isEmpty ? "`pipe init` writes one to start from" : "here are " + known.joined(separator: ", "))))
    }
    let workspace = workspace()
    let known = workspace.manifests()
    if known.count == 1 { return (workspace.absolute(known[0]), workspace) }
    throw Complaint(
      ExitStatus.invalid,
      known.isEmpty
        ? Diagnostic(id: "manifest", "there is no manifest in \(workspace.root)", at: nil, help: "`pipe init` writes one to start from")
        : Diagnostic(
          id: "manifest", "which manifest? there are \(known.count)", at: nil, help: "name one: " + known.joined(separator: ", ")))
  }

  /// What is enough to name a manifest of a workspace: its bare name, if no other has it.
  static func shortName(of path: String, in workspace: Workspace) -> String {
    workspace.manifests().count { stem($0) == stem(path) } == 1 ? stem(path) : path
  }

  private static func stem(_ path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
  }

  /// The manifest, read, in its workspace with its store.
  func session(_ given: String?, _ overrides: ParameterOverrides = .init()) throws(Complaint) -> Session {
    let (path, workspace) = try manifest(given)
    return try session(path: path, workspace, overrides)
  }

  func session(path: String, _ workspace: Workspace, _ overrides: ParameterOverrides = .init()) throws(Complaint) -> Session {
    do throws(Session.Failure) {
      return try Session(manifest: path, workspace: workspace, kinds: StageKinds.all, overrides: overrides)
    } catch {
      switch error {
      case .invalid(let problems): throw Complaint(problems)
      case .store(let error): throw Complaint(error)
      }
    }
  }

  /// The session of the manifest that has a stage of this name, where no manifest is named and only one has it.
  func session(havingStage name: String, _ given: String?, _ overrides: ParameterOverrides = .init()) throws(Complaint) -> Session {
    try session(given, overrides, what: "stage `\(name)`") { pipeline in
      pipeline.graph.stages.contains { !$0.isImplicit && ($0.name == name || $0.matrixOf == name) }
    }
  }

  /// The session of the only manifest of the workspace for which something holds; of several, that of the last run.
  func session(_ given: String?, _ overrides: ParameterOverrides = .init(), what: String, where holds: (Pipeline) -> Bool) throws(Complaint) -> Session {
    let workspace = workspace()
    let known = workspace.manifests()
    if given != nil || known.count < 2 { return try session(given, overrides) }
    let fitting = known.filter { path in
      Session.read(workspace.absolute(path), workspace, StageKinds.all).pipeline.map(holds) ?? false
    }
    if fitting.count == 1 { return try session(path: workspace.absolute(fitting[0]), workspace, overrides) }
    // Who has just run one of them means that one.
    if let store = try? Store(directory: workspace.storeDirectory), let last = RunEntry.newest(in: store)?.manifest, fitting.contains(last) {
      if !quiet, !json {
        Console.errors.write("pipe: of \(last), the last that was run (name another after it: \(fitting.filter { $0 != last }.map(Self.stem).joined(separator: ", ")))\n")
      }
      return try session(path: workspace.absolute(last), workspace, overrides)
    }
    throw Complaint(
      ExitStatus.invalid,
      Diagnostic(
        id: "manifest", fitting.isEmpty ? "no manifest of this workspace has the \(what)" : "which manifest? \(fitting.count) have the \(what)", at: nil,
        help: "name one: " + (fitting.isEmpty ? known : fitting).joined(separator: ", ")))
  }

  /// The store without any manifest.
  func openStore() throws(Complaint) -> Store {
    do throws(StoreError) { return try Store(directory: workspace().storeDirectory) } catch { throw Complaint(error) }
  }

  /// Prints a JSON answer or a text.
  func answer(_ json: @autoclosure () -> ReportJSON, _ text: @autoclosure () -> String) {
    if self.json { Console.output.write(json().compact + "\n") } else { Console.output.write(text()) }
  }
}

extension Complaint {
  /// Trouble with the disk or the store.
  init(_ error: StoreError) { self.init(ExitStatus.failed, Diagnostic(id: "store", "\(error)", at: nil)) }
}

/// Values for a manifest's parameters.
struct ParameterOptions: ParsableArguments {
  @Option(name: [.customShort("p"), .customLong("param")], help: ArgumentHelp("Give a parameter of the manifest a value; may be repeated.", valueName: "name=value"))
  var assignments: [String] = []

  @Option(help: ArgumentHelp("A YAML or JSON file with values of parameters.", valueName: "file"), completion: .file(extensions: ["yaml", "yml", "json"]))
  var paramsFile: String?

  @Option(help: ArgumentHelp("A profile of the manifest.", valueName: "name"))
  var profile: String?

  var given: GivenParameters { GivenParameters(assignments: assignments, file: paramsFile, profile: profile) }
  var areGiven: Bool { given.areGiven }

  func overrides() throws(Complaint) -> ParameterOverrides { try given.overrides() }
}

/// Parameters as a command line gives them, now or in an earlier run.
struct GivenParameters {
  var assignments: [String] = []
  var file: String?
  var profile: String?

  /// Whether they change values: a profile is part of the manifest.
  var areGiven: Bool { !assignments.isEmpty || file != nil }
  var isEmpty: Bool { !areGiven && profile == nil }

  func overrides() throws(Complaint) -> ParameterOverrides {
    var text: SourceText?
    if let file {
      switch Workspace.read(Workspace.absolute(file)) {
      case .success(let bytes): text = SourceText(path: file, bytes: bytes)
      case .failure(let failure):
        throw Complaint(ExitStatus.invalid, Diagnostic(id: "params-file", "cannot read `\(file)`: \(failure.message)", at: nil))
      }
    }
    return ParameterOverrides(profile: profile, file: text, assignments: assignments)
  }
}

extension GivenParameters {
  /// What a run was given.
  init(of record: RunRecord, in workspace: Workspace) {
    self.init(
      assignments: record.parameters.map { "\($0.name)=\($0.value)" }, file: record.parametersFile.map(workspace.absolute), profile: record.profile)
  }

  /// As it is written on a command line.
  var description: String {
    let words = assignments.map { "-p \($0)" } + [file.map { "--params-file \($0)" }, profile.map { "--profile \($0)" }].compactMap { $0 }
    return words.joined(separator: " ")
  }
}

/// Which stages.
struct SelectionOptions: ParsableArguments {
  @Option(
    name: .shortAndLong, help: ArgumentHelp("Only these stages: name, +name, name+, kind:x, tag:x; a,b for both, \"a b\" for either.", valueName: "stages"),
    completion: .stages)
  var select: [String] = []

  @Option(help: ArgumentHelp("Not these stages.", valueName: "stages"), completion: .stages)
  var exclude: [String] = []

  var isEmpty: Bool { select.isEmpty && exclude.isEmpty }

  /// Names of the stages meant; nil for all. Nothing at all is exit 4.
  func stages(of pipeline: Pipeline) throws(Complaint) -> Set<String>? {
    do throws(Problems) {
      let names = try pipeline.graph.selected(select, excluding: exclude, selectors: pipeline.selectors)
      if let names, names.isEmpty {
        let known = pipeline.graph.stages.filter { !$0.isImplicit }.map(\.name)
        let word = select.joined(separator: " ")
        let meant = Suggestion.nearest(to: word, in: known).map { "did you mean `\($0)`?" }
        throw Problems(
          Diagnostic(
            id: "nothing-selected", "no stage matches " + (select.isEmpty ? "when all of `\(exclude.joined(separator: " "))` are left out" : "`\(word)`"), at: nil,
            help: meant ?? "stages are " + known.joined(separator: ", ")))
      }
      return names
    } catch {
      throw Complaint(error.first.id == "nothing-selected" ? ExitStatus.nothingSelected : ExitStatus.invalid, error.all)
    }
  }
}

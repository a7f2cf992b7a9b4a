import Diagnostics
import Manifests
import Processes
import Rows
import Synchronization
import Templates

/// Gives a kind its evaluated fields and the files behind them, and notes what of it belongs into the key.
final class StageReader: StageReading {
  let stageName: String
  let manifestName: String
  let range: SourceRange?
  let labelTypes: [LabelType]
  private let settings: StageFieldSettings
  private let context: ReadingContext
  private let namedLater: (String) -> Bool
  private let sources = TemplateSources()
  private let environment: Environment
  private let noted = Mutex<[(role: String, digest: String, path: String?)]>([])

  init(
    stageName: String, manifestName: String, range: SourceRange?, labelTypes: [LabelType], settings: StageFieldSettings, context: ReadingContext,
    namedLater: @escaping (String) -> Bool = { _ in false }
  ) {
    self.namedLater = namedLater
    self.stageName = stageName
    self.manifestName = manifestName
    self.range = range
    self.labelTypes = labelTypes
    self.settings = settings
    self.context = context
    var environment = Environment.pipe
    switch settings["undefined"]?.text {
    case "lenient": environment.undefined = .lenient
    case "chainable": environment.undefined = .chainable
    default: environment.undefined = .strict
    }
    if let now = settings["now"]?.text { environment.now = CivilTime(now) }
    let sources = sources
    environment.joinPath = { written, parent in ManifestPath.resolve(written, in: parent) }
    // Only what was opened while the stage was read is there when it runs: anything else would be missing from the key.
    environment.loader = { path in sources.text(path)?.bytes }
    self.environment = environment
  }

  /// Files opened so far, with their digests.
  var files: [(role: String, digest: String)] { noted.withLock { $0.map { ($0.role, $0.digest) } } }
  /// Where they lie; nil for what is no file.
  var filePaths: [String?] { noted.withLock { $0.map(\.path) } }

  func setting(_ field: String) -> Setting? { settings[field] }
  func isNamedLater(_ column: String) -> Bool { namedLater(column) }

  func inputs(_ setting: Setting?) throws(Problems) -> [InputSource] {
    guard let setting else { return [] }
    var found: [InputSource] = []
    for item in setting.oneOrMany {
      switch item.value {
      case .stages(let references): found += references.map(InputSource.port)
      case .text: found.append(.port(PortReference(stage: try context.implicitStage(for: try path(item), at: item.range), port: nil)))
      default: throw Problems(item.problem("type", "an input is `${stages.name}` or a path"))
      }
    }
    return found
  }

  func traits(of input: InputSource) -> TableTraits {
    guard case .port(let reference) = input else { return TableTraits() }
    return context.traits(of: reference)
  }

  func path(_ setting: Setting) throws(Problems) -> String {
    guard let written = setting.text else { throw Problems(setting.problem("type", "a path is a text")) }
    return ManifestPath.resolve(written, in: setting.range?.path ?? "")
  }

  func file(_ setting: Setting, role: String) throws(Problems) -> SourceText {
    let text = try open(try path(setting), written: setting.text ?? "", at: setting.range)
    note(text, role)
    return text
  }

  func noteFile(_ setting: Setting, role: String) throws(Problems) {
    let path = try path(setting)
    switch Workspace.digest(of: path.hasPrefix("/") ? path : context.root + "/" + path) {
    case .success(let digest): noted.withLock { $0.append((role, digest.description, path)) }
    case .failure(let failure): throw Self.unreadable(path, failure, written: setting.text ?? "", at: setting.range)
    }
  }

  private let remarked = Mutex<[Diagnostic]>([])

  /// What the kind found worth saying though it can run.
  var remarks: [Diagnostic] { remarked.withLock { $0 } }

  func remark(_ diagnostic: Diagnostic) { remarked.withLock { $0.append(diagnostic) } }

  func note(_ value: String, as role: String) { noted.withLock { $0.append((role, value, nil)) } }

  private func note(_ text: SourceText, _ role: String) { noted.withLock { $0.append((role, Digest.of(text.bytes).description, text.path)) } }

  private func open(_ path: String, written: String, at range: SourceRange?) throws(Problems) -> SourceText {
    switch context.load(path) {
    case .success(let bytes): return SourceText(path: path, bytes: bytes)
    case .failure(let failure): throw Self.unreadable(path, failure, written: written, at: range)
    }
  }

  private static func unreadable(_ path: String, _ failure: ManifestReader.LoadFailure, written: String, at range: SourceRange?) -> Problems {
    Problems(
      Diagnostic(
        .error, id: "file", "cannot read `\(path)`: \(failure.message)", at: range?.place,
        help: failure.help ?? (written == path ? "a path starts at the workspace root; `./` starts at this file's folder" : nil)))
  }

  func toolVersion(_ tool: Setting) throws(Problems) -> String {
    let name = tool.text ?? ""
    let path = HostEnvironment.value("PATH") ?? ""
    do throws(ProcessFailure) {
      let version = try ToolVersion.read(name, path: path, directory: context.root)
      note(version, as: "tool \(name)")
      return version
    } catch { throw Problems(tool.problem("tool", error.message(name), help: error.help)) }
  }

  // MARK: templates

  func template(_ setting: Setting) throws(Problems) -> RowTemplate {
    let name = register(setting)
    return try template(Array((setting.text ?? "").utf8), name: name, setting)
  }

  func templateFile(_ setting: Setting) throws(Problems) -> RowTemplate {
    let text = try file(setting, role: "template")
    sources.add(text, as: text.path)
    return try template(text.bytes, name: text.path, setting)
  }

  private func template(_ source: [UInt8], name: String, _ setting: Setting) throws(Problems) -> RowTemplate {
    let template: Template
    do throws(TemplateError) {
      template = try Template(source: source, name: name, environment: environment)
    } catch { throw Problems(sources.diagnostic(error, id: "template", whole: setting.range)) }
    try openReferences(of: template, name: name, depth: 0)
    return RowTemplate(template: template, operands: operands(setting), range: setting.range, sources: sources)
  }

  /// Opens everything that a template includes, imports or extends, and what those do.
  private func openReferences(of template: Template, name: String, depth: Int) throws(Problems) {
    // Deeper chains are refused when the template runs; a cycle is met there, too.
    guard depth < 64 else { return }
    for reference in template.references {
      let place = sources.place(name, reference.range)
      guard let written = reference.name else {
        throw Problems(
          Diagnostic(
            .error, id: "template-reference", "the name of a template must be written out here", at: place,
            help: "a name that is computed per row could not be in the key; choose with {% if %} between written names"))
      }
      let path = ManifestPath.resolve(written, in: name)
      if sources.text(path) != nil { continue }
      let bytes: [UInt8]
      switch context.load(path) {
      case .success(let found): bytes = found
      case .failure(let failure):
        if reference.optional {
          note("absent", as: "template \(written)")
          continue
        }
        throw Problems(
          Diagnostic(
            .error, id: "template-reference", "cannot read `\(path)`: \(failure.message)", at: place,
            help: "a path starts at the workspace root; `./` starts at the folder of the template"))
      }
      let text = SourceText(path: path, bytes: bytes)
      sources.add(text, as: path)
      note(text, "template \(written)")
      let included: Template?
      do throws(TemplateError) {
        included = try environment.template(named: written, parent: name)
      } catch { throw Problems(sources.diagnostic(error, id: "template", whole: nil)) }
      if let included { try openReferences(of: included, name: path, depth: depth + 1) }
    }
  }

  func expression(_ setting: Setting) throws(Problems) -> RowExpression {
    let name = register(setting)
    do throws(TemplateError) {
      let expression = try Expression(source: Array((setting.text ?? "").utf8), name: name, environment: environment)
      return RowExpression(expression: expression, operands: operands(setting), range: setting.range, sources: sources)
    } catch { throw Problems(sources.diagnostic(error, id: "expression", whole: setting.range)) }
  }

  private let counter = Mutex(0)

  /// Gives a piece of the manifest a name under which errors find it again.
  private func register(_ setting: Setting) -> String {
    let number = counter.withLock { count -> Int in
      count += 1
      return count
    }
    // Starts like the file, so that `./` in an include means the manifest's folder.
    let name = "\(setting.range?.path ?? "manifest")#\(number)"
    if let code = setting.code { sources.add(code, as: name) }
    return name
  }

  private func operands(_ setting: Setting) -> [(name: String, json: [UInt8])] {
    setting.operands.map { operand in
      var json: [UInt8] = []
      Setting(operand.value, range: nil).appendJSON(to: &json)
      return (operand.name, json)
    }
  }

  func promptTemplate(_ setting: Setting) throws(Problems) -> Setting {
    let text = try file(setting, role: "prompt template")
    let (document, diagnostics) = PromptTemplateDocument.read(text)
    try Problems.throwErrors(in: diagnostics)
    guard let document else { preconditionFailure("a prompt template that cannot be read has an error") }
    return Setting(document.fields, references: { _ in [] })
  }
}

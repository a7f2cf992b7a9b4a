public import Diagnostics

/// Reads a manifest with its fragments.
///
///     let reading = ManifestReader(language: language) { path in … }.read(text)
///     // add problems of the graph to reading.diagnostics, then
///     try Problems.throwErrors(in: all)
public struct ManifestReader {
  /// Why a fragment could not be loaded, as a message and what to do.
  public struct LoadFailure: Error, Sendable {
    public var message: String
    public var help: String?

    public init(_ message: String, help: String? = nil) {
      self.message = message
      self.help = help
    }
  }

  /// The bytes of a file; its path starts at the workspace root.
  public typealias Load = (_ path: String) -> Result<[UInt8], LoadFailure>

  /// More files than anybody includes.
  static let includeLimit = 1000

  let language: ManifestLanguage
  let load: Load

  public init(language: ManifestLanguage, load: @escaping Load) {
    self.language = language
    self.load = load
  }

  /// - Parameter text: the manifest; its path is shown to people and, from the workspace root, is where `./` starts.
  public func read(_ text: SourceText) -> ManifestReading {
    var pass = ManifestPass(language: language, load: load)
    let document = pass.read(text)
    return ManifestReading(document: document, diagnostics: pass.reader.diagnostics.withoutRemarksOnErrors().inReadingOrder())
  }
}

/// One reading: the state of it.
struct ManifestPass {
  let language: ManifestLanguage
  let load: ManifestReader.Load
  var reader = FieldReader()
  var includes: [SourceText] = []
  var parameters: [ParameterDeclaration] = []
  var labelTypes: [LabelTypeDeclaration] = []
  var stages: [StageDeclaration] = []
  var unreadable = Set<String>()
  private var parameterNames: [String: SourceRange] = [:]
  private var labelTypeNames: [String: SourceRange] = [:]
  private var stageNames: [String: SourceRange] = [:]
  private var done = Set<String>()

  init(language: ManifestLanguage, load: @escaping ManifestReader.Load) {
    self.language = language
    self.load = load
  }

  mutating func read(_ text: SourceText) -> ManifestDocument? {
    guard let top = readFile(text, ManifestFields.manifest, chain: []) else { return nil }
    checkLabelTypes()
    return ManifestDocument(
      text: text, name: top.string("name") ?? "", version: top.string("version") ?? "0.0.0", desc: top.string("desc"),
      license: top.string("license"), includes: includes, parameters: parameters, profiles: profiles(top), labelTypes: labelTypes,
      stages: stages, unreadableStages: unreadable,
      selectors: top.map("selectors").map { .init(name: $0.key, selection: $0.value.string ?? "", range: $0.value.range) }, top: top)
  }

  // MARK: Files

  private mutating func readFile(_ text: SourceText, _ set: FieldSet, chain: [String]) -> FieldValues? {
    let (document, problems) = YAMLReader.read(text)
    reader.diagnostics += problems
    guard let document else { return nil }
    let root = document.root
    guard root.isMapping else {
      if !root.isPoisoned { reader.mismatch(root, .phrase(set.subject), "a mapping", help: "start with `schema: pipe/v1`") }
      return nil
    }
    let top = reader.read(root, as: [set], owner: nil, skipping: ["stages", "params"], ignoringExtensions: true)[0]
    rejectExpressions(top)
    let path = ManifestPath.resolve(text.path, in: "")
    done.insert(path)
    if set.field("include") != nil { for item in top.list("include") { include(item, chain: chain + [path]) } }
    if let node = root["params"], !node.isPoisoned { readParameters(node) }
    readLabelTypes(top)
    if let node = root["stages"], !node.isPoisoned { readStages(node, key: key("stages", root)) }
    return top
  }

  private func key(_ name: String, _ node: Node) -> Node? { node.entries.first { $0.key.scalar == name }?.key }

  private mutating func include(_ item: FieldValue, chain: [String]) {
    guard let written = item.string, let node = item.node, let range = item.range else { return }
    let path = ManifestPath.resolve(written, in: node.document.text.path)
    if chain.contains(path) {
      report("include-cycle", "`\(path)` includes itself: " + (chain.drop { $0 != path } + [path]).joined(separator: " → "), range)
      return
    }
    if done.contains(path) { return }
    if includes.count >= ManifestReader.includeLimit {
      report("include-limit", "more than \(ManifestReader.includeLimit) files are included", range)
      return
    }
    switch load(path) {
    case .failure(let failure):
      report(
        "include", "cannot read `\(path)`: \(failure.message)", range,
        help: failure.help ?? (written == path ? "a path starts at the workspace root; `./` starts at this file's folder" : nil))
    case .success(let bytes):
      let text = SourceText(path: path, bytes: bytes)
      includes.append(text)
      _ = readFragment(text, chain: chain)
    }
  }

  private mutating func readFragment(_ text: SourceText, chain: [String]) -> FieldValues? {
    readFile(text, ManifestFields.fragment, chain: chain)
  }

  private mutating func report(_ id: String, _ message: String, _ range: SourceRange, help: String? = nil) {
    reader.diagnostics.append(Diagnostic(id: id, message, at: range, help: help))
  }

  private mutating func rejectExpressions(_ values: FieldValues) {
    var found: [Diagnostic] = []
    values.visit { value in
      guard case .unevaluated(let text, _) = value.form else { return }
      for expression in text.expressions {
        found.append(
          Diagnostic(
            id: "expression-place", "`${…}` is evaluated inside stages only", at: expression.range,
            help: "for the two characters themselves write `$${`"))
      }
    }
    reader.diagnostics += found
  }

  /// False, with a message, when a name is there already (in another file, that is: inside one file it has been reported).
  private static func claim(_ key: Node, _ what: String, _ names: inout [String: SourceRange], _ diagnostics: inout [Diagnostic]) -> Bool {
    guard let first = names.updateValue(key.range, forKey: key.scalar) else { return true }
    names[key.scalar] = first
    if first.text === key.document.text { return false }
    diagnostics.append(
      Diagnostic(
        id: "duplicate", "the \(what) `\(key.scalar)` is there twice", at: key.range, label: "second",
        secondary: [.init(place: first.place, label: "first")], help: "rename one of them"))
    return false
  }

  // MARK: Parameters, profiles, label types

  private mutating func readParameters(_ node: Node) {
    guard let value = reader.read(node, ManifestFields.manifest.field("params")!.type, .init(name: "params")) else { return }
    let before = reader.diagnostics.count
    rejectExpressions(FieldValues(set: ManifestFields.manifest, node: node, written: [.init(field: 0, key: nil, value: value)]))
    if reader.diagnostics.count > before { return }
    for entry in value.map ?? [] {
      guard let key = entry.keyNode, ManifestPass.claim(key, "parameter", &parameterNames, &reader.diagnostics) else { continue }
      if let declaration = ParameterDeclaration(key, entry.value, &reader.diagnostics) { parameters.append(declaration) }
    }
  }

  private func profiles(_ top: FieldValues) -> [ManifestDocument.Profile] {
    top.map("profiles").compactMap { entry in
      guard let values = entry.value.record, let range = entry.keyNode?.range else { return nil }
      return .init(
        name: entry.key, parameters: values.map("params"), jobs: values.int("jobs"), usesCache: values.string("cache") != "never", range: range)
    }
  }

  private mutating func readLabelTypes(_ top: FieldValues) {
    for entry in top.map("label_types") {
      guard let key = entry.keyNode, let values = entry.value.record, ManifestPass.claim(key, "label type", &labelTypeNames, &reader.diagnostics)
      else { continue }
      ReservedNames.check(key.scalar, "a label type", key, &reader.diagnostics)
      labelTypes.append(LabelTypeDeclaration(name: entry.key, nameRange: key.range, fields: values))
    }
  }

  /// A stage names a label type that is declared; a manifest that declares none leaves it to the label files.
  private mutating func checkLabelTypes() {
    guard !labelTypeNames.isEmpty else { return }
    for stage in stages where stage.fields.set.field("label_type") != nil {
      guard stage.fields.isWritten("label_type"), let value = stage.fields["label_type"], let name = value.string, labelTypeNames[name] == nil else {
        continue
      }
      let names = labelTypes.map(\.name)
      reader.diagnostics.append(
        Diagnostic(
          id: "unknown-label-type", "there is no label type `\(name)`", at: value.range?.place, label: Suggestion.label(for: name, in: names),
          help: "declared in `label_types`: " + names.joined(separator: " ")))
    }
  }

  // MARK: Stages

  private mutating func readStages(_ node: Node, key: Node?) {
    guard node.isMapping else {
      if node.isNull {
        report(
          "empty", "`stages` has no value", key?.range ?? node.range,
          help: "a stage is a name and its fields:\nstages:\n  tickets: { kind: ingest, from: Datasets/tickets.csv }")
      } else {
        reader.mismatch(
          node, .init(name: "stages"), "a mapping of stage names to stages", help: "stages: { tickets: { kind: ingest, from: Datasets/tickets.csv } }"
        )
      }
      return
    }
    stages.reserveCapacity(stages.count + node.count)
    stageNames.reserveCapacity(stageNames.count + node.count)
    for at in 0..<node.count {
      let (key, value) = node.entry(at)
      if key.isPoisoned { continue }
      guard FieldReader.checkKey(key, .stage, .init(name: "stages"), &reader.diagnostics) else { continue }
      guard ManifestPass.claim(key, "stage", &stageNames, &reader.diagnostics) else { continue }
      if let stage = readStage(key, value) { stages.append(stage) } else { unreadable.insert(key.scalar) }
    }
  }

  private mutating func readStage(_ key: Node, _ node: Node) -> StageDeclaration? {
    guard node.isMapping else {
      if node.isNull {
        report("empty", "the stage `\(key.scalar)` has no fields", key.range, help: "for instance  kind: ingest")
      } else {
        reader.mismatch(node, .init(name: key.scalar), "a mapping with `kind` and more", help: nil)
      }
      return nil
    }
    guard let kindNode = node["kind"] else {
      report(
        "missing-field", "the stage `\(key.scalar)` has no `kind`", key.range,
        help: "kind: " + language.kinds.filter { !$0.isPlanned }.map(\.name).joined(separator: ", or "))
      return nil
    }
    if kindNode.isPoisoned { return nil }
    let name = kindNode.scalar
    guard kindNode.isScalar, let kind = language.kind(name) else {
      let names = language.kinds.map(\.name)
      if kindNode.isScalar, !kindNode.isNull {
        reader.diagnostics.append(
          Diagnostic(
            id: "unknown-kind", "there is no kind `\(name)`", at: kindNode.range, label: Suggestion.label(for: name, in: names),
            help: "kinds: " + names.joined(separator: " ")))
      } else {
        reader.mismatch(kindNode, .init(name: "kind"), "one of " + names.map { "`\($0)`" }.joined(separator: ", "), help: nil)
      }
      return nil
    }
    let values = reader.read(node, as: [kind.fields, ManifestFields.shared], owner: key.range)
    if kind.isPlanned {
      let built = language.kinds.filter { !$0.isPlanned }.map(\.name).joined(separator: " ")
      reader.diagnostics.append(
        Diagnostic(id: "planned", "the kind `\(name)` is planned, not built yet", at: kindNode.range, help: "built: \(built)"))
      return nil
    }
    return StageDeclaration(
      name: key.scalar, nameRange: key.range, kind: name, kindRange: kindNode.range, shared: values[1], fields: values[0], node: node)
  }
}

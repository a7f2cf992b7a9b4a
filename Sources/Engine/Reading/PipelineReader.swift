public import Diagnostics
public import Manifests
import Rows
import Templates

/// Turns a manifest into a graph: evaluates `${…}`, unfolds matrices, orders stages, reads kinds, checks edges.
///
/// Everything that is wrong is reported together; a stage whose producer could not be read is passed over in silence.
public struct PipelineReader {
  public typealias Load = (String) -> Result<[UInt8], ManifestReader.LoadFailure>

  let kinds: [String: any StageKind.Type]
  let load: Load
  let root: String

  /// - Parameters:
  ///   - kinds: by name; the kinds of the language that are not here answer "planned".
  ///   - root: the workspace's root, absolute.
  ///   - load: the bytes of a file of the workspace.
  public init(kinds: [String: any StageKind.Type], root: String, load: @escaping Load) {
    self.kinds = kinds
    self.root = root
    self.load = load
  }

  public func read(_ text: SourceText, overrides: ParameterOverrides = .init()) -> PipelineReading {
    let reading = ManifestReader(language: ManifestLanguage(built: Set(kinds.keys)), load: load).read(text)
    guard let document = reading.document else { return PipelineReading(pipeline: nil, diagnostics: reading.diagnostics) }
    let (values, problems) = document.parameterValues(overrides)
    var pass = PipelinePass(document: document, kinds: kinds, load: load, root: root, parameters: values)
    pass.diagnostics = reading.diagnostics + problems
    pass.read()
    let found = pass.diagnostics.inReadingOrder()
    guard !found.contains(where: { $0.severity == .error }) else { return PipelineReading(pipeline: nil, diagnostics: found) }
    let profile = overrides.profile.flatMap(document.profile)
    let pipeline = Pipeline(
      path: text.path, name: document.name, version: document.version, desc: document.desc, license: document.license, graph: Graph(stages: pass.context.ordered),
      isLocked: document.top.bool("lock") ?? true, parameters: values.map { ($0.key, $0.value.json) },
      selectors: Dictionary(document.selectors.map { ($0.name, $0.selection) }, uniquingKeysWith: { first, _ in first }),
      profileJobs: profile?.jobs, profileUsesCache: profile?.usesCache ?? true, remarks: found, files: [text.path] + document.includes.map(\.path))
    return PipelineReading(pipeline: pipeline, diagnostics: found)
  }
}

extension Literal {
  /// The value as JSON.
  var json: String {
    var out: [UInt8] = []
    Setting(FieldValue(.literal(self), node: nil), references: { _ in [] }).appendJSON(to: &out)
    return String(decoding: out, as: UTF8.self)
  }

  /// The value of the expression language.
  var value: Value {
    switch self {
    case .null, .reference: .none
    case .bool(let bool): Value(bool)
    case .int(let int): Value(int)
    case .float(let double): Value(double)
    case .string(let text): Value(text)
    case .list(let items): Value(items.map(\.value))
    case .map(let entries): Value(pairs: entries.map { ($0.key, $0.value.value) })
    }
  }

  /// What an expression came to; nil for values that a manifest cannot hold (functions, generators).
  init?(_ value: Value) {
    if value.isNone {
      self = .null
    } else if let bool = value.bool {
      self = .bool(bool)
    } else if let int = value.int {
      self = .int(int)
    } else if let text = value.string {
      self = .string(text)
    } else if let double = value.double {
      self = .float(double)
    } else if let array = value.array {
      var items: [Literal] = []
      for item in array {
        guard let literal = Literal(item) else { return nil }
        items.append(literal)
      }
      self = .list(items)
    } else if let pairs = value.pairs {
      var entries: [Entry] = []
      for pair in pairs {
        guard let literal = Literal(pair.value) else { return nil }
        entries.append(Entry(pair.key.text, literal))
      }
      self = .map(entries)
    } else {
      return nil
    }
  }
}

public import Diagnostics

/// A parameter as declared: `min_chars: 20` or `{type, default, enum, desc}`.
public struct ParameterDeclaration: Sendable {
  public enum Kind: String, Sendable { case string, int, float, bool, list }

  public let name: String
  public let nameRange: SourceRange
  public let kind: Kind
  /// Nil when a value must be given.
  public let defaultValue: Literal?
  /// The only values allowed; empty for any.
  public let choices: [Literal]
  public let desc: String?
  /// What the items of a list are; nil when the default does not say.
  let itemKind: Kind?

  init?(_ key: Node, _ value: FieldValue, _ diagnostics: inout [Diagnostic]) {
    name = key.scalar
    nameRange = key.range
    guard let long = value.record else {
      guard let literal = value.literal, let kind = Kind(literal) else {
        diagnostics.append(
          Diagnostic(
            id: "parameter", "`\(key.scalar)` has no value and no type", at: value.range ?? key.range,
            help: "\(key.scalar): { type: string } for one that must be given"))
        return nil
      }
      self.kind = kind
      defaultValue = literal
      choices = []
      desc = nil
      itemKind = ParameterDeclaration.itemKind(literal)
      return
    }
    let written = long["default"]?.literal
    guard let kind = long.string("type").flatMap(Kind.init(rawValue:)) ?? written.flatMap({ Kind($0) }) else { return nil }
    self.kind = kind
    desc = long.string("desc")
    itemKind = written.flatMap(ParameterDeclaration.itemKind)
    choices = long.list("enum").compactMap(\.literal)
    guard let written else {
      defaultValue = nil
      return
    }
    guard let fitted = kind.fit(written) else {
      diagnostics.append(
        Diagnostic(id: "type", "the default of `\(name)` wants \(kind.noun), found \(written.found)", at: long["default"]?.range ?? key.range))
      return nil
    }
    if !choices.isEmpty, !choices.contains(fitted) {
      diagnostics.append(
        Diagnostic(
          id: "choice", "the default of `\(name)` is not in its `enum`", at: long["default"]?.range ?? key.range,
          help: "one of: " + choices.map(\.yaml).joined(separator: " ")))
      return nil
    }
    defaultValue = fitted
  }

  private static func itemKind(_ literal: Literal) -> Kind? {
    guard case .list(let items) = literal else { return nil }
    let kinds = Set(items.compactMap { Kind($0) })
    return kinds.count == 1 ? kinds.first : nil
  }
}

extension ParameterDeclaration.Kind {
  init?(_ literal: Literal) {
    switch literal {
    case .string: self = .string
    case .int: self = .int
    case .float: self = .float
    case .bool: self = .bool
    case .list: self = .list
    case .null, .map, .reference: return nil
    }
  }

  var noun: String {
    switch self {
    case .string: "text"
    case .int: "an integer"
    case .float: "a number"
    case .bool: "true or false"
    case .list: "a list"
    }
  }

  /// The value as this kind has it: an integer is a number too; nothing else is turned into anything.
  func fit(_ literal: Literal) -> Literal? {
    switch (self, literal) {
    case (.string, .string), (.int, .int), (.float, .float), (.bool, .bool), (.list, .list): literal
    case (.float, .int(let value)): .float(Double(value))
    default: nil
    }
  }

  /// A value given as text on the command line.
  func parse(_ text: String, items: ParameterDeclaration.Kind?) -> Literal? {
    switch self {
    case .string: return .string(text)
    case .int: return CoreSchema.kind(of: text) == .int ? CoreSchema.int(text).map { .int($0) } : nil
    case .float:
      let kind = CoreSchema.kind(of: text)
      return kind == .int || kind == .float ? CoreSchema.double(text).map { .float($0) } : nil
    case .bool: return CoreSchema.kind(of: text) == .bool ? .bool(CoreSchema.bool(text)) : nil
    case .list:
      let trimmed = text.trimmingBlanks()
      if trimmed.hasPrefix("[") {
        guard let root = YAMLReader.read(SourceText(path: "", text: trimmed)).document?.root, root.isSequence else { return nil }
        var values: [Literal] = []
        for item in root.items {
          guard item.isScalar, let value = items.map({ $0.fit(FieldReader.literal(of: item)) }) ?? FieldReader.literal(of: item) else { return nil }
          values.append(value)
        }
        return .list(values)
      }
      if trimmed.isEmpty { return .list([]) }
      var values: [Literal] = []
      for part in trimmed.split(separator: ",", omittingEmptySubsequences: false) {
        let word = String(part).trimmingBlanks()
        guard let value = items.map({ $0.parse(word, items: nil) }) ?? Literal.string(word) else { return nil }
        values.append(value)
      }
      return .list(values)
    }
  }
}

/// What changes parameters for one run, the later stronger: a profile, a file, the command line.
public struct ParameterOverrides: Sendable {
  /// `--profile`
  public var profile: String?
  /// `--params-file`: a YAML or JSON mapping of names to values.
  public var file: SourceText?
  /// `-p name=value`, in order.
  public var assignments: [String]

  public init(profile: String? = nil, file: SourceText? = nil, assignments: [String] = []) {
    self.profile = profile
    self.file = file
    self.assignments = assignments
  }
}

extension ManifestDocument {
  public func profile(_ name: String) -> Profile? { profiles.first { $0.name == name } }

  /// The value of every parameter, in the order of their declaration, and what is wrong with the overrides.
  public func parameterValues(_ overrides: ParameterOverrides = .init()) -> (values: [Literal.Entry], diagnostics: [Diagnostic]) {
    var pass = ParameterPass(document: self)
    pass.apply(overrides)
    return (pass.finish(), pass.diagnostics)
  }
}

private struct ParameterPass {
  let document: ManifestDocument
  var values: [String: Literal] = [:]
  var diagnostics: [Diagnostic] = []
  private let byName: [String: ParameterDeclaration]

  init(document: ManifestDocument) {
    self.document = document
    byName = Dictionary(document.parameters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  mutating func apply(_ overrides: ParameterOverrides) {
    if let name = overrides.profile {
      if let profile = document.profile(name) {
        for entry in profile.parameters {
          guard let value = entry.value.literal else { continue }
          set(entry.key, value, at: entry.value.range, key: entry.keyNode?.range)
        }
      } else {
        let names = document.profiles.map(\.name)
        let meant = Suggestion.nearest(to: name, in: names).map { "did you mean `\($0)`?" }
        diagnostics.append(
          Diagnostic(
            id: "unknown-profile", "the manifest has no profile `\(name)`", at: nil,
            help: meant ?? (names.isEmpty ? "it has no profiles" : "it has " + names.joined(separator: ", "))))
      }
    }
    if let file = overrides.file { read(file) }
    for assignment in overrides.assignments { assign(assignment) }
  }

  mutating func finish() -> [Literal.Entry] {
    document.parameters.compactMap { parameter in
      if let value = values[parameter.name] ?? parameter.defaultValue { return Literal.Entry(parameter.name, value) }
      diagnostics.append(
        Diagnostic(
          id: "missing-parameter", "the parameter `\(parameter.name)` has no default and no value was given", at: parameter.nameRange,
          help: "give one: -p \(parameter.name)=…"))
      return nil
    }
  }

  private mutating func read(_ file: SourceText) {
    let (yaml, problems) = YAMLReader.read(file)
    diagnostics += problems
    guard let root = yaml?.root, !root.isNull else { return }
    guard root.isMapping else {
      diagnostics.append(Diagnostic(id: "type", "a file of parameters holds a mapping of names to values", at: FieldReader.shownRange(root)))
      return
    }
    for (key, node) in root.entries {
      var reader = FieldReader()
      let value = reader.read(node, .oneOf([.scalar, .list(.scalar)]), .init(name: key.scalar, key: key))
      diagnostics += reader.diagnostics
      // There is nothing to evaluate here: `${` is text.
      if Interpolated.hasDollarBrace(node.scalar) {
        set(key.scalar, .string(node.scalar), at: node.range, key: key.range)
      } else if let literal = value?.literal {
        set(key.scalar, literal, at: node.range, key: key.range)
      }
    }
  }

  private mutating func set(_ name: String, _ literal: Literal, at range: SourceRange?, key: SourceRange?) {
    guard let parameter = byName[name] else {
      unknown(name, key?.place)
      return
    }
    guard let value = parameter.kind.fit(literal) else {
      diagnostics.append(
        Diagnostic(
          id: "type", "the parameter `\(name)` wants \(parameter.kind.noun), found \(literal.found)", at: range?.place,
          secondary: [.init(place: parameter.nameRange.place, label: "declared here")]))
      return
    }
    keep(value, parameter, range?.place, shown: literal.yaml)
  }

  private mutating func assign(_ assignment: String) {
    guard let equals = assignment.firstIndex(of: "="), equals != assignment.startIndex else {
      diagnostics.append(Diagnostic(id: "parameter", "`-p \(assignment)` has no `=`", at: nil, help: "-p name=value"))
      return
    }
    let name = String(assignment[..<equals])
    let text = String(assignment[assignment.index(after: equals)...])
    guard let parameter = byName[name] else {
      unknown(name, nil)
      return
    }
    guard let value = parameter.kind.parse(text, items: parameter.itemKind) else {
      let items = parameter.itemKind.map { " of " + ($0 == .int ? "integers" : $0 == .float ? "numbers" : "values") } ?? ""
      diagnostics.append(
        Diagnostic(
          id: "type", "`-p \(assignment)`: `\(name)` wants \(parameter.kind.noun)\(parameter.kind == .list ? items : "")", at: nil,
          notes: [.init(label: "declared", text: parameter.nameRange.place.description)]))
      return
    }
    keep(value, parameter, nil, shown: text)
  }

  private mutating func keep(_ value: Literal, _ parameter: ParameterDeclaration, _ place: Place?, shown: String) {
    if !parameter.choices.isEmpty, !parameter.choices.contains(value) {
      diagnostics.append(
        Diagnostic(
          id: "choice", "the parameter `\(parameter.name)` cannot be `\(shown)`", at: place,
          help: "one of: " + parameter.choices.map(\.yaml).joined(separator: " "),
          notes: [.init(label: "declared", text: parameter.nameRange.place.description)]))
      return
    }
    values[parameter.name] = value
  }

  private mutating func unknown(_ name: String, _ place: Place?) {
    let names = document.parameters.map(\.name)
    let meant = Suggestion.nearest(to: name, in: names).map { "did you mean `\($0)`?" }
    let help = names.isEmpty ? "the manifest declares no `params`" : "it has " + names.joined(separator: ", ")
    diagnostics.append(
      Diagnostic(
        id: "unknown-parameter", "the manifest has no parameter `\(name)`", at: place, label: place == nil ? "" : meant ?? "",
        help: place == nil ? meant ?? help : meant == nil ? help : nil))
  }
}

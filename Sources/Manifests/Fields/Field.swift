public import Diagnostics

/// A field of the manifest language: its name, type, default and one sentence about it.
public struct Field: Sendable {
  /// What of the field enters a task's key.
  public enum Keying: String, Sendable {
    /// The value.
    case value
    /// The digest of the content behind the path or reference.
    case content
    /// Nothing: an output path, an execution setting, a description.
    case none
  }

  public let name: String
  public let type: FieldType
  public let isRequired: Bool
  /// The value when the field is left out; it then stays out of keys.
  public let defaultValue: Literal?
  /// What stands in the reference when the default is not a value: "by extension".
  public let defaultNote: String?
  /// One sentence.
  public let doc: String
  /// One line of YAML.
  public let example: String
  public let keying: Keying
  /// Known, not built yet: using it is an error that says so.
  public let isPlanned: Bool
  /// Words that people try; only for "did you mean".
  public let alsoCalled: [String]

  public init(
    _ name: String, _ type: FieldType, required: Bool = false, default defaultValue: Literal? = nil, defaultNote: String? = nil,
    keying: Keying = .value, planned: Bool = false, alsoCalled: [String] = [], doc: String, example: String
  ) {
    self.name = name
    self.type = type
    self.isRequired = required
    self.defaultValue = defaultValue
    self.defaultNote = defaultNote
    self.doc = doc
    self.example = example
    self.keying = keying
    self.isPlanned = planned
    self.alsoCalled = alsoCalled
  }
}

extension Field {
  /// The same, not required.
  var optional: Field {
    Field(
      name, type, default: defaultValue, defaultNote: defaultNote, keying: keying, planned: isPlanned, alsoCalled: alsoCalled, doc: doc,
      example: example)
  }
}

/// The fields that a mapping may have.
public final class FieldSet: Sendable {
  /// What ties fields together.
  public enum Rule: Sendable {
    /// One of these and only one.
    case exactlyOne([String])
    /// Not two of these.
    case atMostOne([String])
    /// One of these or more.
    case atLeastOne([String])
    /// All of these or none.
    case together([String])
  }

  /// Looks at what was read, and says what is wrong with it.
  public typealias Check = @Sendable (FieldValues, inout [Diagnostic]) -> Void

  /// What has these fields, as messages name it: "assemble", "a message", "`split`".
  public let subject: String
  public let fields: [Field]
  public let rules: [Rule]
  /// Runs once when the mapping is read; what waits for evaluation is `.unevaluated`.
  public let shape: Check?
  /// Runs once all values are evaluated.
  public let check: Check?
  let indexByName: [String: Int]
  /// One bit per required field.
  let requiredMask: UInt64
  /// Checked once: a manifest of ten thousand stages asks for them a hundred thousand times.
  let defaults: [FieldValue?]

  public init(_ subject: String, _ fields: [Field], rules: [Rule] = [], shape: Check? = nil, check: Check? = nil) {
    self.subject = subject
    self.fields = fields
    self.rules = rules
    self.shape = shape
    self.check = check
    precondition(fields.count <= 64, "a set of seen fields is one word")
    requiredMask = fields.indices.reduce(0) { fields[$1].isRequired ? $0 | 1 << UInt64($1) : $0 }
    var index: [String: Int] = [:]
    for (at, field) in fields.enumerated() {
      precondition(index.updateValue(at, forKey: field.name) == nil, "a field is declared once")
    }
    self.indexByName = index
    defaults = fields.map { field in
      guard let literal = field.defaultValue else { return nil }
      var diagnostics: [Diagnostic] = []
      let value = FieldReader.check(literal, field.type, name: field.name, node: nil, diagnostics: &diagnostics)
      precondition(diagnostics.isEmpty && value != nil, "the default of `\(field.name)` of \(subject) fits its type")
      return value
    }
  }

  public func field(_ name: String) -> Field? { indexByName[name].map { fields[$0] } }

  /// The names, for messages: "`max`, `backoff` and `on_exit`".
  var summary: String {
    let names = fields.map { "`\($0.name)`" }
    if names.count > 6 { return names.prefix(5).joined(separator: ", ") + ", …" }
    guard let last = names.last, names.count > 1 else { return names.first ?? "no fields" }
    return names.dropLast().joined(separator: ", ") + " and " + last
  }

  /// The field that somebody meant who wrote `name`.
  func suggestion(for name: String) -> String? {
    let lowered = name.lowercased()
    if let field = fields.first(where: { $0.alsoCalled.contains(lowered) }) { return field.name }
    return Suggestion.nearest(to: name, in: fields.map(\.name))
  }
}

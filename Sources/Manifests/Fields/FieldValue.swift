public import Diagnostics

/// A value that was read for a field, with the place where it stands.
public struct FieldValue: Sendable {
  public enum Form: Sendable {
    /// A scalar (or, for a field of type `any`, only a scalar too: lists and mappings are `.list` and `.map`).
    case literal(Literal)
    case milliseconds(Int)
    case byteCount(Int)
    /// An edge of the graph.
    case reference(StageReference)
    /// The source of a row expression, a check or a row template. Its `${…}` are operands; `Engine` compiles it with `Templates`.
    case source(Interpolated)
    /// Waits for the evaluation of its `${…}`; is then checked against the type.
    case unevaluated(Interpolated, FieldType)
    case list([FieldValue])
    case map([Entry])
    case record(FieldValues)
  }

  /// An entry of a mapping in the order written.
  public struct Entry: Sendable {
    public let key: String
    /// Nil when the entry was made from a default or an evaluated value.
    public let keyNode: Node?
    public let value: FieldValue
  }

  public let form: Form
  /// What was written; nil for defaults and for values that an expression gave inside a list or mapping.
  public let node: Node?

  public init(_ form: Form, node: Node?) {
    self.form = form
    self.node = node
  }

  public var range: SourceRange? { node?.range }

  public var string: String? {
    switch form {
    case .literal(.string(let text)): text
    case .source(let source): source.text
    default: nil
    }
  }
  public var int: Int? { if case .literal(.int(let value)) = form { value } else { nil } }
  /// An integer counts as a number.
  public var double: Double? {
    switch form {
    case .literal(.float(let value)): value
    case .literal(.int(let value)): Double(value)
    default: nil
    }
  }
  public var bool: Bool? { if case .literal(.bool(let value)) = form { value } else { nil } }
  public var milliseconds: Int? { if case .milliseconds(let value) = form { value } else { nil } }
  public var byteCount: Int? { if case .byteCount(let value) = form { value } else { nil } }
  public var reference: StageReference? { if case .reference(let value) = form { value } else { nil } }
  public var source: Interpolated? { if case .source(let value) = form { value } else { nil } }
  public var list: [FieldValue]? { if case .list(let values) = form { values } else { nil } }
  public var map: [Entry]? { if case .map(let entries) = form { entries } else { nil } }
  public var record: FieldValues? { if case .record(let values) = form { values } else { nil } }
  /// The texts of a list of texts.
  public var strings: [String]? { list?.compactMap(\.string) }

  /// Whether some `${…}` inside (other than operands of expressions and templates) waits for evaluation.
  public var isEvaluated: Bool {
    switch form {
    case .unevaluated: false
    case .source(let source): !source.hasExpressions
    case .list(let values): values.allSatisfy(\.isEvaluated)
    case .map(let entries): entries.allSatisfy(\.value.isEvaluated)
    case .record(let values): values.isEvaluated
    default: true
    }
  }

  /// The value without its places, as keys and comparisons use it. A source text is its text; nil while something is unevaluated.
  ///
  /// A source whose operands are not scalars has no text; encode its `parts` instead.
  public var literal: Literal? {
    switch form {
    case .literal(let value): return value
    case .milliseconds(let value), .byteCount(let value): return .int(value)
    case .reference(let reference): return .reference(reference)
    case .source(let source): return source.text.map { .string($0) }
    case .unevaluated: return nil
    case .list(let values):
      let literals = values.compactMap(\.literal)
      return literals.count == values.count ? .list(literals) : nil
    case .map(let entries):
      let literals = entries.compactMap { entry in entry.value.literal.map { Literal.Entry(entry.key, $0) } }
      return literals.count == entries.count ? .map(literals) : nil
    case .record(let values): return values.literal
    }
  }

  /// Whether a text or a key inside, as it was written, holds the word.
  func mentions(_ word: String) -> Bool {
    switch form {
    case .literal(let literal): literal.mentions(word)
    case .unevaluated(let text, _), .source(let text):
      text.parts.contains { part in
        switch part {
        case .text(let text, _): text.contains(word)
        case .value(let literal, _): literal.mentions(word)
        case .expression: false
        }
      }
    case .list(let values): values.contains { $0.mentions(word) }
    case .map(let entries): entries.contains { $0.key == word || $0.value.mentions(word) }
    case .record(let values): values.mentions(word)
    default: false
    }
  }

  /// Calls `body` for this value and all inside it, outer ones first.
  public func visit(_ body: (FieldValue) -> Void) {
    body(self)
    switch form {
    case .list(let values): for value in values { value.visit(body) }
    case .map(let entries): for entry in entries { entry.value.visit(body) }
    case .record(let values): values.visit(body)
    default: break
    }
  }
}

/// What was read for a `FieldSet`: the fields that were written, typed; defaults for the rest.
///
/// How `Engine` and kinds use it: `FieldReader` makes it from nodes; `evaluated(_:_:)` evaluates what waits for it and checks again,
/// once per case of a matrix; a kind's `init` then takes out what it needs with the accessors below.
public struct FieldValues: Sendable {
  public let set: FieldSet
  /// The mapping; nil when it stands for a shorthand or a default.
  public let node: Node?
  var written: [Written]

  struct Written: Sendable {
    var field: Int
    var key: Node?
    var value: FieldValue
  }

  init(set: FieldSet, node: Node?, written: [Written] = []) {
    self.set = set
    self.node = node
    self.written = written
  }

  /// Nothing written: every field at its default.
  public init(defaultsOf set: FieldSet) { self.init(set: set, node: nil) }

  /// The value of a field: as written, else its default, else nil.
  public subscript(name: String) -> FieldValue? {
    guard let index = set.indexByName[name] else { preconditionFailure("\(set.subject) declares no field `\(name)`") }
    // By place: a value is large, and the wrong ones are not copied.
    for at in written.indices where written[at].field == index { return written[at].value }
    return set.defaults[index]
  }

  /// The same for a field that the set may not have.
  public func value(ifDeclared name: String) -> FieldValue? {
    guard let index = set.indexByName[name] else { return nil }
    for at in written.indices where written[at].field == index { return written[at].value }
    return set.defaults[index]
  }

  /// Whether the field was written.
  public func isWritten(_ name: String) -> Bool {
    written.contains { set.fields[$0.field].name == name }
  }

  /// The fields that were written, in the order of their declaration.
  public var writtenFields: [(field: Field, value: FieldValue)] {
    written.sorted { $0.field < $1.field }.map { (set.fields[$0.field], $0.value) }
  }

  /// The fields that belong into a key: written, and with another value than the default.
  public var keyedFields: [(field: Field, value: FieldValue)] {
    written.sorted { $0.field < $1.field }.compactMap { item in
      let field = set.fields[item.field]
      if field.keying == .none { return nil }
      // What is not evaluated yet is not known to be the default.
      if let common = set.defaults[item.field]?.literal, item.value.literal == common { return nil }
      return (field, item.value)
    }
  }

  /// Where a field's name stands, else the whole mapping.
  public func range(of name: String) -> SourceRange? {
    written.first { set.fields[$0.field].name == name }?.key?.range ?? node?.range
  }

  public func string(_ name: String) -> String? { self[name]?.string }
  public func int(_ name: String) -> Int? { self[name]?.int }
  public func double(_ name: String) -> Double? { self[name]?.double }
  public func bool(_ name: String) -> Bool? { self[name]?.bool }
  public func milliseconds(_ name: String) -> Int? { self[name]?.milliseconds }
  public func byteCount(_ name: String) -> Int? { self[name]?.byteCount }
  public func list(_ name: String) -> [FieldValue] { self[name]?.list ?? [] }
  public func strings(_ name: String) -> [String] { self[name]?.strings ?? [] }
  public func map(_ name: String) -> [FieldValue.Entry] { self[name]?.map ?? [] }
  public func record(_ name: String) -> FieldValues? { self[name]?.record }
  public func source(_ name: String) -> Interpolated? { self[name]?.source }

  public var isEvaluated: Bool { written.allSatisfy(\.value.isEvaluated) }

  /// The written fields without their places.
  public var literal: Literal? {
    var out: [Literal.Entry] = []
    for (field, value) in writtenFields {
      guard let literal = value.literal else { return nil }
      out.append(Literal.Entry(field.name, literal))
    }
    return .map(out)
  }

  /// Whether what was written names a column: as a field, as a key, or inside a text, which may be an expression.
  public func mentions(_ column: String) -> Bool {
    written.contains { set.fields[$0.field].name == column || $0.value.mentions(column) }
  }

  /// Calls `body` for every value inside, outer ones first.
  public func visit(_ body: (FieldValue) -> Void) {
    for written in written { written.value.visit(body) }
  }

  /// Every stage that is named inside, with its place.
  public var references: [(reference: StageReference, range: SourceRange?)] {
    var found: [(reference: StageReference, range: SourceRange?)] = []
    visit { value in
      switch value.form {
      case .reference(let reference): found.append((reference, value.range))
      case .unevaluated(let text, _), .source(let text):
        for expression in text.expressions {
          if let reference = expression.reference { found.append((reference, expression.range)) }
        }
      default: break
      }
    }
    return found
  }
}

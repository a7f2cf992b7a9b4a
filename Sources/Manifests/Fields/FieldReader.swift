public import Diagnostics

/// Reads nodes against declared fields and collects every problem in one go.
public struct FieldReader {
  public var diagnostics: [Diagnostic] = []

  public init() {}

  /// What a value is read for, as messages name it.
  struct Subject {
    var name: String
    var isItem = false
    /// The key, where a message about an empty value points.
    var key: Node?
    /// The mapping around, where a dependent type looks for the field it depends on.
    var parent: Node?
    /// A whole file or mapping, whose name is a phrase: "a manifest".
    var isPhrase = false

    var text: String { isPhrase ? name : isItem ? "each item of `\(name)`" : "`\(name)`" }

    static func phrase(_ name: String) -> Subject { Subject(name: name, isPhrase: true) }
    var item: Subject { Subject(name: name, isItem: true, key: nil, parent: nil) }
  }

  /// Reads a mapping with the fields of `set`.
  ///
  /// - Parameter owner: where a missing field is reported: the name of the stage. Without it, the start of the mapping.
  public mutating func read(_ node: Node, as set: FieldSet, owner: SourceRange? = nil) -> FieldValues {
    read(node, as: [set], owner: owner)[0]
  }

  /// Reads a mapping whose fields belong to several sets, of which the first names the mapping in messages.
  public mutating func read(_ node: Node, as sets: [FieldSet], owner: SourceRange? = nil) -> [FieldValues] {
    read(node, as: sets, owner: owner, skipping: [], ignoringExtensions: false)
  }

  /// - Parameters:
  ///   - skipping: fields that somebody else reads; they only have to be there.
  ///   - ignoringExtensions: whether `x-…` is no unknown field.
  mutating func read(
    _ node: Node, as sets: [FieldSet], owner: SourceRange?, skipping: Set<String>, ignoringExtensions: Bool
  ) -> [FieldValues] {
    var values = sets.map { FieldValues(set: $0, node: node) }
    guard node.isMapping else {
      if !node.isPoisoned { mismatch(node, .phrase(sets[0].subject), "a mapping with " + sets[0].summary, help: nil) }
      return values
    }
    // One bit per field: most mappings are small, and a stage is read ten thousand times.
    var seen = [UInt64](repeating: 0, count: sets.count)
    for at in sets.indices { values[at].written.reserveCapacity(min(node.count, sets[at].fields.count)) }
    for at in 0..<node.count {
      let (key, value) = node.entry(at)
      let name = key.scalar
      guard let (owner, index) = FieldReader.find(name, sets) else {
        if key.isPoisoned || (ignoringExtensions && name.hasPrefix("x-")) { continue }
        // A field that was meant is not missing too.
        if let meant = unknownField(key, sets), let (owner, index) = FieldReader.find(meant, sets) { seen[owner] |= 1 << UInt64(index) }
        continue
      }
      seen[owner] |= 1 << UInt64(index)
      if !skipping.isEmpty, skipping.contains(name) { continue }
      let field = sets[owner].fields[index]
      if field.isPlanned {
        diagnostics.append(Diagnostic(id: "planned", "`\(name)` of \(sets[owner].subject) is planned, not built yet", at: key.range))
        continue
      }
      let subject = Subject(name: name, key: key, parent: node)
      if let read = read(value, field.type, subject) {
        values[owner].written.append(FieldValues.Written(field: index, key: key, value: read))
      }
    }
    for (at, set) in sets.enumerated() {
      reportMissing(set, node, seen[at], owner)
      // Only when every field that is there could be read: what follows from a mistake is no second one.
      guard values[at].written.count == seen[at].nonzeroBitCount else { continue }
      set.shape?(values[at], &diagnostics)
      if let check = set.check, values[at].isEvaluated { check(values[at], &diagnostics) }
    }
    return values
  }

  private static func find(_ name: String, _ sets: [FieldSet]) -> (owner: Int, field: Int)? {
    for at in sets.indices {
      if let index = sets[at].indexByName[name] { return (at, index) }
    }
    return nil
  }

  // MARK: One value

  mutating func read(_ node: Node, _ type: FieldType, _ subject: Subject) -> FieldValue? {
    if node.isPoisoned { return nil }
    if node.isNull, !FieldReader.acceptsNull(type, node) {
      let range = node.byteRange.isEmpty ? (subject.key?.range ?? node.range) : node.range
      diagnostics.append(
        Diagnostic(
          id: "empty", subject.isItem ? "an item of `\(subject.name)` is empty" : "`\(subject.name)` has no value", at: range,
          help: "it wants \(type.noun)"))
      return nil
    }
    switch type {
    case .list(let item): return readList(node, item, type, subject)
    case .oneOrMany(let item):
      if node.isSequence { return readList(node, item, type, subject) }
      if node.isScalar, let text = unevaluated(node, type, subject) { return text }
      return read(node, item, subject).map { FieldValue(.list([$0]), node: node) }
    case .map(let word, let value, let listed): return readMap(node, word, value, listed, type, subject)
    case .record(let set, let shorthand): return readRecord(node, set, shorthand, type, subject)
    case .oneOf(let types): return readAlternative(node, types, type, subject)
    case .tagged(let tag, let variants): return readTagged(node, tag, variants, type, subject)
    case .dependent(let on, let variants): return readDependent(node, on, variants, subject)
    case .any: return readAny(node, subject)
    default:
      guard node.isScalar else {
        notAScalar(node, type, subject)
        return nil
      }
      return readScalar(node, type, subject)
    }
  }

  private static func acceptsNull(_ type: FieldType, _ node: Node) -> Bool {
    switch type {
    case .any: true
    case .scalar: !node.byteRange.isEmpty
    case .template: false
    default: false
    }
  }

  private mutating func readScalar(_ node: Node, _ type: FieldType, _ subject: Subject) -> FieldValue? {
    switch type {
    case .expression, .template:
      let isTemplate = if case .template = type { true } else { false }
      guard node.scalarKind == .string || !isTemplate else { break }
      if !isTemplate { remarkComment(node) }
      let source = Interpolated(node, diagnostics: &diagnostics)
      if !isTemplate, let message = FieldReader.bracesInExpression(node.scalar) {
        diagnostics.append(
          Diagnostic(id: "expression-braces", "\(subject.text): \(message.text)", at: node.range, help: "\(subject.name): \(message.fixed)"))
        return nil
      }
      return FieldValue(.source(source), node: node)
    default: break
    }
    if let waiting = unevaluated(node, type, subject) { return waiting }
    let literal = FieldReader.literal(of: node)
    let text = Interpolated.hasDollarBrace(node.scalar) ? Interpolated(node, diagnostics: &diagnostics).text : nil
    return FieldReader.checkScalar(
      text.map { .string($0) } ?? literal, sourceText: node.scalar, type, subject, node: node, diagnostics: &diagnostics)
  }

  /// A scalar with `${…}` in it, which waits; a reference to a stage does not wait where one is wanted.
  private mutating func unevaluated(_ node: Node, _ type: FieldType, _ subject: Subject) -> FieldValue? {
    guard Interpolated.hasDollarBrace(node.scalar) else { return nil }
    var found: [Diagnostic] = []
    let text = Interpolated(node, diagnostics: &found)
    guard text.hasExpressions else {
      if !found.isEmpty { diagnostics += found }
      return found.isEmpty ? nil : FieldValue(.literal(.string(node.scalar)), node: node)
    }
    diagnostics += found
    if let reference = text.whole?.reference {
      switch type {
      case .input, .stage: return FieldValue(.reference(reference), node: node)
      case .oneOrMany(.input), .list(.input): return FieldValue(.list([FieldValue(.reference(reference), node: node)]), node: node)
      case let type where type.takesReference: break
      default:
        diagnostics.append(
          Diagnostic(
            id: "type", "\(subject.text) wants \(type.noun), found \(Literal.reference(reference).found)", at: FieldReader.shownRange(node)))
        // Something must stand here, so that the field does not count as missing.
        return FieldValue(.literal(.null), node: node)
      }
    }
    return FieldValue(.unevaluated(text, type), node: node)
  }

  /// What a plain scalar means, with the quotes considered.
  static func literal(of node: Node) -> Literal {
    switch node.scalarKind {
    case .null: return .null
    case .bool: return .bool(CoreSchema.bool(node.scalar))
    case .int: return CoreSchema.int(node.scalar).map { .int($0) } ?? .float(CoreSchema.double(node.scalar) ?? .infinity)
    case .float: return .float(CoreSchema.double(node.scalar) ?? .nan)
    case .string: return .string(node.scalar)
    }
  }

  // MARK: Collections

  private mutating func readList(_ node: Node, _ item: FieldType, _ type: FieldType, _ subject: Subject) -> FieldValue? {
    guard node.isSequence else {
      if node.isScalar, let waiting = unevaluated(node, type, subject) { return waiting }
      let help = node.isScalar ? "\(subject.name): [\(Scan.fits(node) ? node.range.string : "…")]" : nil
      mismatch(node, subject, type.noun, help: help)
      return nil
    }
    var values: [FieldValue] = []
    values.reserveCapacity(node.count)
    for at in 0..<node.count {
      if let value = read(node.item(at), item, subject.item) { values.append(value) }
    }
    return FieldValue(.list(values), node: node)
  }

  private mutating func readMap(
    _ node: Node, _ word: FieldType.Word, _ type: FieldType, _ listed: Bool, _ whole: FieldType, _ subject: Subject
  ) -> FieldValue? {
    var entries: [FieldValue.Entry] = []
    if listed, node.isSequence {
      var seen: [String: Node] = [:]
      for item in node.items {
        guard let name = read(item, .word(word), subject.item)?.string, let value = read(item, type, subject.item) else { continue }
        if let first = seen.updateValue(item, forKey: name) {
          diagnostics.append(
            Diagnostic(
              id: "duplicate", "`\(name)` is there twice in `\(subject.name)`", at: item.range, label: "second",
              secondary: [.init(place: first.range.place, label: "first")]))
          continue
        }
        entries.append(FieldValue.Entry(key: name, keyNode: item, value: value))
      }
      return FieldValue(.map(entries), node: node)
    }
    guard node.isMapping else {
      if node.isScalar, let waiting = unevaluated(node, whole, subject) { return waiting }
      mismatch(node, subject, whole.noun, help: nil)
      return nil
    }
    for at in 0..<node.count {
      let (key, value) = node.entry(at)
      if key.isPoisoned { continue }
      guard FieldReader.checkKey(key, word, subject, &diagnostics) else { continue }
      if let read = read(value, type, Subject(name: key.scalar, key: key, parent: node)) {
        entries.append(FieldValue.Entry(key: key.scalar, keyNode: key, value: read))
      }
    }
    return FieldValue(.map(entries), node: node)
  }

  static func checkKey(_ key: Node, _ word: FieldType.Word, _ subject: Subject, _ diagnostics: inout [Diagnostic]) -> Bool {
    if Interpolated.hasDollarBrace(key.scalar) {
      diagnostics.append(
        Diagnostic(
          id: "expression-in-key", "`${…}` is not evaluated in a key", at: key.range,
          help: "write the name out; `matrix` makes cases of a whole stage"))
      return false
    }
    if word.matches(key.scalar) { return true }
    diagnostics.append(
      Diagnostic(
        id: "name", "a key of \(subject.text) wants \(FieldType.word(word).noun), found \(Literal.shown(key.scalar))", at: key.range,
        help: nameHelp(key.scalar, word)))
    return false
  }

  private mutating func readRecord(_ node: Node, _ set: FieldSet, _ shorthand: String?, _ type: FieldType, _ subject: Subject) -> FieldValue? {
    if let shorthand, let field = set.field(shorthand) {
      if case .expression = field.type, node.isMapping, node.count == 1, set.indexByName[node.entry(0).key.scalar] == nil,
        set.suggestion(for: node.entry(0).key.scalar) == nil
      {
        notAScalar(node, field.type, subject)
        return nil
      }
      if !node.isMapping {
        guard let index = set.indexByName[shorthand], let value = read(node, field.type, subject) else { return nil }
        return FieldValue(
          .record(FieldValues(set: set, node: nil, written: [.init(field: index, key: nil, value: value)])), node: node)
      }
    }
    guard node.isMapping else {
      if node.isScalar, let waiting = unevaluated(node, type, subject) { return waiting }
      mismatch(node, subject, type.noun, help: nil)
      return nil
    }
    return FieldValue(.record(read(node, as: set, owner: subject.key?.range)), node: node)
  }

  private mutating func readAlternative(_ node: Node, _ types: [FieldType], _ type: FieldType, _ subject: Subject) -> FieldValue? {
    if node.isScalar, let waiting = unevaluated(node, type, subject) {
      // A template or expression takes its `${…}` as operands.
      for case .template in types {
        if FieldReader.looksLikeTemplate(node.scalar) || types.allSatisfy({ !$0.takesPlainScalar }) { return readScalar(node, .template, subject) }
      }
      if let reference = waiting.unevaluatedReference, types.contains(where: { $0.takesReference }) {
        return FieldValue(.reference(reference), node: node)
      }
      return waiting
    }
    let fitting = types.filter { $0.fits(node.shape, mappingKeys: { node.entries.map(\.key.scalar) }) }
    guard !fitting.isEmpty else {
      mismatch(node, subject, type.noun, help: nil)
      return nil
    }
    if node.isMapping {
      let keys = Set(node.entries.map(\.key.scalar))
      let best = fitting.enumerated().max { a, b in
        let (left, right) = (a.element.score(keys), b.element.score(keys))
        return left == right ? a.offset > b.offset : left < right
      }
      return best.flatMap { read(node, $0.element, subject) }
    }
    if node.isScalar, fitting.count > 1 {
      let kept = diagnostics
      if FieldReader.looksLikeTemplate(node.scalar), let template = fitting.first(where: { if case .template = $0 { true } else { false } }) {
        return read(node, template, subject)
      }
      let plain = fitting.filter(\.takesPlainScalar)
      if plain.count == 1 { return read(node, plain[0], subject) }
      for alternative in plain.isEmpty ? fitting : plain {
        let before = diagnostics.count(where: { $0.severity == .error })
        if let value = read(node, alternative, subject), diagnostics.count(where: { $0.severity == .error }) == before { return value }
        diagnostics = kept
      }
      mismatch(node, subject, type.noun, help: nil)
      return nil
    }
    return read(node, fitting[0], subject)
  }

  private mutating func readTagged(
    _ node: Node, _ tag: String, _ variants: [FieldType.Variant], _ type: FieldType, _ subject: Subject
  ) -> FieldValue? {
    guard node.isMapping else {
      mismatch(node, subject, type.noun, help: nil)
      return nil
    }
    let choices = variants.flatMap(\.when)
    guard let value = node[tag] else {
      diagnostics.append(
        Diagnostic(
          id: "missing-field", "\(subject.text) needs `\(tag)`", at: subject.key?.range ?? node.range,
          help: "\(tag): \(choices.joined(separator: ", or "))"))
      return nil
    }
    guard let variant = variants.first(where: { $0.when.contains(value.scalar) }) else {
      if !value.isPoisoned { notAChoice(value, Subject(name: tag), choices) }
      return nil
    }
    return FieldValue(.record(read(node, as: variant.fields, owner: subject.key?.range)), node: node)
  }

  private mutating func readDependent(_ node: Node, _ on: String, _ variants: [FieldType.Variant], _ subject: Subject) -> FieldValue? {
    let deciding = subject.parent?[on]
    if let word = deciding?.scalar, let variant = variants.first(where: { $0.when.contains(word) }) {
      return readRecord(node, variant.fields, nil, .record(variant.fields), subject)
    }
    // Not decided here: whatever one of the variants has is known.
    let all = FieldType.union(variants, subject: "`\(subject.name)`")
    return readRecord(node, all, nil, .record(all), subject)
  }

  private mutating func readAny(_ node: Node, _ subject: Subject) -> FieldValue? {
    switch node.shape {
    case .scalar: return readScalar(node, .any, subject)
    case .sequence: return readList(node, .any, .any, subject)
    case .mapping: return readMap(node, .column, .any, false, .any, subject)
    }
  }
}

internal import Diagnostics
internal import Engine
internal import Rows
internal import Templates

/// Compiles a stage's templates and remembers which names they read, and where.
struct TemplateNames {
  /// A name that a template reads, with the place to show.
  struct Use {
    let name: String
    /// What is asked of it: `id` in `row.id` and `row["id"]`.
    let attribute: String?
    let place: Place?
  }

  private(set) var uses: [Use] = []
  /// Whether a template includes others, whose names are not known here.
  private(set) var hasReferences = false
  /// Texts of the templates, for what only their words can tell.
  private var texts: [[UInt8]] = []

  /// The distinct names.
  var names: Set<String> { Set(uses.map(\.name)) }

  mutating func template(_ setting: Setting, _ reader: inout SettingReader) -> ValueTemplate? {
    let stage = reader.stage
    guard let template = reader.attempt({ () throws(Problems) in try stage.template(setting) }) else { return nil }
    texts.append(Array((setting.text ?? "").utf8))
    return add(template)
  }

  mutating func templateFile(_ setting: Setting, _ reader: inout SettingReader) -> ValueTemplate? {
    let stage = reader.stage
    guard let template = reader.attempt({ () throws(Problems) in try stage.templateFile(setting) }),
      let text = reader.attempt({ () throws(Problems) in try stage.file(setting, role: "template") })
    else { return nil }
    texts.append(text.bytes)
    return add(template)
  }

  mutating func expression(_ setting: Setting, _ reader: inout SettingReader) -> MessageTemplate.Condition? {
    let stage = reader.stage
    guard let expression = reader.attempt({ () throws(Problems) in try stage.expression(setting) }) else { return nil }
    let text = Array((setting.text ?? "").utf8)
    texts.append(text)
    add(expression.expression.variables, text, expression.operands.map(\.name)) { expression.place($0) }
    return MessageTemplate.Condition(expression)
  }

  private mutating func add(_ template: RowTemplate) -> ValueTemplate {
    if !template.template.references.isEmpty { hasReferences = true }
    add(template.template.variables, texts.last ?? [], template.operands.map(\.name)) { template.place($0) }
    return ValueTemplate(template)
  }

  private mutating func add(_ variables: [VariableUse], _ text: [UInt8], _ operands: [String], _ place: (Range<Int>) -> Place?) {
    // A name that is asked for with `is defined` or `default` may be missing everywhere in the template.
    let optional = Set(variables.filter { Self.toleratesMissing(text, after: $0.range.upperBound) }.map(\.name))
    for variable in variables where !operands.contains(variable.name) {
      uses.append(
        Use(
          name: variable.name, attribute: Self.attribute(text, after: variable.range.upperBound),
          place: optional.contains(variable.name) ? nil : place(variable.range)))
    }
  }

  private static func attribute(_ text: [UInt8], after offset: Int) -> String? {
    guard offset < text.count else { return nil }
    var rest = text[offset...]
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
    } else if rest.first == UInt8(ascii: "["), let quote = rest.dropFirst().first, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") {
      return String(decoding: rest.dropFirst(2).prefix { $0 != quote }, as: UTF8.self)
    } else {
      return nil
    }
    return String(decoding: rest.prefix { $0 == 0x5F || $0 >= 0x80 || (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) }, as: UTF8.self)
  }

  private static func toleratesMissing(_ text: [UInt8], after offset: Int) -> Bool {
    guard offset <= text.count else { return true }
    let rest = String(decoding: text[offset..<min(text.count, offset + 40)], as: UTF8.self).drop { $0 == " " }
    if rest.hasPrefix("is") {
      return rest.dropFirst(2).drop { $0 == " " }.replacing("not ", with: "").drop { $0 == " " }.hasPrefix("defined") || rest.contains("is undefined")
    }
    guard rest.hasPrefix("|") else { return false }
    let filter = rest.dropFirst().drop { $0 == " " }
    return filter.hasPrefix("default") || filter.hasPrefix("d(")
  }

  /// Whether a word occurs in a template that reads `labels`; every word when a template includes others.
  func mentions(_ word: String) -> Bool {
    if hasReferences { return true }
    let wanted = Array(word.utf8)
    return texts.contains { Self.contains($0, wanted) }
  }

  private static func contains(_ text: [UInt8], _ wanted: [UInt8]) -> Bool {
    guard text.count >= wanted.count else { return false }
    return (0...(text.count - wanted.count)).contains { at in text[at] == wanted[0] && text[at..<(at + wanted.count)].elementsEqual(wanted) }
  }
}

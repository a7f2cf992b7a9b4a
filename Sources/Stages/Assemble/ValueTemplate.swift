internal import Diagnostics
internal import Engine
internal import Rows
internal import Templates

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// What templates see while one example is made: the row, and names laid over it.
struct RowScope {
  let renderer: Renderer
  let fields: RowView
  let parent: RowParent
  var names: Bindings

  var row: UnsafeRawBufferPointer { fields.row }
}

/// A row template that may also stand for a value: one that is exactly one `{{ x }}`.
final class ValueTemplate: Sendable {
  let source: RowTemplate
  private let operands: [(name: String, value: Value)]
  private let single: Expression?
  /// The column that it is, when it is nothing else: the name, and the name as it stands in rows.
  private let column: (name: [UInt8], token: [UInt8])?
  /// Its text as JSON, when it is the same for every row.
  private let constant: [UInt8]?
  /// Whether its value comes from the element of `each`: then a value that is not there leaves the field out.
  let isOfItem: Bool

  init(_ source: RowTemplate) {
    self.source = source
    operands = source.operands.map { ($0.name, Value(json: $0.json) ?? .none) }
    single = source.template.singleExpression
    column = source.operands.isEmpty ? single?.plainName.map { (Array($0.utf8), JSONText.quoted($0)) } : nil
    constant = Self.constant(source)
    isOfItem = single?.paths.contains { $0.parts.first == "item" } ?? false
  }

  /// The text of a template that reads nothing. One that fails is left to the first row, which has a place for the error.
  private static func constant(_ source: RowTemplate) -> [UInt8]? {
    guard source.operands.isEmpty, source.template.variables.isEmpty, source.template.references.isEmpty else { return nil }
    guard let text = try? Renderer().string(source.template) else { return nil }
    return JSONText.quoted(text)
  }

  /// The names it reads.
  var names: [VariableUse] { source.template.variables }

  /// Gives the rendered text to `take`.
  func render(_ scope: RowScope, _ take: (UnsafeRawBufferPointer) -> Void) throws(TaskFailure) {
    do throws(TemplateError) {
      take(try scope.renderer.render(source.template, row: scope.row, extra: names(scope)))
    } catch { throw TemplateFailure.make(error, place: source.diagnostic(error), names: names, scope) }
  }

  /// Appends the rendered text as a JSON string.
  func appendText(_ scope: RowScope, to out: inout [UInt8]) throws(TaskFailure) {
    if let constant { return out += constant }
    do throws(TemplateError) {
      JSONText.append(try scope.renderer.render(source.template, row: scope.row, extra: names(scope)), to: &out)
    } catch { throw TemplateFailure.make(error, place: source.diagnostic(error), names: names, scope) }
  }

  /// The rendered text.
  func text(_ scope: RowScope) throws(TaskFailure) -> String {
    var text = ""
    try render(scope) { text = String(decoding: $0, as: UTF8.self) }
    return text
  }

  /// The value itself; nil when the template is more than one expression.
  func value(_ scope: RowScope) throws(TaskFailure) -> Value? {
    guard let single else { return nil }
    do throws(TemplateError) {
      return try scope.renderer.evaluate(single, row: scope.row, extra: names(scope))
    } catch {
      // The expression was cut out of the template; the template itself says where the fault is.
      try render(scope) { _ in }
      throw TemplateFailure.make(error, place: source.diagnostic(error), names: names, scope)
    }
  }

  /// Appends what a `content` (or `chosen`, `rejected`) is: a text, or a list of parts when the value is one.
  /// - Returns: false when there is none: a null or missing field of `item`.
  func appendContent(_ scope: RowScope, of what: String, to out: inout [UInt8]) throws(TaskFailure) -> Bool {
    // A text without escapes stands in the row as it will stand in the message.
    if let column, !scope.names.binds(column.name), let text = scope.fields.value(column.token), text[0] == UInt8(ascii: "\""),
      memchr(text.baseAddress!, Int32(UInt8(ascii: "\\")), text.count) == nil
    {
      out.append(contentsOf: text)
      return true
    }
    if let value = try value(scope) {
      switch value.kind {
      case .none, .undefined:
        if isOfItem { return false }
        // A missing name is an error of its own, with its own words, unless the stage is lenient.
        if value.isNone { throw nullFailure(of: what, scope) }
      case .string:
        (value.utf8 ?? []).withUnsafeBytes { JSONText.append($0, to: &out) }
        return true
      case .list where value.array?.allSatisfy({ $0.kind == .dict }) == true:
        if value.appendJSON(to: &out) { return true }
      default: break
      }
    }
    try appendText(scope, to: &out)
    return true
  }

  /// Appends a list: of tool calls, of tools.
  /// - Returns: false when there is none: a null or missing field of `item`.
  func appendList(_ scope: RowScope, of what: String, to out: inout [UInt8]) throws(TaskFailure) -> Bool {
    var json: [UInt8] = []
    if let value = try value(scope) {
      if isOfItem, value.isNone || value.isUndefined { return false }
      if value.kind == .list, value.appendJSON(to: &json) {
        out += json
        return true
      }
      if value.isNone { throw nullFailure(of: what, scope) }
    }
    // A text that holds a list, as `tojson` makes it.
    var isList = false
    try render(scope) { text in
      do {
        try JSONValidator.appendValue(text, to: &json)
        isList = json.first == UInt8(ascii: "[")
      } catch { isList = false }
    }
    guard isList else {
      throw TaskFailure(
        id: "template", message: "`\(what)` is not a list", place: place("`\(what)` is not a list", label: "this gives no list"), rows: [scope.parent],
        help: "a template that is one {{ x }} gives the list itself; `tojson` makes its text")
    }
    out += json
    return true
  }

  private func names(_ scope: RowScope) -> Bindings {
    guard !operands.isEmpty else { return scope.names }
    var names = scope.names
    for operand in operands { names[operand.name] = operand.value }
    return names
  }

  private func nullFailure(of what: String, _ scope: RowScope) -> TaskFailure {
    let name = single?.paths.first?.text ?? "the value"
    return TaskFailure(
      id: "template", message: "`\(what)` is null", place: place("`\(what)` is null", label: "`\(name)` is null in this row"), rows: [scope.parent],
      help: "leave the message out with `when: \(name) is not none`, or say what stands for nothing: {{ \(name) or \"\" }}")
  }

  private func place(_ message: String, label: String) -> Diagnostic? {
    source.range.map { Diagnostic(.error, id: "template", message, at: $0.place, label: label) }
  }
}

/// What a template's error means for a row.
enum TemplateFailure {
  static func make(_ error: TemplateError, place: Diagnostic, names: [VariableUse], _ scope: RowScope) -> TaskFailure {
    var place = place
    var help: String?
    if let null = nullName(error, names, scope) {
      place.label = "`\(null)` is null in this row"
      help = "a row without a match in a join (`how: left`) has null there, as has an empty cell: {{ (\(null) or \"none\") }}"
    } else if let missing = error.undefinedName, place.label.isEmpty, names.contains(where: { $0.name == missing }) {
      let columns = JSONView(scope.row).fields.map(\.name)
      let near = Suggestion.label(for: missing, in: columns)
      place.label = near.isEmpty ? "no column, label or var is called `\(missing)`" : near
      help = "a column that only some rows have: {{ \(missing) | default(\"\") }}"
    }
    return TaskFailure(id: "template", message: error.message, place: place, rows: [scope.parent], help: help)
  }

  /// The name nearest to the fault whose value in this row is null.
  private static func nullName(_ error: TemplateError, _ names: [VariableUse], _ scope: RowScope) -> String? {
    guard error.message.contains("None") else { return nil }
    var best: (name: String, distance: Int)?
    for use in names {
      let isNull =
        scope.names[use.name]?.isNone ?? scope.fields.value(JSONText.quoted(use.name)).map { JSONView($0).isNull } ?? false
      guard isNull else { continue }
      let distance = abs(use.range.lowerBound - error.range.lowerBound)
      // Further away it is a guess.
      if distance <= 80, best.map({ distance < $0.distance }) ?? true { best = (use.name, distance) }
    }
    return best?.name
  }
}

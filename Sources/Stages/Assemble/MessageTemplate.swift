internal import Diagnostics
internal import Engine
internal import Rows
internal import Templates

/// One message of a conversation, or one that is repeated.
///
/// A class, as every row goes through all of them: a struct of this size would be copied, field by field, each time.
final class MessageTemplate: Sendable {
  static let roles = ["system", "developer", "user", "assistant", "tool"]

  enum Role: Sendable {
    case fixed(String)
    case template(ValueTemplate)
  }

  enum Content: Sendable {
    case none
    case template(ValueTemplate)
    case parts([(type: String, value: ValueTemplate)])
  }

  let role: Role
  let content: Content
  let toolCalls: ValueTemplate?
  let toolCallID: ValueTemplate?
  let weight: Int?
  let each: Condition?
  let when: Condition?

  /// An expression with its operands.
  struct Condition: Sendable {
    let source: RowExpression
    let operands: Bindings

    init(_ source: RowExpression) {
      self.source = source
      operands = Bindings(operands: source.operands)
    }

    func names(_ scope: RowScope) -> Bindings {
      var names = scope.names
      names.bind(source.operands)
      return names
    }

    func value(_ scope: RowScope) throws(TaskFailure) -> Value {
      do throws(TemplateError) {
        return try scope.renderer.evaluate(source.expression, row: scope.row, extra: names(scope))
      } catch { throw TemplateFailure.make(error, place: source.diagnostic(error), names: source.expression.variables, scope) }
    }

    func isTrue(_ scope: RowScope) throws(TaskFailure) -> Bool {
      do throws(TemplateError) {
        return try scope.renderer.isTrue(source.expression, row: scope.row, extra: names(scope))
      } catch { throw TemplateFailure.make(error, place: source.diagnostic(error), names: source.expression.variables, scope) }
    }
  }

  /// Reads a message; `names` collects what its templates read.
  init?(_ setting: Setting, _ reader: inout SettingReader, _ names: inout TemplateNames) {
    guard let written = setting["role"], let text = written.text else { return nil }
    if Self.roles.contains(text) {
      role = .fixed(text)
    } else if text.contains("{{") || text.contains("{%") {
      guard let template = names.template(written, &reader) else { return nil }
      role = .template(template)
    } else {
      reader.report(
        written.problem("role", "there is no role `\(text)`", label: Suggestion.label(for: text, in: Self.roles), help: "roles: \(Self.roles.joined(separator: ", "))"))
      return nil
    }

    if let file = setting.entry("template") {
      guard let template = names.templateFile(file, &reader) else { return nil }
      content = .template(template)
    } else if let list = setting.entry("content")?.list {
      content = .parts(list.compactMap { Self.part($0, &reader, &names) })
    } else if let text = setting.entry("content") {
      guard let template = names.template(text, &reader) else { return nil }
      content = .template(template)
    } else {
      content = .none
    }
    toolCalls = setting.entry("tool_calls").flatMap { names.template($0, &reader) }
    toolCallID = setting.entry("tool_call_id").flatMap { names.template($0, &reader) }
    // The default trains on the message anyway: only what was written is written.
    weight = setting.entry("weight").flatMap { $0.range == nil ? nil : $0.int ?? $0.text.flatMap { Int($0) } }
    each = setting.entry("each").flatMap { names.expression($0, &reader) }
    when = setting.entry("when").flatMap { names.expression($0, &reader) }
  }

  /// An answer given as a template or parts only: `chosen`, `rejected`.
  init(answer content: Content) {
    role = .fixed("assistant")
    self.content = content
    toolCalls = nil
    toolCallID = nil
    weight = nil
    each = nil
    when = nil
  }

  static func part(_ setting: Setting, _ reader: inout SettingReader, _ names: inout TemplateNames) -> (type: String, value: ValueTemplate)? {
    guard let type = setting["type"]?.text, let written = setting[type] else { return nil }
    return names.template(written, &reader).map { (type, $0) }
  }

  /// Whether it may be the assistant's.
  var mayAnswer: Bool { if case .fixed(let role) = role { role == "assistant" } else { true } }
  var isAssistant: Bool { if case .fixed("assistant") = role { true } else { false } }
  var isUser: Bool { if case .fixed("user") = role { true } else { false } }

  /// The names that its templates read.
  var names: [String] {
    var names: [String] = []
    func add(_ template: ValueTemplate?) { names += template?.names.map(\.name) ?? [] }
    if case .template(let template) = role { add(template) }
    switch content {
    case .none: break
    case .template(let template): add(template)
    case .parts(let parts): for part in parts { add(part.value) }
    }
    add(toolCalls)
    add(toolCallID)
    return names
  }

  // MARK: Rendering

  /// Appends the messages that it makes of a row, each followed by a comma if another came before.
  /// - Parameter isAnswered: whether the labels that answers read are there; an answer without them has null for content.
  func append(_ scope: RowScope, unanswered labels: Set<String>, to out: inout [UInt8]) throws(TaskFailure) {
    guard let each else { return try appendOne(scope, labels, to: &out) }
    let list = try each.value(scope)
    guard let items = list.array else {
      throw TaskFailure(
        id: "template", message: "`each` is not a list",
        place: each.source.range.map {
          Diagnostic(.error, id: "template", "`each` is not a list", at: $0.place, label: list.isNone ? "null in this row" : "a \(list.kind.rawValue) in this row")
        },
        rows: [scope.parent], help: "`each` repeats the message for the elements of a list; `when` leaves a message out")
    }
    var inner = scope
    for item in items {
      inner.names["item"] = item
      try appendOne(inner, labels, to: &out)
    }
  }

  private static let opening = Array("{\"role\":\"".utf8)

  private func appendOne(_ scope: RowScope, _ missing: Set<String>, to out: inout [UInt8]) throws(TaskFailure) {
    if let when, try !when.isTrue(scope) { return }
    let role = try roleName(scope)
    if out.last != UInt8(ascii: "[") { out.append(UInt8(ascii: ",")) }
    out += Self.opening
    out += role.utf8
    out.append(UInt8(ascii: "\""))
    if role == "assistant", !missing.isEmpty, names.contains(where: missing.contains) {
      out += ",\"content\":null".utf8
    } else {
      try appendContent(scope, to: &out)
    }
    if let toolCalls {
      let mark = out.count
      out += ",\"tool_calls\":".utf8
      if try !toolCalls.appendList(scope, of: "tool_calls", to: &out) { out.removeSubrange(mark...) }
    }
    if let toolCallID {
      let mark = out.count
      out += ",\"tool_call_id\":".utf8
      if try !toolCallID.appendContent(scope, of: "tool_call_id", to: &out) { out.removeSubrange(mark...) }
    }
    if let weight { out += ",\"weight\":\(weight)".utf8 }
    out.append(UInt8(ascii: "}"))
  }

  private func appendContent(_ scope: RowScope, to out: inout [UInt8]) throws(TaskFailure) {
    switch content {
    case .none: return
    case .template(let template):
      let mark = out.count
      out += ",\"content\":".utf8
      if try !template.appendContent(scope, of: "content", to: &out) { out.removeSubrange(mark...) }
    case .parts(let parts):
      out += ",\"content\":[".utf8
      for (index, part) in parts.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        out += "{\"type\":\"\(part.type)\",\"\(part.type)\":".utf8
        try part.value.appendText(scope, to: &out)
        out.append(UInt8(ascii: "}"))
      }
      out.append(UInt8(ascii: "]"))
    }
  }

  private func roleName(_ scope: RowScope) throws(TaskFailure) -> String {
    switch role {
    case .fixed(let role): return role
    case .template(let template):
      let role = try template.text(scope)
      guard Self.roles.contains(role) else {
        throw TaskFailure(
          id: "template", message: "there is no role `\(role.prefix(40))`",
          place: template.source.range.map {
            Diagnostic(.error, id: "template", "there is no role `\(role.prefix(40))`", at: $0.place, label: Suggestion.label(for: role, in: Self.roles))
          },
          rows: [scope.parent], help: "roles: \(Self.roles.joined(separator: ", "))")
      }
      return role
    }
  }
}

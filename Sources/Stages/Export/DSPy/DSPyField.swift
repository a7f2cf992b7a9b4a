internal import Diagnostics
internal import Engine
internal import Rows

/// An input or output of a DSPy signature, made from a slot of a prompt-template file.
struct DSPyField: Sendable {
  let name: String
  /// The row's column that holds it.
  let column: String
  let token: [UInt8]
  /// JSON Schema's word.
  let type: String
  /// The Python annotation, without `Optional`.
  let annotation: String
  let isOptional: Bool
  let description: String?
  /// The only values, as JSON; empty when open.
  let choices: [[UInt8]]
  let range: SourceRange?

  init(_ entry: Setting.Entry, _ reader: inout SettingReader) {
    let slot = entry.setting
    name = entry.name
    column = slot.entry("from")?.text ?? entry.name
    token = JSONText.quoted(column)
    type = slot.entry("type")?.text ?? "string"
    annotation = Self.annotation(of: slot, named: entry, &reader)
    isOptional = slot.entry("optional")?.bool ?? false
    description = slot.entry("desc")?.text
    choices = slot.entry("enum")?.oneOrMany.compactMap(\.json) ?? []
    range = entry.nameRange
  }

  /// What DSPy writes before the field in a program's state: the name in title case and a colon.
  var prefix: String { DSPyNames.prefix(of: name) + ":" }

  /// How the field stands in a program's state.
  var state: [UInt8] { Self.state(prefix: prefix, description: description ?? "${\(name)}") }

  static func state(prefix: String, description: String) -> [UInt8] {
    Array("{\"prefix\":".utf8) + JSONText.quoted(prefix) + Array(",\"description\":".utf8) + JSONText.quoted(description) + [UInt8(ascii: "}")]
  }

  /// The value in a row: nil when it is missing or null.
  func value(in row: UnsafeRawBufferPointer) -> JSONView? {
    JSONBytes.field(token, of: row).map(JSONView.init).flatMap { $0.isNull ? nil : $0 }
  }

  /// The value in a row, checked; nil when it may be missing and is.
  func checked(in row: UnsafeRawBufferPointer, as role: String) throws(ExportFormat.LineFault) -> JSONView? {
    guard let value = value(in: row) else {
      if isOptional { return nil }
      let isNull = JSONBytes.field(token, of: row) != nil
      throw ExportFormat.LineFault(
        message: "the \(role) `\(name)` has no value: \(isNull ? "`\(column)` is null" : "the row has no column `\(column)`")",
        help: "\(name): { optional: true } lets it be missing; `from:` names a column of another name")
    }
    guard value.fits(schemaType: type) else {
      throw ExportFormat.LineFault(
        message: "the \(role) `\(name)` wants `\(type)`, and `\(column)` is `\(value.text.prefix(40))`",
        help: "cells of a CSV file are texts until `columns: { \(column): { from: \(column), type: int } }` says otherwise")
    }
    guard choices.isEmpty || choices.contains(where: { $0.elementsEqual(value.bytes) }) else {
      let all = choices.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ", ")
      throw ExportFormat.LineFault(
        message: "`\(value.text.prefix(40))` is none of the choices of the \(role) `\(name)`", help: "choices: \(all)")
    }
    return value
  }

  // MARK: Python

  private static func annotation(of slot: Setting, named entry: Setting.Entry, _ reader: inout SettingReader) -> String {
    if let choices = slot.entry("enum") {
      var literals: [String] = []
      for choice in choices.oneOrMany {
        switch choice.value {
        case .text(let text): literals.append(DSPyCode.literal(text))
        case .int(let int): literals.append(String(int))
        case .bool(let bool): literals.append(bool ? "True" : "False")
        case .null: literals.append("None")
        case .double, .list, .map, .stages:
          reader.report(
            choice.problem(
              "dspy", "Python's `Literal` takes texts, whole numbers and booleans, not this choice of `\(entry.name)`",
              help: "leave `enum` out and say `type: number`"))
        }
      }
      return "Literal[\(literals.joined(separator: ", "))]"
    }
    switch slot.entry("type")?.text ?? "string" {
    case "integer": return "int"
    case "number": return "float"
    case "boolean": return "bool"
    case "object": return "dict[str, Any]"
    case "array":
      guard let items = slot.entry("items"), items.map != nil else { return "list[Any]" }
      return "list[\(annotation(of: items, named: entry, &reader))]"
    default: return "str"
    }
  }

  /// The line of a signature class.
  func line(role: String) -> String {
    var arguments: [String] = []
    if let description { arguments.append("desc=\(DSPyCode.literal(description))") }
    if isOptional, role == "InputField" { arguments.append("default=None") }
    return "    \(name): \(isOptional ? "Optional[\(annotation)]" : annotation) = dspy.\(role)(\(arguments.joined(separator: ", ")))\n"
  }
}

internal import Diagnostics
internal import Engine
internal import Rows
internal import Templates

/// The inputs and outputs that a prompt-template file declares: which columns it reads, and what they must be.
struct PromptSignature: Sendable {
  struct Input: Sendable {
    let name: String
    let column: String
    let token: [UInt8]
    let type: String?
    let isOptional: Bool
    let range: SourceRange?
  }

  struct Output: Sendable {
    let name: String
    let token: [UInt8]
    let choices: [[UInt8]]
    let range: SourceRange?
  }

  private(set) var inputs: [Input] = []
  private(set) var outputs: [Output] = []

  init() {}

  init(_ file: Setting) {
    for entry in file.entry("inputs")?.map ?? [] {
      let column = entry.setting.entry("from")?.text ?? entry.name
      inputs.append(
        Input(
          name: entry.name, column: column, token: JSONText.quoted(column), type: entry.setting.entry("type")?.text,
          isOptional: entry.setting.entry("optional")?.bool ?? false, range: entry.nameRange))
    }
    for entry in file.entry("outputs")?.map ?? [] {
      let choices = entry.setting.entry("enum")?.oneOrMany.compactMap(\.json) ?? []
      outputs.append(Output(name: entry.name, token: JSONText.quoted(entry.name), choices: choices, range: entry.nameRange))
    }
  }

  /// Checks the inputs of a row and lays those that have another name over it.
  /// - Parameter provided: names that something else than the row provides.
  func bind(_ scope: inout RowScope, provided: Set<String>) throws(TaskFailure) {
    for input in inputs where !provided.contains(input.name) {
      guard let value = scope.fields.value(input.token).map(JSONView.init), !value.isNull else {
        guard input.isOptional else {
          let isNull = scope.fields.value(input.token) != nil
          throw failure(
            "the input `\(input.name)` has no value: \(isNull ? "`\(input.column)` is null" : "the row has no column `\(input.column)`")", input.range, scope,
            "\(input.name): { optional: true } lets it be missing; `from:` names a column of another name")
        }
        scope.names[input.name] = Value.none
        continue
      }
      if let type = input.type, !value.fits(schemaType: type) {
        throw failure(
          "the input `\(input.name)` wants `\(type)`, and `\(input.column)` is `\(value.text.prefix(40))`", input.range, scope,
          "cells of a CSV file are texts until `columns: { \(input.column): { from: \(input.column), type: int } }` says otherwise")
      }
      if input.name != input.column { scope.names[input.name] = Value(json: Array(value.bytes)) }
    }
  }

  /// Checks an answer against the choices of its output.
  func check(_ name: String, _ label: [UInt8], _ scope: RowScope) throws(TaskFailure) {
    guard let output = outputs.first(where: { $0.name == name }), !output.choices.isEmpty, !output.choices.contains(label) else { return }
    let choices = output.choices.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ", ")
    throw failure(
      "`\(String(decoding: label, as: UTF8.self))` is none of the choices of the output `\(name)`", output.range, scope, "choices: \(choices)")
  }

  private func failure(_ message: String, _ range: SourceRange?, _ scope: RowScope, _ help: String) -> TaskFailure {
    TaskFailure(
      id: "prompt-input", message: message, place: range.map { Diagnostic(.error, id: "prompt-input", message, at: $0.place) }, rows: [scope.parent],
      help: help)
  }
}

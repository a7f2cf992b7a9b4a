internal import Rows

/// What the embedded classifier sees of a row: the same in training and in prediction.
enum ClassifierText {
  /// The texts of some columns; without columns, what stands in the messages before the answer (the last assistant message).
  ///
  /// A string is its characters, null and a missing column are empty, anything else is its JSON.
  static func fields(_ columns: [String], of row: UnsafeRawBufferPointer) -> [[UInt8]] {
    guard columns.isEmpty else { return columns.map { text(JSONBytes.field(JSONText.quoted($0), of: row)) } }
    guard let messages = JSONBytes.field(Self.messages, of: row).map({ JSONView($0).items }) else { return [] }
    let answer = messages.lastIndex { role($0) == "assistant" }
    return messages.indices.filter { $0 != answer }.map { index in
      guard let content = messages[index].fields.first(where: { $0.name == "content" })?.value else { return [] }
      guard content.kind == .array else { return text(content.bytes) }
      // Parts: texts one after the other, images not at all.
      return Array(content.items.compactMap { part in part.fields.first { $0.name == "text" }.map { text($0.value.bytes) } }.joined(separator: [0x0A]))
    }
  }

  /// A label as the classifier knows it: a string's characters, the JSON of anything else; nil for null and a missing column.
  static func label(_ value: UnsafeRawBufferPointer?) -> [UInt8]? {
    guard let value, !JSONView(value).isNull else { return nil }
    return text(value)
  }

  private static let messages = JSONText.quoted("messages")

  private static func role(_ message: JSONView) -> String? { message.fields.first { $0.name == "role" }?.value.string }

  private static func text(_ value: UnsafeRawBufferPointer?) -> [UInt8] {
    guard let value, !JSONView(value).isNull else { return [] }
    return JSONView(value).kind == .string ? JSONText.decoded(value) : Array(value)
  }
}

internal import Engine
internal import Rows

/// What the classifier is shown of a row, and what it is to say of it.
struct TrainingExample: Sendable {
  /// Empty for the messages before the answer.
  let features: [String]
  /// Nil for the last assistant message.
  let target: String?
  private let featureTokens: [[UInt8]]
  private let targetToken: [UInt8]

  private static let messages = JSONText.quoted("messages")

  init(features: [String], target: String?) {
    self.features = features
    self.target = target
    featureTokens = features.map { JSONText.quoted($0) }
    targetToken = JSONText.quoted(target ?? "")
  }

  /// The texts of a row. A column that is not there is a mistake in training, whatever it may be later.
  func texts(_ row: UnsafeRawBufferPointer, _ place: RowParent) throws(TaskFailure) -> [[UInt8]] {
    for (column, token) in zip(features, featureTokens) where JSONBytes.field(token, of: row) == nil {
      throw TaskFailure(
        id: "no-column", message: "the row has no column `\(column)`, which is one of the classifier's features", rows: [place],
        help: "`features` names columns of the rows")
    }
    if features.isEmpty { _ = try conversation(row, place) }
    return ClassifierText.fields(features, of: row)
  }

  /// The answer's text.
  func answer(_ row: UnsafeRawBufferPointer, _ place: RowParent) throws(TaskFailure) -> [UInt8] {
    guard let target else {
      let last = try conversation(row, place).last { $0.fields.contains { $0.name == "role" && $0.value.string == "assistant" } }
      guard let content = last?.fields.first(where: { $0.name == "content" })?.value, let label = ClassifierText.label(content.bytes) else {
        throw TaskFailure(
          id: "no-answer", message: "the row has no assistant message to learn from", rows: [place],
          help: "name the column that holds the answer: backend: { kind: classifier, target: … }")
      }
      return label
    }
    guard let value = JSONBytes.field(targetToken, of: row) else {
      throw TaskFailure(id: "no-column", message: "the row has no column `\(target)`, which is the classifier's target", rows: [place])
    }
    guard let label = ClassifierText.label(value) else {
      throw TaskFailure(
        id: "no-answer", message: "`\(target)` is null in this row: there is no answer to learn from", rows: [place],
        help: "leave such rows out: an export's gate does, or where: \"\(target) is not none\"")
    }
    return label
  }

  private func conversation(_ row: UnsafeRawBufferPointer, _ place: RowParent) throws(TaskFailure) -> [JSONView] {
    guard let list = JSONBytes.field(Self.messages, of: row), JSONView(list).kind == .array else {
      throw TaskFailure(
        id: "no-column", message: "the row has no `messages`", rows: [place],
        help: "name what the classifier sees and says: backend: { kind: classifier, features: [text], target: label }")
    }
    return JSONView(list).items
  }
}

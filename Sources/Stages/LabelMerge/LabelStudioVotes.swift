internal import Engine
internal import Rows

/// Reads votes from Label Studio's full JSON export: one task, a vote for each annotation that answers the question.
///
/// Annotations that were cancelled are left out; one that is marked as ground truth is a known answer, not a vote. Of the results of an
/// annotation the one whose `from_name` is the label type counts.
struct LabelStudioVotes: Sendable {
  /// The key of a task's `data` that names the item.
  let item: String
  /// The control of the labelling interface.
  let control: String
  let type: VotedType

  /// Whether a row is a task of such an export.
  static func isTask(_ row: UnsafeRawBufferPointer) -> Bool {
    guard let annotations = JSONBytes.field(annotations, of: row), let data = JSONBytes.field(data, of: row) else { return false }
    return JSONView(annotations).kind == .array && JSONView(data).kind == .object
  }

  /// Calls `body` with each vote of a task, or with what is wrong with it.
  /// - Returns: how many annotations answer something else, or nothing.
  func read(
    _ row: UnsafeRawBufferPointer, _ body: (Vote, VoteFault?) throws(TaskFailure) -> Void
  ) throws(TaskFailure) -> Int {
    var vote = Vote()
    guard let data = JSONBytes.field(Self.data, of: row), let annotations = JSONBytes.field(Self.annotations, of: row), Self.isTask(row) else {
      try body(
        vote,
        VoteFault(
          message: "the row is no task of a Label Studio export: it has no `data` and `annotations`", help: "export as JSON, not as JSON_MIN or CSV", isOfRow: false))
      return 0
    }
    guard let key = JSONView(data).fields.first(where: { $0.name == item })?.value, !key.isNull else {
      let names = JSONView(data).fields.map { "`\($0.name)`" }.joined(separator: ", ")
      try body(
        vote,
        VoteFault(message: "the task's `data` has no `\(item)` that names the item", help: "say which does: columns: { item: … }; `data` has \(names)", isOfRow: false))
      return 0
    }
    var passed = 0
    for annotation in JSONView(annotations).items {
      let fields = annotation.fields
      func field(_ name: String) -> JSONView? { fields.first { $0.name == name }?.value }
      if field("was_cancelled")?.bool == true {
        passed += 1
        continue
      }
      guard let value = field("result")?.items.first(where: { $0.fields.contains { $0.name == "from_name" && $0.value.string == control } }) else {
        passed += 1
        continue
      }
      vote.clear()
      TableVotes.append(key.bytes, to: &vote.item)
      vote.isGold = field("ground_truth")?.bool == true
      vote.annotator = Self.annotator(field("completed_by"))
      if let time = field("updated_at") ?? field("created_at"), let text = time.string { vote.time = Array(text.utf8) }
      var fault = label(value, into: &vote)
      if fault == nil, vote.annotator.isEmpty { fault = VoteFault(message: "an annotation has no `completed_by`: nobody can say who gave it", help: nil) }
      try body(vote, fault)
    }
    return passed
  }

  private func label(_ result: JSONView, into vote: inout Vote) -> VoteFault? {
    let kind = result.fields.first { $0.name == "type" }?.value.string ?? ""
    let values = result.fields.first { $0.name == "value" }?.value.fields ?? []
    func value(_ name: String) -> JSONView? { values.first { $0.name == name }?.value }
    switch kind {
    case "choices":
      let choices = value("choices")?.items ?? []
      guard choices.count == 1, let choice = choices.first else {
        return VoteFault(
          message: "an annotation gives \(choices.count) choices for `\(control)`, and a vote is one",
          help: "a control with `choice=\"multiple\"` is a label type of kind multi, which label-merge is planned to merge")
      }
      vote.label = Array(choice.bytes)
    case "rating", "number":
      guard let number = value(kind) else { return VoteFault(message: "a \(kind) without a value", help: nil) }
      vote.label = Array(number.bytes)
    default:
      return VoteFault(message: "a result of type `\(kind)` is no class", help: "label-merge reads choices, rating and number", isOfRow: false)
    }
    return type.check(&vote.label)
  }

  /// Who: an e-mail address where the export has one, else the user's number.
  private static func annotator(_ value: JSONView?) -> [UInt8] {
    guard let value, !value.isNull else { return [] }
    let named = value.fields.first { $0.name == "email" }?.value ?? value.fields.first { $0.name == "id" }?.value ?? value
    var out: [UInt8] = []
    TableVotes.append(named.bytes, to: &out)
    return out
  }

  private static let data = JSONText.quoted("data")
  private static let annotations = JSONText.quoted("annotations")
}

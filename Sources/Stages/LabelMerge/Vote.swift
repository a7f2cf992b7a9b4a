internal import Diagnostics
internal import Engine
internal import Rows

/// One vote while it is read: texts by which it is known, still as bytes.
struct Vote {
  var item: [UInt8] = []
  var annotator: [UInt8] = []
  /// As JSON, in the form in which its class was declared.
  var label: [UInt8] = []
  /// When; empty when nobody says.
  var time: [UInt8] = []
  /// Whether it is a known answer rather than a vote.
  var isGold = false

  mutating func clear() {
    item.removeAll(keepingCapacity: true)
    annotator.removeAll(keepingCapacity: true)
    label.removeAll(keepingCapacity: true)
    time.removeAll(keepingCapacity: true)
    isGold = false
  }
}

/// Why a vote does not count.
struct VoteFault {
  let message: String
  let help: String?
  /// Whether `on_bad_row: quarantine` sets it aside; what is wrong with the whole table is an error in any case.
  var isOfRow = true

  func failure(_ parent: RowParent) -> TaskFailure {
    var failure = TaskFailure(id: "vote", message: message, rows: [parent], help: help)
    if isOfRow { failure.notes.append(VoteFault.skip) }
    return failure
  }

  static let skip = (label: "skip", text: "`on_bad_row: quarantine` sets bad votes aside")
}

/// The label type that is voted on.
struct VotedType: Sendable {
  let name: String
  let rule: LabelRule
  /// Declared classes in order, as JSON.
  let classes: [[UInt8]]

  /// Brings the label of a vote into the form in which its class was declared; leaves it as it is when there is no such class.
  func check(_ label: inout [UInt8]) -> VoteFault? {
    do throws(LabelRule.Fault) {
      label = try rule.checked(label)
      return nil
    } catch {
      let near = Suggestion.nearest(to: LabelRule.text(label), in: classes.map(LabelRule.text))
      let help = [near.map { "did you mean `\($0)`?" }, error.help].compactMap { $0 }.joined(separator: " ")
      return VoteFault(message: error.message, help: help.isEmpty ? nil : help)
    }
  }
}

/// Labels that were checked before: of millions of votes few are different.
struct CheckedLabels {
  /// More than these are no classes but texts.
  private static let greatestCount = 10_000
  private var written = TextIndex()
  private var checked: [[UInt8]] = []

  /// As ``VotedType/check(_:)``.
  mutating func check(_ label: inout [UInt8], _ type: VotedType) -> VoteFault? {
    if let known = label.withUnsafeBytes({ written.find($0) }) {
      label = checked[known]
      return nil
    }
    let before = label
    if let fault = type.check(&label) { return fault }
    if checked.count < Self.greatestCount, written.insert(before).isNew { checked.append(label) }
    return nil
  }
}

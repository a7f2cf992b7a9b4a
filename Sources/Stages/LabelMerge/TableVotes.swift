internal import Engine
internal import Rows

/// Reads votes from a table: one row, one vote.
struct TableVotes: Sendable {
  /// One of the columns that make a vote.
  struct Column: Sendable {
    let name: String
    let token: [UInt8]
    /// Whether the manifest names it: then it must be there.
    let isWritten: Bool

    init(_ name: String, isWritten: Bool) {
      self.name = name
      token = JSONText.quoted(name)
      self.isWritten = isWritten
    }
  }

  let item: Column
  let annotator: Column
  let label: Column
  let at: Column
  let type: VotedType

  /// Reads one row. A label that is null or empty is no vote: the annotator has passed.
  /// - Returns: whether there is a vote in it.
  func read(_ row: UnsafeRawBufferPointer, into vote: inout Vote, _ checked: inout CheckedLabels) throws(VoteFailure) -> Bool {
    let fields = fields(of: row)
    guard let itemValue = fields.item else { throw missing(item, "item", row) }
    guard let annotatorValue = fields.annotator else { throw missing(annotator, "annotator", row) }
    guard let labelValue = fields.label else { throw missing(label, "label", row) }
    Self.append(itemValue, to: &vote.item)
    Self.append(annotatorValue, to: &vote.annotator)
    if let time = fields.at, !JSONView(time).isNull {
      Self.append(time, to: &vote.time)
    } else if at.isWritten, fields.at == nil {
      throw missing(at, "at", row)
    }
    if JSONView(labelValue).isNull || labelValue.count == 2 && labelValue[0] == UInt8(ascii: "\"") { return false }
    // As it stands, for a vote that is set aside.
    vote.label.append(contentsOf: labelValue)
    if JSONView(itemValue).isNull || vote.item.isEmpty { throw VoteFailure(VoteFault(message: "a vote has no `\(item.name)`: nobody can say what it is on", help: nil)) }
    if JSONView(annotatorValue).isNull || vote.annotator.isEmpty {
      throw VoteFailure(VoteFault(message: "a vote has no `\(annotator.name)`: nobody can say who gave it", help: nil))
    }
    if let fault = checked.check(&vote.label, type) { throw VoteFailure(fault) }
    return true
  }

  private typealias Value = UnsafeRawBufferPointer

  /// All columns in one walk over the row.
  private func fields(of row: UnsafeRawBufferPointer) -> (item: Value?, annotator: Value?, label: Value?, at: Value?) {
    var found: (item: Value?, annotator: Value?, label: Value?, at: Value?) = (nil, nil, nil, nil)
    JSONScanner.forEachField(row) { key, value in
      let name = UnsafeRawBufferPointer(rebasing: row[key])
      let value = UnsafeRawBufferPointer(rebasing: row[value])
      if found.item == nil, Self.equal(name, item.token) { found.item = value }
      if found.annotator == nil, Self.equal(name, annotator.token) { found.annotator = value }
      if found.label == nil, Self.equal(name, label.token) { found.label = value }
      if found.at == nil, Self.equal(name, at.token) { found.at = value }
      return true
    }
    return found
  }

  private static func equal(_ name: UnsafeRawBufferPointer, _ token: [UInt8]) -> Bool {
    name.count == token.count && token.withUnsafeBytes { name.elementsEqual($0) }
  }

  /// A value as keys are compared: a text's characters, anything else as it is written.
  static func append(_ value: UnsafeRawBufferPointer, to out: inout [UInt8]) {
    if value[0] == UInt8(ascii: "\"") { JSONText.decode(value, into: &out) } else { out.append(contentsOf: value) }
  }

  private func missing(_ column: Column, _ role: String, _ row: UnsafeRawBufferPointer) -> VoteFailure {
    let names = JSONView(row).fields.map(\.name)
    return VoteFailure(
      VoteFault(
        message: "a vote has no column `\(column.name)`",
        help: "say what it is called: columns: { \(role): … }; the row has \(names.isEmpty ? "no columns" : names.map { "`\($0)`" }.joined(separator: ", "))",
        isOfRow: false))
  }
}

/// A vote that does not count, thrown.
struct VoteFailure: Error {
  let fault: VoteFault
  init(_ fault: VoteFault) { self.fault = fault }
}

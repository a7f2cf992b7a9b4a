internal import Engine
internal import Rows

/// What a label file says of one label type of one row.
struct LabelAnswer: Equatable {
  /// The label as JSON; nil when nobody has answered.
  var label: [UInt8]?
  var status: LabelStatus
  /// Nil: the record says nothing of uses.
  var allowedUses: [String]?
  var prohibitedUses: [String]
  var classification: String?
  /// The record's further fields that templates may read, as JSON.
  var details: [(name: String, json: [UInt8])]
  /// Which of its input's records it is.
  var record = 0

  static func == (a: LabelAnswer, b: LabelAnswer) -> Bool {
    a.label == b.label && a.status == b.status && a.allowedUses == b.allowedUses && a.prohibitedUses == b.prohibitedUses
      && a.classification == b.classification && a.details.elementsEqual(b.details, by: ==)
  }
}

/// Where a label stands in its review.
enum LabelStatus: String, CaseIterable, Comparable {
  // In the order in which one holds back another when a row has several labels.
  case unlabeled, rejected, flagged, labeled, approved

  static func < (a: LabelStatus, b: LabelStatus) -> Bool { a.rank < b.rank }
  private var rank: Int { Self.allCases.firstIndex(of: self)! }

  /// What counts when two inputs give one answer: a review says more than the label it reviews, a refusal more than a consent.
  static func reviewed(_ a: LabelStatus, _ b: LabelStatus) -> LabelStatus {
    if a == .labeled || a == .unlabeled { return b == .unlabeled ? a : b }
    if b == .labeled || b == .unlabeled { return a }
    return min(a, b)
  }
}

/// Reads label records and settles what they say together.
struct LabelReader: Sendable {
  /// Fields that decide the output whenever a label attaches.
  static let baseFields = ["label", "status", "version", "allowed_uses", "prohibited_uses", "classification"]
  /// Fields that templates may read as `labels.<type>.<field>`; each is in a chunk's key only when one does.
  static let detailFields = [
    "confidence", "labeled_by", "labeled_at", "reviewed_by", "reviewed_at", "votes", "reason", "notes", "flags", "supersedes",
  ]
  static let keyColumns = LabelItem.keyColumns

  let sheet: String
  /// The fields beyond the base that are read.
  let details: [String]
  private let item: LabelItem

  init(sheet: String, rowKey: [String], details: [String]) {
    self.sheet = sheet
    self.details = details
    item = LabelItem(rowKey: rowKey)
  }

  /// The row as label files name it.
  func item(of row: UnsafeRawBufferPointer) throws(LabelItem.NoKey) -> [UInt8] {
    var item: [UInt8] = []
    try self.item.append(of: row, to: &item)
    return item
  }

  /// The text of a label record's key, as side tables compare it.
  func key(item: [UInt8], labelType: String) -> [UInt8] {
    var out: [UInt8] = []
    for part in [Array(sheet.utf8), item, Array(labelType.utf8)] {
      withUnsafeBytes(of: UInt32(part.count).bigEndian) { out.append(contentsOf: $0) }
      out += part
    }
    return out
  }

  /// Whether a side row is a label of our sheet and of a type that is read.
  func accepts(_ labelTypes: [String]) -> @Sendable (UnsafeRawBufferPointer) -> Bool {
    let sheetToken = JSONText.quoted("sheet")
    let typeToken = JSONText.quoted("label_type")
    let sheet = JSONText.quoted(sheet)
    let types = Set(labelTypes.map(JSONText.quoted))
    return { row in
      // A row without the column is let through: what is wrong with it is said where keys are read.
      if let value = JSONBytes.field(sheetToken, of: row), !value.elementsEqual(sheet) { return false }
      if let value = JSONBytes.field(typeToken, of: row), !types.contains(Array(value)) { return false }
      return true
    }
  }

  /// Two answers to one question.
  struct Conflict: Error, Equatable {
    let first: [UInt8]
    let second: [UInt8]
    /// Inside one input there may be several versions; these have the same.
    let version: Int?
    /// Which records they are: of one input's records, or of the answers that were settled.
    var records: [Int] = []

    static func == (a: Conflict, b: Conflict) -> Bool { a.first == b.first && a.second == b.second && a.version == b.version }
  }

  /// A record that cannot be read.
  enum Fault: Error, Equatable {
    case conflict(Conflict)
    case field(name: String, value: String, expected: String)
    case label(LabelRule.Fault)
  }

  /// The answer of one input: the record with the highest version.
  func answer(_ records: [[UInt8]]) throws(Fault) -> LabelAnswer? {
    var best: (version: Int, answer: LabelAnswer, number: Int)?
    for (number, record) in records.enumerated() {
      var (version, answer) = try read(record)
      answer.record = number
      guard let known = best, known.version >= version else {
        best = (version, answer, number)
        continue
      }
      if known.version > version { continue }
      if let first = known.answer.label, let second = answer.label, first != second {
        throw .conflict(Conflict(first: first, second: second, version: version, records: [known.number, number]))
      }
      // Said twice: the later line adds its review.
      var merged = known.answer.label == nil ? answer : known.answer
      merged.status = LabelStatus.reviewed(known.answer.status, answer.status)
      best = (version, merged, known.number)
    }
    return best?.answer
  }

  /// The answers of several inputs to one question.
  func settle(_ answers: [LabelAnswer]) throws(Fault) -> LabelAnswer? {
    guard var settled = answers.first else { return nil }
    var by = 0
    for (number, other) in answers.enumerated().dropFirst() {
      if let first = settled.label, let second = other.label, first != second {
        throw .conflict(Conflict(first: first, second: second, version: nil, records: [by, number]))
      }
      if settled.label == nil { by = number }
      if settled.label == nil { settled.label = other.label }
      settled.status = LabelStatus.reviewed(settled.status, other.status)
      settled.allowedUses = Uses.narrowed([settled.allowedUses, other.allowedUses], prohibited: [])
      settled.prohibitedUses += other.prohibitedUses
      settled.classification = Classifications.stricter(settled.classification, other.classification)
      for detail in other.details where !settled.details.contains(where: { $0.name == detail.name }) { settled.details.append(detail) }
    }
    return settled
  }

  private func read(_ record: [UInt8]) throws(Fault) -> (version: Int, LabelAnswer) {
    var version = 1
    var answer = LabelAnswer(label: nil, status: .labeled, allowedUses: nil, prohibitedUses: [], classification: nil, details: [])
    var fault: Fault?
    record.withUnsafeBytes { bytes in
      for (name, value) in JSONView(bytes).fields where !value.isNull {
        switch name {
        case "label": answer.label = Self.label(value)
        case "status":
          guard let text = value.string, !text.isEmpty else { continue }
          if let status = LabelStatus(rawValue: text) {
            answer.status = status
          } else {
            fault = .field(name: name, value: text, expected: "unlabeled, labeled, approved, rejected or flagged")
          }
        case "version":
          // A CSV file's cells are texts.
          let text = value.string ?? value.text
          if text.isEmpty { continue }
          if let number = Int(text) { version = number } else { fault = .field(name: name, value: text, expected: "a whole number") }
        case "allowed_uses": answer.allowedUses = Self.list(value) ?? answer.allowedUses
        case "prohibited_uses": answer.prohibitedUses = Self.list(value) ?? []
        case "classification":
          guard let text = value.string, !text.isEmpty else { continue }
          if Classifications.order.contains(text) {
            answer.classification = text
          } else {
            fault = .field(name: name, value: text, expected: Classifications.order.joined(separator: ", "))
          }
        default: if details.contains(name) { answer.details.append((name, Array(value.bytes))) }
        }
      }
    }
    if let fault { throw fault }
    if answer.label == nil || answer.status == .unlabeled {
      answer.label = nil
      answer.status = .unlabeled
    }
    return (version, answer)
  }

  /// A label is any JSON; a CSV cell that begins with `{` or `[` is JSON in a text.
  private static func label(_ value: JSONView) -> [UInt8]? {
    guard value.kind == .string else { return Array(value.bytes) }
    let text = JSONText.decoded(value.bytes)
    guard !text.isEmpty else { return nil }
    if text[0] == UInt8(ascii: "{") || text[0] == UInt8(ascii: "[") {
      var compact: [UInt8] = []
      let isJSON = text.withUnsafeBytes { bytes -> Bool in
        do throws(JSONError) { try JSONValidator.appendValue(bytes, to: &compact) } catch { return false }
        return true
      }
      if isJSON { return compact }
    }
    return Array(value.bytes)
  }

  /// A list of texts; in CSV separated by `;`. An empty cell says nothing.
  private static func list(_ value: JSONView) -> [String]? {
    if value.kind == .array { return value.items.compactMap(\.string) }
    guard let text = value.string, !text.isEmpty else { return nil }
    return text.split(separator: ";").map { part in
      String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
  }
}

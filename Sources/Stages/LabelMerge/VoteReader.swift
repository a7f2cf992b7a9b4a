internal import Engine
internal import Rows

/// Turns chunks into partials: keys of items, votes, known answers.
struct VoteReader: Sendable {
  enum Format: Sendable {
    case table, labelStudio
    /// Told by each row.
    case byContent
  }

  let format: Format
  let table: TableVotes
  let labelStudio: LabelStudioVotes
  let item: LabelItem
  let sheet: String
  /// `where`
  let test: RowTest?
  let quarantines: Bool

  // MARK: Items

  func items(of chunk: InputChunk) throws(TaskFailure) -> [UInt8] {
    var partial = ItemPartial()
    var key: [UInt8] = []
    let worker = WorkerLocal()
    try chunk.rows.forEachRow { (row, bytes) throws(TaskFailure) in
      let parent = RowParent(chunk: 0, row: row)
      if let test, try !test.holds(bytes, parent: parent, worker: worker) { return partial.drop() }
      key.removeAll(keepingCapacity: true)
      do throws(LabelItem.NoKey) { try item.append(of: bytes, to: &key) } catch {
        throw TaskFailure(
          id: "row-key", message: "the row has no `\(error.column)`, by which its votes are found", rows: [parent],
          help: "a row_key has a value in every row")
      }
      partial.add(key)
    }
    return partial.encode()
  }

  // MARK: Votes

  func votes(of chunk: InputChunk) throws(TaskFailure) -> [UInt8] {
    var partial = VotePartial()
    var failures = FailureCollector()
    var vote = Vote()
    var checked = CheckedLabels()
    try chunk.rows.forEachRow { (row, bytes) throws(TaskFailure) in
      let parent = RowParent(chunk: 0, row: row)
      func refuse(_ vote: Vote, _ fault: VoteFault) {
        if quarantines, fault.isOfRow { partial.setAside(vote, row: row, because: fault.message) } else { failures.add(fault.failure(parent)) }
      }
      if isTask(bytes) {
        partial.passed += try labelStudio.read(bytes) { (vote, fault) throws(TaskFailure) in
          if let fault { refuse(vote, fault) } else { partial.add(vote, row: row) }
        }
        return
      }
      vote.clear()
      do throws(VoteFailure) {
        if try table.read(bytes, into: &vote, &checked) { partial.add(vote, row: row) } else { partial.passed += 1 }
      } catch { refuse(vote, error.fault) }
    }
    try failures.throwFirst()
    return partial.encode()
  }

  private func isTask(_ row: UnsafeRawBufferPointer) -> Bool {
    switch format {
    case .table: false
    case .labelStudio: true
    case .byContent: JSONBytes.field(table.label.token, of: row) == nil && LabelStudioVotes.isTask(row)
    }
  }

  // MARK: Gold

  /// Known answers: a label file, or a table with the item and the label under the names that the votes have for them.
  func gold(of chunk: InputChunk) throws(TaskFailure) -> [UInt8] {
    var partial = VotePartial()
    var failures = FailureCollector()
    var vote = Vote()
    try chunk.rows.forEachRow { (row, bytes) throws(TaskFailure) in
      let parent = RowParent(chunk: 0, row: row)
      // Of a label file, only what is about this sheet and label type.
      if let value = JSONBytes.field(Self.sheetToken, of: bytes), JSONView(value).string != sheet { return }
      if let value = JSONBytes.field(Self.typeToken, of: bytes), JSONView(value).string != table.type.name { return }
      guard let item = JSONBytes.field(table.item.token, of: bytes) ?? JSONBytes.field(Self.itemToken, of: bytes) else {
        throw missing(table.item.name, "item", bytes, parent)
      }
      guard let label = JSONBytes.field(table.label.token, of: bytes) ?? JSONBytes.field(Self.labelToken, of: bytes) else {
        throw missing(table.label.name, "label", bytes, parent)
      }
      if JSONView(label).isNull || JSONView(label).string == "" { return }
      vote.clear()
      vote.isGold = true
      TableVotes.append(item, to: &vote.item)
      vote.label.append(contentsOf: label)
      if let fault = table.type.check(&vote.label) {
        failures.add(TaskFailure(id: "gold", message: fault.message, rows: [parent], help: fault.help))
      } else {
        partial.add(vote, row: row)
      }
    }
    try failures.throwFirst()
    return partial.encode()
  }

  private func missing(_ name: String, _ role: String, _ row: UnsafeRawBufferPointer, _ parent: RowParent) -> TaskFailure {
    TaskFailure(
      id: "gold", message: "a known answer has no column `\(name)`" + (name == role ? "" : " (and no `\(role)`)"), rows: [parent],
      help: "gold is a label file, or has the item and the label under the names that `columns` gives; the row has "
        + JSONView(row).fields.map { "`\($0.name)`" }.joined(separator: ", "))
  }

  private static let sheetToken = JSONText.quoted("sheet")
  private static let typeToken = JSONText.quoted("label_type")
  private static let itemToken = JSONText.quoted("item")
  private static let labelToken = JSONText.quoted("label")
}

import Diagnostics
import Lineage
import Readers
import Rows

/// Finds out why a row differs, by following it up on both sides until something was edited.
///
/// Nothing is computed again: where a stage's definition and a row's parents both differ, both are causes of the row.
final class RowExplainer {
  typealias Step = Tracer.Step

  /// A cause by its place in ``causes``.
  typealias CauseID = Int

  let before: DiffSide
  let after: DiffSide
  private let parameters: [(name: String, before: String, after: String)]
  private(set) var causes: [DiffModel.Cause] = []
  private var causeIDs: [CauseName: CauseID] = [:]
  private var definitions: [StagePair: DefinitionDiff] = [:]
  private var tables: [TablePair: TableDiff] = [:]
  private var sides: [SideName: SideDiff] = [:]
  private var known: [Question: Answer] = [:]
  private var knownEdits: Set<EditName> = []

  private struct CauseName: Hashable {
    let bucket: DiffModel.Bucket
    let subject: String
  }
  private struct StagePair: Hashable {
    let before: Int
    let after: Int
  }
  private struct TablePair: Hashable {
    let before: ObjectIdentifier
    let after: ObjectIdentifier
  }
  private struct SideName: Hashable {
    let before: Int
    let after: Int
    let port: Int
  }
  private struct EditName: Hashable {
    let cause: CauseID
    let file: String
    let line: Int
    let name: String
  }
  private struct Question: Hashable {
    let isBefore: Bool
    let table: ObjectIdentifier
    let chunk: Int
    let row: Int
    let role: Role
  }

  /// How a row came to matter: as the row itself, or as what it looked up.
  enum Role: Hashable { case own, labels, joined }

  /// What is known of a row's change.
  struct Answer {
    var causes: [CauseID] = []
    /// Why the other side has no such row.
    var dropped: String?
    /// The label records that were edited.
    var labels: [DiffModel.Edit] = []

    mutating func add(_ other: [CauseID]) { for cause in other where !causes.contains(cause) { causes.append(cause) } }
    /// Takes causes over, not the reason.
    mutating func add(_ other: Answer) {
      add(other.causes)
      for edit in other.labels where !labels.contains(edit) { labels.append(edit) }
    }
  }

  /// How many places a cause keeps.
  private static let keptEdits = 50

  init(_ before: DiffSide, _ after: DiffSide) {
    self.before = before
    self.after = after
    let old = Dictionary(before.session.pipeline.parameters.map { ($0.name, $0.json) }, uniquingKeysWith: { first, _ in first })
    parameters = after.session.pipeline.parameters.compactMap { parameter in
      guard let was = old[parameter.name], was != parameter.json else { return nil }
      return (parameter.name, was, parameter.json)
    }
  }

  // MARK: questions

  /// Why a row that both sides have is another one now.
  func edited(_ old: Step, _ new: Step, role: Role = .own) throws(TaskFailure) -> Answer {
    let question = Question(isBefore: false, table: ObjectIdentifier(new.table), chunk: new.chunk, row: new.row, role: role)
    if let answer = known[question] { return answer }
    var answer = Answer()
    let oldRun = before.scheduler.stages[old.table.stage]
    let newRun = after.scheduler.stages[new.table.stage]
    let oldParents = try before.parents(old)
    let newParents = try after.parents(new)
    for (a, b) in zip(oldParents, newParents) { answer.add(try parents(a, b, role, new)) }
    for extra in newParents.dropFirst(oldParents.count) { answer.add(try lone(extra, isBefore: false, role)) }
    for extra in oldParents.dropFirst(newParents.count) { answer.add(try lone(extra, isBefore: true, role)) }
    if let a = oldParents.first, let b = newParents.first { answer.add(try looked(oldRun, a, newRun, b)) }
    let definition = definition(oldRun, newRun)
    if !definition.changes.isEmpty {
      let paths = FieldDiff.changes(try before.bytes(old), try after.bytes(new)).map(\.path)
      answer.add(definition.relevant(to: paths, isOnlyCause: answer.causes.isEmpty).map(cause))
    }
    if answer.causes.isEmpty { answer.add(try elsewhere(oldRun, newRun)) }
    known[question] = answer
    return answer
  }

  /// Why a row is on one side only; `stage` is its stage on the other side, if it is there.
  func lone(_ step: Step, isBefore: Bool, role: Role = .own) throws(TaskFailure) -> Answer {
    let question = Question(isBefore: isBefore, table: ObjectIdentifier(step.table), chunk: step.chunk, row: step.row, role: role)
    if let answer = known[question] { return answer }
    var answer = Answer()
    let here = isBefore ? before : after
    let there = isBefore ? after : before
    let run = here.scheduler.stages[step.table.stage]
    if let other = counterpart(of: run, in: there), other.isUsable {
      let pair = isBefore ? definition(run, other) : definition(other, run)
      if let parent = try here.parents(step).first {
        if let table = counterpart(of: parent.table, of: run, here, in: other) {
          try answerLone(&answer, step, parent, table, run, other, isBefore: isBefore, role, pair)
        }
      }
      if answer.causes.isEmpty { answer.add(pair.relevant(toDropFor: answer.dropped).map(cause)) }
      if answer.causes.isEmpty { answer.add(try isBefore ? elsewhere(run, other) : elsewhere(other, run)) }
    } else {
      answer.add([cause(.definition, "stage `\(run.stage.displayName)`", .init(file: run.stage.range?.path ?? "", line: run.stage.range?.line ?? 0, name: isBefore ? "removed" : "added"))])
    }
    known[question] = answer
    return answer
  }

  private func answerLone(
    _ answer: inout Answer, _ step: Step, _ parent: Step, _ table: TableRun, _ run: StageRun, _ other: StageRun, isBefore: Bool, _ role: Role, _ definition: DefinitionDiff
  ) throws(TaskFailure) {
    let here = isBefore ? before : after
    let there = isBefore ? after : before
    let diff = try isBefore ? tableDiff(parent.table, table) : tableDiff(table, parent.table)
    let counterpart = isBefore ? diff.counterpart(before: parent) : diff.counterpart(after: parent)
    if parent.table.stage < 0 {
      switch counterpart {
      case .same(let twin), .edited(let twin): answer.dropped = try there.dropReason(other, twin).map { Self.told($0, other) }
      case .none:
        if let twin = try twin(of: parent, row: step, diff, isBefore: isBefore) {
          answer.dropped = try there.dropReason(other, twin).map { Self.told($0, other) }
          answer.add(try isBefore ? sourceEdit(parent, twin, role, here.label(step)) : sourceEdit(twin, parent, role, here.label(step)))
        } else {
          answer.add(try sourceRow(parent, here, isBefore: isBefore, role, label: here.label(step)))
        }
      }
      if answer.causes.isEmpty, case .same(let twin) = counterpart {
        answer.add(try isBefore ? looked(run, parent, other, twin) : looked(other, twin, run, parent))
        answer.add(definition.relevant(toDropFor: answer.dropped).map(cause))
      }
      return
    }
    switch counterpart {
    case .none:
      let above = try lone(parent, isBefore: isBefore, role: role)
      answer.add(above)
      answer.dropped = above.dropped
    case .same(let twin):
      answer.dropped = try there.dropReason(other, twin).map { Self.told($0, other) }
      answer.add(try isBefore ? looked(run, parent, other, twin) : looked(other, twin, run, parent))
      answer.add(definition.relevant(toDropFor: answer.dropped).map(cause))
    case .edited(let twin):
      answer.dropped = try there.dropReason(other, twin).map { Self.told($0, other) }
      answer.add(try isBefore ? edited(parent, twin, role: role) : edited(twin, parent, role: role))
      let changes = definition.relevant(toDropFor: answer.dropped)
      if let word = answer.dropped?.split(separator: " ").first, changes.contains(where: { $0.field == word }) { answer.add(changes.map(cause)) }
    }
  }

  private static func told(_ reason: String, _ run: StageRun) -> String { "\(reason) (\(run.stage.displayName))" }

  // MARK: one step up

  private func parents(_ old: Step, _ new: Step, _ role: Role, _ child: Step) throws(TaskFailure) -> Answer {
    let areSources = old.table.stage < 0
    guard areSources == (new.table.stage < 0) else { return Answer() }
    if try tableDiff(old.table, new.table).areOnePlace(old, new) { return Answer() }
    if try before.bytes(old) == after.bytes(new) { return Answer() }
    return try areSources ? sourceEdit(old, new, role, after.label(child)) : edited(old, new, role: role)
  }

  private func lone(_ step: Step, isBefore: Bool, _ role: Role) throws(TaskFailure) -> Answer {
    if step.table.stage < 0 { return try sourceRow(step, isBefore ? before : after, isBefore: isBefore, role, label: "") }
    return try lone(step, isBefore: isBefore, role: role)
  }

  /// What the row looks up in side tables and is not the same now.
  private func looked(_ oldRun: StageRun, _ old: Step, _ newRun: StageRun, _ new: Step) throws(TaskFailure) -> Answer {
    var found = Answer()
    for (port, input) in newRun.stage.kind.inputs.enumerated() {
      guard case .keyed(let reading) = input.reading, let oldPort = oldRun.stage.kind.inputs.firstIndex(where: { $0.name == input.name }),
        case .keyed(let oldReading) = oldRun.stage.kind.inputs[oldPort].reading
      else { continue }
      let name = SideName(before: oldRun.index, after: newRun.index, port: port)
      if sides[name] == nil { sides[name] = try SideDiff(oldRun.inputs[oldPort], oldReading, newRun.inputs[port], reading, self) }
      let diff = sides[name]!
      if diff.isEmpty { continue }
      var hashes = Set(try reading.keys(try after.single(new, source: 0)))
      hashes.formUnion(try oldReading.keys(try before.single(old, source: 0)))
      let role: Role = input.name == "labels" || input.name == "votes" ? .labels : .joined
      for change in diff.changes(hashes) { found.add(try side(change, role)) }
    }
    return found
  }

  private func side(_ change: SideDiff.Change, _ role: Role) throws(TaskFailure) -> Answer {
    var found = Answer()
    for (a, b) in zip(change.before, change.after) { found.add(try edited(a, b, role: role)) }
    for step in change.before.dropFirst(change.after.count) { found.add(try lone(step, isBefore: true, role: role)) }
    for step in change.after.dropFirst(change.before.count) { found.add(try lone(step, isBefore: false, role: role)) }
    return found
  }

  /// What is left when a row's own way up is the same on both sides: the other rows that its stage read.
  private func elsewhere(_ old: StageRun, _ new: StageRun) throws(TaskFailure) -> [CauseID] {
    var subjects: [String] = []
    for (port, tables) in zip(new.stage.kind.inputs, new.inputs) {
      guard let oldPort = old.stage.kind.inputs.firstIndex(where: { $0.name == port.name }) else { continue }
      for (index, table) in tables.enumerated() {
        let twin = index < old.inputs[oldPort].count ? old.inputs[oldPort][index] : nil
        if twin?.content != table.content { subjects.append(name(of: table, after)) }
      }
    }
    if subjects.isEmpty { return [cause(.unexplained, "", nil)] }
    return [cause(.otherRows, "`\(new.stage.displayName)` reads all of " + subjects.joined(separator: ", "), nil)]
  }

  private func name(of table: TableRun, _ side: DiffSide) -> String {
    guard table.stage >= 0 else { return "its source" }
    return "`\(side.scheduler.stages[table.stage].stage.displayName)`"
  }

  // MARK: sources

  private func sourceEdit(_ old: Step, _ new: Step, _ role: Role, _ label: String) throws(TaskFailure) -> Answer {
    let place = try after.place(new)
    let bucket: DiffModel.Bucket =
      switch role {
      case .own: .sourceEdited
      case .labels: .labels
      case .joined: .joined
      }
    let was = try before.bytes(old)
    let now = try after.bytes(new)
    let edit = DiffModel.Edit(
      file: place.file, line: place.line, name: label, before: FieldDiff.text(was), after: FieldDiff.text(now), by: role == .labels ? author(now, new) : nil)
    return Answer(causes: [cause(bucket, place.file, edit)], labels: role == .labels ? [edit] : [])
  }

  private func sourceRow(_ step: Step, _ side: DiffSide, isBefore: Bool, _ role: Role, label: String) throws(TaskFailure) -> Answer {
    let place = try side.place(step)
    let bucket: DiffModel.Bucket =
      switch role {
      case .own: isBefore ? .sourceRemoved : .sourceAdded
      case .labels: .labels
      case .joined: .joined
      }
    let bytes = try side.bytes(step)
    let text = FieldDiff.text(bytes)
    let edit = DiffModel.Edit(
      file: place.file, line: place.line, name: label, before: isBefore ? text : nil, after: isBefore ? nil : text,
      by: role == .labels ? author(bytes, step) : nil)
    return Answer(causes: [cause(bucket, place.file, edit)], labels: role == .labels ? [edit] : [])
  }

  /// Who a label's record says it is from.
  private func author(_ record: [UInt8], _ step: Step) -> String? {
    let parsed = RecordParser(context: step.table.chunks[step.chunk].context).parse(record)
    guard parsed.rows.rowCount == 1 else { return nil }
    let row = Array(parsed.rows.bytes[parsed.rows.range(ofRow: 0)])
    for name in ["labeled_by", "annotator", "reviewed_by", "worker"] {
      guard let value = FieldDiff.members(row).first(where: { $0.0 == name })?.1, value.first == UInt8(ascii: "\"") else { continue }
      return value.withUnsafeBytes { String(decoding: JSONText.decoded($0), as: UTF8.self) }
    }
    return nil
  }

  /// The record of the other side that has the same key: a row that was edited and is left out now, or was before.
  private func twin(of record: Step, row: Step, _ diff: TableDiff, isBefore: Bool) throws(TaskFailure) -> Step? {
    let here = isBefore ? before : after
    let there = isBefore ? after : before
    let columns = here.scheduler.stages[row.table.stage].stage.kind.outputs[row.table.port].traits.rowKey
    guard !columns.isEmpty else { return nil }
    let made = try here.bytes(row)
    let wanted: [[UInt8]] = columns.compactMap { column in made.withUnsafeBytes { try? RowKey(columns: [column]).text(of: $0) } }
    guard wanted.count == columns.count else { return nil }
    // Which columns of the record hold the key: they may have other names there.
    let fields = Self.fields(try here.bytes(record), record)
    var names: [String] = []
    for value in wanted {
      guard let field = fields.first(where: { $0.value == value && !names.contains($0.name) }) else { return nil }
      names.append(field.name)
    }
    let table = isBefore ? diff.after : diff.before
    let key = names.map { name in fields.first { $0.name == name }!.value }
    return try recordsByKey(table, names, isBefore ? diff.chunksAfter : diff.chunksBefore, there)[key]
  }

  private var recordKeys: [RecordKeys: [[[UInt8]]: Step]] = [:]
  private struct RecordKeys: Hashable {
    let table: ObjectIdentifier
    let names: [String]
  }

  private func recordsByKey(_ table: TableRun, _ names: [String], _ chunks: [Int], _ side: DiffSide) throws(TaskFailure) -> [[[UInt8]]: Step] {
    let id = RecordKeys(table: ObjectIdentifier(table), names: names)
    if let found = recordKeys[id] { return found }
    var found: [[[UInt8]]: Step] = [:]
    for chunk in chunks {
      let records = try side.records(table, chunk)
      let parsed = RecordParser(context: records.context).parse(records.bytes)
      parsed.rows.forEachRow { ordinal, row in
        let key = names.map { (try? RowKey(columns: [$0]).text(of: row)) ?? [] }
        found[key] = Step(table: table, chunk: chunk, row: Int(parsed.records[ordinal]))
      }
    }
    recordKeys[id] = found
    return found
  }

  private static func fields(_ record: [UInt8], _ step: Step) -> [(name: String, value: [UInt8])] {
    let parsed = RecordParser(context: step.table.chunks[step.chunk].context).parse(record)
    guard parsed.rows.rowCount >= 1 else { return [] }
    let row = Array(parsed.rows.bytes[parsed.rows.range(ofRow: 0)])
    return FieldDiff.members(row).map { name, value in
      (name, value.first == UInt8(ascii: "\"") ? value.withUnsafeBytes { JSONText.decoded($0) } : value)
    }
  }

  // MARK: pairs

  private func counterpart(of run: StageRun, in side: DiffSide) -> StageRun? { side.stage(run.stage.name) }

  /// The table of the other side at the same place of the same port.
  private func counterpart(of table: TableRun, of run: StageRun, _ side: DiffSide, in other: StageRun) -> TableRun? {
    for (port, tables) in zip(run.stage.kind.inputs, run.inputs) {
      guard let index = tables.firstIndex(where: { $0 === table }), let otherPort = other.stage.kind.inputs.firstIndex(where: { $0.name == port.name }) else { continue }
      return index < other.inputs[otherPort].count ? other.inputs[otherPort][index] : nil
    }
    return nil
  }

  private func definition(_ old: StageRun, _ new: StageRun) -> DefinitionDiff {
    let pair = StagePair(before: old.index, after: new.index)
    if let known = definitions[pair] { return known }
    let found = old.key == new.key && old.key != nil ? nil : DefinitionDiff(old, before, new, after, parameters: parameters)
    definitions[pair] = found ?? DefinitionDiff.none
    return definitions[pair]!
  }

  func tableDiff(_ old: TableRun, _ new: TableRun) throws(TaskFailure) -> TableDiff {
    let pair = TablePair(before: ObjectIdentifier(old), after: ObjectIdentifier(new))
    if let known = tables[pair] { return known }
    let diff = try TableDiff(old, before, new, after, key: key(old, new))
    tables[pair] = diff
    return diff
  }

  private func key(_ old: TableRun, _ new: TableRun) -> [String] {
    guard old.stage >= 0, new.stage >= 0 else { return [] }
    let a = before.scheduler.stages[old.stage].stage.kind.outputs[old.port].traits.rowKey
    let b = after.scheduler.stages[new.stage].stage.kind.outputs[new.port].traits.rowKey
    return a == b ? b : []
  }

  // MARK: causes

  private func cause(_ change: DefinitionDiff.Change) -> CauseID {
    var id = -1
    for edit in change.edits { id = cause(change.bucket, change.subject, edit) }
    return id
  }

  private func cause(_ bucket: DiffModel.Bucket, _ subject: String, _ edit: DiffModel.Edit?) -> CauseID {
    let name = CauseName(bucket: bucket, subject: subject)
    let id: CauseID
    if let known = causeIDs[name] {
      id = known
    } else {
      id = causes.count
      causes.append(DiffModel.Cause(bucket: bucket, subject: subject))
      causeIDs[name] = id
    }
    if let edit, knownEdits.insert(EditName(cause: id, file: edit.file, line: edit.line, name: edit.name)).inserted {
      causes[id].editCount += 1
      if causes[id].edits.count < Self.keptEdits { causes[id].edits.append(edit) }
    }
    return id
  }
}

extension DefinitionDiff {
  /// Nothing differs.
  static let none = DefinitionDiff()
  private init() {}
}

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
  private var elsewheres: [StagePair: [CauseID]] = [:]
  /// Columns that say whose a record is.
  private var authorColumns = ["labeled_by", "annotator", "reviewed_by", "worker"]
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
    /// The labels that were merged out of votes and are others now.
    var merged: [MergedLabel] = []

    mutating func add(_ other: [CauseID]) { for cause in other where !causes.contains(cause) { causes.append(cause) } }
    /// Takes causes over, not the reason.
    mutating func add(_ other: Answer) {
      add(other.causes)
      for edit in other.labels where !labels.contains(edit) { labels.append(edit) }
      for label in other.merged where !merged.contains(label) { merged.append(label) }
    }
  }

  /// A label that was merged out of votes, by its counts of votes.
  struct MergedLabel: Equatable {
    var labelType: String
    var before: String
    var after: String
    /// Whether nothing differs but votes on other items.
    var isByOthers: Bool
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
    // A stage that reads votes says in which column their annotators stand.
    for run in after.scheduler.stages {
      guard let text = Self.column("annotator", of: run) else { continue }
      if !authorColumns.contains(text) { authorColumns.append(text) }
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
    let oldAll = try before.allParents(old)
    let newAll = try after.allParents(new)
    let oldParents = oldAll.filter { !before.isForeign($0.table) }
    let newParents = newAll.filter { !after.isForeign($0.table) }
    // Of a source that is not at hand nobody can say which of its records are others.
    let isLost = oldParents.count < oldAll.count || newParents.count < newAll.count
    let pairing = try pair(oldParents, oldRun, newParents, newRun)
    for (a, b) in pairing.pairs { answer.add(try parents(a, b, role, new)) }
    for extra in pairing.come where !isLost || extra.table.stage >= 0 { answer.add(try lone(extra, isBefore: false, role)) }
    for extra in pairing.gone where !isLost || extra.table.stage >= 0 { answer.add(try lone(extra, isBefore: true, role)) }
    answer.add(try looked(oldRun, oldParents.first, newRun, newParents.first))
    let definition = definition(oldRun, newRun)
    if !definition.changes.isEmpty {
      var paths: [String] = []
      if let was = try bytes(old, before), let now = try bytes(new, after) { paths = FieldDiff.changes(was, now).map(\.path) }
      answer.add(definition.relevant(to: paths, isOnlyCause: answer.causes.isEmpty).map(cause))
    }
    if answer.causes.isEmpty, isLost { answer.add(try lostSource(oldAll.first, newAll.first, role, new)) }
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
      if let parent = try here.allParents(step).first, let table = counterpart(of: parent.table, of: run, here, in: other) {
        if parent.table.stage < 0, here.isForeign(parent.table) || there.isForeign(table) {
          // Whether the other state had the record is not to be found out; where nothing else differs it cannot have had it.
          if pair.changes.isEmpty { answer.add([cause(isBefore ? .sourceRemoved : .sourceAdded, after.sourceName(isBefore ? table : parent.table), nil)]) }
        } else {
          try answerLone(&answer, step, parent, table, run, other, isBefore: isBefore, role, pair)
        }
      }
      if answer.causes.isEmpty { answer.add(pair.relevant(toDropFor: answer.dropped).map(cause)) }
      if answer.causes.isEmpty { answer.add(try isBefore ? elsewhere(run, other) : elsewhere(other, run)) }
    } else {
      answer.add([
        cause(
          .definition, "stage `\(run.stage.displayName)`",
          .init(file: run.stage.range?.path ?? "", line: run.stage.range?.line ?? 0, name: isBefore ? "removed" : "added"))
      ])
    }
    known[question] = answer
    return answer
  }

  private func answerLone(
    _ answer: inout Answer, _ step: Step, _ parent: Step, _ table: TableRun, _ run: StageRun, _ other: StageRun, isBefore: Bool, _ role: Role,
    _ definition: DefinitionDiff
  ) throws(TaskFailure) {
    let here = isBefore ? before : after
    let there = isBefore ? after : before
    let diff: TableDiff
    do throws(TaskFailure) { diff = try isBefore ? tableDiff(parent.table, table) : tableDiff(table, parent.table) } catch {
      guard error.id == "not-kept", parent.table.stage >= 0 else { throw error }
      // Whether the other state has this very row is not to be found out here; what it was made of may say it.
      let above = try lone(parent, isBefore: isBefore, role: role)
      answer.add(above)
      answer.dropped = above.dropped
      return
    }
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
    // One place of one chunk: equal without reading either.
    if old.row == new.row, try before.digest(old) == after.digest(new) { return Answer() }
    if let was = try bytes(old, before), try bytes(new, after) == was { return Answer() }
    return try areSources ? sourceEdit(old, new, role, after.label(child)) : edited(old, new, role: role)
  }

  private func lone(_ step: Step, isBefore: Bool, _ role: Role) throws(TaskFailure) -> Answer {
    if step.table.stage < 0 { return try sourceRow(step, isBefore ? before : after, isBefore: isBefore, role, label: "") }
    return try lone(step, isBefore: isBefore, role: role)
  }

  /// A row's bytes; nil where they were not kept and cannot be made again.
  private func bytes(_ step: Step, _ side: DiffSide) throws(TaskFailure) -> [UInt8]? {
    do throws(TaskFailure) { return try side.bytes(step) } catch {
      guard error.id == "not-kept" else { throw error }
      return nil
    }
  }

  /// Which rows that made a row are one and the same: equal ones first, then those of one author, then the rest in order.
  private func pair(
    _ old: [Step], _ oldRun: StageRun, _ new: [Step], _ newRun: StageRun
  ) throws(TaskFailure) -> (pairs: [(Step, Step)], gone: [Step], come: [Step]) {
    guard let a = old.first, let b = new.first else { return ([], old, new) }
    var pairs = [(a, b)]
    var come = Array(new.dropFirst())
    var open: [Step] = []
    for step in old.dropFirst() {
      var twin: Step?
      if let place = slot(of: step.table, oldRun), let other = come.first(where: { slot(of: $0.table, newRun).map { $0 == place } ?? false }) {
        switch try? tableDiff(step.table, other.table).counterpart(before: step) {
        case .same(let found)?, .edited(let found)?: twin = found
        case .some(.none), nil: break
        }
      }
      if let twin, let place = come.firstIndex(where: { $0.table === twin.table && $0.chunk == twin.chunk && $0.row == twin.row }) {
        pairs.append((step, come.remove(at: place)))
      } else {
        open.append(step)
      }
    }
    var gone: [Step] = []
    for step in open {
      let author = try author(step, before)
      var place: Int?
      if let author { for at in come.indices where place == nil { if try self.author(come[at], after) == author { place = at } } }
      if let place {
        pairs.append((step, come.remove(at: place)))
      } else if author == nil, !come.isEmpty {
        pairs.append((step, come.removeFirst()))
      } else {
        gone.append(step)
      }
    }
    return (pairs, gone, come)
  }

  /// The input of a stage that a table comes in by.
  private func slot(of table: TableRun, _ run: StageRun) -> [String]? {
    for (port, tables) in zip(run.stage.kind.inputs, run.inputs) {
      if let index = tables.firstIndex(where: { $0 === table }) { return [port.name, String(index)] }
    }
    return nil
  }

  /// Whose record a row is; nil where it does not say.
  private func author(_ step: Step, _ side: DiffSide) throws(TaskFailure) -> String? {
    guard let bytes = try bytes(step, side) else { return nil }
    return step.table.stage < 0 ? author(bytes, step) : author(of: bytes)
  }

  /// What the row looks up in side tables and is not the same now.
  private func looked(_ oldRun: StageRun, _ old: Step?, _ newRun: StageRun, _ new: Step?) throws(TaskFailure) -> Answer {
    var found = Answer()
    guard old != nil || new != nil else { return found }
    for (port, input) in newRun.stage.kind.inputs.enumerated() {
      guard case .keyed(let reading) = input.reading, let oldPort = oldRun.stage.kind.inputs.firstIndex(where: { $0.name == input.name }),
        case .keyed(let oldReading) = oldRun.stage.kind.inputs[oldPort].reading
      else { continue }
      let name = SideName(before: oldRun.index, after: newRun.index, port: port)
      if sides[name] == nil { sides[name] = try SideDiff(oldRun.inputs[oldPort], oldReading, newRun.inputs[port], reading, self) }
      let diff = sides[name]!
      if diff.isEmpty { continue }
      var hashes: Set<UInt64> = []
      if let new, try bytes(new, after) != nil { hashes.formUnion(try reading.keys(try after.single(new, source: 0))) }
      if let old, try bytes(old, before) != nil { hashes.formUnion(try oldReading.keys(try before.single(old, source: 0))) }
      let role: Role = input.name.hasPrefix("labels") || input.name == "votes" ? .labels : .joined
      for change in diff.changes(hashes) { found.add(try side(change, role)) }
    }
    return found
  }

  private func side(_ change: SideDiff.Change, _ role: Role) throws(TaskFailure) -> Answer {
    var found = Answer()
    for (a, b) in zip(change.before, change.after) {
      let answer = try edited(a, b, role: role)
      found.add(answer)
      if role == .labels, let label = try merged(a, b, answer) { found.merged.append(label) }
    }
    for step in change.before.dropFirst(change.after.count) { found.add(try lone(step, isBefore: true, role: role)) }
    for step in change.after.dropFirst(change.before.count) { found.add(try lone(step, isBefore: false, role: role)) }
    return found
  }

  /// What two labels of one item say of the votes that they were merged out of; nil for labels that somebody wrote.
  func merged(_ old: Step, _ new: Step, _ answer: Answer) throws(TaskFailure) -> MergedLabel? {
    guard let was = try bytes(old, before), let now = try bytes(new, after) else { return nil }
    func field(_ row: [UInt8], _ name: String) -> [UInt8]? { FieldDiff.members(row).first { $0.0 == name }?.1 }
    guard let votes = field(was, "votes"), let others = field(now, "votes"), votes.first == UInt8(ascii: "{"), others.first == UInt8(ascii: "{"),
      let type = field(now, "label_type")
    else { return nil }
    return MergedLabel(
      labelType: type.withUnsafeBytes { String(decoding: JSONText.decoded($0), as: UTF8.self) }, before: FieldDiff.text(votes), after: FieldDiff.text(others),
      isByOthers: !answer.causes.isEmpty && answer.causes.allSatisfy { [.otherVotes, .otherRows].contains(causes[$0].bucket) })
  }

  /// What is left when a row's own way up is the same on both sides: the other rows that its stage read.
  private func elsewhere(_ old: StageRun, _ new: StageRun) throws(TaskFailure) -> [CauseID] {
    let pair = StagePair(before: old.index, after: new.index)
    if let known = elsewheres[pair] { return known }
    var subjects: [String] = []
    var found: [CauseID] = []
    for (port, tables) in zip(new.stage.kind.inputs, new.inputs) {
      guard let oldPort = old.stage.kind.inputs.firstIndex(where: { $0.name == port.name }) else { continue }
      for (index, table) in tables.enumerated() {
        let twin = index < old.inputs[oldPort].count ? old.inputs[oldPort][index] : nil
        guard twin?.content != table.content else { continue }
        if port.name == "votes", let twin, let others = try otherVotes(twin, table, new) { found.append(others) } else { subjects.append(name(of: table, after)) }
      }
    }
    if !subjects.isEmpty, found.isEmpty { found = [cause(.otherRows, "`\(new.stage.displayName)` reads all of " + subjects.joined(separator: ", "), nil)] }
    if found.isEmpty { found = [cause(.unexplained, "", nil)] }
    elsewheres[pair] = found
    return found
  }

  /// More votes than this are told by their number only.
  private static let maximumOtherVotes = 200

  /// The votes that are others now, as what moves labels on which they are no votes: by them annotators are weighed.
  private func otherVotes(_ old: TableRun, _ new: TableRun, _ stage: StageRun) throws(TaskFailure) -> CauseID? {
    let diff = try tableDiff(old, new)
    var edits: [DiffModel.Edit] = []
    var pairs = diff.edited
    var come = diff.added
    var gone: [Step] = []
    // Votes have no key: one that is of the same annotator on the same item is the same one.
    if diff.removed.count + come.count <= 2 * Self.maximumOtherVotes {
      let label = Self.column("label", of: stage) ?? "label"
      var waiting: [[UInt8]: [Step]] = [:]
      for step in come.reversed() { waiting[Self.rest(try after.bytes(step), without: label), default: []].append(step) }
      for step in diff.removed {
        if let twin = waiting[Self.rest(try before.bytes(step), without: label)]?.popLast() { pairs.append((step, twin)) } else { gone.append(step) }
      }
      come = come.filter { step in !pairs.contains { $0.after.chunk == step.chunk && $0.after.row == step.row } }
    } else {
      gone = diff.removed
    }
    for (a, b) in pairs.prefix(Self.maximumOtherVotes) { edits += try edited(a, b, role: .labels).labels }
    for step in come.prefix(Self.maximumOtherVotes) { edits += try lone(step, isBefore: false, role: .labels).labels }
    for step in gone.prefix(Self.maximumOtherVotes) { edits += try lone(step, isBefore: true, role: .labels).labels }
    guard let first = edits.first else { return nil }
    var id: CauseID?
    for edit in edits { id = cause(.otherVotes, "`\(stage.stage.displayName)` weighs annotators by all votes of `\(first.file)`", edit) }
    return id
  }

  /// A row without one of its columns.
  private static func rest(_ row: [UInt8], without column: String) -> [UInt8] {
    FieldDiff.members(row).filter { $0.0 != column }.flatMap { Array($0.0.utf8) + [0] + $0.1 + [0] }
  }

  /// How a column is called that a stage has a name of its own for.
  private static func column(_ role: String, of run: StageRun) -> String? {
    guard let columns = run.stage.keyFields.first(where: { $0.name == "columns" })?.value, columns.hasPrefix("{") else { return nil }
    guard let name = FieldDiff.members(Array(columns.utf8)).first(where: { $0.0 == role })?.1, name.first == UInt8(ascii: "\"") else { return nil }
    return name.withUnsafeBytes { String(decoding: JSONText.decoded($0), as: UTF8.self) }
  }

  private func name(of table: TableRun, _ side: DiffSide) -> String {
    guard table.stage >= 0 else { return "its source" }
    return "`\(side.scheduler.stages[table.stage].stage.displayName)`"
  }

  // MARK: sources

  /// The edit of a record of a source that one state no longer has: what is known is where it stands now.
  private func lostSource(_ old: Step?, _ new: Step?, _ role: Role, _ child: Step) throws(TaskFailure) -> [CauseID] {
    let bucket: DiffModel.Bucket =
      switch role {
      case .own: .sourceEdited
      case .labels: .labels
      case .joined: .joined
      }
    if let new, new.table.stage < 0, !after.isForeign(new.table) {
      let place = try after.place(new)
      return [cause(bucket, place.file, .init(file: place.file, line: place.line, name: try after.label(child), after: FieldDiff.text(try after.bytes(new))))]
    }
    if let old, old.table.stage < 0, !before.isForeign(old.table) {
      let place = try before.place(old)
      return [cause(bucket, place.file, .init(file: place.file, line: place.line, name: try after.label(child), before: FieldDiff.text(try before.bytes(old))))]
    }
    guard let table = new?.table ?? old?.table, table.stage < 0 else { return [] }
    return [cause(bucket, (new == nil ? before : after).sourceName(table), nil)]
  }

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
    return author(of: Array(parsed.rows.bytes[parsed.rows.range(ofRow: 0)]))
  }

  private func author(of row: [UInt8]) -> String? {
    guard row.first == UInt8(ascii: "{") else { return nil }
    for name in authorColumns {
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

  /// - Parameter columns: the key of lines of files; nil for that of the table.
  func tableDiff(_ old: TableRun, _ new: TableRun, key columns: [String]? = nil) throws(TaskFailure) -> TableDiff {
    let pair = TablePair(before: ObjectIdentifier(old), after: ObjectIdentifier(new))
    if let known = tables[pair] { return known }
    let diff = try TableDiff(old, before, new, after, key: columns ?? key(old, new), isByPlace: columns != nil)
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

  /// What stands for the cause of a row that could not be followed.
  func notFollowed() -> CauseID { cause(.notFollowed, "", nil) }

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

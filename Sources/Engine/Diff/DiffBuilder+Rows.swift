import Lineage
import Rows

/// What is told of rows that differ: their fields, labels, estimates and columns.
extension DiffBuilder {
  func told(_ change: Change, _ answer: RowExplainer.Answer, _ outputs: [DiffModel.Output]) throws(TaskFailure) -> DiffModel.RowChange {
    var old: [UInt8]?
    var new: [UInt8]?
    var label = ""
    if let step = change.before {
      old = readable(step, before)
      label = try before.label(step)
    }
    if let step = change.after {
      new = readable(step, after)
      label = try after.label(step)
    }
    let columns = (change.after ?? change.before).map { step in
      (change.after == nil ? before : after).scheduler.stages[step.table.stage].stage.kind.outputs[step.table.port].traits.rowKey
    }
    var fields: [DiffModel.FieldChange] = []
    if let old, let new {
      fields = FieldDiff.changes(old, new)
    } else if let whole = new ?? old {
      fields = FieldDiff.members(whole).map { .init(path: $0.0, before: new == nil ? FieldDiff.text($0.1) : nil, after: new == nil ? nil : FieldDiff.text($0.1)) }
    }
    return DiffModel.RowChange(
      fate: change.fate, key: privacy.key(label, columns ?? [], new ?? old ?? []), before: change.before.map { before.number($0) + 1 },
      after: change.after.map { after.number($0) + 1 }, movedFrom: change.movedFrom.map { outputs[$0].name }, fields: privacy.masked(fields, old ?? [], new ?? []),
      causes: answer.causes.sorted { rank($0) < rank($1) }, dropped: answer.dropped)
  }

  // MARK: labels

  mutating func noteLabels(_ was: [UInt8], _ now: [UInt8], _ new: Step, _ answer: RowExplainer.Answer, _ output: inout DiffModel.Output) throws(TaskFailure) {
    let traits = rowTraits(new, after)
    for type in traits.labelTypes {
      func value(_ row: [UInt8], _ name: String) -> String? { FieldDiff.members(row).first { $0.0 == name }.map { FieldDiff.text($0.1) } }
      // A row carries a label under the name of its type; a table of labels has it in `label`.
      let name = value(now, "label_type") == FieldDiff.text(JSONText.quoted(type)) ? "label" : type
      guard let from = value(was, name), let to = value(now, name), from != to else { continue }
      output.labelsMoved += 1
      let edit = answer.labels.first
      // Of a merged label: everybody whose vote is another.
      var people: [String] = []
      for case let person? in answer.labels.map(\.by) where !people.contains(person) { people.append(person) }
      var move = DiffModel.LabelMove(
        key: privacy.key(try after.label(new), traits.rowKey, now), labelType: type, before: from, after: to, place: edit.map { "\($0.file):\($0.line)" },
        by: people.isEmpty ? nil : people.joined(separator: ", "))
      var merged = answer.merged.first { $0.labelType == type }
      if merged == nil, name == "label", let votes = value(was, "votes"), let others = value(now, "votes"), votes.hasPrefix("{") {
        merged = .init(
          labelType: type, before: votes, after: others, isByOthers: answer.causes.allSatisfy { [.otherVotes, .otherRows].contains(explainer.causes[$0].bucket) })
      }
      if let merged { (move.votesBefore, move.votesAfter, move.isByOthers) = (merged.before, merged.after, merged.isByOthers) }
      model.labelMoves.append(move)
    }
  }

  /// What is known of the rows behind a step: of a line of a file, those of the rows that stand in it.
  func rowTraits(_ step: Step, _ side: DiffSide) -> TableTraits {
    let stage = side.scheduler.stages[step.table.stage].stage
    let output = stage.kind.outputs[step.table.port]
    if output.isPublic { return output.traits }
    guard let file = stage.kind.publishes.first(where: { $0.port == output.name }) else { return output.traits }
    return stage.kind.outputs[stage.outputIndex(file.rowsPort)].traits
  }

  /// A row's bytes; nil where they are not to be had.
  func readable(_ step: Step, _ side: DiffSide) -> [UInt8]? { try? side.bytes(step) }

  // MARK: estimates

  /// By how much what a model estimates has moved, when nothing else of a row has; nil when something else has, too.
  func shiftOfEstimates(_ change: Change) throws(TaskFailure) -> Double? {
    guard change.fate == .edited, change.movedFrom == nil, let old = change.before, let new = change.after else { return nil }
    let columns = rowTraits(new, after).estimates
    guard !columns.isEmpty, let was = readable(old, before), let now = readable(new, after) else { return nil }
    var greatest = 0.0
    for field in FieldDiff.changes(was, now) {
      guard columns.contains(String(field.path.prefix { $0 != "." && $0 != "[" })) else { return nil }
      // A class that has lost all its share is not written any more: that is a share of 0.
      guard let a = Double(field.before ?? "0"), let b = Double(field.after ?? "0") else {
        greatest = .infinity
        continue
      }
      greatest = max(greatest, (a - b).magnitude)
    }
    return greatest
  }

  // MARK: schema

  /// Columns that come, go or change their type, as far as the rows tell that differ; rows that both have may hold a column, too.
  func schema(_ diff: TableDiff) throws(TaskFailure) -> [DiffModel.SchemaChange] {
    let old = try columns(diff.removed + diff.edited.map(\.before), before)
    let new = try columns(diff.added + diff.edited.map(\.after), after)
    if old.names.isEmpty || new.names.isEmpty { return [] }
    let shared = try columns(diff.sharedRows(Self.comparedRows), after)
    var found: [DiffModel.SchemaChange] = []
    for name in new.names {
      if old.types[name] == nil, shared.types[name] == nil { found.append(.init(column: name, change: .added)) }
      guard let was = old.types[name]?.subtracting(["null"]), let now = new.types[name]?.subtracting(["null"]), was.count == 1, now.count == 1, was != now,
        shared.types[name]?.subtracting(["null"]).isEmpty ?? true
      else { continue }
      found.append(.init(column: name, change: .type(before: was.first!, after: now.first!)))
    }
    for name in old.names where new.types[name] == nil && shared.types[name] == nil { found.append(.init(column: name, change: .removed)) }
    return found
  }

  /// So many rows that are equal on both sides are looked at for their columns.
  private static let comparedRows = 1000

  private func columns(_ steps: [Step], _ side: DiffSide) throws(TaskFailure) -> (names: [String], types: [String: Set<String>]) {
    var names: [String] = []
    var types: [String: Set<String>] = [:]
    for step in steps {
      let row = try side.bytes(step)
      guard row.first == UInt8(ascii: "{") else { continue }
      row.withUnsafeBytes { raw in
        JSONScanner.forEachField(raw) { key, value in
          let name = String(decoding: JSONText.decoded(UnsafeRawBufferPointer(rebasing: raw[key])), as: UTF8.self)
          if types[name] == nil { names.append(name) }
          types[name, default: []].insert(Self.type(raw[value.lowerBound]))
          return true
        }
      }
    }
    return (names, types)
  }

  private static func type(_ first: UInt8) -> String {
    switch first {
    case UInt8(ascii: "\""): "string"
    case UInt8(ascii: "{"): "object"
    case UInt8(ascii: "["): "list"
    case UInt8(ascii: "t"), UInt8(ascii: "f"): "boolean"
    case UInt8(ascii: "n"): "null"
    default: "number"
    }
  }
}

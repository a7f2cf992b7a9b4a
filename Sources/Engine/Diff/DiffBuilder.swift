import Diagnostics
import Lineage
import Rows

/// Puts the difference of two states together: outputs, rows, causes, labels, drops, the version due.
struct DiffBuilder {
  typealias Step = Tracer.Step

  private let pointBefore: DiffPoint
  private let pointAfter: DiffPoint
  private let before: DiffSide
  private let after: DiffSide
  private let explainer: RowExplainer
  private let rowLimit: Int?
  private var model: DiffModel
  /// Stages to compare, each with the outputs meant; nil for all of them.
  private var wanted: [(stage: String, port: String?)] = []
  private let privacy: Privacy
  private var counted: [(primary: Int, all: [Int])] = []

  init(_ pointBefore: DiffPoint, _ before: DiffSide, _ pointAfter: DiffPoint, _ after: DiffSide, rows: Int?) {
    self.pointBefore = pointBefore
    self.pointAfter = pointAfter
    self.before = before
    self.after = after
    rowLimit = rows
    explainer = RowExplainer(before, after)
    let pipeline = after.session.pipeline
    model = DiffModel(manifest: pipeline.path, name: pipeline.name, before: pointBefore.side, after: pointAfter.side)
    privacy = Privacy([before.session.pipeline, pipeline])
  }

  // MARK: what is compared

  /// Chooses outputs: all that are published, or those of a name.
  mutating func select(_ name: String?, _ workspace: Workspace) throws(TaskFailure) {
    let stages = after.session.pipeline.graph.stages + before.session.pipeline.graph.stages
    guard let name else {
      for stage in stages where !stage.kind.publishes.isEmpty && !wanted.contains(where: { $0.stage == stage.name }) { wanted.append((stage.name, nil)) }
      return
    }
    let path = workspace.relative(name)
    for stage in stages {
      for publication in stage.kind.publishes where publication.path == name || publication.path == path {
        wanted = [(stage.name, publication.rowsPort)]
        return
      }
    }
    if stages.contains(where: { $0.name == name }) {
      wanted = [(name, nil)]
      return
    }
    if let dot = name.lastIndex(of: "."), let stage = stages.first(where: { $0.name == name[..<dot] }),
      stage.publicOutputs.contains(where: { $0.name == name[name.index(after: dot)...] })
    {
      wanted = [(stage.name, String(name[name.index(after: dot)...]))]
      return
    }
    let known = after.session.pipeline.graph.stages.filter { !$0.isImplicit }.flatMap { stage in
      stage.kind.hasMainPort ? [stage.name] : stage.publicOutputs.map { "\(stage.name).\($0.name)" }
    }
    throw TaskFailure(
      id: "unknown-output", message: "there is no stage or output `\(name)`",
      help: Suggestion.nearest(to: name, in: known).map { "did you mean `\($0)`?" } ?? "outputs: \(known.joined(separator: ", "))")
  }

  // MARK: building

  mutating func build() throws(TaskFailure) -> DiffModel {
    for want in wanted { try compare(want.stage, want.port) }
    settleCauses()
    model.drops = drops()
    model.stages = stages()
    model.version = verdict()
    model.labelsMoved = model.labelMoves.count
    noteMissing()
    return model
  }

  private mutating func compare(_ name: String, _ only: String?) throws(TaskFailure) {
    let old = before.stage(name)
    let new = after.stage(name)
    guard let shape = new?.stage ?? old?.stage else { return }
    var ports = shape.publicOutputs.map(\.name)
    for output in old?.stage.publicOutputs ?? [] where !ports.contains(output.name) { ports.append(output.name) }
    var changes: [Change] = []
    var outputs: [DiffModel.Output] = []
    for port in ports {
      var output = DiffModel.Output(name: shape.kind.hasMainPort && port == shape.publicOutputs.first?.name ? name : "\(name).\(port)")
      let oldTable = table(old, port)
      let newTable = table(new, port)
      fill(&output, name, port, oldTable, newTable, isOld: old != nil, isNew: new != nil)
      if output.isCompared {
        do throws(TaskFailure) {
          changes += try rows(oldTable, newTable, outputs.count, &output)
        } catch {
          guard error.id != "store" else { throw error }
          output.isCompared = false
          missing(name, error)
        }
      }
      outputs.append(output)
    }
    if !shape.kind.hasMainPort { pairCrossings(&changes) }
    try settle(changes, &outputs)
    for output in outputs where only == nil || output.name == "\(name).\(only!)" || output.name == name && shape.publicOutputs.first?.name == only { model.outputs.append(output) }
  }

  private func table(_ run: StageRun?, _ port: String) -> TableRun? {
    guard let run, run.isUsable, let index = run.stage.kind.outputs.firstIndex(where: { $0.name == port }) else { return nil }
    return run.outputs[index]
  }

  /// What is known without looking at rows.
  private func fill(_ output: inout DiffModel.Output, _ stage: String, _ port: String, _ old: TableRun?, _ new: TableRun?, isOld: Bool, isNew: Bool) {
    func locked(_ point: DiffPoint) -> LockFile.Output? { point.lock?.outputs.first { $0.stage == stage && $0.port == port } }
    func bytes(_ point: DiffPoint) -> Int? { point.lock?.files.filter { $0.stage == stage && $0.port == port }.reduce(nil) { ($0 ?? 0) + $1.bytes } }
    output.rowsBefore = old?.rows ?? (isOld ? locked(pointBefore)?.rows : nil)
    output.rowsAfter = new?.rows ?? (isNew ? locked(pointAfter)?.rows : nil)
    output.bytesBefore = fileBytes(before, stage, port) ?? bytes(pointBefore)
    output.bytesAfter = fileBytes(after, stage, port) ?? bytes(pointAfter)
    output.isCompared = (old != nil || !isOld) && (new != nil || !isNew)
  }

  private func fileBytes(_ side: DiffSide, _ stage: String, _ port: String) -> Int? {
    guard let run = side.stage(stage), run.isUsable else { return nil }
    return run.stage.kind.publishes.filter { $0.rowsPort == port }.reduce(nil) { sum, publication in
      (sum ?? 0) + publication.header.count + run.outputs[run.stage.outputIndex(publication.port)].bytes
    }
  }

  // MARK: rows

  private struct Change {
    var fate: DiffModel.RowFate
    var output: Int
    var before: Step?
    var after: Step?
    var movedFrom: Int?
    var key: [UInt8]
  }

  private mutating func rows(_ old: TableRun?, _ new: TableRun?, _ output: Int, _ told: inout DiffModel.Output) throws(TaskFailure) -> [Change] {
    var changes: [Change] = []
    func key(_ step: Step, _ side: DiffSide) throws(TaskFailure) -> [UInt8] {
      let columns = side.scheduler.stages[step.table.stage].stage.kind.outputs[step.table.port].traits.rowKey
      let row = try side.bytes(step)
      if !columns.isEmpty, let text = row.withUnsafeBytes({ try? RowKey(columns: columns).text(of: $0) }) { return text }
      return Digest.of(row).bytes
    }
    if let old, let new {
      let diff = try explainer.tableDiff(old, new)
      for step in diff.removed { changes.append(Change(fate: .removed, output: output, before: step, key: try key(step, before))) }
      for step in diff.added { changes.append(Change(fate: .added, output: output, after: step, key: try key(step, after))) }
      for pair in diff.edited { changes.append(Change(fate: .edited, output: output, before: pair.before, after: pair.after, key: try key(pair.after, after))) }
      told.schema = try schema(diff)
    } else {
      for (table, side, fate) in [(old, before, DiffModel.RowFate.removed), (new, after, .added)] {
        guard let table else { continue }
        try side.scheduler.load(table)
        for chunk in table.chunks.indices {
          for row in 0..<table.chunks[chunk].ref.rows {
            let step = Step(table: table, chunk: chunk, row: row)
            changes.append(Change(fate: fate, output: output, before: fate == .removed ? step : nil, after: fate == .added ? step : nil, key: try key(step, side)))
          }
        }
      }
    }
    return changes
  }

  /// A row that one output of a stage lost and another one got.
  private func pairCrossings(_ changes: inout [Change]) {
    var lost: [[UInt8]: Int] = [:]
    for (index, change) in changes.enumerated() where change.fate == .removed { lost[change.key] = index }
    var gone: Set<Int> = []
    for index in changes.indices where changes[index].fate == .added {
      guard let twin = lost[changes[index].key], !gone.contains(twin), changes[twin].output != changes[index].output else { continue }
      gone.insert(twin)
      changes[index].fate = .edited
      changes[index].before = changes[twin].before
      changes[index].movedFrom = changes[twin].output
    }
    changes = changes.enumerated().filter { !gone.contains($0.offset) }.map(\.element)
  }

  /// Explains every change, counts it, and keeps some to be told.
  private mutating func settle(_ changes: [Change], _ outputs: inout [DiffModel.Output]) throws(TaskFailure) {
    var samples: [[(hash: UInt64, place: Int, change: Change, answer: RowExplainer.Answer)]] = Array(repeating: [], count: outputs.count)
    for change in changes {
      let answer = try explain(change)
      count(answer)
      switch change.fate {
      case .added: outputs[change.output].added += 1
      case .removed: outputs[change.output].removed += 1
      case .edited: if change.movedFrom == nil { outputs[change.output].edited += 1 } else { outputs[change.output].crossed += 1 }
      }
      if let old = change.before, let new = change.after { try noteLabels(old, new, answer, &outputs[change.output]) }
      let place = change.after.map { after.number($0) } ?? change.before.map { before.number($0) } ?? 0
      samples[change.output].append((XXHash64.hash(change.key, seed: 0x6469_6666), place, change, answer))
    }
    for index in outputs.indices {
      var chosen = samples[index]
      if let rowLimit, chosen.count > rowLimit { chosen = Array(chosen.sorted { ($0.hash, $0.place) < ($1.hash, $1.place) }.prefix(rowLimit)) }
      chosen.sort { ($0.place, $0.change.after == nil ? 1 : 0, $0.hash) < ($1.place, $1.change.after == nil ? 1 : 0, $1.hash) }
      for one in chosen { outputs[index].rows.append(try told(one.change, one.answer, outputs)) }
    }
  }

  private func explain(_ change: Change) throws(TaskFailure) -> RowExplainer.Answer {
    if let old = change.before, let new = change.after { return try explainer.edited(old, new) }
    if let new = change.after { return try explainer.lone(new, isBefore: false) }
    return try explainer.lone(change.before!, isBefore: true)
  }

  private mutating func count(_ answer: RowExplainer.Answer) {
    let ordered = answer.causes.sorted { rank($0) < rank($1) }
    guard let primary = ordered.first else { return }
    counted.append((primary, ordered))
  }

  /// Source rows before labels, labels before templates, and so on: the order of the buckets, then of their names.
  private func rank(_ cause: Int) -> (Int, String) {
    let cause = explainer.causes[cause]
    return (DiffModel.Bucket.allCases.firstIndex(of: cause.bucket)!, cause.subject)
  }

  private func told(_ change: Change, _ answer: RowExplainer.Answer, _ outputs: [DiffModel.Output]) throws(TaskFailure) -> DiffModel.RowChange {
    var old: [UInt8]?
    var new: [UInt8]?
    var label = ""
    if let step = change.before {
      old = try before.bytes(step)
      label = try before.label(step)
    }
    if let step = change.after {
      new = try after.bytes(step)
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

  private mutating func noteLabels(_ old: Step, _ new: Step, _ answer: RowExplainer.Answer, _ output: inout DiffModel.Output) throws(TaskFailure) {
    let types = after.scheduler.stages[new.table.stage].stage.kind.outputs[new.table.port].traits.labelTypes
    guard !types.isEmpty else { return }
    let was = try before.bytes(old)
    let now = try after.bytes(new)
    for type in types {
      let token = JSONText.quoted(type)
      func value(_ row: [UInt8]) -> String? { row.withUnsafeBytes { raw in JSONScanner.value(of: token, in: raw).map { FieldDiff.text(Array(raw[$0])) } } }
      guard let from = value(was), let to = value(now), from != to else { continue }
      output.labelsMoved += 1
      let edit = answer.labels.first
      // Of a merged label: everybody whose vote is another.
      var people: [String] = []
      for case let person? in answer.labels.map(\.by) where !people.contains(person) { people.append(person) }
      model.labelMoves.append(
        .init(
          key: privacy.key(try after.label(new), after.scheduler.stages[new.table.stage].stage.kind.outputs[new.table.port].traits.rowKey, now), labelType: type, before: from,
          after: to, place: edit.map { "\($0.file):\($0.line)" }, by: people.isEmpty ? nil : people.joined(separator: ", ")))
    }
  }

  // MARK: schema

  private func schema(_ diff: TableDiff) throws(TaskFailure) -> [DiffModel.SchemaChange] {
    func columns(_ table: TableRun, _ chunks: [Int], _ side: DiffSide) throws(TaskFailure) -> [String] {
      var found: [String] = []
      var last: [[UInt8]] = []
      for chunk in chunks {
        try side.chunk(table, chunk).forEachRow { (_, row) throws(TaskFailure) in
          // Rows mostly have the columns of the row before.
          var keys: [[UInt8]] = []
          JSONScanner.forEachField(row) { key, _ in
            keys.append(Array(row[key]))
            return true
          }
          guard keys != last else { return }
          last = keys
          for key in keys {
            let name = key.withUnsafeBytes { String(decoding: JSONText.decoded($0), as: UTF8.self) }
            if !found.contains(name) { found.append(name) }
          }
        }
      }
      return found
    }
    let old = try columns(diff.before, diff.chunksBefore, before)
    let new = try columns(diff.after, diff.chunksAfter, after)
    if old.isEmpty || new.isEmpty { return [] }
    // Rows that both have may hold the column, too.
    var shared: [String] = []
    if let chunk = diff.sharedChunk { shared = try columns(diff.after, [chunk], after) }
    return new.filter { !old.contains($0) && !shared.contains($0) }.map { .init(column: $0, isAdded: true) }
      + old.filter { !new.contains($0) && !shared.contains($0) }.map { .init(column: $0, isAdded: false) }
  }

  // MARK: the rest

  /// Counts rows by cause and puts the causes in order; rows refer to them by their new places.
  private mutating func settleCauses() {
    var causes = explainer.causes
    for row in counted {
      causes[row.primary].rows += 1
      for other in row.all.dropFirst() { causes[other].also += 1 }
      if row.all.count > 1 { model.combined += 1 }
    }
    for index in causes.indices {
      let bucket = causes[index].bucket
      if !privacy.isEmpty, [.sourceEdited, .sourceAdded, .sourceRemoved, .labels, .joined].contains(bucket) {
        for edit in causes[index].edits.indices { privacy.mask(&causes[index].edits[edit]) }
      }
      causes[index].edits.sort { ($0.file, $0.line, $0.name) < ($1.file, $1.line, $1.name) }
    }
    let order = causes.indices.filter { causes[$0].rows + causes[$0].also > 0 }.sorted { a, b in
      let x = causes[a]
      let y = causes[b]
      if x.rows != y.rows { return x.rows > y.rows }
      if x.also != y.also { return x.also > y.also }
      return rank(a) < rank(b)
    }
    var places: [Int: Int] = [:]
    for (place, old) in order.enumerated() { places[old] = place }
    model.causes = order.map { causes[$0] }
    for output in model.outputs.indices {
      for row in model.outputs[output].rows.indices { model.outputs[output].rows[row].causes = model.outputs[output].rows[row].causes.compactMap { places[$0] } }
    }
    model.labelMoves.sort { ($0.key, $0.labelType) < ($1.key, $1.labelType) }
  }

  private func drops() -> [DiffModel.Drop] {
    var found: [DiffModel.Drop] = []
    for run in after.scheduler.stages {
      guard let now = run.result?.drops, let was = before.stage(run.stage.name)?.result?.drops else { continue }
      for reason in Set(now.map(\.reason) + was.map(\.reason)).sorted() {
        let drop = DiffModel.Drop(
          stage: run.stage.displayName, reason: reason, before: was.first { $0.reason == reason }?.count ?? 0, after: now.first { $0.reason == reason }?.count ?? 0)
        if drop.before != drop.after { found.append(drop) }
      }
    }
    return found
  }

  private func stages() -> [DiffModel.Stage] {
    var found: [DiffModel.Stage] = []
    for run in after.scheduler.stages where !run.stage.isImplicit {
      guard let old = before.stage(run.stage.name) else {
        found.append(.init(name: run.stage.name, change: .added))
        continue
      }
      let isSame = old.key != nil && old.key == run.key
      let hasEqualRows = old.isUsable && run.isUsable && old.outputs.map(\.content) == run.outputs.map(\.content)
      found.append(.init(name: run.stage.name, change: isSame ? .same : hasEqualRows ? .equalRows : .changed))
    }
    for run in before.scheduler.stages where !run.stage.isImplicit && after.stage(run.stage.name) == nil { found.append(.init(name: run.stage.name, change: .removed)) }
    return found
  }

  private func verdict() -> VersionVerdict {
    var change = VersionVerdict.Change.none
    for output in model.outputs {
      if !output.isCompared {
        let isSame = output.rowsBefore == output.rowsAfter && output.bytesBefore == output.bytesAfter
        if !isSame { change = max(change, (output.rowsAfter ?? 0) > (output.rowsBefore ?? 0) ? .added : .changed) }
        continue
      }
      // Columns that no file shows are no part of the data set.
      if filesAreEqual(output.name) { continue }
      if output.removed + output.edited + output.crossed > 0 || !output.schema.isEmpty { change = max(change, .changed) } else if output.added > 0 { change = max(change, .added) } else { change = max(change, .metadata) }
    }
    if change == .none, before.session.pipeline.desc != after.session.pipeline.desc || before.session.pipeline.name != after.session.pipeline.name { change = .metadata }
    return VersionVerdict(before: model.before.version, declared: model.after.version, change: change)
  }

  private func filesAreEqual(_ output: String) -> Bool {
    let stage = before.stage(output) != nil ? output : String(output.prefix(upTo: output.lastIndex(of: ".") ?? output.endIndex))
    guard let old = before.stage(stage), let new = after.stage(stage), !new.stage.kind.publishes.isEmpty else { return false }
    func contents(_ run: StageRun) -> [String] {
      run.stage.kind.publishes.filter { output == stage || output == "\(stage).\($0.rowsPort)" }.map { publication in
        "\(publication.header) \(run.outputs[run.stage.outputIndex(publication.port)].content?.hex ?? "")"
      }
    }
    return contents(old) == contents(new)
  }

  // MARK: what is not there

  private mutating func missing(_ stage: String, _ failure: TaskFailure) {
    let text = "rows of `\(stage)`: \(failure.message)" + (failure.help.map { " (\($0))" } ?? "")
    if !model.missing.contains(text) { model.missing.append(text) }
  }

  private mutating func noteMissing() {
    for (side, point) in [(before, pointBefore), (after, pointAfter)] {
      let lost = side.scheduler.stages.filter { !$0.isUsable && !$0.stage.isImplicit }.map(\.stage.name)
      if !lost.isEmpty, model.outputs.contains(where: { !$0.isCompared }) {
        let names = lost.map { "`\($0)`" }.joined(separator: ", ")
        model.missing.append(
          point.side.title == "working tree"
            ? "\(names) \(lost.count == 1 ? "has" : "have") no result for what lies there now: pipe run"
            : "the results of \(names) at \(point.side.title) are not in this store: check it out beside this workspace and run it with the same store (pipe run --store), or use the store of whoever ran it")
      }
      let foreign = side.scheduler.sources.summaries().filter { entry in
        entry.readers.contains { reader in side.scheduler.stages[reader].inputs.joined().contains { $0.stage < 0 && side.isForeign($0) } }
      }
      if !foreign.isEmpty {
        let names = foreign.map { entry -> String in
          switch entry.summary.outside.origin {
          case .files(let pattern): "`\(pattern)`"
          case .sqlite(let path, _): "`\(path)`"
          case .command(let argv): "`run: \(argv.joined(separator: " "))`"
          }
        }
        model.missing.append("\(names.joined(separator: ", ")) as \(point.side.title) read it: neither git nor the working tree has those bytes, so its lines are not named")
      }
    }
  }
}

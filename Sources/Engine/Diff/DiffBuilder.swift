import Diagnostics
import Lineage
import Rows

/// Puts the difference of two states together: outputs, rows, causes, labels, drops, the version due.
struct DiffBuilder {
  typealias Step = Tracer.Step

  let pointBefore: DiffPoint
  let pointAfter: DiffPoint
  let before: DiffSide
  let after: DiffSide
  let explainer: RowExplainer
  private let rowLimit: Int?
  var model: DiffModel
  /// Stages to compare, each with the outputs meant; nil for all of them.
  private var wanted: [(stage: String, port: String?)] = []
  let privacy: Privacy
  var counted: [(primary: Int, all: [Int])] = []

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
    model.scores = scores()
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
          do throws(TaskFailure) {
            // The lines of files are kept also where rows are not.
            guard let lines = try lines(old, new, port, outputs.count, &output) else { throw error }
            changes += lines
          } catch {
            guard error.id != "store" else { throw error }
            output.isCompared = false
            missing(name, error)
          }
        }
      }
      outputs.append(output)
    }
    if !shape.kind.hasMainPort { pairCrossings(&changes) }
    try settle(changes, &outputs)
    for output in outputs where only == nil || output.name == "\(name).\(only!)" || output.name == name && shape.publicOutputs.first?.name == only {
      model.outputs.append(output)
    }
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

  struct Change {
    var fate: DiffModel.RowFate
    var output: Int
    var before: Step?
    var after: Step?
    var movedFrom: Int?
    var key: [UInt8]

    var stage: Int { (after ?? before)!.table.stage }
  }

  private func lines(_ old: StageRun?, _ new: StageRun?, _ port: String, _ output: Int, _ told: inout DiffModel.Output) throws(TaskFailure) -> [Change]? {
    guard let old, let new, old.isUsable, new.isUsable else { return nil }
    func table(_ run: StageRun) -> TableRun? {
      let files = run.stage.kind.publishes.filter { $0.rowsPort == port }
      return files.count == 1 && !files[0].rowsSpanLines ? run.outputs[run.stage.outputIndex(files[0].port)] : nil
    }
    guard let was = table(old), let now = table(new) else { return nil }
    let columns = new.stage.kind.outputs[new.stage.outputIndex(port)].traits.rowKey
    return try rows(was, now, output, &told, key: old.stage.kind.outputs[old.stage.outputIndex(port)].traits.rowKey == columns ? columns : [])
  }

  private func rows(
    _ old: TableRun?, _ new: TableRun?, _ output: Int, _ told: inout DiffModel.Output, key columns: [String]? = nil
  ) throws(TaskFailure) -> [Change] {
    var changes: [Change] = []
    func key(_ step: Step, _ side: DiffSide) throws(TaskFailure) -> [UInt8] {
      let columns = columns ?? side.scheduler.stages[step.table.stage].stage.kind.outputs[step.table.port].traits.rowKey
      if let text = side.key(step, columns) { return text }
      return Digest.of(try side.bytes(step)).bytes
    }
    if let old, let new {
      let diff = try explainer.tableDiff(old, new, key: columns)
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
      if let shift = try shiftOfEstimates(change) {
        if shift <= DiffModel.tolerance { outputs[change.output].estimatesWithin += 1 } else { outputs[change.output].estimatesBeyond += 1 }
        continue
      }
      let answer = try explain(change)
      count(answer)
      switch change.fate {
      case .added: outputs[change.output].added += 1
      case .removed: outputs[change.output].removed += 1
      case .edited: if change.movedFrom == nil { outputs[change.output].edited += 1 } else { outputs[change.output].crossed += 1 }
      }
      if let old = change.before, let new = change.after, let was = readable(old, before), let now = readable(new, after) {
        try noteLabels(was, now, new, answer, &outputs[change.output])
      }
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

  /// One row that cannot be followed is told as that; the others are followed all the same.
  private mutating func explain(_ change: Change) throws(TaskFailure) -> RowExplainer.Answer {
    do throws(TaskFailure) { return try followed(change) } catch {
      guard error.id != "store" else { throw error }
      missing((change.after == nil ? before : after).scheduler.stages[change.stage].stage.name, error)
      return RowExplainer.Answer(causes: [explainer.notFollowed()])
    }
  }

  private func followed(_ change: Change) throws(TaskFailure) -> RowExplainer.Answer {
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
  func rank(_ cause: Int) -> (Int, String) {
    let cause = explainer.causes[cause]
    return (DiffModel.Bucket.allCases.firstIndex(of: cause.bucket)!, cause.subject)
  }
}

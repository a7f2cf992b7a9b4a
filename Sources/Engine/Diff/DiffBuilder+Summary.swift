import Lineage
import Rows

/// What is told of two states as a whole: causes, scores, what was left out, the version that is due, what is missing.
extension DiffBuilder {
  /// Counts rows by cause and puts the causes in order; rows refer to them by their new places.
  mutating func settleCauses() {
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

  /// Figures of stages that came out otherwise.
  func scores() -> [DiffModel.Score] {
    var found: [DiffModel.Score] = []
    for run in after.scheduler.stages {
      guard let now = run.result?.figures, let was = before.stage(run.stage.name)?.result?.figures, was != now else { continue }
      func text(_ value: StageFigures.Value?) -> String? {
        switch value {
        case .integer(let integer)?: "\(integer)"
        case .real(let real)?: real.isFinite ? "\(real)" : nil
        case .text(let text)?: FieldDiff.text(JSONText.quoted(text))
        case .nested?, .null?, nil: nil
        }
      }
      let old = Dictionary(was.leaves.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
      let new = now.leaves
      for leaf in new where old[leaf.name] != leaf.value {
        found.append(.init(stage: run.stage.displayName, name: leaf.name, before: text(old[leaf.name]), after: text(leaf.value)))
      }
      let names = Set(new.map(\.name))
      for leaf in was.leaves where !names.contains(leaf.name) { found.append(.init(stage: run.stage.displayName, name: leaf.name, before: text(leaf.value), after: nil)) }
    }
    return found.filter { $0.before != $0.after }
  }

  func drops() -> [DiffModel.Drop] {
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

  func stages() -> [DiffModel.Stage] {
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

  func verdict() -> VersionVerdict {
    var change = VersionVerdict.Change.none
    for output in model.outputs {
      if !output.isCompared {
        // By counts nobody can say that rows were only added.
        if !locksAgree(on: output.name) { change = max(change, .changed) }
        continue
      }
      // Columns that no file shows are no part of the data set.
      if filesAreEqual(output.name) { continue }
      if output.removed + output.edited + output.crossed + output.estimatesBeyond > 0 || !output.schema.isEmpty {
        change = max(change, .changed)
      } else if output.added > 0 {
        change = max(change, .added)
      } else {
        change = max(change, .metadata)
      }
    }
    if change == .none, before.session.pipeline.desc != after.session.pipeline.desc || before.session.pipeline.name != after.session.pipeline.name { change = .metadata }
    return VersionVerdict(before: model.before.version, declared: model.after.version, change: change)
  }

  /// Whether both locks name the same bytes for an output's files, or for its rows where it has none.
  private func locksAgree(on output: String) -> Bool {
    func digests(_ point: DiffPoint, _ side: DiffSide) -> [String]? {
      let isStage = side.stage(output) != nil
      let stage = isStage ? output : String(output.prefix(upTo: output.lastIndex(of: ".") ?? output.endIndex))
      let port = isStage ? nil : String(output.dropFirst(stage.count + 1))
      guard let lock = point.lock else { return nil }
      let files = lock.files.filter { $0.stage == stage && (port == nil || $0.port == port) }
      if !files.isEmpty { return files.map { "\($0.path) \($0.sha256)" }.sorted() }
      return lock.outputs.filter { $0.stage == stage && (port == nil || $0.port == port) }.map { "\($0.port) \($0.content)" }.sorted()
    }
    guard let old = digests(pointBefore, before), let new = digests(pointAfter, after) else { return false }
    return old == new
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

  mutating func missing(_ stage: String, _ failure: TaskFailure) {
    let text = "rows of `\(stage)`: \(failure.message)" + (failure.help.map { " (\($0))" } ?? "")
    if !model.missing.contains(text) { model.missing.append(text) }
  }

  mutating func noteMissing() {
    for (side, point) in [(before, pointBefore), (after, pointAfter)] {
      let lost = side.scheduler.stages.filter { !$0.isUsable && !$0.stage.isImplicit }.map(\.stage.name)
      if !lost.isEmpty, model.outputs.contains(where: { !$0.isCompared }) {
        let names = lost.map { "`\($0)`" }.joined(separator: ", ")
        model.missing.append(
          point.side.title == "working tree"
            ? "\(names) \(lost.count == 1 ? "has" : "have") no result for what lies there now: pipe run"
            : "the results of \(names) at \(point.side.title) are not in this store: check it out beside this workspace and run it with the same store (pipe run --store), or use the store of whoever ran it"
        )
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
        model.missing.append(
          "\(names.joined(separator: ", ")) as \(point.side.title) read it: neither git nor the working tree has those bytes, so its lines are not named")
      }
    }
  }
}

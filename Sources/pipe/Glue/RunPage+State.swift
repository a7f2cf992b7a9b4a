import Engine
import Lineage
import Reports
import Rows

extension RunPage {
  /// Rows of an output shown where it is not the last of its way, and rows that are followed of each file.
  private static let samplesOfStage = 4
  private static let samplesOfFile = 80
  private static let samplesOfDrop = 4
  /// Rows shown of all stages together: a graph of hundreds shows fewer of each.
  private static let samplesInAll = 1200
  private static let maximumNodes = 4000
  private static let maximumNames = 24_000
  private static let maximumRows = 2000

  /// A recorded run, as far as it can still be looked at.
  /// - Parameter earlier: records of runs before it, newest first.
  init(_ state: RunState, earlier: [RunRecord]) {
    let record = state.record
    self.init(manifest: record.manifestPath, name: record.manifestName, run: Run(record, state.pipeline))
    version = record.manifestVersion
    desc = state.pipeline.desc
    let reasons = Reasons(state.pipeline.graph)
    stages = record.stages.indices.map { index in Stage(index, state, reasons, earlier) }
    addRows(state)
    addViews(state)
    notes = state.notes
  }

  // MARK: rows

  private mutating func addRows(_ state: RunState) {
    let walk = RowWalk(state, limit: Self.maximumNodes)
    let tables = stages.reduce(0) { $0 + $1.outputs.count { ($0.rows ?? 0) > 0 } }
    let usual = max(1, min(Self.samplesOfStage, Self.samplesInAll / max(tables, 1)))
    let published = max(1, stages.reduce(0) { $0 + $1.outputs.count { !$0.files.isEmpty && ($0.rows ?? 0) > 0 } })
    // What is published comes first: its rows are what a reader asks about.
    for index in stages.indices.reversed() {
      for place in stages[index].outputs.indices where (stages[index].outputs[place].rows ?? 0) > 0 {
        let output = stages[index].outputs[place]
        let count = output.files.isEmpty ? usual : max(usual, Self.samplesOfFile / published)
        stages[index].outputs[place].samples = walk.add(stage: index, port: output.port, count: count)
      }
    }
    for index in stages.indices {
      for (place, drop) in walk.addDropped(stage: index, count: usual == 1 ? 1 : Self.samplesOfDrop).enumerated() { stages[index].drops[place].samples = drop.rows }
    }
    walk.follow()
    nodes = walk.nodes.map(Node.init)
    for index in stages.indices {
      for output in stages[index].outputs where !output.files.isEmpty && (output.rows ?? 0) > 0 {
        let file = state.publication(stage: index, port: output.port)
        names.append(
          Names(
            stage: index, port: output.port, file: file?.path, header: file?.header ?? 0, total: output.rows ?? 0,
            names: state.names(stage: index, port: output.port, limit: Self.maximumNames / published)))
      }
    }
  }

  // MARK: views of what kinds made

  private mutating func addViews(_ state: RunState) {
    for (index, stage) in stages.enumerated() where !stage.outputs.isEmpty {
      func rows(_ port: String) -> [[UInt8]] { state.rows(stage: index, port: port, limit: Self.maximumRows) }
      switch stage.kind {
      case "label-merge":
        let figures = stage.facts.filter { $0.name.hasPrefix("agreement.") }.map { (name: String($0.name.dropFirst(10)), value: $0.value) }
        let total = stage.outputs.first { $0.port == "annotators" }?.rows ?? 0
        if let view = AnnotatorsView(stage: stage.name, rows: rows("annotators"), total: total, figures: figures) { annotators.append(view) }
        if let votes = state.votes(stage: index), !votes.counts.isEmpty {
          var view = ConfusionView(stage: stage.name, side: "label", top: "vote", cells: votes.counts.map { (side: $0.label, top: $0.vote, count: $0.count) })
          view.sampled = (votes.rows, stage.outputs.first { $0.port == "rows" }?.rows ?? votes.rows)
          confusions.append(view)
        }
      case "evaluate":
        if let view = ScoresView(stage: stage.name, rows: rows("scores"), facts: stage.facts) { scores.append(view) }
        if let view = ConfusionView(stage: stage.name, rows: rows("confusion")) { confusions.append(view) }
      case "monitor": if case let snapshots = rows("rows"), !snapshots.isEmpty { monitors.append(MonitorView(manifest: name, stage: stage.name, rows: snapshots)) }
      case "export": addSplits(index, state)
      default: break
      }
    }
  }

  private mutating func addSplits(_ index: Int, _ state: RunState) {
    let sides = stages[index].outputs.filter { $0.rows != nil }
    guard let first = sides.first else { return }
    let columns = state.labelColumns(stage: index, port: first.port)
    if columns.isEmpty, sides.count < 2 { return }
    for column in columns.isEmpty ? [nil] : columns.map(Optional.init) {
      let shown = sides.map { output in
        var side = SplitView.Side(name: output.port, rows: output.rows ?? 0)
        if let column, let counts = state.counts(stage: index, port: output.port, column: column) {
          side.labels = counts.values
          side.counted = counts.counted
        }
        return side
      }
      splits.append(SplitView(stage: stages[index].name, column: column, sides: shown))
    }
  }
}

extension RunPage.Run {
  init(_ record: RunRecord, _ pipeline: Pipeline) {
    self.init(
      id: record.id, startedAt: Int(record.startedAt), finishedAt: record.finishedAt.map { Int($0) }, exitStatus: record.exitStatus, commit: record.gitCommit,
      jobs: record.jobs,
      pipeVersion: record.pipeVersion, profile: record.profile)
    let given = Dictionary(record.parameters.map { ($0.name, $0.value) }, uniquingKeysWith: { _, last in last })
    parameters = pipeline.parameters.map { ($0.name, given[$0.name] ?? $0.json, given[$0.name] != nil) }
    for parameter in record.parameters where !parameters.contains(where: { $0.name == parameter.name }) { parameters.append((parameter.name, parameter.value, true)) }
  }
}

extension RunPage.Stage {
  init(_ index: Int, _ state: RunState, _ reasons: Reasons, _ earlier: [RunRecord]) {
    let entry = state.record.stages[index]
    self.init(name: entry.caseLabel.map { "\(entry.name)@\($0)" } ?? entry.name, kind: entry.kind, status: entry.status, why: entry.reason.text)
    isFile = state.isImplicit(index)
    desc = state.desc(index)
    tags = state.tags(index)
    key = entry.key?.hex
    tasks = (entry.tasksTotal, entry.tasksRan, entry.tasksCached)
    microseconds = Int(entry.durationMicroseconds)
    rowsIn = entry.inputs.isEmpty ? nil : entry.rowsIn
    rowsOut = entry.rowsOut
    drops = entry.dropped.map { .init(reason: $0.reason, rows: $0.rows) }
    facts = entry.facts.map { ($0.name, $0.value.text) }
    checks = entry.checks
    failure = entry.failure
    inputs = Self.inputs(index, state)
    outputs = entry.outputs.map { output in
      var made = RunPage.Output(
        port: output.port, rows: state.isTable(stage: index, port: output.port) ? output.rows : nil, bytes: output.bytes, content: output.content.hex)
      made.files = output.files.map { ($0.path, $0.digest.hex, $0.rows, $0.bytes) }
      return made
    }
    if let reason = state.reason(index, since: earlier), case .changed(let changed) = reason, let place = state.graphIndex(index) {
      why = reasons.text(reason, at: place)
      changes = changed.map { change in
        RunPage.Change(label: reasons.part(change.part, place).split(separator: "\n").joined(separator: ", "), before: change.before, after: change.after)
      }
    }
    excerpt = state.excerpt(index)
    templates = state.templates(index).map { ($0.file, String(decoding: $0.text, as: UTF8.self)) }
    isAsRead = excerpt == nil && templates.isEmpty || state.isAsRead(index)
  }

  private static func inputs(_ index: Int, _ state: RunState) -> [RunPage.Input] {
    let stages = state.record.stages
    var found: [RunPage.Input] = []
    for input in stages[index].inputs {
      switch input.origin {
      case .sources(let files): found.append(.init(port: input.port, stage: nil, files: files))
      case .stage(let name, let caseLabel, let port):
        let stage = stages.firstIndex { $0.name == name && $0.caseLabel == caseLabel }
        found.append(.init(port: input.port, stage: stage, output: port, files: stage == nil ? [name] : []))
      }
    }
    // A stage that was never reached has read nothing; what it would have read is in the manifest.
    for dependency in state.dependencies(index) where !found.contains(where: { $0.stage == dependency }) {
      found.append(.init(port: "from", stage: dependency, output: "rows"))
    }
    return found
  }
}

extension RunPage.Node {
  init(_ node: RowWalk.Node) {
    let place: Place =
      switch node.place {
      case .row(let stage, let port, let row): .row(stage: stage, port: port, row: row)
      case .line(let file, let line): .line(file: file, line: line)
      }
    self.init(place: place, label: node.label, bytes: node.text)
    parents = node.parents
    sides = node.sides
    left = node.left
  }
}

extension StageRecord.FactValue {
  /// As people read it.
  fileprivate var text: String {
    switch self {
    case .integer(let value): "\(value)"
    case .real(let value): "\(value)"
    case .text(let text): text
    case .boolean(let value): "\(value)"
    }
  }
}

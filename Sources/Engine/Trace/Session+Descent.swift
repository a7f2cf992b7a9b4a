import Diagnostics
public import Lineage
import Readers
import Rows
import Store

extension Session {
  /// What came of something: a row of an output (`stage.port:row`, `<published file>:line`), a line or all of a source file, a template or
  /// another file that stages read, an output or a stage, or all rows with a value in a column (`column=value`, `stage.port:column=value`).
  ///
  /// - Parameters:
  ///   - shown: how many rows of each output are named.
  ///   - record: a run whose results are looked at; nil for what lies there now. Its sources may have changed since, so that only rows of
  ///     stages and values can be asked for.
  public func descent(of target: String, shown: Int = 5, inRun record: RunRecord? = nil) throws -> DescentModel {
    let point = try record.map { (record) throws(Unanswerable) in try DiffPoint(run: record, of: self) }
    let scheduler = try point.map { (point) throws(StoreError) in try point.session.looked(pinned: point.keys) } ?? looked()
    do throws(TaskFailure) {
      var builder = DescentBuilder(point?.session ?? self, scheduler, target, shown: shown, run: record?.id)
      do throws(Unanswerable) { try builder.begin() } catch { throw TaskFailure(id: "descent-target", message: error.diagnostic.message, help: error.diagnostic.help) }
      try builder.go()
      return builder.model
    } catch {
      if ["descent-target", "no-row"].contains(error.id) { throw Unanswerable(error.id == "no-row" ? "no-row" : "trace", error.message, help: error.help) }
      throw Unanswerable(scheduler.failed(error))
    }
  }
}

extension Scheduler {
  /// A failure outside any stage, as a message.
  func failed(_ failure: TaskFailure) -> Diagnostic { resolve(failure).diagnostic }
}

/// Finds where a descent begins, and puts what came of it into words.
private struct DescentBuilder {
  let session: Session
  let scheduler: Scheduler
  let target: String
  let shown: Int
  private var descent: Descent
  private(set) var model: DescentModel
  private let privacy: Privacy
  /// More starts than these are counted.
  private static let startsShown = 5

  init(_ session: Session, _ scheduler: Scheduler, _ target: String, shown: Int, run: String?) {
    self.session = session
    self.scheduler = scheduler
    self.target = target
    self.shown = shown
    descent = Descent(scheduler)
    model = DescentModel(target: target)
    model.run = run
    privacy = Privacy([session.pipeline])
  }

  // MARK: where it begins

  mutating func begin() throws(Session.Unanswerable) {
    do throws(TaskFailure) {
      if let (scope, column, value) = Self.condition(target) { return try begin(column, value, in: scope) }
      if let colon = target.lastIndex(of: ":"), let number = Int(target[target.index(after: colon)...]), number >= 1 {
        return try begin(row: number, of: String(target[..<colon]))
      }
      try begin(name: target)
    } catch {
      if error.id == "unanswerable" { throw Session.Unanswerable("trace", error.message, help: error.help) }
      throw Session.Unanswerable(scheduler.failed(error))
    }
  }

  private static func refused(_ error: Session.Unanswerable) -> TaskFailure {
    TaskFailure(id: "unanswerable", message: error.diagnostic.message, help: error.diagnostic.help)
  }

  /// `customer_id=C-1`, `tickets.rows:customer_id=C-1`
  private static func condition(_ target: String) -> (scope: String?, column: String, value: String)? {
    guard let equals = target.firstIndex(of: "=") else { return nil }
    let left = target[..<equals]
    let value = String(target[target.index(after: equals)...])
    guard let colon = left.lastIndex(of: ":") else { return (nil, String(left), value) }
    return (String(left[..<colon]), String(left[left.index(after: colon)...]), value)
  }

  private mutating func begin(_ column: String, _ value: String, in scope: String?) throws(TaskFailure) {
    guard !column.isEmpty, !value.isEmpty else {
      throw TaskFailure(id: "unanswerable", message: "`\(target)` names no value", help: "as <column>=<value>, for example customer_id=C-1")
    }
    let search = ColumnSearch(scheduler, column: column, value: value)
    var only: (StageRun, Int)?
    if let scope { do throws(Session.Unanswerable) { only = try session.resolve(scope, in: scheduler) } catch { throw Self.refused(error) } }
    model.search = .init()
    // Stages behind which the column comes with rows that were searched before.
    var covered: Set<Int> = []
    var hasColumn = false
    for run in scheduler.stages where run.isUsable {
      let streams = run.stage.kind.inputs.indices.filter { port in
        switch run.stage.kind.inputs[port].reading {
        case .source, .stream, .whole: true
        case .keyed, .comparison: false
        }
      }
      let isBelow = streams.contains { port in run.inputs[port].contains { $0.stage >= 0 && covered.contains($0.stage) } }
      if isBelow, only == nil {
        covered.insert(run.index)
        continue
      }
      for (port, output) in run.stage.kind.outputs.enumerated() where output.isPublic && output.content == .rows {
        if let only, only.0 !== run || only.1 != port { continue }
        let table = run.outputs[port]
        guard try search.isColumn(of: table, output) else { continue }
        hasColumn = true
        covered.insert(run.index)
        guard table.rows > 0 else { continue }
        let name = "\(run.stage.displayName).\(output.name)"
        let isIndexed = search.isIndexed(run, output)
        if isIndexed {
          model.search!.indexed.append(name)
        } else {
          model.search!.scanned.append(name)
          model.search!.scannedRows += table.rows
        }
        var found: [(chunk: Int, row: Int)] = []
        try search.forEachRow(of: table, isIndexed: isIndexed) { found.append(($0, $1)) }
        for place in found { descent.begin(at: place.row, in: place.chunk, of: table) }
        try tell(found, run, port)
      }
    }
    guard hasColumn else {
      throw TaskFailure(id: "unanswerable", message: "no table has a column `\(column)`", help: "`pipe show <stage> -n 1` shows a row")
    }
  }

  private mutating func tell(_ rows: [(chunk: Int, row: Int)], _ run: StageRun, _ port: Int) throws(TaskFailure) {
    let places = Array(rows.prefix(max(0, Self.startsShown - model.starts.count)))
    for place in try named(places, run, port) {
      model.starts.append(.init(name: "\(run.stage.displayName).\(run.stage.kind.outputs[port].name)", number: place.row, key: place.key, rows: 1))
    }
    model.moreStarts += rows.count - places.count
  }

  private mutating func begin(row number: Int, of name: String) throws(TaskFailure) {
    let path = path(of: name)
    if model.run != nil, !sources(of: path).isEmpty {
      throw TaskFailure(
        id: "unanswerable", message: "the lines of `\(path)` may not be those that the run has read",
        help: "ask for a row of the stage that reads it, or for <column>=<value>")
    }
    if let (table, chunk, row, line) = try sourceRow(path, number) {
      model.starts = [.init(name: path, number: line, key: "", rows: 1)]
      return descent.begin(at: row, in: chunk, of: table)
    }
    var place: (run: StageRun, port: Int, row: Int)
    do throws(Session.Unanswerable) { place = try session.locate(name, number, scheduler) } catch { throw Self.refused(error) }
    guard place.run.isUsable else {
      throw TaskFailure(id: "unanswerable", message: "`\(place.run.stage.displayName)` has no result for what lies there now", help: "pipe run")
    }
    let table = place.run.outputs[place.port]
    try scheduler.load(table)
    guard let (chunk, row) = Tracer.locate(place.row, in: table.chunks) else {
      throw TaskFailure(id: "unanswerable", message: "`\(name)` has \(table.rows) rows; there is no row \(place.row + 1)")
    }
    descent.begin(at: row, in: chunk, of: table)
    // A written line is the end of the way; the row that stands in it may go on.
    let files = place.run.stage.kind.publishes
    if let file = files.first(where: { $0.port == place.run.stage.kind.outputs[place.port].name }), file.rowsPort != file.port {
      let rows = place.run.outputs[place.run.stage.outputIndex(file.rowsPort)]
      try scheduler.load(rows)
      if files.count(where: { $0.rowsPort == file.rowsPort }) == 1, let (chunk, row) = Tracer.locate(place.row, in: rows.chunks) {
        descent.begin(at: row, in: chunk, of: rows)
        place.port = rows.port
      }
    }
    try tell([(chunk, row)], place.run, place.port)
  }

  /// The record of a source that stands on a line of a file.
  private func sourceRow(_ path: String, _ line: Int) throws(TaskFailure) -> (TableRun, chunk: Int, row: Int, line: Int)? {
    for (_, table) in sources(of: path) {
      var candidate: (chunk: Int, start: Int)?
      for (ordinal, chunk) in table.chunks.enumerated() {
        guard case .raw(let file, let entry) = chunk.origin else { continue }
        let place = scheduler.sources.place(table, file: file, entry: entry)
        if place.name == path, place.startLine <= line, place.startLine >= candidate?.start ?? 0 { candidate = (ordinal, place.startLine) }
      }
      guard let candidate else { throw TaskFailure(id: "unanswerable", message: "line \(line) of `\(path)` is no row of it") }
      let bytes = try scheduler.bytes(of: table, candidate.chunk, consuming: false)
      let parser = RecordParser(context: table.chunks[candidate.chunk].context)
      var at = candidate.start
      var from = 0
      for (row, range) in bytes.withUnsafeBytes({ parser.recordRanges(in: $0) }).enumerated() {
        at += bytes.withUnsafeBytes { Lines.count(UnsafeRawBufferPointer(rebasing: $0[from..<range.lowerBound])) }
        from = range.lowerBound
        let last = at + bytes.withUnsafeBytes { Lines.count(UnsafeRawBufferPointer(rebasing: $0[range])) }
        if line <= last, line >= at { return (table, candidate.chunk, row, at) }
      }
      throw TaskFailure(id: "unanswerable", message: "`\(path)` has no row on line \(line)", help: "the first line of a CSV file is its header")
    }
    return nil
  }

  /// A path as the manifest has it: from the workspace root, or from where we are.
  private func path(of name: String) -> String {
    let relative = session.workspace.relative(name)
    let isKnown =
      !sources(of: name).isEmpty || scheduler.stages.contains { run in run.stage.keyFilePaths.contains(name) || run.stage.kind.publishes.contains { $0.path == name } }
    return isKnown ? name : relative
  }

  /// The tables of sources that a file is part of.
  private func sources(of path: String) -> [(index: Int, table: TableRun)] {
    scheduler.sources.summaries().enumerated().compactMap { index, source in
      source.summary.names.contains { $0 == path || $0.hasPrefix(path + "!/") } ? (index, scheduler.sources.table(index)) : nil
    }
  }

  private mutating func begin(name: String) throws(TaskFailure) {
    let path = path(of: name)
    if model.run != nil, !sources(of: path).isEmpty {
      throw TaskFailure(
        id: "unanswerable", message: "`\(path)` may not be what the run has read", help: "ask for a row of the stage that reads it, or for <column>=<value>")
    }
    for (_, table) in sources(of: path) {
      var rows = 0
      for (ordinal, chunk) in table.chunks.enumerated() {
        guard case .raw(let file, let entry) = chunk.origin else { continue }
        let name = scheduler.sources.place(table, file: file, entry: entry).name
        guard name == path || name.hasPrefix(path + "!/") else { continue }
        rows += chunk.ref.rows
        descent.begin(with: table, isTable: true) { $0 == ordinal }
      }
      model.starts.append(.init(name: path, number: nil, key: "", rows: rows))
    }
    var readers: [StageRun] = []
    for run in scheduler.stages where run.isUsable && run.stage.keyFilePaths.contains(path) { readers.append(run) }
    if !readers.isEmpty { model.starts.append(.init(name: path, number: nil, key: "", rows: 0)) }
    if let file = scheduler.stages.lazy.compactMap({ run in run.stage.kind.publishes.first { $0.path == path }.map { (run, $0.rowsPort) } }).first {
      try begin(with: file.0, [file.0.stage.outputIndex(file.1)])
      return
    }
    for run in readers { try begin(with: run, Array(run.outputs.indices), isStart: false) }
    guard model.starts.isEmpty else { return }
    do throws(Session.Unanswerable) {
      if let run = scheduler.stages.first(where: { $0.stage.name == name || $0.stage.displayName == name }) {
        try wrapped { () throws(TaskFailure) in try begin(with: run, Array(run.outputs.indices)) }
      } else if name.contains("/") {
        throw Session.Unanswerable("trace", "no stage reads `\(path)`", help: "a file of a source, a template, an output, a stage, or <column>=<value>")
      } else {
        let (run, port) = try session.resolve(name, in: scheduler)
        try wrapped { () throws(TaskFailure) in try begin(with: run, [port]) }
      }
    } catch { throw Self.refused(error) }
  }

  private func wrapped(_ body: () throws(TaskFailure) -> Void) throws(Session.Unanswerable) {
    do throws(TaskFailure) { try body() } catch { throw Session.Unanswerable(scheduler.failed(error)) }
  }

  private mutating func begin(with run: StageRun, _ ports: [Int], isStart: Bool = true) throws(TaskFailure) {
    guard run.isUsable else { throw TaskFailure(id: "unanswerable", message: "`\(run.stage.displayName)` has no result for what lies there now", help: "pipe run") }
    for port in ports {
      let table = run.outputs[port]
      let output = run.stage.kind.outputs[port]
      try scheduler.load(table)
      descent.begin(with: table, isTable: output.content == .rows)
      if isStart, output.isPublic { model.starts.append(.init(name: "\(run.stage.displayName).\(output.name)", number: nil, key: "", rows: table.rows)) }
    }
  }

  // MARK: what came of it

  mutating func go() throws(TaskFailure) {
    try descent.run()
    model.missing = scheduler.stages.filter { !$0.isUsable }.map(\.stage.displayName)
    for run in scheduler.stages where run.isUsable {
      var outputs: [DescentModel.Output] = []
      for (port, output) in run.stage.kind.outputs.enumerated() where output.isPublic {
        let table = run.outputs[port]
        let reach = descent[table]
        guard !reach.isEmpty else { continue }
        outputs.append(
          DescentModel.Output(
            name: output.name, content: output.content == .rows ? .table : output.content == .folder ? .folder : .file, digest: table.content?.hex ?? "",
            rows: output.content == .rows ? reach.count : 0, total: output.content == .rows ? table.rows : 0, isWhole: reach.isWhole, unknown: reach.unknown,
            through: reach.through,
            places: output.content == .rows ? try places(reach, run, port) : []))
      }
      let drops = descent.dropped[run.index] ?? []
      guard !outputs.isEmpty || !drops.isEmpty else { continue }
      model.stages.append(
        DescentModel.Stage(
          name: run.stage.displayName, kind: run.stage.kindName, rowsRead: descent.read[run.index] ?? 0,
          rowsIn: run.inputs.reduce(0) { $0 + $1.reduce(0) { $0 + $1.rows } }, outputs: outputs,
          dropped: drops.sorted { $0.reason < $1.reason }.map { .init(reason: $0.reason, rows: $0.rows) }))
    }
  }

  private func places(_ reach: Reach, _ run: StageRun, _ port: Int) throws(TaskFailure) -> [DescentModel.Output.Place] {
    var first: [(chunk: Int, row: Int)] = []
    for chunk in reach.rows.keys.sorted() where first.count < shown {
      for row in reach.rows[chunk]!.rows where first.count < shown { first.append((chunk, row)) }
    }
    var places = try named(first, run, port)
    // The same rows as lines of the published file, where it is one.
    let files = run.stage.kind.publishes.filter { $0.rowsPort == run.stage.kind.outputs[port].name }
    if files.count == 1, !files[0].rowsSpanLines {
      for place in places.indices {
        places[place].file = files[0].path
        places[place].line = places[place].row + Lines.count(of: files[0].header)
      }
    }
    return places
  }

  private func named(_ rows: [(chunk: Int, row: Int)], _ run: StageRun, _ port: Int) throws(TaskFailure) -> [DescentModel.Output.Place] {
    let table = run.outputs[port]
    let key = run.stage.kind.outputs[port].traits.rowKey
    var starts: [Int] = []
    var sum = 0
    for chunk in table.chunks {
      starts.append(sum)
      sum += chunk.ref.rows
    }
    return try rows.map { (place) throws(TaskFailure) in
      var label = ""
      // Only what is at hand: a key is a help, and no reason to do work again.
      if !key.isEmpty, let bytes = (try? scheduler.store.get(table.chunks[place.chunk].ref.digest)) ?? nil {
        let chunk = Chunk(bytes: bytes)
        if place.row < chunk.rowCount {
          let row = Array(chunk.bytes[chunk.range(ofRow: place.row)])
          label = privacy.key(descent.tracer.label(run, port, row), key, row)
        }
      }
      return DescentModel.Output.Place(row: starts[place.chunk] + place.row + 1, key: label)
    }
  }
}

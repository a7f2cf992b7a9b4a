import Diagnostics
public import Lineage
import Rows
import Store

extension Session {
  /// Where a row is from and who wrote what it was made of: `stage.port:row`, or a published file and line.
  public func blame(_ target: String) throws -> BlameModel {
    guard let colon = target.lastIndex(of: ":"), let number = Int(target[target.index(after: colon)...]), number >= 1 else {
      throw Unanswerable("blame", "`\(target)` names no row", help: "as <file>:<line> or <stage>.<output>:<row>, counted from 1")
    }
    let scheduler = try looked()
    let (run, port, row) = try locate(String(target[..<colon]), number, scheduler)
    guard run.isUsable else { throw Unanswerable("not-there", "`\(run.stage.displayName)` has no result for what lies there now", help: "pipe run", exitCode: 1) }
    do throws(TaskFailure) {
      return try BlameBuilder(self, scheduler).blame(run, port, row)
    } catch {
      if error.id == "no-row" { throw Unanswerable("no-row", error.message) }
      throw Unanswerable(scheduler.resolve(error, in: nil, run).diagnostic)
    }
  }
}

/// Puts together what is known of one row.
struct BlameBuilder {
  private let session: Session
  private let scheduler: Scheduler
  private let tracer: Tracer
  /// So many earlier runs are looked through for the row's first.
  private static let maximumRuns = 50

  init(_ session: Session, _ scheduler: Scheduler) {
    self.session = session
    self.scheduler = scheduler
    tracer = Tracer(scheduler)
  }

  func blame(_ run: StageRun, _ written: Int, _ row: Int) throws(TaskFailure) -> BlameModel {
    // A line of the only file of an output is the row of the same number.
    var port = written
    let files = run.stage.kind.publishes
    if let file = files.first(where: { $0.port == run.stage.kind.outputs[written].name }), files.count(where: { $0.rowsPort == file.rowsPort }) == 1 {
      port = run.stage.outputIndex(file.rowsPort)
    }
    let node = try tracer.trace(stage: run.index, port: port, row: row)
    var model = BlameModel(row: "\(run.stage.displayName).\(run.stage.kind.outputs[port].name):\(row + 1)", key: node.label)
    let privacy = Privacy([session.pipeline])
    model.key = privacy.key(node.label, run.stage.kind.outputs[port].traits.rowKey, node.bytes)
    walk(node, isMain: true, &model)
    let way = way(run)
    model.stages = way.map { stage in
      BlameModel.Stage(
        name: stage.stage.displayName, kind: stage.stage.kindName, version: type(of: stage.stage.kind).version,
        place: stage.stage.range.map { BlameModel.Line(file: $0.path, line: $0.line) })
    }
    model.messages = messages(way, node.bytes)
    model.parameters = parameters(way)
    try since(run, port, row, &model)
    return model
  }

  // MARK: lines

  private func walk(_ node: TraceNode, isMain: Bool, _ model: inout BlameModel) {
    for (index, parent) in node.parents.enumerated() {
      // First parents lead to the source; what comes after them was looked up.
      let isSide = index > 0 && !isMultiple(node)
      if isSide { side(parent, &model) } else { walk(parent, isMain: isMain, &model) }
    }
    if case .line(let file, let line) = node.place, node.parents.isEmpty {
      let found = BlameModel.Line(file: file, line: line, commit: commit(file, line))
      if !model.sources.contains(found) { model.sources.append(found) }
    }
  }

  /// Whether all parents of a row are rows of its own input: a stage that makes one row of several.
  private func isMultiple(_ node: TraceNode) -> Bool {
    guard case .row(let name, _, _) = node.place, let run = scheduler.stages.first(where: { $0.stage.displayName == name }) else { return false }
    return !run.stage.kind.inputs.contains { if case .keyed = $0.reading { true } else { false } }
  }

  private func side(_ node: TraceNode, _ model: inout BlameModel) {
    let (leaf, line) = leaf(node)
    let fields = node.bytes.first == UInt8(ascii: "{") ? FieldDiff.members(node.bytes) : []
    func text(_ name: String) -> String? {
      fields.first { $0.0 == name }.flatMap { $0.1.first == UInt8(ascii: "\"") ? $0.1.withUnsafeBytes { String(decoding: JSONText.decoded($0), as: UTF8.self) } : nil }
    }
    guard let label = fields.first(where: { $0.0 == "label" })?.1, let type = text("label_type") else {
      if let line, !model.joined.contains(line) { model.joined.append(line) }
      return
    }
    // A record has one parent, its line; a label that was merged has its item, and then the votes.
    let votes = node.parents.dropFirst().compactMap { parent -> BlameModel.Vote? in
      let (leaf, line) = self.leaf(parent)
      return line.map { BlameModel.Vote(text: String(decoding: leaf.bytes, as: UTF8.self), line: $0) }
    }
    model.labels.append(
      .init(labelType: type, label: FieldDiff.text(label), by: text("labeled_by") ?? text("annotator"), line: votes.isEmpty ? line : nil, votes: votes))
  }

  /// Where the first parents of a node end, and the line that is.
  private func leaf(_ node: TraceNode) -> (TraceNode, BlameModel.Line?) {
    var leaf = node
    while let first = leaf.parents.first { leaf = first }
    guard case .line(let file, let number) = leaf.place else { return (leaf, nil) }
    return (leaf, BlameModel.Line(file: file, line: number, commit: commit(file, number)))
  }

  // MARK: git

  private func commit(_ file: String, _ line: Int) -> BlameModel.Commit? {
    // The lines of a compressed file or an archive are not those that git sees.
    guard line > 0, !file.contains("!/"), ![".gz", ".bz2", ".xz", ".zst"].contains(where: file.hasSuffix) else { return nil }
    let path = session.workspace.absolute(file)
    guard let text = try? GitTree.git(["blame", "--porcelain", "-L", "\(line),\(line)", "--", path], session.workspace.root) else { return nil }
    var commit = BlameModel.Commit(id: nil, author: "", date: "", summary: "")
    for (index, entry) in text.split(separator: "\n").enumerated() {
      let words = entry.split(separator: " ", maxSplits: 1)
      guard let first = words.first else { continue }
      let rest = words.count > 1 ? String(words[1]) : ""
      if index == 0 { commit.id = first.allSatisfy { $0 == "0" } ? nil : String(first) }
      switch first {
      case "author": commit.author = rest
      case "author-time": commit.date = Int(rest).map(Self.day) ?? ""
      case "summary": commit.summary = rest
      default: continue
      }
    }
    if commit.id == nil { return BlameModel.Commit(id: nil, author: "", date: "", summary: "") }
    return commit
  }

  /// Civil from days: http://howardhinnant.github.io/date_algorithms.html
  private static func day(_ seconds: Int) -> String {
    let shifted = seconds / 86_400 + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(yearOfEra + era * 400 + (month <= 2 ? 1 : 0))-\(two(month))-\(two(day))"
  }

  // MARK: the way

  /// The stages between the sources and a stage, in order; paths used as tables are left out.
  private func way(_ run: StageRun) -> [StageRun] {
    var found: Set<Int> = [run.index]
    var open = [run.index]
    while let next = open.popLast() { for producer in scheduler.graph.producers[next] where found.insert(producer).inserted { open.append(producer) } }
    return found.sorted().map { scheduler.stages[$0] }.filter { !$0.stage.isImplicit }
  }

  /// The template lines behind each message, by the words that stand in both.
  private func messages(_ way: [StageRun], _ row: [UInt8]) -> [BlameModel.Message] {
    guard row.first == UInt8(ascii: "{"), let stage = way.last(where: { $0.stage.kindName == "assemble" })?.stage else { return [] }
    let members = FieldDiff.members(row)
    let texts = members.first { $0.0 == "messages" }.map { FieldDiff.items($0.1) } ?? []
    var places: [Int] = []
    if let fields = stage.keyFields.first(where: { $0.name == "messages" })?.value, !fields.contains("__operand_") {
      for (index, item) in FieldDiff.items(Array(fields.utf8)).enumerated() where !FieldDiff.members(item).contains(where: { $0.0 == "content" || $0.0 == "tool_calls" })
      { places.append(index) }
    }
    var found: [BlameModel.Message] = []
    var next = 0
    for (file, path) in zip(stage.keyFiles, stage.keyFilePaths) where file.role.hasPrefix("template") || file.role == "prompt template" {
      guard let path, !found.contains(where: { $0.lines.first?.file == path }) else { continue }
      var message: Int?
      if file.role == "template" {
        message = next < places.count ? places[next] : nil
        next += 1
      }
      var rendered: String?
      if let message, message < texts.count, let content = FieldDiff.members(texts[message]).first(where: { $0.0 == "content" })?.1 {
        rendered = content.first == UInt8(ascii: "\"") ? content.withUnsafeBytes { String(decoding: JSONText.decoded($0), as: UTF8.self) } : FieldDiff.text(content)
      } else if message == nil {
        rendered = texts.map { $0.withUnsafeBytes { String(decoding: JSONText.decoded($0), as: UTF8.self) } }.joined(separator: "\n")
      }
      var lines: [BlameModel.Line] = []
      if let rendered, case .success(let bytes) = session.load(path) {
        for (index, line) in String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        where Self.wrote(String(line), rendered) {
          lines.append(.init(file: path, line: index + 1, commit: lines.count < 20 ? commit(path, index + 1) : nil))
        }
      }
      if lines.isEmpty { lines = [.init(file: path, line: 1, commit: commit(path, 1))] }
      found.append(.init(part: message.map { "messages[\($0)]" } ?? "", lines: lines))
    }
    return found
  }

  /// Whether a template's line can have written part of a text: all its literal words stand there, and there are some.
  private static func wrote(_ line: String, _ text: String) -> Bool {
    var words: [Substring] = []
    var rest = line[...]
    while !rest.isEmpty {
      let open = ["{{", "{%", "{#"].compactMap { rest.firstRange(of: $0) }.min { $0.lowerBound < $1.lowerBound }
      words.append(rest[..<(open?.lowerBound ?? rest.endIndex)])
      guard let open else { break }
      guard let close = ["}}", "%}", "#}"].compactMap({ rest[open.upperBound...].firstRange(of: $0) }).min(by: { $0.lowerBound < $1.lowerBound }) else { break }
      rest = rest[close.upperBound...]
    }
    let literal = words.filter { $0.contains { !$0.isWhitespace } }
    return !literal.isEmpty && literal.allSatisfy { text.contains($0) }
  }

  /// Parameters that the text of a stage on the way names.
  private func parameters(_ way: [StageRun]) -> [BlameModel.Parameter] {
    var found: [BlameModel.Parameter] = []
    for run in way {
      guard let range = run.stage.range, case .success(let bytes) = session.load(range.path) else { continue }
      let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
      let next = scheduler.stages.compactMap { $0.stage.range }.filter { $0.path == range.path && $0.line > range.line }.map(\.line).min() ?? lines.count + 1
      let text = lines[min(range.line - 1, lines.count)..<min(next - 1, lines.count)].joined(separator: "\n")
      for parameter in session.pipeline.parameters where text.contains("params.\(parameter.name)") {
        found.append(.init(name: parameter.name, value: parameter.json, stage: run.stage.displayName))
      }
    }
    return found
  }

  // MARK: since

  /// Walks back through the runs for as long as they made this very row.
  private func since(_ run: StageRun, _ port: Int, _ row: Int, _ model: inout BlameModel) throws(TaskFailure) {
    let table = run.outputs[port]
    guard let (chunk, _) = Tracer.locate(row, in: table.chunks) else { return }
    let digest = table.chunks[chunk].ref.digest
    let line = try rowLine(run, port, row)
    let records = Session.records(in: scheduler.store, limit: Self.maximumRuns, manifest: session.pipeline.path)
    for (index, record) in records.enumerated() {
      let stage = record.stages.first { entry in entry.name == run.stage.displayName || "\(entry.name)@\(entry.caseLabel ?? "")" == run.stage.name }
      guard record.exitStatus == 0, let stage else { continue }
      guard let content = stage.output(run.stage.kind.outputs[port].name)?.content, made(content, digest) || stage.key.map({ wrote(run, port, $0, line) }) ?? false else {
        break
      }
      model.sinceRun = record.id
      model.sinceTime = Int(record.startedAt)
      model.isOldestRun = index == records.count - 1
    }
  }

  private func made(_ content: Digest, _ chunk: Digest) -> Bool {
    guard let list = (try? scheduler.store.get(content)) ?? nil else { return false }
    var reader = ByteReader(list)
    return ((try? ChunkList.decode(from: &reader)) ?? []).contains { $0.digest == chunk }
  }

  /// The row as it stands in the published file; nil where no file shows it.
  private func rowLine(_ run: StageRun, _ port: Int, _ row: Int) throws(TaskFailure) -> (bytes: [UInt8], chunk: Digest)? {
    let name = run.stage.kind.outputs[port].name
    let files = run.stage.kind.publishes.filter { $0.rowsPort == name }
    guard files.count == 1 else { return nil }
    let table = run.outputs[run.stage.outputIndex(files[0].port)]
    try scheduler.load(table)
    guard let (chunk, offset) = Tracer.locate(row, in: table.chunks) else { return nil }
    let lines = try PublishedRows.chunk(try scheduler.bytes(of: table, chunk, consuming: false), rows: table.chunks[chunk].ref.rows)
    return (Array(lines.bytes[lines.range(ofRow: offset)]), table.chunks[chunk].ref.digest)
  }

  /// Whether a stage of an earlier run wrote the line into the same file: written chunks are kept.
  private func wrote(_ run: StageRun, _ port: Int, _ key: Digest, _ line: (bytes: [UInt8], chunk: Digest)?) -> Bool {
    let name = run.stage.kind.outputs[port].name
    guard let line, let file = run.stage.kind.publishes.first(where: { $0.rowsPort == name }), let result = scheduler.storedResult(key) else { return false }
    let index = run.stage.outputIndex(file.port)
    guard index < result.ports.count, let list = (try? scheduler.store.get(result.ports[index].content)) ?? nil else { return false }
    var reader = ByteReader(list)
    guard let chunks = try? ChunkList.decode(from: &reader) else { return false }
    if chunks.contains(where: { $0.digest == line.chunk }) { return true }
    // The line stands in none of the other chunks that both files have.
    let today = Set(run.outputs[index].chunks.map(\.ref.digest))
    for chunk in chunks where !today.contains(chunk.digest) {
      guard let bytes = (try? scheduler.store.get(chunk.digest)) ?? nil else { continue }
      let lines = Chunk(bytes: bytes)
      for row in 0..<lines.rowCount where bytes[lines.range(ofRow: row)].elementsEqual(line.bytes) { return true }
    }
    return false
  }
}

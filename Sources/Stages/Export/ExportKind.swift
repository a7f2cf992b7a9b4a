public import Diagnostics
public import Engine
internal import Rows

/// `export`: gates rows, splits them by hash, and writes the lines of training files.
public struct ExportKind: StageKind {
  public static let name = "export"
  public static let version = 1
  public static let components: [Component] = [.templates]
  public static let facts = ["held_back", "truncated", "tokens.sum"]

  public let inputs: [InputPort]
  public let outputs: [OutputPort]
  public let hasMainPort: Bool
  public let publishes: [Publication]
  private let plan: ExportPlan

  public init(_ stage: any StageReading) throws(Problems) {
    var reader = SettingReader(stage)
    let from = reader.setting("from")
    let sources = reader.inputs(from)
    let traits = reader.traits(of: sources)
    let shards = reader.setting("shards")?.int ?? 1
    // What a row is known by decides its shard.
    if shards > 1 { stage.note(traits.rowKey.joined(separator: "\u{1}"), as: "row_key") }

    let split = Self.split(reader.setting("split"))
    let (format, header) = Self.format(traits, &reader)
    let limit = Self.limit(&reader)
    let gate = Gate(reader.setting("gate"), reader.unwrittenGovernance(of: sources), &reader)
    let filter = RowFilter(&reader)

    let names = split?.sides.map(\.name) ?? ["rows"]
    var outputs = names.map { OutputPort($0, traits: traits) }
    var publishes: [Publication] = []
    let paths = Self.paths(names, isSplit: split != nil, &reader)
    for (name, path) in zip(names, paths) {
      for shard in 0..<shards {
        let port = shards == 1 ? "\(name).file" : "\(name).file.\(shard)"
        outputs.append(OutputPort(port, isKept: true, isPublic: false))
        publishes.append(
          Publication(path: ShardRule.path(path, shard: shard, of: shards), port: port, rowsPort: name, header: header, rowsSpanLines: format.spansLines))
      }
    }
    if case .dspy(let folder) = format {
      outputs += [OutputPort(DSPyFolder.statePort, isKept: true, isPublic: false), OutputPort(DSPyFolder.codePort, isKept: true, isPublic: false)]
      publishes += folder.publications(beside: Array(zip(names, paths)).map { (name: $0, path: $1) }, &reader)
      stage.note(traits.rowKey.joined(separator: "\u{1}"), as: "row_key")
    }
    try reader.finish()

    inputs = [InputPort(name: "from", reading: .stream, sources: sources, range: from?.range)]
    self.outputs = outputs
    self.publishes = publishes
    hasMainPort = split == nil
    plan = ExportPlan(
      format: format, gate: gate, limit: limit, split: split, keepTogether: reader.setting("split")?.entry("keep_together")?.text,
      rowKey: RowKey(columns: traits.rowKey), shards: shards, filter: filter)
  }

  public var work: Work {
    let plan = plan
    // A program's state holds the best demonstrations of all rows.
    if case .dspy(let folder) = plan.format {
      return .wholeInput(WholeWork { (input, writer) throws(TaskFailure) in try plan.write(input, folder, writer) })
    }
    return .eachChunk(
      ChunkWork(preparation: plan.preparation) { (input, writer) throws(TaskFailure) in try plan.write(input, writer) })
  }

  /// `train 357, eval 41`
  public func note(_ sums: [String: Int]) -> String? {
    let names = outputs.filter(\.isPublic).map(\.name)
    let parts = hasMainPort ? [] : names.compactMap { name in sums["rows.\(name)"].map { "\(name) \($0)" } }
    let cut = sums["truncated"].map { $0 > 0 ? ["\($0) cut to the limit"] : [] } ?? []
    // Few, or none, say that rows lack fields of a step: DSPy would leave such demonstrations out without a word.
    let demos: [String] =
      if case .dspy(let folder) = plan.format {
        folder.program.steps.compactMap { step in sums["demos.\(step.name)"].map { "\($0) demos for \(step.name)" } }
      } else { [] }
    let all = parts + cut + demos
    return all.isEmpty ? nil : all.joined(separator: ", ")
  }

  // MARK: Reading the fields

  private static func split(_ setting: Setting?) -> SplitRule? {
    guard let setting, let into = setting["into"]?.map else { return nil }
    return SplitRule(
      by: setting["by"]?.texts ?? [], shares: into.map { ($0.name, $0.setting.double ?? 0) }, salt: setting.entry("salt")?.text ?? "",
      stratify: setting.entry("stratify")?.text)
  }

  private static func format(_ traits: TableTraits, _ reader: inout SettingReader) -> (ExportFormat, header: [UInt8]) {
    let setting = reader.setting("format")
    let written = reader.setting("options")?.entry("columns")
    if let written, let known = traits.columns {
      for column in written.oneOrMany {
        guard let name = column.text, !known.contains(name) else { continue }
        reader.report(
          column.problem("unknown-column", "the input has no column `\(name)`", label: Suggestion.label(for: name, in: known)))
      }
    }
    switch setting?.text {
    case "openai-chat": return (.openAIChat, [])
    case "csv":
      guard let columns = written?.texts ?? traits.columns else {
        reader.report(
          Diagnostic(
            id: "columns", "the columns of the input are not known beforehand, and a CSV file begins with them",
            at: (setting?.range ?? reader.stage.range)?.place, help: "options: { columns: [text, label] }"))
        return (.csv(columns: []), [])
      }
      return (.csv(columns: columns.map(JSONText.quoted)), CSVLine.header(columns))
    case "dspy": return (.dspy(DSPyFolder(reader.setting("options"), rowKey: traits.rowKey, &reader)), [])
    default: return (.jsonLines(columns: written?.texts.map(JSONText.quoted)), [])
    }
  }

  private static func limit(_ reader: inout SettingReader) -> TextLimit? {
    guard let setting = reader.setting("limits"), let maximum = setting.entry("tokens")?.int else { return nil }
    let counter = setting.entry("counter") ?? Setting(.text(TextLimit.usualCounter), range: setting.range)
    let parts = (counter.text ?? "").split(separator: "/", omittingEmptySubsequences: false)
    guard let unit = parts.first.flatMap({ TextLimit.Counter(rawValue: String($0)) }), parts.count <= 2,
      let divisor = parts.count == 2 ? Int(parts[1]) : 1, divisor >= 1
    else {
      reader.report(
        counter.problem(
          "planned", "counting with `\(counter.text ?? "")` is planned and not built yet",
          help: "today: words, chars, bytes, or a part of them such as bytes/4"))
      return nil
    }
    let tooLong = setting.entry("too_long")?.text.flatMap(TextLimit.TooLong.init(rawValue:)) ?? .error
    if tooLong == .truncateAtTurn, let format = reader.setting("format")?.text, format != "openai-chat" {
      reader.report(setting.problem("limits", "`truncate-at-turn` needs messages, and \(format) has none", help: "too_long: drop"))
    }
    return TextLimit(maximum: maximum, counter: unit, divisor: divisor, tooLong: tooLong)
  }

  /// One path per side.
  private static func paths(_ names: [String], isSplit: Bool, _ reader: inout SettingReader) -> [String] {
    guard let to = reader.setting("to"), let text = to.text else { return [] }
    let mark = "${split}"
    // The declared fields have checked this already, with the place of the mark.
    guard text.contains(mark) == isSplit else { return [] }
    let stage = reader.stage
    return names.compactMap { name in
      let path = Setting(.text(text.replacing(mark, with: name)), range: to.range)
      return reader.attempt { () throws(Problems) in try stage.path(path) }
    }
  }
}

/// Everything that an export's tasks need.
struct ExportPlan: Sendable {
  let format: ExportFormat
  let gate: Gate
  let limit: TextLimit?
  let split: SplitRule?
  let keepTogether: String?
  let rowKey: RowKey
  let shards: Int
  let filter: RowFilter

  private var sideCount: Int { split?.sides.count ?? 1 }

  /// Components of `by` and `keep_together` over the whole input; nothing without the latter.
  var preparation: Preparation? {
    guard let split, let keepTogether else { return nil }
    let cluster = RowKey(columns: [keepTogether])
    return Preparation(
      partial: { (chunk) throws(TaskFailure) in
        var pairs: Set<KeptTogether.Pair> = []
        try chunk.rows.forEachRow { (_, row) throws(TaskFailure) in
          // A row without cluster stands alone; one without key fails where its side is decided.
          guard let key = try? split.key(of: row), let text = try? cluster.text(of: row) else { return }
          pairs.insert(KeptTogether.Pair(key: key, cluster: text))
        }
        return KeptTogether.partial(pairs)
      }, merge: { KeptTogether.merge($0) })
  }

  /// Writes examples and, from the rows of the first side, the program's state.
  func write(_ input: borrowing WholeInput, _ folder: DSPyFolder, _ writer: TaskWriter) throws(TaskFailure) {
    let table = input.table("from")
    var together = KeptTogether(prepared: [])
    if let preparation {
      var partials: [[UInt8]] = []
      for chunk in 0..<table.chunkCount {
        partials.append(try preparation.partial(InputChunk(source: 0, bytes: try table.bytes(chunk), context: [])))
      }
      together = KeptTogether(prepared: preparation.merge(partials))
    }
    let worker = input.worker
    var failures = FailureCollector()
    var demos = DSPyDemos(folder.program)
    var line: [UInt8] = []
    let fields = worker.object(RowView.self) { RowView() }
    try table.forEachRow { (chunk, row, bytes) throws(TaskFailure) in
      let parent = RowParent(chunk: chunk, row: row)
      do throws(TaskFailure) {
        guard try filter.keeps(bytes, parent, worker, writer) else { return }
        fields.read(bytes)
        let side = try write(fields, parent, together, worker, &line, writer, isDry: !failures.isEmpty)
        if let side, failures.isEmpty { try writer.emit(to: side, from: parent, row: bytes) }
        // Only what a model may learn from is shown to it.
        if side == 0 { try demos.add(bytes, parent) }
      } catch { failures.add(error) }
    }
    try failures.throwFirst()
    try demos.check()
    if folder.program.demos.count > 0 { for (step, count) in demos.counts { writer.count("demos.\(step)", count) } }
    let state = DSPyState.json(folder.program, demos: demos.json)
    let parent = demos.parents.first ?? .unknown(0)
    try state.withUnsafeBytes { bytes -> Result<Void, TaskFailure> in
      do throws(TaskFailure) { return .success(try writer.emit(to: 2 * sideCount, from: parent, piece: bytes)) } catch { return .failure(error) }
    }.get()
  }

  /// A worker's decoded components, kept while they are the same bytes.
  private final class Components {
    var bytes: [UInt8] = []
    var together = KeptTogether(prepared: [])
  }

  func write(_ input: borrowing TaskInput, _ writer: TaskWriter) throws(TaskFailure) {
    let components = input.worker.object(Components.self) { Components() }
    if components.bytes != input.prepared {
      components.bytes = input.prepared
      components.together = KeptTogether(prepared: input.prepared)
    }
    let worker = input.worker
    let fields = worker.object(RowView.self) { RowView() }
    var failures = FailureCollector()
    var line: [UInt8] = []
    for (ordinal, chunk) in input.chunks.enumerated() {
      let rows = chunk.rows
      var sides: [Int?] = []
      try rows.forEachRow { (row, bytes) throws(TaskFailure) in
        let parent = RowParent(chunk: ordinal, row: row)
        var side: Int?
        do throws(TaskFailure) {
          if try filter.keeps(bytes, parent, worker, writer) {
            fields.read(bytes)
            side = try write(fields, parent, components.together, worker, &line, writer, isDry: !failures.isEmpty)
          }
        } catch { failures.add(error) }
        sides.append(side)
      }
      guard failures.isEmpty else { continue }
      // A chunk that stays whole is handed on as it is.
      if input.chunks.count == 1, let side = sides.first.flatMap({ $0 }), sides.allSatisfy({ $0 == side }) {
        try writer.pass(chunk, to: side)
        continue
      }
      try rows.forEachRow { (row, bytes) throws(TaskFailure) in
        if let side = sides[row] { try writer.emit(to: side, from: RowParent(chunk: ordinal, row: row), row: bytes) }
      }
    }
    try failures.throwFirst()
  }

  /// Writes the line of a row; the row itself is left to the caller.
  /// - Parameter isDry: a row has failed: nothing is written any more, only further failures are of interest.
  /// - Returns: the side that the row falls on; nil when it stays here.
  private func write(
    _ row: RowView, _ parent: RowParent, _ together: KeptTogether, _ worker: WorkerLocal, _ line: inout [UInt8],
    _ writer: TaskWriter, isDry: Bool
  ) throws(TaskFailure) -> Int? {
    if let gate = try gate.holdsBack(row, parent: parent, worker: worker) {
      writer.count("held_back")
      writer.count("held_back.\(gate)")
      writer.drop(parent, because: "gate \(gate)")
      return nil
    }
    line.removeAll(keepingCapacity: true)
    var turns: Int?
    let isChat = if case .openAIChat = format { true } else { false }
    if let limit, isChat, let messages = ExportFormat.messages(of: row) {
      let items = messages.items
      let tokens = items.reduce(0) { $0 + limit.count(message: $1) }
      if limit.isOver(tokens) {
        switch limit.tooLong {
        case .error: throw tooLong(limit, tokens, parent)
        case .drop:
          writer.drop(parent, because: "too_long")
          return nil
        case .truncateAtTurn:
          turns = limit.turnsThatFit(items)
          if turns == nil {
            writer.drop(parent, because: "too_long")
            return nil
          }
          writer.count("truncated")
        }
      }
      writer.count("tokens.sum", limit.tokens(items.prefix(turns ?? .max).reduce(0) { $0 + limit.count(message: $1) }))
    }
    do {
      try format.append(row, turns: turns, to: &line)
    } catch {
      throw TaskFailure(id: "format", message: error.message, rows: [parent], help: error.help)
    }
    if let limit, !isChat {
      let tokens = limit.count(line)
      if limit.isOver(tokens) {
        if limit.tooLong == .error { throw tooLong(limit, tokens, parent) }
        writer.drop(parent, because: "too_long")
        return nil
      }
      writer.count("tokens.sum", limit.tokens(tokens))
    }
    let side = try side(of: row.row, parent, together)
    guard !isDry else { return side }
    let file = sideCount + side * shards + ShardRule.shard(of: row.row, key: rowKey, count: shards)
    try line.withUnsafeBytes { bytes -> Result<Void, TaskFailure> in
      do throws(TaskFailure) { return .success(try writer.emit(to: file, from: parent, row: bytes)) } catch { return .failure(error) }
    }.get()
    return side
  }

  private func side(of row: UnsafeRawBufferPointer, _ parent: RowParent, _ together: KeptTogether) throws(TaskFailure) -> Int {
    guard let split else { return 0 }
    do throws(SplitRule.Failure) {
      return try split.side(key: together.representative(of: try split.key(of: row)), row: row)
    } catch {
      switch error {
      case .missing(let column):
        throw TaskFailure(
          id: "split", message: "the row has no column `\(column)` to be split by", rows: [parent],
          help: "split by columns that every row has")
      case .null(let column):
        throw TaskFailure(
          id: "split", message: "`\(column)` is null, so the row falls on no side of the split", rows: [parent],
          help: "leave such rows out with `where: \(column) is not none` on the stage before, or fill the column with `derive`")
      }
    }
  }

  private func tooLong(_ limit: TextLimit, _ size: Int, _ parent: RowParent) -> TaskFailure {
    TaskFailure(
      id: "too-long", message: "an example is longer than `limits` allows (\(limit.maximum))", rows: [parent],
      help: "limits: { too_long: drop } leaves such rows out and counts them; truncate-at-turn shortens conversations",
      notes: [("size", "\(limit.tokens(size)) \(limit.description)")])
  }
}

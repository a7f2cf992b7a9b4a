public import Diagnostics
public import Engine

/// `exec`: runs a program on rows or files; the way out to everything else.
public struct ExecKind: StageKind {
  public static let name = "exec"
  public static let asksMachine = true
  public static let version = 1
  public static let facts = ["lineage.unknown", "rows.asked"]

  public let inputs: [InputPort]
  public let outputs: [OutputPort]
  public let effect: Effect
  public let publishes: [Publication]
  private let run: ExecRun
  private let mode: Mode

  /// What an effect on the world asks of how rows go through.
  private static func check(_ effect: Effect, _ mode: Mode, _ reader: inout SettingReader) {
    guard effect == .submit, mode == .row || mode == .chunk, let setting = reader.setting("effect") else { return }
    reader.report(
      setting.problem(
        "effect", "`effect: submit` starts one process, and `rows: \(mode.rawValue)` means many", help: "rows: table, or rows: file"))
  }

  enum Mode: String {
    case table, chunk, row, file
  }

  public init(_ stage: any StageReading) throws(Problems) {
    var reader = SettingReader(stage)
    let mode = reader.setting("rows")?.text.flatMap(Mode.init(rawValue:)) ?? .table
    let rowKey = reader.setting("row_key")?.texts ?? []
    effect = reader.setting("effect")?.text.flatMap(Effect.init(rawValue:)) ?? .pure

    Self.check(effect, mode, &reader)
    inputs = Self.inputs(mode, &reader)
    let (outputs, ports, publishes) = Self.outputs(mode, rowKey, reader.governance(of: inputs.flatMap(\.sources)), &reader)
    self.outputs = ports
    self.publishes = publishes
    let command = Self.command(mode, inputs.map(\.name), outputs.map(\.name), &reader)
    for (index, file) in (reader.setting("files")?.oneOrMany ?? []).enumerated() {
      _ = reader.attempt { () throws(Problems) in try stage.noteFile(file, role: "files[\(index)]") }
    }
    for tool in reader.setting("tools")?.oneOrMany ?? [] {
      _ = reader.attempt { () throws(Problems) in try stage.toolVersion(tool) }
    }
    let filter = RowFilter(&reader)
    try reader.finish()
    self.mode = mode
    run = ExecRun(
      command: command, rowKey: rowKey, inputs: inputs.map { ExecRun.Input(name: $0.name, content: reader.content(of: $0.sources)) }, outputs: outputs,
      filter: filter, isSubmitted: effect == .submit)
  }

  public var work: Work {
    let run = run
    return switch mode {
    case .table: .wholeInput(WholeWork { (input, writer) throws(TaskFailure) in try run.table(input, writer) })
    case .file: .wholeInput(WholeWork { (input, writer) throws(TaskFailure) in try run.file(input, writer) })
    case .chunk: .eachChunk(ChunkWork(isCostly: true) { (input, writer) throws(TaskFailure) in try run.chunk(input, writer) })
    case .row: .eachChunk(ChunkWork(isCostly: true) { (input, writer) throws(TaskFailure) in try run.row(input, writer) })
    }
  }

  /// `12 of unknown origin`
  public func note(_ sums: [String: Int]) -> String? {
    sums["lineage.unknown"].flatMap { $0 > 0 ? "\($0) of unknown origin" : nil }
  }

  // MARK: Reading the fields

  private static func inputs(_ mode: Mode, _ reader: inout SettingReader) -> [InputPort] {
    let isWhole = mode == .table || mode == .file
    let reading: PortReading = isWhole ? .whole : .stream
    guard let from = reader.setting("from"), from.list?.isEmpty != true else {
      if !isWhole {
        reader.report(
          Diagnostic(
            id: "from", "`rows: \(mode.rawValue)` needs rows, and `from` names none", at: reader.stage.range?.place,
            help: "a program without input is `rows: table`: what it prints are its rows"))
      }
      return []
    }
    if let named = from.map {
      if named.count > 1, mode != .file {
        reader.report(
          from.problem("from", "standard input is one table, and `from` names \(named.count)", help: "rows: file, with `${in.\(named[0].name)}` in `run`"))
      }
      return named.map { entry in
        InputPort(name: entry.name, reading: reading, sources: reader.inputs(entry.setting), range: entry.setting.range, takesFiles: mode == .file)
      }
    }
    return [InputPort(name: "rows", reading: reading, sources: reader.inputs(from), range: from.range, takesFiles: mode == .file)]
  }

  private static func outputs(
    _ mode: Mode, _ rowKey: [String], _ governance: Governance?, _ reader: inout SettingReader
  ) -> ([ExecRun.Output], [OutputPort], [Publication]) {
    var outputs: [ExecRun.Output] = []
    var ports: [OutputPort] = []
    var publishes: [Publication] = []
    // Nobody knows what a program leaves of its input: what held for that holds for what it prints.
    let traits = TableTraits(rowKey: rowKey, sheet: reader.setting("sheet")?.text, governance: governance)
    let stage = reader.stage
    for entry in reader.setting("outputs")?.map ?? [] {
      if entry.setting.text == "jsonl" {
        outputs.append(ExecRun.Output(name: entry.name, fileExtension: nil))
        ports.append(OutputPort(entry.name, isKept: true, traits: traits))
        if reader.setting("outputs")?.map?.count != 1 || entry.name != "rows" { stage.note("rows", as: "output \(entry.name)") }
      } else if let path = reader.attempt({ () throws(Problems) in try stage.path(entry.setting) }) {
        let name = path.split(separator: "/").last ?? ""
        let ending = name.firstIndex(of: ".").map { String(name[$0...]) } ?? ""
        outputs.append(ExecRun.Output(name: entry.name, fileExtension: ending))
        ports.append(OutputPort(entry.name, content: .file(ending), isKept: true, traits: TableTraits(governance: governance)))
        // Where the file ends up decides nothing; the program sees what kind of file it is to write.
        stage.note("file \(ending)", as: "output \(entry.name)")
        publishes.append(Publication(path: path, port: entry.name, rowsPort: entry.name))
      }
    }
    if outputs.isEmpty {
      outputs = [ExecRun.Output(name: "rows", fileExtension: nil)]
      ports = [OutputPort("rows", isKept: true, traits: traits)]
    }
    return (outputs, ports, publishes)
  }

  private static func command(_ mode: Mode, _ inputs: [String], _ outputs: [String], _ reader: inout SettingReader) -> StageCommand {
    let isShell = reader.setting("shell")?.bool ?? false
    let run = reader.setting("run")
    var arguments: [String] = []
    if let list = run?.list {
      arguments = list.compactMap(\.text)
    } else if let text = run?.text {
      arguments = [text]
    }
    if arguments.isEmpty || arguments[0].isEmpty {
      if let run { reader.report(run.problem("run", "`run` names no program")) }
      arguments = [""]
    }
    if let run { checkFiles(run, mode, inputs, outputs, &reader) }
    return StageCommand(
      arguments: arguments, isShell: isShell,
      environment: (reader.setting("env")?.map ?? []).map { ($0.name, $0.setting.text ?? $0.setting.json.map { String(decoding: $0, as: UTF8.self) } ?? "") },
      secrets: reader.setting("secrets")?.texts ?? [])
  }

  /// Every `${in.x}` and `${out.x}` leads to a port, and every output file is named.
  private static func checkFiles(_ run: Setting, _ mode: Mode, _ inputs: [String], _ outputs: [String], _ reader: inout SettingReader) {
    var named: Set<String> = []
    for argument in run.oneOrMany {
      for piece in (argument.text ?? "").split(separator: "${", omittingEmptySubsequences: false).dropFirst() {
        guard let end = piece.firstIndex(of: "}") else { continue }
        let name = String(piece[..<end])
        let known = inputs.map { "in.\($0)" } + outputs.map { "out.\($0)" }
        guard name.hasPrefix("in.") || name.hasPrefix("out.") else { continue }
        named.insert(name)
        if mode != .file {
          reader.report(
            argument.problem(
              "run", "`${\(name)}` is a file, and with `rows: \(mode.rawValue)` there are none", help: "rows: file"))
        } else if !known.contains(name) {
          reader.report(
            argument.problem(
              "run", "there is no `${\(name)}`", label: Suggestion.label(for: name, in: known),
              help: "this stage has \(known.map { "`${\($0)}`" }.joined(separator: ", "))"))
        }
      }
    }
    guard mode == .file else { return }
    for output in outputs where !named.contains("out.\(output)") {
      reader.report(run.problem("run", "nothing in `run` says where the output `\(output)` goes", help: "name its file with `${out.\(output)}`"))
    }
  }
}

internal import Diagnostics
internal import Engine
internal import Processes
internal import Rows

/// A training that is a program of the user's: submitted once for its key, under our supervisor.
struct CommandTraining: Sendable {
  private let command: StageCommand
  private let inputs: [String]
  private let filter: RowFilter

  /// A log is kept whole in its file; as rows no more than this.
  private static let greatestLogLines = 100_000
  /// More than this are no metrics.
  private static let greatestMetricsBytes = 1 << 20

  init(_ backend: Setting, inputs: [String], _ filter: RowFilter, _ reader: inout SettingReader) {
    self.inputs = inputs
    self.filter = filter
    let stage = reader.stage
    let run = backend.entry("run")
    let arguments = run?.texts ?? []
    if arguments.first?.isEmpty ?? true, let run { reader.report(run.problem("run", "`run` names no program")) }
    if let run { Self.checkPlaceholders(run, inputs, &reader) }
    for (index, file) in (backend.entry("files")?.oneOrMany ?? []).enumerated() {
      _ = reader.attempt { () throws(Problems) in try stage.file(file, role: "files[\(index)]") }
    }
    // A script that is named in `run` decides the model whether it is declared or not.
    for word in run?.oneOrMany ?? [] {
      guard let text = word.text, text.contains("/") || text.contains("."), !text.contains("${"), !text.hasPrefix("/"), !text.hasPrefix("-") else { continue }
      _ = try? stage.file(word, role: "run \(text)")
    }
    for tool in backend.entry("tools")?.oneOrMany ?? [] {
      _ = reader.attempt { () throws(Problems) in try stage.toolVersion(tool) }
    }
    let suffix = reader.setting("suffix")?.text ?? stage.manifestName
    stage.note(suffix, as: "suffix")
    var environment: [(name: String, value: String)] = (backend.entry("env")?.map ?? []).map {
      ($0.name, $0.setting.text ?? $0.setting.json.map { String(decoding: $0, as: UTF8.self) } ?? "")
    }
    let reserved = environment.map(\.name).filter { $0.hasPrefix("PIPE_") }
    for name in reserved {
      if let env = backend.entry("env") { reader.report(env.problem("env", "`\(name)` is set by pipe", help: "names that begin with PIPE_ are its own")) }
    }
    environment.append(("PIPE_HYPERPARAMETERS", reader.setting("hyperparameters")?.json.map { String(decoding: $0, as: UTF8.self) } ?? "{}"))
    environment.append(("PIPE_SEED", String(reader.setting("seed")?.int ?? 0)))
    environment.append(("PIPE_SUFFIX", suffix))
    if let model = reader.setting("model")?.text { environment.append(("PIPE_BASE_MODEL", model)) }
    command = StageCommand(
      arguments: arguments.isEmpty ? [""] : arguments, isShell: false, environment: environment, secrets: backend.entry("secrets")?.texts ?? [])
  }

  private static func checkPlaceholders(_ run: Setting, _ inputs: [String], _ reader: inout SettingReader) {
    let known = inputs.map { "in.\($0)" } + ["out.model"]
    for argument in run.oneOrMany {
      for piece in (argument.text ?? "").split(separator: "${", omittingEmptySubsequences: false).dropFirst() {
        guard let end = piece.firstIndex(of: "}") else { continue }
        let name = String(piece[..<end])
        guard name.hasPrefix("in.") || name.hasPrefix("out."), !known.contains(name) else { continue }
        reader.report(
          argument.problem(
            "run", "there is no `${\(name)}`", label: Suggestion.label(for: name, in: known),
            help: "a training has \(known.map { "`${\($0)}`" }.joined(separator: ", "))"
              + (inputs.contains("validation") ? "" : "; `validation:` adds `${in.validation}`")))
      }
    }
  }

  // MARK: training

  func train(_ input: borrowing WholeInput, _ writer: TaskWriter) throws(TaskFailure) {
    let tables = inputs.map { input.table($0) }
    let worker = input.worker
    let supervision = input.supervision
    var isFresh = false
    let folder = try supervision.submit(
      Submission(shown: command.shown) { (folder) throws(TaskFailure) in
        isFresh = true
        var paths: [String: String] = [:]
        for (port, name) in inputs.enumerated() {
          let path = folder.input(name + ".jsonl")
          try write(tables[port], port, to: path, worker, writer)
          paths["in.\(name)"] = path
        }
        let model = folder.makeOutput(folder: "model")
        paths["out.model"] = model
        var process = try command.make(root: supervision.root, paths: paths)
        process.environment.append(("PIPE_TRAIN", paths["in.rows"]!))
        if let validation = paths["in.validation"] { process.environment.append(("PIPE_VALIDATION", validation)) }
        process.environment.append(("PIPE_MODEL", model))
        return JobCommand(process)
      })
    // What `where` left out of files that an earlier run wrote is counted all the same.
    if !isFresh, filter.isActive {
      for ordinal in 0..<tables[0].chunkCount { _ = try filter.kept(try tables[0].chunk(ordinal), port: 0, ordinal: ordinal, worker, writer) }
    }
    try take(folder, writer)
  }

  /// Rows as they came in, those that `where` keeps. Only training rows are dropped and counted.
  private func write(_ table: WholeTable, _ port: Int, to path: String, _ worker: WorkerLocal, _ writer: TaskWriter) throws(TaskFailure) {
    let file = try OutputFile(path)
    for ordinal in 0..<table.chunkCount {
      let chunk = try table.chunk(ordinal)
      try file.write(port == 0 ? try filter.kept(chunk, port: port, ordinal: ordinal, worker, writer).rows.bytes : chunk.bytes)
    }
    try file.close()
  }

  // MARK: the result

  private func take(_ folder: JobFolder, _ writer: TaskWriter) throws(TaskFailure) {
    let model = folder.output("model")
    var outputs = TrainingOutputs(writer)
    do throws(FolderArchive.Failure) {
      let entries = try FolderArchive.entries(of: model)
      guard entries.contains(where: { !$0.isFolder }) else {
        throw FolderArchive.Failure("")
      }
      writer.count("files", entries.count { !$0.isFolder })
      var piece = 0
      let problem: FolderArchive.Failure?
      do throws(TaskFailure) {
        problem = try FolderArchive.pack(model, entries) { (bytes) throws(TaskFailure) in
          try writer.emit(to: TrainingOutputs.model, from: .unknown(piece), piece: bytes)
          piece += 1
        }
      } catch { throw FolderArchive.Failure(error.message) }
      if let problem { throw problem }
    } catch {
      if error.message.isEmpty {
        throw TaskFailure(
          id: "model-missing", message: "`\(command.shown)` ended well but wrote no model",
          help: "what it trained belongs in the folder `${out.model}` (also in $PIPE_MODEL)")
      }
      throw TaskFailure(id: "model", message: "the model of `\(command.shown)`: \(error.message)")
    }
    try takeMetrics(model + "/metrics.json", outputs)
    try takeLog(folder.logPath, &outputs)
  }

  /// `metrics.json` of the model's folder, when there is one: an object; its numbers become facts.
  private func takeMetrics(_ path: String, _ outputs: TrainingOutputs) throws(TaskFailure) {
    guard let file = InputFile(path) else { return outputs.record(StageFigures()) }
    var text: [UInt8] = []
    try file.forEachPiece { (piece) throws(TaskFailure) in
      text += piece
      guard text.count <= Self.greatestMetricsBytes else {
        throw TaskFailure(
          id: "metrics", message: "`metrics.json` of the model is larger than \(Self.greatestMetricsBytes >> 20) MB", help: "it holds one object of numbers")
      }
    }
    var row: [UInt8] = []
    let failure = text.withUnsafeBytes { bytes -> JSONError? in
      do throws(JSONError) {
        try JSONValidator.appendObject(bytes, to: &row)
        return nil
      } catch { return error }
    }
    if let failure {
      throw TaskFailure(
        id: "metrics", message: "`metrics.json` of the model is not a JSON object: \(failure.message)", help: "for example {\"accuracy\": 0.91, \"loss\": 0.27}")
    }
    // A name twice is refused above; what is neither a number nor a text stands in the row alone.
    let metrics = row.withUnsafeBytes { bytes in
      var metrics = StageFigures()
      for field in JSONView(bytes).fields {
        if let whole = field.value.kind == .number ? Int(field.value.text) : nil {
          metrics.append(field.name, .integer(whole))
        } else if let real = field.value.double {
          metrics.append(field.name, .real(real))
        } else if let text = field.value.string {
          metrics.append(field.name, .text(text))
        }
      }
      return metrics
    }
    try outputs.metrics(row, metrics)
  }

  private func takeLog(_ path: String, _ outputs: inout TrainingOutputs) throws(TaskFailure) {
    guard let file = InputFile(path) else { return }
    var lines = LineAssembler()
    var count = 0
    var kept = outputs
    func take(_ line: UnsafeRawBufferPointer) throws(TaskFailure) {
      count += 1
      if count <= Self.greatestLogLines { try kept.log(String(decoding: line, as: UTF8.self)) }
    }
    try file.forEachPiece { (piece) throws(TaskFailure) in try lines.add(piece, take) }
    try lines.finish(take)
    if count > Self.greatestLogLines { try kept.log("(\(count - Self.greatestLogLines) further lines are left out)") }
    outputs = kept
  }
}

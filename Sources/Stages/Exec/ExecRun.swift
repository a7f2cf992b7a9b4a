internal import Engine
internal import Processes
internal import Rows

/// The bodies of exec tasks.
struct ExecRun: Sendable {
  let command: StageCommand
  let rowKey: [String]
  /// Input ports in order.
  let inputs: [Input]
  let outputs: [Output]
  /// Which rows of `from` are given to the command.
  let filter: RowFilter
  /// Whether the command runs under the supervisor, once for its key.
  let isSubmitted: Bool

  struct Input: Sendable {
    let name: String
    let content: PortContent
  }

  struct Output: Sendable {
    let name: String
    /// The extension of a file that is no table, with its dot; nil for rows.
    let fileExtension: String?
  }

  // MARK: table

  /// One process for the table.
  func table(_ input: borrowing WholeInput, _ writer: TaskWriter) throws(TaskFailure) {
    if isSubmitted { return try submittedTable(input, writer) }
    let tables = inputs.map { input.table($0.name) }
    let worker = input.worker
    try through(
      try command.make(root: input.supervision.root), Oversight(input.supervision), writer, worker, checksKeys: true,
      chunkCount: tables.reduce(0) { $0 + $1.chunkCount }
    ) { (number) throws(TaskFailure) in
      var ordinal = number
      var port = 0
      while ordinal >= tables[port].chunkCount {
        ordinal -= tables[port].chunkCount
        port += 1
      }
      return (port, ordinal, try tables[port].chunk(ordinal))
    }
  }

  // MARK: chunk

  /// One process per chunk.
  func chunk(_ input: borrowing TaskInput, _ writer: TaskWriter) throws(TaskFailure) {
    let process = try command.make(root: input.supervision.root)
    let oversight = Oversight(input.supervision)
    let chunks = input.chunks
    let worker = input.worker
    for ordinal in chunks.indices {
      try through(process, oversight, writer, worker, checksKeys: false, chunkCount: 1) { (_) throws(TaskFailure) in
        (0, ordinal, chunks[ordinal].rows)
      }
    }
  }

  /// Streams chunks into a process and its answers into the first output.
  private func through(
    _ process: Command, _ oversight: Oversight, _ writer: TaskWriter, _ worker: WorkerLocal, checksKeys: Bool, chunkCount: Int,
    _ chunk: (Int) throws(TaskFailure) -> (port: Int, ordinal: Int, rows: Chunk)
  ) throws(TaskFailure) {
    var lineage = ExecLineage(rowKey: rowKey)
    var lines = LineAssembler()
    var rows = ExecLines(command)
    var next = 0
    func take(_ line: UnsafeRawBufferPointer) throws(TaskFailure) {
      try rows.take(line) { (number, row) throws(TaskFailure) in
        if checksKeys { try lineage.checkKey(of: row, line: number, from: "standard output") }
        try writer.emit(from: lineage.parent(of: row, writer), row: row)
      }
    }
    do throws(RunFailure<TaskFailure>) {
      try ProcessRunner(process, oversight).run(
        input: { () throws(TaskFailure) in
          guard next < chunkCount else { return nil }
          let one = try chunk(next)
          next += 1
          let kept = try filter.kept(one.rows, port: one.port, ordinal: one.ordinal, worker, writer)
          lineage.add(kept.rows, port: one.port, ordinal: one.ordinal, rows: kept.ordinals)
          return kept.rows.bytes
        },
        output: { (bytes) throws(TaskFailure) in try lines.add(bytes, take) })
      do throws(TaskFailure) { try lines.finish(take) } catch { throw .caller(error) }
    } catch { throw redacted(error, process) }
  }

  private func redacted(_ failure: RunFailure<TaskFailure>, _ process: Command) -> TaskFailure {
    switch failure {
    case .process(let failure): return command.failure(failure)
    case .caller(var failure):
      // A program may print what it was given.
      failure.message = Redaction.apply(process.secrets, to: failure.message)
      failure.notes = failure.notes.map { ($0.label, Redaction.apply(process.secrets, to: $0.text)) }
      return failure
    }
  }

  // MARK: row

  /// A worker's processes, one for each stage that it has met.
  private final class Conversations {
    var processes: [ObjectIdentifier: (identity: StageCommand.Identity, process: LineProcess)] = [:]
  }

  /// One process per worker, one line for each row; rows whose answers are kept are not asked again.
  func row(_ input: borrowing TaskInput, _ writer: TaskWriter) throws(TaskFailure) {
    let results = input.rowResults
    let worker = input.worker
    var answers: [[UInt8]?] = []
    var parents: [RowParent] = []
    var questions: [[UInt8]] = []
    var asked: [Int] = []
    for (ordinal, chunk) in input.chunks.enumerated() {
      try chunk.rows.forEachRow { (row, bytes) throws(TaskFailure) in
        let parent = RowParent(chunk: ordinal, row: row)
        guard try filter.keeps(bytes, parent, worker, writer) else { return }
        let kept = results.result(for: bytes)
        if kept == nil {
          asked.append(answers.count)
          questions.append(Array(bytes))
        }
        answers.append(kept)
        parents.append(parent)
      }
    }
    if !questions.isEmpty {
      let process = try command.make(root: input.supervision.root)
      let talks = input.worker.object(Conversations.self) { Conversations() }
      let key = ObjectIdentifier(command.identity)
      let talk = talks.processes[key]?.process ?? LineProcess(process)
      talks.processes[key] = (command.identity, talk)
      var last = 0
      do throws(RunFailure<TaskFailure>) {
        try talk.ask(questions, oversight: Oversight(input.supervision)) { (number, line) throws(TaskFailure) in
          last = number + 1
          var row: [UInt8] = []
          do throws(JSONError) {
            try JSONValidator.appendObject(line, to: &row)
          } catch {
            var failure = ExecLines.notJSON(line, error, where: "the answer")
            failure.rows = [parents[asked[number]]]
            throw failure
          }
          // Kept at once: what was paid for is not asked again after a failure further on.
          questions[number].withUnsafeBytes { results.keep(row, for: $0) }
          answers[asked[number]] = row
        }
      } catch {
        var failure = redacted(error, process)
        if failure.rows.isEmpty, last < asked.count, failure.id != "program" { failure.rows = [parents[asked[last]]] }
        throw failure
      }
    }
    for (answer, parent) in zip(answers, parents) {
      guard let answer else { preconditionFailure("every row that was asked has its answer, or the task has failed") }
      try ExecLines.lend(answer) { (row) throws(TaskFailure) in try writer.emit(from: parent, row: row) }
    }
    writer.count("rows.asked", questions.count)
  }

  // MARK: file

  /// Inputs and outputs as files.
  func file(_ input: borrowing WholeInput, _ writer: TaskWriter) throws(TaskFailure) {
    var lineage = ExecLineage(rowKey: rowKey)
    let tables = inputs.map { input.table($0.name) }
    let worker = input.worker
    let supervision = input.supervision
    let written: [String]
    let process: Command
    if isSubmitted {
      let prepared = try submit(supervision) { (folder) throws(TaskFailure) in
        var paths = try writeInputs(tables, worker, writer, &lineage) { folder.input($0) }
        for output in outputs { paths["out.\(output.name)"] = folder.output(outputName(output)) }
        return JobCommand(try command.make(root: supervision.root, paths: paths))
      }
      // The lineage of an attempt that an earlier run prepared is found by reading the inputs again.
      if !prepared.isFresh { try remember(tables, worker, writer, &lineage) }
      written = outputs.map { prepared.folder.output(outputName($0)) }
      process = try command.make(root: supervision.root)
    } else {
      let folder = try supervision.temporaryDirectory()
      var paths = try writeInputs(tables, worker, writer, &lineage) { "\(folder)/\($0)" }
      for output in outputs { paths["out.\(output.name)"] = "\(folder)/\(outputName(output))" }
      process = try command.make(root: supervision.root, paths: paths)
      do throws(RunFailure<TaskFailure>) {
        // What it prints is for the log's readers, as with any program that works on files.
        try ProcessRunner(process, Oversight(supervision)).run(
          input: { () throws(TaskFailure) in nil }, output: { (_) throws(TaskFailure) in })
      } catch { throw redacted(error, process) }
      written = outputs.map { paths["out.\($0.name)"]! }
    }
    for (port, output) in outputs.enumerated() {
      guard let file = InputFile(written[port]) else {
        throw TaskFailure(
          id: "exec-output", message: "`\(command.shown)` ended well but wrote no file for the output `\(output.name)`",
          help: "its arguments name that file with `${out.\(output.name)}`; an empty table is an empty file")
      }
      try read(file, output, port, &lineage, process, writer)
    }
  }

  private func outputName(_ output: Output) -> String { "out-\(output.name)\(output.fileExtension ?? ".jsonl")" }

  /// Writes every input where `place` says, and answers with the paths by placeholder.
  private func writeInputs(
    _ tables: [WholeTable], _ worker: WorkerLocal, _ writer: TaskWriter, _ lineage: inout ExecLineage, _ place: (String) -> String
  ) throws(TaskFailure) -> [String: String] {
    var paths: [String: String] = [:]
    for (port, source) in inputs.enumerated() {
      let table = tables[port]
      let path = place(source.name + (source.content.fileExtension ?? ""))
      paths["in.\(source.name)"] = path
      if source.content != .rows {
        try table.write(source.content, to: path)
        continue
      }
      let file = try OutputFile(path)
      for ordinal in 0..<table.chunkCount {
        let kept = try filter.kept(try table.chunk(ordinal), port: port, ordinal: ordinal, worker, writer)
        lineage.add(kept.rows, port: port, ordinal: ordinal, rows: kept.ordinals)
        try file.write(kept.rows.bytes)
      }
      try file.close()
    }
    return paths
  }

  /// Notes the input rows of a submission whose files were written by another run.
  private func remember(_ tables: [WholeTable], _ worker: WorkerLocal, _ writer: TaskWriter, _ lineage: inout ExecLineage) throws(TaskFailure) {
    for (port, source) in inputs.enumerated() where source.content == .rows {
      let table = tables[port]
      for ordinal in 0..<table.chunkCount {
        let kept = try filter.kept(try table.chunk(ordinal), port: port, ordinal: ordinal, worker, writer)
        lineage.add(kept.rows, port: port, ordinal: ordinal, rows: kept.ordinals)
      }
    }
  }

  // MARK: submit

  /// - Returns: the folder, and whether `prepare` made it: an earlier run may have.
  private func submit(
    _ supervision: any Supervision, _ prepare: @escaping (JobFolder) throws(TaskFailure) -> JobCommand
  ) throws(TaskFailure) -> (folder: JobFolder, isFresh: Bool) {
    var isFresh = false
    let folder = try supervision.submit(
      Submission(shown: command.shown) { (folder) throws(TaskFailure) in
        isFresh = true
        return try prepare(folder)
      })
    return (folder, isFresh)
  }

  /// One process for the table, which outlives the run: its rows go through files.
  private func submittedTable(_ input: borrowing WholeInput, _ writer: TaskWriter) throws(TaskFailure) {
    var lineage = ExecLineage(rowKey: rowKey)
    let tables = inputs.map { input.table($0.name) }
    let worker = input.worker
    let supervision = input.supervision
    let prepared = try submit(supervision) { (folder) throws(TaskFailure) in
      let paths = try writeInputs(tables, worker, writer, &lineage) { folder.input($0) }
      return JobCommand(
        try command.make(root: supervision.root), input: inputs.first.map { paths["in.\($0.name)"]! }, output: folder.output("out-rows.jsonl"))
    }
    if !prepared.isFresh { try remember(tables, worker, writer, &lineage) }
    guard let file = InputFile(prepared.folder.output("out-rows.jsonl")) else { return }
    try read(file, outputs[0], 0, &lineage, try command.make(root: supervision.root), writer)
  }

  private func read(
    _ file: InputFile, _ output: Output, _ port: Int, _ lineage: inout ExecLineage, _ process: Command, _ writer: TaskWriter
  ) throws(TaskFailure) {
    if output.fileExtension != nil {
      var number = 0
      try file.forEachPiece { (piece) throws(TaskFailure) in
        try writer.emit(to: port, from: .unknown(number), piece: piece)
        number += 1
      }
      return
    }
    var lines = LineAssembler()
    var rows = ExecLines(command, from: "the output `\(output.name)`")
    var own = lineage
    func take(_ line: UnsafeRawBufferPointer) throws(TaskFailure) {
      try rows.take(line) { (number, row) throws(TaskFailure) in
        try own.checkKey(of: row, line: number, from: "the output `\(output.name)`")
        try writer.emit(to: port, from: own.parent(of: row, writer), row: row)
      }
    }
    do throws(TaskFailure) {
      try file.forEachPiece { (piece) throws(TaskFailure) in try lines.add(piece, take) }
      try lines.finish(take)
    } catch { throw redacted(.caller(error), process) }
  }
}

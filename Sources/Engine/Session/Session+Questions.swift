public import Diagnostics
import Rows
import Store

/// Questions about the present state: they look, and change nothing that a run would not make anew.
extension Session {
  /// Why a question has no answer.
  public struct Unanswerable: Error, Sendable {
    public let diagnostic: Diagnostic
    public let exitCode: Int32

    init(_ id: String, _ message: String, help: String? = nil, exitCode: Int32 = 2) {
      self.diagnostic = Diagnostic(.error, id: id, message, at: nil, help: help)
      self.exitCode = exitCode
    }

    init(_ diagnostic: Diagnostic, exitCode: Int32 = 1) {
      self.diagnostic = diagnostic
      self.exitCode = exitCode
    }
  }

  /// A scheduler that has looked every stage up and run none.
  ///
  /// - Parameters:
  ///   - keys: keys under which stages are looked up instead of those that they have now.
  ///   - isLocked: whether the lock answers, and not the store.
  func looked(pinned keys: [String: Digest] = [:], isLocked: Bool = false) throws(StoreError) -> Scheduler {
    var options = RunOptions()
    options.isPlan = true
    options.isLocked = isLocked
    options.pinnedKeys = keys
    options.keptAgain = 256 << 20
    let parts = makeScheduler(
      options, command: "show", waits: false, recorder: recorder(RunID.now(), options), before: [:], waiting: { _ in }, observer: { _ in })
    parts.scheduler.run()
    try? parts.stats.save()
    try? store.flush()
    return parts.scheduler
  }

  // MARK: names

  /// A stage (or a path used as a table) and an output, from `stage` or `stage.port`.
  func resolve(_ name: String, in scheduler: Scheduler) throws(Unanswerable) -> (run: StageRun, port: Int) {
    let stages = scheduler.stages
    func stage(_ name: String) -> StageRun? { stages.first { $0.stage.name == name } ?? stages.first { $0.stage.isImplicit && $0.stage.desc == name } }
    if let run = stage(name) {
      guard run.stage.kind.hasMainPort else {
        throw Unanswerable(
          "no-main-port", "`\(name)` has no main output: say which", help: run.stage.publicOutputs.map { "\(name).\($0.name)" }.joined(separator: " or "))
      }
      return (run, 0)
    }
    guard let dot = name.lastIndex(of: "."), let run = stage(String(name[..<dot])) else {
      let names = stages.filter { !$0.stage.isImplicit }.map(\.stage.name)
      let head = name.split(separator: ".").first.map(String.init) ?? name
      throw Unanswerable(
        "unknown-stage", "there is no stage `\(head)`",
        help: Suggestion.nearest(to: head, in: names).map { "did you mean `\($0)`?" } ?? "stages: \(names.joined(separator: ", "))")
    }
    let port = String(name[name.index(after: dot)...])
    guard let index = run.stage.kind.outputs.firstIndex(where: { $0.isPublic && $0.name == port }) else {
      throw Unanswerable(
        "unknown-port", "`\(run.stage.name)` has no output `\(port)`", help: "its outputs: \(run.stage.publicOutputs.map(\.name).joined(separator: ", "))")
    }
    return (run, index)
  }

  private func usable(_ run: StageRun) throws(Unanswerable) {
    guard !run.isUsable else { return }
    throw Unanswerable("not-there", "`\(run.stage.displayName)` has no result for what lies there now", help: "pipe run", exitCode: 1)
  }

  // MARK: show

  /// Some rows of an output.
  public struct Rows: Sendable {
    public let stage: String
    public let port: String
    public let total: Int
    public let rows: [[UInt8]]
  }

  /// The rows of an output from an offset on; missing bytes are made again.
  public func show(_ name: String, count: Int, from first: Int = 0) throws -> Rows {
    let scheduler = try looked()
    let (run, port) = try resolve(name, in: scheduler)
    try usable(run)
    let output = run.stage.kind.outputs[port]
    if output.content != .rows {
      throw Unanswerable(
        "not-rows", "`\(run.stage.displayName).\(output.name)` is a \(output.content == .folder ? "folder" : "file"), not a table",
        help: "pipe show \(run.stage.displayName).\(output.name) -o PATH writes it there")
    }
    let table = run.outputs[port]
    var rows: [[UInt8]] = []
    do throws(TaskFailure) {
      try scheduler.load(table)
      var skip = first
      for ordinal in table.chunks.indices where rows.count < count {
        if skip >= table.chunks[ordinal].ref.rows {
          skip -= table.chunks[ordinal].ref.rows
          continue
        }
        let chunk = Chunk(bytes: try scheduler.bytes(of: table, ordinal, consuming: false))
        for row in skip..<chunk.rowCount where rows.count < count { rows.append(Array(chunk.bytes[chunk.range(ofRow: row)])) }
        skip = 0
      }
    } catch { throw Unanswerable(scheduler.resolve(error, in: nil, run).diagnostic) }
    return Rows(stage: run.stage.displayName, port: run.stage.kind.outputs[port].name, total: table.rows, rows: rows)
  }

  // MARK: files

  /// A file or a folder that a stage made.
  public struct Files: Sendable {
    public let stage: String
    public let port: String
    public let isFolder: Bool
    /// The files of a folder; of a file, itself.
    public let entries: [FolderArchive.Entry]
  }

  /// What an output is when it is no table; nil for a table.
  /// - Parameter path: where to put it: the file, or the files of the folder. Nil only looks.
  public func files(_ name: String, to path: String? = nil) throws -> Files? {
    let scheduler = try looked()
    let (run, port) = try resolve(name, in: scheduler)
    let output = run.stage.kind.outputs[port]
    guard output.content != .rows else { return nil }
    try usable(run)
    let table = run.outputs[port]
    var entries: [FolderArchive.Entry] = []
    do throws(TaskFailure) {
      let whole = try scheduler.wholeTable([table])
      if output.content == .folder {
        entries = try Self.unpack(whole, to: path)
      } else {
        entries = [FolderArchive.Entry(path: "\(run.stage.displayName).\(output.name)", bytes: table.bytes, isExecutable: false)]
        if let path { try Self.write(whole, to: path) }
      }
    } catch { throw Unanswerable(scheduler.resolve(error, in: nil, run).diagnostic) }
    return Files(stage: run.stage.displayName, port: output.name, isFolder: output.content == .folder, entries: entries)
  }

  private static func unpack(_ table: WholeTable, to path: String?) throws(TaskFailure) -> [FolderArchive.Entry] {
    var unpacker = FolderArchive.Unpacker(into: path)
    for ordinal in 0..<table.chunkCount {
      let bytes = try table.bytes(ordinal)
      do throws(FolderArchive.Failure) { try unpacker.take(bytes) } catch { throw TaskFailure(id: "folder", message: error.message) }
    }
    do throws(FolderArchive.Failure) { try unpacker.finish() } catch { throw TaskFailure(id: "folder", message: error.message) }
    return unpacker.entries
  }

  private static func write(_ table: WholeTable, to path: String) throws(TaskFailure) {
    var bytes: [UInt8] = []
    for ordinal in 0..<table.chunkCount { bytes += try table.bytes(ordinal) }
    do throws(StoreError) { try AtomicFile.write(path, bytes, sync: false) } catch { throw TaskFailure(error) }
  }

  // MARK: trace

  /// Where a row came from: `stage.port:row`, or a published file and line (`Outputs/x/train.jsonl:12`), counted from 1.
  public func trace(_ target: String) throws -> TraceNode {
    guard let colon = target.lastIndex(of: ":"), let number = Int(target[target.index(after: colon)...]), number >= 1 else {
      throw Unanswerable("trace", "`\(target)` names no row", help: "as <stage>.<port>:<row> or <file>:<line>, counted from 1")
    }
    let name = String(target[..<colon])
    let scheduler = try looked()
    let (run, port, row) = try locate(name, number, scheduler)
    try usable(run)
    do throws(TaskFailure) {
      return try Tracer(scheduler).trace(stage: run.index, port: port, row: row)
    } catch {
      if error.id == "no-row" { throw Unanswerable("no-row", error.message) }
      throw Unanswerable(scheduler.resolve(error, in: nil, run).diagnostic)
    }
  }

  func locate(_ name: String, _ number: Int, _ scheduler: Scheduler) throws(Unanswerable) -> (StageRun, port: Int, row: Int) {
    let path = workspace.relative(name)
    for run in scheduler.stages {
      for publication in run.stage.kind.publishes where publication.path == path || publication.path == name {
        let line = number - Lines.count(of: publication.header)
        guard line >= 1 else { throw Unanswerable("no-row", "line \(number) of `\(path)` is its header") }
        let port = run.stage.outputIndex(publication.port)
        guard publication.rowsSpanLines else { return (run, port, line - 1) }
        try usable(run)
        do throws(TaskFailure) {
          guard let row = try Tracer(scheduler).row(atLine: line, of: run.outputs[port]) else {
            throw TaskFailure(id: "no-row", message: "`\(path)` has no line \(number)")
          }
          return (run, port, row)
        } catch {
          if error.id == "no-row" { throw Unanswerable("no-row", error.message) }
          throw Unanswerable(scheduler.resolve(error, in: nil, run).diagnostic)
        }
      }
    }
    let (run, port) = try resolve(name, in: scheduler)
    return (run, port, number - 1)
  }

  // MARK: explain

  /// A stage's key of today against the one it last finished with.
  public struct Explanation: Sendable {
    public let stage: String
    public let status: StageReport.Status
    public let reason: RunReason
    public let key: String?
    public let lastKey: String?
    /// Every part of today's key: (name, value).
    public let parts: [(name: String, value: String)]
    public let tasks: Int
    public let after: String?
  }

  public func explain(_ name: String) throws -> Explanation {
    let scheduler = try looked()
    guard let run = scheduler.stages.first(where: { $0.stage.name == name || ($0.stage.isImplicit && $0.stage.desc == name) }) else {
      _ = try resolve(name, in: scheduler)
      throw Unanswerable("unknown-stage", "there is no stage `\(name)`")
    }
    let report = StageReport(run, in: scheduler)
    let last = lastKeys()[run.stage.name] ?? lock?.stages.first { $0.name == run.stage.name }?.key
    var reason = run.reason
    if reason == .unknown, let preImage = run.preImage, last != preImage.digest, run.finish != .cached { reason = scheduler.reason(run, preImage) }
    // The parts known so far, when a stage before it has to run first.
    let image = run.preImage ?? scheduler.basePreImage(run)
    return Explanation(
      stage: run.stage.displayName, status: report.status, reason: reason, key: run.key?.hex, lastKey: last?.hex, parts: image.parts.map { ($0.name, $0.value) },
      tasks: report.tasks, after: report.after)
  }

  // MARK: checkout

  /// Brings the outputs that a lock describes back from the store.
  /// - Returns: the files and whether each was written.
  public func checkout(_ lock: LockFile) throws -> [(path: String, isWritten: Bool)] {
    let held = ManifestLock(path: store.lockPath("manifest-\(identity.short)"), command: "pipe checkout \(pipeline.path)", waits: true, onWait: { _ in })
    try held.hold()
    defer { held.release() }
    let set = store.publishJournal(root: workspace.root).begin()
    var files: [(path: String, isWritten: Bool)] = []
    for file in lock.files {
      if case .success(file.sha256) = Workspace.digest(of: workspace.absolute(file.path)) {
        files.append((file.path, false))
        continue
      }
      // A closure, because the store's name for a set of files is taken here.
      try write(file, of: lock) { pieces in
        let target = try set.create(file.path)
        for piece in pieces { if let bytes = try piece() { try target.write(bytes) } }
        try target.close()
      }
      files.append((file.path, true))
    }
    if files.contains(where: \.isWritten) { try set.commit() } else { set.discard() }
    try AtomicFile.write(workspace.absolute(lockPath), Array(lock.text.utf8), sync: true)
    return files
  }

  /// The line chunks of a file are in the stage's result, under the stage's key.
  private func write(_ file: LockFile.File, of lock: LockFile, into publish: ([() throws -> [UInt8]?]) throws -> Void) throws {
    func missing(_ what: String) -> Unanswerable {
      Unanswerable(
        "not-in-store", "`\(file.path)` cannot be brought back: \(what) is not in this store",
        help: "check out the commit and run it (git checkout <rev> && pipe run), or use the store of whoever made it (--store)", exitCode: 3)
    }
    guard let stage = lock.stages.first(where: { $0.name == file.stage }), let bytes = try store.entry(.stageResult, stage.key),
      let result = try? StageResult(decoding: bytes)
    else { throw missing("the result of `\(file.stage)`") }
    for port in result.ports where port.rows == file.rows {
      guard let list = try store.get(port.content) else { continue }
      var reader = ByteReader(list)
      guard let chunks = try? ChunkList.decode(from: &reader) else { continue }
      // Which of the stage's outputs the file holds is told by its digest; a header stands before the chunks.
      for header in [[UInt8]()] + headers(of: file.stage) where header.count + port.bytes == file.bytes {
        var hash = DigestBuilder()
        hash.update(header)
        var isComplete = true
        for chunk in chunks {
          guard let bytes = try store.get(chunk.digest) else {
            isComplete = false
            break
          }
          hash.update(bytes)
        }
        guard isComplete, hash.finish() == file.sha256 else { continue }
        let store = store
        return try publish([{ header }] + chunks.map { chunk in { try store.get(chunk.digest) } })
      }
    }
    throw missing("what stood in it")
  }

  private func headers(of stage: String) -> [[UInt8]] {
    pipeline.graph[stage]?.kind.publishes.map(\.header).filter { !$0.isEmpty } ?? []
  }
}

extension Lines {
  static func count(of bytes: [UInt8]) -> Int { bytes.withUnsafeBytes { count($0) } }
}

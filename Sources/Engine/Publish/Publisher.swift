import Rows
import Store

/// Puts a stage's files into the workspace: all of them or none, and only those whose bytes differ.
///
/// What was put where is remembered with the file's stamp, so that a run with nothing to do looks at one `stat` per file, and a file that
/// somebody edited by hand is noticed and made again.
final class Publisher: Sendable {
  private let workspace: Workspace
  private let store: Store
  private let journal: PublishJournal

  init(workspace: Workspace, store: Store) {
    self.workspace = workspace
    self.store = store
    self.journal = store.publishJournal(root: workspace.root)
  }

  /// What the store remembers of a published file.
  private struct Record {
    var stamp: FileStamp
    var content: Digest
    var sha256: Digest
    var rows: Int
    var bytes: Int

    func encode() -> [UInt8] {
      var writer = ByteWriter()
      for word in [stamp.device, stamp.inode, UInt64(bitPattern: stamp.size), UInt64(bitPattern: stamp.modified), UInt64(bitPattern: stamp.changed)] {
        writer.word(word)
      }
      writer.digest(content)
      writer.digest(sha256)
      writer.number(rows)
      writer.number(bytes)
      return writer.bytes
    }
  }

  private func decode(_ bytes: [UInt8]) -> Record? {
    var reader = ByteReader(bytes)
    do {
      let stamp = FileStamp(
        device: try reader.word(), inode: try reader.word(), size: Int64(bitPattern: try reader.word()), modified: Int64(bitPattern: try reader.word()),
        changed: Int64(bitPattern: try reader.word()))
      return Record(stamp: stamp, content: try reader.digest(), sha256: try reader.digest(), rows: try reader.number(), bytes: try reader.number())
    } catch { return nil }
  }

  private func recordKey(_ path: String) -> Digest { Digest.of("published \(workspace.root) \(path)") }

  private func content(_ publication: Publication, _ table: TableRun) -> Digest {
    publication.header.isEmpty ? table.content! : Digest.of(publication.header + table.content!.bytes)
  }

  /// Whether every file of a stage is in place with the bytes it should have; cheap.
  func publishedFiles(_ run: StageRun) -> [PublishedFile]? {
    var files: [PublishedFile] = []
    for publication in run.stage.kind.publishes {
      let table = run.outputs[run.stage.outputIndex(publication.port)]
      guard let bytes = (try? store.entry(.published, recordKey(publication.path))) ?? nil, let record = decode(bytes), record.content == content(publication, table),
        FileStamp(path: workspace.absolute(publication.path)) == record.stamp
      else { return nil }
      files.append(file(publication, record, .unchanged))
    }
    return files
  }

  /// The stamps of a stage's files as they were published.
  func stamps(_ run: StageRun) -> [(path: String, stamp: FileStamp)]? {
    var stamps: [(String, FileStamp)] = []
    for publication in run.stage.publishes {
      guard let bytes = (try? store.entry(.published, recordKey(publication.path))) ?? nil, let record = decode(bytes) else { return nil }
      stamps.append((publication.path, record.stamp))
    }
    return stamps
  }

  private func file(_ publication: Publication, _ record: Record, _ change: PublishedFile.Change) -> PublishedFile {
    PublishedFile(
      path: publication.path, port: publication.rowsPort, sha256: record.sha256, content: record.content, rows: record.rows, bytes: record.bytes, change: change)
  }

  /// Writes what differs. The caller holds the manifest's lock.
  /// - Parameter expected: the digests that files must have, by path. A stage with a file that has another one, or that is not among
  ///   them, puts none in place.
  func publish(_ run: StageRun, _ scheduler: Scheduler, expected: [String: Digest]? = nil) throws(TaskFailure) -> [PublishedFile] {
    let set = journal.begin()
    do {
      var files: [PublishedFile] = []
      var written: [Int] = []
      for publication in run.stage.kind.publishes {
        let table = run.outputs[run.stage.outputIndex(publication.port)]
        if let kept = try keep(publication, table, scheduler) {
          files.append(kept)
          continue
        }
        let target = try set.create(publication.path)
        let hash = PieceDigest(bytes: table.bytes, workers: scheduler.options.jobs)
        defer { hash.end() }
        try forEachPiece(publication, table, scheduler) { bytes in
          hash.update(bytes)
          try target.write(bytes)
        }
        let sha256 = hash.finish()
        if let there = untouched(publication), there.sha256 == sha256 {
          // Other chunks, the same bytes: the file keeps its inode and time.
          try set.withdraw(publication.path)
          let file = PublishedFile(
            path: publication.path, port: publication.rowsPort, sha256: sha256, content: content(publication, table), rows: table.rows,
            bytes: table.bytes + publication.header.count, change: .unchanged)
          try remember(file)
          files.append(file)
          continue
        }
        try target.close()
        written.append(files.count)
        let wanted = content(publication, table)
        let isEdited = FileStamp(path: workspace.absolute(publication.path)) != nil && known(publication)?.content == wanted
        files.append(
          PublishedFile(
            path: publication.path, port: publication.rowsPort, sha256: sha256, content: wanted, rows: table.rows,
            bytes: table.bytes + publication.header.count, change: isEdited ? .remade : .written))
      }
      if let expected, files.contains(where: { expected[$0.path] != $0.sha256 }) {
        set.discard()
        return files.enumerated().map { index, file in written.contains(index) ? file.withheld : file }
      }
      if written.isEmpty { set.discard() } else { try set.commit() }
      for index in written { try remember(files[index]) }
      return files
    } catch let error as TaskFailure {
      throw error
    } catch let error as StoreError {
      throw TaskFailure(error)
    } catch {
      throw TaskFailure(id: "publish", message: "\(error)")
    }
  }

  private func known(_ publication: Publication) -> Record? {
    ((try? store.entry(.published, recordKey(publication.path))) ?? nil).flatMap(decode)
  }

  /// What is known of a file that nobody has touched since it was put there.
  private func untouched(_ publication: Publication) -> Record? {
    known(publication).flatMap { $0.stamp == FileStamp(path: workspace.absolute(publication.path)) ? $0 : nil }
  }

  /// The file as it is, when its bytes are already the right ones: it keeps its inode and time.
  private func keep(_ publication: Publication, _ table: TableRun, _ scheduler: Scheduler) throws -> PublishedFile? {
    let path = workspace.absolute(publication.path)
    guard let stamp = FileStamp(path: path) else { return nil }
    let wanted = content(publication, table)
    let bytes = table.bytes + publication.header.count
    let known = known(publication)
    // Nobody has touched it: it is what it was, and need not be read.
    if let known, known.stamp == stamp { return known.content == wanted ? file(publication, known, .unchanged) : nil }
    // Touched, or put there by a checkout: the bytes decide.
    guard Int(stamp.size) == bytes, case .success(let there) = Workspace.digest(of: path) else { return nil }
    var sha256 = known?.content == wanted ? known!.sha256 : nil
    if sha256 == nil {
      var hash = DigestBuilder()
      try forEachPiece(publication, table, scheduler) { hash.update($0) }
      sha256 = hash.finish()
    }
    guard there == sha256 else { return nil }
    let file = PublishedFile(
      path: publication.path, port: publication.rowsPort, sha256: there, content: wanted, rows: table.rows, bytes: bytes, change: .unchanged)
    try remember(file)
    return file
  }

  private func remember(_ file: PublishedFile) throws {
    guard let stamp = FileStamp(path: workspace.absolute(file.path)) else { return }
    let record = Record(stamp: stamp, content: file.content, sha256: file.sha256, rows: file.rows, bytes: file.bytes)
    try store.record(.published, recordKey(file.path), record.encode())
  }

  /// Gives the file's bytes to `body`, piece by piece.
  private func forEachPiece(_ publication: Publication, _ table: TableRun, _ scheduler: Scheduler, _ body: ([UInt8]) throws -> Void) throws {
    if !publication.header.isEmpty { try body(publication.header) }
    let whole = try scheduler.wholeTable([table])
    for ordinal in 0..<whole.chunkCount { try body(try whole.bytes(ordinal)) }
  }
}

import Diagnostics
package import Readers
package import Rows
package import Store

/// The sources of a run: which files they are, what is known of them, and the chunks read so far.
///
/// A file whose stamp (device, inode, size, times) is in the stat index is not read at all: its chunk list is known. Any other is read
/// once, in one pass that cuts, digests and feeds the tasks. Which chunks a table has is the scheduler's business; this type only reads.
package final class SourceRuns: @unchecked Sendable {
  /// One location of a source: its chunks once they are known.
  final class File {
    let location: SourceLocation
    var stamp: FileStamp?
    var entries: [RawChunkEntry] = []
    var isKnown = false
    /// When the stamp was taken.
    var readAt: UInt64 = 0

    init(_ location: SourceLocation) { self.location = location }
  }

  final class Source {
    let outside: OutsideSource
    let table: TableRun
    var readers: [Int]
    var files: [File] = []
    var failure: ResolvedFailure?
    var isScanning = false
    /// Whether what the lock says of it stands for bytes that are not here.
    var isAsLocked = false
    var lockedFiles = 0
    // Reading state; touched only by the one job that scans.
    var nextFile = 0
    var reader: RawChunkReader?
    var fetcher: (file: Int, fetcher: RawChunkFetcher)?

    init(_ outside: OutsideSource, _ table: TableRun, reader: Int) {
      self.outside = outside
      self.table = table
      self.readers = [reader]
    }
  }

  /// How many chunks one scan job reads before other work may come first.
  private static let chunksPerStep = 4

  private let root: String
  private let store: Store
  private let stats: StatIndex
  private let snapshots: Snapshots
  private let monitor = Monitor()
  private(set) var sources: [Source] = []
  private var indices: [OutsideSource: Int] = [:]
  /// Whether stamps are believed at all.
  private let usesStats: Bool
  /// Files of another place than the workspace: those of a commit.
  private let tree: GitTree?
  /// What stands for data that are not here.
  private let locked: LockedSources?
  private var externals = 0

  package convenience init(root: String, store: Store, stats: StatIndex, snapshots: Snapshots, usesStats: Bool) {
    self.init(root: root, store: store, stats: stats, snapshots: snapshots, usesStats: usesStats, tree: nil)
  }

  init(root: String, store: Store, stats: StatIndex, snapshots: Snapshots, usesStats: Bool, tree: GitTree?, locked: LockedSources? = nil) {
    self.tree = tree
    self.locked = locked
    self.root = root
    self.store = store
    self.stats = stats
    self.snapshots = snapshots
    self.usesStats = usesStats
  }

  // MARK: what the scheduler asks, under its lock

  /// The table of a source; equal sources are read once.
  func table(of outside: OutsideSource, readBy stage: Int) -> TableRun {
    if let index = indices[outside] {
      sources[index].readers.append(stage)
      return sources[index].table
    }
    let source = Source(outside, TableRun(stage: -1 - sources.count, port: 0), reader: stage)
    indices[outside] = sources.count
    sources.append(source)
    do throws(ReadError) {
      let locations: Result<[SourceLocation], ReadError>
      do throws(ReadError) { locations = .success(try list(outside)) } catch { locations = .failure(error) }
      if take(source, asLocked: try? locations.get()) { return source.table }
      source.files = try locations.get().map(File.init)
      recall(source.files, outside)
      // A command that was never run has no file yet, and is not an empty table.
      if !source.files.isEmpty, source.files.allSatisfy(\.isKnown) {
        for index in source.files.indices { appendKnown(source, index) }
        source.table.content = source.table.computeContent()
        source.table.isComplete = true
      }
    } catch {
      source.failure = ResolvedFailure(diagnostic: error.diagnostic)
    }
    return source.table
  }

  /// Lets what the lock says stand for a source whose data are not here.
  private func take(_ source: Source, asLocked found: [SourceLocation]?) -> Bool {
    guard let locked else { return false }
    if source.outside.lockedName == nil { externals += 1 }
    guard let line = locked.line(source.outside, named: source.outside.lockedName ?? "external:\(externals)", found: found ?? []) else { return false }
    if case .command(let argv) = source.outside.origin, !snapshots.isLocked(argv) { return false }
    source.isAsLocked = true
    source.lockedFiles = line.files
    source.table.content = line.content
    source.table.rows = line.rows
    source.table.bytes = line.bytes
    source.table.isComplete = true
    return true
  }

  /// Whether what the lock says stands for the bytes of a source.
  func isAsLocked(_ table: TableRun) -> Bool { index(of: table).map { sources[$0].isAsLocked } ?? false }

  /// Whether a source is what a command says that nobody has run yet: a plan does not run it.
  func isUnasked(_ source: Int) -> Bool { sources[source].outside.isCommand && sources[source].files.isEmpty }

  func index(of table: TableRun) -> Int? { table.stage < 0 ? -1 - table.stage : nil }
  func table(_ source: Int) -> TableRun { sources[source].table }
  func readers(_ source: Int) -> [Int] { sources[source].readers }
  func failure(_ source: Int) -> ResolvedFailure? { sources[source].failure }
  func fail(_ source: Int, _ failure: ResolvedFailure) { sources[source].failure = failure }

  /// Whether a scan has to be started now.
  func beginScan(_ source: Int) -> Bool {
    let it = sources[source]
    guard !it.isScanning, !it.table.isComplete, it.failure == nil else { return false }
    it.isScanning = true
    return true
  }

  private func appendKnown(_ source: Source, _ file: Int) {
    for index in source.files[file].entries.indices { source.table.append(chunk(source, file, index)) }
  }

  private func chunk(_ source: Source, _ file: Int, _ index: Int) -> TableChunk {
    let entry = source.files[file].entries[index]
    return TableChunk(
      ref: ChunkRef(digest: entry.digest, bytes: entry.length, rows: entry.records), context: entry.context, origin: .raw(file: file, entry: index))
  }

  // MARK: what jobs do, without the scheduler's lock

  struct Step {
    var chunks: [(TableChunk, [UInt8]?)] = []
    var isDone = false
  }

  /// Reads on.
  func step(_ index: Int) throws(TaskFailure) -> Step {
    let source = sources[index]
    do throws(ReadError) {
      return try read(on: source)
    } catch { throw TaskFailure(error) }
  }

  private func read(on source: Source) throws(ReadError) -> Step {
    var step = Step()
    if case .command(let argv) = source.outside.origin, source.files.isEmpty {
      let snapshot = try snapshots.take(argv)
      source.files = [File(SourceLocation(name: snapshot.name, path: snapshot.path))]
      recall(source.files, source.outside)
    }
    while step.chunks.count < Self.chunksPerStep {
      guard source.nextFile < source.files.count else {
        step.isDone = true
        break
      }
      let number = source.nextFile
      let file = source.files[number]
      if file.isKnown {
        for entry in file.entries.indices { step.chunks.append((chunk(source, number, entry), nil)) }
        source.nextFile += 1
        continue
      }
      if source.reader == nil {
        file.readAt = Store.systemClock()
        file.stamp = file.location.stamp
        source.reader = try RawChunkReader(file.location, format: source.outside.format, seesNames: source.outside.seesNames)
      }
      if let raw = try source.reader!.next() {
        monitor.locked { file.entries.append(raw.entry) }
        // The members of an archive are sorted when all are known.
        if case .members = file.location.content { continue }
        step.chunks.append((chunk(source, number, file.entries.count - 1), raw.bytes))
        continue
      }
      try finish(source, number, &step)
    }
    return step
  }

  private func finish(_ source: Source, _ number: Int, _ step: inout Step) throws(ReadError) {
    let file = source.files[number]
    source.reader = nil
    source.nextFile += 1
    if case .database = file.location.content {
      // A query sees one state of the database, whoever writes meanwhile; only what was seen is not what the stamp says now.
      if file.location.stamp != file.stamp { file.stamp = nil }
    } else if let before = file.stamp, file.location.stamp != before {
      throw ReadError(.changed, "changed while it was read", in: file.location.name, help: "run again when nothing writes to it")
    }
    if case .members = file.location.content {
      monitor.locked { file.entries.sort(by: RawChunkEntry.precedes) }
      for entry in file.entries.indices { step.chunks.append((chunk(source, number, entry), nil)) }
    }
    monitor.locked { file.isKnown = true }
    remember(file, source.outside)
  }

  /// The bytes of a raw chunk, read again.
  func read(_ table: TableRun, file: Int, entry: Int) throws(TaskFailure) -> [UInt8] {
    let source = sources[-1 - table.stage]
    let (location, wanted) = monitor.locked { (source.files[file].location, source.files[file].entries[entry]) }
    do throws(ReadError) {
      if location.isSeekable { return try RawChunkFetcher(location).bytes(of: wanted) }
      // Decoding forward from the last place: chunks are mostly asked for in order.
      let result = monitor.locked { () -> Result<[UInt8], ReadError> in
        if source.fetcher?.file != file { source.fetcher = (file, RawChunkFetcher(location)) }
        do throws(ReadError) { return .success(try source.fetcher!.fetcher.bytes(of: wanted)) } catch { return .failure(error) }
      }
      return try result.get()
    } catch { throw TaskFailure(error) }
  }

  /// The place of a raw chunk: its file's name today, and the line on which it begins.
  package func place(_ table: TableRun, file: Int, entry: Int) -> (name: String, startLine: Int, startColumn: Int, format: RecordFormat) {
    let source = sources[-1 - table.stage]
    return monitor.locked {
      let entry = source.files[file].entries[entry]
      return (source.files[file].location.name(ofMember: entry.member), entry.startLine, entry.startColumn, source.outside.format)
    }
  }

  // MARK: the stat index

  private func list(_ outside: OutsideSource) throws(ReadError) -> [SourceLocation] {
    if let tree, !outside.isCommand { return try tree.locations(outside) }
    switch outside.origin {
    case .files(let pattern): return try SourceListing.locations(of: pattern, root: root)
    case .sqlite(let path, let read):
      let absolute = path.hasPrefix("/") ? path : root + "/" + path
      return [SourceLocation(name: path, path: absolute, content: .database(read))]
    case .command(let argv):
      guard let snapshot = snapshots.pinned(argv) else { return [] }
      return [SourceLocation(name: snapshot.name, path: snapshot.path)]
    }
  }

  /// What a stamp alone does not say: how the bytes are read.
  private func tag(_ location: SourceLocation, _ manner: String, seesNames: Bool) -> UInt64 {
    XXHash64.hash(Array((seesNames ? manner + location.name : manner).utf8))
  }

  /// How the files of a source are read, as text.
  private func manner(_ outside: OutsideSource, _ content: SourceLocation.Content) -> String {
    // The description of values of ours: enums and structs of texts and numbers, the same in every run.
    "\(ChunkFormat.version) \(outside.format) \(outside.seesNames) \(content) "
  }

  /// Takes the chunks of files that are known from an earlier run.
  private func recall(_ files: [File], _ outside: OutsideSource) {
    guard usesStats, let first = files.first else { return }
    // All files of a source are of one sort, and describing it takes longer than a `stat`.
    let manner = manner(outside, first.location.content)
    for file in files { recall(file, tag(file.location, manner, seesNames: outside.seesNames)) }
  }

  private func recall(_ file: File, _ tag: UInt64) {
    guard let stamp = file.location.stamp, let payload = stats.digest(of: stamp, tag: tag), let bytes = (try? store.entry(.sourceIndex, payload)) ?? nil
    else { return }
    var reader = ByteReader(bytes)
    do {
      var entries: [RawChunkEntry] = []
      for _ in 0..<(try reader.count()) { entries.append(try RawChunkEntry(from: &reader)) }
      file.entries = entries
      file.stamp = stamp
      file.isKnown = true
    } catch {
      // An index that cannot be read is no index: the file is read.
    }
  }

  private func remember(_ file: File, _ outside: OutsideSource) {
    guard let stamp = file.stamp else { return }
    var writer = ByteWriter()
    writer.number(file.entries.count)
    for entry in file.entries { entry.encode(into: &writer) }
    let payload = Digest.of(writer.bytes)
    // Without an entry the file is read again next time; nothing else is lost.
    guard (try? store.record(.sourceIndex, payload, writer.bytes)) != nil else { return }
    stats.record(
      stamp, tag: tag(file.location, manner(outside, file.location.content), seesNames: outside.seesNames), digest: payload, readAt: file.readAt)
  }

  // MARK: what the lock and reports say of sources

  package struct Summary: Sendable {
    package let outside: OutsideSource
    package let content: Digest?
    package let files: Int
    package let rows: Int
    package let bytes: Int
    package let names: [String]
  }

  /// The sources that stages read, in the order of first use.
  package func summaries() -> [(readers: [Int], summary: Summary)] {
    sources.map { source in
      (
        source.readers,
        Summary(
          outside: source.outside, content: source.table.content, files: source.isAsLocked ? source.lockedFiles : source.files.count, rows: source.table.rows,
          bytes: source.table.bytes,
          names: source.files.map(\.location.name))
      )
    }
  }
}

/// The version of how tables are cut: part of every stamp, so that a change reads all files again.
enum ChunkFormat {
  static let version = 1
}

extension OutsideSource {
  var isCommand: Bool { if case .command = origin { true } else { false } }
}

extension SourceLocation {
  /// What the file system says of the bytes, wherever they lie: what was last committed to a database in WAL mode is in a file beside it.
  var stamp: FileStamp? {
    guard let main = FileStamp(path: path), case .database = content, let log = FileStamp(path: path + "-wal"), log.size > 0 else { return FileStamp(path: path) }
    // The later times of both, so that the rule for files changed a moment ago holds for either.
    return FileStamp(
      device: main.device, inode: main.inode ^ log.inode &* 0x9E37_79B9_7F4A_7C15, size: main.size &+ log.size, modified: max(main.modified, log.modified),
      changed: max(main.changed, log.changed))
  }

  /// Whether a chunk can be read without decoding what is before it.
  var isSeekable: Bool {
    guard case .file = content else { return false }
    return ![".gz", ".bz2", ".xz", ".zst"].contains { name.hasSuffix($0) }
  }
}

extension TaskFailure {
  /// A failure to read, with its own place.
  init(_ error: ReadError) {
    self.init(id: error.diagnostic.id, message: error.message, place: error.diagnostic, help: error.help)
  }
}

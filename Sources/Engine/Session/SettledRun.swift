import Diagnostics
public import Manifests
import Readers
import Rows
import Store

/// What a run that had nothing to do looked at, kept so that the next one can see that all of it is as it was without reading the manifest.
///
/// It is a promise about a plan, not about bytes: it holds while the program, the files that the plan was made of (by their bytes), the
/// sources and the published files (by their stamps, as any run believes them) and the store are the same. Where a plan may depend on
/// more (programs, snapshots, stages that always run), none is kept. Anything in doubt is a reason to read the manifest.
public struct SettledRun: Sendable, Equatable {
  /// The manifest's name and version, and how many tasks it has: what is shown.
  public var name: String
  public var version: String
  public var tasks: Int
  /// Files that the plan was made of, with the digests of their bytes; nil for one that was looked for and was not there.
  var files: [(path: String, digest: Digest?)] = []
  /// Paths and patterns of sources, and what they came to.
  var sources: [Source] = []
  /// Files that must lie as they are: published ones, and large blobs of the store.
  var stamps: [(path: String, stamp: FileStamp)] = []
  /// The state of the store's records.
  var store: Digest

  struct Source: Equatable {
    var path: String
    var isDatabase: Bool
    /// Of all names and stamps.
    var digest: Digest
    /// The latest time of a file.
    var latest: Int64
  }

  public static func == (a: SettledRun, b: SettledRun) -> Bool { a.encode() == b.encode() }

  // MARK: looking

  /// The settled run of a manifest, if nothing of what it looked at has changed since.
  ///
  /// - Parameter program: whatever tells one build of the program from another.
  public static func standing(
    manifest path: String, workspace: Workspace, overrides: ParameterOverrides = .init(), program: String
  ) -> SettledRun? {
    let place = place(workspace.relative(path), workspace, overrides, program)
    guard case .success(let bytes) = Workspace.read(place), let run = SettledRun(decoding: bytes) else { return nil }
    return run.stands(in: workspace) ? run : nil
  }

  private func stands(in workspace: Workspace) -> Bool {
    guard PublishJournal(directory: workspace.storeDirectory + "/publish", root: workspace.root).isEmpty else { return false }
    for file in files {
      switch Workspace.digest(of: workspace.absolute(file.path)) {
      case .success(let digest): if digest != file.digest { return false }
      case .failure: if file.digest != nil { return false }
      }
    }
    for (path, stamp) in stamps where FileStamp(path: workspace.absolute(path)) != stamp { return false }
    guard StoreState.digest(of: workspace.storeDirectory) == store else { return false }
    let now = Int64(bitPattern: Store.systemClock())
    for source in sources {
      // A clock that was set back makes every stamp doubtful.
      guard source.latest <= now else { return false }
      let locations: [SourceLocation]
      if source.isDatabase {
        locations = [SourceLocation(name: source.path, path: workspace.absolute(source.path), content: .database(.table("")))]
      } else {
        guard let found = try? SourceListing.locations(of: source.path, root: workspace.root) else { return false }
        locations = found
      }
      guard Self.digest(locations.map { ($0, $0.stamp) })?.digest == source.digest else { return false }
    }
    return true
  }

  /// Where it is kept: one file for a manifest with its parameters.
  private static func place(_ manifest: String, _ workspace: Workspace, _ overrides: ParameterOverrides, _ program: String) -> String {
    var writer = ByteWriter()
    for text in ["pipe-settled-1", program, workspace.root, manifest, overrides.profile ?? "", overrides.profile == nil ? "" : "given"] { writer.text(text) }
    writer.text(overrides.file?.path ?? "")
    writer.blob(overrides.file?.bytes ?? [])
    for text in overrides.assignments { writer.text(text) }
    return folder(workspace) + "/" + Digest.of(writer.bytes).short
  }

  static func folder(_ workspace: Workspace) -> String { workspace.storeDirectory + "/settled" }

  /// The digest of the names and stamps of a source's files; nil when one is gone.
  private static func digest(_ files: [(location: SourceLocation, stamp: FileStamp?)]) -> (digest: Digest, latest: Int64)? {
    var writer = ByteWriter()
    var hash = DigestBuilder()
    var latest = Int64.min
    for (location, stamp) in files {
      guard let stamp else { return nil }
      writer.text(location.name)
      writer.append(stamp)
      latest = max(latest, stamp.modified, stamp.changed)
      if writer.bytes.count > 64 << 10 {
        hash.update(writer.bytes)
        writer.bytes.removeAll(keepingCapacity: true)
      }
    }
    hash.update(writer.bytes)
    return (hash.finish(), latest)
  }

  // MARK: keeping

  /// What a run came to, when it had nothing to do and another one of this manifest would have no other reason to do anything.
  ///
  /// - Parameter storeBefore: the state of the store's records when the run began; nobody may have written or collected since.
  init?(_ session: Session, _ parts: Session.Parts, _ report: RunReport, _ options: RunOptions, storeBefore: Digest?) {
    guard !options.isPlan, !options.isLocked, options.writesLock, options.usesCache, options.forced.isEmpty, options.updated.isEmpty, options.selected == nil,
      !options.resubmits, options.pinnedKeys.isEmpty, session.tree == nil, report.exitCode == 0, report.notes.isEmpty, !report.lockChanged, !report.wasCancelled,
      let lockBytes = session.lockBytes, let storeBefore
    else { return nil }
    let workspace = session.workspace
    name = report.manifestName
    version = report.version
    tasks = report.tasks
    store = storeBefore
    files = session.loaded.files
    files.append((session.lockPath, Digest.of(lockBytes)))
    let scheduler = parts.scheduler
    var known = Set(files.map(\.path))
    for run in scheduler.stages {
      let stage = run.stage
      guard run.finish == .cached, run.wasAdopted, run.ran == 0, let result = run.result, stage.kind.effect == .pure, stage.settings.isCached, !stage.settings.isFrozen,
        stage.kind.comparison == nil, !type(of: stage.kind).asksMachine, run.verdicts.allSatisfy({ $0.outcome == .passed }),
        run.published.allSatisfy({ $0.change == .unchanged })
      else { return nil }
      for (file, path) in zip(stage.keyFiles, stage.keyFilePaths) {
        guard let path else {
          // What a tool says of itself is asked anew each time.
          if file.role.hasPrefix("tool ") { return nil }
          continue
        }
        guard known.insert(path).inserted else { continue }
        guard file.digest.hasPrefix("sha256:"), let digest = Digest(hex: file.digest.dropFirst(7)) else { return nil }
        files.append((path, digest))
      }
      for content in result.ports.filter({ $0.rows > 0 }).map(\.content) + [result.tasks] {
        let (isThere, file) = session.store.residence(of: content)
        guard isThere else { return nil }
        if let file {
          guard let stamp = FileStamp(path: file) else { return nil }
          stamps.append((file, stamp))
        }
      }
      guard let published = parts.host.publishedStamps(run) else { return nil }
      stamps += published
    }
    for source in scheduler.sources.sources {
      guard let (digest, latest) = Self.digest(source.files.map { ($0.location, $0.stamp) }), source.failure == nil, !source.isAsLocked, !source.files.isEmpty,
        source.files.allSatisfy(\.isKnown)
      else { return nil }
      switch source.outside.origin {
      case .files(let pattern): sources.append(Source(path: pattern, isDatabase: false, digest: digest, latest: latest))
      case .sqlite(let path, _): sources.append(Source(path: path, isDatabase: true, digest: digest, latest: latest))
      case .command: return nil
      }
    }
    // Whoever wrote or collected meanwhile may have taken what was found.
    guard StoreState.digest(of: workspace.storeDirectory) == storeBefore else { return nil }
  }

  /// Keeps it, unless it is there already. Without it the next run reads the manifest; nothing else is lost.
  func keep(_ session: Session, _ program: String) {
    let place = Self.place(session.pipeline.path, session.workspace, session.overrides, program)
    let bytes = encode()
    if case .success(let there) = Workspace.read(place), there == bytes { return }
    try? AtomicFile.write(place, bytes, sync: false)
  }

  // MARK: bytes

  func encode() -> [UInt8] {
    var writer = ByteWriter()
    writer.text(Self.format)
    writer.text(name)
    writer.text(version)
    writer.number(tasks)
    writer.digest(store)
    writer.number(files.count)
    for file in files {
      writer.text(file.path)
      writer.number(file.digest == nil ? 0 : 1)
      if let digest = file.digest { writer.digest(digest) }
    }
    writer.number(sources.count)
    for source in sources {
      writer.text(source.path)
      writer.number(source.isDatabase ? 1 : 0)
      writer.digest(source.digest)
      writer.word(UInt64(bitPattern: source.latest))
    }
    writer.number(stamps.count)
    for (path, stamp) in stamps {
      writer.text(path)
      writer.append(stamp)
    }
    writer.digest(Digest.of(writer.bytes))
    return writer.bytes
  }

  private static let format = "pipe-settled-1"

  init?(decoding bytes: [UInt8]) {
    guard bytes.count > Digest.byteCount, Digest.of(Array(bytes.dropLast(Digest.byteCount))).bytes == Array(bytes.suffix(Digest.byteCount)) else { return nil }
    var reader = ByteReader(bytes)
    do {
      guard try reader.text() == Self.format else { return nil }
      name = try reader.text()
      version = try reader.text()
      tasks = try reader.number()
      store = try reader.digest()
      for _ in 0..<(try reader.count()) { files.append((try reader.text(), try reader.number() == 0 ? nil : try reader.digest())) }
      for _ in 0..<(try reader.count()) {
        sources.append(
          Source(path: try reader.text(), isDatabase: try reader.number() == 1, digest: try reader.digest(), latest: Int64(bitPattern: try reader.word())))
      }
      for _ in 0..<(try reader.count()) { stamps.append((try reader.text(), try FileStamp(from: &reader))) }
    } catch { return nil }
  }
}

/// The files that a manifest was read from, with what was in them.
final class LoadedFiles: @unchecked Sendable {
  // Filled by one reading, before anybody else sees it.
  private(set) var files: [(path: String, digest: Digest?)] = []
  private var known: Set<String> = []

  func note(_ path: String, _ result: Result<[UInt8], ManifestReader.LoadFailure>) {
    guard known.insert(path).inserted else { return }
    files.append((path, (try? result.get()).map { Digest.of($0) }))
  }
}

extension ByteWriter {
  mutating func append(_ stamp: FileStamp) {
    for word in [stamp.device, stamp.inode, UInt64(bitPattern: stamp.size), UInt64(bitPattern: stamp.modified), UInt64(bitPattern: stamp.changed)] { self.word(word) }
  }
}

extension FileStamp {
  init(from reader: inout ByteReader) throws(ByteReader.Malformed) {
    self.init(
      device: try reader.word(), inode: try reader.word(), size: Int64(bitPattern: try reader.word()), modified: Int64(bitPattern: try reader.word()),
      changed: Int64(bitPattern: try reader.word()))
  }
}

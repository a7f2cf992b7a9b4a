public import Rows
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Keeps bytes under their digest, and small entries under a kind and a key, in one directory.
///
/// Any number of threads, and of processes on the same directory, may use a store at once. Nothing needs to be fsynced: whatever is
/// read is verified, and what is damaged or cut short counts as absent, so that its maker runs again.
///
///     cas/sha256/ab/<hex>    blobs of more than 4 MiB
///     packs/<name>.pack      blobs of 16 KiB and more, one behind the other, appended by one process each
///     segments/<name>.seg    entries, smaller blobs and the places of packed ones, appended by one process each
///     index                  where the records are; rebuilt when absent
///     tmp/<session>/         files under construction
///     damaged/               blobs that were not what their names say
///     locks/                 what processes agree by
///
/// Directories appear with the first write; opening a store writes nothing.
public final class Store: Sendable {
  /// Blobs of this size and more lie in packs; smaller ones, and entries, are records in segments.
  public static let smallLimit = 16 * 1024
  /// Larger blobs are files of their own.
  static let packedLimit = 4 << 20

  /// Nanoseconds since 1970; passed in so that tests can age a store.
  public typealias Clock = @Sendable () -> UInt64

  /// A record or blob that was not what it should have been.
  public struct Damage: Sendable, Equatable, CustomStringConvertible {
    public enum Subject: Sendable, Equatable {
      case blob(Digest)
      case entry(EntryKind, Digest)
      case segment
      case index
    }
    public let subject: Subject
    /// The file it was found in, after moving when it was moved aside.
    public let path: String
    /// What is wrong, as a clause: `its bytes have another digest`.
    public let detail: String

    public var description: String { "`\(path)`: \(detail)" }
  }

  /// The store's directory, as it was given.
  public let directory: String
  let disk: Disk
  let clock: Clock
  let catalog: Mutex<Catalog>
  let temporaries: Temporaries
  let packs: Packs
  let buffers = BufferPool()
  /// Where is looked for what is not here; nothing is written there.
  let base: Store?
  private let onDamage: (@Sendable (Damage) -> Void)?
  private let damages = Atomic<Int>(0)
  private let isLaidOut = Atomic<Bool>(false)
  private let isFlushScheduled = Atomic<Bool>(false)

  private static let format = "pipe store 1\n"

  /// Opens the store in a directory.
  ///
  /// - Parameters:
  ///   - directory: for example `.pipe`. With `create`, a directory that is not there is made with the first write; without, it is an
  ///     error (`missing`).
  ///   - base: a store in which is looked for what is not in this one: this one is then a layer over it.
  ///   - onDamage: told, on whatever thread reads, of everything that failed its check.
  /// - Throws: `unknownFormat` when the directory was written by a `pipe` of another format.
  public init(
    directory: String, create: Bool = true, over base: Store? = nil, disk: Disk = .real, clock: @escaping Clock = Store.systemClock,
    onDamage: (@Sendable (Damage) -> Void)? = nil
  ) throws(StoreError) {
    self.directory = directory
    self.base = base
    self.disk = disk
    self.clock = clock
    self.onDamage = onDamage
    self.temporaries = Temporaries(directory: directory + "/tmp", disk: disk)
    self.packs = Packs(directory: directory + "/packs", disk: disk)
    if let found = try Files.contents(directory + "/format") {
      guard found == Array(Store.format.utf8) else { throw StoreError(kind: .unknownFormat, path: directory, operation: "open the store") }
      isLaidOut.store(true, ordering: .relaxed)
    } else if !create, Files.status(directory) == nil {
      throw StoreError(kind: .missing, path: directory, operation: "open the store", code: ENOENT)
    }
    var catalog = Catalog(directory: directory)
    catalog.refresh()
    self.catalog = Mutex(catalog)
  }

  deinit {
    // A store that is let go without a flush keeps what it was given, as far as the disk allows.
    try? flushBuffer()
  }

  /// The machine's clock.
  public static let systemClock: Clock = {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(Files.nanoseconds(time))
  }

  /// How often something read from this store failed its check since it was opened.
  public var damageCount: Int { damages.load(ordering: .relaxed) }

  /// A lock file's path for anything that processes sharing this store have to agree on.
  public func lockPath(_ name: String) -> String { directory + "/locks/" + name }

  // MARK: Entries

  /// The payload recorded last under a kind and a key, or nil.
  public func entry(_ kind: EntryKind, _ key: Digest) throws(StoreError) -> [UInt8]? {
    guard let (payload, flags) = readRecord(RecordID(kind: kind.rawValue, key: key), Array.init) else { return try base?.entry(kind, key) }
    guard flags & RecordHeader.inBlob != 0 else { return payload }
    guard payload.count == Digest.byteCount else { return nil }
    return try get(payload.withUnsafeBytes { Digest(bytes: $0) })
  }

  /// Whether something is recorded under a kind and a key; the payload is not read.
  public func hasEntry(_ kind: EntryKind, _ key: Digest) -> Bool {
    catalog.withLock { $0.locate(RecordID(kind: kind.rawValue, key: key)) != nil } || base?.hasEntry(kind, key) ?? false
  }

  /// Records a payload under a kind and a key, in place of any earlier one.
  ///
  /// This process sees it at once; the file has it within a second, a megabyte, or with ``flush()``. A payload over 16 KiB becomes a
  /// blob.
  public func record(_ kind: EntryKind, _ key: Digest, _ payload: [UInt8]) throws(StoreError) {
    let id = RecordID(kind: kind.rawValue, key: key)
    if payload.count < Store.smallLimit {
      try payload.withBytes { (bytes) throws(StoreError) in try append(id, flags: 0, bytes) }
    } else {
      let digest = try payload.withBytes { (bytes) throws(StoreError) in try put(bytes) }
      try digest.bytes.withBytes { (bytes) throws(StoreError) in try append(id, flags: RecordHeader.inBlob, bytes) }
    }
  }

  // MARK: Buffers

  /// Hands buffered records to their file, for other processes to see; cheap when nothing is buffered.
  public func flushBuffer() throws(StoreError) {
    try catalog.withLock { (catalog) throws(StoreError) in try catalog.flushBuffer(disk) }
  }

  /// Waits until everything recorded so far, and these blobs, are on the device: for what could not be had again.
  public func makeDurable(_ blobs: [Digest] = []) throws(StoreError) {
    for pack in Set(blobs.compactMap { place(of: $0)?.pack }) { try packs.sync(pack) }
    for digest in blobs {
      let path = blobPath(digest)
      // Other blobs are records, or have one.
      guard let descriptor = try Files.open(path) else { continue }
      defer { close(descriptor) }
      try disk.sync(descriptor, path)
      try disk.syncDirectory(String(AtomicFile.split(path).directory.dropLast()))
    }
    try catalog.withLock { (catalog) throws(StoreError) in
      guard catalog.writer != nil else { return }
      try catalog.flushBuffer(disk)
      try catalog.writer?.sync(disk)
      try disk.syncDirectory(catalog.segmentDirectory)
    }
  }

  /// Ends a run's writing: hands over what is buffered, closes this process's segment, and extends the index when that has become worth it.
  ///
  /// The store stays usable. After a run that recorded nothing it does nothing.
  public func flush() throws(StoreError) {
    packs.finish()
    let wantsIndex = try catalog.withLock { (catalog) throws(StoreError) in
      let wrote = catalog.writer != nil
      try catalog.closeWriter(disk)
      return wrote && catalog.wantsIndex
    }
    if wantsIndex {
      try extendIndex()
      try mergeSmallSegments()
    }
  }

  /// Takes in what other processes have recorded since this store was opened or last refreshed.
  public func refresh() {
    catalog.withLock { $0.refresh() }
  }

  /// Writes a new index, unless another process is at it.
  func extendIndex() throws(StoreError) {
    guard let lock = try FileLock.tryAcquire(lockPath("index"), command: "writing the index", disk: disk) else { return }
    defer { lock.release() }
    try catalog.withLock { (catalog) throws(StoreError) in
      guard catalog.writer == nil else { return }
      try catalog.extendIndex(disk) { () throws(StoreError) in try temporaries.path() }
    }
  }

  // MARK: Records

  /// Reads a record's payload, verified, under no lock; nil when there is none or it is damaged.
  func readRecord<R>(_ id: RecordID, _ body: (UnsafeRawBufferPointer) -> R) -> (R, flags: UInt8)? {
    var found = catalog.withLock { catalog in find(id, in: &catalog) }
    if found == nil {
      // A segment that is gone has been compacted into another: the index on disk knows which.
      let mayHaveMoved = catalog.withLock { $0.segments.contains { $0.isMissing } && FileIdentity(path: $0.indexPath) != $0.indexIdentity }
      if mayHaveMoved {
        refresh()
        found = catalog.withLock { catalog in find(id, in: &catalog) }
      }
    }
    guard let (location, reading) = found else { return nil }
    switch reading {
    case .buffered(let flags, let payload, _):
      return (payload.withUnsafeBytes(body), flags)
    case .mapped(let mapping, let header, let offset, let seed):
      guard let payload = header.payload(mapping.bytes, at: offset, seed: seed) else {
        reportDead(id, location, "its bytes are not those that were written")
        return nil
      }
      return withExtendedLifetime(mapping) { (body(payload), header.flags) }
    }
  }

  private func find(_ id: RecordID, in catalog: inout Catalog) -> (Location, Catalog.Reading)? {
    guard let location = catalog.locate(id), let reading = catalog.reading(location) else { return nil }
    return (location, reading)
  }

  /// Stops believing in a record.
  func reportDead(_ id: RecordID, _ location: Location, _ detail: String) {
    let path = catalog.withLock { catalog in
      catalog.dead.insert(location)
      if catalog.fresh[id]?.location == location { catalog.fresh[id] = nil }
      return catalog.segments[location.segment].path
    }
    let subject: Damage.Subject =
      id.kind == RecordHeader.blob ? .blob(id.key) : id.kind == RecordHeader.end ? .segment : .entry(EntryKind(rawValue: id.kind), id.key)
    report(Damage(subject: subject, path: path, detail: detail))
  }

  func report(_ damage: Damage) {
    damages.wrappingAdd(1, ordering: .relaxed)
    onDamage?(damage)
  }

  /// Adds a record, and hands the buffer over when it has grown large or old.
  func append(_ id: RecordID, flags: UInt8, age: UInt64? = nil, _ payload: UnsafeRawBufferPointer) throws(StoreError) {
    try layOut()
    let now = clock()
    try catalog.withLock { (catalog) throws(StoreError) in
      try catalog.append(id, flags: flags, now: now, age: age, payload: payload, disk: disk)
      if let writer = catalog.writer, writer.buffer.count >= Store.bufferLimit || now &- writer.dirtySince >= Store.bufferNanoseconds {
        try catalog.flushBuffer(disk)
      }
    }
    scheduleFlush()
  }

  /// Buffered records reach their file when there are so many bytes of them, or the oldest is this old.
  static let bufferLimit = 1 << 20
  static let bufferNanoseconds: UInt64 = 1_000_000_000

  /// A process that records something and then computes for a minute must not lose it to a kill.
  private func scheduleFlush() {
    guard !isFlushScheduled.load(ordering: .relaxed), !isFlushScheduled.exchange(true, ordering: .relaxed) else { return }
    Task.detached { [weak self] in
      try? await Task.sleep(nanoseconds: Store.bufferNanoseconds)
      guard let self else { return }
      isFlushScheduled.store(false, ordering: .relaxed)
      // A failure here is met again, and thrown, by the next record or flush: the bytes stay in the buffer.
      try? flushBuffer()
    }
  }

  /// Makes the directory a store, once.
  func layOut() throws(StoreError) {
    if isLaidOut.load(ordering: .relaxed) { return }
    try disk.makeDirectory(directory)
    // A store is never something to commit, wherever people put it.
    if Files.status(directory + "/.gitignore") == nil {
      try AtomicFile.write(directory + "/.gitignore", Array("*\n".utf8), sync: false, disk: disk)
    }
    try AtomicFile.write(directory + "/format", Array(Store.format.utf8), sync: false, disk: disk)
    isLaidOut.store(true, ordering: .relaxed)
  }
}

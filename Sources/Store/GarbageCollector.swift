public import Rows
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Removes what nothing refers to any more.
///
/// The caller walks its roots and marks what they need. Kept besides: what live runs have pinned, and whatever is younger than the
/// grace time, since a run at work may be about to refer to it. It waits for nobody and breaks nobody: what a run misses in spite of
/// all this it makes again.
public struct GarbageCollector: Sendable {
  /// What is needed.
  public struct Marks: Sendable {
    private(set) var blobs: Set<Digest> = []
    private(set) var entries: Set<RecordID> = []

    public init() {}

    /// Marks a blob; false when it was marked before.
    @discardableResult
    public mutating func blob(_ digest: Digest) -> Bool { blobs.insert(digest).inserted }

    /// Marks an entry; false when it was marked before. A payload that is kept as a blob is kept with its entry.
    @discardableResult
    public mutating func entry(_ kind: EntryKind, _ key: Digest) -> Bool {
      entries.insert(RecordID(kind: kind.rawValue, key: key)).inserted
    }

    mutating func add(_ pin: RunLog.Pin) {
      switch pin {
      case .blob(let digest): blob(digest)
      case .entry(let kind, let key): entry(kind, key)
      }
    }
  }

  /// What there was and what went, or would go.
  public struct Report: Sendable, Equatable {
    /// Nothing was removed; the numbers say what would be.
    public var isDryRun = true
    /// Another process was collecting or writing the index, and nothing was done to the segments.
    public var segmentsWereBusy = false
    public var blobsKept = 0
    public var bytesKept = 0
    public var blobsRemoved = 0
    public var bytesRemoved = 0
    public var entriesKept = 0
    public var entriesRemoved = 0
    /// The bytes by which the segments shrink.
    public var segmentBytesRemoved = 0
    /// Kept for their youth alone.
    public var keptByGrace = 0
    /// Temporaries of dead processes and blobs moved aside as damaged.
    public var leftoversRemoved = 0
    /// Runs whose records and logs went.
    public var runsRemoved = 0

    public init() {}
  }

  private let store: Store
  private let graceNanoseconds: UInt64

  /// - Parameter graceSeconds: how young is too young to go, whatever the marks say.
  public init(_ store: Store, graceSeconds: UInt64 = 14 * 86_400) {
    self.store = store
    self.graceNanoseconds = graceSeconds * 1_000_000_000
  }

  /// Collects.
  ///
  /// - Parameters:
  ///   - dryRun: count only.
  ///   - mark: walks the roots. It may read the store.
  public func collect(dryRun: Bool = true, mark: (inout Marks) throws -> Void) throws -> Report {
    var report = Report()
    report.isDryRun = dryRun
    try store.flush()
    store.refresh()
    var marks = Marks()
    try mark(&marks)
    for pin in store.history.livePins() { marks.add(pin) }
    try markPayloads(&marks)
    let emptied = dryRun ? [] : try emptyPacks(marks)
    try collectRecords(marks, dryRun: dryRun, &report)
    if !report.segmentsWereBusy { for pack in emptied { try store.disk.remove(store.packs.path(pack)) } }
    try collectFiles(marks, dryRun: dryRun, &report)
    if !dryRun { report.leftoversRemoved += store.sweepTemporaries() }
    return report
  }

  /// An entry that stays, marked or young, keeps the blob that holds its payload.
  private func markPayloads(_ marks: inout Marks) throws {
    let now = store.clock()
    var payloads: [Digest] = []
    store.forEachRecord { id, header, payload in
      guard header.flags & RecordHeader.inBlob != 0, payload.count == Digest.byteCount else { return }
      if marks.entries.contains(id) || isYoung(header.stamp, now) { payloads.append(Digest(bytes: payload)) }
    }
    for digest in payloads { marks.blob(digest) }
  }

  private func isYoung(_ stamp: UInt64, _ now: UInt64) -> Bool { stamp &+ graceNanoseconds > now }

  private func isWanted(_ id: RecordID, _ marks: Marks) -> Bool {
    id.kind == RecordHeader.blob ? marks.blobs.contains(id.key) : marks.entries.contains(id)
  }

  // MARK: Segments

  private func collectRecords(_ marks: Marks, dryRun: Bool, _ report: inout Report) throws(StoreError) {
    let now = store.clock()
    var unwanted: Set<Int> = []
    store.walkRecords { place, id, header, payload, isCurrent in
      let bytes = header.packedCount(payload) ?? header.length
      let isBlob = id.kind == RecordHeader.blob
      let isKept = isCurrent && (isWanted(id, marks) || isYoung(header.stamp, now))
      if isKept {
        if !isWanted(id, marks) { report.keptByGrace += 1 }
        if isBlob {
          report.blobsKept += 1
          report.bytesKept += bytes
        } else {
          report.entriesKept += 1
        }
        return
      }
      unwanted.insert(place)
      if dryRun { report.segmentBytesRemoved += header.extent }
      guard isCurrent else { return }
      if isBlob {
        report.blobsRemoved += 1
        report.bytesRemoved += bytes
      } else {
        report.entriesRemoved += 1
      }
    }
    guard !dryRun, !unwanted.isEmpty else { return }
    guard let lock = try FileLock.tryAcquire(store.lockPath("index"), command: "collecting garbage", disk: store.disk) else {
      report.segmentsWereBusy = true
      return
    }
    defer { lock.release() }
    try store.catalog.withLock { (catalog) throws(StoreError) in
      guard catalog.writer == nil else {
        report.segmentsWereBusy = true
        return
      }
      catalog.refresh()
      // A segment that is still being written belongs to a live run, and is left to a later collection.
      let places = catalog.segments.indices.filter {
        unwanted.contains($0) && catalog.segments[$0].isClosed && !catalog.segments[$0].isMissing
      }
      let rewrite = try store.rewrite(places, &catalog) { id, stamp in isWanted(id, marks) || isYoung(stamp, now) }
      report.segmentBytesRemoved += rewrite.bytesBefore - rewrite.bytesAfter
    }
  }

  // MARK: Packs

  /// Moves what stays out of packs that are mostly made of other bytes.
  /// - Returns: the packs that nobody will need once the records are collected.
  private func emptyPacks(_ marks: Marks) throws -> [SegmentName] {
    let now = store.clock()
    var living: [SegmentName: [(digest: Digest, stamp: UInt64, place: Packs.Place)]] = [:]
    store.forEachRecord { id, header, payload in
      guard header.packedCount(payload) != nil, let place = Packs.Place(payload), isWanted(id, marks) || isYoung(header.stamp, now) else { return }
      living[place.pack, default: []].append((id.key, header.stamp, place))
    }
    var emptied: [SegmentName] = []
    for name in store.packs.names where store.packs.isFinal(name) {
      let blobs = living[name] ?? []
      let size = Int(Files.status(store.packs.path(name))?.st_size ?? 0)
      guard blobs.isEmpty || blobs.reduce(0, { $0 + $1.place.count }) < size - size / 8 else { continue }
      for blob in blobs.sorted(by: { $0.place.offset < $1.place.offset }) { try store.repack(blob.digest, blob.place, stamp: blob.stamp) }
      emptied.append(name)
    }
    try store.flush()
    return emptied
  }

  // MARK: Files

  /// Before so many removals the pins are read again.
  private static let batch = 256

  private func collectFiles(_ marks: Marks, dryRun: Bool, _ report: inout Report) throws(StoreError) {
    let now = Int64(bitPattern: store.clock())
    let grace = Int64(bitPattern: graceNanoseconds)
    var victims: [(path: String, digest: Digest, bytes: Int)] = []
    let root = store.directory + "/cas/sha256"
    for shard in Files.names(in: root).sorted() {
      for name in Files.names(in: root + "/" + shard).sorted() {
        let path = root + "/" + shard + "/" + name
        guard let digest = Digest(hex: name), let status = Files.status(path) else { continue }
        let isMarked = marks.blobs.contains(digest)
        let isYoung = now - status.modifiedNanoseconds < grace
        if isMarked || isYoung {
          report.blobsKept += 1
          report.bytesKept += Int(status.st_size)
          if !isMarked { report.keptByGrace += 1 }
        } else {
          victims.append((path, digest, Int(status.st_size)))
        }
      }
    }
    var pins: Set<RunLog.Pin> = []
    for (number, victim) in victims.enumerated() {
      // Runs go on while we do: what one of them has pinned or put again meanwhile stays.
      if number % GarbageCollector.batch == 0 { pins = store.history.livePins() }
      if pins.contains(.blob(victim.digest)) {
        report.blobsKept += 1
        report.bytesKept += victim.bytes
        continue
      }
      if !dryRun {
        if let status = Files.status(victim.path), now - status.modifiedNanoseconds < grace { continue }
        try store.disk.remove(victim.path)
      }
      report.blobsRemoved += 1
      report.bytesRemoved += victim.bytes
    }
    for name in Files.names(in: store.directory + "/damaged") {
      let path = store.directory + "/damaged/" + name
      guard let status = Files.status(path), now - status.modifiedNanoseconds >= grace else { continue }
      if !dryRun { try store.disk.remove(path) }
      report.leftoversRemoved += 1
    }
  }
}

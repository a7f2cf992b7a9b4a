public import Rows
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Looking at a store as a whole: what `cache stats` and `cache verify` show.
extension Store {
  /// How much a store holds.
  public struct Stats: Sendable, Equatable {
    /// Blobs in packs and in files of their own.
    public var blobs = 0
    public var blobBytes = 0
    /// Blobs kept as records.
    public var smallBlobs = 0
    public var smallBlobBytes = 0
    /// Entries by kind.
    public var entries: [EntryKind: Int] = [:]
    public var segments = 0
    public var segmentBytes = 0
    /// Records that were replaced by later ones.
    public var replacedRecords = 0
    /// Records no index speaks for yet.
    public var unindexedRecords = 0
    /// Blobs that were found damaged and moved aside.
    public var damagedBlobs = 0

    public init() {}
  }

  /// Counts what is here. Reads every segment and every directory, but no blob.
  public func stats() throws(StoreError) -> Stats {
    try flushBuffer()
    refresh()
    var stats = Stats()
    forEachBlobFile { _, _, bytes in
      stats.blobs += 1
      stats.blobBytes += bytes
    }
    walkRecords { _, id, header, payload, isCurrent in
      if !isCurrent {
        stats.replacedRecords += 1
      } else if let count = header.packedCount(payload) {
        stats.blobs += 1
        stats.blobBytes += count
      } else if id.kind == RecordHeader.blob {
        stats.smallBlobs += 1
        stats.smallBlobBytes += header.length
      } else {
        stats.entries[EntryKind(rawValue: id.kind), default: 0] += 1
      }
    }
    catalog.withLock { catalog in
      stats.unindexedRecords = catalog.fresh.count
      for segment in catalog.segments where !segment.isMissing {
        guard let status = Files.status(segment.path) else { continue }
        stats.segments += 1
        stats.segmentBytes += Int(status.st_size)
      }
    }
    stats.damagedBlobs = Files.names(in: directory + "/damaged").count
    return stats
  }

  /// What a verification found.
  public struct Verification: Sendable, Equatable {
    public var blobs = 0
    public var records = 0
    public var bytes = 0
    public var damages: [Damage] = []

    public init() {}
  }

  /// Reads everything and checks it against its digests and checks. Damaged blobs are moved aside, so that they are made again.
  ///
  /// A segment's torn tail is what a kill leaves and no damage.
  public func verify() throws(StoreError) -> Verification {
    try flushBuffer()
    refresh()
    var result = Verification()
    var found: [(Digest, String)] = []
    forEachBlobFile { digest, path, _ in found.append((digest, path)) }
    for (digest, path) in found {
      result.blobs += 1
      guard let mapping = try Mapping.open(path) else { continue }
      result.bytes += mapping.bytes.count
      if Digest.of(mapping.bytes) == digest { continue }
      let before = directory + "/damaged/" + digest.hex
      setAside(digest, path, "its bytes have another digest")
      result.damages.append(Damage(subject: .blob(digest), path: before, detail: "its bytes have another digest"))
    }
    var seen: Set<RecordID> = []
    let segments = catalog.withLock { catalog in catalog.segments.filter { !$0.isMissing } }
    for segment in segments {
      guard let mapping = try Mapping.open(segment.path) else { continue }
      guard let seed = Segment.seed(of: mapping.bytes) else {
        // Less than a header is a writer that has just begun, or that was killed then.
        if mapping.bytes.count >= Segment.headerSize {
          result.damages.append(Damage(subject: .segment, path: segment.path, detail: "it does not begin as a segment does"))
        }
        continue
      }
      var wrong: [RecordID] = []
      var packed: [RecordID] = []
      let scan = Segment.scan(mapping.bytes, from: Segment.headerSize, seed: seed) { header, _, payload in
        if header.packedCount(payload) != nil { return packed.append(header.id) }
        result.records += 1
        result.bytes += payload.count
        if header.id.kind == RecordHeader.blob, Digest.of(payload) != header.id.key { wrong.append(header.id) }
      }
      if scan.damaged > 0 {
        let detail = scan.damaged == 1 ? "one stretch of it is damaged" : "\(scan.damaged) stretches of it are damaged"
        result.damages.append(Damage(subject: .segment, path: segment.path, detail: detail))
      }
      for id in packed where seen.insert(id).inserted {
        result.blobs += 1
        guard let place = place(of: id.key) else { continue }
        result.bytes += place.count
        if try get(id.key).map(Digest.of) != id.key {
          result.damages.append(Damage(subject: .blob(id.key), path: packs.path(place.pack), detail: "its bytes have another digest"))
        }
      }
      for id in wrong { result.damages.append(Damage(subject: .blob(id.key), path: segment.path, detail: "its bytes have another digest")) }
    }
    let indexIsWhole = catalog.withLock { catalog in
      let isWhole = catalog.index?.slotsAreWhole ?? true
      if !isWhole { catalog.indexIsSuspect = true }
      return isWhole
    }
    if !indexIsWhole {
      result.damages.append(Damage(subject: .index, path: directory + "/index", detail: "it is damaged and will be made anew"))
      try extendIndex()
    }
    return result
  }

  /// Every entry of some kinds that a lookup finds, in no order that means anything. Reads every segment once.
  public func entries(of kinds: Set<EntryKind>) throws(StoreError) -> [(kind: EntryKind, key: Digest, payload: [UInt8])] {
    try flushBuffer()
    refresh()
    let wanted = Set(kinds.map(\.rawValue))
    var found: [(kind: EntryKind, key: Digest, payload: [UInt8])] = []
    var large: [(kind: EntryKind, key: Digest)] = []
    forEachRecord { id, header, payload in
      guard wanted.contains(id.kind) else { return }
      let kind = EntryKind(rawValue: id.kind)
      if header.flags & RecordHeader.inBlob == 0 { found.append((kind, id.key, Array(payload))) } else { large.append((kind, id.key)) }
    }
    for (kind, key) in large { if let payload = try entry(kind, key) { found.append((kind, key, payload)) } }
    return found
  }

  // MARK: Walking

  private func forEachBlobFile(_ body: (Digest, _ path: String, _ bytes: Int) -> Void) {
    let root = directory + "/cas/sha256"
    for shard in Files.names(in: root).sorted() {
      for name in Files.names(in: root + "/" + shard).sorted() {
        let path = root + "/" + shard + "/" + name
        guard let digest = Digest(hex: name), let status = Files.status(path) else { continue }
        body(digest, path, Int(status.st_size))
      }
    }
  }

  /// Every record that a lookup finds, with its payload. Buffered records are not among them.
  func forEachRecord(_ body: (RecordID, RecordHeader, UnsafeRawBufferPointer) -> Void) {
    walkRecords { _, id, header, payload, isCurrent in
      if isCurrent { body(id, header, payload) }
    }
  }

  /// Every record with its segment's place, and whether a lookup finds it.
  func walkRecords(_ body: (Int, RecordID, RecordHeader, UnsafeRawBufferPointer, Bool) -> Void) {
    let count = catalog.withLock { $0.segments.count }
    for place in 0..<count {
      // The lock is taken per segment, so that a run in this process is not held up for long.
      catalog.withLock { catalog in
        if catalog.segments[place].isMissing { return }
        guard let mapping = catalog.segments[place].remap() else { return }
        _ = Segment.scan(mapping.bytes, from: Segment.headerSize, seed: catalog.segments[place].seed) { header, offset, payload in
          body(place, header.id, header, payload, catalog.locate(header.id) == Location(segment: place, offset: offset))
        }
      }
    }
  }
}

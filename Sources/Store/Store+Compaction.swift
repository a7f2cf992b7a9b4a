internal import Rows
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Rewriting segments: many small ones into one, and without the records nobody wants.
extension Store {
  /// Closed segments smaller than this are merged when there are more than so many of them.
  static let smallSegment = 1 << 20
  static let smallSegmentLimit = 64

  /// What a rewrite did.
  struct Rewrite {
    var segmentsRemoved = 0
    var recordsDropped = 0
    var bytesBefore = 0
    var bytesAfter = 0
  }

  /// Merges small segments when there are many, so that opening a store stays cheap after ten thousand runs.
  func mergeSmallSegments() throws(StoreError) {
    let isWorthIt = catalog.withLock { $0.smallClosedSegments().count > Store.smallSegmentLimit }
    guard isWorthIt, let lock = try FileLock.tryAcquire(lockPath("index"), command: "merging segments", disk: disk) else { return }
    defer { lock.release() }
    try catalog.withLock { (catalog) throws(StoreError) in
      guard catalog.writer == nil else { return }
      catalog.refresh()
      let places = catalog.smallClosedSegments()
      guard places.count > Store.smallSegmentLimit else { return }
      _ = try rewrite(places, &catalog) { _, _ in true }
    }
  }

  /// Writes the wanted records of some closed segments into a new one, points the index there, and removes the old ones.
  ///
  /// The caller holds the index lock. A crash in between leaves records twice, which harms nothing; other processes find a segment gone
  /// and look at the index again.
  func rewrite(_ places: [Int], _ catalog: inout Catalog, keep: (RecordID, _ stamp: UInt64) -> Bool) throws(StoreError) -> Rewrite {
    var rewrite = Rewrite()
    var records: [(RecordHeader, UnsafeRawBufferPointer)] = []
    var mappings: [Mapping] = []
    var places = places
    places.removeAll { place in
      guard let mapping = catalog.segments[place].bytes(atLeast: Segment.headerSize) else { return true }
      mappings.append(mapping)
      _ = Segment.scan(mapping.bytes, from: Segment.headerSize, seed: catalog.segments[place].seed) { header, offset, payload in
        // Only the record that a lookup finds counts; others were replaced, or are in two segments after a crash.
        let isCurrent = catalog.locate(header.id) == Location(segment: place, offset: offset)
        if isCurrent && keep(header.id, header.stamp) { records.append((header, payload)) } else { rewrite.recordsDropped += 1 }
      }
      rewrite.bytesBefore += mapping.bytes.count
      return false
    }
    guard !places.isEmpty else { return rewrite }

    if !records.isEmpty {
      let name = SegmentName(time: clock(), unique: UInt64.random(in: .min ... .max))
      let temporary = try newFile(mode: 0o666) { (descriptor, path) throws(StoreError) in
        var buffer = Segment.header(name)
        let seed = buffer.withUnsafeBytes { Segment.seed(of: $0)! }
        for (header, payload) in records {
          RecordHeader.append(to: &buffer, id: header.id, flags: header.flags, stamp: header.stamp, payload: payload, seed: seed)
          if buffer.count >= Store.bufferLimit {
            rewrite.bytesAfter += buffer.count
            try buffer.withBytes { (bytes) throws(StoreError) in try disk.write(descriptor, bytes, path) }
            buffer.removeAll(keepingCapacity: true)
          }
        }
        RecordHeader.appendEnd(to: &buffer, stamp: catalog.greatestStamp, seed: seed)
        rewrite.bytesAfter += buffer.count
        try buffer.withBytes { (bytes) throws(StoreError) in try disk.write(descriptor, bytes, path) }
      }
      try moveIn(temporary, catalog.segmentDirectory + "/" + name.fileName)
    }
    withExtendedLifetime(mappings) {}

    let paths = places.map { catalog.segments[$0].path }
    catalog.forget(places)
    try catalog.extendIndex(disk) { () throws(StoreError) in try temporaries.path() }
    for path in paths { try disk.remove(path) }
    rewrite.segmentsRemoved = paths.count
    return rewrite
  }
}

extension Catalog {
  /// Closed segments of ours that a merge would make one of.
  func smallClosedSegments() -> [Int] {
    segments.indices.filter { segments[$0].isClosed && !segments[$0].isMissing && segments[$0].scanned < Store.smallSegment }
  }

  /// Treats segments as gone, before they are.
  mutating func forget(_ places: [Int]) {
    let gone = Set(places)
    for place in places {
      segments[place].isMissing = true
      segments[place].isForgotten = true
      segments[place].release()
    }
    fresh = fresh.filter { !gone.contains($0.value.location.segment) }
    dead = dead.filter { !gone.contains($0.segment) }
  }
}

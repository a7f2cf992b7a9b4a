internal import Rows

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Making the index. Whoever does it holds the store's index lock.
extension Catalog {
  /// More fresh records than this, or more segments with any, and the end of a run extends the index.
  static let freshRecordLimit = 512
  static let freshSegmentLimit = 8

  /// Whether opening the store has become dear enough to write a new index.
  var wantsIndex: Bool {
    if indexIsSuspect || !dead.isEmpty || fresh.count > Catalog.freshRecordLimit { return true }
    let indexed = Set(index?.segments.filter(\.isClosed).map(\.name) ?? [])
    return segments.count { !$0.isMissing && !indexed.contains($0.name) } > Catalog.freshSegmentLimit
  }

  /// Writes an index over everything that lies in the segments' files, and takes it into use.
  mutating func extendIndex(_ disk: Disk, temporary: () throws(StoreError) -> String) throws(StoreError) {
    precondition(writer == nil, "the index is made when this process's segment is closed")
    refresh()
    settleAbandoned()
    if indexIsSuspect || !dead.isEmpty { forgetIndex() }

    let kept = segments.indices.filter { !segments[$0].isMissing }
    var numbers = [Int](repeating: -1, count: segments.count)
    for (number, place) in kept.enumerated() { numbers[place] = number }

    var builder = SegmentIndex.Builder(capacity: (index?.recordCount ?? 0) + fresh.count)
    if let index {
      for number in 0..<index.slotCount {
        let slot = index.slot(number)
        guard slot.segment != 0, Int(slot.segment) <= indexPlaces.count else { continue }
        let target = numbers[indexPlaces[Int(slot.segment) - 1]]
        if target >= 0 { builder.insert(hash: slot.hash, segment: target, offset: Int(slot.unit) * 8) }
      }
    }
    for (id, record) in fresh where numbers[record.location.segment] >= 0 {
      let location = record.location
      builder.insert(hash: id.hash64, segment: numbers[location.segment], offset: location.offset) { number, offset in
        guard let old = self.header(at: Location(segment: kept[number], offset: offset)) else { return .older }
        if old.id != id { return .other }
        return old.stamp > record.stamp ? .newer : .older
      }
    }

    let counts = builder.recordsPerSegment(kept.count)
    let covered = kept.enumerated().map { number, place in
      SegmentIndex.Covered(
        name: segments[place].name, bytes: segments[place].scanned, records: counts[number], isClosed: segments[place].isClosed)
    }
    let path = try temporary()
    try AtomicFile.write(
      indexPath, builder.encode(segments: covered, greatestStamp: greatestStamp), temporary: path, sync: false, disk: disk)
    useNewIndex()
  }

  /// Marks segments as closed whose writers died before they could say so, and reads what they left.
  private mutating func settleAbandoned() {
    for place in segments.indices where !segments[place].isClosed && !segments[place].isMissing {
      guard let descriptor = try? Files.open(segments[place].path) else { continue }
      defer { close(descriptor) }
      // Writers take the lock before they write the header: a header and a free lock mean that nobody will add to the file.
      guard let status = try? Files.status(descriptor, segments[place].path), status.st_size >= Segment.headerSize,
        flock(descriptor, LOCK_SH | LOCK_NB) == 0
      else { continue }
      scan(place)
      segments[place].isClosed = true
    }
  }

  /// Scans everything again, as if there had never been an index.
  private mutating func forgetIndex() {
    index = nil
    indexPlaces = []
    fresh = [:]
    dead = []
    indexIsSuspect = false
    for place in segments.indices where !segments[place].isMissing {
      segments[place].scanned = Segment.headerSize
      scan(place)
    }
  }

  private mutating func useNewIndex() {
    indexIdentity = .none
    fresh = [:]
    unindexedBytes = 0
    refresh()
  }
}

extension SegmentIndex.Builder {
  /// How many records the index finds in each segment.
  func recordsPerSegment(_ segments: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: segments)
    for number in stride(from: 1, to: slots.count, by: 2) where slots[number] != 0 { counts[Int(slots[number] & 0xFFFF_FFFF) - 1] += 1 }
    return counts
  }
}

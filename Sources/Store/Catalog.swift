internal import Rows

/// Where a record lies: a segment by its place in the catalog's list, and an offset in it.
struct Location: Hashable, Sendable {
  let segment: Int
  let offset: Int
}

/// What this process knows about the records of a store: segments, the index over most of them, a table of the rest.
///
/// A value behind the store's one lock. Looking up touches memory and mapped files only.
struct Catalog: Sendable {
  let directory: String
  /// Records that the index does not speak for: this process's own, and those of segments younger than the index.
  var fresh: [RecordID: Fresh] = [:]
  var segments: [Segment] = []
  var places: [SegmentName: Int] = [:]
  var index: SegmentIndex?
  /// The index's segment numbers as places in `segments`.
  var indexPlaces: [Int] = []
  var indexIdentity = FileIdentity.none
  var writer: SegmentWriter?
  var writerPlace = 0
  var greatestStamp: UInt64 = 0
  /// Records found damaged when read: as good as absent.
  var dead: Set<Location> = []
  /// The index led to a place that holds no such record: it is made anew from the segments at the next chance.
  var indexIsSuspect = false
  /// Bytes of records scanned because no index speaks for them.
  var unindexedBytes = 0

  /// A record with its stamp: what an index is made of, so that the segments need not be looked at again for it.
  struct Fresh: Sendable {
    let location: Location
    let stamp: UInt64
  }

  init(directory: String) { self.directory = directory }

  var segmentDirectory: String { directory + "/segments" }
  var indexPath: String { directory + "/index" }

  // MARK: Looking up

  /// A record's place, or nil when there is none.
  mutating func locate(_ id: RecordID) -> Location? {
    var found: Location?
    var stamp: UInt64 = 0
    if let location = fresh[id]?.location, !dead.contains(location) {
      // Our own buffered record is the newest there is.
      if isOurs(location.segment) { return location }
      if let header = header(at: location) { (found, stamp) = (location, header.stamp) }
    }
    if let index {
      var wrong = false
      index.find(id.hash64) { number, offset in
        let location = Location(segment: indexPlaces[number], offset: offset)
        if dead.contains(location) { return false }
        guard let header = header(at: location) else {
          if !segments[location.segment].isMissing { wrong = true }
          return false
        }
        guard header.id == id else { return false }
        if found == nil || header.stamp > stamp { (found, stamp) = (location, header.stamp) }
        return true
      }
      if wrong { indexIsSuspect = true }
    }
    return found
  }

  /// The header of the record at a place, or nil when its segment is missing or no record begins there.
  mutating func header(at location: Location) -> RecordHeader? {
    if isOurs(location.segment) { return writer!.header(at: location.offset) }
    guard let mapping = segments[location.segment].bytes(atLeast: location.offset + RecordHeader.size) else { return nil }
    return RecordHeader.read(mapping.bytes, at: location.offset, seed: segments[location.segment].seed)
  }

  /// What a reader needs to get at a payload outside the lock.
  enum Reading: Sendable {
    case buffered(flags: UInt8, payload: [UInt8], stamp: UInt64)
    case mapped(Mapping, header: RecordHeader, offset: Int, seed: UInt64)
  }

  mutating func reading(_ location: Location) -> Reading? {
    if isOurs(location.segment) {
      guard let (header, payload) = writer!.record(at: location.offset) else { return nil }
      return .buffered(flags: header.flags, payload: payload, stamp: header.stamp)
    }
    guard let header = header(at: location),
      let mapping = segments[location.segment].bytes(atLeast: location.offset + RecordHeader.size + header.length)
    else { return nil }
    return .mapped(mapping, header: header, offset: location.offset, seed: segments[location.segment].seed)
  }

  // MARK: Following the disk

  /// Takes in what other processes have added: a new index, new segments, longer segments.
  mutating func refresh() {
    let identity = FileIdentity(path: indexPath)
    if identity != indexIdentity { adoptIndex(identity) }
    let names = Files.names(in: segmentDirectory).compactMap { SegmentName(fileName: $0) }.sorted()
    if names.count < segments.count {
      let present = Set(names)
      for place in segments.indices where !present.contains(segments[place].name) && !isOurs(place) { segments[place].isMissing = true }
    }
    for name in names {
      let place = place(of: name)
      if segments[place].isForgotten || isOurs(place) { continue }
      if !segments[place].isClosed { scan(place) }
    }
  }

  /// Whether this process is writing the segment right now.
  func isOurs(_ place: Int) -> Bool { writer != nil && place == writerPlace }

  private mutating func adoptIndex(_ identity: FileIdentity) {
    indexIdentity = identity
    index = nil
    indexPlaces = []
    guard identity != .none, let mapping = try? Mapping.open(indexPath), let fresh = SegmentIndex(mapping) else {
      // Without an index everything has to be scanned, also what an earlier one covered.
      for place in segments.indices where !isOurs(place) {
        segments[place].scanned = Segment.headerSize
        segments[place].isClosed = false
      }
      return
    }
    index = fresh
    greatestStamp = max(greatestStamp, fresh.greatestStamp)
    for covered in fresh.segments {
      let place = place(of: covered.name)
      indexPlaces.append(place)
      segments[place].scanned = max(segments[place].scanned, covered.bytes)
      if covered.isClosed { segments[place].isClosed = true }
    }
  }

  private mutating func place(of name: SegmentName) -> Int {
    if let place = places[name] { return place }
    places[name] = segments.count
    segments.append(Segment(name: name, directory: segmentDirectory))
    return segments.count - 1
  }

  /// Reads the records of a segment that nothing speaks for yet.
  mutating func scan(_ place: Int) {
    guard let mapping = segments[place].remap() else { return }
    let seed = segments[place].seed
    var records: [(RecordID, Int, UInt64)] = []
    let scan = Segment.scan(mapping.bytes, from: segments[place].scanned, seed: seed) { header, offset, _ in
      records.append((header.id, offset, header.stamp))
    }
    unindexedBytes += scan.end - segments[place].scanned
    segments[place].scanned = scan.end
    if scan.isClosed { segments[place].isClosed = true }
    for (id, offset, stamp) in records {
      greatestStamp = max(greatestStamp, stamp)
      let location = Location(segment: place, offset: offset)
      if let old = fresh[id], old.location != location, old.stamp > stamp { continue }
      fresh[id] = Fresh(location: location, stamp: stamp)
    }
  }

  // MARK: Writing

  /// Adds a record to this process's segment, which is begun when there is none. Nothing reaches the disk yet.
  /// - Parameter age: the stamp of the record that it takes the place of, when that is to look as old as before.
  mutating func append(_ id: RecordID, flags: UInt8, now: UInt64, age: UInt64? = nil, payload: UnsafeRawBufferPointer, disk: Disk) throws(StoreError) {
    // An end that a full disk kept from the file has to get there before anything else.
    if let writer, writer.isEnded || writer.end > SegmentWriter.greatestSize { try closeWriter(disk) }
    if writer == nil {
      try disk.makeDirectory(segmentDirectory)
      let name = SegmentName(time: now, unique: UInt64.random(in: .min ... .max))
      let fresh = try SegmentWriter(name: name, directory: segmentDirectory, disk: disk)
      writer = fresh
      writerPlace = place(of: name)
      segments[writerPlace].seed = fresh.seed
    }
    // Later records win; two of one nanosecond, or of a clock that was set back, must still have an order.
    if age == nil { greatestStamp = max(greatestStamp + 1, now) }
    let stamp = age.map { $0 + 1 } ?? greatestStamp
    let offset = writer!.append(id, flags: flags, stamp: stamp, now: now, payload: payload)
    fresh[id] = Fresh(location: Location(segment: writerPlace, offset: offset), stamp: stamp)
  }

  mutating func flushBuffer(_ disk: Disk) throws(StoreError) {
    guard writer != nil else { return }
    try writer!.flush(disk)
  }

  /// Ends this process's segment. The next record begins another.
  mutating func closeWriter(_ disk: Disk) throws(StoreError) {
    guard writer != nil else { return }
    if !writer!.isEnded {
      greatestStamp += 1
      writer!.appendEnd(stamp: greatestStamp)
    }
    try writer!.flush(disk)
    unindexedBytes += writer!.written
    segments[writerPlace].scanned = writer!.written
    segments[writerPlace].isClosed = true
    writer!.closeFile()
    writer = nil
  }
}

internal import Rows

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A segment's name: the time it was begun, then bits nobody else has. Names sort by time.
struct SegmentName: Hashable, Comparable, Sendable {
  let time: UInt64
  let unique: UInt64

  init(time: UInt64, unique: UInt64) {
    self.time = time
    self.unique = unique
  }

  /// The name in a file name, or nil when the file is not a segment (or has not this extension).
  init?(fileName: String, extension suffix: String = "seg") {
    guard fileName.utf8.count == 33 + suffix.utf8.count, fileName.hasSuffix("." + suffix),
      let time = UInt64(fileName.prefix(16), radix: 16), let unique = UInt64(fileName.dropFirst(16).prefix(16), radix: 16)
    else { return nil }
    self.init(time: time, unique: unique)
    guard self.fileName(extension: suffix) == fileName else { return nil }
  }

  var fileName: String { fileName(extension: "seg") }

  func fileName(extension suffix: String) -> String {
    func hex(_ word: UInt64) -> String {
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
    return hex(time) + hex(unique) + "." + suffix
  }

  static func < (a: SegmentName, b: SegmentName) -> Bool { (a.time, a.unique) < (b.time, b.unique) }
}

/// An append-only file of records, as a reader sees it.
///
/// The file begins with 16 bytes of magic and the 16 bytes of its name, which seed its checks: a copied or renamed file stays readable.
struct Segment: Sendable {
  static let headerSize = 32
  static let magic = Array("pipe segment 1\n\0".utf8)

  let name: SegmentName
  let path: String
  /// How much of the file the index or the table of fresh records already speaks for.
  var scanned = Segment.headerSize
  /// No record will ever be added: the end record was seen, or its writer is gone.
  var isClosed = false
  /// Gone from the disk: another process has compacted it away.
  var isMissing = false
  /// About to be removed by ourselves: not to be taken in again although its file is still there.
  var isForgotten = false
  var seed: UInt64 = 0
  private(set) var mapping: Mapping?

  init(name: SegmentName, directory: String) {
    self.name = name
    self.path = directory + "/" + name.fileName
  }

  /// The file's bytes, at least so many of them, or nil when the file is missing, foreign or shorter.
  mutating func bytes(atLeast count: Int) -> Mapping? {
    if let mapping, mapping.bytes.count >= count { return mapping }
    return remap(atLeast: count)
  }

  /// The file's bytes as they are now.
  mutating func remap(atLeast count: Int = Segment.headerSize) -> Mapping? {
    guard !isMissing else { return mapping }
    do {
      guard let fresh = try Mapping.open(path) else {
        isMissing = true
        return nil
      }
      guard fresh.bytes.count >= max(count, Segment.headerSize), let seed = Segment.seed(of: fresh.bytes) else { return nil }
      self.seed = seed
      mapping = fresh
      return fresh
    } catch {
      // Unreadable is as good as absent: what it held is made again.
      return nil
    }
  }

  /// Forgets the mapping, so that a removed file's space can be given back.
  mutating func release() { mapping = nil }

  /// The seed of a segment's checks, or nil when the file does not begin as a segment does.
  static func seed(of bytes: UnsafeRawBufferPointer) -> UInt64? {
    guard bytes.count >= headerSize, bytes.prefix(16).elementsEqual(magic) else { return nil }
    return XXHash64.hash(UnsafeRawBufferPointer(rebasing: bytes[16..<headerSize]))
  }

  /// The first bytes of a segment's file.
  static func header(_ name: SegmentName) -> [UInt8] {
    var bytes = magic
    for word in [name.time, name.unique] { withUnsafeBytes(of: word.bigEndian) { bytes.append(contentsOf: $0) } }
    return bytes
  }

  /// What a scan came upon.
  struct Scan {
    /// Behind the last whole record: where the next scan begins.
    var end: Int
    /// Records whose payload is damaged, and stretches between records that are no records.
    var damaged = 0
    /// The end record was seen.
    var isClosed = false
  }

  /// Reads records from an offset on, stepping over damage, up to the torn tail if there is one.
  static func scan(
    _ bytes: UnsafeRawBufferPointer, from start: Int, seed: UInt64, _ body: (RecordHeader, _ offset: Int, UnsafeRawBufferPointer) -> Void
  ) -> Scan {
    var scan = Scan(end: start)
    var at = start
    while at <= bytes.count - RecordHeader.size {
      guard let header = RecordHeader.read(bytes, at: at, seed: seed) else {
        // Records begin at multiples of 8 from the header on, so the next good one is found by stepping.
        guard let next = resume(bytes, after: at, seed: seed) else { return scan }
        scan.damaged += 1
        at = next
        continue
      }
      guard header.extent <= bytes.count - at else {
        // Torn here, or a length that only looks whole: a later good record tells which.
        guard let next = resume(bytes, after: at, seed: seed) else { return scan }
        scan.damaged += 1
        at = next
        continue
      }
      if header.id.kind == RecordHeader.end {
        scan.isClosed = true
      } else if let payload = header.payload(bytes, at: at, seed: seed) {
        body(header, at, payload)
      } else {
        scan.damaged += 1
      }
      at += header.extent
      scan.end = at
    }
    return scan
  }

  private static func resume(_ bytes: UnsafeRawBufferPointer, after offset: Int, seed: UInt64) -> Int? {
    var at = offset + 8
    while at <= bytes.count - RecordHeader.size {
      if RecordHeader.read(bytes, at: at, seed: seed) != nil { return at }
      at += 8
    }
    return nil
  }
}

/// The segment this process is writing.
///
/// Records gather in a buffer and reach the file in large writes. A write that fails half-way keeps its place: the rest stays
/// in the buffer and the next attempt goes on exactly there, so a full disk tears nothing once there is room again.
struct SegmentWriter {
  let name: SegmentName
  let path: String
  let descriptor: Int32
  let seed: UInt64
  private(set) var buffer: [UInt8]
  /// How much of the segment is in the file.
  private(set) var written = 0
  /// The end record is in the buffer or in the file.
  private(set) var isEnded = false
  /// A segment is ended rather than grow beyond this: offsets stay far from their limit, and compaction has small pieces.
  static let greatestSize = 256 << 20
  /// When the oldest buffered record came, in nanoseconds; 0 when nothing is buffered.
  private(set) var dirtySince: UInt64 = 0

  /// Creates the file and takes its lock, which tells others that it may still grow.
  init(name: SegmentName, directory: String, disk: Disk) throws(StoreError) {
    self.name = name
    self.path = directory + "/" + name.fileName
    self.descriptor = try disk.create(path, O_RDWR | O_EXCL | O_APPEND, mode: 0o666)
    // Before the header is written: who sees a header and a free lock knows that the writer is gone.
    _ = flock(descriptor, LOCK_EX | LOCK_NB)
    self.buffer = Segment.header(name)
    self.seed = buffer.withUnsafeBytes { Segment.seed(of: $0)! }
  }

  /// Where the next record will begin.
  var end: Int { written + buffer.count }

  /// Appends a record and returns where it begins.
  mutating func append(_ id: RecordID, flags: UInt8, stamp: UInt64, now: UInt64, payload: UnsafeRawBufferPointer) -> Int {
    let offset = end
    if dirtySince == 0 { dirtySince = now }
    RecordHeader.append(to: &buffer, id: id, flags: flags, stamp: stamp, payload: payload, seed: seed)
    return offset
  }

  /// Appends the record that tells readers not to look for more.
  mutating func appendEnd(stamp: UInt64) {
    RecordHeader.appendEnd(to: &buffer, stamp: stamp, seed: seed)
    isEnded = true
  }

  /// Moves the buffered bytes to the file.
  mutating func flush(_ disk: Disk) throws(StoreError) {
    guard !buffer.isEmpty else { return }
    var count = 0
    defer {
      written += count
      if count == buffer.count { buffer.removeAll(keepingCapacity: true) } else { buffer.removeFirst(count) }
    }
    try buffer.withBytes { (bytes) throws(StoreError) in try disk.write(descriptor, bytes, path, written: &count) }
    dirtySince = 0
  }

  /// Waits until what was moved to the file is on the device.
  func sync(_ disk: Disk) throws(StoreError) { try disk.sync(descriptor, path) }

  /// A record's header, from the buffer or from the file; nil when there is no whole one.
  func header(at offset: Int) -> RecordHeader? {
    if offset >= written { return buffer.withUnsafeBytes { RecordHeader.read($0, at: offset - written, seed: seed) } }
    return fromFile(offset, RecordHeader.size) { RecordHeader.read($0, at: 0, seed: seed) }
  }

  /// A record's header and payload; nil when they are not whole.
  ///
  /// The file is read, not mapped: what a long run has written itself would otherwise all come to lie in its memory.
  func record(at offset: Int) -> (RecordHeader, [UInt8])? {
    guard let header = header(at: offset) else { return nil }
    func payload(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> [UInt8]? { header.payload(bytes, at: at, seed: seed).map { [UInt8]($0) } }
    let found = offset >= written ? buffer.withUnsafeBytes { payload($0, offset - written) } : fromFile(offset, header.extent) { payload($0, 0) }
    return found.map { (header, $0) }
  }

  private func fromFile<R>(_ offset: Int, _ count: Int, _ body: (UnsafeRawBufferPointer) -> R?) -> R? {
    withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) { room in
      guard (try? Files.read(descriptor, at: offset, into: room, path)) == count else { return nil }
      return body(UnsafeRawBufferPointer(room))
    }
  }

  func closeFile() { close(descriptor) }
}

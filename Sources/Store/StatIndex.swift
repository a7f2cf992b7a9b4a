public import Rows
internal import Synchronization

/// Remembers which digest a file had when it last looked exactly like this, so that unchanged files need not be read.
///
/// An answer is only given when the file cannot have changed behind an equal stamp: git's "racily clean" rule. A file that was changed
/// in the same clock tick in which it was read could change again without a new time, so what was read that soon is not believed, and
/// neither are times from the future. The index is a cache: damaged or absent, it answers nothing.
public final class StatIndex: Sendable {
  private struct Key: Hashable {
    let device: UInt64
    let inode: UInt64
    let tag: UInt64
  }

  private struct State {
    var table: StatTable?
    var isLoaded = false
    var added: [Key: StatTable.Record] = [:]
    var hits: [UInt64] = []
    var wantsRefresh = false
  }

  private let path: String
  private let lockPath: String
  private let disk: Disk
  private let clock: Store.Clock
  private let state = Mutex(State())

  /// The index in a file; nothing is read before the first question.
  public init(path: String, lockPath: String, disk: Disk = .real, clock: @escaping Store.Clock = Store.systemClock) {
    self.path = path
    self.lockPath = lockPath
    self.disk = disk
    self.clock = clock
  }

  /// Times of one file system are this coarse at most; those without fractions of a second are taken to be coarser still.
  static let granularityNanoseconds: Int64 = 20_000_000
  static let coarseGranularityNanoseconds: Int64 = 2_000_000_000
  /// At 50 ms each, some five seconds.
  private static let attemptLimit = 100
  /// Entries nobody asked for in so many days go when the index is next written; those in use are marked again after the second number.
  static let forgetDays: UInt32 = 60
  static let refreshDays: UInt32 = 14

  /// The digest recorded for a file with exactly this stamp, read in the way the tag stands for; nil when unknown or not certain.
  public func digest(of stamp: FileStamp, tag: UInt64) -> Digest? {
    let now = Int64(bitPattern: clock())
    return state.withLock { state in
      load(&state)
      if let record = state.added[Key(device: stamp.device, inode: stamp.inode, tag: tag)] {
        return StatIndex.believes(record, stamp, now: now) ? record.digest : nil
      }
      guard let (number, record) = state.table?.find(stamp, tag: tag), StatIndex.believes(record, stamp, now: now) else { return nil }
      state.hits[number / 64] |= 1 << UInt64(number % 64)
      if record.seenDay &+ StatIndex.refreshDays < StatIndex.day(now) { state.wantsRefresh = true }
      return record.digest
    }
  }

  private static func believes(_ record: StatTable.Record, _ stamp: FileStamp, now: Int64) -> Bool {
    guard record.stamp == stamp else { return false }
    let latest = max(stamp.modified, stamp.changed)
    let granularity =
      stamp.modified % 1_000_000_000 == 0 && stamp.changed % 1_000_000_000 == 0 ? coarseGranularityNanoseconds : granularityNanoseconds
    return latest < record.readAt - granularity && latest <= now
  }

  /// Remembers a file's digest.
  ///
  /// - Parameters:
  ///   - stamp: taken *before* the bytes were read, and found equal after.
  ///   - readAt: the clock's time when the stamp was taken, in nanoseconds since 1970.
  public func record(_ stamp: FileStamp, tag: UInt64, digest: Digest, readAt: UInt64) {
    let now = Int64(bitPattern: clock())
    let record = StatTable.Record(stamp: stamp, tag: tag, readAt: Int64(bitPattern: readAt), seenDay: StatIndex.day(now), digest: digest)
    state.withLock { state in
      load(&state)
      state.added[Key(device: stamp.device, inode: stamp.inode, tag: tag)] = record
    }
  }

  /// Everything the index could answer: what a collection has to keep.
  public func digests() -> Set<Digest> {
    state.withLock { state in
      load(&state)
      var digests = Set(state.added.values.map(\.digest))
      if let table = state.table { for number in 0..<table.count { if let record = table.record(number) { digests.insert(record.digest) } } }
      return digests
    }
  }

  /// Writes what was recorded since the last save; without that it does nothing.
  public func save() throws(StoreError) {
    let hasNews = state.withLock { !$0.added.isEmpty || $0.wantsRefresh }
    guard hasNews else { return }
    var attempts = 0
    let lock = try FileLock.acquire(lockPath, command: "writing the file index", disk: disk) { _ in
      // It is held for milliseconds. A process that is stopped meanwhile must not stop us: without a save, files are read again.
      attempts += 1
      return attempts < StatIndex.attemptLimit
    }
    guard let lock else { return }
    defer { lock.release() }
    try state.withLock { (state) throws(StoreError) in
      // What another process has written meanwhile is kept; hits are marked in what we had read ourselves.
      let today = StatIndex.day(Int64(bitPattern: clock()))
      var records = state.added
      func keep(_ table: StatTable?, _ isHit: (Int) -> Bool) {
        guard let table else { return }
        for number in 0..<table.count {
          guard var record = table.record(number) else { continue }
          if isHit(number) { record.seenDay = today }
          let key = Key(device: record.stamp.device, inode: record.stamp.inode, tag: record.tag)
          if records[key] == nil, record.seenDay &+ StatIndex.forgetDays >= today { records[key] = record }
        }
      }
      let hits = state.hits
      let current = StatTable.open(path)
      if let current, current.identity == state.table?.identity {
        keep(current) { hits[$0 / 64] & 1 << UInt64($0 % 64) != 0 }
      } else {
        keep(current) { _ in false }
      }
      let sorted = records.values.sorted { ($0.stamp.device, $0.stamp.inode, $0.tag) < ($1.stamp.device, $1.stamp.inode, $1.tag) }
      try AtomicFile.write(path, StatTable.encode(sorted), sync: false, disk: disk)
      state.added = [:]
      state.wantsRefresh = false
      state.isLoaded = false
      load(&state)
    }
  }

  private func load(_ state: inout State) {
    if state.isLoaded { return }
    state.isLoaded = true
    state.table = StatTable.open(path)
    state.hits = [UInt64](repeating: 0, count: ((state.table?.count ?? 0) + 63) / 64)
  }

  private static func day(_ nanoseconds: Int64) -> UInt32 { UInt32(clamping: nanoseconds / 86_400_000_000_000) }
}

/// The file of a ``StatIndex``, mapped: a hash table of record numbers, then the records, each with its own check.
///
///     header 32: magic · slots · records · check of the header
///     slots, 4 each: record number from 1, or 0 for empty
///     records, 104 each: device · inode · size · modified · changed · tag · read at · day seen · digest 32 · check
struct StatTable: Sendable {
  struct Record {
    var stamp: FileStamp
    var tag: UInt64
    var readAt: Int64
    var seenDay: UInt32
    var digest: Digest
  }

  private static let magic: UInt64 = 0x3178_7461_7473_7070  // "ppstatx1"
  private static let headerSize = 32
  private static let recordSize = 104

  let identity: FileIdentity
  let count: Int
  private let mapping: Mapping
  private let slots: Int

  /// The table in a file, or nil when there is none or it is damaged.
  static func open(_ path: String) -> StatTable? {
    let identity = FileIdentity(path: path)
    guard identity != .none, let mapping = try? Mapping.open(path) else { return nil }
    return StatTable(mapping, identity)
  }

  private init?(_ mapping: Mapping, _ identity: FileIdentity) {
    let bytes = mapping.bytes
    guard bytes.count >= StatTable.headerSize else { return nil }
    func word(_ at: Int) -> UInt64 { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) }
    guard word(0) == StatTable.magic, word(24) == XXHash64.hash(UnsafeRawBufferPointer(rebasing: bytes[..<24])),
      word(8) < 1 << 32, word(16) < word(8),
      UInt64(bytes.count) == UInt64(StatTable.headerSize) + 4 * word(8) + UInt64(StatTable.recordSize) * word(16)
    else { return nil }
    self.mapping = mapping
    self.identity = identity
    self.slots = Int(word(8))
    self.count = Int(word(16))
  }

  private static func slot(_ device: UInt64, _ inode: UInt64, _ tag: UInt64, _ slots: Int) -> Int {
    let hash = ((device &* 0x9E37_79B9_7F4A_7C15 ^ inode) &* 0xBF58_476D_1CE4_E5B9 ^ tag) &* 0x94D0_49BB_1331_11EB
    return Int(truncatingIfNeeded: hash >> 32) & (slots - 1)
  }

  /// The record of a file, whatever its stamp was then.
  func find(_ stamp: FileStamp, tag: UInt64) -> (Int, Record)? {
    var slot = StatTable.slot(stamp.device, stamp.inode, tag, slots)
    for _ in 0..<slots {
      let at = StatTable.headerSize + 4 * slot
      let number = Int(UInt32(littleEndian: mapping.bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
      if number == 0 || number > count { return nil }
      let start = StatTable.headerSize + 4 * slots + StatTable.recordSize * (number - 1)
      let words = mapping.bytes
      if UInt64(littleEndian: words.loadUnaligned(fromByteOffset: start + 8, as: UInt64.self)) == stamp.inode,
        let record = record(number - 1), record.stamp.device == stamp.device, record.tag == tag
      {
        return (number - 1, record)
      }
      slot = (slot + 1) & (slots - 1)
    }
    return nil
  }

  /// A record by its number from 0, or nil when it is damaged.
  func record(_ number: Int) -> Record? {
    let start = StatTable.headerSize + 4 * slots + StatTable.recordSize * number
    let bytes = UnsafeRawBufferPointer(rebasing: mapping.bytes[start..<start + StatTable.recordSize])
    func word(_ at: Int) -> UInt64 { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) }
    // A flipped bit here would pass one file's content off as another's.
    guard word(96) == XXHash64.hash(UnsafeRawBufferPointer(rebasing: bytes[..<96])) else { return nil }
    return Record(
      stamp: FileStamp(
        device: word(0), inode: word(8), size: Int64(bitPattern: word(16)), modified: Int64(bitPattern: word(24)),
        changed: Int64(bitPattern: word(32))),
      tag: word(40), readAt: Int64(bitPattern: word(48)), seenDay: UInt32(truncatingIfNeeded: word(56)),
      digest: Digest(bytes: UnsafeRawBufferPointer(rebasing: bytes[64..<96])))
  }

  /// The file's bytes for some records.
  static func encode(_ records: [Record]) -> [UInt8] {
    var slots = 16
    while slots < records.count * 2 { slots *= 2 }
    var table = [UInt32](repeating: 0, count: slots)
    var out: [UInt8] = []
    out.reserveCapacity(headerSize + 4 * slots + recordSize * records.count)
    func put(_ word: UInt64) { withUnsafeBytes(of: word.littleEndian) { out.append(contentsOf: $0) } }
    for word in [magic, UInt64(slots), UInt64(records.count)] { put(word) }
    put(XXHash64.hash(out))
    for (number, record) in records.enumerated() {
      var slot = slot(record.stamp.device, record.stamp.inode, record.tag, slots)
      while table[slot] != 0 { slot = (slot + 1) & (slots - 1) }
      table[slot] = UInt32(number + 1).littleEndian
    }
    table.withUnsafeBytes { out.append(contentsOf: $0) }
    for record in records {
      let start = out.count
      put(record.stamp.device)
      put(record.stamp.inode)
      put(UInt64(bitPattern: record.stamp.size))
      put(UInt64(bitPattern: record.stamp.modified))
      put(UInt64(bitPattern: record.stamp.changed))
      put(record.tag)
      put(UInt64(bitPattern: record.readAt))
      put(UInt64(record.seenDay))
      record.digest.append(to: &out)
      put(out.withUnsafeBytes { XXHash64.hash(UnsafeRawBufferPointer(rebasing: $0[start...])) })
    }
    return out
  }
}

internal import Rows

/// The identity of a record: its kind and its key. Small blobs are records of kind 0 under their own digest.
struct RecordID: Hashable, Sendable {
  let kind: UInt8
  let key: Digest

  /// Where the record belongs in the index: the key's own bits, moved apart by kind.
  var hash64: UInt64 { key.prefix64 &+ UInt64(kind) &* 0x9E37_79B9_7F4A_7C15 }

  func hash(into hasher: inout Hasher) { hasher.combine(hash64) }
}

/// One record of a segment: 64 bytes of header, the payload, zeros up to a multiple of 8.
///
///     0 magic · 4 payload length · 8 kind · 9 flags · 10 zero · 12 header check · 16 stamp · 24 key · 56 payload check
///
/// The two checks are apart so that a scan can step over a record whose payload is damaged, and resume behind a header that is.
/// Both are seeded with the segment's name: a segment's bytes stored as somebody's payload must not be taken for records.
struct RecordHeader {
  static let size = 64
  static let magic: UInt32 = 0x6352_7050  // "PpRc"
  static let blob: UInt8 = 0
  static let end: UInt8 = 255
  /// Flag: the payload is the digest of a blob that holds the real payload.
  static let inBlob: UInt8 = 1
  /// Flag of a blob's record: the payload is its place in a pack.
  static let inPack: UInt8 = 2

  var id: RecordID
  var flags: UInt8
  var length: Int
  var stamp: UInt64
  var payloadCheck: UInt64

  /// The whole record's size in the file.
  var extent: Int { RecordHeader.extent(payload: length) }

  static func extent(payload: Int) -> Int { size + (payload + 7) & ~7 }

  /// The header at an offset, or nil when there is none that is whole and undamaged.
  static func read(_ bytes: UnsafeRawBufferPointer, at offset: Int, seed: UInt64) -> RecordHeader? {
    guard offset >= 0, offset <= bytes.count - size else { return nil }
    let base = bytes.baseAddress! + offset
    guard UInt32(littleEndian: base.loadUnaligned(as: UInt32.self)) == magic else { return nil }
    let check = UInt32(littleEndian: base.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
    guard check == headerCheck(base, seed: seed) else { return nil }
    return RecordHeader(
      id: RecordID(
        kind: base.load(fromByteOffset: 8, as: UInt8.self),
        key: Digest(bytes: UnsafeRawBufferPointer(start: base + 24, count: Digest.byteCount))),
      flags: base.load(fromByteOffset: 9, as: UInt8.self),
      length: Int(UInt32(littleEndian: base.loadUnaligned(fromByteOffset: 4, as: UInt32.self))),
      stamp: UInt64(littleEndian: base.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
      payloadCheck: UInt64(littleEndian: base.loadUnaligned(fromByteOffset: 56, as: UInt64.self)))
  }

  /// The payload of this header's record, or nil when it is cut short or damaged.
  func payload(_ bytes: UnsafeRawBufferPointer, at offset: Int, seed: UInt64) -> UnsafeRawBufferPointer? {
    let start = offset + RecordHeader.size
    guard length <= bytes.count - start else { return nil }
    let payload = UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
    return XXHash64.hash(payload, seed: seed) == payloadCheck ? payload : nil
  }

  /// How many bytes the blob has whose place in a pack this record's payload is; nil for any other record.
  func packedCount(_ payload: UnsafeRawBufferPointer) -> Int? { flags & RecordHeader.inPack == 0 ? nil : Packs.Place(payload)?.count }

  /// Appends a record.
  static func append(
    to buffer: inout [UInt8], id: RecordID, flags: UInt8, stamp: UInt64, payload: UnsafeRawBufferPointer, seed: UInt64
  ) {
    precondition(payload.count <= Int(UInt32.max), "a record's payload is small by definition")
    let start = buffer.count
    func put<Word: FixedWidthInteger>(_ word: Word) {
      withUnsafeBytes(of: word.littleEndian) { buffer.append(contentsOf: $0) }
    }
    put(magic)
    put(UInt32(payload.count))
    put(UInt32(id.kind) | UInt32(flags) << 8)
    put(UInt32(0))
    put(stamp)
    id.key.append(to: &buffer)
    put(XXHash64.hash(payload, seed: seed))
    let check = buffer.withUnsafeBytes { headerCheck($0.baseAddress! + start, seed: seed) }
    for byte in 0..<4 { buffer[start + 12 + byte] = UInt8(truncatingIfNeeded: check >> UInt32(8 * byte)) }
    buffer.append(contentsOf: payload)
    for _ in 0..<(extent(payload: payload.count) - size - payload.count) { buffer.append(0) }
  }

  /// Appends the record that tells readers not to look for more.
  static func appendEnd(to buffer: inout [UInt8], stamp: UInt64, seed: UInt64) {
    let id = RecordID(kind: end, key: [UInt8](repeating: 0, count: Digest.byteCount).withUnsafeBytes { Digest(bytes: $0) })
    append(to: &buffer, id: id, flags: 0, stamp: stamp, payload: UnsafeRawBufferPointer(start: nil, count: 0), seed: seed)
  }

  private static func headerCheck(_ base: UnsafeRawPointer, seed: UInt64) -> UInt32 {
    // The check's own four bytes lie between the two hashed parts.
    let front = XXHash64.hash(UnsafeRawBufferPointer(start: base, count: 12), seed: seed)
    let whole = XXHash64.hash(UnsafeRawBufferPointer(start: base + 16, count: size - 16), seed: front)
    return UInt32(truncatingIfNeeded: whole)
  }
}

internal import Rows

/// A memory-mapped table from record to place: what makes a lookup cheap without reading the segments.
///
/// It says nothing that the segments do not say: it is checked lightly, replaced by rename, and made again when it is gone.
///
///     header 64: magic · slots · records · greatest stamp · segments · check of the slots · zero · check of header and segments
///     segments, 40 each: name 16 · bytes covered · records · 1 when closed
///     slots, 16 each: hash · segment number from 1, or 0 for empty · offset / 8
final class SegmentIndex: Sendable {
  static let headerSize = 64
  static let segmentSize = 40
  static let slotSize = 16
  private static let magic: UInt64 = 0x3178_6469_6570_6970  // "pipeidx1"

  struct Covered: Sendable {
    let name: SegmentName
    let bytes: Int
    let records: Int
    let isClosed: Bool
  }

  struct Slot {
    let hash: UInt64
    let segment: UInt32
    let unit: UInt32
  }

  let mapping: Mapping
  let segments: [Covered]
  let slotCount: Int
  let recordCount: Int
  let greatestStamp: UInt64
  private let slotsAt: Int
  private let slotsCheck: UInt64

  /// The index in these bytes, or nil when they are not a whole one.
  init?(_ mapping: Mapping) {
    let bytes = mapping.bytes
    guard bytes.count >= SegmentIndex.headerSize else { return nil }
    func word(_ at: Int) -> UInt64 { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) }
    let slots = word(8)
    let segmentCount = word(32)
    guard word(0) == SegmentIndex.magic, slots.nonzeroBitCount == 1, slots < 1 << 32, segmentCount < 1 << 24 else { return nil }
    let slotsAt = SegmentIndex.headerSize + Int(segmentCount) * SegmentIndex.segmentSize
    guard bytes.count == slotsAt + Int(slots) * SegmentIndex.slotSize, word(56) == SegmentIndex.headerCheck(bytes, slotsAt) else {
      return nil
    }
    self.mapping = mapping
    self.slotCount = Int(slots)
    self.recordCount = Int(word(16))
    self.greatestStamp = word(24)
    self.slotsAt = slotsAt
    self.slotsCheck = word(40)
    self.segments = (0..<Int(segmentCount)).map { number in
      let at = SegmentIndex.headerSize + number * SegmentIndex.segmentSize
      return Covered(
        name: SegmentName(time: word(at), unique: word(at + 8)), bytes: Int(word(at + 16)), records: Int(word(at + 24)),
        isClosed: word(at + 32) != 0)
    }
  }

  private static func headerCheck(_ bytes: UnsafeRawBufferPointer, _ slotsAt: Int) -> UInt64 {
    let front = XXHash64.hash(UnsafeRawBufferPointer(rebasing: bytes[..<56]))
    return XXHash64.hash(UnsafeRawBufferPointer(rebasing: bytes[headerSize..<slotsAt]), seed: front)
  }

  func slot(_ number: Int) -> Slot {
    let at = slotsAt + number * SegmentIndex.slotSize
    let bytes = mapping.bytes
    return Slot(
      hash: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)),
      segment: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at + 8, as: UInt32.self)),
      unit: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at + 12, as: UInt32.self)))
  }

  /// Offers each place that may hold the record until `isIt` says yes.
  func find(_ hash: UInt64, _ isIt: (_ segment: Int, _ offset: Int) -> Bool) {
    var number = Int(truncatingIfNeeded: hash) & (slotCount - 1)
    for _ in 0..<slotCount {
      let slot = slot(number)
      if slot.segment == 0 { return }
      if slot.hash == hash, Int(slot.segment) <= segments.count, isIt(Int(slot.segment) - 1, Int(slot.unit) * 8) { return }
      number = (number + 1) & (slotCount - 1)
    }
  }

  /// Whether the slots are as they were written. Reads the whole index.
  var slotsAreWhole: Bool {
    XXHash64.hash(UnsafeRawBufferPointer(rebasing: mapping.bytes[slotsAt...])) == slotsCheck
  }

  /// An index under construction.
  struct Builder {
    private(set) var slots: [UInt64]
    private var mask: Int
    private(set) var count = 0

    /// Room for so many records at half load, so that a probe ends soon.
    init(capacity: Int) {
      var size = 1024
      while size < capacity * 2 { size *= 2 }
      slots = [UInt64](repeating: 0, count: size * 2)
      mask = size - 1
    }

    /// Puts a place in; `replaces` is asked about each earlier place with the same hash.
    mutating func insert(
      hash: UInt64, segment: Int, offset: Int, replaces: (_ segment: Int, _ offset: Int) -> Replacement = { _, _ in .other }
    ) {
      let place = UInt64(segment + 1) | UInt64(offset / 8) << 32
      var number = Int(truncatingIfNeeded: hash) & mask
      while true {
        let old = slots[2 * number + 1]
        if old == 0 {
          slots[2 * number] = hash
          slots[2 * number + 1] = place
          count += 1
          return
        }
        if slots[2 * number] == hash {
          switch replaces(Int(old & 0xFFFF_FFFF) - 1, Int(old >> 32) * 8) {
          case .other: break
          case .newer: return
          case .older:
            slots[2 * number + 1] = place
            return
          }
        }
        number = (number + 1) & mask
      }
    }

    /// How the place that is in the index relates to the one that wants in.
    enum Replacement { case other, older, newer }

    /// The file's bytes.
    func encode(segments: [Covered], greatestStamp: UInt64) -> [UInt8] {
      var out: [UInt8] = []
      out.reserveCapacity(SegmentIndex.headerSize + segments.count * SegmentIndex.segmentSize + slots.count * 8)
      func put(_ word: UInt64) { withUnsafeBytes(of: word.littleEndian) { out.append(contentsOf: $0) } }
      let little = slots.map(\.littleEndian)
      for word in [
        SegmentIndex.magic, UInt64(slots.count / 2), UInt64(count), greatestStamp, UInt64(segments.count),
        little.withUnsafeBytes { XXHash64.hash($0) }, 0, 0,
      ] { put(word) }
      for segment in segments {
        for word in [segment.name.time, segment.name.unique, UInt64(segment.bytes), UInt64(segment.records), segment.isClosed ? 1 : 0] {
          put(word)
        }
      }
      let check = out.withUnsafeBytes { SegmentIndex.headerCheck($0, $0.count) }
      withUnsafeBytes(of: check.littleEndian) { out.replaceSubrange(56..<64, with: $0) }
      little.withUnsafeBytes { out.append(contentsOf: $0) }
      return out
    }
  }
}

internal import Rows

/// Texts by number: each different text gets the next one. Flat memory, because there may be millions.
struct TextIndex {
  /// Where it went.
  struct Place {
    let index: Int
    let isNew: Bool
  }

  private var bytes: [UInt8] = []
  private var ends: [Int] = []
  /// Open addressing; -1 where nothing is.
  private var slots: [Int32] = Array(repeating: -1, count: 16)

  var count: Int { ends.count }

  subscript(index: Int) -> ArraySlice<UInt8> { bytes[range(index)] }

  func text(_ index: Int) -> String { String(decoding: self[index], as: UTF8.self) }

  mutating func insert(_ text: UnsafeRawBufferPointer) -> Place {
    if ends.count * 2 >= slots.count { grow() }
    let slot = slot(of: text)
    if slots[slot] >= 0 { return Place(index: Int(slots[slot]), isNew: false) }
    slots[slot] = Int32(ends.count)
    bytes.append(contentsOf: text)
    ends.append(bytes.count)
    return Place(index: ends.count - 1, isNew: true)
  }

  mutating func insert(_ text: [UInt8]) -> Place { text.withUnsafeBytes { insert($0) } }

  func find(_ text: UnsafeRawBufferPointer) -> Int? {
    let found = slots[slot(of: text)]
    return found < 0 ? nil : Int(found)
  }

  /// The numbers of all texts, texts ascending by bytes.
  func sorted() -> [Int32] {
    bytes.withUnsafeBytes { bytes in
      // The first eight bytes decide nearly always.
      var keyed = [(prefix: UInt64, index: Int32)]()
      keyed.reserveCapacity(ends.count)
      for index in ends.indices {
        var prefix: UInt64 = 0
        let range = range(index)
        for place in 0..<8 { prefix = prefix << 8 | (place < range.count ? UInt64(bytes[range.lowerBound + place]) : 0) }
        keyed.append((prefix, Int32(index)))
      }
      keyed.sort { a, b in
        if a.prefix != b.prefix { return a.prefix < b.prefix }
        let (first, second) = (range(Int(a.index)), range(Int(b.index)))
        return bytes[first].lexicographicallyPrecedes(bytes[second])
      }
      return keyed.map(\.index)
    }
  }

  private func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

  /// The slot that holds a text, or the one where it belongs.
  private func slot(of text: UnsafeRawBufferPointer) -> Int {
    bytes.withUnsafeBytes { bytes in
      var slot = Int(truncatingIfNeeded: XXHash64.hash(text)) & (slots.count - 1)
      while slots[slot] >= 0 {
        let range = range(Int(slots[slot]))
        if range.count == text.count, UnsafeRawBufferPointer(rebasing: bytes[range]).elementsEqual(text) { return slot }
        slot = (slot + 1) & (slots.count - 1)
      }
      return slot
    }
  }

  private mutating func grow() {
    slots = Array(repeating: -1, count: slots.count * 2)
    bytes.withUnsafeBytes { bytes in
      for index in ends.indices {
        var slot = Int(truncatingIfNeeded: XXHash64.hash(UnsafeRawBufferPointer(rebasing: bytes[range(index)]))) & (slots.count - 1)
        while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = Int32(index)
      }
    }
  }
}

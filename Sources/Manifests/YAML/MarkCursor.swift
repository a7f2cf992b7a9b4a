internal import CYAML

/// Turns libyaml's marks, which count characters, into byte offsets. Marks come nearly in order, so it walks.
struct MarkCursor {
  let isASCII: Bool
  /// Bytes before the first character (a byte order mark).
  let base: Int
  private var character = 0
  private var byte: Int

  init(isASCII: Bool, base: Int) {
    self.isASCII = isASCII
    self.base = base
    self.byte = base
  }

  mutating func byte(_ mark: yaml_mark_t, _ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    let index = Int(mark.index)
    if isASCII { return min(index + base, bytes.count) }
    while character < index, byte < bytes.count {
      byte += 1
      while byte < bytes.count, bytes[byte] & 0xC0 == 0x80 { byte += 1 }
      character += 1
    }
    while character > index {
      byte -= 1
      while byte > base, bytes[byte] & 0xC0 == 0x80 { byte -= 1 }
      character -= 1
    }
    return byte
  }
}

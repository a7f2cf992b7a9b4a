/// Walks JSON text that is already known to be valid: rows of a chunk.
///
/// Every function takes the whole buffer and an offset into it and crosses a value in one pass without building anything.
public enum JSONScanner {
  @inline(__always) static func load(_ base: UnsafeRawPointer, _ at: Int) -> UInt8 { base.load(fromByteOffset: at, as: UInt8.self) }

  /// The offset just after the string whose opening quote is at `start`.
  public static func skipString(_ text: UnsafeRawBufferPointer, at start: Int) -> Int {
    let base = text.baseAddress!
    let end = text.count
    var at = start + 1
    while true {
      // Eight bytes at a time while none of them is a quote or a backslash (SWAR: a zero byte in x ^ pattern).
      while at &+ 8 <= end {
        let word = base.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        let quote = word ^ 0x2222_2222_2222_2222
        let slash = word ^ 0x5C5C_5C5C_5C5C_5C5C
        let hit = ((quote &- 0x0101_0101_0101_0101) & ~quote | (slash &- 0x0101_0101_0101_0101) & ~slash) & 0x8080_8080_8080_8080
        if hit == 0 {
          at &+= 8
          continue
        }
        // The lowest flag is exact: a borrow only disturbs the bytes above it.
        at &+= UInt64(littleEndian: hit).trailingZeroBitCount >> 3
        break
      }
      guard at < end else { return end }
      let byte = load(base, at)
      if byte == UInt8(ascii: "\"") { return at + 1 }
      at += byte == UInt8(ascii: "\\") ? 2 : 1
    }
  }

  /// The offset just after the value that starts at `start`.
  public static func skipValue(_ text: UnsafeRawBufferPointer, at start: Int) -> Int {
    let base = text.baseAddress!
    let end = text.count
    switch load(base, start) {
    case UInt8(ascii: "\""): return skipString(text, at: start)
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      var depth = 0
      var at = start
      while at < end {
        switch load(base, at) {
        case UInt8(ascii: "\""):
          at = skipString(text, at: at)
          continue
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          depth -= 1
          if depth == 0 { return at + 1 }
        default: break
        }
        at += 1
      }
      return end
    default:
      var at = start
      while at < end {
        switch load(base, at) {
        case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: " "), 0x0A, 0x0D, 0x09: return at
        default: at += 1
        }
      }
      return end
    }
  }

  /// Calls `body` with the byte ranges of each field of the compact object `row`: the key with its quotes, and the value.
  /// Stops when `body` returns false.
  @inlinable
  public static func forEachField(
    _ row: UnsafeRawBufferPointer, _ body: (_ key: Range<Int>, _ value: Range<Int>) throws -> Bool
  ) rethrows {
    var at = 1
    while at < row.count, row[at] == UInt8(ascii: "\"") {
      let keyEnd = skipString(row, at: at)
      let valueEnd = skipValue(row, at: keyEnd + 1)
      if try !body(at..<keyEnd, (keyEnd + 1)..<valueEnd) { return }
      at = valueEnd + 1
    }
  }

  /// The byte range of the value of a field of the compact object `row`; `key` is the field's name as it stands in JSON, with
  /// quotes. Nil when the row has no such field.
  public static func value(of key: [UInt8], in row: UnsafeRawBufferPointer) -> Range<Int>? {
    var found: Range<Int>?
    key.withUnsafeBytes { wanted in
      forEachField(row) { name, value in
        guard name.count == wanted.count, equal(row.baseAddress! + name.lowerBound, wanted.baseAddress!, wanted.count) else { return true }
        found = value
        return false
      }
    }
    return found
  }

  @inline(__always)
  static func equal(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
    var at = 0
    while at &+ 8 <= count {
      if a.loadUnaligned(fromByteOffset: at, as: UInt64.self) != b.loadUnaligned(fromByteOffset: at, as: UInt64.self) { return false }
      at &+= 8
    }
    while at < count {
      if load(a, at) != load(b, at) { return false }
      at &+= 1
    }
    return true
  }
}

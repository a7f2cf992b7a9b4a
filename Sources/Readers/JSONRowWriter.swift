internal import Rows

/// Writes JSON objects compactly in one pass, eight bytes of a string at a time.
///
/// It accepts exactly what ``JSONValidator`` accepts among rows of ordinary shape; at anything else (an error, deep nesting, an escaped
/// key, two keys of one hash, an extreme exponent) it gives up, and the validator decides and says why.
struct JSONRowWriter: ~Copyable {
  /// Deeper nesting is left to the validator: the kinds of open brackets are bits of one word.
  private static let maximumDepth = 60
  /// Up to so many keys of one object are compared one by one; more are put into a set.
  private static let comparedKeys = 40

  private let raw: UnsafeRawBufferPointer
  /// Whether all of `raw` is well-formed UTF-8: then strings need not be looked at for it.
  private let isUTF8: Bool
  /// Hashes of the keys of all open objects, and where each object's begin.
  private var hashes: UnsafeMutablePointer<UInt64>
  private var hashCapacity = 256
  private let starts: UnsafeMutablePointer<Int>
  private var sets: [Int: Set<UInt64>] = [:]

  init(_ raw: UnsafeRawBufferPointer) {
    self.raw = raw
    isUTF8 = UTF8Check.firstError(raw) == nil
    hashes = .allocate(capacity: hashCapacity)
    starts = .allocate(capacity: Self.maximumDepth + 1)
  }

  deinit {
    hashes.deallocate()
    starts.deallocate()
  }

  /// Writes the object in `range` and a newline at `room`, which has room for it and 16 bytes more; nil when it gives up.
  mutating func write(_ range: Range<Int>, to room: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    guard isUTF8, let base = raw.baseAddress else { return nil }
    let end = range.upperBound
    var at = range.lowerBound
    var out = room
    var depth = 0
    // Of each open bracket whether it is an object's, the innermost lowest.
    var objects: UInt64 = 0
    var hashCount = 0
    Self.skipSpace(base, &at, end)
    guard at < end, Self.byte(base, at) == UInt8(ascii: "{") else { return nil }
    while true {
      // A value begins at `at`.
      guard at < end else { return nil }
      var isOpen = false
      let first = Self.byte(base, at)
      switch first {
      case UInt8(ascii: "\""):
        guard Self.copyString(base, &at, end, &out) != nil else { return nil }
      case UInt8(ascii: "{"):
        guard depth < Self.maximumDepth else { return nil }
        depth += 1
        objects = objects << 1 | 1
        starts[depth] = hashCount
        Self.put(first, &out)
        at &+= 1
        Self.skipSpace(base, &at, end)
        guard at < end else { return nil }
        isOpen = Self.byte(base, at) != UInt8(ascii: "}")
      case UInt8(ascii: "["):
        guard depth < Self.maximumDepth else { return nil }
        depth += 1
        objects = objects << 1
        Self.put(first, &out)
        at &+= 1
        Self.skipSpace(base, &at, end)
        guard at < end else { return nil }
        if Self.byte(base, at) != UInt8(ascii: "]") { continue }
      case UInt8(ascii: "t"): guard Self.copyWord(0x6575_7274, 4, base, &at, end, &out) else { return nil }
      case UInt8(ascii: "n"): guard Self.copyWord(0x6C6C_756E, 4, base, &at, end, &out) else { return nil }
      case UInt8(ascii: "f"):
        guard Self.copyWord(0x736C_6166, 4, base, &at, end, &out), at < end, Self.byte(base, at) == UInt8(ascii: "e") else { return nil }
        Self.put(UInt8(ascii: "e"), &out)
        at &+= 1
      default: guard Self.copyNumber(base, &at, end, &out) else { return nil }
      }
      // What follows a value: closing brackets, then a comma (or, in an object that was just opened, its first key).
      while !isOpen {
        Self.skipSpace(base, &at, end)
        guard depth > 0 else {
          guard at == end else { return nil }
          Self.put(0x0A, &out)
          return out
        }
        guard at < end else { return nil }
        let next = Self.byte(base, at)
        Self.put(next, &out)
        at &+= 1
        if next == UInt8(ascii: ",") {
          Self.skipSpace(base, &at, end)
          break
        }
        guard next == (objects & 1 == 1 ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { return nil }
        if objects & 1 == 1 { close(depth, &hashCount) }
        objects >>= 1
        depth -= 1
      }
      guard objects & 1 == 1 else { continue }
      // A key.
      let key = out
      guard at < end, Self.byte(base, at) == UInt8(ascii: "\""), let escapes = Self.copyString(base, &at, end, &out), escapes == 0 else { return nil }
      guard add(Self.hash(key + 1, out - key - 2), depth, &hashCount) else { return nil }
      Self.skipSpace(base, &at, end)
      guard at < end, Self.byte(base, at) == UInt8(ascii: ":") else { return nil }
      Self.put(UInt8(ascii: ":"), &out)
      at &+= 1
      Self.skipSpace(base, &at, end)
    }
  }

  // MARK: Keys

  /// Remembers a key; false when the object may have it already.
  @inline(__always)
  private mutating func add(_ hash: UInt64, _ depth: Int, _ count: inout Int) -> Bool {
    let start = starts[depth]
    if count &- start >= Self.comparedKeys { return addToSet(hash, depth, start, count) }
    var index = start
    while index < count {
      if hashes[index] == hash { return false }
      index &+= 1
    }
    if count == hashCapacity { growHashes() }
    hashes[count] = hash
    count &+= 1
    return true
  }

  private mutating func addToSet(_ hash: UInt64, _ depth: Int, _ start: Int, _ count: Int) -> Bool {
    if sets[depth] == nil { sets[depth] = Set((start..<count).map { hashes[$0] }) }
    return sets[depth]!.insert(hash).inserted
  }

  private mutating func growHashes() {
    let larger = UnsafeMutablePointer<UInt64>.allocate(capacity: hashCapacity * 2)
    larger.update(from: hashes, count: hashCapacity)
    hashes.deallocate()
    hashes = larger
    hashCapacity *= 2
  }

  @inline(__always)
  private mutating func close(_ depth: Int, _ count: inout Int) {
    if count &- starts[depth] >= Self.comparedKeys { sets[depth] = nil }
    count = starts[depth]
  }

  /// A hash of a key's bytes; readable up to seven bytes beyond.
  @inline(__always)
  private static func hash(_ key: UnsafeMutableRawPointer, _ count: Int) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15
    var at = 0
    while at &+ 8 <= count {
      hash = mix(hash ^ key.loadUnaligned(fromByteOffset: at, as: UInt64.self))
      at &+= 8
    }
    let rest = count &- at
    if rest > 0 {
      let mask = UInt64.max >> UInt64(64 &- 8 &* rest)
      hash = mix(hash ^ (UInt64(littleEndian: key.loadUnaligned(fromByteOffset: at, as: UInt64.self)) & mask))
    }
    return hash
  }

  @inline(__always)
  private static func mix(_ value: UInt64) -> UInt64 {
    let product = value &* 0xD6E8_FEB8_6659_FD93
    return product ^ product >> 32
  }

  // MARK: Tokens

  @inline(__always)
  private static func byte(_ base: UnsafeRawPointer, _ at: Int) -> UInt8 { base.load(fromByteOffset: at, as: UInt8.self) }

  @inline(__always)
  private static func put(_ byte: UInt8, _ out: inout UnsafeMutableRawPointer) {
    out.storeBytes(of: byte, as: UInt8.self)
    out += 1
  }

  @inline(__always)
  private static func skipSpace(_ base: UnsafeRawPointer, _ at: inout Int, _ end: Int) {
    while at < end {
      let byte = byte(base, at)
      if byte > 0x20 { return }
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      at &+= 1
    }
  }

  /// Copies a string with its quotes; gives how many escapes it has, or nil when it is not well-formed.
  @inline(__always)
  private static func copyString(_ base: UnsafeRawPointer, _ at: inout Int, _ end: Int, _ out: inout UnsafeMutableRawPointer) -> Int? {
    var escapes = 0
    put(UInt8(ascii: "\""), &out)
    at &+= 1
    while true {
      if at &+ 8 <= end {
        let word = base.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        out.storeBytes(of: word, as: UInt64.self)
        let hit = SWAR.escapes(word) & SWAR.high
        if hit == 0 {
          at &+= 8
          out += 8
          continue
        }
        let clean = SWAR.firstByte(hit)
        at &+= clean
        out += clean
      }
      guard at < end else { return nil }
      let byte = byte(base, at)
      if byte == UInt8(ascii: "\"") {
        put(byte, &out)
        at &+= 1
        return escapes
      }
      if byte == UInt8(ascii: "\\") {
        guard copyEscape(base, &at, end, &out) else { return nil }
        escapes &+= 1
        continue
      }
      if byte < 0x20 { return nil }
      put(byte, &out)
      at &+= 1
    }
  }

  private static func copyEscape(_ base: UnsafeRawPointer, _ at: inout Int, _ end: Int, _ out: inout UnsafeMutableRawPointer) -> Bool {
    guard at &+ 1 < end else { return false }
    let length: Int
    switch byte(base, at + 1) {
    case UInt8(ascii: "n"), UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "t"), UInt8(ascii: "r"), UInt8(ascii: "b"),
      UInt8(ascii: "f"):
      length = 2
    case UInt8(ascii: "u"):
      guard let unit = unit(base, at, end), !(0xDC00..<0xE000 ~= unit) else { return false }
      if 0xD800..<0xDC00 ~= unit {
        guard at + 7 < end, byte(base, at + 6) == UInt8(ascii: "\\"), byte(base, at + 7) == UInt8(ascii: "u"),
          let low = self.unit(base, at + 6, end), 0xDC00..<0xE000 ~= low
        else { return false }
        length = 12
      } else {
        length = 6
      }
    default: return false
    }
    out.copyMemory(from: base + at, byteCount: length)
    out += length
    at &+= length
    return true
  }

  /// The code unit of `\uXXXX`.
  private static func unit(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> UInt32? {
    guard start + 6 <= end else { return nil }
    var value: UInt32 = 0
    for offset in (start + 2)..<(start + 6) {
      let digit: UInt8
      switch byte(base, offset) {
      case let byte where 0x30...0x39 ~= byte: digit = byte - 0x30
      case let byte where 0x61...0x66 ~= byte | 0x20: digit = (byte | 0x20) - 0x61 + 10
      default: return nil
      }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  @inline(__always)
  private static func copyWord(
    _ word: UInt32, _ count: Int, _ base: UnsafeRawPointer, _ at: inout Int, _ end: Int, _ out: inout UnsafeMutableRawPointer
  ) -> Bool {
    guard at &+ 4 <= end else { return false }
    let found = base.loadUnaligned(fromByteOffset: at, as: UInt32.self)
    guard UInt32(littleEndian: found) == word else { return false }
    out.storeBytes(of: found, as: UInt32.self)
    out += 4
    at &+= 4
    return true
  }

  @inline(__always)
  private static func copyNumber(_ base: UnsafeRawPointer, _ at: inout Int, _ end: Int, _ out: inout UnsafeMutableRawPointer) -> Bool {
    if at < end, byte(base, at) == UInt8(ascii: "-") {
      put(UInt8(ascii: "-"), &out)
      at &+= 1
    }
    guard at < end else { return false }
    let whole = at
    guard copyDigits(base, &at, end, &out) else { return false }
    if at &- whole > 1, byte(base, whole) == UInt8(ascii: "0") { return false }
    if at < end, byte(base, at) == UInt8(ascii: ".") {
      put(UInt8(ascii: "."), &out)
      at &+= 1
      guard copyDigits(base, &at, end, &out) else { return false }
    }
    guard at < end, byte(base, at) | 0x20 == UInt8(ascii: "e") else { return true }
    // Whether a number is finite is beyond doubt while the exponent has two digits and the number is no monster.
    let mantissa = at &- whole
    put(byte(base, at), &out)
    at &+= 1
    if at < end, byte(base, at) == UInt8(ascii: "-") || byte(base, at) == UInt8(ascii: "+") {
      put(byte(base, at), &out)
      at &+= 1
    }
    let exponent = at
    guard copyDigits(base, &at, end, &out) else { return false }
    return at &- exponent <= 2 && mantissa < 100
  }

  @inline(__always)
  private static func copyDigits(_ base: UnsafeRawPointer, _ at: inout Int, _ end: Int, _ out: inout UnsafeMutableRawPointer) -> Bool {
    let start = at
    while at < end, case let digit = byte(base, at), digit &- 0x30 < 10 {
      put(digit, &out)
      at &+= 1
    }
    return at > start
  }
}

/// Keys of compact JSON.
enum JSONKeys {
  /// Writes every key without needless escapes, so that a column is found under one spelling. Values stay as they are written.
  static func unescape(_ row: inout [UInt8]) {
    guard row.contains(UInt8(ascii: "\\")) else { return }
    let source = row
    source.withUnsafeBytes { text in
      var out: [UInt8] = []
      out.reserveCapacity(text.count)
      var at = 0
      var run = 0
      while at < text.count {
        guard text[at] == UInt8(ascii: "\"") else {
          at += 1
          continue
        }
        let end = JSONScanner.skipString(text, at: at)
        // In compact JSON a string before a colon is a key.
        let token = UnsafeRawBufferPointer(rebasing: text[at..<end])
        if end < text.count, text[end] == UInt8(ascii: ":"), token.contains(UInt8(ascii: "\\")) {
          out.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[run..<at]))
          JSONText.decoded(token).withUnsafeBytes { JSONText.append($0, to: &out) }
          run = end
        }
        at = end
      }
      out.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[run...]))
      row = out
    }
  }
}

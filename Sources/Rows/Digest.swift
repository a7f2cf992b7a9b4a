internal import Crypto

/// A SHA-256 digest: the name of an artifact, and the value of an action key.
public struct Digest: Hashable, Comparable, Sendable, CustomStringConvertible {
  // Four big-endian words rather than an array: a digest lives in tables of many thousands and must not allocate.
  let words: (UInt64, UInt64, UInt64, UInt64)

  public static let byteCount = 32

  init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

  /// The digest whose 32 bytes these are.
  public init(bytes: UnsafeRawBufferPointer) {
    precondition(bytes.count == Digest.byteCount, "a SHA-256 digest has 32 bytes")
    func word(_ at: Int) -> UInt64 { UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) }
    self.words = (word(0), word(8), word(16), word(24))
  }

  /// The digest written as 64 lower-case hexadecimal digits, or nil when `hex` is anything else.
  public init?(hex: some StringProtocol) {
    let found = hex.utf8.withContiguousStorageIfAvailable { Digest(hexBytes: UnsafeRawBufferPointer($0)) } ?? Digest(hexBytes: Array(hex.utf8))
    guard let found else { return nil }
    self = found
  }

  private init?(hexBytes: [UInt8]) {
    guard let found = hexBytes.withUnsafeBytes({ Digest(hexBytes: $0) }) else { return nil }
    self = found
  }

  /// The same of bytes.
  public init?(hexBytes hex: UnsafeRawBufferPointer) {
    guard hex.count == 2 * Digest.byteCount else { return nil }
    func word(_ start: Int) -> UInt64? {
      var word: UInt64 = 0
      for at in start..<start + 16 {
        switch hex[at] {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): word = word << 4 | UInt64(hex[at] &- UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): word = word << 4 | UInt64(hex[at] &- UInt8(ascii: "a") &+ 10)
        default: return nil
        }
      }
      return word
    }
    guard let a = word(0), let b = word(16), let c = word(32), let d = word(48) else { return nil }
    self.words = (a, b, c, d)
  }

  /// The SHA-256 of some bytes.
  public static func of(_ bytes: UnsafeRawBufferPointer) -> Digest {
    var hash = SHA256()
    hash.update(bufferPointer: bytes)
    return Digest(hash.finalize())
  }

  /// The SHA-256 of some bytes.
  public static func of(_ bytes: [UInt8]) -> Digest { bytes.withUnsafeBytes { of($0) } }

  /// The SHA-256 of a text's UTF-8 bytes.
  public static func of(_ text: String) -> Digest { of(Array(text.utf8)) }

  fileprivate init(_ digest: SHA256.Digest) {
    self = digest.withUnsafeBytes { Digest(bytes: $0) }
  }

  /// The first 64 bits: enough to spread by, never enough to identify.
  public var prefix64: UInt64 { words.0 }

  /// The 32 bytes.
  public var bytes: [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(Digest.byteCount)
    append(to: &out)
    return out
  }

  /// Appends the 32 bytes.
  public func append(to out: inout [UInt8]) {
    for word in [words.0, words.1, words.2, words.3] {
      withUnsafeBytes(of: word.bigEndian) { out.append(contentsOf: $0) }
    }
  }

  /// 64 lower-case hexadecimal digits.
  public var hex: String {
    String(unsafeUninitializedCapacity: 64) { out in
      writeHex(UnsafeMutableRawBufferPointer(out))
      return 64
    }
  }

  /// Appends 64 lower-case hexadecimal digits.
  public func appendHex(to out: inout [UInt8]) {
    withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { digits in
      writeHex(digits)
      out.append(contentsOf: digits)
    }
  }

  private func writeHex(_ out: UnsafeMutableRawBufferPointer) {
    // Eight digits at once: a nibble to each byte, then `0` or `a` less ten on top.
    func put(_ half: UInt64, _ at: Int) {
      var nibbles = (half << 16 | half) & 0x0000_FFFF_0000_FFFF
      nibbles = (nibbles << 8 | nibbles) & 0x00FF_00FF_00FF_00FF
      nibbles = (nibbles << 4 | nibbles) & 0x0F0F_0F0F_0F0F_0F0F
      let letters = (nibbles &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
      out.storeBytes(of: (nibbles &+ 0x3030_3030_3030_3030 &+ letters &* 39).bigEndian, toByteOffset: at, as: UInt64.self)
    }
    func put(word: UInt64, _ at: Int) {
      put(word >> 32, at)
      put(word & 0xFFFF_FFFF, at + 8)
    }
    put(word: words.0, 0)
    put(word: words.1, 16)
    put(word: words.2, 32)
    put(word: words.3, 48)
  }

  /// The first 12 hexadecimal digits: what a person is shown.
  public var short: String { String(hex.prefix(12)) }

  public var description: String { "sha256:\(hex)" }

  public static func == (a: Digest, b: Digest) -> Bool {
    a.words.0 == b.words.0 && a.words.1 == b.words.1 && a.words.2 == b.words.2 && a.words.3 == b.words.3
  }

  public static func < (a: Digest, b: Digest) -> Bool {
    (a.words.0, a.words.1, a.words.2, a.words.3) < (b.words.0, b.words.1, b.words.2, b.words.3)
  }

  // The bits of a digest are already spread evenly.
  public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

/// A SHA-256 fed piece by piece.
public struct DigestBuilder: Sendable {
  private var hash = SHA256()

  public init() {}

  public mutating func update(_ bytes: UnsafeRawBufferPointer) { hash.update(bufferPointer: bytes) }
  public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { hash.update(bufferPointer: $0) } }
  public func finish() -> Digest { Digest(hash.finalize()) }
}

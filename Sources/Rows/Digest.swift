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
    var words: [UInt64] = [0, 0, 0, 0]
    var count = 0
    for byte in hex.utf8 {
      let nibble: UInt64
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = UInt64(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = UInt64(byte - UInt8(ascii: "a")) + 10
      default: return nil
      }
      guard count < 64 else { return nil }
      words[count / 16] = words[count / 16] << 4 | nibble
      count += 1
    }
    guard count == 64 else { return nil }
    self.words = (words[0], words[1], words[2], words[3])
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
    let digits = Array("0123456789abcdef".utf8)
    return String(unsafeUninitializedCapacity: 64) { out in
      var at = 0
      for word in [words.0, words.1, words.2, words.3] {
        for shift in stride(from: 60, through: 0, by: -4) {
          out[at] = digits[Int(word >> UInt64(shift) & 15)]
          at += 1
        }
      }
      return 64
    }
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

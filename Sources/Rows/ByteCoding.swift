/// Writes small records: variable-length numbers (LEB128), digests, length-prefixed bytes.
public struct ByteWriter: Sendable {
  public var bytes: [UInt8] = []

  public init() {}

  public mutating func number(_ value: Int) {
    precondition(value >= 0, "records hold counts and offsets, never negative numbers")
    var rest = UInt64(value)
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  public mutating func word(_ value: UInt64) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
  public mutating func digest(_ digest: Digest) { digest.append(to: &bytes) }

  public mutating func blob(_ blob: [UInt8]) {
    number(blob.count)
    bytes.append(contentsOf: blob)
  }

  public mutating func text(_ text: String) { blob(Array(text.utf8)) }
}

/// Reads what ``ByteWriter`` wrote; anything that does not fit is an error, never a trap: records come from disk.
public struct ByteReader {
  /// A record that ends early or holds an impossible number.
  public struct Malformed: Error, Sendable {
    public init() {}
  }

  private let bytes: [UInt8]
  private var at = 0

  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public var isAtEnd: Bool { at == bytes.count }

  public mutating func number() throws(Malformed) -> Int {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      guard at < bytes.count, shift < 63 else { throw Malformed() }
      let byte = bytes[at]
      at += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { break }
      shift += 7
    }
    guard let result = Int(exactly: value) else { throw Malformed() }
    return result
  }

  /// A number of things that each take at least one byte of this record: never more than what is left.
  public mutating func count() throws(Malformed) -> Int {
    let value = try number()
    guard value <= bytes.count - at else { throw Malformed() }
    return value
  }

  public mutating func word() throws(Malformed) -> UInt64 {
    guard at + 8 <= bytes.count else { throw Malformed() }
    defer { at += 8 }
    return bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: at, as: UInt64.self)) }
  }

  public mutating func digest() throws(Malformed) -> Digest {
    guard at + Digest.byteCount <= bytes.count else { throw Malformed() }
    defer { at += Digest.byteCount }
    return bytes.withUnsafeBytes { Digest(bytes: UnsafeRawBufferPointer(rebasing: $0[at..<(at + Digest.byteCount)])) }
  }

  public mutating func blob() throws(Malformed) -> [UInt8] {
    let count = try count()
    defer { at += count }
    return Array(bytes[at..<(at + count)])
  }

  public mutating func text() throws(Malformed) -> String { String(decoding: try blob(), as: UTF8.self) }
}

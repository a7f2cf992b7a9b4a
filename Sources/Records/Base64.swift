/// Base64 as RFC 4648 has it, section 4: the standard alphabet, padded.
enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func encode(_ bytes: [UInt8]) -> String {
    var out: [UInt8] = []
    out.reserveCapacity((bytes.count + 2) / 3 * 4)
    var at = 0
    while at < bytes.count {
      let a = bytes[at]
      let b = at + 1 < bytes.count ? bytes[at + 1] : 0
      let c = at + 2 < bytes.count ? bytes[at + 2] : 0
      out.append(alphabet[Int(a >> 2)])
      out.append(alphabet[Int(a << 4 & 0x30 | b >> 4)])
      out.append(at + 1 < bytes.count ? alphabet[Int(b << 2 & 0x3C | c >> 6)] : UInt8(ascii: "="))
      out.append(at + 2 < bytes.count ? alphabet[Int(c & 0x3F)] : UInt8(ascii: "="))
      at += 3
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// The bytes of a text, or nil when it is not exactly what ``encode(_:)`` writes: two texts for the same bytes would be two signatures
  /// of one statement. DSSE allows the URL-safe alphabet, too; it is taken for the other.
  static func decode(_ text: String) -> [UInt8]? {
    var out: [UInt8] = []
    let characters = Array(text.utf8)
    guard characters.count % 4 == 0 else { return nil }
    for start in stride(from: 0, to: characters.count, by: 4) {
      let isLast = start + 4 == characters.count
      let padding = isLast ? (characters[start + 3] == UInt8(ascii: "=") ? (characters[start + 2] == UInt8(ascii: "=") ? 2 : 1) : 0) : 0
      var word: UInt32 = 0
      for offset in 0..<4 {
        word <<= 6
        if offset >= 4 - padding { continue }
        guard let value = value(of: characters[start + offset]) else { return nil }
        word |= value
      }
      let bytes = [UInt8(word >> 16 & 0xFF), UInt8(word >> 8 & 0xFF), UInt8(word & 0xFF)]
      // Bits that no byte takes are zero.
      if bytes[(3 - padding)...].contains(where: { $0 != 0 }) { return nil }
      out += bytes[..<(3 - padding)]
    }
    return out
  }

  private static func value(of character: UInt8) -> UInt32? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - 65)
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - 97 + 26)
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - 48 + 52)
    case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
    case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
    default: nil
    }
  }
}

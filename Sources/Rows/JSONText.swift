/// Strings between their JSON form and their bytes.
public enum JSONText {
  /// Appends the decoded bytes of a valid JSON string given with its quotes.
  public static func decode(_ token: UnsafeRawBufferPointer, into out: inout [UInt8]) {
    guard token.count >= 2, let base = token.baseAddress else { return }
    let end = token.count - 1
    var at = 1
    var run = 1
    while at < end {
      guard base.load(fromByteOffset: at, as: UInt8.self) == UInt8(ascii: "\\") else {
        at += 1
        continue
      }
      out.append(contentsOf: UnsafeRawBufferPointer(rebasing: token[run..<at]))
      switch base.load(fromByteOffset: at + 1, as: UInt8.self) {
      case UInt8(ascii: "n"): out.append(0x0A)
      case UInt8(ascii: "t"): out.append(0x09)
      case UInt8(ascii: "r"): out.append(0x0D)
      case UInt8(ascii: "b"): out.append(0x08)
      case UInt8(ascii: "f"): out.append(0x0C)
      case UInt8(ascii: "u"):
        var scalar = hex4(token, at + 2)
        at += 4
        if 0xD800..<0xDC00 ~= scalar, at + 7 < end + 1, token[at + 2] == UInt8(ascii: "\\"), token[at + 3] == UInt8(ascii: "u") {
          let low = hex4(token, at + 4)
          if 0xDC00..<0xE000 ~= low {
            scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
            at += 6
          }
        }
        appendScalar(scalar, to: &out)
      case let other: out.append(other)
      }
      at += 2
      run = at
    }
    if run < end { out.append(contentsOf: UnsafeRawBufferPointer(rebasing: token[run..<end])) }
  }

  /// The decoded bytes of a valid JSON string given with its quotes.
  public static func decoded(_ token: UnsafeRawBufferPointer) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(token.count)
    decode(token, into: &out)
    return out
  }

  /// Appends some UTF-8 text as a JSON string with quotes: only `"`, `\` and control characters are escaped.
  public static func append(_ text: UnsafeRawBufferPointer, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    appendEscaped(text, to: &out)
    out.append(UInt8(ascii: "\""))
  }

  /// Appends a text as a JSON string with quotes.
  public static func append(_ text: String, to out: inout [UInt8]) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0), to: &out) }
  }

  /// A text as a JSON string with quotes.
  public static func quoted(_ text: String) -> [UInt8] {
    var out: [UInt8] = []
    append(text, to: &out)
    return out
  }

  /// Appends some UTF-8 text with JSON's escapes, without quotes.
  public static func appendEscaped(_ text: UnsafeRawBufferPointer, to out: inout [UInt8]) {
    guard let base = text.baseAddress else { return }
    let end = text.count
    var run = 0
    var at = 0
    while at < end {
      if at &+ 8 <= end {
        let word = base.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        let quote = word ^ 0x2222_2222_2222_2222
        let slash = word ^ 0x5C5C_5C5C_5C5C_5C5C
        let low = (word &- 0x2020_2020_2020_2020) & ~word
        let hit = ((quote &- 0x0101_0101_0101_0101) & ~quote | (slash &- 0x0101_0101_0101_0101) & ~slash | low) & 0x8080_8080_8080_8080
        if hit == 0 {
          at &+= 8
          continue
        }
      }
      let byte = base.load(fromByteOffset: at, as: UInt8.self)
      guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
        at &+= 1
        continue
      }
      if run < at { out.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[run..<at])) }
      out.append(UInt8(ascii: "\\"))
      switch byte {
      case 0x0A: out.append(UInt8(ascii: "n"))
      case 0x09: out.append(UInt8(ascii: "t"))
      case 0x0D: out.append(UInt8(ascii: "r"))
      case 0x08: out.append(UInt8(ascii: "b"))
      case 0x0C: out.append(UInt8(ascii: "f"))
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(byte)
      default:
        let digits = Array("0123456789abcdef".utf8)
        out.append(contentsOf: [UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0"), digits[Int(byte >> 4)], digits[Int(byte & 15)]])
      }
      at &+= 1
      run = at
    }
    if run < end { out.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[run..<end])) }
  }

  static func hex4(_ text: UnsafeRawBufferPointer, _ at: Int) -> UInt32 {
    var value: UInt32 = 0
    for index in at..<(at + 4) where index < text.count {
      let byte = text[index]
      let digit: UInt8 =
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: 0
        }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  static func appendScalar(_ scalar: UInt32, to out: inout [UInt8]) {
    switch scalar {
    case 0..<0x80: out.append(UInt8(scalar))
    case 0x80..<0x800: out.append(contentsOf: [0xC0 | UInt8(scalar >> 6), 0x80 | UInt8(scalar & 0x3F)])
    case 0x800..<0x10000:
      out.append(contentsOf: [0xE0 | UInt8(scalar >> 12), 0x80 | UInt8(scalar >> 6 & 0x3F), 0x80 | UInt8(scalar & 0x3F)])
    default:
      out.append(contentsOf: [
        0xF0 | UInt8(scalar >> 18), 0x80 | UInt8(scalar >> 12 & 0x3F), 0x80 | UInt8(scalar >> 6 & 0x3F), 0x80 | UInt8(scalar & 0x3F),
      ])
    }
  }
}

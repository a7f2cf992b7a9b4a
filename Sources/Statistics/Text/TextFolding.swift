/// Lower case and kinds of characters, by tables of ours: the standard library's Unicode tables differ between systems.
enum TextFolding {
  /// What a character is to a text that is cut into words; `word` is one on its own.
  enum Kind { case space, letter, word }

  static func kind(_ scalar: UInt32) -> Kind {
    switch scalar {
    case 0x80...0xA9, 0xAB...0xB4, 0xB6...0xB9, 0xBB...0xBF, 0xD7, 0xF7: .space
    case 0x2000...0x2BFF, 0x2E00...0x2E7F, 0x3000...0x3004, 0x3008...0x3020, 0xFE10...0xFE6F, 0xFEFF...0xFF0F: .space
    case 0x3040...0x30FF, 0x3400...0x9FFF, 0xAC00...0xD7AF, 0xF900...0xFAFF, 0x20000...0x3FFFF: .word
    default: .letter
    }
  }

  /// A letter of the Latin, Greek, Cyrillic or Armenian script in lower case.
  static func lowercase(_ scalar: UInt32) -> UInt32 {
    switch scalar {
    case 0xC0...0xDE: scalar + 0x20
    case 0x100...0x12F, 0x132...0x137, 0x14A...0x177, 0x1E00...0x1E95, 0x1EA0...0x1EFF, 0x460...0x481, 0x48A...0x4BF, 0x4D0...0x52F: scalar | 1
    case 0x139...0x148, 0x179...0x17E: scalar + (scalar & 1)
    case 0x178: 0xFF
    case 0x391...0x3AB: scalar + 0x20
    case 0x386: 0x3AC
    case 0x388...0x38A: scalar + 0x25
    case 0x38C: 0x3CC
    case 0x38E, 0x38F: scalar + 0x3F
    case 0x400...0x40F: scalar + 0x50
    case 0x410...0x42F: scalar + 0x20
    case 0x531...0x556: scalar + 0x30
    case 0xFF21...0xFF3A: scalar + 0x20
    default: scalar
    }
  }

  static func append(_ scalar: UInt32, to out: inout [UInt8]) {
    if scalar < 0x800 {
      out.append(0xC0 | UInt8(scalar >> 6))
    } else if scalar < 0x10000 {
      out.append(0xE0 | UInt8(scalar >> 12))
      out.append(0x80 | UInt8(scalar >> 6 & 0x3F))
    } else {
      out.append(0xF0 | UInt8(scalar >> 18))
      out.append(0x80 | UInt8(scalar >> 12 & 0x3F))
      out.append(0x80 | UInt8(scalar >> 6 & 0x3F))
    }
    out.append(0x80 | UInt8(scalar & 0x3F))
  }

  /// The character at a place of UTF-8 text, and how many bytes it has; nil where the bytes are no character.
  static func scalar(_ text: UnsafeRawBufferPointer, at: Int) -> (UInt32, Int)? {
    let byte = text[at]
    if byte < 0x80 { return (UInt32(byte), 1) }
    let length = byte < 0xC2 ? 0 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : byte < 0xF5 ? 4 : 0
    guard length > 0, at + length <= text.count else { return nil }
    var scalar = UInt32(byte) & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07)
    for step in 1..<length {
      guard text[at + step] & 0xC0 == 0x80 else { return nil }
      scalar = scalar << 6 | UInt32(text[at + step] & 0x3F)
    }
    return (scalar, length)
  }

  /// A text in lower case; bytes that are no character stay as they are.
  static func lowercased(_ text: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(text.count)
    text.withUnsafeBytes { text in
      var at = 0
      while at < text.count {
        guard let (scalar, length) = scalar(text, at: at) else {
          out.append(text[at])
          at += 1
          continue
        }
        at += length
        if scalar < 0x80 {
          out.append((0x41...0x5A).contains(scalar) ? UInt8(scalar | 0x20) : UInt8(scalar))
        } else {
          append(lowercase(scalar), to: &out)
        }
      }
    }
    return out
  }
}

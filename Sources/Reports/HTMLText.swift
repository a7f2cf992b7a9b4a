internal import Diagnostics

/// Text inside pages.
enum HTMLText {
  /// Text of anybody's, safe in an element and in a quoted attribute; characters that cannot be seen, or that would turn the direction of
  /// what follows, are shown as signs.
  static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in DisplayWidth.printable(text).unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "'": out += "&#39;"
      case "\u{2028}", "\u{2029}": out += "↵"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  /// A coordinate: one digit after the point, and none that say nothing.
  static func number(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    if tenths % 10 == 0 { return "\(tenths / 10)" }
    return "\(tenths < 0 ? "-" : "")\(tenths.magnitude / 10).\(tenths.magnitude % 10)"
  }

  /// JSON inside a `script` element: nothing in it ends the element, opens a comment, breaks a line of JavaScript, or turns the direction
  /// of what follows.
  static func embedded(_ json: ReportJSON) -> String {
    var out: [UInt8] = []
    let text = Array(json.compact.utf8)
    out.reserveCapacity(text.count + text.count / 16)
    var at = 0
    while at < text.count {
      switch text[at] {
      case UInt8(ascii: "<"): out += "\\u003c".utf8
      case UInt8(ascii: ">"): out += "\\u003e".utf8
      case UInt8(ascii: "&"): out += "\\u0026".utf8
      // U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
      case 0xE2 where at + 2 < text.count && text[at + 1] == 0x80 && (text[at + 2] == 0xA8 || text[at + 2] == 0xA9):
        out += (text[at + 2] == 0xA8 ? "\\u2028" : "\\u2029").utf8
        at += 2
      // U+202A to U+202E, U+2066 to U+2069: what turns the direction of a text.
      case 0xE2
      where at + 2 < text.count && (text[at + 1] == 0x80 && (0xAA...0xAE).contains(text[at + 2]) || text[at + 1] == 0x81 && (0xA6...0xA9).contains(text[at + 2])):
        out += "\\ufffd".utf8
        at += 2
      case let byte: out.append(byte)
      }
      at += 1
    }
    return String(decoding: out, as: UTF8.self)
  }
}

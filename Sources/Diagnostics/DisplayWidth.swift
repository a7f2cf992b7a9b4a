/// How a character of somebody's file is shown in a frame: how many cells it takes, and what stands for it when it must not reach a terminal.
package enum DisplayWidth {
  /// A tab is shown as this many blanks: column numbers do not change, and carets line up in every terminal.
  static let tab = 4

  /// Cells of a terminal: 0 for combining marks, 2 for East Asian wide characters and emoji, else 1.
  package static func of(_ scalar: Unicode.Scalar) -> Int {
    let value = scalar.value
    if value == 9 { return tab }
    if value < 0x300 { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark: return 0
    case .format: return isDirectional(value) ? 1 : 0
    default: break
    }
    switch value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF, 0xA960...0xA97F,
      0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF,
      0x1F900...0x1F9FF, 0x20000...0x3FFFD:
      return 2
    default: return 1
    }
  }

  // Directional controls would show a line in another order than it is read.
  static func isDirectional(_ value: UInt32) -> Bool {
    (0x202A...0x202E).contains(value) || (0x2066...0x2069).contains(value)
  }

  /// Appends what is shown for a character; control characters never reach the terminal.
  static func append(_ scalar: Unicode.Scalar, to out: inout String) {
    switch scalar.value {
    case 9: out.append("    ")
    case 0..<0x20: out.unicodeScalars.append(Unicode.Scalar(0x2400 + scalar.value)!)
    case 0x7F: out.unicodeScalars.append("\u{2421}")
    case 0x80..<0xA0: out.unicodeScalars.append("\u{FFFD}")
    case let value where isDirectional(value): out.unicodeScalars.append("\u{FFFD}")
    default: out.unicodeScalars.append(scalar)
    }
  }

  package static func printable(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      if scalar == "\n" { out.append("\n") } else { append(scalar, to: &out) }
    }
    return out
  }

  package static func printableLine(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars { append(scalar, to: &out) }
    return out
  }
}

/// JSON for the public `Value`.
enum JSONCheck {
  static func value(_ json: [UInt8]) -> Value? {
    let machine = Machine(environment: EnvironmentBox(options: .jinja2))
    return json.withUnsafeBufferPointer { b in
      machine.row.borrow(b)
      do throws(Fault) { return machine.raise(try machine.parseDocument(b), deep: true) } catch { return nil }
    }
  }

  static func expand(_ json: [UInt8]) -> Value? { value(json) }

  static func isEmpty(_ json: [UInt8]) -> Bool {
    !json.dropFirst().dropLast().contains { $0 > 0x20 }
  }
}

enum JSONWriter {
  private static func hex(_ n: UInt8) -> UInt8 { n < 10 ? 48 + n : 87 + n }

  static func append(string b: [UInt8], to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for (i, c) in b.enumerated() {
      switch c {
      // Half of a surrogate pair, which Python's strings may hold, has no UTF-8.
      case 0xED where i + 2 < b.count && b[i + 1] >= 0xA0: out += "\\ud".utf8
      case 0x80... where i > 0 && b[i - 1] == 0xED && c >= 0xA0: out.append(hex(c >> 2 & 15))
      case 0x80... where i > 1 && b[i - 2] == 0xED && b[i - 1] >= 0xA0: out += [hex((b[i - 1] & 3) << 2 | c >> 4 & 3), hex(c & 15)]
      case UInt8(ascii: "\""): out += "\\\"".utf8
      case UInt8(ascii: "\\"): out += "\\\\".utf8
      case 10: out += "\\n".utf8
      case 13: out += "\\r".utf8
      case 9: out += "\\t".utf8
      case 8: out += "\\b".utf8
      case 12: out += "\\f".utf8
      case 0..<0x20:
        out += "\\u00".utf8
        out.append(48 + (c >> 4))
        out.append(c & 15 < 10 ? 48 + (c & 15) : 87 + (c & 15))
      default: out.append(c)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}

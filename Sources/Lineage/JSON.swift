/// A JSON text as a tree: enough for records of runs, which are small.
///
/// Objects keep the order of their fields, so that writing is deterministic; numbers keep their text.
package enum JSON: Equatable, Sendable {
  case null
  case boolean(Bool)
  case number(String)
  case string(String)
  case array([JSON])
  case object([(String, JSON)])

  package static func == (a: JSON, b: JSON) -> Bool { a.bytes == b.bytes }

  // MARK: Writing

  /// The compact text.
  package var bytes: [UInt8] {
    var out: [UInt8] = []
    write(to: &out)
    return out
  }

  private func write(to out: inout [UInt8]) {
    switch self {
    case .null: out += "null".utf8
    case .boolean(let value): out += (value ? "true" : "false").utf8
    case .number(let text): out += text.utf8
    case .string(let text): JSON.write(text, to: &out)
    case .array(let items):
      out.append(UInt8(ascii: "["))
      for (number, item) in items.enumerated() {
        if number > 0 { out.append(UInt8(ascii: ",")) }
        item.write(to: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .object(let fields):
      out.append(UInt8(ascii: "{"))
      for (number, (name, value)) in fields.enumerated() {
        if number > 0 { out.append(UInt8(ascii: ",")) }
        JSON.write(name, to: &out)
        out.append(UInt8(ascii: ":"))
        value.write(to: &out)
      }
      out.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ text: String, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): out += "\\\"".utf8
      case UInt8(ascii: "\\"): out += "\\\\".utf8
      case UInt8(ascii: "\n"): out += "\\n".utf8
      case UInt8(ascii: "\r"): out += "\\r".utf8
      case UInt8(ascii: "\t"): out += "\\t".utf8
      case 0..<32, 127:
        let digits = Array("0123456789abcdef".utf8)
        out += "\\u00".utf8
        out.append(digits[Int(byte >> 4)])
        out.append(digits[Int(byte & 15)])
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  // MARK: Reading

  /// Deeper nesting than this is no record of ours.
  private static let depthLimit = 64

  /// The tree of a whole text, or nil when it is not JSON.
  package init?(_ bytes: [UInt8]) {
    var reader = Reader(bytes: bytes)
    reader.skipSpace()
    guard let value = reader.value(depth: 0) else { return nil }
    reader.skipSpace()
    guard reader.at == bytes.count else { return nil }
    self = value
  }

  private struct Reader {
    let bytes: [UInt8]
    var at = 0

    var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    mutating func skipSpace() {
      while let byte = next, byte == 32 || byte == 10 || byte == 13 || byte == 9 { at += 1 }
    }

    mutating func take(_ byte: UInt8) -> Bool {
      guard next == byte else { return false }
      at += 1
      return true
    }

    mutating func take(word: String) -> Bool {
      guard bytes[at...].starts(with: word.utf8) else { return false }
      at += word.utf8.count
      return true
    }

    mutating func value(depth: Int) -> JSON? {
      guard depth < JSON.depthLimit, let byte = next else { return nil }
      switch byte {
      case UInt8(ascii: "{"): return object(depth)
      case UInt8(ascii: "["): return array(depth)
      case UInt8(ascii: "\""): return string().map(JSON.string)
      case UInt8(ascii: "t"): return take(word: "true") ? .boolean(true) : nil
      case UInt8(ascii: "f"): return take(word: "false") ? .boolean(false) : nil
      case UInt8(ascii: "n"): return take(word: "null") ? .null : nil
      default: return number()
      }
    }

    mutating func object(_ depth: Int) -> JSON? {
      at += 1
      var fields: [(String, JSON)] = []
      skipSpace()
      if take(UInt8(ascii: "}")) { return .object([]) }
      while true {
        skipSpace()
        guard next == UInt8(ascii: "\""), let name = string() else { return nil }
        skipSpace()
        guard take(UInt8(ascii: ":")) else { return nil }
        skipSpace()
        guard let value = value(depth: depth + 1) else { return nil }
        fields.append((name, value))
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(fields) }
        guard take(UInt8(ascii: ",")) else { return nil }
      }
    }

    mutating func array(_ depth: Int) -> JSON? {
      at += 1
      var items: [JSON] = []
      skipSpace()
      if take(UInt8(ascii: "]")) { return .array([]) }
      while true {
        skipSpace()
        guard let value = value(depth: depth + 1) else { return nil }
        items.append(value)
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(items) }
        guard take(UInt8(ascii: ",")) else { return nil }
      }
    }

    mutating func number() -> JSON? {
      let start = at
      func isDigit(_ byte: UInt8?) -> Bool { byte.map { (48...57).contains($0) } ?? false }
      _ = take(UInt8(ascii: "-"))
      guard isDigit(next) else { return nil }
      if !take(UInt8(ascii: "0")) { while isDigit(next) { at += 1 } }
      if take(UInt8(ascii: ".")) {
        guard isDigit(next) else { return nil }
        while isDigit(next) { at += 1 }
      }
      if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
        if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
        guard isDigit(next) else { return nil }
        while isDigit(next) { at += 1 }
      }
      return .number(String(decoding: bytes[start..<at], as: UTF8.self))
    }

    mutating func string() -> String? {
      at += 1
      var out: [UInt8] = []
      while let byte = next {
        at += 1
        switch byte {
        case UInt8(ascii: "\""): return String(validating: out, as: UTF8.self)
        case UInt8(ascii: "\\"):
          guard let escape = next else { return nil }
          at += 1
          switch escape {
          case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(escape)
          case UInt8(ascii: "n"): out.append(10)
          case UInt8(ascii: "r"): out.append(13)
          case UInt8(ascii: "t"): out.append(9)
          case UInt8(ascii: "b"): out.append(8)
          case UInt8(ascii: "f"): out.append(12)
          case UInt8(ascii: "u"):
            guard let scalar = scalar() else { return nil }
            out += String(Character(scalar)).utf8
          default: return nil
          }
        case 0..<32: return nil
        default: out.append(byte)
        }
      }
      return nil
    }

    private mutating func scalar() -> Unicode.Scalar? {
      guard let first = unit() else { return nil }
      if let scalar = Unicode.Scalar(first) { return scalar }
      // A surrogate needs its other half.
      guard (0xD800..<0xDC00).contains(first), take(word: "\\u"), let second = unit(), (0xDC00..<0xE000).contains(second) else {
        return nil
      }
      return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    }

    private mutating func unit() -> UInt32? {
      guard at + 4 <= bytes.count, bytes[at..<(at + 4)].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
      defer { at += 4 }
      return UInt32(String(decoding: bytes[at..<(at + 4)], as: UTF8.self), radix: 16)
    }
  }
}

extension JSON {
  package subscript(_ name: String) -> JSON? {
    guard case .object(let fields) = self else { return nil }
    return fields.first { $0.0 == name }?.1
  }

  package var text: String? { if case .string(let text) = self { text } else { nil } }
  package var flag: Bool? { if case .boolean(let value) = self { value } else { nil } }
  package var items: [JSON]? { if case .array(let items) = self { items } else { nil } }
  package var int64: Int64? { if case .number(let text) = self { Int64(text) } else { nil } }
  package var int: Int? { if case .number(let text) = self { Int(text) } else { nil } }

  /// An object without the fields that are nil.
  static func fields(_ fields: [(String, JSON?)]) -> JSON {
    .object(fields.compactMap { name, value in value.map { (name, $0) } })
  }

  static func number(_ value: some BinaryInteger) -> JSON { .number("\(value)") }
}

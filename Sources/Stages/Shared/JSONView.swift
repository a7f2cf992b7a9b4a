internal import Rows

/// A value inside compact, valid JSON: looked at where it lies, nothing built.
struct JSONView {
  enum Kind {
    case object, array, string, number, bool, null
  }

  let bytes: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var kind: Kind {
    switch bytes[0] {
    case UInt8(ascii: "{"): .object
    case UInt8(ascii: "["): .array
    case UInt8(ascii: "\""): .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
    case UInt8(ascii: "n"): .null
    default: .number
    }
  }

  var isNull: Bool { kind == .null }

  /// The characters of a string; nil for anything else.
  var string: String? { kind == .string ? String(decoding: JSONText.decoded(bytes), as: UTF8.self) : nil }

  /// Whether it is a string with this text; decoded only where there are escapes.
  func isText(_ text: String) -> Bool {
    guard kind == .string else { return false }
    guard !bytes.contains(UInt8(ascii: "\\")) else { return string == text }
    return bytes.count == text.utf8.count + 2 && bytes.dropFirst().dropLast().elementsEqual(text.utf8)
  }

  var bool: Bool? { kind == .bool ? bytes[0] == UInt8(ascii: "t") : nil }

  /// The nearest double of a number; nil for anything else.
  var double: Double? { kind == .number ? Double(String(decoding: bytes, as: UTF8.self)) : nil }

  /// The value as it stands.
  var text: String { String(decoding: bytes, as: UTF8.self) }

  /// What Python calls true: anything but null, false, zero, and what is empty.
  var isTruthy: Bool {
    switch kind {
    case .null: false
    case .bool: bool == true
    case .number: double != 0
    case .string, .array, .object: bytes.count > 2
    }
  }

  /// The fields of an object, in order; keys decoded.
  var fields: [(name: String, value: JSONView)] {
    guard kind == .object else { return [] }
    var fields: [(String, JSONView)] = []
    JSONScanner.forEachField(bytes) { key, value in
      fields.append((String(decoding: JSONText.decoded(UnsafeRawBufferPointer(rebasing: bytes[key])), as: UTF8.self), view(value)))
      return true
    }
    return fields
  }

  /// The items of an array.
  var items: [JSONView] {
    guard kind == .array else { return [] }
    var items: [JSONView] = []
    var at = 1
    while at < bytes.count, bytes[at] != UInt8(ascii: "]") {
      let end = JSONScanner.skipValue(bytes, at: at)
      items.append(view(at..<end))
      at = end + 1
    }
    return items
  }

  private func view(_ range: Range<Int>) -> JSONView { JSONView(UnsafeRawBufferPointer(rebasing: bytes[range])) }
}

/// Small JSON that is kept: a row's field, a constant.
enum JSONBytes {
  static let null = Array("null".utf8)
  static let emptyList = Array("[]".utf8)

  /// The value of a field of a compact row, or nil.
  static func field(_ token: [UInt8], of row: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    JSONScanner.value(of: token, in: row).map { UnsafeRawBufferPointer(rebasing: row[$0]) }
  }

  /// Appends `{"a":…` style entries: a comma when the object already has some, the key, a colon.
  static func appendKey(_ token: [UInt8], to out: inout [UInt8]) {
    if out.last != UInt8(ascii: "{") { out.append(UInt8(ascii: ",")) }
    out.append(contentsOf: token)
    out.append(UInt8(ascii: ":"))
  }
}

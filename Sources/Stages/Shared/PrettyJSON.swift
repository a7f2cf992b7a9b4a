internal import Rows

/// JSON for people: two spaces of indentation, one field or item a line, a newline at the end.
enum PrettyJSON {
  static func text(_ value: JSONView) -> [UInt8] {
    var out: [UInt8] = []
    append(value, indent: 0, to: &out)
    out.append(0x0A)
    return out
  }

  private static func append(_ value: JSONView, indent: Int, to out: inout [UInt8]) {
    func line(_ indent: Int) {
      out.append(0x0A)
      out += Array(repeating: UInt8(ascii: " "), count: indent)
    }
    switch value.kind {
    case .object where value.bytes.count > 2:
      out.append(UInt8(ascii: "{"))
      for (index, field) in value.fields.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        line(indent + 2)
        JSONText.append(field.name, to: &out)
        out += Array(": ".utf8)
        append(field.value, indent: indent + 2, to: &out)
      }
      line(indent)
      out.append(UInt8(ascii: "}"))
    case .array where value.bytes.count > 2:
      out.append(UInt8(ascii: "["))
      for (index, item) in value.items.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        line(indent + 2)
        append(item, indent: indent + 2, to: &out)
      }
      line(indent)
      out.append(UInt8(ascii: "]"))
    default: out.append(contentsOf: value.bytes)
    }
  }
}

internal import Rows

/// Compact JSON objects made of few, ready values.
enum JSONLine {
  static func object(_ fields: [(name: String, value: [UInt8])]) -> [UInt8] {
    var out: [UInt8] = [UInt8(ascii: "{")]
    for field in fields {
      JSONBytes.appendKey(JSONText.quoted(field.name), to: &out)
      out += field.value
    }
    out.append(UInt8(ascii: "}"))
    return out
  }

  static func text(_ text: String) -> [UInt8] { JSONText.quoted(text) }

  /// The shortest text that reads back as this number.
  static func number(_ value: Double) -> [UInt8] {
    value == value.rounded() && abs(value) < 1e15 ? Array(String(Int(value)).utf8) : Array("\(value)".utf8)
  }
}

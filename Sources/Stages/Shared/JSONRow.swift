internal import Rows

/// A compact JSON object, field by field.
struct JSONRow {
  private var bytes: [UInt8] = [UInt8(ascii: "{")]

  mutating func add(_ name: String, _ json: [UInt8]) {
    JSONBytes.appendKey(JSONText.quoted(name), to: &bytes)
    bytes += json
  }

  mutating func add(_ name: String, _ number: Int) { add(name, Array(String(number).utf8)) }

  /// A number by its shortest text, a whole one without a fraction; null for what is no number.
  mutating func add(_ name: String, _ number: Double?) {
    guard let number, number.isFinite else { return add(name, JSONBytes.null) }
    if number == number.rounded(), number.magnitude < 0x1p53 { return add(name, Int(number)) }
    add(name, Array("\(number)".utf8))
  }

  mutating func add(_ name: String, _ truth: Bool) { add(name, Array((truth ? "true" : "false").utf8)) }

  var closed: [UInt8] { bytes + [UInt8(ascii: "}")] }
}

internal import Engine
internal import Rows

/// What a label of one type may be.
struct LabelRule: Sendable {
  let name: String
  let token: [UInt8]
  /// nil when every use is allowed.
  let uses: [String]?
  private let kind: String
  private let classes: [[UInt8]]

  init(_ type: LabelType) {
    name = type.name
    token = JSONText.quoted(type.name)
    uses = type.uses
    kind = type.kind
    classes = type.classes
  }

  /// Why a label is refused.
  struct Fault: Error, Equatable {
    let message: String
    let help: String?
  }

  /// Everything about the type that the output depends on, for the key.
  var note: String {
    let classes = classes.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ",")
    return "\(kind) [\(classes)] \(uses?.joined(separator: ",") ?? "*")"
  }

  /// The label as it is written into rows: a class in the form in which it was declared (a CSV file's `5` is the number 5).
  func checked(_ label: [UInt8]) throws(Fault) -> [UInt8] {
    let text = Self.text(label)
    switch kind {
    case "class", "rating":
      return try declared(label, text)
    case "multi":
      let items = label.withUnsafeBytes { bytes in JSONView(bytes).items.map { Array($0.bytes) } }
      // In CSV lists are separated by `;`.
      let parts = label.first == UInt8(ascii: "[") ? items : text.split(separator: ";").map { JSONText.quoted(Self.trimmed($0)) }
      var out: [UInt8] = [UInt8(ascii: "[")]
      for part in parts {
        if out.count > 1 { out.append(UInt8(ascii: ",")) }
        out += try declared(part, Self.text(part))
      }
      return out + [UInt8(ascii: "]")]
    case "text":
      guard label.first == UInt8(ascii: "\"") else {
        throw Fault(message: "a label of `\(name)` is text, and this is `\(text)`", help: "write it in quotes")
      }
      return label
    default: return label
    }
  }

  private func declared(_ label: [UInt8], _ text: String) throws(Fault) -> [UInt8] {
    if classes.isEmpty || classes.contains(label) { return label }
    let names = classes.map(Self.text)
    if let index = names.firstIndex(of: text) { return classes[index] }
    throw Fault(message: "`\(text)` is no class of `\(name)`", help: "classes: \(names.joined(separator: ", "))")
  }

  /// A label as people write it: a text's characters, anything else as JSON.
  static func text(_ json: [UInt8]) -> String {
    json.withUnsafeBytes { bytes in JSONView(bytes).string ?? JSONView(bytes).text }
  }

  private static func trimmed(_ text: Substring) -> String {
    String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}

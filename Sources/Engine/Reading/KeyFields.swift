import Manifests
import Rows

/// The part of a stage's fields that enters its key, as canonical JSON.
enum KeyFields {
  /// Fields that were written with another value than their default and whose declared keying is not `none`. What stands for content
  /// (a path, a reference) is left out: the content itself is in the key.
  static func of(_ values: FieldValues, only names: [String]? = nil) -> [(name: String, value: String)] {
    var found: [(String, String)] = []
    for (field, value) in values.keyedFields where names?.contains(field.name) ?? (field.name != "kind") {
      var json: [UInt8] = []
      if append(value, field.keying, to: &json) { found.append((field.name, String(decoding: json, as: UTF8.self))) }
    }
    return found
  }

  /// Returns false when nothing of the value belongs into a key.
  private static func append(_ value: FieldValue, _ keying: Field.Keying, to out: inout [UInt8]) -> Bool {
    switch value.form {
    case .record(let values):
      let inner = of(values)
      guard !inner.isEmpty else { return false }
      out.append(UInt8(ascii: "{"))
      for (index, field) in inner.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        JSONText.append(field.name, to: &out)
        out.append(UInt8(ascii: ":"))
        out += Array(field.value.utf8)
      }
      out.append(UInt8(ascii: "}"))
      return true
    case .list(let items):
      var parts: [[UInt8]] = []
      var hasAny = false
      for item in items {
        var part: [UInt8] = []
        if append(item, keying, to: &part) { hasAny = true } else { part = Array("null".utf8) }
        parts.append(part)
      }
      // How many inputs there are is said by the inputs themselves.
      guard hasAny || keying == .value else { return false }
      out += [UInt8(ascii: "[")] + Array(parts.joined(separator: [UInt8(ascii: ",")])) + [UInt8(ascii: "]")]
      return true
    case .map(let entries):
      out.append(UInt8(ascii: "{"))
      for (index, entry) in entries.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        JSONText.append(entry.key, to: &out)
        out.append(UInt8(ascii: ":"))
        if !append(entry.value, keying, to: &out) { out += Array("null".utf8) }
      }
      out.append(UInt8(ascii: "}"))
      return true
    default:
      // A template's or expression's text is content itself; only a path or reference stands for something else.
      guard keying == .value || value.source != nil else { return false }
      if case .literal(.string(let text)) = value.form {
        JSONText.append(text, to: &out)
        return true
      }
      if let source = value.source, source.parts.count == 1, case .text(let text, _) = source.parts[0] {
        JSONText.append(text, to: &out)
        return true
      }
      let setting = Setting(value, references: { _ in [] })
      setting.appendJSON(to: &out)
      // The values of operands, which the text only names.
      if !setting.operands.isEmpty {
        for operand in setting.operands {
          out.append(UInt8(ascii: " "))
          Setting(operand.value, range: nil).appendJSON(to: &out)
        }
      }
      return true
    }
  }
}

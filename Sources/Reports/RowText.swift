/// A row for a person: one field per line, long texts cut.
public enum RowText {
  /// - Parameter row: a compact JSON object.
  public static func render(_ row: [UInt8], style: TerminalStyle = .plain, isWhole: Bool = false) -> String {
    let fields = Self.fields(row)
    guard !fields.isEmpty else { return String(decoding: row, as: UTF8.self) + "\n\n" }
    let names = fields.map { TerminalStyle.line($0.name) }
    let column = min(24, names.map(TerminalStyle.cells).max() ?? 0)
    var out = ""
    for (field, name) in zip(fields, names) {
      let padding = String(repeating: " ", count: max(0, column - TerminalStyle.cells(name)))
      var value = TerminalStyle.line(field.value)
      if !isWhole { value = TerminalStyle.cut(value, to: max(20, (style.width ?? 120) - column - 4)) }
      out += "  " + style.paint(name, .faint) + padding + "  " + value + "\n"
    }
    return out + "\n"
  }

  /// The members of an object: names as they are, values as JSON, but texts without their quotes.
  static func fields(_ row: [UInt8]) -> [(name: String, value: String)] {
    var fields: [(name: String, value: String)] = []
    guard row.first == UInt8(ascii: "{") else { return [] }
    var at = 1
    while at < row.count, row[at] == UInt8(ascii: "\"") {
      let colon = stringEnd(row, at)
      let end = valueEnd(row, colon + 1)
      guard colon < end else { break }
      fields.append((unquoted(row[at..<colon]), unquoted(row[(colon + 1)..<end])))
      at = end + 1
    }
    return fields
  }

  /// The items of a list, each as JSON.
  static func items(_ list: [UInt8]) -> [[UInt8]] {
    guard list.first == UInt8(ascii: "["), list.count > 2 else { return [] }
    var items: [[UInt8]] = []
    var at = 1
    while at < list.count, list[at] != UInt8(ascii: "]") {
      let end = valueEnd(list, at)
      guard end > at else { break }
      items.append(Array(list[at..<end]))
      at = end + (end < list.count && list[end] == UInt8(ascii: ",") ? 1 : 0)
    }
    return items
  }

  private static func valueEnd(_ row: [UInt8], _ start: Int) -> Int {
    var at = start
    var depth = 0
    while at < row.count {
      switch row[at] {
      case UInt8(ascii: "\""):
        at = stringEnd(row, at)
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: ",") where depth == 0: return at
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return at }
        depth -= 1
      default: break
      }
      at += 1
    }
    return at
  }

  private static func stringEnd(_ row: [UInt8], _ start: Int) -> Int {
    var at = start + 1
    while at < row.count, row[at] != UInt8(ascii: "\"") { at += row[at] == UInt8(ascii: "\\") ? 2 : 1 }
    return min(at + 1, row.count)
  }

  private static func unquoted(_ bytes: ArraySlice<UInt8>) -> String {
    guard bytes.first == UInt8(ascii: "\""), bytes.count >= 2 else { return String(decoding: bytes, as: UTF8.self) }
    var out: [UInt8] = []
    var at = bytes.startIndex + 1
    let end = bytes.endIndex - 1
    while at < end {
      guard bytes[at] == UInt8(ascii: "\\"), at + 1 < end else {
        out.append(bytes[at])
        at += 1
        continue
      }
      switch bytes[at + 1] {
      case UInt8(ascii: "n"): out.append(10)
      case UInt8(ascii: "t"): out.append(9)
      case UInt8(ascii: "r"): out.append(13)
      // What is rare stays as it is written.
      case UInt8(ascii: "u"), UInt8(ascii: "b"), UInt8(ascii: "f"): out += [bytes[at], bytes[at + 1]]
      default: out.append(bytes[at + 1])
      }
      at += 2
    }
    return String(decoding: out, as: UTF8.self)
  }
}

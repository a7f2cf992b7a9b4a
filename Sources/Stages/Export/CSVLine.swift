internal import Rows

/// Lines of a CSV file (RFC 4180): CRLF ends, quotes where needed.
///
/// A null or a missing column is an empty field, the empty text is `""`, so that the two stay apart; lists and objects are their JSON
/// text; numbers keep their source text.
enum CSVLine {
  static let lineEnd: [UInt8] = [0x0D, 0x0A]

  /// The first line.
  static func header(_ columns: [String]) -> [UInt8] {
    var out: [UInt8] = []
    for (index, column) in columns.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      append(text: Array(column.utf8), to: &out)
    }
    return out + lineEnd
  }

  /// Appends a row's line without its newline; the carriage return before it is there.
  static func append(_ row: UnsafeRawBufferPointer, columns: [[UInt8]], to out: inout [UInt8]) {
    let start = out.count
    for (index, column) in columns.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      guard let value = JSONBytes.field(column, of: row) else { continue }
      switch JSONView(value).kind {
      case .null: continue
      case .string: append(text: JSONText.decoded(value), to: &out)
      case .object, .array: append(text: Array(value), to: &out)
      case .number, .bool: out.append(contentsOf: value)
      }
    }
    // A line with nothing in it would be taken for a blank one.
    if out.count == start { out += [UInt8(ascii: "\""), UInt8(ascii: "\"")] }
    out.append(0x0D)
  }

  private static func append(text: [UInt8], to out: inout [UInt8]) {
    let needsQuotes =
      text.isEmpty || text.first == 0x20 || text.last == 0x20
      || text.contains { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == 0x0A || $0 == 0x0D }
    guard needsQuotes else {
      out += text
      return
    }
    out.append(UInt8(ascii: "\""))
    for byte in text {
      if byte == UInt8(ascii: "\"") { out.append(byte) }
      out.append(byte)
    }
    out.append(UInt8(ascii: "\""))
  }
}

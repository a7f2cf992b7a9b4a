internal import Rows

/// What parsing needs beside a raw chunk's bytes, as compact JSON: how records are written, CSV's column names, the name that rows see.
///
/// The format is part of it because it may come from the end of a file's name: the same bytes under another name are other rows.
struct RecordContext: Equatable {
  var format: RecordFormat
  /// The column names of CSV.
  var columns: [String]?
  /// The name that rows see.
  var name: String?

  init(format: RecordFormat, columns: [String]?, name: String?) {
    self.format = format
    self.columns = columns
    self.name = name
  }

  var encoded: [UInt8] {
    var out = Array("{\"format\":".utf8)
    switch format {
    case .jsonl: JSONText.append("jsonl", to: &out)
    case .json: JSONText.append("json", to: &out)
    case .database: JSONText.append("database", to: &out)
    case .text(.line): JSONText.append("text", to: &out)
    case .text(.file): JSONText.append("file", to: &out)
    case .csv(let dialect):
      JSONText.append("csv", to: &out)
      Self.append("delimiter", String(UnicodeScalar(dialect.delimiter)), to: &out)
      if let quote = dialect.quote { Self.append("quote", String(UnicodeScalar(quote)), to: &out) }
      if let null = dialect.null { Self.append("null", null, to: &out) }
    }
    if let columns {
      out += Array(",\"columns\":[".utf8)
      for (index, column) in columns.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        JSONText.append(column, to: &out)
      }
      out.append(UInt8(ascii: "]"))
    }
    if let name { Self.append("name", name, to: &out) }
    out.append(UInt8(ascii: "}"))
    return out
  }

  private static func append(_ key: String, _ value: String, to out: inout [UInt8]) {
    out.append(UInt8(ascii: ","))
    JSONText.append(key, to: &out)
    out.append(UInt8(ascii: ":"))
    JSONText.append(value, to: &out)
  }

  /// Reads what ``encoded`` wrote; the bytes are our own.
  init(_ bytes: [UInt8]) {
    var texts: [String: String] = [:]
    var columns: [String]?
    bytes.withUnsafeBytes { text in
      guard text.count > 2 else { return }
      JSONScanner.forEachField(text) { key, value in
        let name = Self.string(text, key)
        if text[value.lowerBound] == UInt8(ascii: "\"") { texts[name] = Self.string(text, value) } else { columns = Self.list(text, value) }
        return true
      }
    }
    switch texts["format"] {
    case "csv":
      format = .csv(
        CSVDialect(delimiter: texts["delimiter"]?.utf8.first ?? 0x2C, quote: texts["quote"]?.utf8.first, header: .firstRecord, null: texts["null"]))
    case "json": format = .json(rows: [])
    case "database": format = .database
    case "text": format = .text(.line)
    case "file": format = .text(.file)
    default: format = .jsonl
    }
    self.columns = columns
    name = texts["name"]
  }

  private static func string(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> String {
    String(decoding: JSONText.decoded(UnsafeRawBufferPointer(rebasing: text[range])), as: UTF8.self)
  }

  private static func list(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> [String] {
    var names: [String] = []
    var at = range.lowerBound + 1
    while at < range.upperBound, text[at] == UInt8(ascii: "\"") {
      let end = JSONScanner.skipString(text, at: at)
      names.append(string(text, at..<end))
      at = end + 1
    }
    return names
  }
}

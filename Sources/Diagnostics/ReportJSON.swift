/// A small JSON value for reports about files: diagnostics, SARIF, schemas. Members keep their order, so equal reports are equal bytes.
public indirect enum ReportJSON: Sendable, Hashable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case array([ReportJSON])
  case object([Member])

  public struct Member: Sendable, Hashable {
    public var name: String
    public var value: ReportJSON

    public init(_ name: String, _ value: ReportJSON) {
      self.name = name
      self.value = value
    }
  }

  /// An object without the members whose value is nil.
  public static func object(_ members: KeyValuePairs<String, ReportJSON?>) -> ReportJSON {
    .object(members.compactMap { name, value in value.map { Member(name, $0) } })
  }

  public static func strings(_ values: some Sequence<String>) -> ReportJSON { .array(values.map { .string($0) }) }

  /// One line, no blanks.
  public var compact: String {
    var out: [UInt8] = []
    write(to: &out, indent: nil)
    return String(decoding: out, as: UTF8.self)
  }

  /// Two blanks per level, with a line end.
  public var pretty: String {
    var out: [UInt8] = []
    write(to: &out, indent: 0)
    out.append(UInt8(ascii: "\n"))
    return String(decoding: out, as: UTF8.self)
  }

  private func write(to out: inout [UInt8], indent: Int?) {
    switch self {
    case .null: out += "null".utf8
    case .bool(let value): out += (value ? "true" : "false").utf8
    case .int(let value): out += String(value).utf8
    case .double(let value): out += (value.isFinite ? "\(value)" : "null").utf8
    case .string(let value): ReportJSON.writeString(value, to: &out)
    case .array(let values):
      ReportJSON.writeItems(values.count, "[", "]", to: &out, indent: indent) { at, out, indent in
        values[at].write(to: &out, indent: indent)
      }
    case .object(let members):
      ReportJSON.writeItems(members.count, "{", "}", to: &out, indent: indent) { at, out, indent in
        ReportJSON.writeString(members[at].name, to: &out)
        out += (indent == nil ? ":" : ": ").utf8
        members[at].value.write(to: &out, indent: indent)
      }
    }
  }

  private static func writeItems(
    _ count: Int, _ open: String, _ close: String, to out: inout [UInt8], indent: Int?, item: (Int, inout [UInt8], Int?) -> Void
  ) {
    func newLine(_ depth: Int) {
      out.append(UInt8(ascii: "\n"))
      out.append(contentsOf: repeatElement(UInt8(ascii: " "), count: depth * 2))
    }
    out += open.utf8
    for at in 0..<count {
      if at > 0 { out.append(UInt8(ascii: ",")) }
      if let indent { newLine(indent + 1) }
      item(at, &out, indent.map { $0 + 1 })
    }
    if let indent, count > 0 { newLine(indent) }
    out += close.utf8
  }

  private static func writeString(_ text: String, to out: inout [UInt8]) {
    let digits = Array("0123456789abcdef".utf8)
    out.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): out += "\\\"".utf8
      case UInt8(ascii: "\\"): out += "\\\\".utf8
      case UInt8(ascii: "\n"): out += "\\n".utf8
      case UInt8(ascii: "\t"): out += "\\t".utf8
      case UInt8(ascii: "\r"): out += "\\r".utf8
      case 0..<0x20:
        out += "\\u00".utf8
        out.append(digits[Int(byte >> 4)])
        out.append(digits[Int(byte & 15)])
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}

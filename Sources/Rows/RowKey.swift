/// How rows are told apart: by the text of declared columns, or by their content.
public struct RowKey: Sendable, Hashable {
  /// The declared columns; empty when rows are known by their content.
  public let columns: [String]
  private let tokens: [[UInt8]]

  public init(columns: [String]) {
    self.columns = columns
    self.tokens = columns.map(JSONText.quoted)
  }

  /// What keeps a row from having a key.
  public enum Failure: Error, Sendable, Equatable {
    case missing(column: String)
    case null(column: String)
  }

  /// Appends the text by which keys are compared: a string's decoded characters, a number's (or any other value's) source text;
  /// composite keys are length-prefixed parts, so that ("a","bc") and ("ab","c") differ.
  public func appendText(of row: UnsafeRawBufferPointer, to out: inout [UInt8]) throws(Failure) {
    for (column, token) in zip(columns, tokens) {
      guard let range = JSONScanner.value(of: token, in: row) else { throw .missing(column: column) }
      let value = UnsafeRawBufferPointer(rebasing: row[range])
      if value[0] == UInt8(ascii: "n") { throw .null(column: column) }
      let start = out.count
      if value[0] == UInt8(ascii: "\"") { JSONText.decode(value, into: &out) } else { out.append(contentsOf: value) }
      if columns.count > 1 {
        let length = UInt32(out.count - start)
        withUnsafeBytes(of: length.bigEndian) { out.insert(contentsOf: $0, at: start) }
      }
    }
  }

  /// The text by which keys are compared.
  public func text(of row: UnsafeRawBufferPointer) throws(Failure) -> [UInt8] {
    var out: [UInt8] = []
    try appendText(of: row, to: &out)
    return out
  }

  /// The key as people write it: one column's text, or a JSON list of the parts.
  public func label(of row: UnsafeRawBufferPointer) -> String {
    var parts: [[UInt8]] = []
    for token in tokens {
      guard let range = JSONScanner.value(of: token, in: row) else { continue }
      parts.append(Array(row[range]))
    }
    if parts.count == 1 {
      return parts[0].withUnsafeBytes { $0.first == UInt8(ascii: "\"") ? String(decoding: JSONText.decoded($0), as: UTF8.self) : String(decoding: $0, as: UTF8.self) }
    }
    return "[" + parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ", ") + "]"
  }
}

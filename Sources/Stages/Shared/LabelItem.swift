internal import Rows

/// How label files name a row: by its sheet, its key, and what the label is about.
struct LabelItem: Sendable {
  /// The columns of a label record's key.
  static let keyColumns = ["sheet", "item", "label_type"]

  /// A row without a value in a column of its key.
  struct NoKey: Error {
    let column: String
  }

  let rowKey: RowKey
  private let tokens: [[UInt8]]

  init(rowKey: [String]) {
    self.rowKey = RowKey(columns: rowKey)
    tokens = rowKey.map(JSONText.quoted)
  }

  /// Appends the row's `item`: the key's text; a composite key as a JSON list.
  func append(of row: UnsafeRawBufferPointer, to out: inout [UInt8]) throws(NoKey) {
    if tokens.count == 1 {
      do {
        return try rowKey.appendText(of: row, to: &out)
      } catch {
        switch error {
        case .missing(let column), .null(let column): throw NoKey(column: column)
        }
      }
    }
    out.append(UInt8(ascii: "["))
    for (index, token) in tokens.enumerated() {
      guard let value = JSONBytes.field(token, of: row), !JSONView(value).isNull else { throw NoKey(column: rowKey.columns[index]) }
      if index > 0 { out.append(UInt8(ascii: ",")) }
      out.append(contentsOf: value)
    }
    out.append(UInt8(ascii: "]"))
  }
}

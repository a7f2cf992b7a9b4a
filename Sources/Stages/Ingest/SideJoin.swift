internal import Diagnostics
internal import Engine
internal import Rows

/// One `join`: the rows of a side table with the same key.
struct SideJoin: Sendable {
  enum How: String { case left, inner, anti }
  enum Many: String { case error, first, all }

  struct Column: Sendable {
    let name: String
    let source: String
    let sourceToken: [UInt8]
    let token: [UInt8]
  }

  /// The name of its port.
  let name: String
  let key: RowKey
  let how: How
  let many: Many
  /// What comes over; nil for all but the key.
  let columns: [Column]?
  private let sources: [InputSource]
  /// The side tables of which something comes into the rows.
  var carried: [InputSource] { how == .anti ? [] : sources }
  private let range: SourceRange?

  init(_ setting: Setting, _ number: Int, of count: Int, _ reader: inout SettingReader) {
    name = count == 1 ? "join" : "join_\(number)"
    key = RowKey(columns: setting.entry("key")?.texts ?? [])
    how = setting.entry("how")?.text.flatMap(How.init) ?? .left
    many = setting.entry("many")?.text.flatMap(Many.init) ?? .error
    sources = reader.inputs(setting.entry("from"))
    range = setting.entry("from")?.range ?? setting.range
    var columns: [Column]?
    if let listed = setting.entry("columns") {
      let pairs = listed.list != nil ? listed.texts.map { ($0, $0) } : (listed.map ?? []).map { ($0.name, $0.setting.text ?? $0.name) }
      columns = pairs.map { Column(name: $0.0, source: $0.1, sourceToken: JSONText.quoted($0.1), token: JSONText.quoted($0.0)) }
      if how == .anti, !pairs.isEmpty {
        reader.report(listed.problem("join-columns", "`how: anti` keeps rows without a match: no columns come over", help: "take `columns` away"))
      }
    }
    if how == .anti { columns = [] }
    if how == .anti, let many = setting.entry("many"), many.range != nil, many.text != "error" {
      reader.report(many.problem("join-many", "`how: anti` keeps rows without a match: `many` says nothing", help: "take `many` away"))
    }
    self.columns = columns
  }

  /// The key as people write it, for messages and facts.
  var label: String { key.columns.joined(separator: ", ") }

  /// The side table's port: of it a chunk sees only the rows that its own rows ask for.
  func port(_ steps: RowSteps) -> InputPort {
    let fields = columns.map { $0.map(\.source) }
    let key = key
    return InputPort(
      name: name,
      reading: .keyed(
        KeyedReading(key: key.columns, fields: fields) { (chunk) throws(TaskFailure) in try steps.hashes(of: key, in: chunk) }),
      sources: sources, range: range)
  }

  /// The key's text of a row; nil when a part of it is null, which matches nothing.
  static func text(of row: UnsafeRawBufferPointer, _ key: RowKey) throws(RowFault) -> [UInt8]? {
    do throws(RowKey.Failure) { return try key.text(of: row) } catch {
      switch error {
      case .null: return nil
      case .missing(let column):
        throw .failure(
          TaskFailure(
            id: "join-key", message: "the row has no column `\(column)` to join by",
            help: "a join's key is a column of the source (after `columns` or `rename`); one that an earlier join or `derive` brings needs a stage of its own"))
      }
    }
  }

  /// The fields that a side row adds, each with a comma before it; what the side row lacks is null.
  func appendFields(of side: SideRows.Row?, to row: inout [UInt8]) throws(RowFault) {
    if let columns {
      for column in columns {
        try startField(column.token, in: &row)
        guard let side else {
          row += "null".utf8
          continue
        }
        side.bytes.withUnsafeBytes { bytes in
          if let value = JSONScanner.value(of: column.sourceToken, in: bytes) {
            row.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[value]))
          } else {
            row += "null".utf8
          }
        }
      }
      return
    }
    guard let side else { return }
    let keys = key.columns.map(JSONText.quoted)
    var fields: [(token: [UInt8], value: [UInt8])] = []
    side.bytes.withUnsafeBytes { bytes in
      JSONScanner.forEachField(bytes) { token, value in
        let name = Array(bytes[token])
        if !keys.contains(name) { fields.append((name, Array(bytes[value]))) }
        return true
      }
    }
    for field in fields {
      try startField(field.token, in: &row)
      row += field.value
    }
  }

  /// Opens the row again and begins a field, unless there is one of that name.
  private func startField(_ token: [UInt8], in row: inout [UInt8]) throws(RowFault) {
    let exists = row.withUnsafeBytes { RowFields.has(token, $0) }
    if exists {
      let column = String(decoding: token.dropFirst().dropLast(), as: UTF8.self)
      throw .failure(
        TaskFailure(
          id: "column-clash", message: "the join on `\(label)` brings a column `\(column)`, but the row has one already",
          help: "give it another name: columns: { side_\(column): \(column) }"))
    }
    if row.last != UInt8(ascii: "{") { row.append(UInt8(ascii: ",")) }
    row += token
    row.append(UInt8(ascii: ":"))
  }
}

/// Rows that are being extended: an object without its last brace.
enum RowFields {
  /// Whether an object that is still open has a field.
  static func has(_ token: [UInt8], _ open: UnsafeRawBufferPointer) -> Bool {
    var found = false
    JSONScanner.forEachField(open) { key, _ in
      found = key.count == token.count && UnsafeRawBufferPointer(rebasing: open[key]).elementsEqual(token)
      return !found
    }
    return found
  }
}

internal import Diagnostics
internal import Engine
internal import Rows

/// `columns` and `rename`: which columns come over, under which names and types.
struct ColumnPlan: Sendable {
  struct Column: Sendable {
    let name: String
    let source: String
    /// The source column as it stands in a row, and the new one with its colon.
    let sourceToken: [UInt8]
    let key: [UInt8]
    let cast: ColumnCast?

    init(name: String, source: String, cast: ColumnCast?) {
      self.name = name
      self.source = source
      sourceToken = JSONText.quoted(source)
      key = JSONText.quoted(name) + [UInt8(ascii: ":")]
      self.cast = cast
    }
  }

  let columns: [Column]
  /// Whether these are all columns (`columns`), or the rest comes along (`rename`).
  let isExact: Bool

  /// Nil when every column comes over as it is.
  init?(_ reader: inout SettingReader) {
    if let listed = reader.setting("columns") {
      isExact = true
      columns = Self.columns(listed)
      return
    }
    guard let renamed = reader.setting("rename")?.map, !renamed.isEmpty else { return nil }
    isExact = false
    var columns: [Column] = []
    for entry in renamed {
      guard let source = entry.setting.text else { continue }
      if columns.contains(where: { $0.source == source }) {
        reader.report(entry.setting.problem("column", "`\(source)` is renamed twice", help: "`derive` makes a second column: derive: { \(entry.name): \(source) }"))
      }
      columns.append(Column(name: entry.name, source: source, cast: nil))
    }
    self.columns = columns
  }

  private static func columns(_ listed: Setting) -> [Column] {
    if listed.list != nil { return listed.texts.map { Column(name: $0, source: $0, cast: nil) } }
    return (listed.map ?? []).map { entry in
      let source = entry.setting.text ?? entry.setting.entry("from")?.text ?? entry.name
      return Column(name: entry.name, source: source, cast: entry.setting.entry("type")?.text.flatMap(ColumnCast.init))
    }
  }

  /// Writes the row that the plan makes of `row`.
  func append(_ row: UnsafeRawBufferPointer, to out: inout [UInt8]) throws(RowFault) {
    if isExact { try appendExactly(row, to: &out) } else { try appendRenamed(row, to: &out) }
  }

  private func appendExactly(_ row: UnsafeRawBufferPointer, to out: inout [UInt8]) throws(RowFault) {
    out.append(UInt8(ascii: "{"))
    // Columns mostly stand in the order in which they are asked for: the search goes on where the last one was found.
    var at = 1
    for (index, column) in columns.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      out.append(contentsOf: column.key)
      let value: Range<Int>? = Self.find(column.sourceToken, in: row, from: &at) ?? JSONScanner.value(of: column.sourceToken, in: row)
      guard let value else {
        out += "null".utf8
        continue
      }
      let bytes = UnsafeRawBufferPointer(rebasing: row[value])
      guard let cast = column.cast else {
        out.append(contentsOf: bytes)
        continue
      }
      guard cast.append(bytes, to: &out) else { throw Self.badCast(column, cast, bytes) }
    }
    out.append(UInt8(ascii: "}"))
  }

  /// The value of the field that begins at `at`, if it is the wanted one.
  @inline(__always)
  private static func find(_ token: [UInt8], in row: UnsafeRawBufferPointer, from at: inout Int) -> Range<Int>? {
    guard at + token.count < row.count, row[at + token.count] == UInt8(ascii: ":"),
      token.withUnsafeBytes({ UnsafeRawBufferPointer(rebasing: row[at..<(at + token.count)]).elementsEqual($0) })
    else { return nil }
    let start = at + token.count + 1
    let end = JSONScanner.skipValue(row, at: start)
    at = end + 1
    return start..<end
  }

  private func appendRenamed(_ row: UnsafeRawBufferPointer, to out: inout [UInt8]) throws(RowFault) {
    out.append(UInt8(ascii: "{"))
    var clash: Column?
    JSONScanner.forEachField(row) { key, value in
      if out.last != UInt8(ascii: "{") { out.append(UInt8(ascii: ",")) }
      let token = UnsafeRawBufferPointer(rebasing: row[key])
      if let column = columns.first(where: { $0.sourceToken.count == token.count && token.elementsEqual($0.sourceToken) }) {
        out.append(contentsOf: column.key)
      } else if let column = columns.first(where: { $0.key.count == token.count + 1 && token.elementsEqual($0.key.dropLast()) }) {
        clash = column
        return false
      } else {
        out.append(contentsOf: token)
        out.append(UInt8(ascii: ":"))
      }
      out.append(contentsOf: UnsafeRawBufferPointer(rebasing: row[value]))
      return true
    }
    if let clash {
      throw .failure(
        TaskFailure(
          id: "column-clash", message: "`\(clash.source)` becomes `\(clash.name)`, but the row has a column `\(clash.name)` already",
          help: "rename that one, too: rename: { \(clash.name): \(clash.source), old_\(clash.name): \(clash.name) }"))
    }
    out.append(UInt8(ascii: "}"))
  }

  private static func badCast(_ column: Column, _ cast: ColumnCast, _ value: UnsafeRawBufferPointer) -> RowFault {
    var shown = String(decoding: value.prefix(60), as: UTF8.self)
    if value.count > 60 { shown += "…" }
    let isEmpty = value.elementsEqual([UInt8(ascii: "\""), UInt8(ascii: "\"")])
    return .bad(
      "expected \(cast.expectation) in `\(column.source)`, found `\(shown)`", isEmpty ? "if an empty cell means null: options: { null: \"\" }" : nil)
  }
}

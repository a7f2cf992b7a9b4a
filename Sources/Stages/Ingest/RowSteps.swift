internal import Diagnostics
internal import Engine
internal import Readers
internal import Rows
internal import Templates

/// What happens to each row: columns or rename → row_key → join → derive → where.
struct RowSteps: Sendable {
  /// A computed column.
  struct Derived: Sendable {
    let name: String
    let token: [UInt8]
    let expression: RowExpression
    let bindings: Bindings
  }

  let plan: ColumnPlan?
  let rowKey: RowKey
  let joins: [SideJoin]
  let derived: [Derived]
  let test: RowTest?
  /// What `where` and `derive` read, by name.
  let variables: Set<String>

  init(_ reader: inout SettingReader) {
    plan = ColumnPlan(&reader)
    rowKey = RowKey(columns: reader.setting("row_key")?.texts ?? [])
    let list = reader.setting("join")?.list ?? []
    var joins: [SideJoin] = []
    for (index, setting) in list.enumerated() { joins.append(SideJoin(setting, index + 1, of: list.count, &reader)) }
    self.joins = joins
    var derived: [Derived] = []
    for entry in reader.setting("derive")?.map ?? [] {
      if let expression = reader.expression(entry.setting) {
        derived.append(
          Derived(name: entry.name, token: JSONText.quoted(entry.name), expression: expression, bindings: Bindings(operands: expression.operands)))
      }
    }
    self.derived = derived
    let condition = reader.setting("where").flatMap { reader.expression($0) }
    test = condition.map(RowTest.init)
    variables = Set((derived.map(\.expression) + [condition].compactMap { $0 }).flatMap { $0.expression.variables.map(\.name) })
    checkNames(list, &reader)
  }

  /// All columns of the rows that come out, when they can be known.
  var columnNames: [String]? {
    guard let plan, plan.isExact else { return nil }
    var names = plan.columns.map(\.name)
    for join in joins {
      guard let columns = join.columns else { return nil }
      names += columns.map(\.name)
    }
    return names + derived.map(\.name)
  }

  /// Finds what is wrong with names before there is a row.
  private func checkNames(_ joined: [Setting], _ reader: inout SettingReader) {
    let columns = reader.setting("columns") ?? reader.setting("rename")
    var known = Set<String>()
    for column in plan?.columns ?? [] where !known.insert(column.name).inserted {
      reader.report(problem(columns, column.name, "column", "two columns are called `\(column.name)`", nil))
    }
    let isExact = plan?.isExact ?? false
    if isExact {
      for (join, setting) in zip(joins, joined) {
        for column in join.key.columns where !known.contains(column) {
          reader.report(
            (setting.entry("key") ?? setting).problem(
              "join-key", "the join's key `\(column)` is left out by `columns`", help: "add it: columns: { \(column): \(column), … }"))
        }
      }
    }
    for (join, setting) in zip(joins, joined) {
      for column in join.columns ?? [] where !known.insert(column.name).inserted {
        reader.report(
          problem(
            setting.entry("columns") ?? setting, column.name, "column-clash", "there is a column `\(column.name)` already",
            "give it another name: columns: { side_\(column.name): \(column.source) }"))
      }
    }
    for entry in reader.setting("derive")?.map ?? [] where !known.insert(entry.name).inserted {
      reader.report(
        Diagnostic(id: "column-clash", "there is a column `\(entry.name)` already", at: entry.nameRange?.place, help: "`derive` makes new columns: choose another name"))
    }
  }

  /// A problem at the entry of a map, or at the whole setting.
  private func problem(_ setting: Setting?, _ name: String, _ id: String, _ message: String, _ help: String?) -> Diagnostic {
    let range = setting?.map?.last { $0.name == name }?.nameRange ?? setting?.list?.last { $0.text == name }?.range ?? setting?.range
    return Diagnostic(id: id, message, at: range?.place, help: help)
  }

  // MARK: Columns that a chunk is known to have

  /// Checks the names of a CSV file's columns against what the steps ask for.
  func check(columns: [String]) throws(TaskFailure) {
    var names = columns
    if let plan {
      for column in plan.columns where !columns.contains(column.source) {
        let near = Suggestion.nearest(to: column.source, in: columns).map { "did you mean `\($0)`?" }
        throw TaskFailure(
          id: "no-column", message: "the file has no column `\(column.source)`",
          help: near ?? "it has \(columns.prefix(8).map { "`\($0)`" }.joined(separator: ", "))" + (columns.count > 8 ? " …" : ""))
      }
      names = plan.isExact ? plan.columns.map(\.name) : columns.map { column in plan.columns.first { $0.source == column }?.name ?? column }
    }
    for column in rowKey.columns + joins.flatMap(\.key.columns) where !names.contains(column) {
      let near = Suggestion.nearest(to: column, in: names).map { "did you mean `\($0)`?" }
      throw TaskFailure(
        id: "no-column", message: "the file has no column `\(column)`, which is a key",
        help: near ?? "keys are named as they are after `columns` or `rename`")
    }
  }

  // MARK: What joins look up

  /// Hashes of the keys that a chunk's rows look up in a side table.
  func hashes(of key: RowKey, in chunk: InputChunk) throws(TaskFailure) -> [UInt64] {
    var hashes: [UInt64] = []
    let rows = chunk.context.isEmpty ? chunk.rows : RecordParser(context: chunk.context).parse(chunk.bytes).rows
    hashes.reserveCapacity(rows.rowCount)
    var projected: [UInt8] = []
    try rows.forEachRow { (_, row) throws(TaskFailure) in
      do throws(RowFault) {
        var text: [UInt8]?
        if let plan {
          projected.removeAll(keepingCapacity: true)
          try plan.append(row, to: &projected)
          text = try projected.withRow { (row) throws(RowFault) in try SideJoin.text(of: row, key) }
        } else {
          text = try SideJoin.text(of: row, key)
        }
        if let text { hashes.append(SideKey.hash(text)) }
      } catch {
        // Whatever is wrong with a row is said when its rows are made.
      }
    }
    return hashes
  }
}

extension [UInt8] {
  /// Calls `body` with the bytes; keeps the type of its error.
  func withRow<Result, Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Result) throws(Failure) -> Result {
    let result = withUnsafeBytes { bytes -> Swift.Result<Result, Failure> in
      do throws(Failure) { return .success(try body(bytes)) } catch { return .failure(error) }
    }
    return try result.get()
  }
}

extension SettingReader {
  /// A row expression, or nil with its problems reported.
  mutating func expression(_ setting: Setting) -> RowExpression? {
    let stage = stage
    return attempt { () throws(Problems) in try stage.expression(setting) }
  }
}

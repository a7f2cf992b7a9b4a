import Lineage
import Rows

/// Columns that a manifest marks `pii: true`: what stands in them is shown as a short digest, also where a template has copied it.
struct Privacy {
  private let columns: Set<String>

  init(_ pipelines: [Pipeline]) {
    var found: Set<String> = []
    for pipeline in pipelines {
      for stage in pipeline.graph.stages {
        guard let columns = stage.keyFields.first(where: { $0.name == "columns" })?.value, columns.hasPrefix("{") else { continue }
        for (name, value) in FieldDiff.members(Array(columns.utf8)) where value.first == UInt8(ascii: "{") {
          if FieldDiff.members(value).contains(where: { $0.0 == "pii" && $0.1 == Array("true".utf8) }) { found.insert(name) }
        }
      }
    }
    columns = found
  }

  var isEmpty: Bool { columns.isEmpty }

  /// Whether a column is private.
  func covers(_ column: String) -> Bool { columns.contains(column) }

  /// What stands in place of a value: enough to see whether two are equal.
  static func digest(_ text: some StringProtocol) -> String { "pii:" + String(Digest.of(String(text)).hex.prefix(8)) }

  /// The changes without what is private.
  func masked(_ changes: [DiffModel.FieldChange], _ before: [UInt8], _ after: [UInt8]) -> [DiffModel.FieldChange] {
    guard !isEmpty else { return changes }
    let secrets = texts(before) + texts(after)
    return changes.map { change in
      let column = String(change.path.prefix { $0 != "." && $0 != "[" })
      if columns.contains(column) {
        return .init(path: change.path, before: change.before.map { "\"\(Self.digest($0))\"" }, after: change.after.map { "\"\(Self.digest($0))\"" })
      }
      return .init(path: change.path, before: change.before.map { blot($0, secrets) }, after: change.after.map { blot($0, secrets) })
    }
  }

  /// A row without what is private, `secrets` of the rows that it was made of included.
  func masked(_ row: [UInt8], _ secrets: Set<String>) -> [UInt8] {
    let longest = secrets.sorted { ($1.utf8.count, $0) < ($0.utf8.count, $1) }
    guard row.first == UInt8(ascii: "{") else { return Array(blot(FieldDiff.text(row), longest).utf8) }
    var out: [UInt8] = [UInt8(ascii: "{")]
    for (name, value) in FieldDiff.members(row) {
      if out.count > 1 { out.append(UInt8(ascii: ",")) }
      JSONText.append(name, to: &out)
      out.append(UInt8(ascii: ":"))
      out += columns.contains(name) ? Array("\"\(Self.digest(FieldDiff.text(value)))\"".utf8) : Array(blot(FieldDiff.text(value), longest).utf8)
    }
    out.append(UInt8(ascii: "}"))
    return out
  }

  /// A row's name without what is private.
  func key(_ label: String, _ key: [String], _ row: [UInt8]) -> String {
    if isEmpty { return label }
    if key.contains(where: columns.contains) { return Self.digest(label) }
    return key.isEmpty ? Self.digest(label) : label
  }

  /// A source's line holds everything, under names that may be others: all of it goes.
  func mask(_ edit: inout DiffModel.Edit) {
    edit.before = edit.before.map { Self.digest($0) }
    edit.after = edit.after.map { Self.digest($0) }
    // Without a key a row is called by its text.
    if edit.name.hasPrefix("{") { edit.name = Self.digest(edit.name) }
  }

  /// The texts of a row's private columns; the shortest say nothing and would be met everywhere.
  func texts(_ row: [UInt8]) -> [String] {
    guard row.first == UInt8(ascii: "{") else { return [] }
    return FieldDiff.members(row).filter { columns.contains($0.0) && $0.1.count >= 5 }.map { _, value in
      // As it stands inside another JSON text: escaped, without its quotes.
      value.first == UInt8(ascii: "\"") ? FieldDiff.text(Array(value.dropFirst().dropLast())) : FieldDiff.text(value)
    }
  }

  private func blot(_ text: String, _ secrets: [String]) -> String {
    secrets.sorted { $0.utf8.count > $1.utf8.count }.reduce(text) { text, secret in text.contains(secret) ? text.replacing(secret, with: Self.digest(secret)) : text }
  }
}

import Lineage
import Rows

/// For the columns of outputs, the columns of inputs that they were made of: read off what the manifest says, no row is looked at.
///
/// A column that comes in under the same name is taken for a copy. What an expression or a template makes is put down to the columns whose
/// names stand in its code.
struct ColumnOrigins {
  let session: Session
  let graph: Graph
  let columns: [PortReference: [ManifestDescription.Column]]

  private typealias Origin = ManifestDescription.Origin

  func columns(of port: String, _ stage: Stage) -> [ManifestDescription.Column]? {
    guard var found = columns[PortReference(stage: stage.name, port: port)] else { return nil }
    for place in found.indices { found[place].origins = origins(of: found[place].name, stage) }
    return found
  }

  /// The columns that say which rows stay, and which side of a split they fall on.
  func deciding(_ stage: Stage) -> [ManifestDescription.Origin] {
    var code = ""
    for field in stage.keyFields where ["where", "gate", "sample"].contains(field.name) { code += " " + field.value }
    if let split = stage.keyFields.first(where: { $0.name == "split" })?.value {
      for (name, value) in FieldDiff.members(Array(split.utf8)) where name == "by" || name == "stratify" { code += " " + FieldDiff.text(value) }
    }
    return code.isEmpty ? [] : named(in: code, stage)
  }

  private func origins(of column: String, _ stage: Stage) -> [ManifestDescription.Origin] {
    if let old = renamed(column, stage) {
      // A file's columns are nobody's declaration, so that they are taken at their word.
      return stage.kind.inputs.enumerated().compactMap { _, input in
        guard case .source = input.reading else { return nil }
        return Origin(port: input.name, source: 0, column: old, isCopied: true)
      } + copies(of: old, stage)
    }
    for field in stage.keyFields where field.name == "derive" {
      if let (_, code) = FieldDiff.members(Array(field.value.utf8)).first(where: { $0.0 == column }) { return named(in: FieldDiff.text(code), stage) }
    }
    let copied = copies(of: column, stage)
    if !copied.isEmpty { return copied }
    if let joined = joined(column, stage) { return joined }
    if let label = labels(column, stage) { return label }
    if ["messages", "prompt", "completion", "chosen", "rejected", "output"].contains(column) || stage.keyFields.contains(where: { $0.name == column }) {
      return written(stage)
    }
    return stage.kind.inputs.contains { if case .source = $0.reading { true } else { false } }
      ? stage.kind.inputs.filter { if case .source = $0.reading { true } else { false } }.map { Origin(port: $0.name, source: 0, column: column, isCopied: true) } : []
  }

  private func renamed(_ column: String, _ stage: Stage) -> String? {
    guard let field = stage.keyFields.first(where: { $0.name == "rename" }) else { return nil }
    return FieldDiff.members(Array(field.value.utf8)).first { $0.0 == column }.map { text($0.1) }
  }

  /// The inputs that have a column of this name and are read row by row.
  private func copies(of column: String, _ stage: Stage) -> [ManifestDescription.Origin] {
    inputs(stage).filter { !$0.isLookedUp && $0.columns.contains(column) }.map { Origin(port: $0.port, source: $0.source, column: column, isCopied: true) }
  }

  private func joined(_ column: String, _ stage: Stage) -> [ManifestDescription.Origin]? {
    guard let field = stage.keyFields.first(where: { $0.name == "join" })?.value else { return nil }
    let entries = field.hasPrefix("[") ? FieldDiff.items(Array(field.utf8)) : [Array(field.utf8)]
    for (index, entry) in entries.enumerated() {
      let port = entries.count == 1 ? "join" : "join_\(index + 1)"
      guard let listed = FieldDiff.members(entry).first(where: { $0.0 == "columns" })?.1 else {
        if let input = inputs(stage).first(where: { $0.port == port && $0.columns.contains(column) }) {
          return [Origin(port: port, source: input.source, column: column, isCopied: true)]
        }
        continue
      }
      if listed.first == UInt8(ascii: "{"), let (_, old) = FieldDiff.members(listed).first(where: { $0.0 == column }) {
        return [Origin(port: port, source: 0, column: text(old), isCopied: true)]
      }
      if listed.first == UInt8(ascii: "["), FieldDiff.items(listed).contains(where: { text($0) == column }) {
        return [Origin(port: port, source: 0, column: column, isCopied: true)]
      }
    }
    return nil
  }

  /// A label type's column is the `label` of the label files.
  private func labels(_ column: String, _ stage: Stage) -> [ManifestDescription.Origin]? {
    let found = inputs(stage).filter { $0.isLookedUp && $0.columns.contains("label") }
    let type = stage.keyFields.first { $0.name == "label_type" }.map { text(Array($0.value.utf8)) }
    guard !found.isEmpty, type == column || column.hasPrefix("label") else { return nil }
    return found.map { Origin(port: $0.port, source: $0.source, column: "label", isCopied: type == column) }
  }

  /// What the stage's texts and template files name.
  private func written(_ stage: Stage) -> [ManifestDescription.Origin] {
    var code = stage.keyFields.filter { $0.name != "where" }.map(\.value).joined(separator: " ")
    for case let path? in stage.keyFilePaths { if case .success(let bytes) = session.load(path) { code += " " + String(decoding: bytes, as: UTF8.self) } }
    return named(in: Self.code(of: code), stage)
  }

  // MARK: names

  private struct Input {
    let port: String
    let source: Int
    let columns: [String]
    /// Read by key, as labels and joins are.
    let isLookedUp: Bool
  }

  private func inputs(_ stage: Stage) -> [Input] {
    var found: [Input] = []
    for input in stage.kind.inputs {
      let isLookedUp = if case .keyed = input.reading { true } else { false }
      for (index, source) in input.sources.enumerated() {
        guard case .port(let reference) = source, let producer = graph[reference.stage] else { continue }
        let port = producer.kind.outputs[producer.outputIndex(reference.port)].name
        guard let known = columns[PortReference(stage: producer.name, port: port)] else { continue }
        found.append(Input(port: input.name, source: index, columns: known.map(\.name), isLookedUp: isLookedUp))
      }
    }
    return found
  }

  private func named(in code: String, _ stage: Stage) -> [ManifestDescription.Origin] {
    let words = Set(code.split { !($0 == "_" || $0.isLetter || $0.isNumber) }.map(String.init))
    var found: [Origin] = []
    for input in inputs(stage) where !input.isLookedUp {
      for column in input.columns where words.contains(column) { found.append(Origin(port: input.port, source: input.source, column: column, isCopied: false)) }
    }
    if let type = stage.keyFields.first(where: { $0.name == "label_type" }).map({ text(Array($0.value.utf8)) }), words.contains(type) {
      for input in inputs(stage) where input.isLookedUp && input.columns.contains("label") {
        found.append(Origin(port: input.port, source: input.source, column: "label", isCopied: false))
      }
    }
    return found
  }

  /// What stands between a template's braces.
  private static func code(of text: String) -> String {
    var out = ""
    var rest = text[...]
    while let open = [rest.firstRange(of: "{{"), rest.firstRange(of: "{%")].compactMap({ $0 }).min(by: { $0.lowerBound < $1.lowerBound }) {
      let closing = rest[open] == "{{" ? "}}" : "%}"
      rest = rest[open.upperBound...]
      let end = rest.firstRange(of: closing)
      out += rest[..<(end?.lowerBound ?? rest.endIndex)] + " "
      rest = end.map { rest[$0.upperBound...] } ?? ""
    }
    return out
  }

  private func text(_ json: [UInt8]) -> String {
    json.first == UInt8(ascii: "\"") ? json.withUnsafeBytes { String(decoding: JSONText.decoded($0), as: UTF8.self) } : FieldDiff.text(json)
  }
}

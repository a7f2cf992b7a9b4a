internal import Diagnostics

/// Names that mean something in every row template and row expression, so that no column, variable or label type may have them.
enum ReservedNames {
  static let all: Set<String> = ["row", "labels", "messages"]

  /// Reports new names that are reserved, among the keys of some fields.
  static func check(_ values: FieldValues, _ fields: [String], _ diagnostics: inout [Diagnostic]) {
    for field in fields where values.isWritten(field) {
      for entry in values.map(field) { check(entry.key, "a name in `\(field)`", entry.keyNode, &diagnostics) }
    }
  }

  static func check(_ name: String, _ what: String, _ node: Node?, _ diagnostics: inout [Diagnostic]) {
    guard all.contains(name) else { return }
    diagnostics.append(
      Diagnostic(
        id: "reserved-name", "`\(name)` cannot be \(what): it means something else in templates", at: node?.range.place,
        help: "reserved are " + all.sorted().joined(separator: " ") + "; for instance  \(name)_text"))
  }
}

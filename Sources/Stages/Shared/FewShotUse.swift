internal import Rows

/// Whether a row may be shown to a model as an example.
enum FewShotUse {
  private static let usesTokens = ["uses", "allowed_uses"].map(JSONText.quoted)
  private static let prohibitedToken = JSONText.quoted("prohibited_uses")

  static func isAllowed(_ row: UnsafeRawBufferPointer) -> Bool {
    if let prohibited = JSONBytes.field(prohibitedToken, of: row), JSONView(prohibited).items.contains(where: { $0.string == "few_shot" }) { return false }
    for token in usesTokens {
      guard let uses = JSONBytes.field(token, of: row).map(JSONView.init), uses.kind == .array else { continue }
      if !uses.items.contains(where: { $0.string == "few_shot" }) { return false }
    }
    return true
  }
}

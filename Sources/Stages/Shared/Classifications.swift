/// Who may see what, from open to closed.
enum Classifications {
  static let order = ["public", "internal", "confidential", "restricted"]

  static func stricter(_ a: String?, _ b: String?) -> String? {
    guard let a else { return b }
    guard let b else { return a }
    return (order.firstIndex(of: a) ?? order.count) >= (order.firstIndex(of: b) ?? order.count) ? a : b
  }
}

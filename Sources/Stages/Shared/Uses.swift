/// The uses of the field, in the order in which they are written.
enum Uses {
  static let all = ["training", "validation", "evaluation", "few_shot", "testing"]

  /// What is left when several parties restrict; nil stands for no restriction.
  static func narrowed(_ allowed: [[String]?], prohibited: [String]) -> [String]? {
    var left: [String]?
    for list in allowed {
      guard let list else { continue }
      left = left.map { $0.filter(list.contains) } ?? list
    }
    if !prohibited.isEmpty { left = (left ?? all).filter { !prohibited.contains($0) } }
    return left.map { list in all.filter(list.contains) + list.filter { !all.contains($0) } }
  }
}

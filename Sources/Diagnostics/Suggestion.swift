/// Guesses what somebody meant to write.
public enum Suggestion {
  /// The candidate nearest to `word`, or nil when none is near enough to be worth saying.
  ///
  /// Distance is optimal string alignment (an edit is a character inserted, removed, replaced, or two neighbours swapped). One edit
  /// in three characters is near, three at most. Letter case, `-` and `_` do not count. Of equally near ones the first wins.
  public static func nearest(to word: String, in candidates: some Sequence<String>) -> String? {
    let plain = normalized(word)
    // A distance over names longer than this is slow and says nothing.
    guard plain.count <= 64, !plain.isEmpty else { return nil }
    let limit = min(3, max(1, (plain.count + 1) / 3))
    var best: (name: String, distance: Int)?
    for candidate in candidates {
      let other = normalized(candidate)
      if other.count > 64 || abs(other.count - plain.count) > limit { continue }
      let found = distance(plain, other)
      // A word of which no character is left is another word.
      if found <= limit, found < max(plain.count, other.count), found < best?.distance ?? Int.max { best = (candidate, found) }
    }
    return best?.name
  }

  /// "did you mean `x`?", or an empty text.
  public static func label(for word: String, in candidates: some Sequence<String>) -> String {
    nearest(to: word, in: candidates).map { "did you mean `\($0)`?" } ?? ""
  }

  private static func normalized(_ word: String) -> [Unicode.Scalar] {
    word.lowercased().unicodeScalars.map { $0 == "-" ? "_" : $0 }
  }

  private static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    var row = last
    for i in 1...a.count {
      row[0] = i
      for j in 1...b.count {
        let substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
        row[j] = min(last[j] + 1, row[j - 1] + 1, substitution)
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { row[j] = min(row[j], beforeLast[j - 2] + 1) }
      }
      (beforeLast, last, row) = (last, row, beforeLast)
    }
    return last[b.count]
  }
}

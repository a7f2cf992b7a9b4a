/// The lines of a text that were taken out, and those that were put in: Myers' greedy algorithm (E. W. Myers, 1986).
enum LineDiff {
  /// A stretch of lines that differ, with the number of its first line on either side (from 1).
  struct Hunk: Equatable {
    var oldLine: Int
    var newLine: Int
    var removed: [String]
    var added: [String]
  }

  /// More edits than this are told as one hunk: the texts have little in common.
  private static let maximumEdits = 500

  static func hunks(_ old: String, _ new: String) -> [Hunk] { hunks(lines(old), lines(new)) }

  static func lines(_ text: String) -> [String] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" { lines.removeLast() }
    return lines
  }

  static func hunks(_ old: [String], _ new: [String]) -> [Hunk] {
    var start = 0
    while start < old.count, start < new.count, old[start] == new[start] { start += 1 }
    var tail = 0
    while tail < old.count - start, tail < new.count - start, old[old.count - 1 - tail] == new[new.count - 1 - tail] { tail += 1 }
    let a = Array(old[start..<(old.count - tail)])
    let b = Array(new[start..<(new.count - tail)])
    if a.isEmpty, b.isEmpty { return [] }
    guard let kept = common(a, b) else { return [Hunk(oldLine: start + 1, newLine: start + 1, removed: a, added: b)] }
    var hunks: [Hunk] = []
    var x = 0
    var y = 0
    for pair in kept + [(a.count, b.count)] {
      if pair.0 > x || pair.1 > y {
        hunks.append(Hunk(oldLine: start + x + 1, newLine: start + y + 1, removed: Array(a[x..<pair.0]), added: Array(b[y..<pair.1])))
      }
      x = pair.0 + 1
      y = pair.1 + 1
    }
    return hunks
  }

  /// Pairs of equal lines on a shortest way from one text to the other; nil when that is too long.
  private static func common(_ a: [String], _ b: [String]) -> [(Int, Int)]? {
    let most = min(a.count + b.count, maximumEdits)
    var furthest = Array(repeating: 0, count: 2 * most + 3)
    let middle = most + 1
    var trace: [[Int]] = []
    for edits in 0...most {
      trace.append(furthest)
      for diagonal in stride(from: -edits, through: edits, by: 2) {
        let goesDown = diagonal == -edits || diagonal != edits && furthest[middle + diagonal - 1] < furthest[middle + diagonal + 1]
        var x = goesDown ? furthest[middle + diagonal + 1] : furthest[middle + diagonal - 1] + 1
        var y = x - diagonal
        while x < a.count, y < b.count, a[x] == b[y] {
          x += 1
          y += 1
        }
        furthest[middle + diagonal] = x
        if x >= a.count, y >= b.count { return walkBack(trace, a.count, b.count, middle) }
      }
    }
    return nil
  }

  private static func walkBack(_ trace: [[Int]], _ width: Int, _ height: Int, _ middle: Int) -> [(Int, Int)] {
    var x = width
    var y = height
    var pairs: [(Int, Int)] = []
    for edits in stride(from: trace.count - 1, through: 0, by: -1) {
      let furthest = trace[edits]
      let diagonal = x - y
      let goesDown = diagonal == -edits || diagonal != edits && furthest[middle + diagonal - 1] < furthest[middle + diagonal + 1]
      let previous = goesDown ? diagonal + 1 : diagonal - 1
      let px = furthest[middle + previous]
      let py = px - previous
      while x > px, y > py, x > 0, y > 0 {
        x -= 1
        y -= 1
        pairs.append((x, y))
      }
      if edits > 0 {
        x = px
        y = py
      }
    }
    return pairs.reversed()
  }
}

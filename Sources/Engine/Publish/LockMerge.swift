/// Merges two locks that grew out of one, stage by stage: what `git` calls when it merges branches.
///
/// Lines of one stage go together: its key, its outputs, its files. A stage that both branches changed is a conflict, because neither
/// branch's result is what both edits together give; `pipe run` makes it.
public enum LockMerge {
  public struct Result: Sendable, Equatable {
    public var text: String
    /// What both sides changed in different ways.
    public var conflicts: [String]
  }

  /// One thing that is merged as a whole, and its lines in order.
  private typealias Units = [(name: String, lines: [String])]

  /// - Parameters:
  ///   - base: the lock where the branches parted; empty when there was none.
  ///   - names: what the two sides are called in the marks of a conflict.
  public static func merge(base: String, ours: String, theirs: String, names: (ours: String, theirs: String) = ("ours", "theirs")) -> Result {
    let old = byName(units(base))
    let mine = byName(units(ours))
    let other = byName(units(theirs))
    var order = Array(Set(mine.keys).union(other.keys))
    // As a lock is sorted, so that a merge without conflicts is what a run would have written.
    order.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    var head: [String] = []
    var body: [String] = []
    var conflicts: [String] = []
    var marked: [String] = []
    for name in order {
      let a = old[name]
      let b = mine[name]
      let c = other[name]
      let merged: [String]?
      if b == c || a == c { merged = b ?? [] } else if a == b { merged = c ?? [] } else { merged = nil }
      if let merged {
        if name.hasPrefix(headMark) { head += merged } else { body += merged }
      } else {
        conflicts.append(name.hasPrefix(headMark) ? String(name.dropFirst(headMark.count)) : name)
        marked += ["<<<<<<< \(names.ours)"] + (b ?? []) + ["======="] + (c ?? []) + [">>>>>>> \(names.theirs)"]
      }
    }
    body.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return Result(text: (head + body + marked).map { $0 + "\n" }.joined(), conflicts: conflicts)
  }

  /// What two locks say differently: `manifest`, `stage pairs`, `source Datasets/a.jsonl`, in the order of a lock.
  static func differences(_ one: String, _ other: String) -> [String] {
    let old = byName(units(one))
    let new = byName(units(other))
    let names = Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { $0.hasPrefix(headMark) ? String($0.dropFirst(headMark.count + 2)) : $0 }
  }

  private static func byName(_ units: Units) -> [String: [String]] { Dictionary(units.map { ($0.name, $0.lines) }, uniquingKeysWith: { first, _ in first }) }

  /// Sorts before any name.
  private static let headMark = "\u{1}"

  private static func units(_ text: String) -> Units {
    var units: Units = []
    var places: [String: Int] = [:]
    for (index, line) in text.split(separator: "\n").map(String.init).enumerated() {
      let name = name(of: line, index)
      if let known = places[name] {
        units[known].lines.append(line)
      } else {
        places[name] = units.count
        units.append((name, [line]))
      }
    }
    return units
  }

  private static func name(of line: String, _ index: Int) -> String {
    let words = line.split(separator: " ").map(String.init)
    guard words.count >= 2 else { return headMark + line }
    func stage(_ port: String) -> String { "stage \(port[..<(port.lastIndex(of: ".") ?? port.endIndex)])" }
    switch words[0] {
    case "pipe-lock": return headMark + "0 format"
    case "manifest": return headMark + "1 manifest"
    case "stage": return "stage \(words[1])"
    case "output": return stage(words[1])
    case "file":
      guard let from = words.last(where: { $0.hasPrefix("from=") }) else { return line }
      return stage(String(from.dropFirst(5)))
    case "source":
      // A name with blanks is quoted; everything before the digest is the name.
      return line.firstRange(of: " sha256:").map { String(line[..<$0.lowerBound]) } ?? line
    case "pin": return words.last(where: { $0.hasPrefix("request=") }).map { "pin \($0)" } ?? line
    default: return line
    }
  }
}

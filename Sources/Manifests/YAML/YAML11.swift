internal import Diagnostics

/// The words that YAML 1.1 takes for booleans.
enum YAML11 {
  static func isBooleanWord(_ word: String) -> Bool {
    switch word {
    case "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF": true
    default: false
    }
  }

  static func isTrue(_ word: String) -> Bool { word.lowercased() == "yes" || word.lowercased() == "on" }
}

extension YAMLBuilder {
  /// Notes texts that readers of YAML 1.1 (PyYAML and many more) take for something else.
  mutating func remarkYAML11(_ scalar: String, _ kind: Node.ScalarKind, _ range: Range<Int>) {
    let count = scalar.utf8.count
    guard count <= 12, let first = scalar.utf8.first else { return }
    let reading: String
    if kind == .int, first == UInt8(ascii: "0"), count > 1, scalar.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }) {
      reading = "the octal number \(Int(scalar, radix: 8) ?? 0); here it is \(Int(scalar) ?? 0)"
    } else if kind == .string, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first), let sixties = sexagesimal(scalar) {
      reading = "the number \(sixties); here it is text"
    } else if kind == .string, count <= 3, YAML11.isBooleanWord(scalar) {
      reading = YAML11.isTrue(scalar) ? "true; here it is text" : "false; here it is text"
    } else {
      return
    }
    diagnostics.append(
      Diagnostic(
        .note, id: "yaml-1.1", "other YAML readers take `\(scalar)` for \(reading)", at: text.range(range), help: "quote it: \"\(scalar)\""))
  }

  private func sexagesimal(_ text: String) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count > 1 else { return nil }
    var total = 0
    for (at, part) in parts.enumerated() {
      guard (1...2).contains(part.utf8.count) || at == 0, let value = Int(part), part.utf8.first != UInt8(ascii: "+"), at == 0 || value < 60 else {
        return nil
      }
      total = total * 60 + value
    }
    return total
  }
}

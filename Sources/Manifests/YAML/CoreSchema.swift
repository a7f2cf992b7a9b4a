/// YAML 1.2's core schema: what a plain scalar means. (Not YAML 1.1: `no` is a text, `010` is ten, `12:30` is a text.)
enum CoreSchema {
  static func kind(of text: UnsafeBufferPointer<UInt8>) -> Node.ScalarKind {
    guard let first = text.first else { return .null }
    switch first {
    case UInt8(ascii: "~"): return text.count == 1 ? .null : .string
    case UInt8(ascii: "n"), UInt8(ascii: "N"): return isWord(text, "null") ? .null : .string
    case UInt8(ascii: "t"), UInt8(ascii: "T"): return isWord(text, "true") ? .bool : .string
    case UInt8(ascii: "f"), UInt8(ascii: "F"): return isWord(text, "false") ? .bool : .string
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"): return numberKind(text)
    default: return .string
    }
  }

  static func kind(of text: String) -> Node.ScalarKind {
    var text = text
    return text.withUTF8 { kind(of: $0) }
  }

  /// The value of a scalar of kind `.bool`.
  static func bool(_ text: String) -> Bool { text.utf8.first == UInt8(ascii: "t") || text.utf8.first == UInt8(ascii: "T") }

  /// The value of a scalar of kind `.int`, or nil when it does not fit 64 bits.
  static func int(_ text: String) -> Int? {
    if text.hasPrefix("0x") { return Int(text.dropFirst(2), radix: 16) }
    if text.hasPrefix("0o") { return Int(text.dropFirst(2), radix: 8) }
    return Int(text)
  }

  /// The value of a scalar of kind `.float` or `.int`.
  static func double(_ text: String) -> Double? {
    if text.hasPrefix("0x") || text.hasPrefix("0o") { return int(text).map(Double.init) }
    let lowered = text.utf8.contains(UInt8(ascii: ".")) ? text.lowercased() : text
    switch lowered {
    case ".inf", "+.inf": return .infinity
    case "-.inf": return -.infinity
    case ".nan": return .nan
    default: break
    }
    // Swift's reader wants a digit on both sides of the point.
    var plain = lowered
    if plain.hasPrefix(".") { plain = "0" + plain }
    if plain.hasPrefix("-.") || plain.hasPrefix("+.") { plain.insert("0", at: plain.index(after: plain.startIndex)) }
    if let point = plain.firstIndex(of: ".") {
      let after = plain.index(after: point)
      if after == plain.endIndex || plain[after] == "e" || plain[after] == "E" { plain.insert("0", at: after) }
    }
    return Double(plain)
  }

  // `null`, `Null`, `NULL`, but not `nULL`.
  private static func isWord(_ text: UnsafeBufferPointer<UInt8>, _ word: StaticString) -> Bool {
    guard text.count == word.utf8CodeUnitCount else { return false }
    let word = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    let upper = text[1] < UInt8(ascii: "a")
    if upper, text[0] >= UInt8(ascii: "a") { return false }
    for at in 0..<text.count {
      if text[at] | 0x20 != word[at] { return false }
      if at > 0, (text[at] < UInt8(ascii: "a")) != upper { return false }
    }
    return true
  }

  private static func numberKind(_ text: UnsafeBufferPointer<UInt8>) -> Node.ScalarKind {
    func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
    var at = 0
    let count = text.count
    if count > 2, text[0] == UInt8(ascii: "0") {
      if text[1] == UInt8(ascii: "x") {
        return text[2...].allSatisfy { isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0 | 0x20) } ? .int : .string
      }
      if text[1] == UInt8(ascii: "o") {
        return text[2...].allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) } ? .int : .string
      }
    }
    let signed = text[0] == UInt8(ascii: "-") || text[0] == UInt8(ascii: "+")
    if signed { at = 1 }
    if at < count, text[at] == UInt8(ascii: ".") {
      let rest = String(decoding: text[(at + 1)...], as: UTF8.self)
      if rest == "inf" || rest == "Inf" || rest == "INF" { return .float }
      if !signed, rest == "nan" || rest == "NaN" || rest == "NAN" { return .float }
    }
    let digitsStart = at
    while at < count, isDigit(text[at]) { at += 1 }
    var digits = at - digitsStart
    if at == count { return digits > 0 ? .int : .string }
    if text[at] == UInt8(ascii: ".") {
      at += 1
      let fractionStart = at
      while at < count, isDigit(text[at]) { at += 1 }
      digits += at - fractionStart
    }
    guard digits > 0 else { return .string }
    if at < count, text[at] == UInt8(ascii: "e") || text[at] == UInt8(ascii: "E") {
      at += 1
      if at < count, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") { at += 1 }
      let exponentStart = at
      while at < count, isDigit(text[at]) { at += 1 }
      if at == exponentStart { return .string }
    }
    return at == count ? .float : .string
  }
}

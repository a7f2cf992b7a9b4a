/// Looks at the bytes around a YAML mistake. Only for messages: it guesses where YAML itself gave up.
struct Scan {
  let bytes: [UInt8]

  static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"),
      UInt8(ascii: "-"):
      true
    default: byte >= 0x80
    }
  }

  func string(_ range: Range<Int>) -> String { String(decoding: bytes[range.clamped(to: 0..<bytes.count)], as: UTF8.self) }

  /// Double quotes, or single quotes where the text has double ones.
  static func quote(_ text: String) -> String {
    if text.contains("\"") || text.contains("\\") {
      return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }
    return "\"" + text + "\""
  }

  // MARK: Lines

  func lineStart(_ offset: Int) -> Int {
    var at = min(offset, bytes.count)
    while at > 0, bytes[at - 1] != UInt8(ascii: "\n") { at -= 1 }
    return at
  }

  func lineEnd(_ offset: Int) -> Int {
    var at = min(offset, bytes.count)
    while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { at += 1 }
    if at > offset, bytes[at - 1] == UInt8(ascii: "\r") { at -= 1 }
    return at
  }

  func trimmedLineEnd(_ offset: Int) -> Int {
    var end = lineEnd(offset)
    while end > offset, bytes[end - 1] <= 0x20 { end -= 1 }
    return end
  }

  func lineContentStart(_ offset: Int) -> Int {
    var at = lineStart(offset)
    while at < bytes.count, bytes[at] == UInt8(ascii: " ") { at += 1 }
    return at
  }

  /// The end of the file without trailing blank lines.
  var contentEnd: Int {
    var end = bytes.count
    while end > 0, bytes[end - 1] <= 0x20 { end -= 1 }
    return end
  }

  /// Some offset on the nearest line above that is neither blank nor a comment.
  func previousContentLine(_ offset: Int) -> Int? {
    var start = lineStart(offset)
    while start > 0 {
      let above = start - 1
      start = lineStart(above)
      let content = lineContentStart(above)
      if content < above, bytes[content] != UInt8(ascii: "#"), bytes[content] != UInt8(ascii: "\r") { return content }
    }
    return nil
  }

  func lineText(_ offset: Int) -> Range<Int> { lineContentStart(offset)..<trimmedLineEnd(offset) }

  // MARK: Keys and values

  struct LineValue {
    var key: String?
    var keyColon: Int?
    var value: Range<Int>
  }

  /// What stands on a line after dashes and `key:`.
  func value(onLineOf offset: Int) -> LineValue {
    var at = lineContentStart(offset)
    let end = trimmedLineEnd(max(at, offset))
    while at + 1 < end, bytes[at] == UInt8(ascii: "-"), bytes[at + 1] == UInt8(ascii: " ") {
      at += 2
      while at < end, bytes[at] == UInt8(ascii: " ") { at += 1 }
    }
    var colon = at
    while colon < end, Scan.isWordByte(bytes[colon]) || bytes[colon] == UInt8(ascii: ".") { colon += 1 }
    if colon > at, colon < end, bytes[colon] == UInt8(ascii: ":"), colon + 1 == end || bytes[colon + 1] == UInt8(ascii: " ") {
      var value = colon + 1
      while value < end, bytes[value] == UInt8(ascii: " ") { value += 1 }
      return LineValue(key: string(at..<colon), keyColon: colon, value: value..<end)
    }
    return LineValue(key: nil, keyColon: nil, value: at..<max(at, end))
  }

  /// From `at` to the end of its line, or, inside brackets, to the end of the item.
  func restOfValue(from at: Int) -> Range<Int> {
    guard isFlowContext(at) else { return at..<max(at, trimmedLineEnd(at)) }
    var end = at
    let last = trimmedLineEnd(at)
    var depth = 0
    while end < last {
      switch bytes[end] {
      case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "("): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ")"):
        if depth == 0 { return trimmed(at..<end) }
        depth -= 1
      case UInt8(ascii: ",") where depth == 0: return trimmed(at..<end)
      default: break
      }
      end += 1
    }
    return at..<last
  }

  /// The item of a flow collection around an offset.
  func flowValue(around offset: Int) -> Range<Int> {
    var start = offset
    let first = lineContentStart(offset)
    while start > first {
      let byte = bytes[start - 1]
      if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") { break }
      if byte == UInt8(ascii: " "), start > first + 1, bytes[start - 2] == UInt8(ascii: ":"), start - 2 != offset { break }
      start -= 1
    }
    while start < offset, bytes[start] == UInt8(ascii: " ") { start += 1 }
    return restOfValue(from: start)
  }

  func trimmed(_ range: Range<Int>) -> Range<Int> {
    var end = range.upperBound
    while end > range.lowerBound, bytes[end - 1] <= 0x20 { end -= 1 }
    return range.lowerBound..<end
  }

  /// `key: ` as it stands before a value, for help texts; empty for list items.
  func keyPrefix(_ valueStart: Int) -> String {
    var at = valueStart
    let first = lineContentStart(valueStart)
    while at > first, bytes[at - 1] == UInt8(ascii: " ") { at -= 1 }
    guard at > first, bytes[at - 1] == UInt8(ascii: ":") else { return "" }
    let start = wordStart(at - 1)
    return start < at - 1 ? string(start..<at) + " " : ""
  }

  func wordStart(_ offset: Int) -> Int {
    var at = offset
    while at > 0, Scan.isWordByte(bytes[at - 1]) { at -= 1 }
    return at
  }

  /// The token at an offset, at least one byte of it.
  func token(at offset: Int) -> Range<Int> {
    var end = min(offset, bytes.count)
    while end < bytes.count, bytes[end] > 0x20, end - offset < 40 { end += 1 }
    while end < bytes.count, end > offset, bytes[end] & 0xC0 == 0x80 { end += 1 }
    return min(offset, bytes.count)..<max(end, min(offset + 1, bytes.count))
  }

  // MARK: Brackets

  /// Whether an offset stands inside brackets that were opened on its line.
  func isFlowContext(_ offset: Int) -> Bool { outermostOpening(before: offset) < offset }

  /// The outermost bracket of this line that is open at `offset`, else `offset`.
  func outermostOpening(before offset: Int) -> Int {
    var open: [Int] = []
    var at = value(onLineOf: offset).value.lowerBound
    guard at < offset, bytes[at] == UInt8(ascii: "{") || bytes[at] == UInt8(ascii: "[") else { return offset }
    var quote: UInt8?
    while at < offset {
      let byte = bytes[at]
      if let current = quote {
        if byte == current { quote = nil }
      } else {
        switch byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): quote = byte
        case UInt8(ascii: "{"), UInt8(ascii: "["): open.append(at)
        case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = open.popLast()
        default: break
        }
      }
      at += 1
    }
    return open.first ?? offset
  }

  /// From a bracket to its partner, over line ends, or nil.
  func closing(of open: Int) -> Range<Int>? {
    var depth = 0
    var at = open
    var quote: UInt8?
    while at < bytes.count {
      let byte = bytes[at]
      if let current = quote {
        if byte == current || byte == UInt8(ascii: "\n") { quote = nil }
      } else {
        switch byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): if at > 0, !Scan.isWordByte(bytes[at - 1]) { quote = byte }
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          depth -= 1
          if depth <= 0 { return open..<at + 1 }
        default: break
        }
      }
      at += 1
    }
    return nil
  }

  /// Where a value begins with `{{`, `{%` or `{#`.
  func templateBraces(from: Int, to: Int) -> Int? {
    var at = from
    while at < min(to, bytes.count - 1) {
      if bytes[at] == UInt8(ascii: "{"), [UInt8(ascii: "{"), UInt8(ascii: "%"), UInt8(ascii: "#")].contains(bytes[at + 1]),
        at == 0 || [UInt8(ascii: " "), UInt8(ascii: "["), UInt8(ascii: ","), UInt8(ascii: "\n")].contains(bytes[at - 1])
      {
        return at
      }
      at += 1
    }
    return nil
  }

  /// The plain texts with `${` inside, whole, of a flow collection.
  func unquotedExpressions(in range: Range<Int>) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var at = range.lowerBound
    var quote: UInt8?
    while at < range.upperBound {
      let byte = bytes[at]
      if let current = quote {
        if byte == current { quote = nil }
      } else if (byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"")) && (at == 0 || !Scan.isWordByte(bytes[at - 1])) {
        quote = byte
      } else if byte == UInt8(ascii: "$"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "{"), let close = closing(of: at + 1) {
        var start = at
        while start > range.lowerBound,
          ![UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: " "), UInt8(ascii: "\n")].contains(bytes[start - 1])
        {
          start -= 1
        }
        var end = close.upperBound
        while end < bytes.count,
          ![UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: "\n"), UInt8(ascii: " ")].contains(bytes[end])
        {
          if bytes[end] == UInt8(ascii: "$"), end + 1 < bytes.count, bytes[end + 1] == UInt8(ascii: "{"), let more = closing(of: end + 1) {
            end = more.upperBound
          } else {
            end += 1
          }
        }
        found.append(start..<end)
        at = end
        continue
      }
      at += 1
    }
    return found
  }

  /// A line with quotes around some of its parts.
  func quotingExpressions(_ line: Range<Int>, _ parts: [Range<Int>]) -> String {
    var out = ""
    var at = line.lowerBound
    for part in parts where part.lowerBound >= at && part.upperBound <= line.upperBound {
      out += string(at..<part.lowerBound) + Scan.quote(string(part))
      at = part.upperBound
    }
    return out + string(at..<line.upperBound)
  }
}

extension String {
  func trimmingBlanks() -> String {
    var view = self[...]
    while let first = view.first, first == " " || first == "\t" || first == "\n" || first == "\r" { view.removeFirst() }
    while let last = view.last, last == " " || last == "\t" || last == "\n" || last == "\r" { view.removeLast() }
    return String(view)
  }
}

internal import Rows

/// Turns a value into another type, or says why that cannot be. Null stays null.
enum ColumnCast: String, Sendable {
  case string, int, float, bool, json, date

  /// Appends the cast value to `out`; false when the value has no such form, and then nothing is appended.
  func append(_ value: UnsafeRawBufferPointer, to out: inout [UInt8]) -> Bool {
    let first = value[0]
    if first == UInt8(ascii: "n") {
      out.append(contentsOf: value)
      return true
    }
    let isString = first == UInt8(ascii: "\"")
    switch self {
    case .string:
      if isString { out.append(contentsOf: value) } else { JSONText.append(value, to: &out) }
      return true
    case .json:
      guard isString else {
        out.append(contentsOf: value)
        return true
      }
      let text = JSONText.decoded(value)
      return text.withUnsafeBytes { text in (try? JSONValidator.appendValue(text, to: &out)) != nil }
    case .int, .float, .bool, .date:
      if isString {
        let text = JSONText.decoded(value)
        return text.withUnsafeBytes { appendScalar($0, isText: true, to: &out) }
      }
      return appendScalar(value, isText: false, to: &out)
    }
  }

  private func appendScalar(_ text: UnsafeRawBufferPointer, isText: Bool, to out: inout [UInt8]) -> Bool {
    switch self {
    case .int: return Self.appendInt(text, to: &out)
    case .float: return Self.appendFloat(text, to: &out)
    case .bool: return Self.appendBool(text, to: &out)
    default:
      guard isText, CalendarText.isDate(text) else { return false }
      JSONText.append(text, to: &out)
      return true
    }
  }

  // MARK: Numbers

  /// A whole number of any length: `007` and `+7` are 7, the digits stay as they are otherwise.
  private static func appendInt(_ text: UnsafeRawBufferPointer, to out: inout [UInt8]) -> Bool {
    var at = 0
    let isNegative = text.first == UInt8(ascii: "-")
    if isNegative || text.first == UInt8(ascii: "+") { at = 1 }
    guard at < text.count, text[at...].allSatisfy({ $0 &- 0x30 < 10 }) else { return false }
    while at + 1 < text.count, text[at] == UInt8(ascii: "0") { at += 1 }
    // JSON's -0 is a float in most languages.
    if isNegative, !(at + 1 == text.count && text[at] == UInt8(ascii: "0")) { out.append(UInt8(ascii: "-")) }
    out.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[at...]))
    return true
  }

  /// A decimal number: what is a JSON number already stays as it is written; `+1.5`, `.5`, `5.` and `007.5` become one.
  private static func appendFloat(_ text: UnsafeRawBufferPointer, to out: inout [UInt8]) -> Bool {
    var at = 0
    let end = text.count
    func digits() -> Range<Int> {
      let start = at
      while at < end, text[at] &- 0x30 < 10 { at += 1 }
      return start..<at
    }
    let mark = out.count
    if at < end, text[at] == UInt8(ascii: "-") { out.append(UInt8(ascii: "-")) }
    if at < end, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") { at += 1 }
    var whole = digits()
    let hasWhole = !whole.isEmpty
    while whole.count > 1, text[whole.lowerBound] == UInt8(ascii: "0") { whole = (whole.lowerBound + 1)..<whole.upperBound }
    if hasWhole { out.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[whole])) } else { out.append(UInt8(ascii: "0")) }
    var hasFraction = false
    if at < end, text[at] == UInt8(ascii: ".") {
      at += 1
      let fraction = digits()
      hasFraction = !fraction.isEmpty
      if hasFraction {
        out.append(UInt8(ascii: "."))
        out.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[fraction]))
      }
    }
    var isValid = hasWhole || hasFraction
    if isValid, at < end, text[at] | 0x20 == UInt8(ascii: "e") {
      let start = at
      at += 1
      if at < end, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") { at += 1 }
      isValid = !digits().isEmpty
      out.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[start..<at]))
    }
    if isValid, at == end, Double(String(decoding: out[mark...], as: UTF8.self))?.isFinite == true { return true }
    out.removeSubrange(mark...)
    return false
  }

  private static let truths = ["true", "yes", "1"].map { Array($0.utf8) }
  private static let falsehoods = ["false", "no", "0"].map { Array($0.utf8) }

  private static func appendBool(_ text: UnsafeRawBufferPointer, to out: inout [UInt8]) -> Bool {
    guard text.count <= 5 else { return false }
    let lower = text.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    if truths.contains(lower) {
      out += "true".utf8
    } else if falsehoods.contains(lower) {
      out += "false".utf8
    } else {
      return false
    }
    return true
  }

  /// What a value of this type looks like, for messages.
  var expectation: String {
    switch self {
    case .string: "a text"
    case .int: "an int (`42`)"
    case .float: "a float (`1.5`)"
    case .bool: "a bool (true, false, yes, no, 1 or 0)"
    case .json: "JSON"
    case .date: "a date (`2026-01-31` or `2026-01-31T12:00:00Z`)"
    }
  }
}

/// Dates as RFC 3339 and ISO 8601 write them.
enum CalendarText {
  /// Whether a text is `YYYY-MM-DD`, or that with `T` (or a space) and a time with or without its offset; the day has to exist.
  static func isDate(_ text: UnsafeRawBufferPointer) -> Bool {
    func number(_ start: Int, _ count: Int) -> Int? {
      guard start + count <= text.count else { return nil }
      var value = 0
      for at in start..<(start + count) {
        guard text[at] &- 0x30 < 10 else { return nil }
        value = value * 10 + Int(text[at] - 0x30)
      }
      return value
    }
    func sign(_ at: Int, _ wanted: String) -> Bool { at < text.count && wanted.utf8.contains(text[at]) }
    guard let year = number(0, 4), sign(4, "-"), let month = number(5, 2), sign(7, "-"), let day = number(8, 2), 1...12 ~= month,
      day >= 1, day <= days(year, month)
    else { return false }
    if text.count == 10 { return true }
    guard sign(10, "Tt "), let hour = number(11, 2), sign(13, ":"), let minute = number(14, 2), hour < 24, minute < 60 else { return false }
    var at = 16
    if sign(at, ":") {
      guard let second = number(at + 1, 2), second <= 60 else { return false }
      at += 3
      if sign(at, ".") {
        let start = at + 1
        at = start
        while at < text.count, text[at] &- 0x30 < 10 { at += 1 }
        guard at > start else { return false }
      }
    }
    if at == text.count { return true }
    if sign(at, "Zz") { return at + 1 == text.count }
    guard sign(at, "+-"), let hours = number(at + 1, 2), sign(at + 3, ":"), let minutes = number(at + 4, 2) else { return false }
    return hours < 24 && minutes < 60 && at + 6 == text.count
  }

  private static func days(_ year: Int, _ month: Int) -> Int {
    switch month {
    case 4, 6, 9, 11: 30
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    default: 31
    }
  }
}

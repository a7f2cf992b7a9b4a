/// A moment as RFC 3339 writes it.
enum LogTime {
  /// Whole seconds since 1970-01-01T00:00:00Z, fractions rounded down; nil when the text is no RFC 3339 time with an offset.
  static func seconds(_ text: some Collection<UInt8>) -> Int? {
    let bytes = Array(text)
    guard bytes.count >= 20, let year = number(bytes, 0, 4), bytes[4] == UInt8(ascii: "-"), let month = number(bytes, 5, 2), bytes[7] == UInt8(ascii: "-"),
      let day = number(bytes, 8, 2), [UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: " ")].contains(bytes[10]), let hour = number(bytes, 11, 2),
      bytes[13] == UInt8(ascii: ":"), let minute = number(bytes, 14, 2), bytes[16] == UInt8(ascii: ":"), let second = number(bytes, 17, 2)
    else { return nil }
    guard (1...12).contains(month), day >= 1, day <= days(inMonth: month, year), hour < 24, minute < 60, second <= 60 else { return nil }
    var at = 19
    if bytes[at] == UInt8(ascii: ".") {
      at += 1
      let start = at
      while at < bytes.count, (48...57).contains(bytes[at]) { at += 1 }
      guard at > start else { return nil }
    }
    guard at < bytes.count, let offset = offset(bytes, at) else { return nil }
    // A leap second has no number of its own: it is the first of the next minute.
    return days(from: year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset
  }

  private static func offset(_ bytes: [UInt8], _ at: Int) -> Int? {
    if bytes.count == at + 1, bytes[at] == UInt8(ascii: "Z") || bytes[at] == UInt8(ascii: "z") { return 0 }
    guard bytes.count == at + 6, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-"), let hours = number(bytes, at + 1, 2),
      bytes[at + 3] == UInt8(ascii: ":"), let minutes = number(bytes, at + 4, 2), hours < 24, minutes < 60
    else { return nil }
    return (hours * 3600 + minutes * 60) * (bytes[at] == UInt8(ascii: "-") ? -1 : 1)
  }

  private static func number(_ bytes: [UInt8], _ at: Int, _ count: Int) -> Int? {
    var value = 0
    for byte in bytes[at..<(at + count)] {
      guard (48...57).contains(byte) else { return nil }
      value = value * 10 + Int(byte - 48)
    }
    return value
  }

  // MARK: The calendar

  private static func days(inMonth month: Int, _ year: Int) -> Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
  }

  /// Days since 1970-01-01, Gregorian. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
  static func days(from year: Int, _ month: Int, _ day: Int) -> Int {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  static func civil(day: Int) -> (year: Int, month: Int, day: Int) {
    let z = day + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }

  /// `2026-10-31`
  static func date(day: Int) -> String {
    let (year, month, day) = civil(day: day)
    return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
  }

  /// `2026-10-31T05:00:00Z`
  static func text(seconds: Int) -> String {
    let day = floorDivide(seconds, 86400)
    let rest = seconds - day * 86400
    return "\(date(day: day))T\(padded(rest / 3600, 2)):\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2))Z"
  }

  static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }

  static func floorDivide(_ a: Int, _ b: Int) -> Int { a >= 0 ? a / b : -((-a + b - 1) / b) }
}

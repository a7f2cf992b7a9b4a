/// How numbers are written for people.
public enum Figures {
  /// `1,204`
  public static func count(_ number: Int) -> String {
    var out: [Character] = []
    for (place, digit) in String(number.magnitude).reversed().enumerated() {
      if place > 0, place % 3 == 0 { out.append(",") }
      out.append(digit)
    }
    return (number < 0 ? "-" : "") + String(out.reversed())
  }

  /// `1 row`, `2 rows`.
  public static func count(_ number: Int, _ singular: String, _ plural: String? = nil) -> String {
    count(number) + " " + (number == 1 ? singular : plural ?? singular + "s")
  }

  /// `0.02 s`, `12.4 s`, `3 min 05 s`, `2 h 07 min`.
  public static func seconds(_ seconds: Double) -> String {
    let seconds = max(0, seconds)
    if seconds < 9.995 { return decimal(seconds, digits: 2) + " s" }
    if seconds < 59.95 { return decimal(seconds, digits: 1) + " s" }
    let whole = Int(seconds.rounded())
    if whole < 3600 { return "\(whole / 60) min \(twoDigits(whole % 60)) s" }
    let minutes = (whole + 30) / 60
    return "\(minutes / 60) h \(twoDigits(minutes % 60)) min"
  }

  /// `17 B`, `1.4 KiB`, `203 MiB`.
  public static func bytes(_ bytes: Int) -> String {
    if bytes < 1024 { return "\(bytes) B" }
    var value = Double(bytes) / 1024
    for unit in ["KiB", "MiB", "GiB"] {
      if value < 1023.5 { return decimal(value, digits: value < 9.95 ? 1 : 0) + " " + unit }
      value /= 1024
    }
    return decimal(value, digits: value < 9.95 ? 1 : 0) + " TiB"
  }

  /// The first twelve digits of a digest, as people compare them.
  public static func short(_ hex: String) -> String { String(hex.prefix(12)) }

  /// `2026-11-21 02:14:07` in UTC, of milliseconds since 1970.
  public static func time(milliseconds: Int) -> String {
    let seconds = milliseconds / 1000
    let days = seconds / 86_400
    // Civil from days: http://howardhinnant.github.io/date_algorithms.html
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * month + 2) / 5 + 1
    let civilMonth = month < 10 ? month + 3 : month - 9
    let year = yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0)
    let ofDay = seconds % 86_400
    return "\(year)-\(twoDigits(civilMonth))-\(twoDigits(day)) \(twoDigits(ofDay / 3600)):\(twoDigits(ofDay / 60 % 60)):\(twoDigits(ofDay % 60))"
  }

  private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

  /// A number with a fixed count of digits after the point.
  public static func decimal(_ value: Double, digits: Int) -> String {
    var scale = 1
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int((value * Double(scale)).rounded())
    if digits == 0 { return "\(scaled)" }
    let fraction = String(scaled % scale)
    return "\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }
}

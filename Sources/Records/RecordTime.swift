/// Times as records of others want them.
enum RecordTime {
  /// RFC 3339 in UTC with milliseconds, of milliseconds since 1970.
  static func text(_ milliseconds: Int64) -> String {
    let seconds = milliseconds / 1000
    let (year, month, day) = civil(Int(seconds / 86_400))
    let ofDay = Int(seconds % 86_400)
    return "\(year)-\(two(month))-\(two(day))T\(two(ofDay / 3600)):\(two(ofDay / 60 % 60)):\(two(ofDay % 60)).\(three(Int(milliseconds % 1000)))Z"
  }

  /// The date alone.
  static func day(_ milliseconds: Int64) -> String { String(text(milliseconds).prefix(10)) }

  /// Civil from days since 1970: http://howardhinnant.github.io/date_algorithms.html
  private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let civilMonth = month < 10 ? month + 3 : month - 9
    return (yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0), civilMonth, dayOfYear - (153 * month + 2) / 5 + 1)
  }

  private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
  private static func three(_ number: Int) -> String { number < 10 ? "00\(number)" : number < 100 ? "0\(number)" : "\(number)" }
}

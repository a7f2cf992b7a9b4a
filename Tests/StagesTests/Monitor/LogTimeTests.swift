import Testing

@testable import Stages

@Suite struct LogTimeTests {
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0), ("2026-10-31T05:00:00Z", 1_793_422_800), ("2026-10-31T06:00:00.999+01:00", 1_793_422_800),
    ("2026-10-30t23:30:00-05:30", 1_793_422_800), ("2026-10-31 05:00:00z", 1_793_422_800), ("2024-02-29T12:34:56Z", 1_709_210_096),
    ("2016-12-31T23:59:60Z", 1_483_228_800), ("1969-12-31T23:59:59Z", -1), ("0001-01-01T00:00:00Z", -62_135_596_800),
    ("9999-12-31T23:59:59Z", 253_402_300_799),
  ])
  func times(text: String, expected: Int) {
    #expect(LogTime.seconds(text.utf8) == expected)
  }

  @Test(arguments: [
    "", "2026-10-31", "2026-10-31T05:00:00", "2026-10-31T05:00Z", "2026-02-29T05:00:00Z", "2100-02-29T05:00:00Z", "2026-13-01T05:00:00Z",
    "2026-10-31T24:00:00Z", "2026-10-31T05:60:00Z", "2026-10-31T05:00:61Z", "2026-10-31T05:00:00.Z", "2026-10-31T05:00:00+1:00", "2026-10-31T05:00:00+24:00",
    "2026-10-31T05:00:00ZZ", "2026/10/31T05:00:00Z", "2026-10-31_05:00:00Z", "20261031T050000Z",
  ])
  func noTimes(text: String) {
    #expect(LogTime.seconds(text.utf8) == nil)
  }

  /// Every day of four centuries there and back.
  @Test func theCalendarIsItsOwnInverse() {
    var day = LogTime.days(from: 1890, 1, 1)
    let last = LogTime.days(from: 2290, 1, 1)
    #expect(last - day == 146_097)
    while day < last {
      let date = LogTime.civil(day: day)
      if LogTime.days(from: date.year, date.month, date.day) != day { Issue.record("\(date)") }
      day += 1
    }
  }

  @Test(arguments: [
    ("2026-10-31T05:59:59Z", LogWindow.hour, "2026-10-31T05:00Z"), ("2026-10-31T05:59:59Z", .day, "2026-10-31"), ("2026-10-31T05:59:59Z", .week, "2026-W44"),
    ("2026-10-31T05:59:59Z", .all, "all"), ("2025-12-29T00:00:00Z", .week, "2026-W01"), ("2027-01-03T23:59:59Z", .week, "2026-W53"),
    ("2021-01-03T12:00:00Z", .week, "2020-W53"), ("2018-12-31T00:00:00Z", .week, "2019-W01"), ("1965-03-04T23:00:00Z", .day, "1965-03-04"),
    ("1965-03-04T23:00:00Z", .hour, "1965-03-04T23:00Z"),
  ])
  func windows(text: String, window: LogWindow, label: String) throws {
    let seconds = try #require(LogTime.seconds(text.utf8))
    let index = window.index(seconds: seconds)
    #expect(window.label(index) == label)
    if let range = window.range(index) { #expect(range.start <= seconds && seconds < range.end) }
  }

  /// What the short way reads must be what the C library reads.
  @Test(arguments: [
    "0", "-0", "1", "-17", "47.5", "0.1", "123456789.012345", "999999999999999", "0.000000000000001", "1e5", "-2.5E-3", "12345678901234567890", "0.30000000000000004",
    "1.7976931348623157e308",
  ])
  func numbers(text: String) {
    #expect(Array(text.utf8).withUnsafeBytes { JSONNumber.double($0) } == Double(text))
  }
}

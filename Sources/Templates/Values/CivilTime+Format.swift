extension CivilTime {
  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
  ]
  private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

  /// Days since 0000-03-01 in the proleptic Gregorian calendar.
  private func dayNumber(_ y: Int, _ m: Int, _ d: Int) -> Int {
    let yy = m <= 2 ? y - 1 : y
    let mm = m <= 2 ? m + 9 : m - 3
    return 365 * yy + yy / 4 - yy / 100 + yy / 400 + (153 * mm + 2) / 5 + d - 1
  }

  /// 0 is Sunday.
  var weekday: Int { (dayNumber(year, month, day) + 3) % 7 }
  var dayOfYear: Int { dayNumber(year, month, day) - dayNumber(year, 1, 1) + 1 }

  private var isoWeek: (year: Int, week: Int) {
    let w = (weekday + 6) % 7
    let n = (dayOfYear - 1 - w + 10) / 7
    func weeks(_ y: Int) -> Int {
      let p = (y + y / 4 - y / 100 + y / 400) % 7
      let q = (y - 1 + (y - 1) / 4 - (y - 1) / 100 + (y - 1) / 400) % 7
      return p == 4 || q == 3 ? 53 : 52
    }
    if n < 1 { return (year - 1, weeks(year - 1)) }
    if n > weeks(year) { return (year + 1, 1) }
    return (year, n)
  }

  /// C's `strftime` in the C locale, as Python calls it for a time without zone.
  func format(_ f: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    func put(_ n: Int, _ width: Int, _ pad: Character = "0") {
      let s = String(n)
      out += String(repeating: pad, count: max(0, width - s.utf8.count)).utf8
      out += s.utf8
    }
    let h12 = hour % 12 == 0 ? 12 : hour % 12
    var i = 0
    while i < f.count {
      guard f[i] == UInt8(ascii: "%"), i + 1 < f.count else {
        out.append(f[i])
        i += 1
        continue
      }
      i += 1
      // glibc's flags: no padding, spaces, zeros, upper case.
      var flag: UInt8 = 0
      if i + 1 < f.count, "-_0^".utf8.contains(f[i]) {
        flag = f[i]
        i += 1
      }
      func number(_ n: Int, _ width: Int, _ pad: Character = "0") {
        switch flag {
        case UInt8(ascii: "-"): put(n, 0)
        case UInt8(ascii: "_"): put(n, width, " ")
        case UInt8(ascii: "0"): put(n, width)
        default: put(n, width, pad)
        }
      }
      func word(_ s: String) { out += (flag == UInt8(ascii: "^") ? s.uppercased() : s).utf8 }
      let c = f[i]
      i += 1
      switch c {
      case UInt8(ascii: "Y"): put(year, 0)
      case UInt8(ascii: "C"): number(year / 100, 2)
      case UInt8(ascii: "y"): number(year % 100, 2)
      case UInt8(ascii: "m"): number(month, 2)
      case UInt8(ascii: "d"): number(day, 2)
      case UInt8(ascii: "e"): number(day, 2, " ")
      case UInt8(ascii: "H"): number(hour, 2)
      case UInt8(ascii: "k"): number(hour, 2, " ")
      case UInt8(ascii: "I"): number(h12, 2)
      case UInt8(ascii: "l"): number(h12, 2, " ")
      case UInt8(ascii: "M"): number(minute, 2)
      case UInt8(ascii: "S"): number(second, 2)
      case UInt8(ascii: "f"): put(microsecond, 6)
      case UInt8(ascii: "j"): number(dayOfYear, 3)
      case UInt8(ascii: "p"): word(hour < 12 ? "AM" : "PM")
      case UInt8(ascii: "P"): out += (hour < 12 ? "am" : "pm").utf8
      case UInt8(ascii: "a"): word(String(CivilTime.days[weekday].prefix(3)))
      case UInt8(ascii: "A"): word(CivilTime.days[weekday])
      case UInt8(ascii: "b"), UInt8(ascii: "h"): word(String(CivilTime.months[month - 1].prefix(3)))
      case UInt8(ascii: "B"): word(CivilTime.months[month - 1])
      case UInt8(ascii: "w"): put(weekday, 0)
      case UInt8(ascii: "u"): put(weekday == 0 ? 7 : weekday, 0)
      case UInt8(ascii: "U"): number((dayOfYear + 6 - weekday) / 7, 2)
      case UInt8(ascii: "W"): number((dayOfYear + 6 - (weekday + 6) % 7) / 7, 2)
      case UInt8(ascii: "V"): number(isoWeek.week, 2)
      case UInt8(ascii: "G"): put(isoWeek.year, 0)
      case UInt8(ascii: "g"): number(isoWeek.year % 100, 2)
      case UInt8(ascii: "F"): out += format(Array("%Y-%m-%d".utf8))
      case UInt8(ascii: "D"), UInt8(ascii: "x"): out += format(Array("%m/%d/%y".utf8))
      case UInt8(ascii: "T"), UInt8(ascii: "X"): out += format(Array("%H:%M:%S".utf8))
      case UInt8(ascii: "R"): out += format(Array("%H:%M".utf8))
      case UInt8(ascii: "r"): out += format(Array("%I:%M:%S %p".utf8))
      case UInt8(ascii: "c"): out += format(Array("%a %b %e %H:%M:%S %Y".utf8))
      case UInt8(ascii: "n"): out.append(10)
      case UInt8(ascii: "t"): out.append(9)
      case UInt8(ascii: "z"), UInt8(ascii: "Z"): break
      case UInt8(ascii: "%"): out.append(c)
      default: out += [UInt8(ascii: "%"), c]
      }
    }
    return out
  }
}

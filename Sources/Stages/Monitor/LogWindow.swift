/// How long a snapshot of the log lasts.
enum LogWindow: String, Sendable {
  case hour, day, week, all

  /// The window that a moment falls into, numbered from 1970; UTC. Weeks begin on Monday.
  func index(seconds: Int) -> Int {
    switch self {
    case .hour: LogTime.floorDivide(seconds, 3600)
    case .day: LogTime.floorDivide(seconds, 86400)
    // 1970-01-01 was a Thursday.
    case .week: LogTime.floorDivide(LogTime.floorDivide(seconds, 86400) + 3, 7)
    case .all: 0
    }
  }

  /// Its first second and the first one after it; nil for all.
  func range(_ index: Int) -> (start: Int, end: Int)? {
    switch self {
    case .hour: (index * 3600, (index + 1) * 3600)
    case .day: (index * 86400, (index + 1) * 86400)
    case .week: ((index * 7 - 3) * 86400, (index * 7 + 4) * 86400)
    case .all: nil
    }
  }

  /// `2026-10-31T05:00Z`, `2026-10-31`, `2026-W44`, `all`
  func label(_ index: Int) -> String {
    switch self {
    case .hour: String(LogTime.text(seconds: index * 3600).prefix(16)) + "Z"
    case .day: LogTime.date(day: index)
    case .week: week(index)
    case .all: "all"
    }
  }

  /// `2026-W44`; by ISO 8601 a week belongs to the year of its Thursday.
  private func week(_ index: Int) -> String {
    let thursday = index * 7
    let year = LogTime.civil(day: thursday).year
    return "\(LogTime.padded(year, 4))-W\(LogTime.padded((thursday - LogTime.days(from: year, 1, 1)) / 7 + 1, 2))"
  }
}

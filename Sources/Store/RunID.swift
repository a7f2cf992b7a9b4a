/// A run's name: a ULID (https://github.com/ulid/spec) in lower case, so that names sort by time and never meet.
public struct RunID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// 26 characters of Crockford's base 32.
  public let text: String

  private static let digits = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

  /// The name of a run that began at a time (milliseconds since 1970) and drew these random bits, of which 80 count.
  public init(milliseconds: UInt64, random: (UInt64, UInt64)) {
    let value = UInt128(milliseconds & 0xFFFF_FFFF_FFFF) << 80 | UInt128(random.0 & 0xFFFF) << 64 | UInt128(random.1)
    text = String(unsafeUninitializedCapacity: 26) { out in
      for place in 0..<26 { out[place] = RunID.digits[Int(truncatingIfNeeded: value >> UInt128(5 * (25 - place))) & 31] }
      return 26
    }
  }

  /// A fresh name, from the machine's clock and random numbers.
  public static func now(_ clock: Store.Clock = Store.systemClock) -> RunID {
    RunID(milliseconds: clock() / 1_000_000, random: (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max)))
  }

  /// The name written in a text of any case, or nil when it is none.
  public init?(_ text: some StringProtocol) {
    let lower = text.lowercased()
    guard lower.utf8.count == 26, let first = lower.utf8.first, first <= UInt8(ascii: "7"), lower.utf8.allSatisfy(RunID.digits.contains)
    else { return nil }
    self.text = lower
  }

  /// When the run began, in milliseconds since 1970.
  public var milliseconds: UInt64 {
    text.utf8.prefix(10).reduce(0) { $0 << 5 | UInt64(RunID.digits.firstIndex(of: $1)!) }
  }

  public var description: String { text }

  public static func < (a: RunID, b: RunID) -> Bool { a.text < b.text }
}

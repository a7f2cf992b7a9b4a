/// Numbers with a unit.
enum Quantity {
  /// `1.5h` in milliseconds; nil when `text` is not a duration.
  static func milliseconds(_ text: String) -> Int? {
    split(text).flatMap { number, unit in
      switch unit {
      case "ms": scaled(number, 1)
      case "s": scaled(number, 1000)
      case "m": scaled(number, 60_000)
      case "h": scaled(number, 3_600_000)
      case "d": scaled(number, 86_400_000)
      default: nil
      }
    }
  }

  /// `8G` in bytes, with units of 1024 as Slurm has them; nil when `text` is not a size.
  static func byteCount(_ text: String) -> Int? {
    split(text).flatMap { number, unit in
      switch unit {
      case "K", "KiB": scaled(number, 1 << 10)
      case "M", "MiB": scaled(number, 1 << 20)
      case "G", "GiB": scaled(number, 1 << 30)
      case "T", "TiB": scaled(number, 1 << 40)
      default: nil
      }
    }
  }

  private static func split(_ text: String) -> (Double, Substring)? {
    let digits = text.prefix { ($0.isASCII && $0.isNumber) || $0 == "." }
    guard let first = digits.first, first != ".", digits.last != ".", let number = Double(digits) else { return nil }
    return (number, text.dropFirst(digits.count))
  }

  // A year of milliseconds and a few petabytes fit; more is a slip of the finger.
  private static func scaled(_ number: Double, _ unit: Int) -> Int? {
    let value = (number * Double(unit)).rounded()
    return value <= 9e15 ? Int(value) : nil
  }
}

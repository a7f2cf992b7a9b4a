/// Numbers in a summary.
enum MergeNote {
  /// `2,041 votes`
  static func count(_ number: Int, _ what: String) -> String {
    var digits = Array(String(number))
    var at = digits.count - 3
    while at > 0 {
      digits.insert(",", at: at)
      at -= 3
    }
    return String(digits) + " " + what + (number == 1 ? "" : "s")
  }

  /// Two decimals.
  static func hundredths(_ value: Double) -> String {
    let number = Int((value * 100).rounded())
    let text = String(number.magnitude)
    let padded = String(repeating: "0", count: max(0, 3 - text.count)) + text
    return (number < 0 ? "-" : "") + padded.dropLast(2) + "." + padded.suffix(2)
  }
}

/// Numbers of JSON as doubles.
enum JSONNumber {
  private static let powers: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
  ]

  /// The nearest double of a number's text. Short ones, which are nearly all, without the C library: a whole number below 2⁵³ over a
  /// power of ten up to 10¹⁵ is exact on both sides, so one division rounds right (Clinger, 1990).
  static func double(_ text: UnsafeRawBufferPointer) -> Double {
    var at = 0
    let isNegative = text.count > 0 && text[0] == UInt8(ascii: "-")
    if isNegative { at = 1 }
    var digits: UInt64 = 0
    var count = 0
    var decimals = 0
    var isFraction = false
    while at < text.count {
      let byte = text[at]
      if (48...57).contains(byte) {
        digits = digits * 10 + UInt64(byte - 48)
        count += 1
        if isFraction { decimals += 1 }
        if count > 15 { break }
      } else if byte == UInt8(ascii: "."), !isFraction {
        isFraction = true
      } else {
        break
      }
      at += 1
    }
    guard at == text.count, count <= 15 else { return Double(String(decoding: text, as: UTF8.self)) ?? .nan }
    let value = Double(digits) / powers[decimals]
    return isNegative ? -value : value
  }
}

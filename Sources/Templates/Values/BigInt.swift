/// An integer of any size: sign and magnitude, for the rare values beyond 64 bits.
struct BigInt: Hashable, Comparable, Sendable, CustomStringConvertible {
  private(set) var isNegative: Bool
  /// Least significant first, no leading zeros; empty is zero.
  private(set) var magnitude: [UInt32]

  init(_ i: Int) {
    isNegative = i < 0
    let m = i.magnitude
    magnitude = m == 0 ? [] : m >> 32 == 0 ? [UInt32(m)] : [UInt32(truncatingIfNeeded: m), UInt32(m >> 32)]
  }

  private init(_ negative: Bool, _ m: [UInt32]) {
    var m = m
    while m.last == 0 { m.removeLast() }
    magnitude = m
    isNegative = negative && !m.isEmpty
  }

  /// The integer a whole double is.
  init(exactly d: Double) {
    guard d != 0 else {
      self.init(0)
      return
    }
    let e = Int(d.exponent) - 52
    let significand = d.significandBitPattern | (1 << 52)
    if e <= 0 {
      self.init(Int(d))
      return
    }
    var m = [UInt32](repeating: 0, count: e / 32)
    let shift = UInt64(e % 32)
    let low = significand << shift
    let high = shift == 0 ? 0 : significand >> (64 - shift)
    m += [UInt32(truncatingIfNeeded: low), UInt32(low >> 32), UInt32(truncatingIfNeeded: high)]
    self.init(d < 0, m)
  }

  /// Digits without sign.
  init?(digits: [UInt8], radix: Int) {
    var m: [UInt32] = []
    guard !digits.isEmpty else { return nil }
    for c in digits {
      guard let h = bigDigit(c), Int(h) < radix else { return nil }
      var carry = UInt64(h)
      for i in m.indices {
        carry += UInt64(m[i]) * UInt64(radix)
        m[i] = UInt32(truncatingIfNeeded: carry)
        carry >>= 32
      }
      if carry > 0 { m.append(UInt32(carry)) }
    }
    self.init(false, m)
  }

  var isZero: Bool { magnitude.isEmpty }
  var isOdd: Bool { (magnitude.first ?? 0) & 1 == 1 }
  var words: Int { magnitude.count }
  var bitWidth: Int { magnitude.isEmpty ? 0 : magnitude.count * 32 - magnitude.last!.leadingZeroBitCount }

  var asInt: Int? {
    if magnitude.count > 2 { return nil }
    var m: UInt = 0
    for (i, w) in magnitude.enumerated() { m |= UInt(w) << (32 * UInt(i)) }
    if isNegative { return m <= UInt(Int.max) + 1 ? Int(truncatingIfNeeded: 0 &- m) : nil }
    return m <= UInt(Int.max) ? Int(m) : nil
  }

  var negated: BigInt { BigInt(!isNegative, magnitude) }

  private static func compare(_ a: [UInt32], _ b: [UInt32]) -> Int {
    if a.count != b.count { return a.count < b.count ? -1 : 1 }
    var i = a.count
    while i > 0 {
      i -= 1
      if a[i] != b[i] { return a[i] < b[i] ? -1 : 1 }
    }
    return 0
  }

  static func < (a: BigInt, b: BigInt) -> Bool {
    if a.isNegative != b.isNegative { return a.isNegative }
    let c = compare(a.magnitude, b.magnitude)
    return a.isNegative ? c > 0 : c < 0
  }

  private static func add(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
    var out: [UInt32] = []
    var carry: UInt64 = 0
    for i in 0..<max(a.count, b.count) {
      carry += (i < a.count ? UInt64(a[i]) : 0) + (i < b.count ? UInt64(b[i]) : 0)
      out.append(UInt32(truncatingIfNeeded: carry))
      carry >>= 32
    }
    if carry > 0 { out.append(UInt32(carry)) }
    return out
  }

  private static func subtract(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
    var out = a
    var borrow: Int64 = 0
    for i in a.indices {
      var d = Int64(a[i]) - borrow - (i < b.count ? Int64(b[i]) : 0)
      borrow = d < 0 ? 1 : 0
      if d < 0 { d += 1 << 32 }
      out[i] = UInt32(d)
    }
    return out
  }

  static func + (a: BigInt, b: BigInt) -> BigInt {
    if a.isNegative == b.isNegative { return BigInt(a.isNegative, add(a.magnitude, b.magnitude)) }
    let c = compare(a.magnitude, b.magnitude)
    if c == 0 { return BigInt(0) }
    return c > 0 ? BigInt(a.isNegative, subtract(a.magnitude, b.magnitude)) : BigInt(b.isNegative, subtract(b.magnitude, a.magnitude))
  }

  static func - (a: BigInt, b: BigInt) -> BigInt { a + b.negated }

  static func * (a: BigInt, b: BigInt) -> BigInt {
    if a.isZero || b.isZero { return BigInt(0) }
    var out = [UInt32](repeating: 0, count: a.magnitude.count + b.magnitude.count)
    for i in a.magnitude.indices {
      var carry: UInt64 = 0
      for j in b.magnitude.indices {
        carry += UInt64(a.magnitude[i]) * UInt64(b.magnitude[j]) + UInt64(out[i + j])
        out[i + j] = UInt32(truncatingIfNeeded: carry)
        carry >>= 32
      }
      out[i + b.magnitude.count] = UInt32(carry)
    }
    return BigInt(a.isNegative != b.isNegative, out)
  }

  func shifted(left n: Int) -> BigInt {
    if isZero || n == 0 { return self }
    var out = [UInt32](repeating: 0, count: n / 32)
    let s = UInt64(n % 32)
    var carry: UInt64 = 0
    for w in magnitude {
      carry |= UInt64(w) << s
      out.append(UInt32(truncatingIfNeeded: carry))
      carry >>= 32
    }
    if carry > 0 { out.append(UInt32(carry)) }
    return BigInt(isNegative, out)
  }

  /// Knuth's algorithm D on magnitudes.
  private static func divide(_ a: [UInt32], _ b: [UInt32]) -> ([UInt32], [UInt32]) {
    if compare(a, b) < 0 { return ([], a) }
    if b.count == 1 {
      var q = a
      var r: UInt64 = 0
      var i = a.count
      while i > 0 {
        i -= 1
        r = r << 32 | UInt64(a[i])
        q[i] = UInt32(r / UInt64(b[0]))
        r %= UInt64(b[0])
      }
      return (q, r == 0 ? [] : [UInt32(r)])
    }
    let s = b.last!.leadingZeroBitCount
    let v = BigInt(false, b).shifted(left: s).magnitude
    var u = BigInt(false, a).shifted(left: s).magnitude
    while u.count <= a.count { u.append(0) }
    let n = v.count
    let m = u.count - n - 1
    var q = [UInt32](repeating: 0, count: m + 1)
    var j = m
    while j >= 0 {
      let top = UInt64(u[j + n]) << 32 | UInt64(u[j + n - 1])
      var qhat = top / UInt64(v[n - 1])
      var rhat = top % UInt64(v[n - 1])
      while qhat >> 32 != 0 || qhat * UInt64(v[n - 2]) > (rhat << 32 | UInt64(u[j + n - 2])) {
        qhat -= 1
        rhat += UInt64(v[n - 1])
        if rhat >> 32 != 0 { break }
      }
      var borrow: Int64 = 0
      var carry: UInt64 = 0
      for i in 0..<n {
        carry += qhat * UInt64(v[i])
        let d = Int64(u[i + j]) - borrow - Int64(carry & 0xFFFF_FFFF)
        u[i + j] = UInt32(truncatingIfNeeded: d)
        borrow = d < 0 ? 1 : 0
        carry >>= 32
      }
      let d = Int64(u[j + n]) - borrow - Int64(carry)
      u[j + n] = UInt32(truncatingIfNeeded: d)
      if d < 0 {
        qhat -= 1
        var c: UInt64 = 0
        for i in 0..<n {
          c += UInt64(u[i + j]) + UInt64(v[i])
          u[i + j] = UInt32(truncatingIfNeeded: c)
          c >>= 32
        }
        u[j + n] = UInt32(truncatingIfNeeded: UInt64(u[j + n]) + c)
      }
      q[j] = UInt32(truncatingIfNeeded: qhat)
      j -= 1
    }
    // Undo the normalization of the remainder.
    var r = Array(u[0..<n])
    if s > 0 {
      for i in 0..<n { r[i] = r[i] >> UInt32(s) | (i + 1 < n ? r[i + 1] << UInt32(32 - s) : 0) }
    }
    while r.last == 0 { r.removeLast() }
    return (q, r)
  }

  /// Python's `//` and `%`: the remainder has the divisor's sign.
  func floorDivided(by b: BigInt) -> (BigInt, BigInt) {
    let (qm, rm) = BigInt.divide(magnitude, b.magnitude)
    var q = BigInt(isNegative != b.isNegative, qm)
    var r = BigInt(isNegative, rm)
    if !r.isZero, r.isNegative != b.isNegative {
      q = q - BigInt(1)
      r = r + b
    }
    return (q, r)
  }

  /// The nearest double, ties to even; infinite when there is none.
  func toDouble() -> Double { BigInt.quotient(self, BigInt(1)) ?? (isNegative ? -.infinity : .infinity) }

  /// The correctly rounded quotient, or nil when it is too large for a double.
  static func quotient(_ a: BigInt, _ b: BigInt) -> Double? {
    if a.isZero { return b.isNegative ? -0.0 : 0 }
    // 66 bits of quotient, with a sticky bit for the rest, round once.
    let shift = 66 - (a.bitWidth - b.bitWidth)
    let x = BigInt(false, a.magnitude)
    let y = BigInt(false, b.magnitude)
    let (q, r) = divide((shift > 0 ? x.shifted(left: shift) : x).magnitude, (shift < 0 ? y.shifted(left: -shift) : y).magnitude)
    let quotient = BigInt(false, q)
    let width = quotient.bitWidth
    var mantissa: UInt64 = 0
    // The top 54 bits and whether anything below is set.
    let drop = width - 54
    var sticky = !BigInt(false, r).isZero
    for i in 0..<quotient.magnitude.count {
      let w = UInt64(quotient.magnitude[i])
      let position = i * 32 - drop
      if position <= -32 {
        if w != 0 { sticky = true }
      } else if position < 0 {
        if w & ((1 << UInt64(-position)) - 1) != 0 { sticky = true }
        mantissa |= w >> UInt64(-position)
      } else {
        mantissa |= w << UInt64(position)
      }
    }
    let exponent = drop - shift
    // Subnormal results need fewer bits; they are far from anything a template divides, so one rounding is enough.
    if mantissa & 1 == 1, sticky || mantissa & 2 == 2 { mantissa += 2 }
    mantissa >>= 1
    let d = Double(sign: .plus, exponent: exponent + 1, significand: Double(mantissa))
    if d.isInfinite { return nil }
    return a.isNegative != b.isNegative ? -d : d
  }

  var description: String {
    if isZero { return "0" }
    var parts: [UInt32] = []
    var m = magnitude
    while !m.isEmpty {
      var r: UInt64 = 0
      var i = m.count
      while i > 0 {
        i -= 1
        r = r << 32 | UInt64(m[i])
        m[i] = UInt32(r / 1_000_000_000)
        r %= 1_000_000_000
      }
      while m.last == 0 { m.removeLast() }
      parts.append(UInt32(r))
    }
    var s = isNegative ? "-" : ""
    s += String(parts.removeLast())
    for p in parts.reversed() {
      let d = String(p)
      s += String(repeating: "0", count: 9 - d.count) + d
    }
    return s
  }

  /// Digits in another base, without sign.
  func digits(radix: UInt32) -> [UInt8] {
    if isZero { return [48] }
    var out: [UInt8] = []
    var m = magnitude
    while !m.isEmpty {
      var r: UInt64 = 0
      var i = m.count
      while i > 0 {
        i -= 1
        r = r << 32 | UInt64(m[i])
        m[i] = UInt32(r / UInt64(radix))
        r %= UInt64(radix)
      }
      while m.last == 0 { m.removeLast() }
      out.append(UInt8(r < 10 ? 48 + r : 87 + r))
    }
    return out.reversed()
  }
}

private func bigDigit(_ c: UInt8) -> UInt8? {
  switch c {
  case 48...57: c - 48
  case 65...90: c - 55
  case 97...122: c - 87
  default: nil
  }
}

extension Machine {
  func absFilter(_ v: V) throws(Fault) -> V {
    switch v.tag {
    case .int, .bool: return v.asInt < 0 ? try negate(v) : .int(v.asInt)
    case .float: return .float(Swift.abs(v.asDouble))
    case .big: return bigValue(v).isNegative ? try negate(v) : v
    case .undefined: throw typeError("bad operand type for abs(): '\(typeName(v))'")
    default: throw typeError("bad operand type for abs(): '\(typeName(v))'")
    }
  }

  /// `int(text, base)`, or nil where Python raises ValueError.
  private func parseInt(_ v: V, _ base: Int) throws(Fault) -> V? {
    var s = scalars(v.bytes)
    while let c = s.first, isPythonSpace(c) { s.removeFirst() }
    while let c = s.last, isPythonSpace(c) { s.removeLast() }
    var negative = false
    if s.first == 43 || s.first == 45 { negative = s.removeFirst() == 45 }
    var radix = base
    func prefix(_ a: UInt32, _ r: Int) -> Bool { s.count > 1 && s[0] == 48 && s[1] | 0x20 == a && (base == 0 || base == r) }
    var underscoreAllowed = false
    if prefix(120, 16) || prefix(111, 8) || prefix(98, 2) {
      radix = s[1] | 0x20 == 120 ? 16 : s[1] | 0x20 == 111 ? 8 : 2
      s.removeFirst(2)
      underscoreAllowed = true
    } else if base == 0 {
      radix = 10
      // A leading zero is only good for zero itself.
      if s.first == 48, s.contains(where: { $0 != 48 && $0 != 95 }) { return nil }
    }
    var digits: [UInt8] = []
    var previousUnderscore = !underscoreAllowed
    for c in s {
      if c == 95 {
        if previousUnderscore { return nil }
        previousUnderscore = true
        continue
      }
      previousUnderscore = false
      let d: Int
      if let x = CharacterClass.digitValue(c) { d = x } else if c < 128, c | 0x20 >= 97, c | 0x20 <= 122 { d = Int(c | 0x20) - 87 } else { return nil }
      if d >= radix { return nil }
      digits.append(UInt8(d < 10 ? 48 + d : 87 + d))
    }
    if digits.isEmpty || previousUnderscore { return nil }
    if digits.count > 4300, radix & (radix - 1) != 0 { return nil }
    try burn(digits.count * digits.count / 64 + 1)
    if digits.count <= 17, let i = Int(String(decoding: digits, as: UTF8.self), radix: radix) { return .int(negative ? -i : i) }
    guard let b = BigInt(digits: digits, radix: radix) else { return nil }
    return big(negative ? b.negated : b)
  }

  /// `float(text)`, or nil.
  private func parseFloat(_ v: V) -> Double? {
    var s = scalars(v.bytes)
    while let c = s.first, isPythonSpace(c) { s.removeFirst() }
    while let c = s.last, isPythonSpace(c) { s.removeLast() }
    var t: [UInt8] = []
    for (i, c) in s.enumerated() {
      if c == 95 {
        guard i > 0, i + 1 < s.count, CharacterClass.digitValue(s[i - 1]) != nil, CharacterClass.digitValue(s[i + 1]) != nil else { return nil }
        continue
      }
      if let d = CharacterClass.digitValue(c) { t.append(UInt8(48 + d)) } else if c < 128 { t.append(UInt8(c)) } else { return nil }
    }
    var k = t[...]
    let sign = k.first == 43 || k.first == 45 ? k.removeFirst() : 0
    let word = String(decoding: k, as: UTF8.self).lowercased()
    if word == "inf" || word == "infinity" { return sign == 45 ? -.infinity : .infinity }
    if word == "nan" { return .nan }
    // digits [. digits] [e digits]
    var i = k.startIndex
    var digits = 0
    while i < k.endIndex, k[i] >= 48, k[i] <= 57 {
      i += 1
      digits += 1
    }
    if i < k.endIndex, k[i] == 46 {
      i += 1
      while i < k.endIndex, k[i] >= 48, k[i] <= 57 {
        i += 1
        digits += 1
      }
    }
    guard digits > 0 else { return nil }
    if i < k.endIndex, k[i] | 0x20 == 101 {
      i += 1
      if i < k.endIndex, k[i] == 43 || k[i] == 45 { i += 1 }
      let e = i
      while i < k.endIndex, k[i] >= 48, k[i] <= 57 { i += 1 }
      if i == e { return nil }
    }
    return i == k.endIndex ? parseDouble(t) : nil
  }

  func intFilter(_ v: V, _ fallback: V, _ base: V) throws(Fault) -> V {
    let other = fallback.tag == .missing ? .int(0) : fallback
    switch v.tag {
    case .int, .big: return v
    case .bool: return .int(v.asInt)
    case .float:
      if v.asDouble.isNaN { return other }
      if v.asDouble.isInfinite { throw fail("OverflowError", "cannot convert float infinity to integer") }
      return try truncated(v)
    case .str:
      if base.tag != .missing, !base.isIntLike {
        // A base that is no integer is a TypeError, and the text is tried as a float.
        if base.tag == .undefined { throw undefinedError(base) }
      } else {
        let b = try number(base, 10)
        if b == 0 || (2...36).contains(b), let i = try parseInt(v, b) { return i }
      }
      guard let d = parseFloat(v), d.isFinite else { return other }
      return try truncated(.float(d))
    case .undefined: throw undefinedError(v)
    default: return other
    }
  }

  func floatFilter(_ v: V, _ fallback: V) throws(Fault) -> V {
    let other = fallback.tag == .missing ? .float(0) : fallback
    switch v.tag {
    case .float: return v
    case .int, .bool, .big: return .float(try double(v))
    case .str: return parseFloat(v).map { .float($0) } ?? other
    case .undefined: throw undefinedError(v)
    default: return other
    }
  }

  func roundFilter(_ v: V, _ precision: V, _ method: V) throws(Fault) -> V {
    let floorIt = method.isText("floor")
    let ceilIt = method.isText("ceil")
    guard method.tag == .missing || method.isText("common") || floorIt || ceilIt else {
      throw fail("FilterArgumentError", "method must be common, ceil or floor")
    }
    if v.tag == .undefined, floorIt || ceilIt { throw undefinedError(v) }
    guard v.isNumber else { throw typeError("type \(typeName(v)) doesn't define __round__ method") }
    if floorIt || ceilIt {
      let scale = try arithmetic(.pow, .int(10), precision.tag == .missing ? .int(0) : precision)
      let x = try arithmetic(.mul, v, scale)
      var r = x
      if x.tag == .float {
        r = try truncated(.float(floorIt ? x.asDouble.rounded(.down) : x.asDouble.rounded(.up)))
      }
      return try arithmetic(.div, r, scale)
    }
    let n: Int
    if precision.tag == .missing {
      n = 0
    } else {
      if precision.tag == .none { return v.tag == .float ? try truncated(.float(v.asDouble.rounded(.toNearestOrEven))) : v }
      n = try index(precision, "'\(typeName(precision))' object cannot be interpreted as an integer")
    }
    if v.tag == .float {
      let d = v.asDouble
      if !d.isFinite || n > 323 { return v }
      if n < -308 { return .float(d.sign == .minus ? -0.0 : 0) }
      return .float(roundHalfEven(d, n))
    }
    if n >= 0 { return v.tag == .bool ? .int(v.asInt) : v }
    if n < -5000 { return .int(0) }
    // Round half to even at a power of ten.
    let unit = try arithmetic(.pow, .int(10), .int(-n))
    let q = try arithmetic(.floordiv, v, unit)
    let r = try arithmetic(.mod, v, unit)
    let twice = try arithmetic(.mul, r, .int(2))
    let c = compareNumbers(twice, unit)
    let odd = try truth(try arithmetic(.mod, q, .int(2)))
    let up = c > 0 || (c == 0 && odd)
    return try arithmetic(.mul, up ? try arithmetic(.add, q, .int(1)) : q, unit)
  }

  func filesize(_ v: V, _ binary: Bool) throws(Fault) -> V {
    var d: Double
    switch v.tag {
    case .str:
      guard let x = parseFloat(v) else { throw valueError("could not convert string to float: \(reprText(v))") }
      d = x
    case .undefined: throw undefinedError(v)
    case .int, .bool, .float, .big: d = try double(v)
    default: throw typeError("float() argument must be a string or a real number, not '\(typeName(v))'")
    }
    let base = binary ? 1024.0 : 1000.0
    if d == 1 { return try string("1 Byte") }
    if d < base {
      let i = try truncated(.float(d))
      return try string("\(reprText(i)) Bytes")
    }
    if d.isNaN { throw valueError("cannot convert float NaN to integer") }
    let names = binary ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    // Python divides by exact integers; powers of the base are exact doubles up to the last few.
    var unit = BigInt(Int(base))
    for (i, name) in names.enumerated() {
      unit = unit * BigInt(Int(base))
      let u = unit.toDouble()
      if d < u || i == names.count - 1 {
        d = base * d / u
        return try string(String(decoding: formatDouble(d, "f", precision: 1), as: UTF8.self) + " " + name)
      }
    }
    return .empty
  }
}

private let smallPowers: [Double] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]

/// Python's `round(float, n)`: decimal digits of the exact binary value, ties to even.
func roundHalfEven(_ d: Double, _ n: Int) -> Double {
  if n >= 0 {
    if n == 0 { return d.rounded(.toNearestOrEven) }
    if n <= 6 {
      // Away from a tie one multiplication tells which way to go, and the division by an exact power of ten rounds once.
      let scale = smallPowers[n]
      let y = d * scale
      let r = y.rounded(.toNearestOrEven)
      if abs(y) < 2_147_483_648.0, r != 0, abs(abs(y - r) - 0.5) > 1e-4 { return r / scale }
    }
    return parseDouble(formatDouble(d, "f", precision: n))
  }
  // Left of the point: exact whole arithmetic decides.
  let scale = BigInt(digits: [49] + Array(repeating: 48, count: -n), radix: 10)!
  let whole = d.rounded(.towardZero)
  let b = BigInt(exactly: abs(whole))
  let (q, r) = b.floorDivided(by: scale)
  let twice = r + r
  let fraction = abs(d) != abs(whole)
  let up = twice > scale || (twice == scale && (fraction || q.isOdd))
  let result = (up ? q + BigInt(1) : q) * scale
  let x = result.toDouble()
  return d.sign == .minus ? -x : x
}

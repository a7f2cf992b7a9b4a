#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

func findRaw(_ h: UnsafePointer<UInt8>, _ count: Int, _ p: UnsafePointer<UInt8>, _ n: Int, _ from: Int) -> Int? {
  var i = from
  let last = count - n
  while i <= last {
    guard let hit = memchr(h + i, Int32(p[0]), last - i + 1) else { return nil }
    i = UnsafeRawPointer(hit) - UnsafeRawPointer(h)
    if memcmp(h + i, p, n) == 0 { return i }
    i += 1
  }
  return nil
}

/// A decimal literal to the nearest double.
func parseDouble(_ text: some Sequence<UInt8>) -> Double {
  var t = text.map { CChar(bitPattern: $0) }
  t.append(0)
  return strtod(t, nil)
}

/// Python's `repr` of a float.
func pythonFloat(_ d: Double) -> String {
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 40) { b in
    let n = writeFloat(d, b.baseAddress!)
    return String(decoding: UnsafeBufferPointer(start: b.baseAddress!, count: n), as: UTF8.self)
  }
}

/// Writes Python's `repr` of a float; at most 32 bytes.
func writeFloat(_ d: Double, _ p: UnsafeMutablePointer<UInt8>) -> Int {
  if d.isNaN { return write("nan", p) }
  if d.isInfinite { return write(d < 0 ? "-inf" : "inf", p) }
  if d == d.rounded(.towardZero), abs(d) < 1e15 {
    // A whole number below 1e15 is exact: no search for the shortest digits is needed.
    var n = 0
    if d.sign == .minus {
      p[0] = UInt8(ascii: "-")
      n = 1
    }
    n += writeInt(Int(abs(d)), p + n)
    p[n] = UInt8(ascii: ".")
    p[n + 1] = UInt8(ascii: "0")
    return n + 2
  }
  let scaled = d * 1_000_000
  if abs(scaled) < 1e15 {
    // At most six decimals and fifteen digits: such a decimal is the only one that short for its double.
    let k = scaled.rounded(.toNearestOrEven)
    if k / 1_000_000 == d, abs(k) >= 100 {
      var n = 0
      if d < 0 {
        p[0] = UInt8(ascii: "-")
        n = 1
      }
      let m = Int(abs(k))
      n += writeInt(m / 1_000_000, p + n)
      p[n] = UInt8(ascii: ".")
      n += 1
      var rest = m % 1_000_000
      var unit = 100_000
      while rest > 0 {
        p[n] = UInt8(truncatingIfNeeded: 48 + rest / unit)
        rest %= unit
        unit /= 10
        n += 1
      }
      return n
    }
  }
  // Swift prints the shortest digits that read back, as Python does; only the form differs.
  var digits: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
  return withUnsafeMutableBytes(of: &digits) { buffer in
    let digit = buffer.baseAddress!.assumingMemoryBound(to: UInt8.self)
    var count = 0
    var point: Int? = nil
    var exponent = 0
    var n = 0
    var text = d.description
    text.withUTF8 { t in
      var i = 0
      if t[0] == UInt8(ascii: "-") {
        p[0] = t[0]
        n = 1
        i = 1
      }
      while i < t.count {
        let c = t[i]
        if c == UInt8(ascii: ".") {
          point = count
        } else if c == UInt8(ascii: "e") {
          var e = 0
          let negative = t[i + 1] == UInt8(ascii: "-")
          i += t[i + 1] == UInt8(ascii: "-") || t[i + 1] == UInt8(ascii: "+") ? 2 : 1
          while i < t.count {
            e = e * 10 + Int(t[i] - 48)
            i += 1
          }
          exponent = negative ? -e : e
          break
        } else if count < 32 {
          digit[count] = c
          count += 1
        }
        i += 1
      }
    }
    // The value is 0.d1d2d3… times ten to the power `decimal`.
    var decimal = (point ?? count) + exponent
    var first = 0
    while first < count - 1, digit[first] == 48 {
      first += 1
      decimal -= 1
    }
    while count - 1 > first, digit[count - 1] == 48 { count -= 1 }
    let length = count - first
    if decimal - 1 < -4 || decimal - 1 >= 16 {
      p[n] = digit[first]
      n += 1
      if length > 1 {
        p[n] = UInt8(ascii: ".")
        n += 1
        for k in 1..<length {
          p[n] = digit[first + k]
          n += 1
        }
      }
      p[n] = UInt8(ascii: "e")
      p[n + 1] = decimal - 1 < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+")
      n += 2
      let e = abs(decimal - 1)
      if e < 10 {
        p[n] = 48
        n += 1
      }
      return n + writeInt(e, p + n)
    }
    if decimal <= 0 {
      p[n] = 48
      p[n + 1] = UInt8(ascii: ".")
      n += 2
      for _ in 0..<(-decimal) {
        p[n] = 48
        n += 1
      }
      for k in 0..<length {
        p[n] = digit[first + k]
        n += 1
      }
      return n
    }
    for k in 0..<max(length, decimal) {
      if k == decimal {
        p[n] = UInt8(ascii: ".")
        n += 1
      }
      p[n] = k < length ? digit[first + k] : 48
      n += 1
    }
    if length <= decimal {
      p[n] = UInt8(ascii: ".")
      p[n + 1] = 48
      n += 2
    }
    return n
  }
}

private func write(_ s: StaticString, _ p: UnsafeMutablePointer<UInt8>) -> Int {
  memcpy(p, s.utf8Start, s.utf8CodeUnitCount)
  return s.utf8CodeUnitCount
}

/// Writes an integer in decimal; at most 20 bytes.
@inline(__always) func writeInt(_ i: Int, _ p: UnsafeMutablePointer<UInt8>) -> Int {
  var m = i.magnitude
  var n = 0
  if i < 0 {
    p[0] = UInt8(ascii: "-")
    n = 1
  }
  if m < 10 {
    p[n] = UInt8(truncatingIfNeeded: 48 + m)
    return n + 1
  }
  var digits = 1
  var t = m
  while t >= 10 {
    t /= 10
    digits += 1
  }
  var k = n + digits
  while k > n {
    k -= 1
    p[k] = UInt8(truncatingIfNeeded: 48 + m % 10)
    m /= 10
  }
  return n + digits
}

/// `snprintf` of one double with the C library's exact decimal conversion.
func formatDouble(_ d: Double, _ conversion: Character, precision: Int, alternate: Bool = false) -> [UInt8] {
  // The largest double has 309 digits before the point.
  var buffer = [CChar](repeating: 0, count: 330 + precision)
  let format = "%\(alternate ? "#" : "").\(precision)\(conversion)"
  let n = withVaList([d]) { vsnprintf(&buffer, buffer.count, format, $0) }
  return buffer[0..<Int(n)].map { UInt8(bitPattern: $0) }
}

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension Machine {
  @inline(never) func badRow(_ message: String) -> Fault { fail("ValueError", message) }

  /// Decodes a field that was left as text.
  @inline(never) func force(_ v: V) throws(Fault) -> V {
    let i = Int(v.extra)
    let known = row.fields[i]
    // Another slot may have decoded it already, and changes to it must show everywhere.
    if known.tag != .lazy, known.tag != .missing { return known }
    var p = v.chars
    let end = p + v.count
    let value = try parseJSON(&p, end, 0)
    row.decoded(i, value)
    return value
  }

  func parseDocument(_ b: UnsafeBufferPointer<UInt8>) throws(Fault) -> V {
    guard var p = b.baseAddress else { throw badRow("empty text is not JSON") }
    let end = p + b.count
    JSONScan.space(&p, end)
    let v = try parseJSON(&p, end, 0)
    JSONScan.space(&p, end)
    guard p == end else { throw badRow("there is text after the JSON value") }
    return v
  }

  /// Rows nested deeper than this are refused.
  static let maxJSONDepth = 500

  func parseJSON(_ p: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ level: Int) throws(Fault) -> V {
    guard p < end else { throw badRow("the JSON text ends too early") }
    guard level < Machine.maxJSONDepth else { throw badRow("the JSON text is nested deeper than \(Machine.maxJSONDepth) levels") }
    switch p[0] {
    case UInt8(ascii: "\""):
      guard let (s, n, escaped) = JSONScan.string(&p, end) else { throw badRow("a JSON string has no end") }
      return escaped ? try unescape(s, n) : V.str(s, n)
    case UInt8(ascii: "["):
      let start = p
      let l = try list(capacity: 4)
      p += 1
      JSONScan.space(&p, end)
      if p < end, p[0] == UInt8(ascii: "]") {
        p += 1
      } else {
        while true {
          try append(try parseJSON(&p, end, level + 1), to: l)
          JSONScan.space(&p, end)
          guard p < end else { throw badRow("a JSON array has no end") }
          let c = p[0]
          p += 1
          if c == UInt8(ascii: "]") { break }
          guard c == UInt8(ascii: ",") else { throw badRow("the row is not valid JSON") }
          JSONScan.space(&p, end)
        }
      }
      l.list.pointee.source = start
      l.list.pointee.sourceCount = p - start
      return l
    case UInt8(ascii: "{"):
      let start = p
      let v = try dict(capacity: 4)
      let d = v.dict
      p += 1
      JSONScan.space(&p, end)
      if p < end, p[0] == UInt8(ascii: "}") {
        p += 1
      } else {
        while true {
          guard p < end, p[0] == UInt8(ascii: "\""), let (s, n, escaped) = JSONScan.string(&p, end) else {
            throw badRow("a JSON object's key is not a string")
          }
          let key = escaped ? try unescape(s, n) : V.str(s, n)
          JSONScan.space(&p, end)
          guard p < end, p[0] == UInt8(ascii: ":") else { throw badRow("the row is not valid JSON") }
          p += 1
          JSONScan.space(&p, end)
          let value = try parseJSON(&p, end, level + 1)
          // As in Python, the last of equal keys wins and keeps the first one's place.
          var known = -1
          if d.pointee.index == nil {
            for i in 0..<d.pointee.count where sameBytes(d.pointee.entries[i].key, key) { known = i }
          } else {
            known = try position(d, key)
          }
          if known >= 0 { d.pointee.entries[known].value = value } else { try add(d, key, value) }
          JSONScan.space(&p, end)
          guard p < end else { throw badRow("a JSON object has no end") }
          let c = p[0]
          p += 1
          if c == UInt8(ascii: "}") { break }
          guard c == UInt8(ascii: ",") else { throw badRow("the row is not valid JSON") }
          JSONScan.space(&p, end)
        }
      }
      d.pointee.source = start
      d.pointee.sourceCount = p - start
      return v
    default: return try parseScalar(&p, end)
    }
  }

  func parseScalar(_ p: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) throws(Fault) -> V {
    func literal(_ s: StaticString, _ v: V) throws(Fault) -> V {
      guard end - p >= s.utf8CodeUnitCount, memcmp(p, s.utf8Start, s.utf8CodeUnitCount) == 0 else { throw badRow("the row is not valid JSON") }
      p += s.utf8CodeUnitCount
      return v
    }
    switch p[0] {
    case UInt8(ascii: "t"): return try literal("true", .yes)
    case UInt8(ascii: "f"): return try literal("false", .no)
    case UInt8(ascii: "n"): return try literal("null", .none)
    case UInt8(ascii: "N"): return try literal("NaN", .float(.nan))
    case UInt8(ascii: "I"): return try literal("Infinity", .float(.infinity))
    default: break
    }
    let start = p
    var negative = false
    if p[0] == UInt8(ascii: "-") {
      negative = true
      p += 1
      if p < end, p[0] == UInt8(ascii: "I") { return try literal("Infinity", .float(-.infinity)) }
    }
    var value: UInt64 = 0
    var digits = 0
    let first = p
    while p < end, p[0] >= 48, p[0] <= 57 {
      value = value &* 10 &+ UInt64(p[0] - 48)
      digits += 1
      p += 1
    }
    guard digits > 0, digits == 1 || first[0] != 48 else { throw badRow("the row is not valid JSON") }
    var origin: UInt32 = 0
    if let base = row.base, start >= base, start < base + row.count { origin = UInt32(truncatingIfNeeded: start - base + 1) }
    if p == end || (p[0] != UInt8(ascii: ".") && p[0] | 0x20 != UInt8(ascii: "e")) {
      if digits <= 18 {
        var v = V.int(negative ? -Int(value) : Int(value))
        v.aux = origin
        return v
      }
      guard digits <= 4300 else { throw valueError("Exceeds the limit (4300 digits) for integer string conversion") }
      try burn(digits * digits / 64)
      let b = BigInt(digits: Array(UnsafeBufferPointer(start: first, count: digits)), radix: 10)!
      return big(negative ? b.negated : b)
    }
    // Mantissas below 2^53 with small powers of ten are exact in one operation.
    var exponent = 0
    if p[0] == UInt8(ascii: ".") {
      p += 1
      let fraction = p
      while p < end, p[0] >= 48, p[0] <= 57 {
        value = value &* 10 &+ UInt64(p[0] - 48)
        digits += 1
        p += 1
      }
      guard p > fraction else { throw badRow("the row is not valid JSON") }
      exponent = -(p - fraction)
    }
    if p < end, p[0] | 0x20 == UInt8(ascii: "e") {
      p += 1
      var down = false
      if p < end, p[0] == UInt8(ascii: "+") || p[0] == UInt8(ascii: "-") {
        down = p[0] == UInt8(ascii: "-")
        p += 1
      }
      var e = 0
      let s = p
      while p < end, p[0] >= 48, p[0] <= 57 {
        if e < 100_000 { e = e * 10 + Int(p[0] - 48) }
        p += 1
      }
      guard p > s else { throw badRow("the row is not valid JSON") }
      exponent += down ? -e : e
    }
    var d: Double
    if digits <= 18, value < 1 << 53, exponent >= -22, exponent <= 22 {
      d = exponent < 0 ? Double(value) / powersOfTen[-exponent] : Double(value) * powersOfTen[exponent]
      if negative { d = -d }
    } else {
      d = parseDouble(UnsafeBufferPointer(start: start, count: p - start))
    }
    var v = V.float(d)
    v.aux = origin
    return v
  }

  /// Decodes the escapes of a JSON string.
  func unescape(_ s: UnsafePointer<UInt8>, _ n: Int) throws(Fault) -> V {
    let out = try allocate(n + 4).assumingMemoryBound(to: UInt8.self)
    var o = 0
    var i = 0
    func hex(_ at: Int) -> UInt32? {
      guard at + 4 <= n else { return nil }
      var v: UInt32 = 0
      for k in 0..<4 {
        guard let h = hexDigit(s[at + k]) else { return nil }
        v = v << 4 | UInt32(h)
      }
      return v
    }
    while i < n {
      if s[i] != UInt8(ascii: "\\") {
        // The run up to the next escape, in one piece.
        let length = memchr(s + i, Int32(UInt8(ascii: "\\")), n - i).map { UnsafeRawPointer($0) - UnsafeRawPointer(s + i) } ?? n - i
        memcpy(out + o, s + i, length)
        o += length
        i += length
        continue
      }
      guard i + 1 < n else { throw badRow("the row is not valid JSON") }
      i += 2
      switch s[i - 1] {
      case UInt8(ascii: "n"): out[o] = 10
      case UInt8(ascii: "t"): out[o] = 9
      case UInt8(ascii: "r"): out[o] = 13
      case UInt8(ascii: "b"): out[o] = 8
      case UInt8(ascii: "f"): out[o] = 12
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out[o] = s[i - 1]
      case UInt8(ascii: "u"):
        guard var v = hex(i) else { throw badRow("the row is not valid JSON") }
        i += 4
        if v >= 0xD800, v < 0xDC00, i + 6 <= n, s[i] == UInt8(ascii: "\\"), s[i + 1] == UInt8(ascii: "u"), let low = hex(i + 2), low >= 0xDC00, low < 0xE000 {
          v = 0x10000 + ((v - 0xD800) << 10) + (low - 0xDC00)
          i += 6
        }
        o += encode(v, to: out + o)
        continue
      default: throw badRow("the row is not valid JSON")
      }
      o += 1
    }
    return V.str(UnsafePointer(out), o)
  }
}

private let powersOfTen: [Double] = [
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]

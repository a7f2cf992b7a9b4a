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
      guard let (s, n) = JSONScan.string(&p, end) else { throw badRow("a JSON string has no end") }
      return JSONScan.hasBackslash(s, n) ? try unescape(s, n) : V.str(s, n)
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
          guard p < end, p[0] == UInt8(ascii: "\""), let (s, n) = JSONScan.string(&p, end) else { throw badRow("a JSON object's key is not a string") }
          let key = JSONScan.hasBackslash(s, n) ? try unescape(s, n) : V.str(s, n)
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
      let c = s[i]
      if c != UInt8(ascii: "\\") {
        out[o] = c
        o += 1
        i += 1
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

  // MARK: in and out

  /// The machine's form of a public value.
  func lower(_ v: Value) throws(Fault) -> V {
    switch v.storage {
    case .undefined(let name, let hint): return try undefined(hint: hint, name: name)
    case .none: return .none
    case .bool(let b): return .bool(b)
    case .int(let i, _): return .int(i)
    case .big(let b): return big(b)
    case .double(let d, _): return .float(d)
    case .string(let b, let markup):
      let s = try string(b)
      return markup ? s.asMarkup : s
    case .json(let b):
      let s = try string(b)
      return try parseDocument(s.bytes)
    case .list(let items, let isTuple):
      depth += 1
      defer { depth -= 1 }
      guard depth <= Machine.maxJSONDepth else { throw valueError("a value is nested too deep") }
      let l = try list(capacity: items.count, tag: isTuple ? .tuple : .list)
      for i in items { try append(try lower(i), to: l) }
      return l
    case .dict(let items):
      depth += 1
      defer { depth -= 1 }
      guard depth <= Machine.maxJSONDepth else { throw valueError("a value is nested too deep") }
      let d = try dict(capacity: items.count)
      for (k, x) in items { try set(d, try lower(k), try lower(x)) }
      return d
    case .function(let f):
      hosts.append(f)
      return V(.function, bits: UInt64(hosts.count - 1), flag: 1)
    case .other(let s): return try string(s)
    }
  }

  private func source(_ v: V) -> [UInt8]? {
    guard v.aux > 0, let base = row.base, Int(v.aux) <= row.count else { return nil }
    let start = base + Int(v.aux - 1)
    var p = start
    guard JSONScan.skip(&p, base + row.count) else { return nil }
    return Array(UnsafeBufferPointer(start: start, count: p - start))
  }

  /// The public form of a value; untouched pieces of the row keep their text.
  func raise(_ v: V, deep: Bool = false) -> Value {
    switch v.tag {
    case .none: return .none
    case .bool: return Value(v.asBool)
    case .int: return Value(.int(v.asInt, source: v.aux == 0 ? nil : source(v)))
    case .float: return Value(.double(v.asDouble, source: v.aux == 0 ? nil : source(v)))
    case .big: return Value(.big(bigValue(v)))
    case .str: return Value(.string(Array(v.bytes), markup: v.isMarkup))
    case .lazy: return Value(.json(Array(UnsafeBufferPointer(start: v.chars, count: v.count))))
    case .list, .tuple:
      let l = v.list.pointee
      if !deep, !mutated, l.sourceCount > 0, let s = l.source { return Value(.json(Array(UnsafeBufferPointer(start: s, count: l.sourceCount)))) }
      guard depth < Machine.maxJSONDepth else { return .none }
      depth += 1
      defer { depth -= 1 }
      return Value(.list((0..<l.count).map { raise(l.items[$0], deep: deep) }, tuple: v.tag == .tuple))
    case .dict:
      let d = v.dict.pointee
      if !deep, !mutated, d.sourceCount > 0, let s = d.source { return Value(.json(Array(UnsafeBufferPointer(start: s, count: d.sourceCount)))) }
      guard depth < Machine.maxJSONDepth else { return .none }
      depth += 1
      defer { depth -= 1 }
      return Value(.dict((0..<d.count).map { (raise(d.entries[$0].key, deep: deep), raise(d.entries[$0].value, deep: deep)) }))
    case .range, .generator, .view:
      guard depth < Machine.maxJSONDepth, let l = try? listed(v) else { return .none }
      return raise(l, deep: deep)
    case .undefined, .missing:
      let o = v.undefinedObject?.pointee
      return Value(.undefined(name: o?.name.tag == .str ? o!.name.text : "", hint: v.tag == .missing ? "" : undefinedMessage(v)))
    case .function where v.flag == 1: return Value(.function(hosts[Int(v.bits)]))
    default: return Value(.other(reprText(v)))
    }
  }

  /// A copy of a value from a shared context that a template may change.
  func copy(_ v: V) throws(Fault) -> V {
    switch v.tag {
    case .list, .tuple:
      let l = try list(capacity: v.list.pointee.count, tag: v.tag)
      for i in 0..<v.list.pointee.count { try append(try copy(v.list.pointee.items[i]), to: l) }
      return l
    case .dict:
      let d = try dict(capacity: v.dict.pointee.count)
      for i in 0..<v.dict.pointee.count { try add(d.dict, v.dict.pointee.entries[i].key, try copy(v.dict.pointee.entries[i].value)) }
      return d
    default: return v
    }
  }

  // MARK: tojson

  struct JSONStyle {
    var ascii = false
    var html = false
    var sorted = false
    /// What one level is indented by; none for a single line.
    var indent = V.none
    var comma = JSONStyle.wideComma
    var colon = JSONStyle.wideColon

    private static func literal(_ s: StaticString) -> V { V.str(s.utf8Start, s.utf8CodeUnitCount) }
    static let wideComma = literal(", ")
    static let bareComma = literal(",")
    static let wideColon = literal(": ")
  }

  func emitJSON(_ v: V, _ style: JSONStyle, _ level: Int) throws(Fault) {
    switch v.tag {
    case .none: try emit("null")
    case .bool: if v.asBool { try emit("true") } else { try emit("false") }
    case .int, .big: try emitRepr(v)
    case .float: try emitJSON(float: v.asDouble)
    case .str: try emitJSON(string: v.chars, v.count, style)
    case .list, .tuple:
      if level > Machine.maxJSONDepth { throw fail("RecursionError", "maximum recursion depth exceeded while encoding a JSON object") }
      let l = v.list
      if l.pointee.count == 0 { return try emit("[]") }
      try emit(byte: UInt8(ascii: "["))
      for i in 0..<l.pointee.count {
        if i > 0 { try emit(style.comma.chars, style.comma.count) }
        try newline(style, level + 1)
        try emitJSON(l.pointee.items[i], style, level + 1)
      }
      try newline(style, level)
      try emit(byte: UInt8(ascii: "]"))
    case .dict:
      if level > Machine.maxJSONDepth { throw fail("RecursionError", "maximum recursion depth exceeded while encoding a JSON object") }
      let d = v.dict
      let n = d.pointee.count
      if n == 0 { return try emit("{}") }
      try emit(byte: UInt8(ascii: "{"))
      var order: [Int]?
      if style.sorted {
        var o = Array(0..<n)
        var p: [V] = []
        for i in 0..<n { p.append(d.pointee.entries[i].key) }
        try mergeSort(&o) { (a, b) throws(Fault) in try self.order(p[a], p[b], "<") < 0 }
        order = o
      }
      for k in 0..<n {
        let e = d.pointee.entries[order?[k] ?? k]
        if k > 0 { try emit(style.comma.chars, style.comma.count) }
        try newline(style, level + 1)
        switch e.key.tag {
        case .str: try emitJSON(string: e.key.chars, e.key.count, style)
        case .int, .big, .bool, .none, .float:
          try emit(byte: UInt8(ascii: "\""))
          try emitJSON(e.key, style, level)
          try emit(byte: UInt8(ascii: "\""))
        default: throw typeError("keys must be str, int, float, bool or None, not \(typeName(e.key))")
        }
        try emit(style.colon.chars, style.colon.count)
        try emitJSON(e.value, style, level + 1)
      }
      try newline(style, level)
      try emit(byte: UInt8(ascii: "}"))
    default: throw typeError("Object of type \(typeName(v)) is not JSON serializable")
    }
  }

  private func emitJSON(float d: Double) throws(Fault) {
    if d.isNaN { return try emit("NaN") }
    if d.isInfinite { return d < 0 ? try emit("-Infinity") : try emit("Infinity") }
    try emitRepr(.float(d))
  }

  @inline(__always) private func newline(_ style: JSONStyle, _ level: Int) throws(Fault) {
    if style.indent.tag == .str { try indent(style.indent, level) }
  }

  @inline(never) private func indent(_ indent: V, _ level: Int) throws(Fault) {
    try emit(byte: 10)
    for _ in 0..<level { try emit(indent.chars, indent.count) }
  }

  func emitJSON(string p: UnsafePointer<UInt8>, _ n: Int, _ style: JSONStyle) throws(Fault) {
    // Room for the whole string unescaped; what grows reserves again.
    try reserve(n + 2)
    out[outCount] = UInt8(ascii: "\"")
    outCount += 1
    var i = 0
    var start = 0
    let special = style.html || style.ascii
    let raw = UnsafeRawPointer(p)
    while i < n {
      if !special {
        // Eight bytes at a time while none of them is below a space, a quote or a backslash.
        while i + 8 <= n {
          let w = raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)
          let quote = w ^ 0x2222_2222_2222_2222
          let backslash = w ^ 0x5C5C_5C5C_5C5C_5C5C
          let one: UInt64 = 0x0101_0101_0101_0101
          let hit = ((w &- one &* 0x20) & ~w) | ((quote &- one) & ~quote) | ((backslash &- one) & ~backslash)
          if hit & 0x8080_8080_8080_8080 != 0 { break }
          i += 8
        }
        if i >= n { break }
      }
      let c = p[i]
      if !needsEscape(c), !special || (c < 0x80 && c != 0x26 && c != 0x27 && c != 0x3C && c != 0x3E) {
        i += 1
        continue
      }
      if i > start { try emit(p + start, i - start) }
      var length = 1
      switch c {
      case UInt8(ascii: "\""): try emit("\\\"")
      case UInt8(ascii: "\\"): try emit("\\\\")
      case 10: try emit("\\n")
      case 13: try emit("\\r")
      case 9: try emit("\\t")
      case 8: try emit("\\b")
      case 12: try emit("\\f")
      case _ where c < 0x20:
        try emit("\\u")
        try emitHex(UInt32(c), 4)
      case _ where c >= 0x80 && style.ascii:
        let (s, k) = decodeScalar(p + i, n - i)
        length = k
        if s >= 0x10000 {
          try emit("\\u")
          try emitHex(0xD800 + ((s - 0x10000) >> 10), 4)
          try emit("\\u")
          try emitHex(0xDC00 + ((s - 0x10000) & 0x3FF), 4)
        } else {
          try emit("\\u")
          try emitHex(s, 4)
        }
      case _ where style.html && (c == 0x26 || c == 0x27 || c == 0x3C || c == 0x3E):
        try emit("\\u")
        try emitHex(UInt32(c), 4)
      default: try emit(byte: c)
      }
      i += length
      start = i
    }
    if n > start { try emit(p + start, n - start) }
    try emit(byte: UInt8(ascii: "\""))
  }

  /// A stable sort whose comparison may fail.
  func mergeSort<T>(_ a: inout [T], _ less: (T, T) throws(Fault) -> Bool) throws(Fault) {
    let n = a.count
    if n < 2 { return }
    try burn(n)
    // Insertion sort for short runs, then merges.
    let run = 8
    var i = 0
    while i < n {
      let end = min(i + run, n)
      var k = i + 1
      while k < end {
        let x = a[k]
        var j = k
        while j > i, try less(x, a[j - 1]) {
          a[j] = a[j - 1]
          j -= 1
        }
        a[j] = x
        k += 1
      }
      i = end
    }
    var width = run
    var buffer = a
    while width < n {
      try burn(n)
      var lo = 0
      while lo < n {
        let mid = min(lo + width, n)
        let hi = min(lo + 2 * width, n)
        var (x, y, o) = (lo, mid, lo)
        while x < mid, y < hi {
          if try less(a[y], a[x]) {
            buffer[o] = a[y]
            y += 1
          } else {
            buffer[o] = a[x]
            x += 1
          }
          o += 1
        }
        while x < mid {
          buffer[o] = a[x]
          x += 1
          o += 1
        }
        while y < hi {
          buffer[o] = a[y]
          y += 1
          o += 1
        }
        lo = hi
      }
      swap(&a, &buffer)
      width *= 2
    }
  }
}

/// Bytes that JSON asks to escape.
@inline(__always) private func needsEscape(_ c: UInt8) -> Bool { c < 0x20 || c == 0x22 || c == 0x5C }

private let powersOfTen: [Double] = [
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]

/// JSON for the public `Value`.
enum JSONCheck {
  static func value(_ json: [UInt8]) -> Value? {
    let machine = Machine(environment: EnvironmentBox(options: .jinja2))
    return json.withUnsafeBufferPointer { b in
      machine.row.borrow(b)
      do throws(Fault) { return machine.raise(try machine.parseDocument(b), deep: true) } catch { return nil }
    }
  }

  static func expand(_ json: [UInt8]) -> Value? { value(json) }

  static func isEmpty(_ json: [UInt8]) -> Bool {
    !json.dropFirst().dropLast().contains { $0 > 0x20 }
  }
}

enum JSONWriter {
  private static func hex(_ n: UInt8) -> UInt8 { n < 10 ? 48 + n : 87 + n }

  static func append(string b: [UInt8], to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for (i, c) in b.enumerated() {
      switch c {
      // Half of a surrogate pair, which Python's strings may hold, has no UTF-8.
      case 0xED where i + 2 < b.count && b[i + 1] >= 0xA0: out += "\\ud".utf8
      case 0x80... where i > 0 && b[i - 1] == 0xED && c >= 0xA0: out.append(hex(c >> 2 & 15))
      case 0x80... where i > 1 && b[i - 2] == 0xED && b[i - 1] >= 0xA0: out += [hex((b[i - 1] & 3) << 2 | c >> 4 & 3), hex(c & 15)]
      case UInt8(ascii: "\""): out += "\\\"".utf8
      case UInt8(ascii: "\\"): out += "\\\\".utf8
      case 10: out += "\\n".utf8
      case 13: out += "\\r".utf8
      case 9: out += "\\t".utf8
      case 8: out += "\\b".utf8
      case 12: out += "\\f".utf8
      case 0..<0x20:
        out += "\\u00".utf8
        out.append(48 + (c >> 4))
        out.append(c & 15 < 10 ? 48 + (c & 15) : 87 + (c & 15))
      default: out.append(c)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}

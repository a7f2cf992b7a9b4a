extension Machine {
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
      if !needsEscape(c), !special || (c < 0x7F + (style.ascii ? 0 : 1) && c != 0x26 && c != 0x27 && c != 0x3C && c != 0x3E) {
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
      // Python's ASCII is what can be printed: DEL is escaped with what lies behind it.
      case _ where c < 0x20 || (c == 0x7F && style.ascii):
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
}

/// Bytes that JSON asks to escape.
@inline(__always) private func needsEscape(_ c: UInt8) -> Bool { c < 0x20 || c == 0x22 || c == 0x5C }

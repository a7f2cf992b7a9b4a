#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension Machine {
  // MARK: str()

  /// Writes what Python's `str` gives.
  func emitPlain(_ v: V) throws(Fault) {
    switch v.tag {
    case .str: try emit(v.chars, v.count)
    case .undefined: try emitUndefined(v)
    case .module: try emit(v.module.pointee.body.bytes)
    default: try emitRepr(v)
    }
  }

  private func emitUndefined(_ v: V) throws(Fault) {
    switch kind(v) {
    case .lenient, .chainable: return
    case .strict: throw undefinedError(v)
    case .debug:
      let o = v.undefinedObject?.pointee
      if let o, o.hint.tag == .str {
        try emit(string: "{{ undefined value printed: \(o.hint.text) }}")
      } else if let o, o.object.tag != .missing {
        let type = o.object.tag == .none ? "None" : "\(qualifiedName(o.object)) object"
        try emit(string: "{{ no such element: \(type)[\(reprText(o.name))] }}")
      } else {
        try emit(string: "{{ \(o?.name.text ?? "") }}")
      }
    }
  }

  /// A value's text as a string value; Markup stays Markup.
  func text(of v: V) throws(Fault) -> V {
    if v.tag == .str { return v }
    let mark = outCount
    try emitPlain(v)
    return try take(from: mark, markup: v.tag == .module)
  }

  // MARK: escaping

  func emitEscaped(_ p: UnsafePointer<UInt8>, _ n: Int) throws(Fault) {
    var i = 0
    var start = 0
    while i < n {
      let c = p[i]
      // `"` 22, `&` 26, `'` 27, `<` 3C, `>` 3E
      if c <= 0x3E, c == 0x22 || c == 0x26 || c == 0x27 || c == 0x3C || c == 0x3E {
        if i > start { try emit(p + start, i - start) }
        switch c {
        case 0x22: try emit("&#34;")
        case 0x26: try emit("&amp;")
        case 0x27: try emit("&#39;")
        case 0x3C: try emit("&lt;")
        default: try emit("&gt;")
        }
        start = i + 1
      }
      i += 1
    }
    if n > start { try emit(p + start, n - start) }
  }

  /// `markupsafe.escape`: Markup stays, everything else is escaped text.
  func escaped(_ v: V) throws(Fault) -> V {
    if v.isMarkup { return v }
    let s = try text(of: v)
    if s.isMarkup { return s }
    let mark = outCount
    try emitEscaped(s.chars, s.count)
    return try take(from: mark, markup: true)
  }

  // MARK: repr()

  func reprText(_ v: V) -> String {
    let mark = outCount
    defer { outCount = mark }
    do { try emitRepr(v) } catch { return "?" }
    return String(decoding: UnsafeBufferPointer(start: out + mark, count: outCount - mark), as: UTF8.self)
  }

  func emitRepr(_ v: V) throws(Fault) {
    switch v.tag {
    case .none: try emit("None")
    case .bool: if v.asBool { try emit("True") } else { try emit("False") }
    case .int:
      try reserve(24)
      outCount += writeInt(v.asInt, out + outCount)
    case .float:
      try reserve(40)
      outCount += writeFloat(v.asDouble, out + outCount)
    case .big:
      let b = bigValue(v)
      try burn(b.words * b.words / 8 + 1)
      let s = b.description
      if s.utf8.count > 4301 || (s.utf8.count == 4301 && !b.isNegative) {
        throw valueError("Exceeds the limit (4300 digits) for integer string conversion")
      }
      try emit(string: s)
    case .str:
      if v.isMarkup {
        try emit("Markup(")
        try emitStringRepr(v)
        try emit(")")
      } else {
        try emitStringRepr(v)
      }
    case .list, .tuple:
      depth += 1
      defer { depth -= 1 }
      if depth > maxDepth { throw fail("RecursionError", "maximum recursion depth exceeded while getting the repr of an object") }
      let isList = v.tag == .list
      let l = v.list
      try emit(byte: isList ? UInt8(ascii: "[") : UInt8(ascii: "("))
      for i in 0..<l.pointee.count {
        if i > 0 { try emit(", ") }
        try emitRepr(l.pointee.items[i])
      }
      if !isList, l.pointee.count == 1 { try emit(",") }
      try emit(byte: isList ? UInt8(ascii: "]") : UInt8(ascii: ")"))
    case .dict:
      depth += 1
      defer { depth -= 1 }
      if depth > maxDepth { throw fail("RecursionError", "maximum recursion depth exceeded while getting the repr of an object") }
      let d = v.dict
      try emit("{")
      for i in 0..<d.pointee.count {
        if i > 0 { try emit(", ") }
        try emitRepr(d.pointee.entries[i].key)
        try emit(": ")
        try emitRepr(d.pointee.entries[i].value)
      }
      try emit("}")
    case .view:
      try emit(v.flag == 0 ? "dict_keys(" : v.flag == 1 ? "dict_values(" : "dict_items(")
      let l = try listed(v)
      try emitRepr(l)
      try emit(")")
    case .range:
      let r = v.rangeObject
      try emit(string: r.step == 1 ? "range(\(r.start), \(r.stop))" : "range(\(r.start), \(r.stop), \(r.step))")
    case .undefined: try emit("Undefined")
    case .namespace:
      try emit("<Namespace ")
      try emitRepr(v.viewed)
      try emit(">")
    case .macro:
      let m = v.macro.pointee
      let name = m.program.takeUnretainedValue().functionTable[m.function].name
      try emit("<Macro ")
      if name.tag == .str { try emitRepr(name) } else { try emit("anonymous") }
      try emit(">")
    case .loop:
      let l = v.loop
      try emit(string: "<LoopContext \(l.pointee.index0 + 1)/\(try loopField(l, .length, currentFrame).asInt)>")
    case .module:
      try emit("<TemplateModule ")
      try emitRepr(v.module.pointee.name)
      try emit(">")
    case .selfReference: try emit("<TemplateReference None>")
    case .generator:
      // Python prints an address here, which nobody can want in a prompt.
      throw typeError("a lazy filter result has no text; use `| list` or `| join` first")
    case .function, .method, .cycler, .joiner, .block:
      throw typeError("a \(typeName(v)) has no text; was a call `()` meant?")
    case .missing, .lazy: break
    }
  }

  func emitStringRepr(_ v: V) throws(Fault) {
    let p = v.chars
    let n = v.count
    var single = false
    var double = false
    for i in 0..<n {
      if p[i] == UInt8(ascii: "'") { single = true }
      if p[i] == UInt8(ascii: "\"") { double = true }
    }
    let quote = single && !double ? UInt8(ascii: "\"") : UInt8(ascii: "'")
    try emit(byte: quote)
    var i = 0
    while i < n {
      let c = p[i]
      if c >= 0x20, c < 0x7F {
        if c == quote || c == UInt8(ascii: "\\") { try emit(byte: UInt8(ascii: "\\")) }
        try emit(byte: c)
        i += 1
        continue
      }
      let (s, k) = decodeScalar(p + i, n - i)
      switch s {
      case 10: try emit("\\n")
      case 13: try emit("\\r")
      case 9: try emit("\\t")
      default:
        if isPrintable(s) {
          try emit(p + i, k)
        } else {
          try emitEscape(s)
        }
      }
      i += k
    }
    try emit(byte: quote)
  }

  /// A code point as `repr` and `ascii` write what they do not show: `\x`, `\u` or `\U` and as many digits as it takes.
  func emitEscape(_ s: UInt32) throws(Fault) {
    if s < 0x100 {
      try emit("\\x")
      try emitHex(s, 2)
    } else if s < 0x10000 {
      try emit("\\u")
      try emitHex(s, 4)
    } else {
      try emit("\\U")
      try emitHex(s, 8)
    }
  }

  func emitHex(_ v: UInt32, _ digits: Int) throws(Fault) {
    for k in (0..<digits).reversed() {
      let h = UInt8(truncatingIfNeeded: v >> UInt32(k * 4)) & 15
      try emit(byte: h < 10 ? 48 + h : 87 + h)
    }
  }
}

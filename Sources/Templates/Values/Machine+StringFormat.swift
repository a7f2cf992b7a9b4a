/// `str.format` and `str.format_map`.
extension Machine {
  /// A `{` field's arguments: positional and named.
  private struct Fields {
    var positional: [V]
    var named: (V) -> V?
  }

  func formatMethod(_ v: V, _ a: Args) throws(Fault) -> V {
    let fields = Fields(positional: (0..<a.count).map { a.base[$0] }) { name in
      for i in 0..<a.namedCount where sameBytes(a.name(i), name) { return a.namedValue(i) }
      return nil
    }
    var next = 0
    let mark = outCount
    try format(Array(v.bytes), fields, &next, v.isMarkup, 2)
    try growth(mark)
    return try take(from: mark, markup: v.isMarkup)
  }

  func formatMap(_ v: V, _ map: V) throws(Fault) -> V {
    let fields = Fields(positional: []) { name in map.tag == .dict ? self.lookup(map.dict, name) : nil }
    var next = 0
    let mark = outCount
    try format(Array(v.bytes), fields, &next, v.isMarkup, 2)
    return try take(from: mark, markup: v.isMarkup)
  }

  private func format(_ f: [UInt8], _ fields: Fields, _ next: inout Int, _ markup: Bool, _ level: Int) throws(Fault) {
    if level < 0 { throw valueError("Max string recursion exceeded") }
    var i = 0
    while i < f.count {
      let c = f[i]
      if c == UInt8(ascii: "{") || c == UInt8(ascii: "}") {
        if i + 1 < f.count, f[i + 1] == c {
          try emit(byte: c)
          i += 2
          continue
        }
        if c == UInt8(ascii: "}") { throw valueError("Single '}' encountered in format string") }
        if i + 1 >= f.count { throw valueError("Single '{' encountered in format string") }
        var depth = 1
        var e = i + 1
        while e < f.count, depth > 0 {
          if f[e] == UInt8(ascii: "{") { depth += 1 }
          if f[e] == UInt8(ascii: "}") { depth -= 1 }
          // Brackets shield braces in `{a[}]}`; Python scans them the same way.
          e += 1
        }
        if depth > 0 { throw valueError("expected '}' before end of string") }
        try field(Array(f[(i + 1)..<(e - 1)]), fields, &next, markup, level)
        i = e
        continue
      }
      try emit(byte: c)
      i += 1
    }
  }

  private func field(_ f: [UInt8], _ fields: Fields, _ next: inout Int, _ markup: Bool, _ level: Int) throws(Fault) {
    // name [! conversion] [: spec]
    var i = 0
    var bracket = 0
    while i < f.count {
      if f[i] == UInt8(ascii: "[") { bracket += 1 }
      if f[i] == UInt8(ascii: "]") { bracket = 0 }
      if bracket == 0, f[i] == UInt8(ascii: "!") || f[i] == UInt8(ascii: ":") { break }
      if f[i] == UInt8(ascii: "{") { throw valueError("unexpected '{' in field name") }
      i += 1
    }
    let name = Array(f[0..<i])
    var conversion: UInt8 = 0
    if i < f.count, f[i] == UInt8(ascii: "!") {
      guard i + 1 < f.count else { throw valueError("end of string while looking for conversion specifier") }
      conversion = f[i + 1]
      i += 2
      if i < f.count, f[i] != UInt8(ascii: ":") { throw valueError("expected ':' after conversion specifier") }
    }
    var specText: [UInt8] = i < f.count ? Array(f[(i + 1)...]) : []
    // The first part of the name.
    var e = 0
    while e < name.count, name[e] != UInt8(ascii: "."), name[e] != UInt8(ascii: "[") { e += 1 }
    let first = Array(name[0..<e])
    var v: V
    // `{.x}` and `{[k]}` are numbered by `str.format` itself, but not by Python's `string.Formatter`, which the sandbox uses: they read the name ''.
    if name.isEmpty || (!first.isEmpty && first.allSatisfy({ $0 >= 48 && $0 <= 57 })) {
      let index: Int
      if first.isEmpty {
        if next < 0 { throw valueError("cannot switch from manual field specification to automatic field numbering") }
        index = next
        next += 1
      } else {
        if next > 0 { throw valueError("cannot switch from automatic field numbering to manual field specification") }
        next = -1
        index = first.reduce(0) { min($0 * 10 + Int($1 - 48), 1 << 30) }
      }
      guard index < fields.positional.count else {
        throw fail("IndexError", "Replacement index \(index) out of range for positional args tuple")
      }
      v = fields.positional[index]
    } else {
      guard let x = fields.named(try string(first)) else { throw fail("KeyError", "'\(String(decoding: first, as: UTF8.self))'") }
      v = x
    }
    while e < name.count {
      if name[e] == UInt8(ascii: ".") {
        var k = e + 1
        while k < name.count, name[k] != UInt8(ascii: "."), name[k] != UInt8(ascii: "[") { k += 1 }
        if k == e + 1 { throw valueError("Empty attribute in format string") }
        v = try attribute(v, try string(Array(name[(e + 1)..<k])))
        e = k
      } else if name[e] == UInt8(ascii: "[") {
        guard let k = name[e...].firstIndex(of: UInt8(ascii: "]")) else { throw valueError("Missing ']' in format string") }
        let key = Array(name[(e + 1)..<k])
        if key.isEmpty { throw valueError("Empty attribute in format string") }
        let isIndex = key.allSatisfy { $0 >= 48 && $0 <= 57 }
        v = try item(v, isIndex ? .int(key.reduce(0) { min($0 * 10 + Int($1 - 48), 1 << 40) }) : try string(key))
        e = k + 1
      } else {
        throw valueError("Only '.' or '[' may follow ']' in format field specifier")
      }
    }
    switch conversion {
    case 0: break
    case UInt8(ascii: "s"): v = try text(of: v).withoutMarkup
    case UInt8(ascii: "r"), UInt8(ascii: "a"):
      let mark = outCount
      try emitRepr(v)
      v = try take(from: mark)
      if conversion == UInt8(ascii: "a") { v = try asciiOnly(v) }
    default: throw valueError("Unknown conversion specifier \(Unicode.Scalar(conversion))")
    }
    if specText.contains(UInt8(ascii: "{")) {
      let mark = outCount
      try format(specText, fields, &next, false, level - 1)
      specText = Array(try take(from: mark).bytes)
    }
    if markup {
      if v.isMarkup {
        if !specText.isEmpty { throw valueError("Unsupported format specification for Markup.") }
        return try emit(v.chars, v.count)
      }
      let mark = outCount
      try formatValue(v, specText)
      let s = try take(from: mark)
      return try emitEscaped(s.chars, s.count)
    }
    try formatValue(v, specText)
  }
}

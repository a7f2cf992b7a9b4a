// Python's `%`, `str.format` and the format mini-language.

/// The parts of a format specification: `*>+#010,.2f`.
struct FormatSpec {
  var fill: UInt32 = 32
  var align: UInt8 = 0
  var sign: UInt8 = UInt8(ascii: "-")
  var alternate = false
  var zero = false
  var noNegativeZero = false
  var width = 0
  var grouping: UInt8 = 0
  var precision = -1
  var type: UInt8 = 0
}

extension Machine {
  /// No field may be padded beyond this.
  static let maxWidth = 1 << 24

  // MARK: %

  func percentFormat(_ format: V, _ argument: V) throws(Fault) -> V {
    let f = Array(format.bytes)
    let markup = format.isMarkup
    var position = 0
    let isTuple = argument.tag == .tuple
    let arguments: [V] = isTuple ? (0..<argument.list.pointee.count).map { argument.list.pointee.items[$0] } : [argument]
    // Anything with items but a string or tuple may be asked by key.
    let isMapping: Bool
    switch argument.tag {
    case .dict, .list, .range, .undefined, .namespace: isMapping = true
    default: isMapping = false
    }
    var usedMapping = false
    func nextArgument() throws(Fault) -> V {
      guard position < arguments.count else { throw typeError("not enough arguments for format string") }
      position += 1
      return arguments[position - 1]
    }
    let mark = outCount
    var i = 0
    while i < f.count {
      if f[i] != UInt8(ascii: "%") {
        var e = i
        while e < f.count, f[e] != UInt8(ascii: "%") { e += 1 }
        for k in i..<e { try emit(byte: f[k]) }
        i = e
        continue
      }
      i += 1
      var key: V?
      if i < f.count, f[i] == UInt8(ascii: "(") {
        var level = 1
        let start = i + 1
        i += 1
        while i < f.count, level > 0 {
          if f[i] == UInt8(ascii: "(") { level += 1 }
          if f[i] == UInt8(ascii: ")") { level -= 1 }
          i += 1
        }
        if level > 0 { throw valueError("incomplete format key") }
        guard isMapping else { throw typeError("format requires a mapping") }
        key = try string(Array(f[start..<(i - 1)]))
        usedMapping = true
      }
      var spec = FormatSpec()
      var left = false
      var plus = false
      var blank = false
      flags: while i < f.count {
        switch f[i] {
        case UInt8(ascii: "-"): left = true
        case UInt8(ascii: "+"): plus = true
        case UInt8(ascii: " "): blank = true
        case UInt8(ascii: "#"): spec.alternate = true
        case UInt8(ascii: "0"): spec.zero = true
        default: break flags
        }
        i += 1
      }
      func number() throws(Fault) -> Int {
        if i < f.count, f[i] == UInt8(ascii: "*") {
          i += 1
          let v = try nextArgument()
          guard v.isIntLike else { throw typeError("* wants int") }
          return v.asInt
        }
        var n = 0
        while i < f.count, f[i] >= 48, f[i] <= 57 {
          n = n * 10 + Int(f[i] - 48)
          if n > Machine.maxWidth { throw fail("LimitError", "a format's width is larger than \(Machine.maxWidth)") }
          i += 1
        }
        return n
      }
      spec.width = try number()
      if spec.width < -Machine.maxWidth { throw fail("LimitError", "a format's width is larger than \(Machine.maxWidth)") }
      if spec.width < 0 {
        left = true
        spec.width = -spec.width
      }
      if spec.width > Machine.maxWidth { throw fail("LimitError", "a format's width is larger than \(Machine.maxWidth)") }
      if i < f.count, f[i] == UInt8(ascii: ".") {
        i += 1
        spec.precision = max(0, try number())
      }
      while i < f.count, f[i] == UInt8(ascii: "l") || f[i] == UInt8(ascii: "h") || f[i] == UInt8(ascii: "L") { i += 1 }
      guard i < f.count else { throw valueError("incomplete format") }
      let c = f[i]
      i += 1
      if c == UInt8(ascii: "%") {
        try emit(byte: c)
        continue
      }
      let v: V
      if let key { v = try subscripted(argument, key) } else { v = try nextArgument() }
      spec.sign = plus ? UInt8(ascii: "+") : blank ? UInt8(ascii: " ") : UInt8(ascii: "-")
      spec.align = left ? UInt8(ascii: "<") : UInt8(ascii: ">")
      try conversion(c, v, spec, left: left, markup: markup)
      try growth(mark)
    }
    if !usedMapping, position < arguments.count, isTuple || !isMapping {
      throw typeError("not all arguments converted during string formatting")
    }
    return try take(from: mark, markup: markup)
  }

  private func subscripted(_ v: V, _ key: V) throws(Fault) -> V {
    switch v.tag {
    case .dict:
      guard let x = lookup(v.dict, key) else { throw fail("KeyError", reprText(key)) }
      return x
    case .undefined:
      if kind(v) == .chainable { return v }
      throw undefinedError(v)
    default: throw typeError("\(typeName(v)) indices must be integers or slices, not str")
    }
  }

  private func conversion(_ c: UInt8, _ v: V, _ spec: FormatSpec, left: Bool, markup: Bool) throws(Fault) {
    var text: [UInt8]
    var isNumber = true
    switch c {
    case UInt8(ascii: "s"), UInt8(ascii: "r"), UInt8(ascii: "a"):
      isNumber = false
      let mark = outCount
      if c == UInt8(ascii: "s") { try emitPlain(v) } else { try emitRepr(v) }
      var s = try take(from: mark)
      if c == UInt8(ascii: "a") { s = try asciiOnly(s) }
      if markup, !(c == UInt8(ascii: "s") && v.isMarkup) { s = try escaped(s) }
      if spec.precision >= 0 { s = try slice(s, .none, .int(spec.precision), .none) }
      text = Array(s.bytes)
    case UInt8(ascii: "c"):
      isNumber = false
      if v.tag == .str {
        guard countScalars(v.chars, v.count) == 1 else { throw typeError("%c requires int or char") }
        text = Array(v.bytes)
      } else if v.isIntLike {
        guard v.asInt >= 0, v.asInt < 0x110000 else { throw fail("OverflowError", "%c arg not in range(0x110000)") }
        let mark = outCount
        try emitRaw(UInt32(v.asInt))
        text = Array(try take(from: mark).bytes)
      } else {
        throw typeError("%c requires int or char")
      }
    case UInt8(ascii: "d"), UInt8(ascii: "i"), UInt8(ascii: "u"):
      var n = v
      if v.tag == .float { n = try truncated(v) }
      if v.tag == .undefined { throw undefinedError(v) }
      guard n.isNumber else { throw typeError("%\(Unicode.Scalar(c)) format: a real number is required, not \(typeName(v))") }
      text = try digits(n, 10, spec)
    case UInt8(ascii: "x"), UInt8(ascii: "X"), UInt8(ascii: "o"):
      guard v.isNumber, v.tag != .float else {
        throw typeError("%\(Unicode.Scalar(c)) format: an integer is required, not \(typeName(v))")
      }
      text = try digits(v, c == UInt8(ascii: "o") ? 8 : 16, spec)
      if spec.alternate {
        let negative = text.first == UInt8(ascii: "-")
        text.insert(contentsOf: c == UInt8(ascii: "o") ? [48, 111] : [48, 120], at: negative ? 1 : 0)
      }
      if c == UInt8(ascii: "X") { text = text.map { $0 >= 97 && $0 <= 122 ? $0 - 32 : $0 } }
    case UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "f"), UInt8(ascii: "F"), UInt8(ascii: "g"), UInt8(ascii: "G"):
      if v.tag == .undefined { throw undefinedError(v) }
      guard v.isNumber else { throw typeError("must be real number, not \(typeName(v))") }
      text = try floatText(try double(v), c, spec.precision < 0 ? 6 : spec.precision, spec.alternate)
    default:
      throw valueError("unsupported format character '\(Unicode.Scalar(c))' (0x\(String(c, radix: 16)))")
    }
    if isNumber, spec.sign != UInt8(ascii: "-"), text.first != UInt8(ascii: "-") { text.insert(spec.sign, at: 0) }
    let length = countText(text)
    if spec.width > length {
      let room = spec.width - length
      if left {
        try emit(bytes: text)
        try emit(fill: 32, room)
        return
      }
      if isNumber, spec.zero, !(text.contains(UInt8(ascii: "n")) || text.contains(UInt8(ascii: "N"))) {
        var at = 0
        if let s = text.first, s == UInt8(ascii: "-") || s == UInt8(ascii: "+") || s == UInt8(ascii: " ") { at = 1 }
        if text.count > at + 1, text[at] == 48, text[at + 1] | 0x20 == UInt8(ascii: "x") || text[at + 1] == UInt8(ascii: "o") { at += 2 }
        try emit(bytes: Array(text[0..<at]))
        try emit(fill: 48, room)
        try emit(bytes: Array(text[at...]))
        return
      }
      try emit(fill: 32, room)
    }
    try emit(bytes: text)
  }

  private func countText(_ b: [UInt8]) -> Int { b.withUnsafeBufferPointer { $0.isEmpty ? 0 : countScalars($0.baseAddress!, $0.count) } }

  func emit(bytes b: [UInt8]) throws(Fault) {
    try reserve(b.count)
    for c in b {
      out[outCount] = c
      outCount += 1
    }
  }

  private func emit(fill: UInt32, _ n: Int) throws(Fault) {
    for _ in 0..<n { try emitRaw(fill) }
  }

  private func asciiOnly(_ v: V) throws(Fault) -> V {
    let mark = outCount
    for s in scalars(v.bytes) {
      if s < 0x80 {
        try emit(byte: UInt8(s))
      } else if s < 0x100 {
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
    return try take(from: mark)
  }

  /// `int(float)`
  func truncated(_ v: V) throws(Fault) -> V {
    let d = v.asDouble
    if d.isNaN { throw valueError("cannot convert float NaN to integer") }
    if d.isInfinite { throw fail("OverflowError", "cannot convert float infinity to integer") }
    let t = d.rounded(.towardZero)
    return abs(t) < 9e18 ? .int(Int(t)) : big(BigInt(exactly: t))
  }

  /// An integer's digits with its sign; `%.5d` pads with zeros.
  private func digits(_ v: V, _ radix: UInt32, _ spec: FormatSpec) throws(Fault) -> [UInt8] {
    var text: [UInt8]
    let negative: Bool
    if v.tag == .big {
      let b = bigValue(v)
      try burn(b.words * b.words / 8 + 1)
      text = b.digits(radix: radix)
      if radix == 10, text.count > 4300 { throw valueError("Exceeds the limit (4300 digits) for integer string conversion") }
      negative = b.isNegative
    } else {
      text = Array(String(v.asInt.magnitude, radix: Int(radix)).utf8)
      negative = v.asInt < 0
    }
    if spec.precision > text.count {
      if spec.precision > Machine.maxWidth { throw fail("LimitError", "a format's precision is larger than \(Machine.maxWidth)") }
      text = Array(repeating: 48, count: spec.precision - text.count) + text
    }
    return negative ? [UInt8(ascii: "-")] + text : text
  }

  private func floatText(_ d: Double, _ c: UInt8, _ precision: Int, _ alternate: Bool) throws(Fault) -> [UInt8] {
    if precision > 100_000 { throw fail("LimitError", "a format's precision is larger than 100000") }
    let upper = c < 97
    if d.isNaN { return Array((upper ? "NAN" : "nan").utf8) }
    if d.isInfinite { return Array((d < 0 ? "-" : "").utf8) + Array((upper ? "INF" : "inf").utf8) }
    try burn(precision / 16 + 1)
    let text = formatDouble(d, Character(Unicode.Scalar(c | 0x20)), precision: precision, alternate: alternate)
    return upper ? text.map { $0 >= 97 && $0 <= 122 ? $0 - 32 : $0 } : text
  }

  // MARK: str.format

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
    if first.isEmpty || first.allSatisfy({ $0 >= 48 && $0 <= 57 }) {
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

  private func parse(_ f: [UInt8], _ type: String) throws(Fault) -> FormatSpec {
    var spec = FormatSpec()
    let s = f.withUnsafeBufferPointer { scalars($0) }
    var i = 0
    func isAlign(_ c: UInt32) -> Bool { c == 60 || c == 62 || c == 61 || c == 94 }
    if s.count >= 2, isAlign(s[1]) {
      spec.fill = s[0]
      spec.align = UInt8(s[1])
      i = 2
    } else if let c = s.first, isAlign(c) {
      spec.align = UInt8(c)
      i = 1
    }
    func at(_ c: Character) -> Bool {
      if i < s.count, s[i] == c.unicodeScalars.first!.value {
        i += 1
        return true
      }
      return false
    }
    if i < s.count, s[i] == 43 || s[i] == 45 || s[i] == 32 {
      spec.sign = UInt8(s[i])
      i += 1
    }
    if at("z") { spec.noNegativeZero = true }
    if at("#") { spec.alternate = true }
    if at("0") {
      spec.zero = true
      if spec.align == 0 {
        spec.fill = 48
        spec.align = UInt8(ascii: "=")
      } else if s.count < 2 || !isAlign(s[1]) {
        spec.fill = 48
      }
    }
    while i < s.count, s[i] >= 48, s[i] <= 57 {
      spec.width = spec.width * 10 + Int(s[i] - 48)
      if spec.width > Machine.maxWidth { throw fail("LimitError", "a format's width is larger than \(Machine.maxWidth)") }
      i += 1
    }
    if at(",") { spec.grouping = UInt8(ascii: ",") }
    if at("_") {
      if spec.grouping != 0 { throw valueError("Cannot specify both ',' and '_'.") }
      spec.grouping = UInt8(ascii: "_")
    }
    if at(".") {
      guard i < s.count, s[i] >= 48, s[i] <= 57 else { throw valueError("Format specifier missing precision") }
      spec.precision = 0
      while i < s.count, s[i] >= 48, s[i] <= 57 {
        spec.precision = spec.precision * 10 + Int(s[i] - 48)
        if spec.precision > Machine.maxWidth { throw fail("LimitError", "a format's precision is larger than \(Machine.maxWidth)") }
        i += 1
      }
    }
    if i < s.count {
      guard i + 1 == s.count, s[i] < 128 else { throw valueError("Invalid format specifier '\(String(decoding: f, as: UTF8.self))' for object of type '\(type)'") }
      spec.type = UInt8(s[i])
    }
    return spec
  }

  /// `format(value, spec)`
  func formatValue(_ v: V, _ f: [UInt8]) throws(Fault) {
    if f.isEmpty { return try emitPlain(v) }
    let type = typeName(v)
    func unknown(_ c: UInt8) -> Fault { valueError("Unknown format code '\(Unicode.Scalar(c))' for object of type '\(type)'") }
    switch v.tag {
    case .str:
      let spec = try parse(f, type)
      if spec.type != 0, spec.type != UInt8(ascii: "s") { throw unknown(spec.type) }
      if spec.sign != UInt8(ascii: "-") || f.contains(UInt8(ascii: "-")) && spec.align == 0 { throw valueError("Sign not allowed in string format specifier") }
      if spec.alternate { throw valueError("Alternate form (#) not allowed in string format specifier") }
      if spec.align == UInt8(ascii: "=") && !spec.zero { throw valueError("'=' alignment not allowed in string format specifier") }
      if spec.grouping != 0 { throw valueError("Cannot specify '\(Unicode.Scalar(spec.grouping))' with 's'.") }
      var s = v
      if spec.precision >= 0 { s = try slice(v, .none, .int(spec.precision), .none) }
      try emitAligned(Array(s.bytes), spec, default: UInt8(ascii: "<"), prefix: 0)
    case .int, .bool, .big:
      if v.tag == .bool, f.isEmpty { return try emitPlain(v) }
      var spec = try parse(f, type)
      switch spec.type {
      case 0, UInt8(ascii: "d"), UInt8(ascii: "n"), UInt8(ascii: "b"), UInt8(ascii: "o"), UInt8(ascii: "x"), UInt8(ascii: "X"), UInt8(ascii: "c"):
        if spec.precision >= 0 { throw valueError("Precision not allowed in integer format specifier") }
        if spec.type == UInt8(ascii: "c") {
          guard v.tag != .big, v.asInt >= 0, v.asInt < 0x110000 else { throw fail("OverflowError", "%c arg not in range(0x110000)") }
          let mark = outCount
          try emitRaw(UInt32(v.asInt))
          return try emitAligned(Array(try take(from: mark).bytes), spec, default: UInt8(ascii: "<"), prefix: 0)
        }
        let radix: UInt32 = spec.type == UInt8(ascii: "b") ? 2 : spec.type == UInt8(ascii: "o") ? 8 : spec.type | 0x20 == UInt8(ascii: "x") ? 16 : 10
        if spec.grouping == UInt8(ascii: ","), radix != 10 { throw valueError("Cannot specify ',' with '\(Unicode.Scalar(spec.type))'.") }
        spec.precision = -1
        var text = try digits(v.tag == .bool ? .int(v.asInt) : v, radix, spec)
        let negative = text.first == UInt8(ascii: "-")
        if negative { text.removeFirst() }
        if spec.type == UInt8(ascii: "X") { text = text.map { $0 >= 97 ? $0 - 32 : $0 } }
        var prefix: [UInt8] = negative ? [UInt8(ascii: "-")] : spec.sign == UInt8(ascii: "-") ? [] : [spec.sign]
        if spec.alternate, radix != 10 { prefix += [48, spec.type] }
        try emitNumber(prefix, text, [], spec, radix == 10 ? 3 : 4)
      case UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "f"), UInt8(ascii: "F"), UInt8(ascii: "g"), UInt8(ascii: "G"), UInt8(ascii: "%"):
        try formatFloat(try double(v), spec)
      default: throw unknown(spec.type)
      }
    case .float:
      let spec = try parse(f, type)
      switch spec.type {
      case 0, UInt8(ascii: "n"), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "f"), UInt8(ascii: "F"), UInt8(ascii: "g"), UInt8(ascii: "G"), UInt8(ascii: "%"):
        try formatFloat(v.asDouble, spec)
      default: throw unknown(spec.type)
      }
    default: throw typeError("unsupported format string passed to \(type).__format__")
    }
  }

  private func formatFloat(_ d: Double, _ spec: FormatSpec) throws(Fault) {
    var value = d
    var text: [UInt8]
    switch spec.type {
    case 0:
      if spec.precision < 0 {
        text = Array(pythonFloat(d).utf8)
      } else {
        // Like `g`, but with at least one digit after the point.
        text = try floatText(d, UInt8(ascii: "g"), max(1, spec.precision), spec.alternate)
        if d.isFinite, !text.contains(UInt8(ascii: ".")), !text.contains(UInt8(ascii: "e")) {
          let digits = text.count - (text.first == UInt8(ascii: "-") ? 1 : 0)
          if digits >= max(1, spec.precision), digits > 0, abs(d) >= 1, digits == spec.precision {
            // As many digits before the point as were asked for: Python turns to the exponent form.
            text = try floatText(d, UInt8(ascii: "e"), max(0, spec.precision - 1), false)
            if let e = text.firstIndex(of: UInt8(ascii: "e")), let dot = text[..<e].firstIndex(of: UInt8(ascii: ".")) {
              var last = e
              while last > dot + 1, text[last - 1] == 48 { last -= 1 }
              if last == dot + 1 { last = dot }
              text.removeSubrange(last..<e)
            }
          } else {
            text += [UInt8(ascii: "."), 48]
          }
        }
      }
    case UInt8(ascii: "%"):
      value = d * 100
      text = try floatText(value, UInt8(ascii: "f"), spec.precision < 0 ? 6 : spec.precision, spec.alternate)
    default:
      let c = spec.type == UInt8(ascii: "n") ? UInt8(ascii: "g") : spec.type
      var precision = spec.precision < 0 ? 6 : spec.precision
      if c | 0x20 == UInt8(ascii: "g"), precision == 0 { precision = 1 }
      text = try floatText(d, c, precision, spec.alternate)
    }
    var negative = text.first == UInt8(ascii: "-")
    if negative { text.removeFirst() }
    if negative, spec.noNegativeZero, !text.contains(where: { $0 >= 49 && $0 <= 57 }) { negative = false }
    let prefix: [UInt8] = negative ? [UInt8(ascii: "-")] : spec.sign == UInt8(ascii: "-") ? [] : [spec.sign]
    let whole = text.firstIndex { !($0 >= 48 && $0 <= 57) } ?? text.count
    var tail = Array(text[whole...])
    if spec.type == UInt8(ascii: "%") { tail.append(UInt8(ascii: "%")) }
    try emitNumber(prefix, Array(text[0..<whole]), tail, spec, 3)
  }

  private func emitNumber(_ prefix: [UInt8], _ whole: [UInt8], _ tail: [UInt8], _ spec: FormatSpec, _ group: Int) throws(Fault) {
    var digits = whole
    if spec.grouping != 0, !whole.isEmpty {
      // With zero padding the zeros are grouped too.
      let zeroFill = spec.fill == 48 && spec.align == UInt8(ascii: "=")
      func grouped(_ d: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        for (i, c) in d.enumerated() {
          if i > 0, (d.count - i) % group == 0 { out.append(spec.grouping) }
          out.append(c)
        }
        return out
      }
      if zeroFill {
        var padded = whole
        while prefix.count + grouped(padded).count + tail.count < spec.width {
          padded.insert(48, at: 0)
          if padded.count > 4096 { break }
        }
        digits = grouped(padded)
        if prefix.count + digits.count + tail.count > spec.width, digits.first == spec.grouping { digits.removeFirst() }
      } else {
        digits = grouped(whole)
      }
    }
    try emitAligned(prefix + digits + tail, spec, default: UInt8(ascii: ">"), prefix: prefix.count)
  }

  private func emitAligned(_ text: [UInt8], _ spec: FormatSpec, default align: UInt8, prefix: Int) throws(Fault) {
    let length = countText(text)
    let room = spec.width - length
    if room <= 0 { return try emit(bytes: text) }
    try burn(room / 64)
    switch spec.align == 0 ? align : spec.align {
    case UInt8(ascii: "<"):
      try emit(bytes: text)
      try emit(fill: spec.fill, room)
    case UInt8(ascii: "^"):
      try emit(fill: spec.fill, room / 2)
      try emit(bytes: text)
      try emit(fill: spec.fill, room - room / 2)
    case UInt8(ascii: "="):
      // A string padded with zeros is aligned to the left.
      if align == UInt8(ascii: "<") {
        try emit(bytes: text)
        return try emit(fill: spec.fill, room)
      }
      try emit(bytes: Array(text[0..<prefix]))
      try emit(fill: spec.fill, room)
      try emit(bytes: Array(text[prefix...]))
    default:
      try emit(fill: spec.fill, room)
      try emit(bytes: text)
    }
  }
}

/// Python's `%` on strings.
extension Machine {
  func percentFormat(_ format: V, _ argument: V) throws(Fault) -> V {
    let f = Array(format.bytes)
    let markup = format.isMarkup
    var position = 0
    let isTuple = argument.tag == .tuple
    let arguments: [V] = isTuple ? (0..<argument.list.pointee.count).map { argument.list.pointee.items[$0] } : [argument]
    // Anything with items but a string or tuple may be asked by key.
    let isMapping: Bool
    switch argument.tag {
    case .dict, .list, .range, .undefined: isMapping = true
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

  /// An integer's digits with its sign; `%.5d` pads with zeros.
  func digits(_ v: V, _ radix: UInt32, _ spec: FormatSpec) throws(Fault) -> [UInt8] {
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

  func floatText(_ d: Double, _ c: UInt8, _ precision: Int, _ alternate: Bool) throws(Fault) -> [UInt8] {
    if precision > 100_000 { throw fail("LimitError", "a format's precision is larger than 100000") }
    let upper = c < 97
    if d.isNaN { return Array((upper ? "NAN" : "nan").utf8) }
    if d.isInfinite { return Array((d < 0 ? "-" : "").utf8) + Array((upper ? "INF" : "inf").utf8) }
    try burn(precision / 16 + 1)
    let text = formatDouble(d, Character(Unicode.Scalar(c | 0x20)), precision: precision, alternate: alternate)
    return upper ? text.map { $0 >= 97 && $0 <= 122 ? $0 - 32 : $0 } : text
  }
}

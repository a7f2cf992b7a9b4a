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
      if spec.noNegativeZero { throw valueError("Negative zero coercion (z) not allowed in string format specifier") }
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
        if spec.noNegativeZero { throw valueError("Negative zero coercion (z) not allowed in integer format specifier") }
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

  func countText(_ b: [UInt8]) -> Int { b.withUnsafeBufferPointer { $0.isEmpty ? 0 : countScalars($0.baseAddress!, $0.count) } }

  func emit(bytes b: [UInt8]) throws(Fault) {
    try reserve(b.count)
    for c in b {
      out[outCount] = c
      outCount += 1
    }
  }

  func emit(fill: UInt32, _ n: Int) throws(Fault) {
    for _ in 0..<n { try emitRaw(fill) }
  }

  func asciiOnly(_ v: V) throws(Fault) -> V {
    let mark = outCount
    for s in scalars(v.bytes) {
      if s < 0x80 {
        try emit(byte: UInt8(s))
      } else {
        try emitEscape(s)
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
}

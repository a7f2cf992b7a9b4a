extension Machine {
  func titleFilter(_ v: V) throws(Fault) -> V {
    if isASCII(v.chars, v.count) {
      let q = try allocate(v.count).assumingMemoryBound(to: UInt8.self)
      var start = true
      for i in 0..<v.count {
        let c = v.chars[i]
        let separator = c == 45 || c == 40 || c == 123 || c == 91 || c == 60 || c == 32 || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F)
        q[i] = separator ? c : start ? upperASCII(c) : lowerASCII(c)
        start = separator
      }
      return V.str(UnsafePointer(q), v.count)
    }
    let mark = outCount
    let s = scalars(v.bytes)
    var word: [UInt32] = []
    func flush() throws(Fault) {
      guard !word.isEmpty else { return }
      let head = try upper(try encoded([word[0]]))
      try emit(head.bytes)
      let tail = try lower(try encoded(Array(word[1...])))
      try emit(tail.bytes)
      word = []
    }
    for c in s {
      let separator = c == 45 || c == 40 || c == 123 || c == 91 || c == 60 || isPythonSpace(c)
      if separator {
        try flush()
        try emitRaw(c)
      } else {
        word.append(c)
      }
    }
    try flush()
    return try take(from: mark)
  }

  func encoded(_ s: [UInt32]) throws(Fault) -> V {
    let p = try allocate(s.count * 4 + 1).assumingMemoryBound(to: UInt8.self)
    var o = 0
    for c in s { o += encode(c, to: p + o) }
    return V.str(UnsafePointer(p), o)
  }

  /// Writes the items with the separator between them; only right where nothing is escaped.
  func emitJoined(_ v: V, _ d: V, _ path: V) throws(Fault) {
    let mark = outCount
    var it = try iterate(v)
    let byPath = path.tag != .missing && path.tag != .none
    let separator = d.tag == .missing ? V.empty : try text(of: d)
    var first = true
    while var x = try next(&it) {
      if byPath { x = try attribute(path: path, of: x, fallback: .missing) }
      if !first { try emit(separator.chars, separator.count) }
      if x.tag == .str { try emit(x.chars, x.count) } else { try emitPlain(x) }
      first = false
    }
    try growth(mark)
  }

  func joinFilter(_ v: V, _ d: V, _ path: V) throws(Fault) -> V {
    let mark = outCount
    if !autoescape {
      try emitJoined(v, d, path)
      return try take(from: mark)
    }
    var it = try iterate(v)
    let byPath = path.tag != .missing && path.tag != .none
    var items: [V] = []
    var markup = d.isMarkup
    while var x = try next(&it) {
      if byPath { x = try attribute(path: path, of: x, fallback: .missing) }
      let t = try text(of: x)
      items.append(t)
      if t.isMarkup { markup = true }
    }
    var separator = d.tag == .missing ? V.empty : try text(of: d)
    if markup { separator = try escaped(separator) }
    for (i, x) in items.enumerated() {
      if i > 0 { try emit(separator.chars, separator.count) }
      if markup, !x.isMarkup { try emitEscaped(x.chars, x.count) } else { try emit(x.chars, x.count) }
    }
    try growth(mark)
    return try take(from: mark, markup: markup)
  }

  func replaceFilter(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    let limit = p[2].tag == .missing || p[2].tag == .none ? -1 : try number(p[2], -1)
    var s = try text(of: v)
    let old = try text(of: p[0])
    var new = try text(of: p[1])
    if !autoescape { return try replace(s.withoutMarkup, old, new, limit) }
    if p[0].isMarkup || (p[1].isMarkup && !s.isMarkup) { s = try escaped(s) }
    if s.isMarkup { new = try escaped(new) }
    return try replace(s, old, new, limit)
  }

  private func requireText(_ v: V, _ message: @autoclosure () -> String) throws(Fault) {
    guard v.tag == .str else {
      if v.tag == .undefined { throw undefinedError(v) }
      throw typeError(message())
    }
  }

  func indent(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    let first = try flag(p[1], false)
    let blank = try flag(p[2], false)
    var indention: V
    if p[0].tag == .str {
      indention = p[0]
    } else {
      if p[0].tag != .missing, !p[0].isIntLike {
        if p[0].tag == .undefined { throw undefinedError(p[0]) }
        throw typeError("can't multiply sequence by non-int of type '\(typeName(p[0]))'")
      }
      indention = try multiply(try string(" "), .int(try number(p[0], 4)))
    }
    try requireText(v, "unsupported operand type(s) for +=: '\(typeName(v))' and 'str'")
    // With Markup in play the indention is taken as safe, as Jinja2 does; a Markup indention of plain text escapes the text.
    var s = v
    var markup = v.isMarkup
    if !markup, indention.isMarkup { markup = false }
    if indention.isMarkup, !v.isMarkup { indention = indention.withoutMarkup }
    s = try join(s, try string("\n"))
    let lines = try splitlines(s, keepEnds: false)
    let mark = outCount
    let l = lines.list
    for i in 0..<l.pointee.count {
      let line = l.pointee.items[i]
      if i > 0 { try emit(byte: 10) }
      if i == 0 ? first : (blank || line.count > 0) { try emit(indention.chars, indention.count) }
      try emit(line.chars, line.count)
    }
    try growth(mark)
    return try take(from: mark, markup: markup)
  }

  func truncate(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    let leeway = p[3].tag == .missing || p[3].tag == .none ? environment.options.policies.truncateLeeway : try number(p[3], 0)
    if p[0].tag == .undefined { throw undefinedError(p[0]) }
    let length = try number(p[0], 255)
    let kill = try flag(p[1], false)
    let end = p[2].tag == .missing ? try string("...") : p[2]
    guard let tail = count(end) else {
      if end.tag == .undefined { throw undefinedError(end) }
      throw typeError("object of type '\(typeName(end))' has no len()")
    }
    if length < tail { throw fail("AssertionError", "expected length >= \(tail), got \(length)") }
    if leeway < 0 { throw fail("AssertionError", "expected leeway >= 0, got \(leeway)") }
    guard let n = count(v) else {
      if v.tag == .undefined { throw undefinedError(v) }
      throw typeError("object of type '\(typeName(v))' has no len()")
    }
    if n - length <= leeway { return v }
    let head = try slice(v, .none, .int(length - tail), .none)
    if kill { return try add(head, end) }
    try requireText(head, "'\(typeName(v))' object has no attribute 'rsplit'")
    let parts = try split(head, try string(" "), 1, fromRight: true)
    return try add(parts.list.pointee.items[0], end)
  }

  func wordcount(_ v: V) -> Int {
    var n = 0
    var inside = false
    for s in scalars(v.bytes) {
      let word = s == 95 || CharacterClass.isAlpha(s) || CharacterClass.isNumeric(s) || CharacterClass.isDecimal(s)
      if word, !inside { n += 1 }
      inside = word
    }
    return n
  }

  // MARK: wordwrap, after Python's textwrap

  func wordwrap(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    if p[0].tag == .undefined { throw undefinedError(p[0]) }
    let width = try number(p[0], 79)
    let breakLong = try flag(p[1], true)
    let hyphens = try flag(p[3], true)
    guard v.tag == .str else {
      if v.tag == .undefined { throw undefinedError(v) }
      throw fail("AttributeError", "'\(typeName(v))' object has no attribute 'splitlines'")
    }
    var joint = p[2].tag == .missing || p[2].tag == .none ? try string(environment.options.newlineSequence) : p[2]
    guard joint.tag == .str else { throw fail("AttributeError", "'\(typeName(joint))' object has no attribute 'join'") }
    let markup = joint.isMarkup
    joint = joint.withoutMarkup
    let lines = try splitlines(v.withoutMarkup, keepEnds: false)
    let mark = outCount
    for i in 0..<lines.list.pointee.count {
      if i > 0 { try emit(joint.chars, joint.count) }
      let text = scalars(lines.list.pointee.items[i].bytes)
      try burn(text.count / 8 + 1)
      var wrapped: [[UInt32]] = []
      let pieces = hyphens ? TextWrap.chunks(text) : TextWrap.simpleChunks(text)
      guard TextWrap.wrap(pieces, width: width, breakLong: breakLong, hyphens: hyphens, into: &wrapped) else {
        throw valueError("invalid width \(width) (must be > 0)")
      }
      for (k, line) in wrapped.enumerated() {
        if k > 0 { try emit(joint.chars, joint.count) }
        for c in line {
          if markup, c < 128 {
            var b = UInt8(c)
            try emitEscaped(&b, 1)
          } else {
            try emitRaw(c)
          }
        }
      }
    }
    try growth(mark)
    return try take(from: mark, markup: markup)
  }
}

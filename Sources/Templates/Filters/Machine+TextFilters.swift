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

  private func encoded(_ s: [UInt32]) throws(Fault) -> V {
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

  // MARK: HTML

  func striptags(_ v: V) throws(Fault) -> V {
    var b = Array(try text(of: v).bytes)
    func cut(_ open: [UInt8], _ close: [UInt8]) {
      // One pass: what is cut cannot make a new opening before the cut, as the search starts over in Python with the same result.
      while true {
        guard let s = TextWrap.find(b, open, 0), let e = TextWrap.find(b, close, s) else { return }
        b.removeSubrange(s..<(e + close.count))
      }
    }
    try burn(b.count / 8 + 1)
    if b.count > 1 << 16 { try burn(b.count * b.filter { $0 == UInt8(ascii: "<") }.count / 256) }
    cut(Array("<!--".utf8), Array("-->".utf8))
    cut([UInt8(ascii: "<")], [UInt8(ascii: ">")])
    let words = try split(try string(b), .none, -1, fromRight: false)
    let mark = outCount
    for i in 0..<words.list.pointee.count {
      if i > 0 { try emit(byte: 32) }
      try emit(words.list.pointee.items[i].bytes)
    }
    let joined = try take(from: mark)
    return try unescapeHTML(joined)
  }

  func unescapeHTML(_ v: V) throws(Fault) -> V {
    let b = Array(v.bytes)
    guard b.contains(UInt8(ascii: "&")) else { return v }
    let mark = outCount
    var i = 0
    while i < b.count {
      if b[i] == UInt8(ascii: "&"), let (s, n) = HTMLEntities.decode(b, i) {
        for c in s { try emitRaw(c) }
        i += n
      } else {
        try emit(byte: b[i])
        i += 1
      }
    }
    return try take(from: mark)
  }

  private func quote(_ v: V, _ forQuery: Bool) throws(Fault) {
    let s = try text(of: v)
    let hex = Array("0123456789ABCDEF".utf8)
    for c in s.bytes {
      switch c {
      case 48...57, 65...90, 97...122, UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "~"): try emit(byte: c)
      case UInt8(ascii: "/") where !forQuery: try emit(byte: c)
      case UInt8(ascii: " ") where forQuery: try emit(byte: UInt8(ascii: "+"))
      default:
        try emit(byte: UInt8(ascii: "%"))
        try emit(byte: hex[Int(c >> 4)])
        try emit(byte: hex[Int(c & 15)])
      }
    }
  }

  func urlencode(_ v: V) throws(Fault) -> V {
    let mark = outCount
    switch v.tag {
    case .list, .tuple, .dict, .range, .generator, .view, .undefined, .loop:
      var it = try iterate(v.tag == .dict ? V(.view, bits: v.bits, flag: 2) : v)
      var i = 0
      while let pair = try next(&it) {
        if i > 0 { try emit("&") }
        guard isIterable(pair) else { throw typeError("cannot unpack non-iterable \(typeName(pair)) object") }
        let l = try listed(pair)
        guard l.list.pointee.count == 2 else { throw valueError("not enough values to unpack (expected 2, got \(l.list.pointee.count))") }
        try quote(l.list.pointee.items[0], true)
        try emit("=")
        try quote(l.list.pointee.items[1], true)
        i += 1
      }
    default: try quote(v, false)
    }
    try growth(mark)
    return try take(from: mark)
  }

  func xmlattr(_ v: V, _ autospace: Bool) throws(Fault) -> V {
    guard v.tag == .dict else {
      if v.tag == .undefined { throw undefinedError(v) }
      throw fail("AttributeError", "'\(typeName(v))' object has no attribute 'items'")
    }
    let mark = outCount
    let d = v.dict
    for i in 0..<d.pointee.count {
      let e = d.pointee.entries[i]
      if e.value.tag == .none || e.value.tag == .undefined { continue }
      guard e.key.tag == .str else { throw typeError("expected string or bytes-like object, got '\(typeName(e.key))'") }
      for c in e.key.bytes where c == 0x20 || (c >= 9 && c <= 13) || c == UInt8(ascii: "/") || c == UInt8(ascii: ">") || c == UInt8(ascii: "=") {
        throw valueError("Invalid character in attribute name: \(reprText(e.key))")
      }
      if outCount > mark || autospace { try emit(" ") }
      let k = try escaped(e.key)
      try emit(k.chars, k.count)
      try emit("=\"")
      let x = try escaped(e.value)
      try emit(x.chars, x.count)
      try emit("\"")
    }
    return try take(from: mark, markup: autoescape)
  }

  func urlize(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    let limit = p[0].tag == .missing || p[0].tag == .none ? nil : try number(p[0], 0)
    var rel: Set<String> = []
    func words(_ s: String) -> [String] { s.split(whereSeparator: { $0 == " " || $0 == "\n" || $0 == "\t" }).map(String.init) }
    if p[3].tag == .str { rel.formUnion(words(p[3].text)) }
    if try flag(p[1], false) { rel.insert("nofollow") }
    if let r = environment.options.policies.urlizeRel { rel.formUnion(words(r)) }
    var target: V = p[2]
    if target.tag == .missing || target.tag == .none { target = try environment.options.policies.urlizeTarget.map { (s) throws(Fault) in try string(s) } ?? .none }
    var schemes = environment.options.policies.urlizeExtraSchemes
    if p[4].tag != .missing, p[4].tag != .none {
      let l = try listed(p[4])
      schemes = (0..<l.list.pointee.count).map { l.list.pointee.items[$0].tag == .str ? l.list.pointee.items[$0].text : "" }
    }
    for s in schemes where !URLize.isScheme(s) { throw fail("FilterArgumentError", "'\(s)' is not a valid URI scheme prefix.") }
    let mark = outCount
    var relAttribute = ""
    if !rel.isEmpty { relAttribute = " rel=\"\(try escaped(try string(rel.sorted().joined(separator: " "))).text)\"" }
    var targetAttribute = ""
    if target.tag != .none, try truth(target) { targetAttribute = " target=\"\(try escaped(target).text)\"" }
    let text = try escaped(v)
    var longest = 0
    var word = 0
    for c in text.bytes {
      word = c <= 0x20 ? 0 : word + 1
      longest = max(longest, word)
    }
    // A long word is looked through once per bracket in it.
    try burn(text.count / 4 + 1 + longest * longest / 256)
    try emit(string: URLize.run(text.text, limit: limit, attributes: relAttribute + targetAttribute, schemes: schemes))
    try growth(mark)
    return try take(from: mark, markup: autoescape)
  }

  // MARK: pprint, after Python's PrettyPrinter with 80 columns

  func pprint(_ v: V) throws(Fault) {
    try pretty(v, indent: 0, allowance: 0, level: 1)
  }

  private func reprBytes(_ v: V) throws(Fault) -> V {
    let mark = outCount
    try prettyRepr(v)
    return try take(from: mark)
  }

  /// `repr` with sorted dictionary keys, as PrettyPrinter's `_safe_repr`.
  private func prettyRepr(_ v: V) throws(Fault) {
    switch v.tag {
    case .dict:
      depth += 1
      defer { depth -= 1 }
      if depth > maxDepth { throw fail("RecursionError", "maximum recursion depth exceeded") }
      try emit("{")
      for (i, e) in try sortedEntries(v).enumerated() {
        if i > 0 { try emit(", ") }
        try prettyRepr(e.key)
        try emit(": ")
        try prettyRepr(e.value)
      }
      try emit("}")
    case .list, .tuple:
      depth += 1
      defer { depth -= 1 }
      if depth > maxDepth { throw fail("RecursionError", "maximum recursion depth exceeded") }
      try emit(byte: v.tag == .list ? UInt8(ascii: "[") : UInt8(ascii: "("))
      for i in 0..<v.list.pointee.count {
        if i > 0 { try emit(", ") }
        try prettyRepr(v.list.pointee.items[i])
      }
      if v.tag == .tuple, v.list.pointee.count == 1 { try emit(",") }
      try emit(byte: v.tag == .list ? UInt8(ascii: "]") : UInt8(ascii: ")"))
    default: try emitRepr(v)
    }
  }

  private func sortedEntries(_ v: V) throws(Fault) -> [DictEntry] {
    var entries = (0..<v.dict.pointee.count).map { v.dict.pointee.entries[$0] }
    // Keys that cannot be compared are ordered by type name.
    try mergeSort(&entries) { (a, b) throws(Fault) in
      let (x, y) = (a.key, b.key)
      if (x.isNumber && y.isNumber) || (x.tag == .str && y.tag == .str) || (x.tag == .tuple && y.tag == .tuple) { return try self.order(x, y, "<") == -1 }
      return self.typeName(x) < self.typeName(y)
    }
    return entries
  }

  private func pretty(_ v: V, indent: Int, allowance: Int, level: Int) throws(Fault) {
    depth += 1
    defer { depth -= 1 }
    if depth > maxDepth { throw fail("RecursionError", "maximum recursion depth exceeded") }
    let rep = try reprBytes(v)
    let width = 80 - indent - allowance
    if countScalars(rep.chars, rep.count) > width {
      switch v.tag {
      case .dict where v.dict.pointee.count > 0:
        try emit("{")
        let entries = try sortedEntries(v)
        for (i, e) in entries.enumerated() {
          let last = i == entries.count - 1
          if i > 0 {
            try emit(",\n")
            for _ in 0..<(indent + 1) { try emit(byte: 32) }
          }
          let key = try reprBytes(e.key)
          try emit(key.bytes)
          try emit(": ")
          try pretty(e.value, indent: indent + 1 + countScalars(key.chars, key.count) + 2, allowance: last ? allowance + 1 : 1, level: level + 1)
        }
        return try emit("}")
      case .list, .tuple:
        if v.tag == .tuple && v.flag == 2 { break }
        let n = v.list.pointee.count
        try emit(byte: v.tag == .list ? UInt8(ascii: "[") : UInt8(ascii: "("))
        let single = v.tag == .tuple && n == 1
        for i in 0..<n {
          let last = i == n - 1
          if i > 0 {
            try emit(",\n")
            for _ in 0..<(indent + 1) { try emit(byte: 32) }
          }
          try pretty(v.list.pointee.items[i], indent: indent + 1, allowance: last ? allowance + (single ? 2 : 1) : 1, level: level + 1)
        }
        return try emit(v.tag == .list ? "]" : single ? ",)" : ")")
      case .str where v.count > 0 && !v.isMarkup:
        return try prettyString(v, indent: indent, allowance: allowance, level: level)
      default: break
      }
    }
    try emit(rep.bytes)
  }

  private func prettyString(_ v: V, indent: Int, allowance: Int, level: Int) throws(Fault) {
    var chunks: [V] = []
    let lines = try splitlines(v, keepEnds: true)
    var indent = indent
    var allowance = allowance
    if level == 1 {
      indent += 1
      allowance += 1
    }
    var maxWidth1 = 80 - indent
    let maxWidth = maxWidth1
    var rep = V.empty
    let n = lines.list.pointee.count
    for i in 0..<n {
      let line = lines.list.pointee.items[i]
      rep = try reprBytes(line)
      if i == n - 1 { maxWidth1 -= allowance }
      if countScalars(rep.chars, rep.count) <= maxWidth1 {
        chunks.append(rep)
      } else {
        // \S*\s*
        let s = scalars(line.bytes)
        var parts: [[UInt32]] = []
        var k = 0
        while k < s.count {
          let start = k
          while k < s.count, !isPythonSpace(s[k]) { k += 1 }
          while k < s.count, isPythonSpace(s[k]) { k += 1 }
          parts.append(Array(s[start..<k]))
        }
        var maxWidth2 = maxWidth
        var current: [UInt32] = []
        for (j, part) in parts.enumerated() {
          let candidate = current + part
          if j == parts.count - 1, i == n - 1 { maxWidth2 -= allowance }
          let r = try reprBytes(try encodedText(candidate))
          if countScalars(r.chars, r.count) > maxWidth2 {
            if !current.isEmpty { chunks.append(try reprBytes(try encodedText(current))) }
            current = part
          } else {
            current = candidate
          }
        }
        if !current.isEmpty { chunks.append(try reprBytes(try encodedText(current))) }
      }
    }
    if chunks.count == 1 { return try emit(rep.bytes) }
    if level == 1 { try emit("(") }
    for (i, c) in chunks.enumerated() {
      if i > 0 {
        try emit("\n")
        for _ in 0..<indent { try emit(byte: 32) }
      }
      try emit(c.bytes)
    }
    if level == 1 { try emit(")") }
  }

  private func encodedText(_ s: [UInt32]) throws(Fault) -> V { try encoded(s) }
}

extension Machine {
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
}

extension Machine {
  /// Whether text is escaped where the template stands.
  var autoescape: Bool { currentFrame.pointee.context.pointee.autoescape }

  /// A filter whose arguments were bound when the template was compiled: `p[0]` is the value, what was not given is missing.
  @inline(__always) func apply(_ f: Filter, _ p: UnsafeMutablePointer<V>, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) -> V {
    try filter(f, p[0], p + 1)
  }

  /// A filter whose arguments have still to be bound.
  func apply(_ f: Filter, _ v: V, _ a: Args, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) -> V {
    let s = f.signature
    if s.variadic { return try variadic(f, v, a) }
    let p = try allocate((s.parameters.count + 1) * MemoryLayout<V>.stride).assumingMemoryBound(to: V.self)
    for i in 0..<s.parameters.count { p[i] = .missing }
    guard a.count <= s.parameters.count else {
      throw typeError("do_\(f)() takes from 1 to \(s.parameters.count + 1) positional arguments but \(a.count + 1) were given")
    }
    for i in 0..<a.count { p[i] = a.base[i] }
    for i in 0..<a.namedCount {
      let name = a.name(i).text
      guard let k = s.parameters.firstIndex(of: name) else { throw typeError("do_\(f)() got an unexpected keyword argument '\(name)'") }
      guard p[k].tag == .missing else { throw typeError("do_\(f)() got multiple values for argument '\(name)'") }
      p[k] = a.namedValue(i)
    }
    for i in 0..<s.required where p[i].tag == .missing {
      throw typeError("do_\(f)() missing 1 required positional argument: '\(s.parameters[i])'")
    }
    return try filter(f, v, p)
  }

  func flag(_ v: V, _ fallback: Bool) throws(Fault) -> Bool { v.tag == .missing ? fallback : try truth(v) }

  func number(_ v: V, _ fallback: Int) throws(Fault) -> Int {
    v.tag == .missing ? fallback : try index(v, "'\(typeName(v))' object cannot be interpreted as an integer")
  }

  private func filter(_ f: Filter, _ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    if v.tag == .str { try burn(v.count >> 10) }
    switch f {
    case .default:
      if v.tag == .undefined { return p[0].tag == .missing ? .empty : p[0] }
      if p[1].tag != .missing, try truth(p[1]), !(try truth(v)) { return p[0].tag == .missing ? .empty : p[0] }
      return v
    case .upper: return try upper(try text(of: v))
    case .lower: return try lower(try text(of: v))
    case .capitalize: return try capitalize(try text(of: v))
    case .title: return try titleFilter(try text(of: v))
    case .trim: return try strip(try text(of: v), p[0], left: true, right: true)
    case .string: return v.tag == .str ? v : try text(of: v)
    case .safe: return try text(of: v).asMarkup
    case .escape: return try escaped(v)
    case .forceescape: return try escaped(try text(of: v).withoutMarkup)
    case .length:
      if let n = count(v) { return .int(n) }
      if v.tag == .undefined { throw undefinedError(v) }
      if v.tag == .loop { return try loopField(v.loop, .length, currentFrame) }
      throw typeError("object of type '\(typeName(v))' has no len()")
    case .first:
      if v.isSequence, v.list.pointee.count > 0 { return v.list.pointee.items[0] }
      var it = try iterate(v)
      if let x = try next(&it) { return x }
      return try undefined(hint: "No first item, sequence was empty.", name: nil)
    case .last: return try last(v)
    case .join: return try joinFilter(v, p[0], p[1])
    case .list: return try listed(v)
    case .replace: return try replaceFilter(v, p)
    case .int: return try intFilter(v, p[0], p[1])
    case .float: return try floatFilter(v, p[0])
    case .abs: return try absFilter(v)
    case .round: return try roundFilter(v, p[0], p[1])
    case .tojson, .tojsonPlain: return try json(f, v, p)
    case .attr:
      guard p[0].tag == .str else { throw typeError("attribute name must be string, not '\(typeName(p[0]))'") }
      return try attr(v, p[0])
    case .items:
      if v.tag == .dict {
        let g = try make(GeneratorObject(kind: .plain, iterator: try iterate(V(.view, bits: v.bits, flag: 2))))
        return V.object(.generator, UnsafeMutableRawPointer(g))
      }
      if v.tag != .undefined { return try failing("TypeError", "Can only get item pairs from a mapping.") }
      return try generator(try list(capacity: 0))
    case .reverse:
      if v.tag == .str { return try slice(v, .none, .none, .int(-1)) }
      if v.tag == .undefined, isStrict(v) { throw undefinedError(v) }
      let l: V
      switch v.tag {
      case .list, .tuple, .dict, .view, .range, .generator, .undefined: l = try listed(v)
      default: throw fail("FilterArgumentError", "argument must be iterable")
      }
      let n = l.list.pointee.count
      for i in 0..<(n / 2) { swap(&l.list.pointee.items[i], &l.list.pointee.items[n - 1 - i]) }
      return v.tag == .generator ? l : try generator(l)
    case .center:
      let width = try number(p[0], 80)
      return try pad(try text(of: v), width, try string(" "), .center)
    case .indent: return try indent(v, p)
    case .truncate: return try truncate(v, p)
    case .wordwrap: return try wordwrap(v, p)
    case .wordcount: return .int(wordcount(try text(of: v)))
    case .striptags: return try striptags(v)
    case .urlencode: return try urlencode(v)
    case .urlize: return try urlize(v, p)
    case .xmlattr: return try xmlattr(v, try flag(p[0], true))
    case .filesizeformat: return try filesize(v, try flag(p[0], false))
    case .pprint:
      let mark = outCount
      try pprint(v)
      return try take(from: mark)
    case .sort: return try sortFilter(v, p)
    case .unique: return try unique(v, p)
    case .min, .max: return try extreme(v, f == .max, p)
    case .sum: return try sum(v, p)
    case .groupby: return try groupby(v, p)
    case .dictsort: return try dictsort(v, p)
    case .batch: return try batch(v, p)
    case .slice: return try sliceFilter(v, p)
    case .format, .map, .select, .reject, .selectattr, .rejectattr: return try variadic(f, v, Args(base: p, count: 0))
    }
  }

  private func last(_ v: V) throws(Fault) -> V {
    switch v.tag {
    case .list, .tuple:
      if v.list.pointee.count > 0 { return v.list.pointee.items[v.list.pointee.count - 1] }
    case .str:
      if v.count > 0 { return try slice(v, .int(-1), .none, .none) }
    case .dict, .range, .view:
      let l = try listed(v)
      if l.list.pointee.count > 0 { return l.list.pointee.items[l.list.pointee.count - 1] }
    case .undefined: try strictCheck(v)
    default: throw typeError("'\(typeName(v))' object is not reversible")
    }
    return try undefined(hint: "No last item, sequence was empty.", name: nil)
  }

  private func attr(_ v: V, _ name: V) throws(Fault) -> V {
    // Only attributes, never items.
    let marked = name.extra == 0 ? Method.marked(name) : name
    switch v.tag {
    case .dict, .list, .tuple, .str, .int, .float, .bool, .big, .range, .none:
      let r = try attribute(v.tag == .dict ? V.object(.dict, UnsafeMutableRawPointer(try dict(capacity: 0).pointer)) : v, marked)
      if v.tag == .dict, r.tag == .method { r.method.pointee.receiver = v }
      if v.tag == .dict, r.tag == .undefined, let o = r.undefinedObject { o.pointee.object = v }
      return r
    default: return try attribute(v, marked)
    }
  }

  /// `make_attrgetter`: a dotted path, a number, or anything else as a key.
  func attribute(path: V, of v: V, fallback: V) throws(Fault) -> V {
    func step(_ x: V, _ key: V) throws(Fault) -> V {
      let r = try item(x, key)
      return r.tag == .undefined && fallback.tag != .missing ? fallback : r
    }
    guard path.tag == .str else { return path.tag == .none || path.tag == .missing ? v : try step(v, path) }
    var x = v
    let p = path.chars
    var start = 0
    let n = path.count
    while true {
      var e = start
      var digits = true
      while e < n, p[e] != UInt8(ascii: ".") {
        if p[e] < 48 || p[e] > 57 { digits = false }
        e += 1
      }
      let part = V.str(p + start, e - start)
      if digits, e > start {
        var k = 0
        for i in start..<e { k = min(k * 10 + Int(p[i] - 48), 1 << 40) }
        x = try step(x, .int(k))
      } else {
        x = try step(x, start == 0 && e == n ? path : part)
      }
      if e >= n { return x }
      start = e + 1
    }
  }

  func ignoreCase(_ v: V) throws(Fault) -> V { v.tag == .str ? try lower(v).withoutMarkup : v }

  private func json(_ f: Filter, _ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    var style = JSONStyle()
    let indent: V
    if f == .tojson {
      style.ascii = true
      style.html = true
      style.sorted = environment.options.policies.jsonSortKeys
      indent = p[0].tag == .missing || p[0].tag == .none ? environment.options.policies.jsonIndent.map { .int($0) } ?? .none : p[0]
    } else {
      style.ascii = try flag(p[0], false)
      indent = p[1]
      style.sorted = try flag(p[3], false)
      if p[2].tag != .missing, p[2].tag != .none {
        guard p[2].isSequence, p[2].list.pointee.count == 2 else { throw typeError("separators must be two strings") }
        let (a, b) = (p[2].list.pointee.items[0], p[2].list.pointee.items[1])
        guard a.tag == .str, b.tag == .str else { throw typeError("separators must be two strings") }
        style.comma = a
        style.colon = b
      }
    }
    switch indent.tag {
    case .missing, .none: break
    case .int, .bool:
      guard indent.asInt <= 4096 else { throw fail("LimitError", "an indent is larger than 4096") }
      style.indent = try multiply(try string(" "), .int(max(0, indent.asInt)))
    case .str: style.indent = indent
    case .undefined: throw undefinedError(indent)
    default: throw typeError("can't multiply sequence by non-int of type '\(typeName(indent))'")
    }
    if style.indent.tag == .str, f == .tojson || p[2].tag == .missing || p[2].tag == .none { style.comma = JSONStyle.bareComma }
    let mark = outCount
    try emitJSON(v, style, 0)
    try growth(mark)
    return try take(from: mark, markup: f == .tojson)
  }
}

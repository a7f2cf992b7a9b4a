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

  /// A lazy result over items that are known already.
  func generator(_ l: V) throws(Fault) -> V {
    let g = try make(GeneratorObject(kind: .plain, iterator: Iterator(kind: .list, source: l)))
    return V.object(.generator, UnsafeMutableRawPointer(g))
  }

  /// A lazy result that fails when it is first asked.
  private func failing(_ errorClass: String, _ message: String) throws(Fault) -> V {
    let g = try make(GeneratorObject(kind: .plain, iterator: Iterator(kind: .failing, source: try string(errorClass + ":" + message))))
    return V.object(.generator, UnsafeMutableRawPointer(g))
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

  // MARK: lazy filters

  private func variadic(_ f: Filter, _ v: V, _ a: Args) throws(Fault) -> V {
    switch f {
    case .format:
      if a.count > 0, a.namedCount > 0 { throw fail("FilterArgumentError", "can't handle positional and keyword arguments at the same time") }
      let s = try text(of: v)
      if a.namedCount > 0 {
        let d = try dict(capacity: a.namedCount)
        for i in 0..<a.namedCount { try set(d, a.name(i), a.namedValue(i)) }
        return try percentFormat(s, d)
      }
      let t = try list(capacity: a.count, tag: .tuple)
      for i in 0..<a.count { try append(a.base[i], to: t) }
      return try percentFormat(s, t)
    case .map:
      // An empty value never looks at the arguments.
      guard try truth(v) else { return try generator(try list(capacity: 0)) }
      if a.count == 0, let path = a.value("attribute") {
        for i in 0..<a.namedCount where !a.name(i).isText("attribute") && !a.name(i).isText("default") {
          return try failing("FilterArgumentError", "Unexpected keyword argument '\(a.name(i).text)'")
        }
        guard isIterable(v) else { return try failing("TypeError", "'\(typeName(v))' object is not iterable") }
        let fallback = a.value("default") ?? .missing
        let g = try make(
          GeneratorObject(kind: .mapAttribute, iterator: try iterate(v), path: path, fallback: fallback.tag == .none ? .missing : fallback))
        return V.object(.generator, UnsafeMutableRawPointer(g))
      }
      guard a.count > 0 else { return try failing("FilterArgumentError", "map requires a filter argument") }
      guard a.base[0].tag == .str, let filter = Names.filter(a.base[0].text, plainJSON: hfJSON) else {
        return try failing("TemplateRuntimeError", "No filter named '\(a.base[0].tag == .str ? a.base[0].text : reprText(a.base[0]))'.")
      }
      guard isIterable(v) else { return try failing("TypeError", "'\(typeName(v))' object is not iterable") }
      let g = try make(GeneratorObject(kind: .map, iterator: try iterate(v), filter: filter))
      try keep(a, from: 1, spare: 1, in: g)
      return V.object(.generator, UnsafeMutableRawPointer(g))
    default:
      guard try truth(v) else { return try generator(try list(capacity: 0)) }
      let byAttribute = f == .selectattr || f == .rejectattr
      if byAttribute, a.count == 0 { return try failing("FilterArgumentError", "Missing parameter for attribute name") }
      let offset = byAttribute ? 1 : 0
      guard isIterable(v) else { return try failing("TypeError", "'\(typeName(v))' object is not iterable") }
      let g = try make(GeneratorObject(kind: f == .select || f == .selectattr ? .select : .reject, iterator: try iterate(v)))
      if byAttribute { g.pointee.path = a.base[0] }
      if a.count > offset {
        guard a.base[offset].tag == .str, let test = Names.tests[a.base[offset].text] else {
          return try failing("TemplateRuntimeError", "No test named '\(a.base[offset].tag == .str ? a.base[offset].text : reprText(a.base[offset]))'.")
        }
        g.pointee.test = test
        g.pointee.hasTest = true
        try keep(a, from: offset + 1, spare: 0, in: g)
      }
      return V.object(.generator, UnsafeMutableRawPointer(g))
    }
  }

  /// Copies arguments where they live as long as the generator.
  private func keep(_ a: Args, from: Int, spare: Int, in g: UnsafeMutablePointer<GeneratorObject>) throws(Fault) {
    let total = a.count - from + a.namedCount
    let p = try allocate((total + spare + 1) * MemoryLayout<V>.stride).assumingMemoryBound(to: V.self)
    for i in 0..<total { p[i + spare] = a.base[from + i] }
    g.pointee.arguments = p
    g.pointee.count = a.count - from
    g.pointee.names = a.named
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

  // MARK: order

  private func sortFilter(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    let reverse = try flag(p[0], false)
    let caseSensitive = try flag(p[1], false)
    var paths: [V] = []
    if p[2].tag == .str {
      var start = 0
      for i in 0...p[2].count where i == p[2].count || p[2].chars[i] == UInt8(ascii: ",") {
        paths.append(V.str(p[2].chars + start, i - start))
        start = i + 1
      }
    } else if p[2].tag != .missing, p[2].tag != .none {
      paths.append(p[2])
    }
    let items = try listed(v)
    var keyed: [(V, V)] = []
    for i in 0..<items.list.pointee.count {
      let x = items.list.pointee.items[i]
      if paths.count <= 1 {
        let k = paths.isEmpty ? x : try attribute(path: paths[0], of: x, fallback: .missing)
        keyed.append((caseSensitive ? k : try ignoreCase(k), x))
      } else {
        let keys = try list(capacity: paths.count)
        for path in paths {
          let k = try attribute(path: path, of: x, fallback: .missing)
          try append(caseSensitive ? k : try ignoreCase(k), to: keys)
        }
        keyed.append((keys, x))
      }
    }
    try sort(&keyed, reverse)
    for (i, x) in keyed.enumerated() { items.list.pointee.items[i] = x.1 }
    return items
  }

  /// Stable, also when reversed, like Python's `sorted`.
  private func sort(_ a: inout [(V, V)], _ reverse: Bool) throws(Fault) {
    if reverse { a.reverse() }
    try mergeSort(&a) { (x, y) throws(Fault) in
      // Keys are one-element lists in Jinja2: equal ones are never ordered, whatever their type.
      if x.0.tag != .str, !x.0.isNumber, try self.equal(x.0, y.0) { return false }
      return try self.order(x.0, y.0, "<") == -1
    }
    if reverse { a.reverse() }
  }

  private func dictsort(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    let caseSensitive = try flag(p[0], false)
    let reverse = try flag(p[2], false)
    let byValue: Bool
    if p[1].tag == .missing || p[1].isText("key") {
      byValue = false
    } else if p[1].isText("value") {
      byValue = true
    } else {
      throw fail("FilterArgumentError", "You can only sort by either \"key\" or \"value\"")
    }
    guard v.tag == .dict else {
      if v.tag == .undefined { throw undefinedError(v) }
      throw fail("AttributeError", "'\(typeName(v))' object has no attribute 'items'")
    }
    var keyed: [(V, V)] = []
    for i in 0..<v.dict.pointee.count {
      let e = v.dict.pointee.entries[i]
      let k = byValue ? e.value : e.key
      keyed.append((caseSensitive ? k : try ignoreCase(k), try tuple(e.key, e.value)))
    }
    if reverse { keyed.reverse() }
    try mergeSort(&keyed) { (x, y) throws(Fault) in try self.order(x.0, y.0, "<") == -1 }
    if reverse { keyed.reverse() }
    let l = try list(capacity: keyed.count)
    for k in keyed { try append(k.1, to: l) }
    return l
  }

  private func unique(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    let caseSensitive = try flag(p[0], false)
    let seen = try dict(capacity: 8)
    let l = try list(capacity: 8)
    var it = try iterate(v)
    while let x = try next(&it) {
      var k = try attribute(path: p[1], of: x, fallback: .missing)
      if !caseSensitive { k = try ignoreCase(k) }
      if try position(seen.dict, k) < 0 {
        try set(seen, k, .none)
        try append(x, to: l)
      }
    }
    return try generator(l)
  }

  private func extreme(_ v: V, _ largest: Bool, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    let caseSensitive = try flag(p[0], false)
    var it = try iterate(v)
    guard var best = try next(&it) else { return try undefined(hint: "No aggregated item, sequence was empty.", name: nil) }
    func key(_ x: V) throws(Fault) -> V {
      let k = try attribute(path: p[1], of: x, fallback: .missing)
      return caseSensitive ? k : try ignoreCase(k)
    }
    var bestKey = try key(best)
    while let x = try next(&it) {
      let k = try key(x)
      if try order(k, bestKey, largest ? ">" : "<") == (largest ? 1 : -1) {
        best = x
        bestKey = k
      }
    }
    return best
  }

  private func sum(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    var total = p[1].tag == .missing ? .int(0) : p[1]
    if total.tag == .str { throw typeError("sum() can't sum strings [use ''.join(seq) instead]") }
    var it = try iterate(v)
    while let x = try next(&it) { total = try add(total, try attribute(path: p[0], of: x, fallback: .missing)) }
    return total
  }

  private func groupby(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    let caseSensitive = try flag(p[2], false)
    let fallback = p[1].tag == .none ? V.missing : p[1]
    let items = try listed(v)
    var keyed: [(V, V)] = []
    for i in 0..<items.list.pointee.count {
      let x = items.list.pointee.items[i]
      let k = try attribute(path: p[0], of: x, fallback: fallback)
      keyed.append((caseSensitive ? k : try ignoreCase(k), x))
    }
    try mergeSort(&keyed) { (x, y) throws(Fault) in try self.order(x.0, y.0, "<") == -1 }
    let out = try list(capacity: 8)
    var i = 0
    while i < keyed.count {
      let members = try list(capacity: 4)
      try append(keyed[i].1, to: members)
      var k = i + 1
      while k < keyed.count, try equal(keyed[k].0, keyed[i].0) {
        try append(keyed[k].1, to: members)
        k += 1
      }
      // The group keeps the case of its first member.
      let grouper = caseSensitive ? keyed[i].0 : try attribute(path: p[0], of: keyed[i].1, fallback: fallback)
      var t = try tuple(grouper, members)
      t.flag = 2
      try append(t, to: out)
      i = k
    }
    return out
  }

  private func batch(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    let l = try list(capacity: 8)
    var current = try list(capacity: 4)
    var it = try iterate(v)
    while let x = try next(&it) {
      if try equal(.int(current.list.pointee.count), p[0]) {
        try append(current, to: l)
        current = try list(capacity: 4)
      }
      try append(x, to: current)
    }
    if current.list.pointee.count > 0 {
      if p[1].tag != .missing, p[1].tag != .none {
        let want = try number(p[0], 0)
        guard want < memoryLimit / 16 else { throw memoryFault() }
        while current.list.pointee.count < want {
          try burn(1)
          try append(p[1], to: current)
        }
      }
      try append(current, to: l)
    }
    return try generator(l)
  }

  private func sliceFilter(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    let items = try listed(v)
    if p[0].tag == .undefined { throw undefinedError(p[0]) }
    let slices = try number(p[0], 0)
    if slices == 0 { throw fail("ZeroDivisionError", "integer division or modulo by zero") }
    let n = items.list.pointee.count
    let l = try list(capacity: 8)
    if slices > 0 {
      let each = n / slices
      let extra = n % slices
      var start = 0
      for k in 0..<slices {
        try burn(1)
        let size = each + (k < extra ? 1 : 0)
        let part = try list(capacity: size + 1)
        for i in start..<(start + size) { try append(items.list.pointee.items[i], to: part) }
        start += size
        if k >= extra, p[1].tag != .missing, p[1].tag != .none { try append(p[1], to: part) }
        try append(part, to: l)
      }
    }
    return try generator(l)
  }

  // MARK: numbers

  private func absFilter(_ v: V) throws(Fault) -> V {
    switch v.tag {
    case .int, .bool: return v.asInt < 0 ? try negate(v) : .int(v.asInt)
    case .float: return .float(Swift.abs(v.asDouble))
    case .big: return bigValue(v).isNegative ? try negate(v) : v
    case .undefined: throw typeError("bad operand type for abs(): '\(typeName(v))'")
    default: throw typeError("bad operand type for abs(): '\(typeName(v))'")
    }
  }

  /// `int(text, base)`, or nil where Python raises ValueError.
  private func parseInt(_ v: V, _ base: Int) throws(Fault) -> V? {
    var s = scalars(v.bytes)
    while let c = s.first, isPythonSpace(c) { s.removeFirst() }
    while let c = s.last, isPythonSpace(c) { s.removeLast() }
    var negative = false
    if s.first == 43 || s.first == 45 { negative = s.removeFirst() == 45 }
    var radix = base
    func prefix(_ a: UInt32, _ r: Int) -> Bool { s.count > 1 && s[0] == 48 && s[1] | 0x20 == a && (base == 0 || base == r) }
    var underscoreAllowed = false
    if prefix(120, 16) || prefix(111, 8) || prefix(98, 2) {
      radix = s[1] | 0x20 == 120 ? 16 : s[1] | 0x20 == 111 ? 8 : 2
      s.removeFirst(2)
      underscoreAllowed = true
    } else if base == 0 {
      radix = 10
      // A leading zero is only good for zero itself.
      if s.first == 48, s.contains(where: { $0 != 48 && $0 != 95 }) { return nil }
    }
    var digits: [UInt8] = []
    var previousUnderscore = !underscoreAllowed
    for c in s {
      if c == 95 {
        if previousUnderscore { return nil }
        previousUnderscore = true
        continue
      }
      previousUnderscore = false
      let d: Int
      if let x = CharacterClass.digitValue(c) { d = x } else if c < 128, c | 0x20 >= 97, c | 0x20 <= 122 { d = Int(c | 0x20) - 87 } else { return nil }
      if d >= radix { return nil }
      digits.append(UInt8(d < 10 ? 48 + d : 87 + d))
    }
    if digits.isEmpty || previousUnderscore { return nil }
    if digits.count > 4300, radix & (radix - 1) != 0 { return nil }
    try burn(digits.count * digits.count / 64 + 1)
    if digits.count <= 17, let i = Int(String(decoding: digits, as: UTF8.self), radix: radix) { return .int(negative ? -i : i) }
    guard let b = BigInt(digits: digits, radix: radix) else { return nil }
    return big(negative ? b.negated : b)
  }

  /// `float(text)`, or nil.
  private func parseFloat(_ v: V) -> Double? {
    var s = scalars(v.bytes)
    while let c = s.first, isPythonSpace(c) { s.removeFirst() }
    while let c = s.last, isPythonSpace(c) { s.removeLast() }
    var t: [UInt8] = []
    for (i, c) in s.enumerated() {
      if c == 95 {
        guard i > 0, i + 1 < s.count, CharacterClass.digitValue(s[i - 1]) != nil, CharacterClass.digitValue(s[i + 1]) != nil else { return nil }
        continue
      }
      if let d = CharacterClass.digitValue(c) { t.append(UInt8(48 + d)) } else if c < 128 { t.append(UInt8(c)) } else { return nil }
    }
    var k = t[...]
    let sign = k.first == 43 || k.first == 45 ? k.removeFirst() : 0
    let word = String(decoding: k, as: UTF8.self).lowercased()
    if word == "inf" || word == "infinity" { return sign == 45 ? -.infinity : .infinity }
    if word == "nan" { return .nan }
    // digits [. digits] [e digits]
    var i = k.startIndex
    var digits = 0
    while i < k.endIndex, k[i] >= 48, k[i] <= 57 {
      i += 1
      digits += 1
    }
    if i < k.endIndex, k[i] == 46 {
      i += 1
      while i < k.endIndex, k[i] >= 48, k[i] <= 57 {
        i += 1
        digits += 1
      }
    }
    guard digits > 0 else { return nil }
    if i < k.endIndex, k[i] | 0x20 == 101 {
      i += 1
      if i < k.endIndex, k[i] == 43 || k[i] == 45 { i += 1 }
      let e = i
      while i < k.endIndex, k[i] >= 48, k[i] <= 57 { i += 1 }
      if i == e { return nil }
    }
    return i == k.endIndex ? parseDouble(t) : nil
  }

  private func intFilter(_ v: V, _ fallback: V, _ base: V) throws(Fault) -> V {
    let other = fallback.tag == .missing ? .int(0) : fallback
    switch v.tag {
    case .int, .big: return v
    case .bool: return .int(v.asInt)
    case .float:
      if v.asDouble.isNaN { return other }
      if v.asDouble.isInfinite { throw fail("OverflowError", "cannot convert float infinity to integer") }
      return try truncated(v)
    case .str:
      if base.tag != .missing, !base.isIntLike {
        // A base that is no integer is a TypeError, and the text is tried as a float.
        if base.tag == .undefined { throw undefinedError(base) }
      } else {
        let b = try number(base, 10)
        if b == 0 || (2...36).contains(b), let i = try parseInt(v, b) { return i }
      }
      guard let d = parseFloat(v), d.isFinite else { return other }
      return try truncated(.float(d))
    case .undefined: throw undefinedError(v)
    default: return other
    }
  }

  private func floatFilter(_ v: V, _ fallback: V) throws(Fault) -> V {
    let other = fallback.tag == .missing ? .float(0) : fallback
    switch v.tag {
    case .float: return v
    case .int, .bool, .big: return .float(try double(v))
    case .str: return parseFloat(v).map { .float($0) } ?? other
    case .undefined: throw undefinedError(v)
    default: return other
    }
  }

  private func roundFilter(_ v: V, _ precision: V, _ method: V) throws(Fault) -> V {
    let floorIt = method.isText("floor")
    let ceilIt = method.isText("ceil")
    guard method.tag == .missing || method.isText("common") || floorIt || ceilIt else {
      throw fail("FilterArgumentError", "method must be common, ceil or floor")
    }
    if v.tag == .undefined, floorIt || ceilIt { throw undefinedError(v) }
    guard v.isNumber else { throw typeError("type \(typeName(v)) doesn't define __round__ method") }
    if floorIt || ceilIt {
      let scale = try arithmetic(.pow, .int(10), precision.tag == .missing ? .int(0) : precision)
      let x = try arithmetic(.mul, v, scale)
      var r = x
      if x.tag == .float {
        r = try truncated(.float(floorIt ? x.asDouble.rounded(.down) : x.asDouble.rounded(.up)))
      }
      return try arithmetic(.div, r, scale)
    }
    let n: Int
    if precision.tag == .missing { n = 0 } else {
      if precision.tag == .none { return v.tag == .float ? try truncated(.float(v.asDouble.rounded(.toNearestOrEven))) : v }
      n = try index(precision, "'\(typeName(precision))' object cannot be interpreted as an integer")
    }
    if v.tag == .float {
      let d = v.asDouble
      if !d.isFinite || n > 323 { return v }
      if n < -308 { return .float(d.sign == .minus ? -0.0 : 0) }
      return .float(roundHalfEven(d, n))
    }
    if n >= 0 { return v.tag == .bool ? .int(v.asInt) : v }
    if n < -5000 { return .int(0) }
    // Round half to even at a power of ten.
    let unit = try arithmetic(.pow, .int(10), .int(-n))
    let q = try arithmetic(.floordiv, v, unit)
    let r = try arithmetic(.mod, v, unit)
    let twice = try arithmetic(.mul, r, .int(2))
    let c = compareNumbers(twice, unit)
    let odd = try truth(try arithmetic(.mod, q, .int(2)))
    let up = c > 0 || (c == 0 && odd)
    return try arithmetic(.mul, up ? try arithmetic(.add, q, .int(1)) : q, unit)
  }

  private func filesize(_ v: V, _ binary: Bool) throws(Fault) -> V {
    var d: Double
    switch v.tag {
    case .str:
      guard let x = parseFloat(v) else { throw valueError("could not convert string to float: \(reprText(v))") }
      d = x
    case .undefined: throw undefinedError(v)
    case .int, .bool, .float, .big: d = try double(v)
    default: throw typeError("float() argument must be a string or a real number, not '\(typeName(v))'")
    }
    let base = binary ? 1024.0 : 1000.0
    if d == 1 { return try string("1 Byte") }
    if d < base {
      let i = try truncated(.float(d))
      return try string("\(reprText(i)) Bytes")
    }
    if d.isNaN { throw valueError("cannot convert float NaN to integer") }
    let names = binary ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    // Python divides by exact integers; powers of the base are exact doubles up to the last few.
    var unit = BigInt(Int(base))
    for (i, name) in names.enumerated() {
      unit = unit * BigInt(Int(base))
      let u = unit.toDouble()
      if d < u || i == names.count - 1 {
        d = base * d / u
        return try string(String(decoding: formatDouble(d, "f", precision: 1), as: UTF8.self) + " " + name)
      }
    }
    return .empty
  }

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

private let smallPowers: [Double] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]

/// Python's `round(float, n)`: decimal digits of the exact binary value, ties to even.
func roundHalfEven(_ d: Double, _ n: Int) -> Double {
  if n >= 0 {
    if n == 0 { return d.rounded(.toNearestOrEven) }
    if n <= 6 {
      // Away from a tie one multiplication tells which way to go, and the division by an exact power of ten rounds once.
      let scale = smallPowers[n]
      let y = d * scale
      let r = y.rounded(.toNearestOrEven)
      if abs(y) < 2_147_483_648.0, r != 0, abs(abs(y - r) - 0.5) > 1e-4 { return r / scale }
    }
    return parseDouble(formatDouble(d, "f", precision: n))
  }
  // Left of the point: exact whole arithmetic decides.
  let scale = BigInt(digits: [49] + Array(repeating: 48, count: -n), radix: 10)!
  let whole = d.rounded(.towardZero)
  let b = BigInt(exactly: abs(whole))
  let (q, r) = b.floorDivided(by: scale)
  let twice = r + r
  let fraction = abs(d) != abs(whole)
  let up = twice > scale || (twice == scale && (fraction || q.isOdd))
  let result = (up ? q + BigInt(1) : q) * scale
  let x = result.toDouble()
  return d.sign == .minus ? -x : x
}

/// Calls of the methods of numbers, dictionaries and lists; those of strings are in `Machine+StringMethods`.
extension Machine {
  /// The method of a name, which may have come from the row and then is not marked yet.
  func method(_ name: V) -> Method? {
    if name.extra & 0xC000 == 0xC000 { return nil }
    let n = name.extra & 0x1FFF
    if n > 0 { return Method(rawValue: n - 1) }
    return nil
  }

  func has(_ v: V, _ m: Method) -> Bool {
    switch v.tag {
    case .str: m.isOfString
    case .dict: m.isOfDict
    case .list: m.isOfList
    case .tuple: m == .index || m == .count
    case .range: m == .index || m == .count
    case .int, .bool, .big: m == .bit_length || m == .conjugate || m == .as_integer_ratio || m == .bit_count || m == .to_bytes || m == .from_bytes
    case .float: m == .is_integer || m == .conjugate || m == .hex || m == .as_integer_ratio || m == .fromhex
    default: false
    }
  }

  // MARK: calling methods

  func callMethod(_ v: V, _ name: V, _ a: Args, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) -> V {
    let name = name.extra == 0 ? Method.marked(name) : name
    if let m = method(name), has(v, m) {
      if immutable, m.changes(v.tag) { throw undefinedError(try unsafe(v, name)) }
      switch v.tag {
      case .str: return try callString(v, m, a)
      case .dict: return try callDict(v, m, a)
      case .list: return try callList(v, m, a)
      case .tuple, .range: return try callList(try listed(v), m, a)
      default: return try callNumber(v, m, a)
      }
    }
    switch v.tag {
    case .loop:
      if name.isText("cycle") {
        guard a.count > 0 else { throw typeError("no items for cycling given") }
        return a.base[v.loop.pointee.index0 % a.count]
      }
      if name.isText("changed") {
        let t = try list(capacity: a.count, tag: .tuple)
        for i in 0..<a.count { try append(a.base[i], to: t) }
        if v.loop.pointee.lastChanged.tag != .missing, try equal(v.loop.pointee.lastChanged, t) { return .no }
        v.loop.pointee.lastChanged = t
        return .yes
      }
    case .cycler:
      let c = v.cycler
      if name.isText("next") {
        let r = c.pointee.items.list.pointee.items[c.pointee.position]
        c.pointee.position = (c.pointee.position + 1) % c.pointee.items.list.pointee.count
        return r
      }
      if name.isText("reset") {
        c.pointee.position = 0
        return .none
      }
    default: break
    }
    return try call(try attribute(v, name), a, frame)
  }

  private func expect(_ m: String, _ a: Args, _ range: ClosedRange<Int>) throws(Fault) {
    if a.namedCount > 0 { throw typeError("\(m)() takes no keyword arguments") }
    if !range.contains(a.count) {
      throw typeError(
        "\(m)() takes \(range.lowerBound == range.upperBound ? "exactly \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)") arguments (\(a.count) given)"
      )
    }
  }

  private func callNumber(_ v: V, _ m: Method, _ a: Args) throws(Fault) -> V {
    try expect("\(m)", a, 0...0)
    switch m {
    case .is_integer: return .bool(v.asDouble == v.asDouble.rounded(.towardZero) && v.asDouble.isFinite)
    case .bit_length: return .int(bigValue(v.tag == .bool ? .int(v.asInt) : v).bitWidth)
    case .bit_count: return .int(bigValue(v).magnitude.reduce(0) { $0 + $1.nonzeroBitCount })
    case .conjugate: return v.tag == .bool ? .int(v.asInt) : v
    case .as_integer_ratio where v.tag != .float: return try tuple(v, .int(1))
    default: throw typeError("'\(m)' is not available here")
    }
  }

  private func callDict(_ v: V, _ m: Method, _ a: Args) throws(Fault) -> V {
    let d = v.dict
    func change() throws(Fault) {
      if d.pointee.frozen { throw frozen() }
      mutated = true
    }
    switch m {
    case .keys, .values, .items:
      try expect("\(m)", a, 0...0)
      return V(.view, bits: v.bits, flag: m == .keys ? 0 : m == .values ? 1 : 2)
    case .get:
      try expect("get", a, 1...2)
      let p = try position(d, a.base[0])
      return p >= 0 ? d.pointee.entries[p].value : a.count == 2 ? a.base[1] : .none
    case .copy:
      try expect("copy", a, 0...0)
      let c = try dict(capacity: d.pointee.count)
      try update(c, v)
      return c
    case .pop:
      try expect("pop", a, 1...2)
      try change()
      if let x = try remove(v, a.base[0]) { return x }
      if a.count == 2 { return a.base[1] }
      throw fail("KeyError", reprText(a.base[0]))
    case .popitem:
      try expect("popitem", a, 0...0)
      try change()
      guard d.pointee.count > 0 else { throw fail("KeyError", "'popitem(): dictionary is empty'") }
      let e = d.pointee.entries[d.pointee.count - 1]
      _ = try remove(v, e.key)
      return try tuple(e.key, e.value)
    case .setdefault:
      try expect("setdefault", a, 1...2)
      let p = try position(d, a.base[0])
      if p >= 0 { return d.pointee.entries[p].value }
      try change()
      let x = a.count == 2 ? a.base[1] : .none
      try set(v, a.base[0], x)
      return x
    case .update:
      guard a.count <= 1 else { throw typeError("update expected at most 1 argument, got \(a.count)") }
      try change()
      if a.count == 1 { try update(v, a.base[0]) }
      for i in 0..<a.namedCount { try set(v, a.name(i), a.namedValue(i)) }
      return .none
    case .clear:
      try expect("clear", a, 0...0)
      try change()
      d.pointee.count = 0
      d.pointee.index = nil
      d.pointee.sourceCount = 0
      return .none
    default:
      try expect("fromkeys", a, 1...2)
      let r = try dict(capacity: 4)
      var it = try iterate(a.base[0])
      while let k = try next(&it) { try set(r, k, a.count == 2 ? a.base[1] : .none) }
      return r
    }
  }

  private func callList(_ v: V, _ m: Method, _ a: Args) throws(Fault) -> V {
    let l = v.list
    func change() throws(Fault) {
      if l.pointee.frozen { throw frozen() }
      mutated = true
      l.pointee.sourceCount = 0
    }
    switch m {
    case .append:
      try expect("append", a, 1...1)
      try change()
      try append(a.base[0], to: v)
    case .extend:
      try expect("extend", a, 1...1)
      try change()
      let items = try listed(a.base[0])
      for i in 0..<items.list.pointee.count { try append(items.list.pointee.items[i], to: v) }
    case .insert:
      try expect("insert", a, 2...2)
      try change()
      let n = l.pointee.count
      let i = try index(a.base[0], "'\(typeName(a.base[0]))' object cannot be interpreted as an integer")
      let at = i < 0 ? max(0, i + n) : min(i, n)
      try append(.none, to: v)
      try burn(n / 8)
      var k = n
      while k > at {
        l.pointee.items[k] = l.pointee.items[k - 1]
        k -= 1
      }
      l.pointee.items[at] = a.base[1]
    case .pop:
      try expect("pop", a, 0...1)
      try change()
      let n = l.pointee.count
      guard n > 0 else { throw fail("IndexError", "pop from empty list") }
      var i = a.count == 1 ? try index(a.base[0], "'\(typeName(a.base[0]))' object cannot be interpreted as an integer") : -1
      if i < 0 { i += n }
      guard i >= 0, i < n else { throw fail("IndexError", "pop index out of range") }
      let x = l.pointee.items[i]
      for k in i..<(n - 1) { l.pointee.items[k] = l.pointee.items[k + 1] }
      l.pointee.count = n - 1
      return x
    case .remove:
      try expect("remove", a, 1...1)
      try change()
      for i in 0..<l.pointee.count where try same(l.pointee.items[i], a.base[0]) {
        for k in i..<(l.pointee.count - 1) { l.pointee.items[k] = l.pointee.items[k + 1] }
        l.pointee.count -= 1
        return .none
      }
      throw valueError("list.remove(x): x not in list")
    case .reverse:
      try expect("reverse", a, 0...0)
      try change()
      let n = l.pointee.count
      for i in 0..<(n / 2) { swap(&l.pointee.items[i], &l.pointee.items[n - 1 - i]) }
    case .sort:
      guard a.count == 0 else { throw typeError("sort() takes no positional arguments") }
      try change()
      var items = (0..<l.pointee.count).map { l.pointee.items[$0] }
      let reverse = try a.value("reverse").map { (x) throws(Fault) in try truth(x) } ?? false
      if let k = a.value("key"), k.tag != .none { throw typeError("sort() takes no key function here; use the `sort` filter") }
      if reverse { items.reverse() }
      try mergeSort(&items) { (x, y) throws(Fault) in try self.order(x, y, "<") < 0 }
      if reverse { items.reverse() }
      for (i, x) in items.enumerated() { l.pointee.items[i] = x }
    case .clear:
      try expect("clear", a, 0...0)
      try change()
      l.pointee.count = 0
    case .copy:
      try expect("copy", a, 0...0)
      return try listed(v)
    case .index:
      try expect("index", a, 1...3)
      let n = l.pointee.count
      func bound(_ k: Int, _ missing: Int) throws(Fault) -> Int {
        guard k < a.count else { return missing }
        guard a.base[k].isIntLike else { throw typeError("slice indices must be integers or have an __index__ method") }
        let i = a.base[k].asInt
        return i < 0 ? max(0, i &+ n) : min(i, n)
      }
      var i = try bound(1, 0)
      let end = try bound(2, n)
      while i < end {
        if try same(l.pointee.items[i], a.base[0]) { return .int(i) }
        i += 1
      }
      throw valueError("\(reprText(a.base[0])) is not in list")
    default:
      try expect("count", a, 1...1)
      var n = 0
      for i in 0..<l.pointee.count where try same(l.pointee.items[i], a.base[0]) { n += 1 }
      return .int(n)
    }
    return .none
  }
}

/// Filters that order, group and add up the items of a sequence.
extension Machine {
  func sortFilter(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
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

  func dictsort(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
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

  func unique(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
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

  func extreme(_ v: V, _ largest: Bool, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
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

  func sum(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
    var total = p[1].tag == .missing ? .int(0) : p[1]
    if total.tag == .str { throw typeError("sum() can't sum strings [use ''.join(seq) instead]") }
    var it = try iterate(v)
    while let x = try next(&it) { total = try add(total, try attribute(path: p[0], of: x, fallback: .missing)) }
    return total
  }

  func groupby(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
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

  func batch(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
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

  func sliceFilter(_ v: V, _ p: UnsafeMutablePointer<V>) throws(Fault) -> V {
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
}

extension Machine {
  func isIterable(_ v: V) -> Bool {
    switch v.tag {
    case .str, .list, .tuple, .dict, .range, .generator, .view, .undefined, .loop: true
    default: false
    }
  }

  @inline(__always) func iterate(_ v: V) throws(Fault) -> Iterator {
    switch v.tag {
    case .list, .tuple: return Iterator(kind: .list, source: v)
    case .dict: return Iterator(kind: .dict, source: v, limit: v.dict.pointee.count)
    case .str: return Iterator(kind: .string, source: v)
    case .range: return Iterator(kind: .range, source: v)
    case .generator: return Iterator(kind: .generator, source: v)
    case .view: return Iterator(kind: v.flag == 0 ? .dict : .view, source: v, limit: v.viewed.dict.pointee.count)
    case .undefined:
      try strictCheck(v)
      return Iterator(kind: .empty, source: v)
    default: throw typeError("'\(typeName(v))' object is not iterable")
    }
  }

  func next(_ it: inout Iterator) throws(Fault) -> V? {
    fuel -= 1
    if fuel < 0 { throw outOfFuel() }
    let p = it.position
    switch it.kind {
    case .list:
      let l = it.source.list
      guard p < l.pointee.count else { return nil }
      it.position = p + 1
      return l.pointee.items[p]
    case .dict:
      let d = it.source.viewed.dict
      if d.pointee.count != it.limit { throw fail("RuntimeError", "dictionary changed size during iteration") }
      guard p < d.pointee.count else { return nil }
      it.position = p + 1
      return d.pointee.entries[p].key
    case .view:
      let d = it.source.viewed.dict
      if d.pointee.count != it.limit { throw fail("RuntimeError", "dictionary changed size during iteration") }
      guard p < d.pointee.count else { return nil }
      it.position = p + 1
      let e = d.pointee.entries[p]
      return it.source.flag == 1 ? e.value : try tuple(e.key, e.value)
    case .string:
      guard p < it.source.count else { return nil }
      let n = sequenceLength(it.source.chars[p], it.source.count - p)
      it.position = p + n
      return V.str(it.source.chars + p, n)
    case .range:
      let r = it.source.rangeObject
      guard p < r.count else { return nil }
      it.position = p + 1
      return .int(r.start &+ p &* r.step)
    case .generator: return try next(generator: it.source.generator)
    case .empty: return nil
    case .failing:
      let parts = it.source.text.split(separator: ":", maxSplits: 1).map(String.init)
      throw fail(parts[0], parts[1])
    }
  }

  private func next(generator g: UnsafeMutablePointer<GeneratorObject>) throws(Fault) -> V? {
    depth += 1
    defer { depth -= 1 }
    guard depth <= maxDepth else { throw fail("RecursionError", "filters are chained more than \(maxDepth) deep") }
    while let v = try next(&g.pointee.iterator) {
      switch g.pointee.kind {
      case .plain: return v
      case .mapAttribute: return try attribute(path: g.pointee.path, of: v, fallback: g.pointee.fallback)
      case .map:
        let arguments = g.pointee.arguments.unsafelyUnwrapped
        arguments[0] = v
        return try apply(g.pointee.filter, v, Args(base: arguments + 1, count: g.pointee.count, named: g.pointee.names), currentFrame)
      case .select, .reject:
        var subject = v
        if g.pointee.path.tag != .missing { subject = try attribute(path: g.pointee.path, of: v, fallback: .missing) }
        let yes: Bool
        if g.pointee.hasTest {
          yes = try test(g.pointee.test, subject, Args(base: g.pointee.arguments.unsafelyUnwrapped, count: g.pointee.count, named: g.pointee.names))
        } else {
          yes = try truth(subject)
        }
        if yes == (g.pointee.kind == .select) { return v }
      }
    }
    return nil
  }

  /// Python's `len`, where there is one.
  func count(_ v: V) -> Int? {
    switch v.tag {
    case .str: countScalars(v.chars, v.count)
    case .list, .tuple: v.list.pointee.count
    case .dict, .view: v.viewed.dict.pointee.count
    case .range: v.rangeObject.count
    case .undefined: isStrict(v) ? nil : 0
    default: nil
    }
  }

  /// A new list of a value's items.
  func listed(_ v: V) throws(Fault) -> V {
    if v.isSequence {
      try burn(v.list.pointee.count / 8 + 1)
      let l = try list(capacity: v.list.pointee.count)
      l.list.pointee.items.update(from: v.list.pointee.items, count: v.list.pointee.count)
      l.list.pointee.count = v.list.pointee.count
      return l
    }
    let l = try list(capacity: count(v) ?? 8)
    var it = try iterate(v)
    while let x = try next(&it) { try append(x, to: l) }
    return l
  }
}

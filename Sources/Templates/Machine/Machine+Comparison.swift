#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension Machine {
  func compare(_ op: Comparison, _ a: V, _ b: V) throws(Fault) -> Bool {
    switch op {
    case .eq: return try equal(a, b)
    case .ne: return !(try equal(a, b))
    case .isIn: return try contains(b, a)
    case .notIn: return !(try contains(b, a))
    case .lt: return try order(a, b, "<") < 0
    case .gt: return try order(a, b, ">") == 1
    case .lteq:
      let o = try order(a, b, "<=")
      return o <= 0
    case .gteq:
      let o = try order(a, b, ">=")
      return o == 0 || o == 1
    }
  }

  @inline(__always) func equal(_ a: V, _ b: V) throws(Fault) -> Bool {
    if a.tag == .str, b.tag == .str {
      if a.aux == b.aux, a.aux > 4096 { try burn(a.count >> 10) }
      return sameBytes(a, b)
    }
    if a.tag == .int, b.tag == .int { return a.bits == b.bits }
    return try equalSlow(a, b)
  }

  @inline(never) private func equalSlow(_ a: V, _ b: V) throws(Fault) -> Bool {
    if a.tag == .undefined || b.tag == .undefined {
      if a.tag == .undefined { try strictCheck(a) }
      if b.tag == .undefined { try strictCheck(b) }
      return a.tag == b.tag && kind(a) == kind(b)
    }
    if a.isNumber, b.isNumber {
      if a.tag == .float || b.tag == .float { return compareNumbers(a, b) == 0 }
      if a.tag == .big || b.tag == .big { return bigValue(a) == bigValue(b) }
      return a.asInt == b.asInt
    }
    if a.isSequence, a.tag == b.tag {
      let x = a.list
      let y = b.list
      guard x.pointee.count == y.pointee.count else { return false }
      depth += 1
      defer { depth -= 1 }
      guard depth <= maxDepth else { throw fail("RecursionError", "maximum recursion depth exceeded in comparison") }
      try burn(x.pointee.count / 8)
      for i in 0..<x.pointee.count {
        let (p, q) = (x.pointee.items[i], y.pointee.items[i])
        if !p.isSame(q), !(try equal(p, q)) { return false }
      }
      return true
    }
    if a.tag == .dict, b.tag == .dict {
      guard a.dict.pointee.count == b.dict.pointee.count else { return false }
      depth += 1
      defer { depth -= 1 }
      guard depth <= maxDepth else { throw fail("RecursionError", "maximum recursion depth exceeded in comparison") }
      try burn(a.dict.pointee.count / 8)
      for i in 0..<a.dict.pointee.count {
        let e = a.dict.pointee.entries[i]
        let p = try position(b.dict, e.key)
        if p < 0 { return false }
        if !(try equal(e.value, b.dict.pointee.entries[p].value)) { return false }
      }
      return true
    }
    if a.tag == .range, b.tag == .range {
      let (x, y) = (a.rangeObject, b.rangeObject)
      return x.count == y.count && (x.count == 0 || (x.start == y.start && (x.count == 1 || x.step == y.step)))
    }
    return a.isSame(b)
  }

  /// -1, 0, 1, or 2 when one of them is not a number.
  func compareNumbers(_ a: V, _ b: V) -> Int {
    func exact(_ d: Double, _ i: BigInt) -> Int {
      if d.isNaN { return 2 }
      if d.isInfinite { return d < 0 ? -1 : 1 }
      let t = d.rounded(.towardZero)
      let b = BigInt(exactly: t)
      if b != i { return b < i ? -1 : 1 }
      return d == t ? 0 : d < t ? -1 : 1
    }
    if a.tag == .float, b.tag == .float {
      let (x, y) = (a.asDouble, b.asDouble)
      return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2
    }
    if a.tag == .float {
      if b.tag != .big, abs(b.asInt.magnitudeOrMax) < 1 << 53 { return compareNumbers(a, .float(Double(b.asInt))) }
      return exact(a.asDouble, bigValue(b))
    }
    if b.tag == .float {
      let r = compareNumbers(b, a)
      return r == 2 ? 2 : -r
    }
    if a.tag == .big || b.tag == .big {
      let (x, y) = (bigValue(a), bigValue(b))
      return x == y ? 0 : x < y ? -1 : 1
    }
    return a.asInt < b.asInt ? -1 : a.asInt > b.asInt ? 1 : 0
  }

  func compareBytes(_ a: V, _ b: V) -> Int {
    let r = memcmp(a.chars, b.chars, min(a.count, b.count))
    return r != 0 ? (r < 0 ? -1 : 1) : a.count < b.count ? -1 : a.count > b.count ? 1 : 0
  }

  /// Python's ordering: -1, 0, 1, or 2 for numbers that cannot be ordered; an error for other kinds.
  func order(_ a: V, _ b: V, _ symbol: String) throws(Fault) -> Int {
    if a.isNumber, b.isNumber { return compareNumbers(a, b) }
    if a.tag == .str, b.tag == .str {
      try burn(a.count >> 12)
      return compareBytes(a, b)
    }
    if a.isSequence, a.tag == b.tag {
      depth += 1
      defer { depth -= 1 }
      guard depth <= maxDepth else { throw fail("RecursionError", "maximum recursion depth exceeded in comparison") }
      let (x, y) = (a.list, b.list)
      for i in 0..<min(x.pointee.count, y.pointee.count) {
        let (p, q) = (x.pointee.items[i], y.pointee.items[i])
        if !p.isSame(q), !(try equal(p, q)) { return try order(p, q, symbol) }
      }
      return x.pointee.count < y.pointee.count ? -1 : x.pointee.count > y.pointee.count ? 1 : 0
    }
    if a.tag == .undefined { throw undefinedError(a) }
    if b.tag == .undefined { throw undefinedError(b) }
    throw typeError("'\(symbol)' not supported between instances of '\(typeName(a))' and '\(typeName(b))'")
  }

  /// Charges for a search, whose worst case is the product of both lengths.
  @inline(__always) func search(_ haystack: V, _ needle: V) throws(Fault) {
    try burn((haystack.count >> 10) &+ (haystack.count &* needle.count) >> 14)
  }

  func contains(_ container: V, _ v: V) throws(Fault) -> Bool {
    switch container.tag {
    case .str:
      guard v.tag == .str else { throw typeError("'in <string>' requires string as left operand, not \(typeName(v))") }
      try search(container, v)
      return findBytes(container.bytes, v.bytes, from: 0) != nil
    case .dict: return try position(container.dict, v) >= 0
    case .view where container.flag == 0: return try position(container.viewed.dict, v) >= 0
    case .range where v.isIntLike:
      let r = container.rangeObject
      let i = v.asInt
      return r.step > 0 ? i >= r.start && i < r.stop && (i - r.start) % r.step == 0 : i <= r.start && i > r.stop && (r.start - i) % (-r.step) == 0
    case .undefined:
      try strictCheck(container)
      return false
    default:
      guard isIterable(container) else { throw typeError("argument of type '\(typeName(container))' is not iterable") }
      var it = try iterate(container)
      while let x = try next(&it) { if try same(x, v) { return true } }
      return false
    }
  }
}

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension Machine {
  @inline(__always) func truth(_ v: V) throws(Fault) -> Bool {
    switch v.tag {
    case .bool, .int: return v.bits != 0
    case .str: return v.aux != 0
    case .none: return false
    default: return try truthSlow(v)
    }
  }

  private func truthSlow(_ v: V) throws(Fault) -> Bool {
    switch v.tag {
    case .undefined:
      try strictCheck(v)
      return false
    case .float: return v.asDouble != 0
    case .list, .tuple: return v.list.pointee.count != 0
    case .dict, .view: return v.viewed.dict.pointee.count != 0
    case .range: return v.rangeObject.count != 0
    case .loop: return true
    case .missing, .lazy: return false
    default: return true
    }
  }

  /// An integer for indices and counts.
  func index(_ v: V, _ message: @autoclosure () -> String) throws(Fault) -> Int {
    if v.tag == .int || v.tag == .bool { return v.asInt }
    if v.tag == .big { throw fail("OverflowError", "Python int too large to convert to C ssize_t") }
    throw typeError(message())
  }

  // MARK: big integers

  func big(_ b: BigInt) -> V {
    if let i = b.asInt { return .int(i) }
    bigs.append(b)
    return V(.big, bits: UInt64(bigs.count - 1))
  }

  func bigValue(_ v: V) -> BigInt { v.tag == .big ? bigs[Int(v.bits)] : BigInt(v.asInt) }

  /// Beyond this an integer costs more than a template may ask for; Python itself refuses to print more than 4,300 digits.
  static let maxBits = 1 << 17

  private func bounded(_ b: BigInt) throws(Fault) -> V {
    if b.bitWidth > Machine.maxBits { throw fail("OverflowError", "an integer has more than \(Machine.maxBits) bits") }
    try burn(b.bitWidth / 64 + 1)
    return big(b)
  }

  func double(_ v: V) throws(Fault) -> Double {
    switch v.tag {
    case .int, .bool: return Double(v.asInt)
    case .float: return v.asDouble
    case .big:
      let d = bigValue(v).toDouble()
      if d.isInfinite { throw fail("OverflowError", "int too large to convert to float") }
      return d
    default: throw typeError("must be real number, not \(typeName(v))")
    }
  }

  // MARK: arithmetic

  private func operandError(_ op: BinaryOperator, _ a: V, _ b: V) -> Fault {
    if a.tag == .undefined { return undefinedError(a) }
    if b.tag == .undefined { return undefinedError(b) }
    return typeError("unsupported operand type(s) for \(op.symbol): '\(typeName(a))' and '\(typeName(b))'")
  }

  func add(_ a: V, _ b: V) throws(Fault) -> V {
    if a.tag == .str, b.tag == .str {
      if (a.flag | b.flag) & 1 == 0 { return try join(a, b) }
      let x = a.isMarkup ? a : try escaped(a)
      let y = b.isMarkup ? b : try escaped(b)
      return try join(x, y).asMarkup
    }
    if a.isNumber, b.isNumber { return try arithmetic(.add, a, b) }
    if a.isSequence, a.tag == b.tag {
      let n = a.list.pointee.count + b.list.pointee.count
      try burn(n / 8)
      let l = try list(capacity: n, tag: a.tag)
      l.list.pointee.items.update(from: a.list.pointee.items, count: a.list.pointee.count)
      (l.list.pointee.items + a.list.pointee.count).update(from: b.list.pointee.items, count: b.list.pointee.count)
      l.list.pointee.count = n
      return l
    }
    if a.tag == .undefined { throw undefinedError(a) }
    if b.tag == .undefined { throw undefinedError(b) }
    if a.tag == .str { throw typeError("can only concatenate str (not \"\(typeName(b))\") to str") }
    if a.isSequence { throw typeError("can only concatenate \(typeName(a)) (not \"\(typeName(b))\") to \(typeName(a))") }
    throw operandError(.add, a, b)
  }

  func join(_ a: V, _ b: V) throws(Fault) -> V {
    let n = a.count + b.count
    guard n < Int(UInt32.max) else { throw memoryFault() }
    let p = try allocate(n).assumingMemoryBound(to: UInt8.self)
    memcpy(p, a.chars, a.count)
    memcpy(p + a.count, b.chars, b.count)
    return V.str(UnsafePointer(p), n)
  }

  func arithmetic(_ op: BinaryOperator, _ a: V, _ b: V) throws(Fault) -> V {
    guard a.isNumber, b.isNumber else { throw operandError(op, a, b) }
    if a.tag == .float || b.tag == .float { return try floatArithmetic(op, try double(a), try double(b)) }
    if a.tag == .big || b.tag == .big { return try bigArithmetic(op, a, b) }
    let x = a.asInt
    let y = b.asInt
    switch op {
    case .add:
      let (r, o) = x.addingReportingOverflow(y)
      return o ? try bigArithmetic(op, a, b) : .int(r)
    case .sub:
      let (r, o) = x.subtractingReportingOverflow(y)
      return o ? try bigArithmetic(op, a, b) : .int(r)
    case .mul:
      let (r, o) = x.multipliedReportingOverflow(by: y)
      return o ? try bigArithmetic(op, a, b) : .int(r)
    case .div:
      if y == 0 { throw fail("ZeroDivisionError", "division by zero") }
      let limit = 1 << 53
      if abs(x.magnitudeOrMax) <= limit, abs(y.magnitudeOrMax) <= limit { return .float(Double(x) / Double(y)) }
      return .float(try divide(BigInt(x), BigInt(y)))
    case .floordiv, .mod:
      if y == 0 { throw fail("ZeroDivisionError", "integer division or modulo by zero") }
      if x == .min, y == -1 { return op == .mod ? .int(0) : try bigArithmetic(op, a, b) }
      var q = x / y
      var r = x % y
      if r != 0, (r < 0) != (y < 0) {
        q -= 1
        r += y
      }
      return .int(op == .mod ? r : q)
    case .pow:
      if y < 0 {
        if x == 0 { throw fail("ZeroDivisionError", "0.0 cannot be raised to a negative power") }
        return .float(Glibc_pow(Double(x), Double(y)))
      }
      return try power(BigInt(x), y)
    }
  }

  private func floatArithmetic(_ op: BinaryOperator, _ x: Double, _ y: Double) throws(Fault) -> V {
    switch op {
    case .add: return .float(x + y)
    case .sub: return .float(x - y)
    case .mul: return .float(x * y)
    case .div:
      if y == 0 { throw fail("ZeroDivisionError", "float division by zero") }
      return .float(x / y)
    case .floordiv, .mod:
      if y == 0 { throw fail("ZeroDivisionError", op == .mod ? "float modulo" : "float floor division by zero") }
      var m = fmod(x, y)
      var d = (x - m) / y
      if m != 0 {
        if (y < 0) != (m < 0) {
          m += y
          d -= 1
        }
      } else {
        m = copysign(0, y)
      }
      if op == .mod { return .float(m) }
      if d != 0 {
        var f = floor(d)
        if d - f > 0.5 { f += 1 }
        return .float(f)
      }
      return .float(copysign(0, x / y))
    case .pow:
      if x == 0, y < 0 { throw fail("ZeroDivisionError", "0.0 cannot be raised to a negative power") }
      if x < 0, x.isFinite, y.isFinite, y != floor(y) { throw typeError("a negative number raised to a fraction is complex, which has no form here") }
      let r = Glibc_pow(x, y)
      if r.isInfinite, x.isFinite, y.isFinite { throw fail("OverflowError", "(34, 'Numerical result out of range')") }
      return .float(r)
    }
  }

  private func bigArithmetic(_ op: BinaryOperator, _ a: V, _ b: V) throws(Fault) -> V {
    let x = bigValue(a)
    let y = bigValue(b)
    switch op {
    case .add: return try bounded(x + y)
    case .sub: return try bounded(x - y)
    case .mul:
      try burn(x.words * y.words / 8 + 1)
      if x.bitWidth + y.bitWidth > Machine.maxBits + 64 { throw fail("OverflowError", "an integer has more than \(Machine.maxBits) bits") }
      return try bounded(x * y)
    case .div:
      if y.isZero { throw fail("ZeroDivisionError", "division by zero") }
      return .float(try divide(x, y))
    case .floordiv, .mod:
      if y.isZero { throw fail("ZeroDivisionError", "integer division or modulo by zero") }
      try burn(x.words * y.words / 8 + 1)
      let (q, r) = x.floorDivided(by: y)
      return try bounded(op == .mod ? r : q)
    case .pow:
      guard let e = y.asInt else {
        if y.isNegative { return try floatArithmetic(.pow, try double(a), try double(b)) }
        if x.isZero || x == BigInt(1) { return big(x) }
        if x == BigInt(-1) { return .int(y.isOdd ? -1 : 1) }
        throw fail("OverflowError", "an integer has more than \(Machine.maxBits) bits")
      }
      if e < 0 { return .float(Glibc_pow(try double(a), Double(e))) }
      return try power(x, e)
    }
  }

  private func power(_ x: BigInt, _ e: Int) throws(Fault) -> V {
    if e == 0 { return .int(1) }
    if x.isZero || x == BigInt(1) { return big(x) }
    if x == BigInt(-1) { return .int(e & 1 == 1 ? -1 : 1) }
    if e > Machine.maxBits || (x.bitWidth - 1) * e > Machine.maxBits {
      throw fail("OverflowError", "an integer has more than \(Machine.maxBits) bits")
    }
    var result = BigInt(1)
    var base = x
    var n = e
    while true {
      if n & 1 == 1 { result = result * base }
      n >>= 1
      if n == 0 { break }
      base = base * base
      try burn(base.words * base.words / 8 + 1)
    }
    return try bounded(result)
  }

  /// Python's correctly rounded quotient of two integers.
  private func divide(_ x: BigInt, _ y: BigInt) throws(Fault) -> Double {
    guard let d = BigInt.quotient(x, y) else { throw fail("OverflowError", "integer division result too large for a float") }
    return d
  }

  func multiply(_ a: V, _ b: V) throws(Fault) -> V {
    if a.tag == .str || a.isSequence { return try `repeat`(a, b) }
    if b.tag == .str || b.isSequence { return try `repeat`(b, a, swapped: true) }
    return try arithmetic(.mul, a, b)
  }

  private func `repeat`(_ s: V, _ n: V, swapped: Bool = false) throws(Fault) -> V {
    if n.tag == .undefined { throw s.isMarkup && !swapped ? typeError("'\(typeName(n))' object cannot be interpreted as an integer") : undefinedError(n) }
    guard n.isIntLike else {
      if n.tag == .big {
        if bigValue(n).isNegative { return s.tag == .str ? V.empty : try list(capacity: 0, tag: s.tag) }
        throw fail("OverflowError", "cannot fit 'int' into an index-sized integer")
      }
      if n.tag == .float || n.tag == .none || n.isSequence || n.tag == .str || n.tag == .dict {
        throw typeError("can't multiply sequence by non-int of type '\(typeName(n))'")
      }
      throw operandError(.mul, swapped ? n : s, swapped ? s : n)
    }
    let k = max(0, n.asInt)
    if s.tag == .str {
      let (total, o) = s.count.multipliedReportingOverflow(by: k)
      guard !o, total < memoryLimit, total < Int(UInt32.max) else { throw memoryFault() }
      try burn(total / 64)
      let p = try allocate(total).assumingMemoryBound(to: UInt8.self)
      if s.count == 1 {
        memset(p, Int32(s.chars[0]), total)
      } else {
        for i in 0..<(s.count == 0 ? 0 : k) { memcpy(p + i * s.count, s.chars, s.count) }
      }
      return V.str(UnsafePointer(p), total, markup: s.isMarkup)
    }
    let count = s.list.pointee.count
    let (total, o) = count.multipliedReportingOverflow(by: k)
    guard !o, total < memoryLimit / MemoryLayout<V>.stride else { throw memoryFault() }
    try burn(total / 8)
    let l = try list(capacity: total, tag: s.tag)
    for i in 0..<(count == 0 ? 0 : k) { (l.list.pointee.items + i * count).update(from: s.list.pointee.items, count: count) }
    l.list.pointee.count = total
    return l
  }

  func modulo(_ a: V, _ b: V) throws(Fault) -> V {
    if a.tag == .str { return try percentFormat(a, b) }
    return try arithmetic(.mod, a, b)
  }

  func negate(_ v: V) throws(Fault) -> V {
    switch v.tag {
    case .int, .bool: return v.asInt == .min ? big(BigInt(0) - BigInt(Int.min)) : .int(-v.asInt)
    case .float: return .float(-v.asDouble)
    case .big: return big(BigInt(0) - bigValue(v))
    case .undefined: throw undefinedError(v)
    default: throw typeError("bad operand type for unary -: '\(typeName(v))'")
    }
  }

  func positive(_ v: V) throws(Fault) -> V {
    switch v.tag {
    case .int, .float, .big: return v
    case .bool: return .int(v.asInt)
    case .undefined: throw undefinedError(v)
    default: throw typeError("bad operand type for unary +: '\(typeName(v))'")
    }
  }

  func concat(_ p: UnsafeMutablePointer<V>, _ n: Int, markup: Bool) throws(Fault) -> V {
    let mark = outCount
    var isMarkup = false
    if markup { for i in 0..<n where p[i].isMarkup || p[i].tag == .module || (p[i].tag == .undefined && undefinedKind == .chainable) { isMarkup = true } }
    for i in 0..<n {
      let v = p[i]
      if v.tag == .str {
        if isMarkup, !v.isMarkup { try emitEscaped(v.chars, v.count) } else { try emit(v.chars, v.count) }
      } else if isMarkup {
        let s = try text(of: v)
        if s.isMarkup { try emit(s.chars, s.count) } else { try emitEscaped(s.chars, s.count) }
      } else {
        try emitPlain(v)
      }
    }
    return try take(from: mark, markup: isMarkup)
  }

  // MARK: comparison

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

  // MARK: iteration

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

extension Int {
  /// The value, or one that is larger than any bound when it has no negative.
  var magnitudeOrMax: Int { self == .min ? .max : self }
}

/// `pow` of the C library: a power of doubles has no exact integer form.
func Glibc_pow(_ x: Double, _ y: Double) -> Double { pow(x, y) }

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
}

extension Int {
  /// The value, or one that is larger than any bound when it has no negative.
  var magnitudeOrMax: Int { self == .min ? .max : self }
}

/// `pow` of the C library: a power of doubles has no exact integer form.
func Glibc_pow(_ x: Double, _ y: Double) -> Double { pow(x, y) }

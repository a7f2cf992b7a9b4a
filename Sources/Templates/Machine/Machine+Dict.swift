#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Spreads a string's bytes over 64 bits; the seed differs from process to process, so keys cannot be chosen to collide.
@inline(__always) func hashBytes(_ p: UnsafePointer<UInt8>, _ n: Int) -> UInt64 {
  let seed = UInt64(UInt(bitPattern: V.emptyBytes))
  var h = seed ^ (UInt64(n) &* 0x9E37_79B9_7F4A_7C15)
  let raw = UnsafeRawPointer(p)
  var i = 0
  while i + 8 <= n {
    h = (h ^ raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)) &* 0xD6E8_FEB8_6659_FD93
    h ^= h >> 32
    i += 8
  }
  while i < n {
    h = (h ^ UInt64(p[i])) &* 0x1000_0000_01B3
    i += 1
  }
  h = (h ^ (h >> 32)) &* 0xD6E8_FEB8_6659_FD93
  return h ^ (h >> 32)
}

@inline(__always) func sameBytes(_ a: V, _ b: V) -> Bool {
  a.aux == b.aux && (a.bits == b.bits || memcmp(a.chars, b.chars, Int(a.aux)) == 0)
}

extension Machine {
  func dict(capacity: Int) throws(Fault) -> V {
    let n = max(capacity, 2)
    let e = try allocate(n * MemoryLayout<DictEntry>.stride).assumingMemoryBound(to: DictEntry.self)
    let p = try make(DictObject(entries: e, count: 0, capacity: n, index: nil, indexMask: 0, source: nil, sourceCount: 0, frozen: false))
    return V.object(.dict, UnsafeMutableRawPointer(p))
  }

  func hash(_ v: V) throws(Fault) -> UInt64 {
    switch v.tag {
    case .str:
      if v.count > 4096 { try burn(v.count >> 10) }
      return hashBytes(v.chars, v.count)
    case .int, .bool: return v.bits &* 0x9E37_79B9_7F4A_7C15
    case .float:
      if let i = Int(exactly: v.asDouble) { return UInt64(bitPattern: Int64(i)) &* 0x9E37_79B9_7F4A_7C15 }
      return v.bits &* 0xD6E8_FEB8_6659_FD93
    case .big: return 0x1234_5678
    case .none: return 0x5555_AAAA
    case .tuple:
      var h: UInt64 = 0x345678
      depth += 1
      guard depth <= maxDepth else { throw fail("RecursionError", "a key is nested too deep") }
      for i in 0..<v.list.pointee.count { h = (h ^ (try hash(v.list.pointee.items[i]))) &* 1_000_003 }
      depth -= 1
      return h
    case .list, .dict: throw typeError("unhashable type: '\(typeName(v))'")
    case .undefined:
      if isStrict(v) { throw undefinedError(v) }
      return 77
    default: return v.bits
    }
  }

  /// Strings are by far the commonest keys.
  @inline(__always) func lookup(_ d: UnsafeMutablePointer<DictObject>, _ key: V) -> V? {
    if d.pointee.index == nil {
      let e = d.pointee.entries
      for i in 0..<d.pointee.count where e[i].key.tag == .str && sameBytes(e[i].key, key) { return e[i].value }
      return nil
    }
    return lookupIndexed(d, key)
  }

  @inline(never) private func lookupIndexed(_ d: UnsafeMutablePointer<DictObject>, _ key: V) -> V? {
    let mask = d.pointee.indexMask
    var i = Int(truncatingIfNeeded: hashBytes(key.chars, key.count)) & mask
    let index = d.pointee.index.unsafelyUnwrapped
    while index[i] >= 0 {
      let e = d.pointee.entries + Int(index[i])
      if e.pointee.key.tag == .str, sameBytes(e.pointee.key, key) { return e.pointee.value }
      i = (i + 1) & mask
    }
    return nil
  }

  /// The place of a key of any kind, or -1.
  func position(_ d: UnsafeMutablePointer<DictObject>, _ key: V) throws(Fault) -> Int {
    let h = try hash(key)
    if d.pointee.index == nil {
      for i in 0..<d.pointee.count where try sameKey(d.pointee.entries[i].key, key) { return i }
      return -1
    }
    let mask = d.pointee.indexMask
    var i = Int(truncatingIfNeeded: h) & mask
    let index = d.pointee.index.unsafelyUnwrapped
    while index[i] >= 0 {
      if try sameKey(d.pointee.entries[Int(index[i])].key, key) { return Int(index[i]) }
      i = (i + 1) & mask
    }
    return -1
  }

  private func sameKey(_ a: V, _ b: V) throws(Fault) -> Bool {
    if a.tag == .str, b.tag == .str { return sameBytes(a, b) }
    if a.tag == .undefined || b.tag == .undefined { return a.tag == b.tag }
    return try equal(a, b)
  }

  func set(_ v: V, _ key: V, _ value: V) throws(Fault) {
    let d = v.dict
    if d.pointee.frozen { throw frozen() }
    d.pointee.sourceCount = 0
    let p = try position(d, key)
    if p >= 0 {
      d.pointee.entries[p].value = value
      return
    }
    try add(d, key, value)
  }

  @inline(never) func frozen() -> Fault { fail("SecurityError", "a shared context cannot be changed by a template") }

  /// Appends an entry whose key is known to be new.
  func add(_ d: UnsafeMutablePointer<DictObject>, _ key: V, _ value: V) throws(Fault) {
    if d.pointee.count == d.pointee.capacity {
      let n = d.pointee.capacity * 2
      let e = try allocate(n * MemoryLayout<DictEntry>.stride).assumingMemoryBound(to: DictEntry.self)
      e.update(from: d.pointee.entries, count: d.pointee.count)
      d.pointee.entries = e
      d.pointee.capacity = n
    }
    d.pointee.entries[d.pointee.count] = DictEntry(key: key, value: value)
    d.pointee.count += 1
    if d.pointee.count > 8 {
      if d.pointee.index == nil || d.pointee.count * 2 > d.pointee.indexMask {
        try reindex(d)
      } else {
        let mask = d.pointee.indexMask
        var i = Int(truncatingIfNeeded: try hash(key)) & mask
        while d.pointee.index.unsafelyUnwrapped[i] >= 0 { i = (i + 1) & mask }
        d.pointee.index.unsafelyUnwrapped[i] = Int32(d.pointee.count - 1)
      }
    }
  }

  func reindex(_ d: UnsafeMutablePointer<DictObject>) throws(Fault) {
    guard d.pointee.count > 8 else {
      d.pointee.index = nil
      return
    }
    var size = 32
    while size < d.pointee.count * 4 { size *= 2 }
    let index = try allocate(size * 4).assumingMemoryBound(to: Int32.self)
    index.initialize(repeating: -1, count: size)
    for k in 0..<d.pointee.count {
      var i = Int(truncatingIfNeeded: try hash(d.pointee.entries[k].key)) & (size - 1)
      while index[i] >= 0 { i = (i + 1) & (size - 1) }
      index[i] = Int32(k)
    }
    d.pointee.index = index
    d.pointee.indexMask = size - 1
  }

  /// Takes a key out; its value, or nil when there was none.
  func remove(_ v: V, _ key: V) throws(Fault) -> V? {
    let d = v.dict
    if d.pointee.frozen { throw frozen() }
    d.pointee.sourceCount = 0
    let p = try position(d, key)
    guard p >= 0 else { return nil }
    let value = d.pointee.entries[p].value
    for i in p..<(d.pointee.count - 1) { d.pointee.entries[i] = d.pointee.entries[i + 1] }
    try burn(d.pointee.count / 16 + 1)
    d.pointee.count -= 1
    if d.pointee.index != nil { try reindex(d) }
    return value
  }

  /// Python's `dict.update`: a mapping or pairs.
  func update(_ target: V, _ from: V) throws(Fault) {
    if from.tag == .dict || from.tag == .namespace {
      if from.tag == .namespace { throw typeError("'Namespace' object is not iterable") }
      let d = from.dict
      try burn(d.pointee.count)
      for i in 0..<d.pointee.count { try set(target, d.pointee.entries[i].key, d.pointee.entries[i].value) }
      return
    }
    if from.tag == .undefined { try strictCheck(from) }
    guard isIterable(from) else { throw typeError("'\(typeName(from))' object is not iterable") }
    var it = try iterate(from)
    var n = 0
    while let pair = try next(&it) {
      guard isIterable(pair) else { throw typeError("cannot convert dictionary update sequence element #\(n) to a sequence") }
      var p = try iterate(pair)
      var items: [V] = []
      while let x = try next(&p), items.count < 3 { items.append(x) }
      guard items.count == 2 else { throw valueError("dictionary update sequence element #\(n) has length \(items.count); 2 is required") }
      try set(target, items[0], items[1])
      n += 1
    }
  }
}

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Finds in a row the fields a template names, and nothing else.
struct RowReader {
  /// The program whose names `fields` holds.
  private(set) var owner: UnsafeMutableRawPointer?
  /// One value per name: missing, lazy or decoded.
  private(set) var fields: UnsafeMutablePointer<V>
  private var capacity: Int
  /// The names, in memory of their own: `capacity` of them fit, as in `fields`.
  private var names: UnsafeMutablePointer<V>
  private var nameCount = 0
  private var defaults: [V] = []
  private var hostGlobals: [(Int, Value)] = []
  /// The first name of each hash value, and for each name the next one of the same hash value.
  private let heads: UnsafeMutablePointer<Int16>
  private var chains: UnsafeMutablePointer<Int16>
  private(set) var base: UnsafePointer<UInt8>?
  private(set) var count = 0
  /// Bytes of names that were added for included templates.
  private var added: [UnsafeMutablePointer<UInt8>] = []
  private var extra = Bindings()

  init() {
    capacity = 16
    fields = .allocate(capacity: capacity)
    names = .allocate(capacity: capacity)
    chains = .allocate(capacity: capacity)
    heads = .allocate(capacity: 64)
    heads.initialize(repeating: -1, count: 64)
  }

  func deallocate() {
    fields.deallocate()
    names.deallocate()
    chains.deallocate()
    heads.deallocate()
    for p in added { p.deallocate() }
  }

  private static func bucket(_ p: UnsafePointer<UInt8>, _ n: Int) -> Int {
    n == 0 ? 0 : (n &* 7 &+ Int(p[0]) &* 3 &+ Int(p[n - 1])) & 63
  }

  private mutating func adopt(_ program: Program, _ machine: Machine) {
    owner = Unmanaged.passUnretained(program).toOpaque()
    for p in added { p.deallocate() }
    added = []
    nameCount = 0
    defaults = []
    hostGlobals = []
    heads.update(repeating: -1, count: 64)
    for n in program.contextNames { insert(n, machine) }
  }

  private mutating func insert(_ name: V, _ machine: Machine) {
    let i = nameCount
    if i == capacity {
      RowReader.double(&fields, capacity)
      RowReader.double(&names, capacity)
      RowReader.double(&chains, capacity)
      capacity *= 2
    }
    names[i] = name
    nameCount += 1
    let text = name.text
    if let v = machine.environment.globals[text] {
      defaults.append(.missing)
      hostGlobals.append((i, v))
    } else if let g = Names.globals[text] {
      defaults.append(V(.function, bits: UInt64(g.rawValue)))
    } else {
      defaults.append(.missing)
    }
    let b = RowReader.bucket(name.chars, name.count)
    chains[i] = heads[b]
    heads[b] = Int16(truncatingIfNeeded: i)
  }

  private static func double<T>(_ p: inout UnsafeMutablePointer<T>, _ capacity: Int) {
    let new = UnsafeMutablePointer<T>.allocate(capacity: capacity * 2)
    new.update(from: p, count: capacity)
    p.deallocate()
    p = new
  }

  @inline(__always) private func find(_ p: UnsafePointer<UInt8>, _ n: Int) -> Int {
    var i = heads[RowReader.bucket(p, n)]
    while i >= 0 {
      let name = names[Int(i)]
      if name.count == n, sameText(name.chars, p, n) { return Int(i) }
      i = chains[Int(i)]
    }
    return -1
  }

  /// Names are short: comparing them here costs less than the call of memcmp.
  @inline(__always) private func sameText(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ n: Int) -> Bool {
    if n > 16 { return memcmp(a, b, n) == 0 }
    let (x, y) = (UnsafeRawPointer(a), UnsafeRawPointer(b))
    if n >= 8 {
      return x.loadUnaligned(as: UInt64.self) == y.loadUnaligned(as: UInt64.self)
        && x.loadUnaligned(fromByteOffset: n - 8, as: UInt64.self) == y.loadUnaligned(fromByteOffset: n - 8, as: UInt64.self)
    }
    if n >= 4 {
      return x.loadUnaligned(as: UInt32.self) == y.loadUnaligned(as: UInt32.self)
        && x.loadUnaligned(fromByteOffset: n - 4, as: UInt32.self) == y.loadUnaligned(fromByteOffset: n - 4, as: UInt32.self)
    }
    var i = 0
    while i < n {
      if a[i] != b[i] { return false }
      i += 1
    }
    return true
  }

  /// Looks for the program's names in a row and in what overlays it.
  mutating func bind(_ program: Program, _ row: UnsafeRawBufferPointer, _ extra: Bindings, _ machine: Machine) throws(Fault) {
    if owner != Unmanaged.passUnretained(program).toOpaque() { adopt(program, machine) }
    defaults.withUnsafeBufferPointer { d in for i in 0..<nameCount { fields[i] = d[i] } }
    if !hostGlobals.isEmpty { for (i, v) in hostGlobals { fields[i] = try machine.lower(v) } }
    base = row.baseAddress?.assumingMemoryBound(to: UInt8.self)
    count = row.count
    if base != nil, count > 0 { try scan(machine) }
    if !extra.names.isEmpty || !self.extra.names.isEmpty {
      self.extra = extra
      for k in 0..<extra.names.count {
        let i = extra.names[k].withUnsafeBufferPointer { $0.count == 0 ? -1 : find($0.baseAddress!, $0.count) }
        if i >= 0 { fields[i] = try machine.lower(extra.values[k]) }
      }
    }
  }

  /// Uses a context that was read before.
  mutating func bind(_ program: Program, _ context: Context, _ machine: Machine) throws(Fault) {
    if owner != Unmanaged.passUnretained(program).toOpaque() { adopt(program, machine) }
    base = nil
    count = 0
    let d = context.root.dict
    for i in 0..<nameCount {
      if let v = machine.lookup(d, names[i]) {
        fields[i] = program.mutates ? try machine.copy(v) : v
      } else {
        fields[i] = defaults[i]
      }
    }
    for (i, v) in hostGlobals where fields[i].tag == .missing { fields[i] = try machine.lower(v) }
  }

  /// A name that an included template asks for.
  mutating func find(_ name: V, _ machine: Machine) throws(Fault) -> V {
    var i = find(name.chars, name.count)
    if i < 0 {
      // Learn it, so that the next row's scan finds it along with the others.
      guard nameCount < 30_000 else { throw machine.fail("LimitError", "the template asks for more than 30000 names") }
      let p = UnsafeMutablePointer<UInt8>.allocate(capacity: max(name.count, 1))
      p.update(from: name.chars, count: name.count)
      added.append(p)
      i = nameCount
      insert(V.str(UnsafePointer(p), name.count), machine)
      fields[i] = defaults[i]
      for (k, v) in hostGlobals where k == i { fields[i] = try machine.lower(v) }
      let kept = (0..<i).map { fields[$0] }
      if base != nil, count > 0 { try scan(machine) }
      if let context = machine.context, let v = machine.lookup(context.root.dict, name) { fields[i] = v }
      for (k, v) in kept.enumerated() { fields[k] = v }
      if let k = extra.names.firstIndex(of: Array(name.bytes)) { fields[i] = try machine.lower(extra.values[k]) }
    }
    return fields[i]
  }

  /// Only so that numbers know their text.
  mutating func borrow(_ b: UnsafeBufferPointer<UInt8>) {
    base = b.baseAddress
    count = b.count
  }

  mutating func decoded(_ i: Int, _ v: V) { fields[i] = v }

  /// The names the row has, for suggestions.
  func knownNames(_ machine: Machine) -> [String] {
    var out = extra.names.map { String(decoding: $0, as: UTF8.self) }
    if let context = machine.context {
      let d = context.root.dict
      for i in 0..<min(d.pointee.count, 1000) { out.append(d.pointee.entries[i].key.text) }
    }
    guard let base, count > 0 else { return out }
    var p = base
    let end = base + count
    JSONScan.space(&p, end)
    guard p < end, p[0] == UInt8(ascii: "{") else { return out }
    p += 1
    while out.count < 1000 {
      JSONScan.space(&p, end)
      guard p < end, p[0] == UInt8(ascii: "\""), let (start, n, _) = JSONScan.string(&p, end) else { return out }
      out.append(String(decoding: UnsafeBufferPointer(start: start, count: n), as: UTF8.self))
      JSONScan.space(&p, end)
      guard p < end, p[0] == UInt8(ascii: ":") else { return out }
      p += 1
      JSONScan.space(&p, end)
      guard JSONScan.skip(&p, end) else { return out }
      JSONScan.space(&p, end)
      guard p < end, p[0] == UInt8(ascii: ",") else { return out }
      p += 1
    }
    return out
  }

  private mutating func scan(_ machine: Machine) throws(Fault) {
    var p = base.unsafelyUnwrapped
    let end = p + count
    JSONScan.space(&p, end)
    guard p < end, p[0] == UInt8(ascii: "{") else { throw machine.badRow("the row is not a JSON object") }
    p += 1
    JSONScan.space(&p, end)
    if p < end, p[0] == UInt8(ascii: "}") { return }
    while true {
      guard p < end, p[0] == UInt8(ascii: "\""), let (key, n, escaped) = JSONScan.string(&p, end) else {
        throw machine.badRow("the row is not valid JSON")
      }
      let i: Int
      if escaped {
        let k = try machine.unescape(key, n)
        i = find(k.chars, k.count)
      } else {
        i = find(key, n)
      }
      JSONScan.space(&p, end)
      guard p < end, p[0] == UInt8(ascii: ":") else { throw machine.badRow("the row is not valid JSON") }
      p += 1
      JSONScan.space(&p, end)
      guard p < end else { throw machine.badRow("the row is not valid JSON") }
      if i < 0 {
        guard JSONScan.skip(&p, end) else { throw machine.badRow("the row is not valid JSON") }
      } else {
        fields[i] = try value(&p, end, i, machine)
      }
      JSONScan.space(&p, end)
      guard p < end else { throw machine.badRow("the row is not valid JSON") }
      if p[0] == UInt8(ascii: "}") { return }
      guard p[0] == UInt8(ascii: ",") else { throw machine.badRow("the row is not valid JSON") }
      p += 1
      JSONScan.space(&p, end)
    }
  }

  private func value(_ p: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ i: Int, _ machine: Machine) throws(Fault) -> V {
    switch p[0] {
    case UInt8(ascii: "\""):
      guard let (s, n, escaped) = JSONScan.string(&p, end) else { throw machine.badRow("the row is not valid JSON") }
      return escaped ? try machine.unescape(s, n) : V.str(s, n)
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      let start = p
      guard JSONScan.skip(&p, end) else { throw machine.badRow("the row is not valid JSON") }
      var v = V(.lazy, bits: UInt64(UInt(bitPattern: start)), aux: UInt32(truncatingIfNeeded: p - start))
      v.extra = UInt16(truncatingIfNeeded: i)
      return v
    default: return try machine.parseScalar(&p, end)
    }
  }
}

/// Steps over JSON text.
enum JSONScan {
  @inline(__always) static func space(_ p: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) {
    while p < end, p[0] <= 0x20, p[0] == 0x20 || p[0] == 0x0A || p[0] == 0x0D || p[0] == 0x09 { p += 1 }
  }

  /// From an opening quote to after the closing one: the bytes between, and whether there are escapes among them.
  @inline(__always) static func string(_ p: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> (UnsafePointer<UInt8>, Int, escaped: Bool)? {
    let start = p + 1
    var q = start
    // Eight bytes at a time: keys and short values, most of a row, end before a call of memchr would pay.
    while end - q >= 8, q - start < 40 {
      let word = UnsafeRawPointer(q).loadUnaligned(as: UInt64.self).littleEndian
      let quotes = zeroBytes(word ^ 0x2222_2222_2222_2222)
      let backslashes = zeroBytes(word ^ 0x5C5C_5C5C_5C5C_5C5C)
      if quotes | backslashes != 0 {
        let quote = quotes.trailingZeroBitCount >> 3
        if quote < backslashes.trailingZeroBitCount >> 3 {
          p = q + quote + 1
          return (start, q - start + quote, false)
        }
        return rest(&p, start, q, end)
      }
      q += 8
    }
    return rest(&p, start, q, end)
  }

  /// Marks the bytes that are zero; what is marked above the lowest mark may be wrong.
  @inline(__always) private static func zeroBytes(_ x: UInt64) -> UInt64 { (x &- 0x0101_0101_0101_0101) & ~x & 0x8080_8080_8080_8080 }

  /// The end of a string of which nothing before `q` is a quote or a backslash.
  @inline(never) private static func rest(
    _ p: inout UnsafePointer<UInt8>, _ start: UnsafePointer<UInt8>, _ begin: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
  ) -> (UnsafePointer<UInt8>, Int, escaped: Bool)? {
    var q = begin
    while true {
      guard q < end, let hit = memchr(q, Int32(UInt8(ascii: "\"")), end - q) else { return nil }
      let h = UnsafePointer(hit.assumingMemoryBound(to: UInt8.self))
      var b = h
      while b > start, b[-1] == UInt8(ascii: "\\") { b -= 1 }
      if (h - b) & 1 == 0 {
        p = h + 1
        return (start, h - start, b < h || memchr(begin, Int32(UInt8(ascii: "\\")), h - begin) != nil)
      }
      q = h + 1
    }
  }

  /// Steps over a value; false when the text ends first.
  static func skip(_ p: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Bool {
    guard p < end else { return false }
    switch p[0] {
    case UInt8(ascii: "\""): return string(&p, end) != nil
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      var depth = 0
      while p < end {
        switch p[0] {
        case UInt8(ascii: "\""):
          if string(&p, end) == nil { return false }
          continue
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          depth -= 1
          if depth == 0 {
            p += 1
            return true
          }
        default: break
        }
        p += 1
      }
      return false
    default:
      let start = p
      while p < end {
        switch p[0] {
        case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), 0x20, 0x0A, 0x0D, 0x09: return p > start
        default: p += 1
        }
      }
      return p > start
    }
  }
}

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
  private var names: [V] = []
  private var defaults: [V] = []
  private var hostGlobals: [(Int, Value)] = []
  private var heads: [Int16] = []
  private var chains: [Int16] = []
  private(set) var base: UnsafePointer<UInt8>?
  private(set) var count = 0
  /// Bytes of names that were added for included templates.
  private var added: [UnsafeMutablePointer<UInt8>] = []
  private var extra = Bindings()

  init() {
    capacity = 16
    fields = .allocate(capacity: capacity)
  }

  func deallocate() {
    fields.deallocate()
    for p in added { p.deallocate() }
  }

  private static func bucket(_ p: UnsafePointer<UInt8>, _ n: Int) -> Int {
    n == 0 ? 0 : (n &* 7 &+ Int(p[0]) &* 3 &+ Int(p[n - 1])) & 63
  }

  private mutating func adopt(_ program: Program, _ machine: Machine) {
    owner = Unmanaged.passUnretained(program).toOpaque()
    for p in added { p.deallocate() }
    added = []
    names = []
    defaults = []
    hostGlobals = []
    heads = Array(repeating: -1, count: 64)
    chains = []
    for n in program.contextNames { insert(n, machine) }
  }

  private mutating func insert(_ name: V, _ machine: Machine) {
    let i = names.count
    names.append(name)
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
    chains.append(heads[b])
    heads[b] = Int16(truncatingIfNeeded: i)
    if names.count > capacity {
      let p = UnsafeMutablePointer<V>.allocate(capacity: capacity * 2)
      p.update(from: fields, count: i)
      fields.deallocate()
      fields = p
      capacity *= 2
    }
  }

  @inline(__always) private func find(_ p: UnsafePointer<UInt8>, _ n: Int) -> Int {
    var i = heads[RowReader.bucket(p, n)]
    while i >= 0 {
      let name = names[Int(i)]
      if name.count == n, memcmp(name.chars, p, n) == 0 { return Int(i) }
      i = chains[Int(i)]
    }
    return -1
  }

  /// Looks for the program's names in a row and in what overlays it.
  mutating func bind(_ program: Program, _ row: UnsafeRawBufferPointer, _ extra: Bindings, _ machine: Machine) throws(Fault) {
    if owner != Unmanaged.passUnretained(program).toOpaque() { adopt(program, machine) }
    for i in 0..<names.count { fields[i] = defaults[i] }
    for (i, v) in hostGlobals { fields[i] = try machine.lower(v) }
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
    for i in 0..<names.count {
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
      guard names.count < 30_000 else { throw machine.fail("LimitError", "the template asks for more than 30000 names") }
      let p = UnsafeMutablePointer<UInt8>.allocate(capacity: max(name.count, 1))
      p.update(from: name.chars, count: name.count)
      added.append(p)
      i = names.count
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
      guard p < end, p[0] == UInt8(ascii: "\""), let (start, n) = JSONScan.string(&p, end) else { return out }
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
      guard p < end, p[0] == UInt8(ascii: "\""), let (key, n) = JSONScan.string(&p, end) else { throw machine.badRow("the row is not valid JSON") }
      var i = find(key, n)
      if i < 0, memchr(key, Int32(UInt8(ascii: "\\")), n) != nil {
        let k = try machine.unescape(key, n)
        i = find(k.chars, k.count)
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
      guard let (s, n) = JSONScan.string(&p, end) else { throw machine.badRow("the row is not valid JSON") }
      if JSONScan.hasBackslash(s, n) { return try machine.unescape(s, n) }
      return V.str(s, n)
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

  /// From an opening quote to after the closing one: the bytes between.
  @inline(__always) static func string(_ p: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> (UnsafePointer<UInt8>, Int)? {
    let start = p + 1
    var q = start
    // Short strings, keys above all, end before a call to memchr would pay.
    let near = min(end - start, 16)
    var k = 0
    while k < near {
      let c = start[k]
      if c == UInt8(ascii: "\"") {
        p = start + k + 1
        return (start, k)
      }
      if c == UInt8(ascii: "\\") { break }
      k += 1
    }
    q = start + k
    while true {
      guard q < end, let hit = memchr(q, Int32(UInt8(ascii: "\"")), end - q) else { return nil }
      let h = UnsafePointer(hit.assumingMemoryBound(to: UInt8.self))
      var b = h
      while b > start, b[-1] == UInt8(ascii: "\\") { b -= 1 }
      if (h - b) & 1 == 0 {
        p = h + 1
        return (start, h - start)
      }
      q = h + 1
    }
  }

  @inline(__always) static func hasBackslash(_ p: UnsafePointer<UInt8>, _ n: Int) -> Bool {
    if n > 16 { return memchr(p, Int32(UInt8(ascii: "\\")), n) != nil }
    for i in 0..<n where p[i] == UInt8(ascii: "\\") { return true }
    return false
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

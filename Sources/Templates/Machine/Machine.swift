#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Thrown inside the module; the details wait in `Machine.fault`, so that throwing costs a register.
struct Fault: Error {}

/// What happened, before it is given a place.
struct FaultDetails {
  var errorClass: String
  var message: String
  var undefinedName: String?
  /// False for what Jinja2 reports outside any statement: the joining of the whole text.
  var hasStatement = true
  var suggestion: String?
  /// Set when the error already carries its own place (a syntax error in an included template, a host function's own error).
  var ready: TemplateError?
  var trace: [TraceEntry] = []
  /// The function of each entry of `trace`.
  var functions: [Int] = []
}

struct TraceEntry {
  var program: Program
  var pc: Int
  var what: String
}

/// Something other than a string, written where Jinja2 will join the pieces later.
struct JoinFault {
  var type: String
  var captures: Int
  var depth: Int
}

/// The state of one render: output buffer, arena, value stack. Owned by a `Renderer` and reused for each row.
final class Machine {
  // MARK: output
  @exclusivity(unchecked) var out: UnsafeMutablePointer<UInt8>
  @exclusivity(unchecked) var outCount = 0
  @exclusivity(unchecked) var outCapacity: Int
  @exclusivity(unchecked) var outLimit = Int.max

  // MARK: arena
  @exclusivity(unchecked) var bump: UnsafeMutableRawPointer
  @exclusivity(unchecked) var bumpEnd: UnsafeMutableRawPointer
  @exclusivity(unchecked) var chunks: [(UnsafeMutableRawPointer, Int)] = []
  @exclusivity(unchecked) var chunkIndex = 0
  @exclusivity(unchecked) var arenaUsed = 0  // bytes of finished chunks
  @exclusivity(unchecked) var memoryLimit = Int.max

  // MARK: execution
  @exclusivity(unchecked) var stack: UnsafeMutablePointer<V>
  @exclusivity(unchecked) var stackEnd: UnsafeMutablePointer<V>
  @exclusivity(unchecked) var sp: UnsafeMutablePointer<V>
  @exclusivity(unchecked) var fuel = Int.max
  @exclusivity(unchecked) var depth = 0
  @exclusivity(unchecked) var maxDepth = 200
  @exclusivity(unchecked) var maxRange = 100_000
  @exclusivity(unchecked) var undefinedKind = Undefined.strict
  @exclusivity(unchecked) var immutable = false
  @exclusivity(unchecked) var hfJSON = false
  @exclusivity(unchecked) var environment: EnvironmentBox
  @exclusivity(unchecked) var root: UnsafeMutablePointer<ContextObject>
  /// The frame whose instructions run, for filters that ask whether output is escaped.
  @exclusivity(unchecked) var currentFrame: UnsafeMutablePointer<FrameObject>
  @exclusivity(unchecked) var fault = FaultDetails(errorClass: "", message: "")
  @exclusivity(unchecked) var bigs: [BigInt] = []
  @exclusivity(unchecked) var hosts: [HostFunction] = []
  @exclusivity(unchecked) var programs: [Program] = []
  @exclusivity(unchecked) var modules: [String: V] = [:]
  @exclusivity(unchecked) var mutated = false
  /// The type of something other than a string that a filter or call block wrote.
  @exclusivity(unchecked) var joinFault: JoinFault?
  /// Set between the call of a recursive loop and its first instruction.
  @exclusivity(unchecked) var recursing: Recursion?
  @exclusivity(unchecked) var blockTables: [BlockTable] = []
  @exclusivity(unchecked) var generations: [Range<Int>] = []
  /// How many captures are open: spans of generation blocks are only meaningful at the outermost level.
  @exclusivity(unchecked) var captures = 0

  let baseFrame: UnsafeMutablePointer<FrameObject>

  @exclusivity(unchecked) var context: Context?

  // MARK: the row
  @exclusivity(unchecked) var row = RowReader()

  /// Values the stack of a machine holds; a function that needs more is given a stack of its own.
  private static let stackSlots = 16 << 10

  init(environment: EnvironmentBox) {
    outCapacity = 4096
    out = .allocate(capacity: outCapacity)
    let first = 64 << 10
    bump = .allocate(byteCount: first, alignment: 16)
    bumpEnd = bump + first
    chunks.append((bump, first))
    stack = .allocate(capacity: Machine.stackSlots)
    stackEnd = stack + Machine.stackSlots - 64
    sp = stack
    self.environment = environment
    root = .allocate(capacity: 1)
    root.initialize(to: ContextObject())
    currentFrame = .allocate(capacity: 1)
    currentFrame.initialize(to: FrameObject(slots: stack, parent: nil, context: root, program: .passUnretained(Program.empty), extends: nil))
    baseFrame = currentFrame
  }

  deinit {
    out.deallocate()
    for (p, _) in chunks { p.deallocate() }
    stack.deallocate()
    root.deallocate()
    baseFrame.deallocate()
    row.deallocate()
  }

  /// Makes the machine ready for another render; keeps the memory of an ordinary row, returns that of a monstrous one.
  func reset() {
    outCount = 0
    if outCapacity > 16 << 20 {
      out.deallocate()
      outCapacity = 4096
      out = .allocate(capacity: outCapacity)
    }
    if chunks.count > 1 { trimChunks() }
    bump = chunks[0].0
    bumpEnd = bump + chunks[0].1
    chunkIndex = 0
    arenaUsed = 0
    // A fault leaves these as they were where it happened; the next render starts from nothing.
    sp = stack
    stackEnd = stack + Machine.stackSlots - 64
    recursing = nil
    currentFrame = baseFrame
    depth = 0
    captures = 0
    mutated = false
    joinFault = nil
    if !bigs.isEmpty { bigs.removeAll(keepingCapacity: true) }
    if !hosts.isEmpty { hosts.removeAll(keepingCapacity: true) }
    if !programs.isEmpty { programs.removeAll(keepingCapacity: true) }
    if !modules.isEmpty { modules.removeAll() }
    if !blockTables.isEmpty { blockTables.removeAll() }
    if !generations.isEmpty { generations.removeAll(keepingCapacity: true) }
  }

  private func trimChunks() {
    // One larger block serves the next row of the same size without growing again.
    let total = chunks.reduce(0) { $0 + $1.1 }
    for (p, _) in chunks { p.deallocate() }
    let size = min(total, 4 << 20)
    chunks = [(.allocate(byteCount: size, alignment: 16), size)]
  }

  // MARK: memory

  @inline(__always) func allocate(_ bytes: Int) throws(Fault) -> UnsafeMutableRawPointer {
    let p = bump
    let size = (bytes + 15) & ~15
    if size > bumpEnd - p { return try allocateSlow(size) }
    bump = p + size
    return p
  }

  @inline(never) private func allocateSlow(_ size: Int) throws(Fault) -> UnsafeMutableRawPointer {
    guard size >= 0, size < memoryLimit else { throw memoryFault() }
    arenaUsed += chunks[chunkIndex].1
    let want = max(size, min(chunks[chunkIndex].1 * 2, 8 << 20))
    guard arenaUsed + want <= memoryLimit else { throw memoryFault() }
    let p = UnsafeMutableRawPointer.allocate(byteCount: want, alignment: 16)
    chunks.append((p, want))
    chunkIndex = chunks.count - 1
    bump = p + size
    bumpEnd = p + want
    return p
  }

  @inline(never) func memoryFault() -> Fault {
    fail("LimitError", "the template uses more than \(memoryLimit) bytes of memory")
  }

  @inline(__always) func make<T>(_ value: T) throws(Fault) -> UnsafeMutablePointer<T> {
    let p = try allocate(MemoryLayout<T>.size).assumingMemoryBound(to: T.self)
    p.initialize(to: value)
    return p
  }

  // MARK: output

  @inline(__always) func reserve(_ n: Int) throws(Fault) {
    if n > outCapacity - outCount { try grow(n) }
  }

  @inline(never) private func grow(_ n: Int) throws(Fault) {
    guard n < outLimit, outCount + n <= outLimit else {
      throw fail("LimitError", "the output is larger than \(outLimit) bytes")
    }
    let capacity = max(outCapacity * 2, outCount + n)
    let p = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    p.update(from: out, count: outCount)
    out.deallocate()
    out = p
    outCapacity = capacity
  }

  @inline(__always) func emit(_ p: UnsafePointer<UInt8>, _ n: Int) throws(Fault) {
    try reserve(n)
    memcpy(out + outCount, p, n)
    outCount += n
  }

  @inline(__always) func emit(byte b: UInt8) throws(Fault) {
    try reserve(1)
    out[outCount] = b
    outCount += 1
  }

  @inline(__always) func emit(_ b: UnsafeBufferPointer<UInt8>) throws(Fault) {
    if b.count > 0 { try emit(b.baseAddress.unsafelyUnwrapped, b.count) }
  }

  func emit(_ s: StaticString) throws(Fault) {
    try emit(s.utf8Start, s.utf8CodeUnitCount)
  }

  func emit(scalar: Unicode.Scalar) throws(Fault) {
    try reserve(4)
    outCount += encode(scalar.value, to: out + outCount)
  }

  func emit(string s: String) throws(Fault) {
    var s = s
    let fits: Bool = s.withUTF8 { b in
      do throws(Fault) {
        try emit(b)
        return true
      } catch { return false }
    }
    if !fits { throw Fault() }
  }

  /// Takes what was written since `mark` off the output, as a string in the arena.
  @inline(__always) func take(from mark: Int, markup: Bool = false) throws(Fault) -> V {
    let n = outCount - mark
    outCount = mark
    return try string(out + mark, n, markup: markup)
  }

  // MARK: strings

  @inline(__always) func string(_ p: UnsafePointer<UInt8>, _ n: Int, markup: Bool = false) throws(Fault) -> V {
    if n == 0 { return V.str(V.emptyBytes, 0, markup: markup) }
    guard n < Int(UInt32.max) else { throw memoryFault() }
    let q = try allocate(n)
    memcpy(q, p, n)
    return V.str(UnsafePointer(q.assumingMemoryBound(to: UInt8.self)), n, markup: markup)
  }

  func string(_ s: String) throws(Fault) -> V {
    let b = Array(s.utf8)
    return try string(b)
  }

  func string(_ b: [UInt8]) throws(Fault) -> V {
    if b.isEmpty { return V.empty }
    let q = try allocate(b.count).assumingMemoryBound(to: UInt8.self)
    b.withUnsafeBufferPointer { q.update(from: $0.baseAddress.unsafelyUnwrapped, count: b.count) }
    return V.str(UnsafePointer(q), b.count)
  }

  // MARK: lists

  func list(capacity: Int, tag: Tag = .list) throws(Fault) -> V {
    let items = try allocate(max(capacity, 1) * MemoryLayout<V>.stride).assumingMemoryBound(to: V.self)
    let p = try make(ListObject(items: items, count: 0, capacity: max(capacity, 1), source: nil, sourceCount: 0, frozen: false))
    return V.object(tag, UnsafeMutableRawPointer(p))
  }

  func tuple(_ a: V, _ b: V) throws(Fault) -> V {
    let t = try list(capacity: 2, tag: .tuple)
    t.list.pointee.items[0] = a
    t.list.pointee.items[1] = b
    t.list.pointee.count = 2
    return t
  }

  @inline(__always) func append(_ v: V, to list: V) throws(Fault) {
    let l = list.list
    if l.pointee.count == l.pointee.capacity {
      let capacity = l.pointee.capacity * 2
      let p = try allocate(capacity * MemoryLayout<V>.stride).assumingMemoryBound(to: V.self)
      p.update(from: l.pointee.items, count: l.pointee.count)
      l.pointee.items = p
      l.pointee.capacity = capacity
    }
    l.pointee.items[l.pointee.count] = v
    l.pointee.count += 1
  }

  // MARK: faults

  @inline(never) func fail(_ errorClass: String, _ message: String) -> Fault {
    fault = FaultDetails(errorClass: errorClass, message: message)
    return Fault()
  }

  @inline(never) func typeError(_ message: String) -> Fault { fail("TypeError", message) }
  @inline(never) func valueError(_ message: String) -> Fault { fail("ValueError", message) }

  @inline(__always) func burn(_ n: Int) throws(Fault) {
    fuel -= n
    if fuel < 0 { throw outOfFuel() }
  }

  @inline(never) func outOfFuel() -> Fault {
    fuel = 0
    return fail("LimitError", "the template takes more than \(environment.options.limits.steps) steps")
  }
}

/// Writes a code point as UTF-8 (surrogates too, as three bytes) and returns how many bytes it took.
@inline(__always) func encode(_ v: UInt32, to p: UnsafeMutablePointer<UInt8>) -> Int {
  if v < 0x80 {
    p[0] = UInt8(truncatingIfNeeded: v)
    return 1
  }
  if v < 0x800 {
    p[0] = UInt8(truncatingIfNeeded: 0xC0 | (v >> 6))
    p[1] = UInt8(truncatingIfNeeded: 0x80 | (v & 0x3F))
    return 2
  }
  if v < 0x10000 {
    p[0] = UInt8(truncatingIfNeeded: 0xE0 | (v >> 12))
    p[1] = UInt8(truncatingIfNeeded: 0x80 | ((v >> 6) & 0x3F))
    p[2] = UInt8(truncatingIfNeeded: 0x80 | (v & 0x3F))
    return 3
  }
  p[0] = UInt8(truncatingIfNeeded: 0xF0 | (v >> 18))
  p[1] = UInt8(truncatingIfNeeded: 0x80 | ((v >> 12) & 0x3F))
  p[2] = UInt8(truncatingIfNeeded: 0x80 | ((v >> 6) & 0x3F))
  p[3] = UInt8(truncatingIfNeeded: 0x80 | (v & 0x3F))
  return 4
}

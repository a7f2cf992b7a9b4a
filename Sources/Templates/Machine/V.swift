/// What a `V` holds.
enum Tag: UInt8 {
  case missing = 0  // a slot nobody assigned (Jinja's `missing`)
  case lazy  // a field of the row, not decoded yet
  case undefined
  case none, bool, int, float, big
  case str
  case list, tuple, dict
  case range, namespace, macro, loop, generator, module, function, method
  case cycler, joiner, selfReference, block, view
}

/// A value while a template runs: sixteen plain bytes, never reference counted.
///
/// What does not fit lies in the machine's arena, in the compiled program or in the row, all of which outlive the render.
/// `Value` is the public, owning counterpart.
struct V {
  /// Number, boolean, or address of the object or of the string's bytes.
  var bits: UInt64
  /// A string's length in bytes; for a number read from the row, one more than the offset of its text, so that it can be copied unchanged.
  var aux: UInt32
  var tag: Tag
  /// A string's `markup` bit; an undefined's kind; a view's kind.
  var flag: UInt8
  var extra: UInt16 = 0

  @inline(__always) init(_ tag: Tag, bits: UInt64 = 0, aux: UInt32 = 0, flag: UInt8 = 0) {
    self.bits = bits
    self.aux = aux
    self.tag = tag
    self.flag = flag
  }

  static let missing = V(.missing)
  static let none = V(.none)
  static let yes = V(.bool, bits: 1)
  static let no = V(.bool)

  @inline(__always) static func bool(_ b: Bool) -> V { V(.bool, bits: b ? 1 : 0) }
  @inline(__always) static func int(_ i: Int) -> V { V(.int, bits: UInt64(bitPattern: Int64(i))) }
  @inline(__always) static func float(_ d: Double) -> V { V(.float, bits: d.bitPattern) }
  @inline(__always) static func object(_ tag: Tag, _ p: UnsafeMutableRawPointer) -> V { V(tag, bits: UInt64(UInt(bitPattern: p))) }
  @inline(__always) static func str(_ p: UnsafePointer<UInt8>, _ n: Int, markup: Bool = false) -> V {
    V(.str, bits: UInt64(UInt(bitPattern: p)), aux: UInt32(truncatingIfNeeded: n), flag: markup ? 1 : 0)
  }
  nonisolated(unsafe) static let emptyBytes: UnsafePointer<UInt8> = UnsafePointer(UnsafeMutablePointer<UInt8>.allocate(capacity: 16))
  static var empty: V { V.str(emptyBytes, 0) }

  @inline(__always) var asBool: Bool { bits != 0 }
  @inline(__always) var asInt: Int { Int(truncatingIfNeeded: Int64(bitPattern: bits)) }
  @inline(__always) var asDouble: Double { Double(bitPattern: bits) }
  @inline(__always) var isMarkup: Bool { tag == .str && flag & 1 != 0 }
  @inline(__always) var pointer: UnsafeMutableRawPointer { UnsafeMutableRawPointer(bitPattern: UInt(bits)).unsafelyUnwrapped }
  @inline(__always) var chars: UnsafePointer<UInt8> { UnsafePointer(pointer.assumingMemoryBound(to: UInt8.self)) }
  @inline(__always) var count: Int { Int(aux) }
  @inline(__always) var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: chars, count: Int(aux)) }
  @inline(__always) var list: UnsafeMutablePointer<ListObject> { pointer.assumingMemoryBound(to: ListObject.self) }
  @inline(__always) var dict: UnsafeMutablePointer<DictObject> { pointer.assumingMemoryBound(to: DictObject.self) }
  @inline(__always) var loop: UnsafeMutablePointer<LoopObject> { pointer.assumingMemoryBound(to: LoopObject.self) }
  @inline(__always) var asMarkup: V {
    var v = self
    v.flag |= 1
    return v
  }
  @inline(__always) var withoutMarkup: V {
    var v = self
    v.flag &= ~1
    return v
  }
  @inline(__always) var isIntLike: Bool { tag == .int || tag == .bool }
  @inline(__always) var isNumber: Bool { tag == .int || tag == .bool || tag == .float || tag == .big }
  @inline(__always) var isSequence: Bool { tag == .list || tag == .tuple }
  /// For messages only: the text of a string.
  var text: String { String(decoding: bytes, as: UTF8.self) }
  /// The same object or the same small value, as Python's `is` sees it.
  func isSame(_ o: V) -> Bool { tag == o.tag && bits == o.bits && (tag != .str || aux == o.aux) }
}

/// A list or tuple: a growable array in the arena.
struct ListObject {
  var items: UnsafeMutablePointer<V>
  var count: Int
  var capacity: Int
  /// Where the text of an array read from a row begins and how long it is; 0 long once it is not that text any more.
  var source: UnsafePointer<UInt8>?
  var sourceCount: Int
  /// Belongs to a shared, read-only context.
  var frozen: Bool
}

struct DictEntry {
  var key: V
  var value: V
}

/// A dictionary in insertion order; beyond eight entries with a hash index.
struct DictObject {
  var entries: UnsafeMutablePointer<DictEntry>
  var count: Int
  var capacity: Int
  var index: UnsafeMutablePointer<Int32>?
  var indexMask: Int
  var source: UnsafePointer<UInt8>?
  var sourceCount: Int
  var frozen: Bool
}

/// Why a value is undefined, for the message and for chains.
struct UndefinedObject {
  var hint: V  // str or none
  var object: V  // missing when it was a plain name
  var name: V
  var security: Bool
}

struct RangeObject {
  var start: Int
  var stop: Int
  var step: Int
  var count: Int {
    // Bounds were checked when the range was made; slices of it may wrap at the very end.
    if step > 0 { return start < stop ? (stop &- start &- 1) / step + 1 : 0 }
    return start > stop ? (start &- stop &- 1) / (0 &- step) + 1 : 0
  }
}

/// A bound method: `x.upper` before it is called.
struct MethodObject {
  var receiver: V
  var method: Method
  var name: V
}

struct CyclerObject {
  var items: V  // tuple
  var position: Int
}

struct JoinerObject {
  var separator: V
  var used: Bool
}

struct ViewObject {
  var dict: V
}

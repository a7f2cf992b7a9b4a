/// The methods of Python's built-in types that templates can call.
enum Method: UInt16, CaseIterable {
  // str
  case capitalize, casefold, center, count, encode, endswith, expandtabs, find, format, format_map, index, isalnum, isalpha, isascii, isdecimal
  case isdigit, isidentifier, islower, isnumeric, isprintable, isspace, istitle, isupper, join, ljust, lower, lstrip, partition, removeprefix
  case removesuffix, replace, rfind, rindex, rjust, rpartition, rsplit, rstrip, split, splitlines, startswith, strip, swapcase, title, translate
  case upper, zfill
  // dict
  case keys, values, items, get, pop, popitem, setdefault, update, clear, copy, fromkeys
  // list
  case append, extend, insert, remove, reverse, sort
  // numbers
  case is_integer, bit_length, conjugate, hex, as_integer_ratio, bit_count, to_bytes, from_bytes, fromhex

  static let byName: [String: Method] = {
    var t: [String: Method] = [:]
    for m in allCases { t["\(m)"] = m }
    return t
  }()

  /// Names that Python finds on every object, which the sandbox refuses.
  static let internals: Set<String> = [
    "__class__", "__doc__", "__init__", "__dict__", "__module__", "__eq__", "__ne__", "__hash__", "__repr__", "__str__", "__len__", "__iter__",
    "__getattribute__", "__getitem__", "__contains__", "__add__", "__mul__", "__new__", "__reduce__", "__reduce_ex__", "__sizeof__", "__subclasshook__",
    "__dir__", "__format__", "__setattr__", "__delattr__", "__init_subclass__", "__lt__", "__le__", "__gt__", "__ge__", "__getstate__",
  ]

  /// Names that Python finds on functions and methods besides.
  static let ofFunctions: Set<String> = [
    "__self__", "__name__", "__qualname__", "__call__", "__func__", "__code__", "__globals__", "__closure__", "__defaults__", "__kwdefaults__",
    "__annotations__", "__wrapped__",
  ]

  // A string constant carries in `extra`: the method's number plus one, bit 15 when dictionaries have it, bit 14 for an internal name,
  // bit 13 for a name that is neither.
  static func marked(_ v: V) -> V {
    var v = v
    let text = v.text
    if let m = byName[text] {
      v.extra = m.rawValue + 1
      if m.isOfDict { v.extra |= 0x8000 }
    } else if internals.contains(text) {
      v.extra = 0xC000
    } else {
      v.extra = 0x2000
    }
    return v
  }

  var isOfDict: Bool { rawValue >= Method.keys.rawValue && rawValue <= Method.fromkeys.rawValue }

  var isOfString: Bool { rawValue <= Method.zfill.rawValue }

  var isOfList: Bool {
    switch self {
    case .append, .extend, .insert, .remove, .reverse, .sort, .pop, .clear, .copy, .index, .count: true
    default: false
    }
  }

  /// Changes a list or dictionary; refused by an immutable environment.
  func changes(_ tag: Tag) -> Bool {
    switch self {
    case .append, .extend, .insert, .remove, .reverse, .sort: tag == .list
    case .pop, .clear: tag == .list || tag == .dict
    case .popitem, .setdefault, .update: tag == .dict
    default: false
    }
  }
}

@inline(__always) func isDictMethod(_ name: V) -> Bool { name.extra & 0x8000 != 0 }

extension Machine {
  /// The method of a name, which may have come from the row and then is not marked yet.
  func method(_ name: V) -> Method? {
    if name.extra & 0xC000 == 0xC000 { return nil }
    let n = name.extra & 0x1FFF
    if n > 0 { return Method(rawValue: n - 1) }
    return nil
  }

  private func has(_ v: V, _ m: Method) -> Bool {
    switch v.tag {
    case .str: m.isOfString
    case .dict: m.isOfDict
    case .list: m.isOfList
    case .tuple: m == .index || m == .count
    case .range: m == .index || m == .count
    case .int, .bool, .big: m == .bit_length || m == .conjugate || m == .as_integer_ratio || m == .bit_count || m == .to_bytes || m == .from_bytes
    case .float: m == .is_integer || m == .conjugate || m == .hex || m == .as_integer_ratio || m == .fromhex
    default: false
    }
  }

  // MARK: attributes

  /// `environment.getattr`: the attribute, then the item.
  @inline(never) func attribute(_ v: V, _ name: V) throws(Fault) -> V {
    if let a = try pythonAttribute(v, name) { return a }
    switch v.tag {
    case .dict: if let x = lookup(v.dict, name) { return x }
    case .undefined:
      if kind(v) == .chainable { return v }
      throw undefinedError(v)
    case .selfReference:
      let c = UnsafeMutableRawPointer(v.pointer).assumingMemoryBound(to: ContextObject.self)
      if c.pointee.blocks >= 0, blockTables[c.pointee.blocks].contains(where: { $0.name == name.text }) {
        return V.object(.block, UnsafeMutableRawPointer(try make(BlockObject(name: name, context: c, depth: 0))))
      }
    default: break
    }
    return try undefined(object: v, nameValue: name)
  }

  /// What Python's `getattr` finds; unsafe attributes come back as an undefined that says so.
  private func pythonAttribute(_ v: V, _ name: V) throws(Fault) -> V? {
    if v.tag == .undefined {
      // Attributes of an undefined are errors, or itself; what every Python object has is unsafe here, too.
      return Method.internals.contains(name.text) ? try unsafe(v, name) : nil
    }
    if v.tag == .method || v.tag == .function || v.tag == .macro {
      let text = name.text
      if Method.internals.contains(text) || Method.ofFunctions.contains(text) { return try unsafe(v, name) }
      // Python's `dict` is a class, and subscripting a class gives the class again: `dict.from_keys(pairs)` is `dict(pairs)`.
      if v.tag == .function, v.flag == 0, v.bits == UInt64(Global.dict.rawValue), !text.hasPrefix("_"), text != "fromkeys", method(name) == nil { return v }
    }
    if name.extra == 0xC000 || (name.extra == 0 && Method.internals.contains(name.text)) { return try unsafe(v, name) }
    let name = name.extra == 0 ? Method.marked(name) : name
    if let m = method(name), has(v, m) {
      if immutable, m.changes(v.tag) { return try unsafe(v, name) }
      return V.object(.method, UnsafeMutableRawPointer(try make(MethodObject(receiver: v, method: m, name: name))))
    }
    switch v.tag {
    case .int, .bool, .big:
      if name.isText("real") || name.isText("numerator") { return v.tag == .bool ? .int(v.asInt) : v }
      if name.isText("imag") { return .int(0) }
      if name.isText("denominator") { return .int(1) }
    case .float:
      if name.isText("real") { return v }
      if name.isText("imag") { return .float(0) }
    case .tuple where v.flag == 2:
      // A group of `groupby` names its two parts.
      if name.isText("grouper") { return v.list.pointee.items[0] }
      if name.isText("list") { return v.list.pointee.items[1] }
    case .namespace: return lookup(v.viewed.dict, name)
    case .range:
      let r = v.rangeObject
      if name.isText("start") { return .int(r.start) }
      if name.isText("stop") { return .int(r.stop) }
      if name.isText("step") { return .int(r.step) }
    case .loop:
      if let f = LoopField(name: name.text) { return try loopField(v.loop, f, currentFrame) }
      if name.isText("cycle") || name.isText("changed") {
        return V.object(.method, UnsafeMutableRawPointer(try make(MethodObject(receiver: v, method: .count, name: name))))
      }
    case .macro:
      let m = v.macro.pointee
      let f = m.program.takeUnretainedValue().functionTable + m.function
      if name.isText("name") { return f.pointee.name }
      if name.isText("arguments") {
        let t = try list(capacity: f.pointee.arguments.count, tag: .tuple)
        for a in f.pointee.arguments { try append(a, to: t) }
        return t
      }
      if name.isText("catch_kwargs") { return .bool(f.pointee.kwargsSlot >= 0) }
      if name.isText("catch_varargs") { return .bool(f.pointee.varargsSlot >= 0) }
      if name.isText("caller") { return .bool(f.pointee.accessesCaller) }
      if name.isText("explicit_caller") { return .bool(f.pointee.explicitCaller) }
    case .module:
      if let x = moduleValue(v.module, name) { return x }
    case .cycler:
      let c = v.cycler
      if name.isText("current") { return c.pointee.items.list.pointee.items[c.pointee.position] }
      if name.isText("items") { return c.pointee.items }
      if name.isText("pos") { return .int(c.pointee.position) }
      if name.isText("next") || name.isText("reset") {
        return V.object(.method, UnsafeMutableRawPointer(try make(MethodObject(receiver: v, method: .count, name: name))))
      }
    case .joiner:
      if name.isText("sep") { return v.joiner.pointee.separator }
      if name.isText("used") { return .bool(v.joiner.pointee.used) }
    case .block:
      if name.isText("name") { return v.block.pointee.name }
      if name.isText("super") {
        let b = v.block.pointee
        let chain = try chain(b.name, b.context)
        if b.depth + 1 >= chain.count { return try undefined(hint: "there is no parent block called '\(b.name.text)'.", name: "super") }
        return V.object(.block, UnsafeMutableRawPointer(try make(BlockObject(name: b.name, context: b.context, depth: b.depth + 1))))
      }
    default: break
    }
    return nil
  }

  /// `environment.getitem`: the item, then the attribute.
  func item(_ v: V, _ key: V) throws(Fault) -> V {
    switch v.tag {
    case .dict:
      if key.tag == .str {
        if let x = lookup(v.dict, key) { return x }
      } else if key.tag != .list, key.tag != .dict {
        let p = try position(v.dict, key)
        if p >= 0 { return v.dict.pointee.entries[p].value }
      }
    case .list, .tuple:
      if key.isIntLike {
        let l = v.list
        let i = key.asInt < 0 ? key.asInt + l.pointee.count : key.asInt
        if i >= 0, i < l.pointee.count { return l.pointee.items[i] }
      }
    case .str:
      if key.isIntLike {
        try burn(v.count >> 10)
        if let c = character(v, key.asInt) { return c }
      }
    case .range:
      if key.isIntLike {
        let r = v.rangeObject
        let i = key.asInt < 0 ? key.asInt + r.count : key.asInt
        if i >= 0, i < r.count { return .int(r.start &+ i &* r.step) }
      }
    case .undefined:
      if kind(v) == .chainable { return v }
      throw undefinedError(v)
    case .selfReference: if key.tag == .str { return try attribute(v, key) }
    default: break
    }
    if key.tag == .str, let a = try pythonAttribute(v, key) { return a }
    if key.tag == .undefined, v.tag == .dict || v.isSequence { try strictCheck(key) }
    return try undefined(object: v, nameValue: key)
  }

  /// One code point of a string, counted from either end.
  private func character(_ v: V, _ index: Int) -> V? {
    let n = v.count
    if index >= 0 {
      var i = 0
      var k = 0
      while i < n {
        let w = sequenceLength(v.chars[i], n - i)
        if k == index { return V.str(v.chars + i, w, markup: v.isMarkup) }
        i += w
        k += 1
      }
      return nil
    }
    var end = n
    var k = -1
    while end > 0 {
      var i = end - 1
      while i > 0, v.chars[i] & 0xC0 == 0x80 { i -= 1 }
      if k == index { return V.str(v.chars + i, end - i, markup: v.isMarkup) }
      end = i
      k -= 1
    }
    return nil
  }

  func slice(_ v: V, _ a: V, _ b: V, _ c: V) throws(Fault) -> V {
    if v.tag == .undefined {
      if kind(v) == .chainable { return v }
      throw undefinedError(v)
    }
    func bound(_ x: V) throws(Fault) -> Int? {
      switch x.tag {
      case .none: return nil
      case .int, .bool: return x.asInt
      case .big: return bigValue(x).isNegative ? .min / 2 : .max / 2
      case .undefined: throw typeError("slice indices must be integers or None or have an __index__ method")
      default: throw typeError("slice indices must be integers or None or have an __index__ method")
      }
    }
    guard v.tag == .str || v.isSequence || v.tag == .range else {
      if v.tag == .dict { throw typeError("unhashable type: 'slice'") }
      throw typeError("'\(typeName(v))' object is not subscriptable")
    }
    let step = try bound(c) ?? 1
    if step == 0 { throw valueError("slice step cannot be zero") }
    let first = try bound(a)
    let last = try bound(b)
    if v.tag == .str { try burn(v.count >> 10) }
    let n = count(v)!
    var start: Int
    var stop: Int
    if step > 0 {
      start = first.map { $0 < 0 ? max(0, $0 + n) : min($0, n) } ?? 0
      stop = last.map { $0 < 0 ? max(0, $0 + n) : min($0, n) } ?? n
    } else {
      start = first.map { $0 < 0 ? max(-1, $0 + n) : min($0, n - 1) } ?? n - 1
      stop = last.map { $0 < 0 ? max(-1, $0 + n) : min($0, n - 1) } ?? -1
    }
    let length = step > 0 ? (start < stop ? (stop - start - 1) / step + 1 : 0) : (start > stop ? (start - stop - 1) / (step == .min ? .max : -step) + 1 : 0)
    if v.tag == .range {
      let r = v.rangeObject
      let p = try make(
        RangeObject(
          start: r.start &+ start &* r.step, stop: length > 0 ? r.start &+ stop &* r.step : r.start &+ start &* r.step, step: length > 0 ? r.step &* step : r.step))
      return V.object(.range, UnsafeMutableRawPointer(p))
    }
    if v.isSequence {
      try burn(length / 8)
      let l = try list(capacity: length, tag: v.tag)
      for k in 0..<length { l.list.pointee.items[k] = v.list.pointee.items[start + k * step] }
      l.list.pointee.count = length
      return l
    }
    if length == 0 { return V.str(V.emptyBytes, 0, markup: v.isMarkup) }
    if step == 1, n == v.count { return V.str(v.chars + start, length, markup: v.isMarkup) }
    if step == 1 {
      var i = 0
      for _ in 0..<start where i < v.count { i += sequenceLength(v.chars[i], v.count - i) }
      var e = i
      for _ in 0..<length where e < v.count { e += sequenceLength(v.chars[e], v.count - e) }
      return V.str(v.chars + i, e - i, markup: v.isMarkup)
    }
    try burn(n / 16)
    let s = scalars(v.bytes)
    // Bytes that are no UTF-8 may decode to another number of code points than they count.
    guard s.count == n else { throw fail("UnicodeDecodeError", "the text is not valid UTF-8") }
    let p = try allocate(length * 4).assumingMemoryBound(to: UInt8.self)
    var o = 0
    for k in 0..<length { o += encode(s[start + k * step], to: p + o) }
    return V.str(UnsafePointer(p), o, markup: v.isMarkup)
  }

  /// Identity or equality, as containers compare their items.
  func same(_ a: V, _ b: V) throws(Fault) -> Bool { a.isSame(b) ? true : try equal(a, b) }

  // MARK: calling methods

  func callMethod(_ v: V, _ name: V, _ a: Args, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) -> V {
    let name = name.extra == 0 ? Method.marked(name) : name
    if let m = method(name), has(v, m) {
      if immutable, m.changes(v.tag) { throw undefinedError(try unsafe(v, name)) }
      switch v.tag {
      case .str: return try callString(v, m, a)
      case .dict: return try callDict(v, m, a)
      case .list: return try callList(v, m, a)
      case .tuple, .range: return try callList(try listed(v), m, a)
      default: return try callNumber(v, m, a)
      }
    }
    switch v.tag {
    case .loop:
      if name.isText("cycle") {
        guard a.count > 0 else { throw typeError("no items for cycling given") }
        return a.base[v.loop.pointee.index0 % a.count]
      }
      if name.isText("changed") {
        let t = try list(capacity: a.count, tag: .tuple)
        for i in 0..<a.count { try append(a.base[i], to: t) }
        if v.loop.pointee.lastChanged.tag != .missing, try equal(v.loop.pointee.lastChanged, t) { return .no }
        v.loop.pointee.lastChanged = t
        return .yes
      }
    case .cycler:
      let c = v.cycler
      if name.isText("next") {
        let r = c.pointee.items.list.pointee.items[c.pointee.position]
        c.pointee.position = (c.pointee.position + 1) % c.pointee.items.list.pointee.count
        return r
      }
      if name.isText("reset") {
        c.pointee.position = 0
        return .none
      }
    default: break
    }
    return try call(try attribute(v, name), a, frame)
  }

  private func expect(_ m: String, _ a: Args, _ range: ClosedRange<Int>) throws(Fault) {
    if a.namedCount > 0 { throw typeError("\(m)() takes no keyword arguments") }
    if !range.contains(a.count) {
      throw typeError(
        "\(m)() takes \(range.lowerBound == range.upperBound ? "exactly \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)") arguments (\(a.count) given)"
      )
    }
  }

  private func callNumber(_ v: V, _ m: Method, _ a: Args) throws(Fault) -> V {
    try expect("\(m)", a, 0...0)
    switch m {
    case .is_integer: return .bool(v.asDouble == v.asDouble.rounded(.towardZero) && v.asDouble.isFinite)
    case .bit_length: return .int(bigValue(v.tag == .bool ? .int(v.asInt) : v).bitWidth)
    case .bit_count: return .int(bigValue(v).magnitude.reduce(0) { $0 + $1.nonzeroBitCount })
    case .conjugate: return v.tag == .bool ? .int(v.asInt) : v
    case .as_integer_ratio where v.tag != .float: return try tuple(v, .int(1))
    default: throw typeError("'\(m)' is not available here")
    }
  }

  private func callDict(_ v: V, _ m: Method, _ a: Args) throws(Fault) -> V {
    let d = v.dict
    func change() throws(Fault) {
      if d.pointee.frozen { throw frozen() }
      mutated = true
    }
    switch m {
    case .keys, .values, .items:
      try expect("\(m)", a, 0...0)
      return V(.view, bits: v.bits, flag: m == .keys ? 0 : m == .values ? 1 : 2)
    case .get:
      try expect("get", a, 1...2)
      let p = try position(d, a.base[0])
      return p >= 0 ? d.pointee.entries[p].value : a.count == 2 ? a.base[1] : .none
    case .copy:
      try expect("copy", a, 0...0)
      let c = try dict(capacity: d.pointee.count)
      try update(c, v)
      return c
    case .pop:
      try expect("pop", a, 1...2)
      try change()
      if let x = try remove(v, a.base[0]) { return x }
      if a.count == 2 { return a.base[1] }
      throw fail("KeyError", reprText(a.base[0]))
    case .popitem:
      try expect("popitem", a, 0...0)
      try change()
      guard d.pointee.count > 0 else { throw fail("KeyError", "'popitem(): dictionary is empty'") }
      let e = d.pointee.entries[d.pointee.count - 1]
      _ = try remove(v, e.key)
      return try tuple(e.key, e.value)
    case .setdefault:
      try expect("setdefault", a, 1...2)
      let p = try position(d, a.base[0])
      if p >= 0 { return d.pointee.entries[p].value }
      try change()
      let x = a.count == 2 ? a.base[1] : .none
      try set(v, a.base[0], x)
      return x
    case .update:
      guard a.count <= 1 else { throw typeError("update expected at most 1 argument, got \(a.count)") }
      try change()
      if a.count == 1 { try update(v, a.base[0]) }
      for i in 0..<a.namedCount { try set(v, a.name(i), a.namedValue(i)) }
      return .none
    case .clear:
      try expect("clear", a, 0...0)
      try change()
      d.pointee.count = 0
      d.pointee.index = nil
      d.pointee.sourceCount = 0
      return .none
    default:
      try expect("fromkeys", a, 1...2)
      let r = try dict(capacity: 4)
      var it = try iterate(a.base[0])
      while let k = try next(&it) { try set(r, k, a.count == 2 ? a.base[1] : .none) }
      return r
    }
  }

  private func callList(_ v: V, _ m: Method, _ a: Args) throws(Fault) -> V {
    let l = v.list
    func change() throws(Fault) {
      if l.pointee.frozen { throw frozen() }
      mutated = true
      l.pointee.sourceCount = 0
    }
    switch m {
    case .append:
      try expect("append", a, 1...1)
      try change()
      try append(a.base[0], to: v)
    case .extend:
      try expect("extend", a, 1...1)
      try change()
      let items = try listed(a.base[0])
      for i in 0..<items.list.pointee.count { try append(items.list.pointee.items[i], to: v) }
    case .insert:
      try expect("insert", a, 2...2)
      try change()
      let n = l.pointee.count
      let i = try index(a.base[0], "'\(typeName(a.base[0]))' object cannot be interpreted as an integer")
      let at = i < 0 ? max(0, i + n) : min(i, n)
      try append(.none, to: v)
      try burn(n / 8)
      var k = n
      while k > at {
        l.pointee.items[k] = l.pointee.items[k - 1]
        k -= 1
      }
      l.pointee.items[at] = a.base[1]
    case .pop:
      try expect("pop", a, 0...1)
      try change()
      let n = l.pointee.count
      guard n > 0 else { throw fail("IndexError", "pop from empty list") }
      var i = a.count == 1 ? try index(a.base[0], "'\(typeName(a.base[0]))' object cannot be interpreted as an integer") : -1
      if i < 0 { i += n }
      guard i >= 0, i < n else { throw fail("IndexError", "pop index out of range") }
      let x = l.pointee.items[i]
      for k in i..<(n - 1) { l.pointee.items[k] = l.pointee.items[k + 1] }
      l.pointee.count = n - 1
      return x
    case .remove:
      try expect("remove", a, 1...1)
      try change()
      for i in 0..<l.pointee.count where try same(l.pointee.items[i], a.base[0]) {
        for k in i..<(l.pointee.count - 1) { l.pointee.items[k] = l.pointee.items[k + 1] }
        l.pointee.count -= 1
        return .none
      }
      throw valueError("list.remove(x): x not in list")
    case .reverse:
      try expect("reverse", a, 0...0)
      try change()
      let n = l.pointee.count
      for i in 0..<(n / 2) { swap(&l.pointee.items[i], &l.pointee.items[n - 1 - i]) }
    case .sort:
      guard a.count == 0 else { throw typeError("sort() takes no positional arguments") }
      try change()
      var items = (0..<l.pointee.count).map { l.pointee.items[$0] }
      let reverse = try a.value("reverse").map { (x) throws(Fault) in try truth(x) } ?? false
      if let k = a.value("key"), k.tag != .none { throw typeError("sort() takes no key function here; use the `sort` filter") }
      if reverse { items.reverse() }
      try mergeSort(&items) { (x, y) throws(Fault) in try self.order(x, y, "<") < 0 }
      if reverse { items.reverse() }
      for (i, x) in items.enumerated() { l.pointee.items[i] = x }
    case .clear:
      try expect("clear", a, 0...0)
      try change()
      l.pointee.count = 0
    case .copy:
      try expect("copy", a, 0...0)
      return try listed(v)
    case .index:
      try expect("index", a, 1...3)
      for i in 0..<l.pointee.count where try same(l.pointee.items[i], a.base[0]) { return .int(i) }
      throw valueError("\(reprText(a.base[0])) is not in list")
    default:
      try expect("count", a, 1...1)
      var n = 0
      for i in 0..<l.pointee.count where try same(l.pointee.items[i], a.base[0]) { n += 1 }
      return .int(n)
    }
    return .none
  }
}

extension Machine {
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
      if v.tag == .function, v.flag == 0, v.bits == UInt64(Global.dict.rawValue), !text.hasPrefix("_") {
        if text == "fromkeys" {
          let name = Method.marked(name)
          return V.object(.method, UnsafeMutableRawPointer(try make(MethodObject(receiver: try dict(capacity: 1), method: .fromkeys, name: name))))
        }
        if method(name) == nil { return v }
      }
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
      let first = r.start &+ start &* r.step
      var part = RangeObject(start: first, stop: r.start &+ stop &* r.step, step: r.step &* step)
      // Python's numbers have no end: where ours would, a range of nothing stands for the other.
      if length == 0, part.step == 0 || part.count != 0 { part = RangeObject(start: first, stop: first, step: r.step) }
      let p = try make(part)
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
}

extension Machine {
  func startLoop(_ slot: UnsafeMutablePointer<V>, _ iterable: V, fresh: Bool, test: Int) throws(Fault) {
    let it = try iterate(iterable)
    let l: UnsafeMutablePointer<LoopObject>
    // The object of an earlier run of the same loop serves again.
    if !fresh, slot.pointee.tag == .loop {
      l = slot.pointee.loop
      l.pointee = LoopObject(iterator: it, source: iterable)
    } else {
      l = try make(LoopObject(iterator: it, source: iterable))
      slot.pointee = V.object(.loop, UnsafeMutableRawPointer(l))
    }
    l.pointee.test = test
    if let r = recursing {
      l.pointee.depth0 = r.depth
      l.pointee.function = r.function
      l.pointee.frame = r.parent
      l.pointee.markup = r.markup
      recursing = nil
    } else {
      l.pointee.depth0 = 0
    }
  }

  struct Recursion {
    var function: Int
    var depth: Int
    var parent: UnsafeMutablePointer<FrameObject>
    var markup: UInt8
  }

  func runRecursive(
    _ program: Program, _ function: Int, _ iterable: V, depth: Int, parent: UnsafeMutablePointer<FrameObject>, markup: UInt8
  ) throws(Fault) {
    let f = program.functionTable + function
    try call(program, function, parent: parent, context: parent.pointee.context) { (slots) throws(Fault) in
      slots[Int(f.pointee.loopSlot)] = iterable
      self.recursing = Recursion(function: function, depth: depth, parent: parent, markup: markup)
    }
  }

  /// The next item of a loop that is not simply a list.
  @inline(never)
  func advance(_ l: UnsafeMutablePointer<LoopObject>, _ frame: UnsafeMutablePointer<FrameObject>, _ program: Program, _ index: Int) throws(Fault)
    -> V?
  {
    var v = l.pointee.after
    if v.tag == .missing {
      guard let n = try fetch(l, frame, program, index) else { return nil }
      v = n
    } else {
      l.pointee.after = .missing
    }
    l.pointee.index0 += 1
    l.pointee.before = l.pointee.current
    l.pointee.current = v
    return v
  }

  private func fetch(
    _ l: UnsafeMutablePointer<LoopObject>, _ frame: UnsafeMutablePointer<FrameObject>, _ program: Program, _ index: Int
  ) throws(Fault) -> V? {
    while let v = try next(&l.pointee.iterator) {
      if l.pointee.test < 0 { return v }
      try burn(1)
      sp.pointee = v
      sp += 1
      let saved = sp
      let keep = try truth(try run(program, index, frame, l.pointee.test))
      sp = saved - 1
      if keep { return v }
    }
    return nil
  }

  /// Whether the loop walks over a list, where nothing needs to be fetched ahead.
  @inline(__always) private func isList(_ l: UnsafeMutablePointer<LoopObject>) -> Bool {
    l.pointee.iterator.kind == .list && l.pointee.test < 0
  }

  private func peek(_ l: UnsafeMutablePointer<LoopObject>, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) -> V? {
    if isList(l) {
      let list = l.pointee.iterator.source.list
      let p = l.pointee.index0 + 1
      return p < list.pointee.count ? list.pointee.items[p] : nil
    }
    if l.pointee.after.tag != .missing { return l.pointee.after }
    let program = frame.pointee.program.takeUnretainedValue()
    guard let v = try fetch(l, frame, program, functionIndex(frame)) else { return nil }
    l.pointee.after = v
    return v
  }

  private func functionIndex(_ frame: UnsafeMutablePointer<FrameObject>) -> Int { frame.pointee.function }

  private func length(_ l: UnsafeMutablePointer<LoopObject>, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) -> Int {
    if isList(l) { return l.pointee.iterator.source.list.pointee.count }
    if l.pointee.length >= 0 { return l.pointee.length }
    if l.pointee.test < 0, let n = count(l.pointee.source) {
      l.pointee.length = n
      return n
    }
    // A generator has no length until it is used up.
    let rest = try list(capacity: 8)
    let program = frame.pointee.program.takeUnretainedValue()
    while let v = try fetch(l, frame, program, functionIndex(frame)) { try append(v, to: rest) }
    l.pointee.length = rest.list.pointee.count + l.pointee.index0 + 1 + (l.pointee.after.tag == .missing ? 0 : 1)
    // From here on the items come from that list, and need no test any more.
    let gen = try make(GeneratorObject(kind: .plain, iterator: Iterator(kind: .list, source: rest)))
    l.pointee.iterator = Iterator(kind: .generator, source: V.object(.generator, UnsafeMutableRawPointer(gen)))
    l.pointee.test = -1
    return l.pointee.length
  }

  func loopField(_ l: UnsafeMutablePointer<LoopObject>, _ field: LoopField, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) -> V {
    switch field {
    case .index: return .int(l.pointee.index0 + 1)
    case .index0: return .int(l.pointee.index0)
    case .first: return .bool(l.pointee.index0 == 0)
    case .last: return .bool(try peek(l, frame) == nil)
    case .length: return .int(try length(l, frame))
    case .revindex: return .int(try length(l, frame) - l.pointee.index0)
    case .revindex0: return .int(try length(l, frame) - l.pointee.index0 - 1)
    case .depth: return .int(l.pointee.depth0 + 1)
    case .depth0: return .int(l.pointee.depth0)
    case .previtem:
      if l.pointee.index0 == 0 { return try undefined(hint: "there is no previous item", name: nil) }
      if isList(l) { return l.pointee.iterator.source.list.pointee.items[l.pointee.index0 - 1] }
      return l.pointee.before
    case .nextitem:
      if let v = try peek(l, frame) { return v }
      return try undefined(hint: "there is no next item", name: nil)
    }
  }

  func unpack(_ v: V, _ n: Int, _ sp: UnsafeMutablePointer<V>) throws(Fault) {
    // The first target takes the top of the stack.
    if v.isSequence {
      let l = v.list
      guard l.pointee.count == n else { throw unpackError(l.pointee.count, n) }
      for i in 0..<n { sp[n - 1 - i] = l.pointee.items[i] }
      return
    }
    if v.tag == .undefined { try strictCheck(v) }
    guard isIterable(v) else { throw typeError("cannot unpack non-iterable \(typeName(v)) object") }
    var it = try iterate(v)
    var items: [V] = []
    while let x = try next(&it) {
      items.append(x)
      if items.count > n { throw unpackError(items.count, n) }
    }
    guard items.count == n else { throw unpackError(items.count, n) }
    for i in 0..<n { sp[n - 1 - i] = items[i] }
  }

  private func unpackError(_ got: Int, _ want: Int) -> Fault {
    valueError(got > want ? "too many values to unpack (expected \(want))" : "not enough values to unpack (expected \(want), got \(got))")
  }
}

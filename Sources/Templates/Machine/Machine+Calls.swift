#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension Machine {
  /// Adds what `*list` and `**dict` hold to the arguments.
  func spread(_ a: Args, _ star: V, _ doubleStar: V) throws(Fault) -> Args {
    if star.tag == .missing, doubleStar.tag == .missing { return a }
    var positional: [V] = []
    for i in 0..<a.count { positional.append(a.base[i]) }
    if star.tag != .missing {
      var it = try iterate(star)
      while let v = try next(&it) { positional.append(v) }
    }
    var names: [V] = []
    var values: [V] = []
    for i in 0..<a.namedCount {
      names.append(a.name(i))
      values.append(a.namedValue(i))
    }
    if doubleStar.tag != .missing {
      guard doubleStar.tag == .dict else { throw typeError("argument after ** must be a mapping, not \(typeName(doubleStar))") }
      let d = doubleStar.dict
      for i in 0..<d.pointee.count {
        let e = d.pointee.entries[i]
        guard e.key.tag == .str else { throw typeError("keywords must be strings") }
        for n in names where n.count == e.key.count && memcmp(n.chars, e.key.chars, n.count) == 0 {
          throw typeError("got multiple values for keyword argument '\(n.text)'")
        }
        names.append(e.key)
        values.append(e.value)
      }
    }
    try burn(positional.count + names.count)
    let base = try allocate((positional.count + values.count + 1) * MemoryLayout<V>.stride).assumingMemoryBound(to: V.self)
    for (i, v) in (positional + values).enumerated() { base[i] = v }
    let table = try allocate((names.count + 1) * MemoryLayout<V>.stride).assumingMemoryBound(to: V.self)
    for (i, v) in names.enumerated() { table[i] = v }
    return Args(base: base, count: positional.count, named: names.isEmpty ? nil : NameTable(names: table, count: names.count))
  }

  func call(_ callee: V, _ a: Args, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) -> V {
    switch callee.tag {
    case .macro:
      let mark = outCount
      captures += 1
      try callMacro(callee, a)
      captures -= 1
      return try take(from: mark, markup: frame.pointee.context.pointee.autoescape)
    case .function: return try callGlobal(callee, a)
    case .method: return try callMethod(callee.method.pointee.receiver, callee.method.pointee.name, a, frame)
    case .loop:
      let l = callee.loop
      guard l.pointee.function >= 0, let parent = l.pointee.frame else {
        throw typeError("The loop must have the 'recursive' marker to be called recursively.")
      }
      guard a.count + a.namedCount == 1 else { throw typeError("a recursive loop takes exactly one argument (\(a.count) given)") }
      let mark = outCount
      captures += 1
      try runRecursive(
        parent.pointee.program.takeUnretainedValue(), l.pointee.function, a.base[0], depth: l.pointee.depth0 + 1, parent: parent,
        markup: l.pointee.markup)
      captures -= 1
      let markup = l.pointee.markup == 1 || (l.pointee.markup == 2 && parent.pointee.context.pointee.autoescape)
      return try take(from: mark, markup: markup)
    case .block:
      let b = callee.block
      guard a.count == 0, a.namedCount == 0 else { throw typeError("BlockReference.__call__() takes no arguments") }
      let mark = outCount
      captures += 1
      let chain = try self.chain(b.pointee.name, b.pointee.context)
      try call(chain[b.pointee.depth].program, chain[b.pointee.depth].function, parent: nil, context: b.pointee.context) { (_) throws(Fault) in }
      // The text is joined where the block is called.
      if let j = joinFault, j.captures == captures { throw joinError() }
      captures -= 1
      return try take(from: mark, markup: b.pointee.context.pointee.autoescape)
    case .joiner:
      let j = callee.joiner
      if j.pointee.used { return j.pointee.separator }
      j.pointee.used = true
      return .empty
    case .undefined: throw undefinedError(callee)
    default: throw typeError("'\(typeName(callee))' object is not callable")
    }
  }

  /// Binds arguments as Jinja2's `Macro.__call__` does and runs the body; it writes to the output.
  func callMacro(_ callee: V, _ a: Args) throws(Fault) {
    let m = callee.macro.pointee
    let program = m.program.takeUnretainedValue()
    let f = program.functionTable + m.function
    let total = f.pointee.arguments.count
    try call(program, m.function, parent: m.frame, context: m.frame.pointee.context) { (slots) throws(Fault) in
      for i in 0..<min(a.count, total) { slots[Int(f.pointee.argumentSlots[i])] = a.base[i] }
      var used: UInt64 = 0
      var foundCaller = a.count >= total && f.pointee.explicitCaller
      if a.count < total, a.namedCount > 0 || f.pointee.explicitCaller {
        for i in a.count..<total {
          let name = f.pointee.arguments[i]
          for k in 0..<a.namedCount where a.name(k).count == name.count && memcmp(a.name(k).chars, name.chars, name.count) == 0 {
            slots[Int(f.pointee.argumentSlots[i])] = a.namedValue(k)
            if k < 64 { used |= 1 << UInt64(k) }
          }
          if name.isText("caller") { foundCaller = true }
        }
      }
      if f.pointee.accessesCaller, !foundCaller {
        var caller = V.missing
        for k in 0..<a.namedCount where a.name(k).isText("caller") {
          caller = a.namedValue(k)
          if k < 64 { used |= 1 << UInt64(k) }
        }
        if caller.tag == .missing || caller.tag == .none { caller = try self.undefined(hint: "No caller defined", name: "caller") }
        if f.pointee.callerSlot >= 0 { slots[Int(f.pointee.callerSlot)] = caller }
      }
      if f.pointee.kwargsSlot >= 0 {
        let d = try self.dict(capacity: a.namedCount)
        for k in 0..<a.namedCount where k >= 64 || used & (1 << UInt64(k)) == 0 { try self.set(d, a.name(k), a.namedValue(k)) }
        slots[Int(f.pointee.kwargsSlot)] = d
      } else {
        for k in 0..<a.namedCount where k >= 64 || used & (1 << UInt64(k)) == 0 {
          if a.name(k).isText("caller") {
            throw self.typeError("macro \(self.macroName(f)) was invoked with two values for the special caller argument. This is most likely a bug.")
          }
          throw self.typeError("macro \(self.macroName(f)) takes no keyword argument '\(a.name(k).text)'")
        }
      }
      if f.pointee.varargsSlot >= 0 {
        let n = max(0, a.count - total)
        let t = try self.list(capacity: n, tag: .tuple)
        for i in 0..<n { try self.append(a.base[total + i], to: t) }
        slots[Int(f.pointee.varargsSlot)] = t
      } else if a.count > total {
        throw self.typeError("macro \(self.macroName(f)) takes not more than \(total) argument(s)")
      }
    }
  }

  private func macroName(_ f: UnsafeMutablePointer<Function>) -> String {
    f.pointee.name.tag == .str ? "'\(f.pointee.name.text)'" : "None"
  }

  // MARK: globals

  private func callGlobal(_ callee: V, _ a: Args) throws(Fault) -> V {
    if callee.flag == 1 { return try callHost(hosts[Int(callee.bits)], a) }
    let g = Global(rawValue: UInt8(callee.bits))!
    switch g {
    case .range:
      guard a.namedCount == 0 else { throw typeError("range() takes no keyword arguments") }
      guard a.count >= 1, a.count <= 3 else { throw typeError("range expected 1 to 3 arguments, got \(a.count)") }
      var n: [Int] = []
      for i in 0..<a.count {
        if a.base[i].tag == .big { throw fail("OverflowError", "Range too big. The sandbox blocks ranges larger than MAX_RANGE (\(maxRange)).") }
        n.append(try index(a.base[i], "'\(typeName(a.base[i]))' object cannot be interpreted as an integer"))
      }
      let r = n.count == 1 ? RangeObject(start: 0, stop: n[0], step: 1) : RangeObject(start: n[0], stop: n[1], step: n.count == 3 ? n[2] : 1)
      guard r.step != 0 else { throw valueError("range() arg 3 must not be zero") }
      let (difference, overflow) = r.stop.subtractingReportingOverflow(r.start)
      guard !overflow, difference != .min, r.step != .min, r.count <= maxRange else {
        throw fail("OverflowError", "Range too big. The sandbox blocks ranges larger than MAX_RANGE (\(maxRange)).")
      }
      let p = try make(r)
      return V.object(.range, UnsafeMutableRawPointer(p))
    case .dict:
      guard a.count <= 1 else { throw typeError("dict expected at most 1 argument, got \(a.count)") }
      let d = try dict(capacity: 4)
      if a.count == 1, a.base[0].tag == .undefined { throw undefinedError(a.base[0]) }
      if a.count == 1 { try update(d, a.base[0]) }
      for i in 0..<a.namedCount { try set(d, a.name(i), a.namedValue(i)) }
      return d
    case .namespace:
      guard a.count <= 1 else { throw typeError("dict expected at most 1 argument, got \(a.count)") }
      let d = try dict(capacity: 4)
      if a.count == 1, a.base[0].tag == .undefined { throw undefinedError(a.base[0]) }
      if a.count == 1 { try update(d, a.base[0]) }
      for i in 0..<a.namedCount { try set(d, a.name(i), a.namedValue(i)) }
      return V(.namespace, bits: d.bits)
    case .cycler:
      guard a.namedCount == 0 else { throw typeError("Cycler.__init__() got an unexpected keyword argument '\(a.name(0).text)'") }
      guard a.count > 0 else { throw fail("RuntimeError", "at least one item has to be provided") }
      let t = try list(capacity: a.count, tag: .tuple)
      for i in 0..<a.count { try append(a.base[i], to: t) }
      return V.object(.cycler, UnsafeMutableRawPointer(try make(CyclerObject(items: t, position: 0))))
    case .joiner:
      guard a.count + a.namedCount <= 1 else { throw typeError("Joiner.__init__() takes from 1 to 2 positional arguments but \(a.count + 1) were given") }
      var separator = a.count == 1 ? a.base[0] : try string(", ")
      if a.namedCount == 1 {
        guard let s = a.value("sep") else { throw typeError("Joiner.__init__() got an unexpected keyword argument '\(a.name(0).text)'") }
        separator = s
      }
      return V.object(.joiner, UnsafeMutableRawPointer(try make(JoinerObject(separator: separator, used: false))))
    case .raise:
      guard a.count + a.namedCount == 1 else { throw typeError("raise_exception() takes 1 positional argument but \(a.count) were given") }
      throw fail("TemplateError", try text(of: a.base[0]).text)
    case .strftime:
      guard a.count + a.namedCount == 1 else { throw typeError("strftime_now() takes 1 positional argument but \(a.count) were given") }
      guard a.base[0].tag == .str else { throw typeError("strftime() argument 1 must be str, not \(typeName(a.base[0]))") }
      guard let now = environment.options.now else {
        throw fail("TemplateRuntimeError", "`strftime_now` needs a clock; give the time with `now:`")
      }
      return try string(now.format(Array(a.base[0].bytes)))
    }
  }

  private func callHost(_ f: HostFunction, _ a: Args) throws(Fault) -> V {
    var positional: [Value] = []
    for i in 0..<a.count { positional.append(raise(a.base[i])) }
    var named: [(name: String, value: Value)] = []
    for i in 0..<a.namedCount { named.append((a.name(i).text, raise(a.namedValue(i)))) }
    let result: Value
    do {
      result = try f.body(positional, named)
    } catch {
      throw fail(error.errorClass, error.message)
    }
    return try lower(result)
  }
}

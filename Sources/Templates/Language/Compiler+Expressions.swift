extension Compiler {
  /// Leaves the expression's value on the stack.
  func expression(_ e: Expr, _ frame: Frame) throws(SyntaxFault) {
    let saved = place
    place = at(e)
    defer { place = saved }
    switch e.kind {
    case .constant(let c): constant(c)
    case .name(let n): load(n, frame, e)
    case .namespaceRef(let n, _): load(n, frame, e)
    case .list(let items):
      for i in items { try expression(i, frame) }
      emit(.makeList, a: Int32(items.count))
    case .tuple(let items):
      for i in items { try expression(i, frame) }
      emit(.makeTuple, a: Int32(items.count))
    case .dict(let items):
      for (k, v) in items {
        try expression(k, frame)
        try expression(v, frame)
      }
      emit(.makeDict, a: Int32(items.count))
    case .not(let x):
      try expression(x, frame)
      emit(.not)
    case .negative(let x):
      try expression(x, frame)
      emit(.negative)
    case .positive(let x):
      try expression(x, frame)
      emit(.positive)
    case .binary(let op, let a, let b):
      try expression(a, frame)
      try expression(b, frame)
      switch op {
      case .add: emit(.add)
      case .sub: emit(.sub)
      case .mul: emit(.mul)
      case .div: emit(.div)
      case .floordiv: emit(.floordiv)
      case .mod: emit(.mod)
      case .pow: emit(.pow)
      }
    case .and(let a, let b):
      try expression(a, frame)
      let j = emit(.jumpIfFalseKeep)
      try expression(b, frame)
      patch([j])
    case .or(let a, let b):
      try expression(a, frame)
      let j = emit(.jumpIfTrueKeep)
      try expression(b, frame)
      patch([j])
    case .compare(let first, let ops):
      try expression(first, frame)
      var jumps: [Int] = []
      for (i, (op, x)) in ops.enumerated() {
        try expression(x, frame)
        if i + 1 < ops.count {
          jumps.append(emit(.compareChain, a: Int32(op.rawValue)))
        } else {
          emit(.compare, a: Int32(op.rawValue))
        }
      }
      if !jumps.isEmpty { patch(jumps) }
    case .concat(let parts):
      for p in parts { try expression(p, frame) }
      // Jinja2 computes a constant `~` ahead of time with plain strings, which loses Markup.
      let markup = frame.escape.on && !frame.escape.volatile && !parts.allSatisfy { isConstant($0, frame) }
      emit(.concat, mode: markup ? 1 : 0, a: Int32(parts.count))
    case .conditional(let test, let then, let otherwise):
      let soft = frame.soft()
      let falses = try condition(test, soft)
      try expression(then, soft)
      let end = emit(.jump)
      patch(falses)
      if let otherwise { try expression(otherwise, soft) } else { emit(.undefinedConditional, a: saved.line) }
      patch([end])
    case .attribute(let base, let name):
      noteMutation(name)
      if case .name(let n) = base.kind, let v = frame.symbols.find(n), levels(to: v) == 0 {
        if n == "loop", let field = LoopField(name: name) {
          emit(.loopAttribute, a: slot(of: v), b: field.rawValue)
          return
        }
        if case .resolve = frame.symbols.findLoad(v) { note(n, base) }
        emit(.loadAttribute, a: slot(of: v), b: constant(name), c: constant(n))
        return
      }
      try expression(base, frame)
      emit(.attribute, a: constant(name))
    case .item(let base, let arg):
      try expression(base, frame)
      if case .slice(let a, let b, let c) = arg.kind {
        var bits: Int32 = 0
        if let a {
          try expression(a, frame)
          bits |= 1
        }
        if let b {
          try expression(b, frame)
          bits |= 2
        }
        if let c {
          try expression(c, frame)
          bits |= 4
        }
        emit(.slice, a: bits)
      } else {
        if case .constant(.str(let s)) = arg.kind { noteMutation(String(decoding: s, as: UTF8.self)) }
        try expression(arg, frame)
        emit(.item)
      }
    case .slice: throw fault("unexpected ':'", e)
    case .call(let callee, let arguments): try call(callee, arguments, frame, at: e, caller: nil, emits: false)
    case .filter(let base, let name, let arguments): try filter(base, name, arguments, frame, e)
    case .test(let base, let name, let arguments): try test(base, name, arguments, frame, e)
    }
  }

  func constant(_ c: Constant) {
    switch c {
    case .none: push(.none)
    case .bool(let b): push(.bool(b))
    case .int(let i): push(.int(i))
    case .float(let d): push(.float(d))
    case .str(let b): emit(.constant, a: constant(bytes: b))
    case .big(let b):
      program.bigs.append(b)
      emit(.bigConstant, a: Int32(program.bigs.count - 1))
    }
  }

  func push(_ v: V) {
    constants.append(v)
    emit(.constant, a: Int32(constants.count - 1))
  }

  private func noteMutation(_ name: String) {
    switch name {
    case "append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear", "update", "setdefault", "popitem": program.mutates = true
    default: break
    }
  }

  /// Jumps away when the condition is false; returns the jumps to be aimed.
  func condition(_ e: Expr, _ frame: Frame) throws(SyntaxFault) -> [Int] {
    let saved = place
    place = at(e)
    defer { place = saved }
    switch e.kind {
    case .and(let a, let b):
      let first = try condition(a, frame)
      return first + (try condition(b, frame))
    case .not(let x):
      if case .not = x.kind { break }
      try expression(x, frame)
      return [emit(.jumpIfTrue)]
    case .or(let a, let b):
      try expression(a, frame)
      let yes = emit(.jumpIfTrue)
      let no = try condition(b, frame)
      patch([yes])
      return no
    case .compare(let first, let ops):
      guard ops.count == 1, ops[0].0 == .eq || ops[0].0 == .ne, case .attribute(let base, let name) = first.kind, case .name(let n) = base.kind,
        n != "loop", let v = frame.symbols.find(n), levels(to: v) == 0, case .constant(.str(let text)) = ops[0].1.kind
      else { break }
      if case .resolve = frame.symbols.findLoad(v) { note(n, base) }
      place = at(first)
      let jump = emit(.jumpUnlessSlotAttributeEquals, mode: ops[0].0 == .eq ? 0 : 1, a: slot(of: v), b: constant(name))
      emit(.operand, a: constant(bytes: text), b: constant(n))
      return [jump]
    case .attribute(let base, let name):
      guard case .name(let n) = base.kind, n != "loop", let v = frame.symbols.find(n), levels(to: v) == 0 else { break }
      if case .resolve = frame.symbols.findLoad(v) { note(n, base) }
      let jump = emit(.jumpUnlessSlotAttribute, a: slot(of: v), b: constant(name))
      emit(.operand, b: constant(n))
      return [jump]
    default: break
    }
    try expression(e, frame)
    return [emit(.jumpIfFalse)]
  }

  // MARK: calls

  func call(_ callee: Expr, _ arguments: Arguments, _ frame: Frame, at e: Expr, caller: Int32?, emits: Bool) throws(SyntaxFault) {
    let saved = place
    place = at(e)
    defer { place = saved }
    var names = arguments.named.map(\.name)
    if Set(names).count != names.count {
      throw SyntaxFault(message: "keyword argument repeated", start: e.start, end: e.end, line: e.line, errorClass: "SyntaxError")
    }
    func push(_ frame: Frame) throws(SyntaxFault) {
      for a in arguments.positional { try expression(a, frame) }
      for a in arguments.named { try expression(a.value, frame) }
      if let caller {
        emit(.load, a: caller, b: constant("caller"))
        names.append("caller")
      }
    }
    let count = Int32(arguments.positional.count)
    let mode = frame.escape.mode
    if arguments.star != nil || arguments.doubleStar != nil {
      try expression(callee, frame)
      try push(frame)
      if let s = arguments.star { try expression(s, frame) }
      if let s = arguments.doubleStar { try expression(s, frame) }
      emit(.callSpread, a: count, b: nameTable(names), c: (arguments.star == nil ? 0 : 1) | (arguments.doubleStar == nil ? 0 : 2))
      if emits { emit(.emit, mode: mode) }
      return
    }
    if case .attribute(let base, let name) = callee.kind {
      noteMutation(name)
      try expression(base, frame)
      try push(frame)
      emit(.callMethod, a: count, b: nameTable(names), c: constant(name))
      if emits { emit(.emit, mode: mode) }
      return
    }
    try expression(callee, frame)
    try push(frame)
    emit(.call, mode: mode, a: count, b: nameTable(names), c: emits ? 1 : 0)
  }

  private func subject(_ e: Expr, guards: Bool, _ frame: Frame) throws(SyntaxFault) {
    if guards, case .name = e.kind { guarded = true }
    defer { guarded = false }
    try expression(e, frame)
  }

  /// Puts named arguments in their places, or nil when that has to wait for run time.
  private func bind(_ a: Arguments, _ s: Signature) -> [Expr?]? {
    guard a.star == nil, a.doubleStar == nil, !s.variadic, a.positional.count <= s.parameters.count else { return nil }
    var out: [Expr?] = a.positional
    out += Array(repeating: nil, count: s.parameters.count - out.count)
    for n in a.named {
      guard let i = s.parameters.firstIndex(of: n.name), out[i] == nil else { return nil }
      out[i] = n.value
    }
    for i in 0..<s.required where out[i] == nil { return nil }
    return out
  }

  private func filter(_ base: Expr?, _ name: String, _ arguments: Arguments, _ frame: Frame, _ e: Expr) throws(SyntaxFault) {
    if let base { try subject(base, guards: name == "default" || name == "d", frame) }
    program.filtersUsed.append((name, program.original(e.start)..<program.original(e.end)))
    let known = Names.filter(name, plainJSON: options.json == .plain)
    if known == nil, !frame.softFrame {
      throw fault("No filter named '\(name)'.", e, suggestion: nearest(name, Names.filters.keys))
    }
    if let known, let bound = bind(arguments, known.signature) {
      for b in bound { if let b { try expression(b, frame) } else { push(.missing) } }
      emit(.filter, a: Int32(known.rawValue), b: Int32(bound.count))
      return
    }
    try spread(arguments, frame, e)
    if let known {
      emit(
        .filterSpread, mode: spreadMode(arguments), a: Int32(known.rawValue), b: Int32(arguments.positional.count),
        c: nameTable(arguments.named.map(\.name)))
    } else {
      emit(.unknownFilter, a: constant(name))
    }
  }

  private func spread(_ a: Arguments, _ frame: Frame, _ e: Expr) throws(SyntaxFault) {
    let names = a.named.map(\.name)
    if Set(names).count != names.count {
      throw SyntaxFault(message: "keyword argument repeated", start: e.start, end: e.end, line: e.line, errorClass: "SyntaxError")
    }
    for x in a.positional { try expression(x, frame) }
    for x in a.named { try expression(x.value, frame) }
    if let s = a.star { try expression(s, frame) }
    if let s = a.doubleStar { try expression(s, frame) }
  }

  private func spreadMode(_ a: Arguments) -> UInt8 { (a.star == nil ? 0 : 1) | (a.doubleStar == nil ? 0 : 2) }

  private func test(_ base: Expr, _ name: String, _ arguments: Arguments, _ frame: Frame, _ e: Expr) throws(SyntaxFault) {
    try subject(base, guards: name == "defined" || name == "undefined", frame)
    let known = Names.tests[name]
    if known == nil, !frame.softFrame {
      throw fault("No test named '\(name)'.", e, suggestion: nearest(name, Names.tests.keys))
    }
    if let known, let bound = bind(arguments, known.signature) {
      for b in bound { if let b { try expression(b, frame) } else { push(.missing) } }
      emit(.test, a: Int32(known.rawValue), b: Int32(bound.count))
      return
    }
    try spread(arguments, frame, e)
    if let known {
      emit(
        .testSpread, mode: spreadMode(arguments), a: Int32(known.rawValue), b: Int32(arguments.positional.count),
        c: nameTable(arguments.named.map(\.name)))
    } else {
      emit(.unknownTest, a: constant(name))
    }
  }

  // MARK: what is known ahead of time

  func constantTruth(_ e: Expr) -> Bool? {
    switch e.kind {
    case .constant(let c):
      switch c {
      case .none: false
      case .bool(let b): b
      case .int(let i): i != 0
      case .big: true
      case .float(let d): d != 0
      case .str(let b): !b.isEmpty
      }
    case .not(let x): constantTruth(x).map { !$0 }
    default: nil
    }
  }

  /// Jinja2 would compute this expression while compiling.
  func isConstant(_ e: Expr, _ frame: Frame) -> Bool {
    switch e.kind {
    case .constant: return true
    case .name, .namespaceRef, .call: return false
    case .test: if frame.escape.volatile { return false }
    case .filter(let base, let name, _):
      guard !frame.escape.volatile, base != nil, let f = Names.filters[name], !f.needsContext else { return false }
    case .conditional(_, _, let otherwise): if otherwise == nil { return false }
    default: break
    }
    var all = true
    e.kind.forEachChild { if !isConstant($0, frame) { all = false } }
    return all
  }
}

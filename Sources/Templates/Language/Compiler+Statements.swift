extension Compiler {
  func statements(_ body: [Stmt], _ frame: inout Frame) throws(SyntaxFault) {
    for s in body {
      // Jinja2 stops compiling after a second `extends` at the top: nothing after it can run.
      if try !statement(s, &frame) { return }
    }
  }

  /// Compiles one statement; false when nothing after it in this body is reached.
  private func statement(_ s: Stmt, _ frame: inout Frame) throws(SyntaxFault) -> Bool {
    place = Place(start: Int32(s.start), end: Int32(s.end), line: lastLine)
    switch s.kind {
    case .output, .with, .autoescape, .filterBlock, .assignBlock, .assign: break
    // What leaves no code behind, and the check in front of a second `extends`, keep the line before them.
    case .block where frame.toplevel && knownExtends: break
    case .extends where extendsSoFar > 0: break
    default: mark(Place(start: Int32(s.start), end: Int32(s.end), line: Int32(s.line)))
    }
    switch s.kind {
    case .output(let parts): try output(parts, frame)
    case .forLoop: try forLoop(s, frame)
    case .branch(let test, let body, let elifs, let otherwise):
      var soft = frame.soft()
      var ends: [Int] = []
      var falses = try condition(test, soft)
      try statements(body, &soft)
      for e in elifs {
        ends.append(emit(.jump))
        patch(falses)
        mark(Place(start: Int32(e.test.start), end: Int32(e.test.end), line: Int32(e.line)))
        falses = try condition(e.test, soft)
        try statements(e.body, &soft)
      }
      if otherwise.isEmpty {
        patch(falses)
      } else {
        ends.append(emit(.jump))
        patch(falses)
        try statements(otherwise, &soft)
      }
      patch(ends)
    case .assign(let target, let value):
      var seen: Set<String> = []
      namespaces(target) { n in
        if seen.insert(n).inserted, let v = frame.symbols.find(n) { emit(.checkNamespace, a: slot(of: v), c: levels(to: v)) }
      }
      mark(Place(start: Int32(s.start), end: Int32(s.end), line: Int32(s.line)))
      try expression(value, frame)
      var exported: [String] = []
      assign(target, frame, exported: &exported)
      export(exported, frame)
    case .assignBlock(let target, let filter, let body):
      var inner = frame.inner(function: current.index)
      inner.requireOutputCheck = false
      inner.symbols.visit(body)
      enter(inner)
      let capture = startCapture()
      try statements(body, &inner)
      mark(Place(start: Int32(s.start), end: Int32(s.end), line: Int32(s.line)))
      if let filter {
        endCapture(capture, mode: inner.escape.mode)
        try expression(filter, inner)
      } else {
        endCapture(capture, mode: 0)
      }
      emit(.markSafe)
      var exported: [String] = []
      assign(target, frame, exported: &exported)
      export(exported, frame)
      leave(inner)
    case .with(let targets, let values, let body):
      var inner = frame.inner(function: current.index)
      for t in targets { inner.symbols.visitTarget(t, asParameter: true) }
      inner.symbols.visit(body)
      enter(inner)
      for (t, v) in zip(targets, values) {
        try expression(v, frame)
        var ignored: [String] = []
        assign(t, inner, exported: &ignored)
      }
      try statements(body, &inner)
      leave(inner)
    case .autoescape(let e, let body):
      var inner = frame.inner(function: current.index)
      inner.symbols.visit(e)
      inner.symbols.visit(body)
      enter(inner)
      let saved = current.temporary()
      emit(.saveEscape, a: saved)
      try expression(e, inner)
      emit(.setEscape)
      if let on = constantTruth(e) { inner.escape.on = on } else { inner.escape.volatile = true }
      try statements(body, &inner)
      emit(.restoreEscape, a: saved)
      leave(inner)
    case .block(let b):
      guard !(frame.toplevel && knownExtends) else { return true }
      var skip: Int?
      if frame.toplevel, extendsSoFar > 0 { skip = emit(.skipIfExtended) }
      emit(.block, a: constant(b.name), b: (b.scoped ? 1 : 0) | (b.required ? 2 : 0), c: b.scoped ? localsTable(frame) : -1)
      if let skip { patch([skip]) }
    case .extends(let e):
      guard frame.toplevel else { throw SyntaxFault(message: "cannot use extend from a non top-level scope", start: s.start, end: s.end, line: s.line) }
      if extendsSoFar > 0 {
        emit(.failIfExtended)
        if knownExtends { return false }
        mark(Place(start: Int32(s.start), end: Int32(s.end), line: Int32(s.line)))
      }
      reference(.extends, e, optional: false)
      try expression(e, frame)
      emit(.extends)
      if frame.rootLevel { knownExtends = true }
      extendsSoFar += 1
    case .include(let e, let ignore, let with):
      reference(.include, e, optional: ignore)
      try expression(e, frame)
      emit(.include, a: (ignore ? 1 : 0) | (with ? 2 : 0), b: with ? localsTable(frame) : -1)
    case .importModule(let e, let target, let with):
      reference(.importModule, e, optional: false)
      try expression(e, frame)
      emit(.importModule, a: with ? 2 : 0, b: with ? localsTable(frame) : -1)
      if let v = frame.symbols.find(target) {
        emit(.store, a: slot(of: v))
        if frame.toplevel {
          emit(.export, a: constant(target), b: slot(of: v))
          if !target.hasPrefix("_") { emit(.unexport, a: constant(target)) }
        }
      }
    case .fromImport(let e, let names, let with):
      reference(.importModule, e, optional: false)
      try expression(e, frame)
      emit(.importModule, a: with ? 2 : 0, b: with ? localsTable(frame) : -1)
      for n in names {
        guard let v = frame.symbols.find(n.alias) else { continue }
        emit(.fromImport, a: constant(n.name), b: slot(of: v), c: Int32(s.line))
      }
      emit(.pop)
      if frame.toplevel {
        for n in names {
          guard let v = frame.symbols.find(n.alias) else { continue }
          emit(.export, a: constant(n.alias), b: slot(of: v))
          if !n.alias.hasPrefix("_") { emit(.unexport, a: constant(n.alias)) }
        }
      }
    case .macro(let m):
      try macro(m, frame)
      if let v = frame.symbols.find(m.name!) {
        emit(.store, a: slot(of: v))
        if frame.toplevel { emit(.export, a: constant(m.name!), b: slot(of: v), c: m.name!.hasPrefix("_") ? 0 : 1) }
      }
    case .callBlock(let m, let call):
      try macro(m, frame)
      let caller = current.temporary()
      emit(.store, a: caller)
      guard case .call(let callee, let arguments) = call.kind else { return true }
      try self.call(callee, arguments, frame, at: call, caller: caller, emits: false)
      // What a call block calls is written as it is.
      emit(.emit, mode: 3)
    case .generation(let body):
      let m = MacroSyntax(name: nil, arguments: [], defaults: [], body: body, line: s.line, start: s.start, end: s.end)
      let index = try macroBody(m, frame, what: "generation")
      emit(.runGeneration, a: Int32(index))
    case .filterBlock(let filter, let body):
      var inner = frame.inner(function: current.index)
      inner.symbols.visit(body)
      inner.symbols.visit(filter)
      enter(inner)
      let capture = startCapture()
      try statements(body, &inner)
      mark(Place(start: Int32(s.start), end: Int32(s.end), line: Int32(s.line)))
      endCapture(capture, mode: inner.escape.mode)
      try expression(filter, inner)
      // Jinja2 writes a filter block's result as it is, without another escape; it has to be a string.
      emit(.emit, mode: 3)
      leave(inner)
    case .expression(let e):
      try expression(e, frame)
      emit(.pop)
    case .breakLoop, .continueLoop:
      guard !current.loops.isEmpty else {
        throw SyntaxFault(message: "'\(s.isBreak ? "break" : "continue")' outside loop", start: s.start, end: s.end, line: s.line, errorClass: "SyntaxError")
      }
      for c in current.captures[current.loops[current.loops.count - 1].captures...].reversed() { emit(.captureDrop, a: c) }
      let jump = emit(.jump)
      if s.isBreak {
        current.loops[current.loops.count - 1].breaks.append(jump)
      } else {
        current.loops[current.loops.count - 1].continues.append(jump)
      }
    }
    return true
  }

  private func namespaces(_ target: Expr, _ body: (String) -> Void) {
    switch target.kind {
    case .namespaceRef(let n, _): body(n)
    case .tuple(let l): l.forEach { namespaces($0, body) }
    default: break
    }
  }

  private func reference(_ kind: TemplateReference.Kind, _ e: Expr, optional: Bool) {
    let range = program.original(e.start)..<program.original(e.end)
    switch e.kind {
    case .constant(.str(let b)):
      program.references.append(TemplateReference(kind: kind, name: String(decoding: b, as: UTF8.self), range: range, optional: optional))
    default: program.references.append(TemplateReference(kind: kind, name: nil, range: range, optional: optional))
    }
  }

  func patch(_ jumps: [Int]) {
    let t = target()
    for j in jumps {
      switch current.code[j].op {
      case .loopNext, .compareChain, .defaultArgument: current.code[j].b = t
      case .jumpUnlessSlotAttribute, .jumpUnlessSlotAttributeEquals, .loopStart: current.code[j].c = t
      default: current.code[j].a = t
      }
    }
  }

  private func startCapture() -> Int32 {
    let slot = current.temporary()
    emit(.captureStart, a: slot)
    current.captures.append(slot)
    return slot
  }

  private func endCapture(_ slot: Int32, mode: UInt8) {
    current.captures.removeLast()
    emit(.captureEnd, mode: mode, a: slot)
  }

  // MARK: output

  private func output(_ parts: [Stmt.Output], _ frame: Frame) throws(SyntaxFault) {
    var skip: Int?
    if frame.requireOutputCheck {
      if knownExtends { return }
      skip = emit(.skipIfExtended)
      lastTarget = current.code.count
    }
    for p in parts {
      switch p {
      case .data(let d): text(d)
      case .expression(let e):
        if isConstant(e, frame) {
          place = Place(start: Int32(e.start), end: Int32(e.end), line: Int32(e.line))
        } else {
          mark(Place(start: Int32(e.start), end: Int32(e.end), line: Int32(e.line)))
        }
        try print(e, frame)
      }
    }
    if let skip { patch([skip]) }
  }

  /// Writes an expression's text, without making a string of it first where that can be avoided.
  private func print(_ e: Expr, _ frame: Frame) throws(SyntaxFault) {
    var mode = frame.escape.mode
    // Jinja2 prints constants ahead of time, when an `autoescape` that depends on the context is not known yet.
    if mode == 2, isConstant(e, frame) { mode = frame.escape.on ? 1 : 0 }
    switch e.kind {
    case .constant(.str(let b)) where mode == 0: text(b)
    case .constant(.int(let i)): text(Array(String(i).utf8))
    case .name(let n):
      guard let v = frame.symbols.find(n), levels(to: v) == 0 else { break }
      if case .resolve = frame.symbols.findLoad(v) { note(n, e) }
      emit(.emitSlot, mode: mode, a: slot(of: v), b: constant(n))
      return
    case .attribute(let base, let attribute):
      guard case .name(let n) = base.kind, n != "loop", let v = frame.symbols.find(n), levels(to: v) == 0 else { break }
      if case .resolve = frame.symbols.findLoad(v) { note(n, base) }
      emit(.emitSlotAttribute, mode: mode, a: slot(of: v), b: constant(attribute), c: constant(n))
      return
    case .concat(let parts) where mode == 0:
      let saved = place
      for p in parts {
        place = Place(start: Int32(p.start), end: Int32(p.end), line: saved.line)
        try print(p, frame)
      }
      place = saved
      return
    case .binary(.add, _, _) where mode == 0:
      var terms: [Expr] = []
      var left = e
      while case .binary(.add, let a, let b) = left.kind {
        terms.append(b)
        left = a
      }
      terms.append(left)
      for t in terms.reversed() { try expression(t, frame) }
      emit(.emitAdd, a: Int32(terms.count))
      return
    case .conditional(let test, let then, let otherwise):
      let soft = frame.soft()
      let falses = try condition(test, soft)
      try print(then, soft)
      if let otherwise {
        let end = emit(.jump)
        patch(falses)
        try print(otherwise, soft)
        patch([end])
      } else {
        patch(falses)
      }
      return
    case .call(let callee, let arguments):
      try call(callee, arguments, frame, at: e, caller: nil, emits: true)
      return
    case .filter(let base?, "tojson", let arguments) where mode == 0 && arguments.isEmpty && options.json == .plain:
      try expression(base, frame)
      emit(.emitJSON)
      return
    case .filter(let base?, "join", let arguments) where mode == 0 && arguments.isPlain && arguments.positional.count < 3:
      try expression(base, frame)
      for a in arguments.positional { try expression(a, frame) }
      for _ in arguments.positional.count..<2 { push(.missing) }
      emit(.emitJoin)
      return
    default: break
    }
    if case .constant(.str) = e.kind, mode == 0 { return }
    if case .constant(.int) = e.kind { return }
    try expression(e, frame)
    emit(.emit, mode: mode)
  }

  // MARK: loops

  private func forLoop(_ s: Stmt, _ frame: Frame) throws(SyntaxFault) {
    guard case .forLoop(let loopTarget, let iterable, let body, let otherwise, let test, let recursive) = s.kind else { return }
    let extended = recursive || undeclared(["loop"], in: body).contains("loop") || hasScopedBlock(body) || hasScopedBlock(otherwise)
    if let bad = assignsLoop([s]) { throw fault("Can't assign to special loop variable in for-loop target", bad) }
    let header = place
    var outer: Builder?
    var function = current.index
    if recursive {
      try expression(iterable, frame)
      outer = current
      function = open(parent: current.index)
      place = header
    }
    var loopFrame = frame.inner(function: function)
    let loopVariable = extended ? loopFrame.symbols.declareParameter("loop") : nil
    loopFrame.symbols.visitTarget(loopTarget, asParameter: true)
    loopFrame.symbols.visit(body)
    var elseFrame = frame.inner(function: function)
    elseFrame.symbols.visit(otherwise)
    let loopSlot = loopVariable.map { slot(of: $0) } ?? current.temporary()
    let indicator = otherwise.isEmpty ? nil : current.temporary()
    // The test runs in a scope of its own.
    var testFrame: Frame?
    if let test {
      areas += 1
      let f = frame.inner(function: function, area: areas)
      f.symbols.visitTarget(loopTarget, asParameter: true)
      f.symbols.visit(test)
      enter(f)
      testFrame = f
    }
    if recursive { emit(.loopBind, a: loopSlot) } else { try expression(iterable, frame) }
    place = header
    if let indicator {
      emit(.constant, a: boolConstant(true))
      emit(.store, a: indicator)
    }
    let fresh = extended && (recursive || loopEscapes(body))
    let start = emit(.loopStart, a: loopSlot, b: fresh ? 1 : 0, c: -1)
    let filtersAhead = test != nil && extended
    let top = target()
    let next = emit(.loopNext, a: loopSlot, b: 0, c: -1)
    current.loops.append(Builder.Loop(captures: current.captures.count))
    var ignored: [String] = []
    if let test, let testFrame, !filtersAhead {
      // Nothing looks ahead, so the test can stand at the head of the body.
      emit(.duplicate)
      assign(loopTarget, testFrame, exported: &ignored)
      let saved = place
      place = Place(start: Int32(test.start), end: Int32(test.end), line: Int32(test.line))
      let falses = try condition(test, testFrame)
      place = saved
      let keep = emit(.jump)
      patch(falses)
      emit(.pop)
      emit(.jump, a: top)
      patch([keep])
      assign(loopTarget, loopFrame, exported: &ignored)
    } else if case .name(let n) = loopTarget.kind, let v = loopFrame.symbols.find(n) {
      current.code[next].c = slot(of: v)
    } else {
      assign(loopTarget, loopFrame, exported: &ignored)
    }
    enter(loopFrame)
    try statements(body, &loopFrame)
    place = header
    if let indicator {
      emit(.constant, a: boolConstant(false))
      emit(.store, a: indicator)
    }
    let loop = current.loops.removeLast()
    for j in loop.continues { current.code[j].a = top }
    emit(.jump, a: top)
    if let test, let testFrame, filtersAhead {
      // A subroutine, since `loop.last` and `loop.length` may ask it ahead of time.
      patch([start])
      assign(loopTarget, testFrame, exported: &ignored)
      let saved = place
      place = Place(start: Int32(test.start), end: Int32(test.end), line: Int32(test.line))
      try expression(test, testFrame)
      emit(.subroutineEnd)
      place = saved
    }
    patch([next])
    patch(loop.breaks)
    leave(loopFrame)
    if let indicator {
      emit(.load, a: indicator, b: constant("loop"))
      let skip = emit(.jumpIfFalse)
      enter(elseFrame)
      try statements(otherwise, &elseFrame)
      leave(elseFrame)
      patch([skip])
    }
    if recursive, let outer {
      emit(.finish)
      close(what: "recursive loop", function: function)
      functions[function]!.loopSlot = loopSlot
      functions[function]!.isMacro = true
      current = outer
      place = header
      emit(.recursiveLoop, a: Int32(function), b: Int32(frame.escape.mode))
    }
  }

  private func hasScopedBlock(_ body: [Stmt]) -> Bool {
    body.contains { s in
      switch s.kind {
      case .block(let b): b.scoped || hasScopedBlock(b.body)
      case .forLoop(_, _, let a, let b, _, _): hasScopedBlock(a) || hasScopedBlock(b)
      case .branch(_, let a, let elifs, let b): hasScopedBlock(a) || hasScopedBlock(b) || elifs.contains { hasScopedBlock($0.body) }
      case .assignBlock(_, _, let b), .with(_, _, let b), .autoescape(_, let b), .filterBlock(_, let b), .generation(let b): hasScopedBlock(b)
      case .macro(let m), .callBlock(let m, _): hasScopedBlock(m.body)
      default: false
      }
    }
  }

  private func assignsLoop(_ body: [Stmt]) -> Expr? {
    func target(_ e: Expr) -> Expr? {
      switch e.kind {
      case .name("loop"): return e
      case .tuple(let l):
        for i in l { if let f = target(i) { return f } }
        return nil
      default: return nil
      }
    }
    for s in body {
      var found: Expr?
      switch s.kind {
      case .forLoop(let t, _, let a, let b, _, _): found = target(t) ?? assignsLoop(a) ?? assignsLoop(b)
      case .branch(_, let a, let elifs, let b):
        found = assignsLoop(a)
        for e in elifs where found == nil { found = assignsLoop(e.body) }
        found = found ?? assignsLoop(b)
      case .assign(let t, _): found = target(t)
      case .assignBlock(let t, _, let b): found = target(t) ?? assignsLoop(b)
      case .with(_, _, let b), .autoescape(_, let b), .filterBlock(_, let b), .generation(let b): found = assignsLoop(b)
      case .macro(let m), .callBlock(let m, _): found = assignsLoop(m.body)
      case .block(let b): found = assignsLoop(b.body)
      default: break
      }
      if let found { return found }
    }
    return nil
  }

  /// The loop object may be kept beyond the turn, so its memory cannot be used again by the next loop.
  private func loopEscapes(_ body: [Stmt]) -> Bool {
    var escapes = false
    func expr(_ e: Expr) {
      switch e.kind {
      case .name("loop"): escapes = true
      case .attribute(let base, _):
        if case .name("loop") = base.kind { return }
        expr(base)
      case .call(let callee, let a):
        if case .name("loop") = callee.kind {} else { expr(callee) }
        a.forEach(expr)
      default: e.kind.forEachChild(expr)
      }
    }
    func walk(_ body: [Stmt]) {
      for s in body {
        switch s.kind {
        case .output(let parts): for p in parts { if case .expression(let e) = p { expr(e) } }
        case .forLoop(_, let i, let a, let b, let t, _):
          expr(i)
          if let t { expr(t) }
          walk(a)
          walk(b)
        case .branch(let t, let a, let elifs, let b):
          expr(t)
          walk(a)
          for e in elifs {
            expr(e.test)
            walk(e.body)
          }
          walk(b)
        case .assign(_, let v): expr(v)
        case .with(_, let v, let b):
          v.forEach(expr)
          walk(b)
        case .autoescape(let e, let b), .filterBlock(let e, let b):
          expr(e)
          walk(b)
        case .assignBlock(_, _, let b): walk(b)
        case .expression(let e): expr(e)
        case .breakLoop, .continueLoop: break
        default: escapes = true
        }
      }
    }
    walk(body)
    return escapes
  }

  func boolConstant(_ b: Bool) -> Int32 {
    constants.append(.bool(b))
    return Int32(constants.count - 1)
  }

  // MARK: macros

  /// Leaves the macro on the stack.
  private func macro(_ m: MacroSyntax, _ frame: Frame) throws(SyntaxFault) {
    let saved = place
    let index = try macroBody(m, frame, what: m.name.map { "macro \($0)" } ?? "call block")
    place = saved
    emit(.macro, a: Int32(index))
  }

  private func macroBody(_ m: MacroSyntax, _ frame: Frame, what: String) throws(SyntaxFault) -> Int {
    let outer = current
    let index = open(parent: outer.index)
    defer { current = outer }
    var inner = frame.inner(function: index)
    inner.requireOutputCheck = false
    let names = m.argumentNames
    func analyse() {
      for n in names { inner.symbols.declareParameter(n) }
      m.defaults.forEach { inner.symbols.visit($0) }
      inner.symbols.visit(m.body)
    }
    analyse()
    if Set(names).count != names.count {
      throw SyntaxFault(message: "duplicate argument in function definition", start: m.start, end: m.end, line: m.line, errorClass: "SyntaxError")
    }
    let special = undeclared(["caller", "kwargs", "varargs"], in: m.body)
    let explicit = names.firstIndex(of: "caller")
    var callerSlot: Int32 = -1
    var kwargsSlot: Int32 = -1
    var varargsSlot: Int32 = -1
    var accessesCaller = false
    if special.contains("caller") {
      if let explicit {
        if m.defaults.count < names.count - explicit {
          throw SyntaxFault(
            message: "When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.", start: m.start,
            end: m.end, line: m.line, errorClass: "TemplateAssertionError")
        }
      } else {
        callerSlot = slot(of: inner.symbols.declareParameter("caller"))
      }
      accessesCaller = true
    }
    if special.contains("kwargs"), !names.contains("kwargs") { kwargsSlot = slot(of: inner.symbols.declareParameter("kwargs")) }
    if special.contains("varargs"), !names.contains("varargs") { varargsSlot = slot(of: inner.symbols.declareParameter("varargs")) }
    for n in names { inner.symbols.declareParameter(n) }
    inner.symbols.visit(m.body)
    mark(Place(start: Int32(m.start), end: Int32(m.end), line: Int32(m.line)))
    enter(inner)
    for (i, n) in names.enumerated() {
      let v = inner.symbols.find(n)!
      let d = i - (names.count - m.defaults.count)
      if d >= 0 {
        let jump = emit(.defaultArgument, a: slot(of: v))
        try expression(m.defaults[d], inner)
        emit(.store, a: slot(of: v))
        patch([jump])
      } else {
        emit(.missingArgument, a: slot(of: v), b: constant(n))
      }
    }
    try statements(m.body, &inner)
    emit(.finish)
    close(what: what, function: index)
    functions[index]!.arguments = names.map { constants[Int(constant($0))] }
    functions[index]!.argumentSlots = names.map { slot(of: inner.symbols.find($0)!) }
    functions[index]!.name = m.name.map { constants[Int(constant($0))] } ?? .none
    functions[index]!.callerSlot = callerSlot
    functions[index]!.kwargsSlot = kwargsSlot
    functions[index]!.varargsSlot = varargsSlot
    functions[index]!.isMacro = true
    functions[index]!.explicitCaller = explicit != nil
    functions[index]!.accessesCaller = accessesCaller
    return index
  }
}

extension Stmt {
  var isBreak: Bool { if case .breakLoop = kind { true } else { false } }
}

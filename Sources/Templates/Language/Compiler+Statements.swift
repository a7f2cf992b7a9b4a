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
}

extension Stmt {
  var isBreak: Bool { if case .breakLoop = kind { true } else { false } }
}

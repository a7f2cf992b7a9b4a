extension Compiler {
  func forLoop(_ s: Stmt, _ frame: Frame) throws(SyntaxFault) {
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
}

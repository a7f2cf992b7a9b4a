extension Compiler {
  func output(_ parts: [Stmt.Output], _ frame: Frame) throws(SyntaxFault) {
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
}

extension Compiler {
  /// Leaves the macro on the stack.
  func macro(_ m: MacroSyntax, _ frame: Frame) throws(SyntaxFault) {
    let saved = place
    let index = try macroBody(m, frame, what: m.name.map { "macro \($0)" } ?? "call block")
    place = saved
    emit(.macro, a: Int32(index))
  }

  func macroBody(_ m: MacroSyntax, _ frame: Frame, what: String) throws(SyntaxFault) -> Int {
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

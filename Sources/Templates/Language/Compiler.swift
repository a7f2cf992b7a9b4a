/// Turns the syntax tree into instructions; scopes are resolved here, once, as Jinja2's compiler does.
final class Compiler {
  /// Where code stands: Jinja2's `Frame`.
  struct Frame {
    var symbols: Symbols
    var toplevel = false
    var rootLevel = false
    var requireOutputCheck = false
    var softFrame = false
    var escape = Escape()

    func inner(function: Int, area: Int? = nil) -> Frame {
      Frame(symbols: Symbols(parent: symbols, function: function, area: area), requireOutputCheck: requireOutputCheck, escape: escape)
    }

    func soft() -> Frame {
      var f = self
      f.symbols = symbols.copy()
      f.rootLevel = false
      f.softFrame = true
      return f
    }
  }

  /// Whether output is escaped, as far as that is known before the template runs.
  struct Escape {
    var on = false
    var volatile = false
    var mode: UInt8 { volatile ? 2 : on ? 1 : 0 }
  }

  /// The function being compiled.
  final class Builder {
    let index: Int
    let parent: Int?
    var code: [Instruction] = []
    var places: [Place] = []
    var slots: [Symbols.Variable: Int32] = [:]
    var slotCount: Int32 = 0
    /// Per open loop: where `break` and `continue` go, and which captures they must close.
    var loops: [Loop] = []
    var captures: [Int32] = []

    struct Loop {
      var breaks: [Int] = []
      var continues: [Int] = []
      var captures: Int
    }

    init(index: Int, parent: Int?) {
      self.index = index
      self.parent = parent
    }

    func slot(_ v: Symbols.Variable) -> Int32 {
      if let s = slots[v] { return s }
      slots[v] = slotCount
      slotCount += 1
      return slotCount - 1
    }

    func temporary() -> Int32 {
      slotCount += 1
      return slotCount - 1
    }
  }

  let program: Program
  let options: Environment
  var builders: [Builder] = []
  var functions: [Function?] = []
  var current: Builder
  var place = Place(start: 0, end: 0, line: 1)
  /// The line Jinja2's generated code was last marked with; statements without a mark of their own report it.
  var lastLine: Int32 = 1
  var constants: [V] = []
  var constantIndex: [[UInt8]: Int32] = [:]
  var literals: [UInt8] = []
  var contextIndex: [String: Int32] = [:]
  var blocks: [(BlockSyntax, Int)] = []
  var extendsSoFar = 0
  var knownExtends = false
  var areas = 1
  var tables: [NameTable] = []

  init(program: Program) {
    self.program = program
    options = program.box.options
    current = Builder(index: 0, parent: nil)
    builders.append(current)
    functions.append(nil)
  }

  // MARK: whole programs

  func compile(template body: [Stmt]) throws(SyntaxFault) {
    var hasExtends = false
    var collected: [BlockSyntax] = []
    scan(body, &hasExtends, &collected)
    var names: Set<String> = []
    for b in collected {
      if !names.insert(b.name).inserted {
        throw SyntaxFault(message: "block '\(b.name)' defined twice", start: b.start, end: b.end, line: b.line, errorClass: "TemplateAssertionError")
      }
    }
    program.exportsNeeded = program.exportsNeeded || hasExtends || !collected.isEmpty
    var frame = Frame(symbols: Symbols(parent: nil, function: 0))
    frame.escape.on = options.autoescape
    if undeclared(["self"], in: body).contains("self") {
      emit(.selfReference, a: current.slot(frame.symbols.declareParameter("self")))
    }
    frame.symbols.visit(body)
    frame.toplevel = true
    frame.rootLevel = true
    frame.requireOutputCheck = hasExtends
    enter(frame)
    try statements(body, &frame)
    emit(.finish)
    close(what: "template", function: 0)
    for b in collected {
      let index = open(parent: nil)
      mark(Place(start: Int32(b.start), end: Int32(b.end), line: Int32(b.line)))
      var frame = Frame(symbols: Symbols(parent: nil, function: index))
      frame.escape.on = options.autoescape
      let special = undeclared(["self", "super"], in: b.body)
      if special.contains("self") { emit(.selfReference, a: current.slot(frame.symbols.declareParameter("self"))) }
      if special.contains("super") {
        emit(.superBlock, a: current.slot(frame.symbols.declareParameter("super")), b: constant(b.name), c: Int32(index))
      }
      frame.symbols.visit(b.body)
      enter(frame)
      try statements(b.body, &frame)
      emit(.finish)
      close(what: "block \(b.name)", function: index)
      program.blocks.append((b.name, index))
    }
    if body.count == 1, case .output(let parts) = body[0].kind, parts.count == 1, case .expression(let e) = parts[0] {
      program.singleExpression = e
    }
    finish()
  }

  func compile(expression e: Expr) throws(SyntaxFault) {
    let frame = Frame(symbols: Symbols(parent: nil, function: 0))
    frame.symbols.visit(e)
    place = Place(start: Int32(e.start), end: Int32(e.end), line: Int32(e.line))
    enter(frame)
    try expression(e, frame)
    emit(.finish)
    close(what: "expression", function: 0)
    finish()
  }

  private func scan(_ body: [Stmt], _ hasExtends: inout Bool, _ blocks: inout [BlockSyntax]) {
    for s in body {
      switch s.kind {
      case .extends: hasExtends = true
      case .include, .importModule, .fromImport: program.exportsNeeded = true
      case .block(let b):
        blocks.append(b)
        scan(b.body, &hasExtends, &blocks)
      case .forLoop(_, _, let a, let b, _, _):
        scan(a, &hasExtends, &blocks)
        scan(b, &hasExtends, &blocks)
      case .branch(_, let a, let elifs, let b):
        scan(a, &hasExtends, &blocks)
        for e in elifs { scan(e.body, &hasExtends, &blocks) }
        scan(b, &hasExtends, &blocks)
      case .assignBlock(_, _, let b), .with(_, _, let b), .autoescape(_, let b), .filterBlock(_, let b), .generation(let b):
        scan(b, &hasExtends, &blocks)
      case .macro(let m), .callBlock(let m, _): scan(m.body, &hasExtends, &blocks)
      case .output, .assign, .expression, .breakLoop, .continueLoop: break
      }
    }
  }

  /// Starts a function and makes it current.
  func open(parent: Int?) -> Int {
    current = Builder(index: builders.count, parent: parent)
    builders.append(current)
    functions.append(nil)
    return current.index
  }

  func close(what: String, function: Int) {
    let b = builders[function]
    let code = UnsafeMutablePointer<Instruction>.allocate(capacity: max(b.code.count, 1))
    code.initialize(from: b.code, count: b.code.count)
    functions[function] = Function(what: what, code: code, count: b.code.count, places: b.places, slots: Int(b.slotCount))
    functions[function]!.needsHeapFrame = b.code.contains {
      switch $0.op {
      case .macro, .recursiveLoop, .runGeneration: true
      default: false
      }
    }
  }

  private func finish() {
    program.functions = functions.map { $0! }
    program.functionTable.deallocate()
    program.functionTable = .allocate(capacity: program.functions.count)
    program.functionTable.initialize(from: program.functions, count: program.functions.count)
    program.constants.deallocate()
    program.constants = .allocate(capacity: max(constants.count, 1))
    program.constants.initialize(from: constants, count: constants.count)
    program.literals.deallocate()
    program.literals = .allocate(capacity: max(literals.count, 1))
    program.literals.initialize(from: literals, count: literals.count)
    program.literalCount = literals.count
    program.tables.deallocate()
    program.tables = .allocate(capacity: max(tables.count, 1))
    program.tables.initialize(from: tables, count: tables.count)
    program.tableCount = tables.count
  }

  // MARK: emitting

  @discardableResult
  func emit(_ op: Op, mode: UInt8 = 0, a: Int32 = 0, b: Int32 = 0, c: Int32 = 0) -> Int {
    current.code.append(Instruction(op: op, mode: mode, a: a, b: b, c: c))
    current.places.append(place)
    return current.code.count - 1
  }

  var here: Int32 { Int32(current.code.count) }
  func patch(_ i: Int) { current.code[i].a = here }

  func constant(_ s: String) -> Int32 { constant(bytes: Array(s.utf8)) }

  func constant(bytes: [UInt8]) -> Int32 {
    if let i = constantIndex[bytes] { return i }
    constants.append(Method.marked(program.intern(bytes)))
    constantIndex[bytes] = Int32(constants.count - 1)
    return Int32(constants.count - 1)
  }

  func contextName(_ name: String) -> Int32 {
    if let i = contextIndex[name] { return i }
    let i = Int32(program.contextNames.count)
    program.contextNames.append(constants[Int(constant(name))])
    contextIndex[name] = i
    return i
  }

  func text(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    // Neighbouring literals become one, unless a jump lands between them.
    if let last = current.code.last, last.op == .text, current.code.count > lastTarget, Int(last.a) + Int(last.b) == literals.count {
      literals += bytes
      current.code[current.code.count - 1].b += Int32(bytes.count)
      return
    }
    emit(.text, a: Int32(literals.count), b: Int32(bytes.count))
    literals += bytes
  }

  /// Instructions before this one may be jumped past; nothing may be merged across it.
  var lastTarget = 0
  func target() -> Int32 {
    lastTarget = current.code.count
    return here
  }

  func mark(_ p: Place) {
    place = p
    lastLine = p.line
  }

  func at(_ e: Expr) -> Place { Place(start: Int32(e.start), end: Int32(e.end), line: place.line) }

  func fault(_ message: String, _ e: Expr, line: Int? = nil, suggestion: String? = nil) -> SyntaxFault {
    SyntaxFault(message: message, start: e.start, end: e.end, line: line ?? e.line, errorClass: "TemplateAssertionError", suggestion: suggestion)
  }

  // MARK: scopes

  /// Levels from the function being compiled up to the one that owns `v`.
  func levels(to v: Symbols.Variable) -> Int32 {
    var n: Int32 = 0
    var f: Int? = current.index
    while let i = f, i != v.function {
      n += 1
      f = builders[i].parent
    }
    return n
  }

  func slot(of v: Symbols.Variable) -> Int32 { builders[v.function].slot(v) }

  func enter(_ frame: Frame) {
    for v in frame.symbols.loadOrder {
      switch frame.symbols.loads[v]! {
      case .parameter: break
      case .resolve(let name): emit(.resolve, a: contextName(name), b: slot(of: v), c: constant(name))
      case .alias(let from): emit(.alias, a: slot(of: from), b: slot(of: v), c: levels(to: from))
      case .undefined: emit(.clear, a: slot(of: v))
      }
    }
    lastTarget = current.code.count
  }

  func leave(_ frame: Frame) {
    // The loop object stays, so that the next run of the loop uses its memory again; nobody can name it any more.
    for v in frame.symbols.loadOrder where v.name != "loop" { emit(.clear, a: slot(of: v)) }
    lastTarget = current.code.count
  }

  func load(_ name: String, _ frame: Frame, _ e: Expr) {
    guard let v = frame.symbols.find(name) else { return }
    let saved = place
    place = at(e)
    defer { place = saved }
    if case .resolve = frame.symbols.findLoad(v) { note(name, e) }
    let up = levels(to: v)
    if up == 0 {
      emit(.load, a: slot(of: v), b: constant(name))
    } else {
      emit(.loadOuter, a: slot(of: v), b: constant(name), c: up)
    }
  }

  /// The name being compiled is asked for with `is defined` or `default`, so that it may be missing.
  var guarded = false

  func note(_ name: String, _ e: Expr) {
    guard Names.globals[name] == nil, options.globals[name] == nil else { return }
    let s = program.original(e.start)
    program.variables.append(VariableUse(name: name, range: s..<program.original(e.end), isGuarded: guarded))
  }

  /// Assigns the value on the stack.
  func assign(_ target: Expr, _ frame: Frame, exported: inout [String]) {
    switch target.kind {
    case .name(let n):
      guard let v = frame.symbols.find(n) else { return }
      emit(.store, a: slot(of: v))
      if frame.toplevel { exported.append(n) }
    case .namespaceRef(let n, let attribute):
      guard let v = frame.symbols.find(n) else { return }
      emit(.storeNamespace, a: constant(attribute), b: slot(of: v), c: levels(to: v))
    case .tuple(let items):
      emit(.unpack, a: Int32(items.count))
      for i in items { assign(i, frame, exported: &exported) }
    default: break
    }
  }

  func export(_ names: [String], _ frame: Frame) {
    for n in names {
      guard let v = frame.symbols.find(n) else { continue }
      emit(.export, a: constant(n), b: slot(of: v), c: n.hasPrefix("_") ? 0 : 1)
    }
  }

  func localsTable(_ frame: Frame) -> Int32 {
    let locals = frame.symbols.dumpStores()
    let t = NameTable(names: .allocate(capacity: max(locals.count, 1)), count: locals.count, variables: .allocate(capacity: max(locals.count, 1)))
    for (i, (name, v)) in locals.enumerated() {
      t.names[i] = constants[Int(constant(name))]
      t.variables![i] = (slot(of: v), levels(to: v))
    }
    tables.append(t)
    return Int32(tables.count - 1)
  }

  func nameTable(_ names: [String]) -> Int32 {
    if names.isEmpty { return -1 }
    let t = NameTable(names: .allocate(capacity: names.count), count: names.count)
    for (i, n) in names.enumerated() { t.names[i] = constants[Int(constant(n))] }
    tables.append(t)
    return Int32(tables.count - 1)
  }
}

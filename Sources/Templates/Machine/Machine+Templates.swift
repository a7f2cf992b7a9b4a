#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension Machine {
  // MARK: names

  /// The value of a name that is not local; lazy or missing values are dealt with when they are used.
  @inline(__always) func resolve(_ frame: UnsafeMutablePointer<FrameObject>, _ i: Int) throws(Fault) -> V {
    let context = frame.pointee.context
    if context == root, context.pointee.vars.tag == .missing, frame.pointee.program.toOpaque() == row.owner { return row.fields[i] }
    return try resolveSlow(context, frame.pointee.program.takeUnretainedValue().contextNames[i])
  }

  @inline(never) func resolveSlow(_ context: UnsafeMutablePointer<ContextObject>, _ name: V) throws(Fault) -> V {
    var c = context
    while true {
      if c.pointee.vars.tag == .dict, let v = lookup(c.pointee.vars.dict, name) { return v }
      if c.pointee.locals.tag == .dict, let v = lookup(c.pointee.locals.dict, name) { return v }
      guard let outer = c.pointee.outer else { break }
      c = outer
    }
    if c.pointee.usesRow { return try row.find(name, self) }
    return try global(name)
  }

  /// A function or value every template knows, or missing.
  func global(_ name: V) throws(Fault) -> V {
    if !environment.globals.isEmpty, let v = environment.globals[name.text] { return try lower(v) }
    if let g = Names.globals[name.text] { return V(.function, bits: UInt64(g.rawValue)) }
    return .missing
  }

  func export(_ context: UnsafeMutablePointer<ContextObject>, _ name: V, _ value: V, isPublic: Bool) throws(Fault) {
    if context.pointee.vars.tag != .dict { context.pointee.vars = try dict(capacity: 8) }
    try set(context.pointee.vars, name, value)
    if isPublic {
      if context.pointee.exported.tag != .dict { context.pointee.exported = try dict(capacity: 8) }
      try set(context.pointee.exported, name, .none)
    }
  }

  /// The variables an including template hands over; missing when there are none.
  private func locals(_ table: NameTable?, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) -> V {
    guard let table, table.count > 0 else { return .missing }
    let d = try dict(capacity: table.count)
    for i in 0..<table.count {
      let variable = table.variables![i]
      let s = up(frame, variable.up).pointee.slots + Int(variable.slot)
      if s.pointee.tag == .missing { continue }
      if s.pointee.tag == .lazy { s.pointee = try force(s.pointee) }
      try set(d, table.names[i], s.pointee)
    }
    return d
  }

  // MARK: finding

  private func find(_ name: V, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) -> Program? {
    guard name.tag == .str else {
      if name.tag == .undefined { try strictCheck(name) }
      throw notAName(name)
    }
    try burn(10)
    let parent = frame.pointee.program.takeUnretainedValue().name
    do {
      guard let p = try environment.options.cache.program(environment.options.joined(name.text, parent), box: environment) else { return nil }
      programs.append(p)
      return p
    } catch {
      fault = FaultDetails(errorClass: error.errorClass, message: error.message)
      fault.ready = error
      throw Fault()
    }
  }

  private func notFound(_ names: [V], list: Bool) -> Fault {
    if let u = names.first(where: { $0.tag == .undefined }) { return undefinedError(u) }
    if !list, let name = names.first { return fail("TemplateNotFound", name.text) }
    return fail(
      "TemplatesNotFound", "none of the templates given were found: " + names.map { $0.tag == .str ? $0.text : reprText($0) }.joined(separator: ", "))
  }

  private func notAName(_ v: V) -> Fault {
    if v.tag == .list || v.tag == .dict { return typeError("unhashable type: '\(typeName(v))'") }
    return fail("TemplateNotFound", "a template is named by a string, not by \(typeName(v))")
  }

  /// A template by name, or the first that exists of a list of names.
  private func select(_ v: V, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) -> (Program?, [V]) {
    if v.tag == .str { return (try find(v, frame), [v]) }
    if v.tag == .undefined { throw undefinedError(v) }
    if v.isSequence || v.tag == .generator || v.tag == .dict || v.tag == .view {
      var names: [V] = []
      var it = try iterate(v)
      while let n = try next(&it) {
        names.append(n)
        if n.tag == .str, let p = try find(n, frame) { return (p, names) }
      }
      if names.isEmpty { throw fail("TemplatesNotFound", "Tried to select from an empty list of templates.") }
      return (nil, names)
    }
    if v.tag == .none { throw fail("TemplatesNotFound", "Tried to select from an empty list of templates.") }
    throw typeError("'\(typeName(v))' object is not a template name")
  }

  // MARK: include, import

  func include(_ v: V, ignoreMissing: Bool, withContext: Bool, table: NameTable?, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) {
    if v.tag == .undefined, ignoreMissing, !isStrict(v) || true {
      // Jinja2 asks for a template of that name and swallows `TemplateNotFound`; an undefined name raises instead.
      throw undefinedError(v)
    }
    let (found, names) = try select(v, frame)
    guard let program = found else {
      if ignoreMissing, names.count >= 1, !names.contains(where: { $0.tag == .undefined }) { return }
      throw notFound(names, list: v.tag != .str)
    }
    if withContext {
      let c = try newContext(program, outer: frame.pointee.context, locals: try locals(table, frame))
      try call(program, 0, parent: nil, context: c) { (_) throws(Fault) in }
    } else {
      let m = try module(program, context: nil, locals: .missing)
      let body = m.module.pointee.body
      try emit(body.chars, body.count)
    }
  }

  func importModule(_ v: V, withContext: Bool, table: NameTable?, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) -> V {
    if v.tag == .undefined { throw undefinedError(v) }
    guard v.tag == .str else { throw notAName(v) }
    guard let program = try find(v, frame) else { throw notFound([v], list: false) }
    return try module(program, context: withContext ? frame.pointee.context : nil, locals: withContext ? try locals(table, frame) : .missing)
  }

  private func newContext(_ program: Program, outer: UnsafeMutablePointer<ContextObject>?, locals: V) throws(Fault)
    -> UnsafeMutablePointer<ContextObject>
  {
    var c = ContextObject()
    c.outer = outer
    c.locals = locals
    c.usesRow = false
    c.autoescape = environment.options.autoescape
    c.exporting = true
    if !program.blocks.isEmpty { c.blocks = table(of: program) }
    return try make(c)
  }

  func table(of program: Program) -> Int {
    blockTables.append(program.blocks.map { ($0.name, [(program, $0.function)]) })
    return blockTables.count - 1
  }

  /// Runs a template as a module: its output is kept aside, what it sets can be asked for.
  private func module(_ program: Program, context: UnsafeMutablePointer<ContextObject>?, locals: V) throws(Fault) -> V {
    let shared = context == nil
    if shared, let m = modules[program.name] { return m }
    let c = try newContext(program, outer: context, locals: locals)
    let mark = outCount
    captures += 1
    try call(program, 0, parent: nil, context: c) { (_) throws(Fault) in }
    captures -= 1
    let body = try take(from: mark, markup: true)
    let m = V.object(.module, UnsafeMutableRawPointer(try make(ModuleObject(context: c, body: body, name: try string(program.name)))))
    if shared { modules[program.name] = m }
    return m
  }

  func moduleValue(_ m: UnsafeMutablePointer<ModuleObject>, _ name: V) -> V? {
    let c = m.pointee.context
    guard c.pointee.exported.tag == .dict, lookup(c.pointee.exported.dict, name) != nil, c.pointee.vars.tag == .dict else { return nil }
    return lookup(c.pointee.vars.dict, name)
  }

  // MARK: inheritance

  func extend(_ v: V, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) {
    if v.tag == .undefined { throw undefinedError(v) }
    guard v.tag == .str else { throw notAName(v) }
    guard let parent = try find(v, frame) else { throw notFound([v], list: false) }
    let c = frame.pointee.context
    if c.pointee.blocks < 0 {
      blockTables.append([])
      c.pointee.blocks = blockTables.count - 1
    }
    let t = c.pointee.blocks
    for b in parent.blocks {
      if let i = blockTables[t].firstIndex(where: { $0.name == b.name }) {
        blockTables[t][i].chain.append((parent, b.function))
      } else {
        blockTables[t].append((b.name, [(parent, b.function)]))
      }
    }
    guard (blockTables[t].first?.chain.count ?? 0) <= maxDepth, programs.count < 10_000 else {
      throw fail("RecursionError", "the template extends more than \(maxDepth) others")
    }
    c.pointee.exporting = true
    frame.pointee.extends = .passUnretained(parent)
  }

  func chain(_ name: V, _ context: UnsafeMutablePointer<ContextObject>) throws(Fault) -> [(program: Program, function: Int)] {
    let wanted = name.text
    if context.pointee.blocks >= 0, let b = blockTables[context.pointee.blocks].first(where: { $0.name == wanted }) { return b.chain }
    throw fail("KeyError", "'\(wanted)'")
  }

  func runBlock(_ name: V, scoped: Bool, required: Bool, table: NameTable?, _ frame: UnsafeMutablePointer<FrameObject>) throws(Fault) {
    let chain = try chain(name, frame.pointee.context)
    if required, chain.count <= 1 { throw fail("TemplateRuntimeError", "Required block '\(name.text)' not found") }
    var context = frame.pointee.context
    if scoped {
      var c = ContextObject()
      c.outer = context
      c.locals = try locals(table, frame)
      c.usesRow = false
      c.autoescape = context.pointee.autoescape
      c.exporting = true
      if context.pointee.blocks >= 0 {
        blockTables.append(blockTables[context.pointee.blocks])
        c.blocks = blockTables.count - 1
      }
      context = try make(c)
    }
    try call(chain[0].program, chain[0].function, parent: nil, context: context) { (_) throws(Fault) in }
  }

  func superBlock(_ name: V, _ program: Program, _ function: Int, _ context: UnsafeMutablePointer<ContextObject>) throws(Fault) -> V {
    let chain = try chain(name, context)
    if let i = chain.firstIndex(where: { $0.program === program && $0.function == function }), i + 1 < chain.count {
      return V.object(.block, UnsafeMutableRawPointer(try make(BlockObject(name: name, context: context, depth: i + 1))))
    }
    return try undefined(hint: "there is no parent block called '\(name.text)'.", name: "super")
  }
}

/// Renders templates and evaluates expressions, one after the other, in memory it keeps. One per worker; not to be shared.
public final class Renderer {
  let machine: Machine
  private var owner: Program?

  public init() {
    machine = Machine(environment: EnvironmentBox(options: Environment()))
  }

  /// Renders a template over a row, a JSON object in UTF-8 of which only the fields the template names are read; `extra` wins over the row.
  ///
  /// The bytes returned are valid until the next call. The row must be compact JSON where untouched pieces of it are to be passed on.
  public func render(_ template: Template, row: UnsafeRawBufferPointer = .init(start: nil, count: 0), extra: Bindings = Bindings()) throws(TemplateError)
    -> UnsafeRawBufferPointer
  {
    prepare(template.program)
    do throws(Fault) {
      try machine.row.bind(template.program, row, extra, machine)
      try start(template.program)
    } catch { throw machine.placed(template.program) }
    return UnsafeRawBufferPointer(start: machine.out, count: machine.outCount)
  }

  /// Renders a template over a context that was read before.
  public func render(_ template: Template, context: Context) throws(TemplateError) -> UnsafeRawBufferPointer {
    prepare(template.program)
    machine.context = context
    defer { machine.context = nil }
    if !context.machine.bigs.isEmpty { machine.bigs = context.machine.bigs }
    do throws(Fault) {
      try machine.row.bind(template.program, context, machine)
      try start(template.program)
    } catch { throw machine.placed(template.program) }
    return UnsafeRawBufferPointer(start: machine.out, count: machine.outCount)
  }

  /// Renders to a string.
  public func string(_ template: Template, row: String = "", extra: Bindings = Bindings()) throws(TemplateError) -> String {
    var row = row
    let result: Result<String, TemplateError> = row.withUTF8 { b in
      do throws(TemplateError) {
        return .success(String(decoding: try render(template, row: UnsafeRawBufferPointer(b), extra: extra), as: UTF8.self))
      } catch { return .failure(error) }
    }
    return try result.get()
  }

  /// The value of an expression over a row.
  public func evaluate(_ expression: Expression, row: UnsafeRawBufferPointer = .init(start: nil, count: 0), extra: Bindings = Bindings())
    throws(TemplateError) -> Value
  {
    prepare(expression.program)
    do throws(Fault) {
      try machine.row.bind(expression.program, row, extra, machine)
      return machine.raise(try start(expression.program))
    } catch { throw machine.placed(expression.program) }
  }

  /// Whether an expression is true for a row, without making a value of it.
  public func isTrue(_ expression: Expression, row: UnsafeRawBufferPointer = .init(start: nil, count: 0), extra: Bindings = Bindings())
    throws(TemplateError) -> Bool
  {
    prepare(expression.program)
    do throws(Fault) {
      try machine.row.bind(expression.program, row, extra, machine)
      return try machine.truth(try start(expression.program))
    } catch { throw machine.placed(expression.program) }
  }

  /// The bytes that `{% generation %}` blocks wrote in the last render, in order; for masks of assistant tokens.
  public var generationSpans: [Range<Int>] { machine.generations }

  private func prepare(_ program: Program) {
    let machine = machine
    if machine.environment !== program.box {
      machine.environment = program.box
      let o = program.box.options
      machine.undefinedKind = o.undefined
      machine.immutable = o.immutable
      machine.hfJSON = o.json == .plain
      machine.maxDepth = o.limits.depth
      machine.maxRange = o.limits.rangeItems
      machine.outLimit = o.limits.outputBytes
      machine.memoryLimit = o.limits.memoryBytes
    }
    machine.reset()
    machine.fuel = program.box.options.limits.steps
    owner = program
  }

  @discardableResult
  private func start(_ program: Program) throws(Fault) -> V {
    let machine = machine
    let root = machine.root
    root.pointee = ContextObject()
    root.pointee.autoescape = program.box.options.autoescape
    root.pointee.exporting = program.exportsNeeded
    if !program.blocks.isEmpty { root.pointee.blocks = machine.table(of: program) }
    let v = try machine.call(program, 0, parent: nil, context: root) { (_) throws(Fault) in }
    if v.tag == .lazy { return try machine.force(v) }
    return v
  }
}

/// A context read once and rendered from many times: a JSON object, kept decoded. Immutable, so safe to share.
public final class Context: @unchecked Sendable {
  let machine: Machine
  let root: V
  private let text: UnsafeMutablePointer<UInt8>

  /// Reads a JSON object.
  public init(json: [UInt8]) throws(TemplateError) {
    text = .allocate(capacity: max(json.count, 1))
    text.update(from: json, count: json.count)
    machine = Machine(environment: EnvironmentBox(options: .jinja2))
    do throws(Fault) {
      let v = try machine.parseDocument(UnsafeBufferPointer(start: text, count: json.count))
      guard v.tag == .dict else { throw machine.badRow("the context is not a JSON object") }
      root = v
      Context.freeze(v)
    } catch { throw machine.placed(Program.empty) }
  }

  deinit { text.deallocate() }

  private static func freeze(_ v: V) {
    switch v.tag {
    case .list:
      v.list.pointee.frozen = true
      for i in 0..<v.list.pointee.count { freeze(v.list.pointee.items[i]) }
    case .dict:
      v.dict.pointee.frozen = true
      for i in 0..<v.dict.pointee.count { freeze(v.dict.pointee.entries[i].value) }
    default: break
    }
  }
}

extension Machine {
  /// The error of the last fault, with its place.
  func placed(_ program: Program) -> TemplateError {
    if var ready = fault.ready {
      for e in frames(from: 0) { ready.stack.append(e) }
      return ready
    }
    let f = fault
    guard let first = f.trace.first else {
      return TemplateError(
        templateName: program.name, range: 0..<0, line: 1, column: 1, message: f.message, errorClass: f.errorClass, statementLine: 1, stack: [],
        suggestion: f.suggestion, undefinedName: f.undefinedName)
    }
    let place = first.program.functions[f.functions[0]].places[first.pc]
    var e = first.program.error(
      f.message, errorClass: f.errorClass, start: Int(place.start), end: Int(place.end), line: Int(place.line), suggestion: f.suggestion)
    e.undefinedName = f.undefinedName
    if !f.hasStatement { e.statementLine = nil }
    e.stack = frames(from: 0)
    return e
  }

  private func frames(from: Int) -> [TemplateError.Frame] {
    fault.trace.indices.dropFirst(from).map { i in
      let t = fault.trace[i]
      let place = t.program.functions[fault.functions[i]].places[t.pc]
      let (line, column) = LineMap(source: t.program.source).position(of: t.program.original(Int(place.start)))
      return TemplateError.Frame(name: t.program.name, line: line, column: column, what: t.what)
    }
  }
}

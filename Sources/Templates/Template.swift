/// A compiled template: immutable, and safe to share between workers.
public struct Template: Sendable {
  let program: Program

  init(program: Program) { self.program = program }

  /// Compiles a source; the name is used in errors and given to the loader as the parent of what it includes.
  public init(source: [UInt8], name: String, environment: Environment) throws(TemplateError) {
    program = try Program.compile(source: source, name: name, box: EnvironmentBox(options: environment))
  }

  /// Compiles a source given as a string.
  public init(_ source: String, name: String = "template", environment: Environment = .pipe) throws(TemplateError) {
    try self.init(source: Array(source.utf8), name: name, environment: environment)
  }

  public var name: String { program.name }

  /// The names the template reads from its context, each place once, in the order of the text as far as it is compiled; globals are left out.
  public var variables: [VariableUse] { program.variables.uniqued() }

  /// The templates it names with `include`, `import` and `extends`.
  public var references: [TemplateReference] { program.references }

  /// The template's expression when it is exactly one `{{ … }}`, so that the value itself can be used instead of its text.
  public var singleExpression: Expression? {
    guard let e = program.singleExpression else { return nil }
    let start = program.original(e.start)
    let end = program.original(e.end)
    guard let (p, expr) = try? Program.compile(expression: Array(program.source[start..<end]), name: program.name, box: program.box) else { return nil }
    return Expression(program: p, expr: expr)
  }
}

/// One expression of the template language, compiled: for conditions, expectations and `${…}`.
public struct Expression: Sendable {
  let program: Program
  private let facts: ExpressionFacts

  /// The variable whose value the expression is, when it is nothing but a name.
  public let plainName: String?

  init(program: Program, expr: Expr) {
    self.program = program
    facts = ExpressionFacts(expr, program)
    plainName = if case .name(let name) = expr.kind { name } else { nil }
  }

  /// Compiles an expression, written without delimiters.
  public init(source: [UInt8], name: String, environment: Environment) throws(TemplateError) {
    let (p, e) = try Program.compile(expression: source, name: name, box: EnvironmentBox(options: environment))
    self.init(program: p, expr: e)
  }

  /// Compiles an expression given as a string.
  public init(_ source: String, name: String = "expression", environment: Environment = .pipe) throws(TemplateError) {
    try self.init(source: Array(source.utf8), name: name, environment: environment)
  }

  public var name: String { program.name }

  /// The names it reads from its context, with their places.
  public var variables: [VariableUse] { program.variables.uniqued() }

  /// The dotted paths it reads: `rows.train` in `rows.train >= 300`; a plain name is a path of one part.
  public var paths: [Path] { facts.paths }

  /// The functions it calls, with arguments as far as they are written out.
  public var calls: [Call] { facts.calls }

  /// A name with the attributes read from it.
  public struct Path: Sendable, Hashable {
    public var parts: [String]
    public var range: Range<Int>
    public var text: String { parts.joined(separator: ".") }
  }

  /// A call of a named function.
  public struct Call: Sendable {
    /// What a call is given, as far as the source tells.
    public enum Argument: Sendable, Hashable {
      case literal(String)
      case number(Double)
      case bool(Bool)
      case none
      /// A bare word or dotted path.
      case name(String)
      /// Anything that has to be computed.
      case computed
    }

    public var function: String
    public var arguments: [Argument]
    public var named: [(name: String, argument: Argument)]
    public var range: Range<Int>
  }
}

extension Array where Element: Hashable {
  fileprivate func uniqued() -> [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}

/// What an expression's text tells without running it.
private struct ExpressionFacts: Sendable {
  var paths: [Expression.Path] = []
  var calls: [Expression.Call] = []

  init(_ e: Expr, _ program: Program) {
    walk(e, program)
  }

  private func parts(_ e: Expr) -> [String]? {
    switch e.kind {
    case .name(let n): [n]
    case .attribute(let base, let a): parts(base).map { $0 + [a] }
    case .item(let base, let key):
      if case .constant(.str(let b)) = key.kind { parts(base).map { $0 + [String(decoding: b, as: UTF8.self)] } } else { nil }
    default: nil
    }
  }

  private func argument(_ e: Expr) -> Expression.Call.Argument {
    if let p = parts(e) { return .name(p.joined(separator: ".")) }
    switch e.kind {
    case .constant(.str(let b)): return .literal(String(decoding: b, as: UTF8.self))
    case .constant(.int(let i)): return .number(Double(i))
    case .constant(.float(let d)): return .number(d)
    case .constant(.bool(let b)): return .bool(b)
    case .constant(.none): return .none
    case .negative(let x): if case .number(let d) = argument(x) { return .number(-d) } else { return .computed }
    default: return .computed
    }
  }

  private mutating func walk(_ e: Expr, _ program: Program) {
    let range = program.original(e.start)..<program.original(e.end)
    if let p = parts(e) {
      paths.append(Expression.Path(parts: p, range: range))
      return
    }
    if case .call(let callee, let a) = e.kind {
      if let f = parts(callee) {
        calls.append(
          Expression.Call(
            function: f.joined(separator: "."), arguments: a.positional.map(argument), named: a.named.map { ($0.name, argument($0.value)) },
            range: range))
        // A method's receiver is read; a function's name is not a column.
        if case .attribute(let base, _) = callee.kind { walk(base, program) }
      } else {
        walk(callee, program)
      }
      var children: [Expr] = []
      a.forEach { children.append($0) }
      for c in children { walk(c, program) }
      return
    }
    var children: [Expr] = []
    e.kind.forEachChild { children.append($0) }
    for c in children { walk(c, program) }
  }
}

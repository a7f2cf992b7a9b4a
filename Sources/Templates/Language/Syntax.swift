/// A constant of the language.
enum Constant {
  case none
  case bool(Bool)
  case int(Int)
  case big(BigInt)
  case float(Double)
  case str([UInt8])
}

enum BinaryOperator: UInt8 {
  case add, sub, mul, div, floordiv, mod, pow

  var symbol: String {
    switch self {
    case .add: "+"
    case .sub: "-"
    case .mul: "*"
    case .div: "/"
    case .floordiv: "//"
    case .mod: "%"
    case .pow: "** or pow()"
    }
  }
}

enum Comparison: UInt8 { case eq, ne, lt, lteq, gt, gteq, isIn, notIn }

/// The arguments of a call, filter or test.
struct Arguments {
  var positional: [Expr] = []
  var named: [(name: String, value: Expr)] = []
  var star: Expr?
  var doubleStar: Expr?
  var isEmpty: Bool { positional.isEmpty && named.isEmpty && star == nil && doubleStar == nil }
  var isPlain: Bool { named.isEmpty && star == nil && doubleStar == nil }
}

/// An expression, with its bytes in the source and the line Jinja2 gives it.
final class Expr {
  indirect enum Kind {
    case constant(Constant)
    case name(String)
    case namespaceRef(String, String)
    case list([Expr])
    case tuple([Expr])
    case dict([(Expr, Expr)])
    case not(Expr)
    case negative(Expr)
    case positive(Expr)
    case binary(BinaryOperator, Expr, Expr)
    case and(Expr, Expr)
    case or(Expr, Expr)
    case compare(Expr, [(Comparison, Expr)])
    case concat([Expr])
    case conditional(test: Expr, then: Expr, otherwise: Expr?)
    case attribute(Expr, String)
    case item(Expr, Expr)
    case slice(Expr?, Expr?, Expr?)
    case call(Expr, Arguments)
    case filter(Expr?, String, Arguments)
    case test(Expr, String, Arguments)
  }

  let kind: Kind
  let start: Int
  let end: Int
  let line: Int

  /// How deep the tree below is; bounded, since the compiler and the deallocation walk it recursively.
  let depth: Int

  static let maxDepth = 250

  init(_ kind: Kind, _ start: Int, _ end: Int, _ line: Int) {
    self.kind = kind
    self.start = start
    self.end = end
    self.line = line
    var deepest = 0
    kind.forEachChild { deepest = max(deepest, $0.depth) }
    depth = deepest + 1
  }

  var nodeName: String {
    switch kind {
    case .constant: "const"
    case .name: "name"
    case .namespaceRef: "nsref"
    case .list: "list"
    case .tuple: "tuple"
    case .dict: "dict"
    case .not: "not"
    case .negative: "neg"
    case .positive: "pos"
    case .binary(let op, _, _): "\(op)"
    case .and: "and"
    case .or: "or"
    case .compare: "compare"
    case .concat: "concat"
    case .conditional: "condexpr"
    case .attribute: "getattr"
    case .item: "getitem"
    case .slice: "slice"
    case .call: "call"
    case .filter: "filter"
    case .test: "test"
    }
  }
}

extension Arguments {
  func forEach(_ body: (Expr) -> Void) {
    positional.forEach(body)
    for n in named { body(n.value) }
    if let star { body(star) }
    if let doubleStar { body(doubleStar) }
  }
}

extension Expr.Kind {
  /// The direct children, in the order Jinja2 visits them.
  func forEachChild(_ body: (Expr) -> Void) {
    switch self {
    case .constant, .name, .namespaceRef: break
    case .list(let l), .tuple(let l), .concat(let l): l.forEach(body)
    case .dict(let d):
      for (k, v) in d {
        body(k)
        body(v)
      }
    case .not(let e), .negative(let e), .positive(let e), .attribute(let e, _): body(e)
    case .binary(_, let a, let b), .and(let a, let b), .or(let a, let b), .item(let a, let b):
      body(a)
      body(b)
    case .compare(let e, let ops):
      body(e)
      for (_, o) in ops { body(o) }
    case .conditional(let test, let then, let otherwise):
      body(test)
      body(then)
      if let otherwise { body(otherwise) }
    case .slice(let a, let b, let c):
      if let a { body(a) }
      if let b { body(b) }
      if let c { body(c) }
    case .call(let e, let a), .test(let e, _, let a):
      body(e)
      a.forEach(body)
    case .filter(let e, _, let a):
      if let e { body(e) }
      a.forEach(body)
    }
  }
}

struct MacroSyntax {
  var name: String?
  var arguments: [Expr]  // names
  var defaults: [Expr]
  var body: [Stmt]
  var line: Int
  var start: Int
  var end: Int
  var argumentNames: [String] {
    arguments.map { if case .name(let n) = $0.kind { n } else { "" } }
  }
}

final class BlockSyntax {
  let name: String
  let scoped: Bool
  let required: Bool
  let body: [Stmt]
  let line: Int
  let start: Int
  let end: Int

  init(name: String, scoped: Bool, required: Bool, body: [Stmt], line: Int, start: Int, end: Int) {
    self.name = name
    self.scoped = scoped
    self.required = required
    self.body = body
    self.line = line
    self.start = start
    self.end = end
  }
}

/// A statement.
final class Stmt {
  enum Output {
    case data([UInt8])
    case expression(Expr)
  }

  indirect enum Kind {
    case output([Output])
    case forLoop(target: Expr, iterable: Expr, body: [Stmt], otherwise: [Stmt], test: Expr?, recursive: Bool)
    case branch(test: Expr, body: [Stmt], elifs: [(test: Expr, body: [Stmt], line: Int)], otherwise: [Stmt])
    case assign(target: Expr, value: Expr)
    case assignBlock(target: Expr, filter: Expr?, body: [Stmt])
    case with(targets: [Expr], values: [Expr], body: [Stmt])
    case autoescape(Expr, body: [Stmt])
    case block(BlockSyntax)
    case extends(Expr)
    case include(Expr, ignoreMissing: Bool, withContext: Bool)
    case importModule(Expr, target: String, withContext: Bool)
    case fromImport(Expr, names: [(name: String, alias: String)], withContext: Bool)
    case macro(MacroSyntax)
    case callBlock(MacroSyntax, call: Expr)
    case generation([Stmt])
    case filterBlock(Expr, body: [Stmt])
    case expression(Expr)
    case breakLoop
    case continueLoop
  }

  let kind: Kind
  let line: Int
  let start: Int
  let end: Int

  init(_ kind: Kind, line: Int, start: Int, end: Int) {
    self.kind = kind
    self.line = line
    self.start = start
    self.end = end
  }
}

/// A mistake in the text of a template, by byte range of the normalized source.
struct SyntaxFault: Error {
  var message: String
  var start: Int
  var end: Int
  var line: Int
  var errorClass = "TemplateSyntaxError"
  var suggestion: String?
}

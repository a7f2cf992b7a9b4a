/// Builds the syntax tree: Jinja2's grammar, production by production.
struct Parser {
  let options: Environment
  let tokens: [Token]
  var index = 0
  var current: Token
  var endStack: [[String]] = []
  var tagStack: [String] = []
  var depth = 0

  /// Deeper nesting is refused before it could exhaust the stack; Python gives up at about 70 levels of parentheses.
  static let maxDepth = 100

  init(tokens: [Token], options: Environment) {
    self.tokens = tokens
    self.options = options
    current = tokens[0]
  }

  mutating func parseTemplate() throws(SyntaxFault) -> [Stmt] {
    try start()
    return try subparse(nil)
  }

  /// A whole source that is one expression and nothing else.
  mutating func parseSingle() throws(SyntaxFault) -> Expr {
    try start()
    let e = try parseTuple(withConditional: true)
    if current.kind != .eof { throw fail("chunk after expression") }
    return e
  }

  // MARK: tokens

  private mutating func start() throws(SyntaxFault) { try check() }

  private func check() throws(SyntaxFault) {
    if current.kind == .failure {
      throw SyntaxFault(message: current.name, start: current.start, end: current.end, line: current.line)
    }
  }

  @discardableResult
  mutating func next() throws(SyntaxFault) -> Token {
    let t = current
    if index + 1 < tokens.count { index += 1 }
    current = tokens[index]
    try check()
    return t
  }

  func look() -> Token { index + 1 < tokens.count ? tokens[index + 1] : tokens[tokens.count - 1] }
  func isName(_ n: String) -> Bool { current.kind == .name && current.name == n }

  mutating func skip(_ kind: Token.Kind) throws(SyntaxFault) -> Bool {
    if current.kind == kind {
      try next()
      return true
    }
    return false
  }

  mutating func skip(name: String) throws(SyntaxFault) -> Bool {
    if isName(name) {
      try next()
      return true
    }
    return false
  }

  @discardableResult
  mutating func expect(_ kind: Token.Kind) throws(SyntaxFault) -> Token {
    guard current.kind == kind else {
      if current.kind == .eof { throw fail("unexpected end of template, expected \(Parser.describe(kind)).") }
      throw fail("expected token \(Parser.describe(kind)), got \(describe(current))")
    }
    return try next()
  }

  @discardableResult
  mutating func expect(name: String) throws(SyntaxFault) -> Token {
    guard isName(name) else {
      if current.kind == .eof { throw fail("unexpected end of template, expected '\(name)'.") }
      throw fail("expected token '\(name)', got \(describe(current))")
    }
    return try next()
  }

  func fail(_ message: String, line: Int? = nil, start: Int? = nil, end: Int? = nil, errorClass: String = "TemplateSyntaxError") -> SyntaxFault {
    SyntaxFault(message: message, start: start ?? current.start, end: end ?? max(current.end, start ?? 0), line: line ?? current.line, errorClass: errorClass)
  }

  static func describe(_ kind: Token.Kind) -> String {
    switch kind {
    case .data: "'template data / text'"
    case .variableBegin: "'begin of print statement'"
    case .variableEnd: "'end of print statement'"
    case .blockBegin: "'begin of statement block'"
    case .blockEnd: "'end of statement block'"
    case .eof: "'end of template'"
    case .failure: "'error'"
    case .name: "'name'"
    case .string: "'string'"
    case .integer: "'integer'"
    case .float: "'float'"
    case .add: "'+'"
    case .sub: "'-'"
    case .mul: "'*'"
    case .div: "'/'"
    case .floordiv: "'//'"
    case .mod: "'%'"
    case .pow: "'**'"
    case .tilde: "'~'"
    case .lparen: "'('"
    case .rparen: "')'"
    case .lbracket: "'['"
    case .rbracket: "']'"
    case .lbrace: "'{'"
    case .rbrace: "'}'"
    case .eq: "'=='"
    case .ne: "'!='"
    case .gt: "'>'"
    case .gteq: "'>='"
    case .lt: "'<'"
    case .lteq: "'<='"
    case .assign: "'='"
    case .dot: "'.'"
    case .colon: "':'"
    case .pipe: "'|'"
    case .comma: "','"
    case .semicolon: "';'"
    }
  }

  func describe(_ t: Token) -> String { t.kind == .name ? "'\(t.name)'" : Parser.describe(t.kind) }
}

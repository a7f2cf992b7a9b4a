/// Builds the syntax tree: Jinja2's grammar, production by production.
struct Parser {
  private let options: Environment
  private let tokens: [Token]
  private var index = 0
  private var current: Token
  private var endStack: [[String]] = []
  private var tagStack: [String] = []
  private var depth = 0

  /// Deeper nesting is refused before it could exhaust the stack; Python gives up at about 70 levels of parentheses.
  static let maxDepth = 100

  init(tokens: [Token], options: Environment) {
    self.tokens = tokens
    self.options = options
    current = tokens[0]
  }

  // MARK: tokens

  private mutating func start() throws(SyntaxFault) { try check() }

  private func check() throws(SyntaxFault) {
    if current.kind == .failure {
      throw SyntaxFault(message: current.name, start: current.start, end: current.end, line: current.line)
    }
  }

  @discardableResult
  private mutating func next() throws(SyntaxFault) -> Token {
    let t = current
    if index + 1 < tokens.count { index += 1 }
    current = tokens[index]
    try check()
    return t
  }

  private func look() -> Token { index + 1 < tokens.count ? tokens[index + 1] : tokens[tokens.count - 1] }
  private func isName(_ n: String) -> Bool { current.kind == .name && current.name == n }

  private mutating func skip(_ kind: Token.Kind) throws(SyntaxFault) -> Bool {
    if current.kind == kind {
      try next()
      return true
    }
    return false
  }

  private mutating func skip(name: String) throws(SyntaxFault) -> Bool {
    if isName(name) {
      try next()
      return true
    }
    return false
  }

  @discardableResult
  private mutating func expect(_ kind: Token.Kind) throws(SyntaxFault) -> Token {
    guard current.kind == kind else {
      if current.kind == .eof { throw fail("unexpected end of template, expected \(Parser.describe(kind)).") }
      throw fail("expected token \(Parser.describe(kind)), got \(describe(current))")
    }
    return try next()
  }

  @discardableResult
  private mutating func expect(name: String) throws(SyntaxFault) -> Token {
    guard isName(name) else {
      if current.kind == .eof { throw fail("unexpected end of template, expected '\(name)'.") }
      throw fail("expected token '\(name)', got \(describe(current))")
    }
    return try next()
  }

  private func fail(_ message: String, line: Int? = nil, start: Int? = nil, end: Int? = nil, errorClass: String = "TemplateSyntaxError") -> SyntaxFault {
    SyntaxFault(message: message, start: start ?? current.start, end: end ?? max(current.end, start ?? 0), line: line ?? current.line, errorClass: errorClass)
  }

  private static func describe(_ kind: Token.Kind) -> String {
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

  private func describe(_ t: Token) -> String { t.kind == .name ? "'\(t.name)'" : Parser.describe(t.kind) }

  // MARK: statements

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

  private mutating func subparse(_ endTokens: [String]?) throws(SyntaxFault) -> [Stmt] {
    depth += 1
    defer { depth -= 1 }
    if depth > Parser.maxDepth { throw fail("the template is nested deeper than \(Parser.maxDepth) levels") }
    var body: [Stmt] = []
    var data: [Stmt.Output] = []
    var dataStart = 0
    var dataLine = 0
    if let endTokens { endStack.append(endTokens) }
    defer { if endTokens != nil { endStack.removeLast() } }
    func flush(_ end: Int) {
      if !data.isEmpty {
        body.append(Stmt(.output(data), line: dataLine, start: dataStart, end: end))
        data = []
      }
    }
    while current.kind != .eof {
      switch current.kind {
      case .data:
        if data.isEmpty { (dataStart, dataLine) = (current.start, current.line) }
        data.append(.data(current.data))
        try next()
      case .variableBegin:
        if data.isEmpty { (dataStart, dataLine) = (current.start, current.line) }
        try next()
        data.append(.expression(try parseTuple(withConditional: true)))
        try expect(.variableEnd)
      case .blockBegin:
        flush(current.start)
        try next()
        if let endTokens, current.kind == .name, endTokens.contains(current.name) { return body }
        body.append(try parseStatement())
        try expect(.blockEnd)
      default:
        throw fail("unexpected \(describe(current))")
      }
    }
    flush(current.start)
    return body
  }

  private static let tags = [
    "for", "if", "block", "extends", "print", "macro", "include", "from", "import", "set", "with", "autoescape", "call", "filter", "raw",
  ]

  private mutating func parseStatement() throws(SyntaxFault) -> Stmt {
    let t = current
    guard t.kind == .name else { throw fail("tag name expected") }
    tagStack.append(t.name)
    let known: Bool
    switch t.name {
    case "do": known = options.doStatement
    case "break", "continue": known = options.loopControls
    case "generation": known = options.generation
    case "for", "if", "block", "extends", "print", "macro", "include", "from", "import", "set", "with", "autoescape", "call", "filter": known = true
    default: known = false
    }
    guard known else {
      tagStack.removeLast()
      throw unknownTag(t)
    }
    let s = try parseTag(t)
    tagStack.removeLast()
    return s
  }

  private func unknownTag(_ t: Token?) -> SyntaxFault {
    var message = t.map { "Encountered unknown tag '\($0.name)'." } ?? "Unexpected end of template."
    if let last = endStack.last {
      let looking = last.map { "'\($0)'" }.joined(separator: " or ")
      if let t, endStack.contains(where: { $0.contains(t.name) }) {
        message += " You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for \(looking)."
      } else {
        message += " Jinja was looking for the following tags: \(looking)."
      }
    }
    if let tag = tagStack.last { message += " The innermost block that needs to be closed is '\(tag)'." }
    var f = fail(message, line: t?.line, start: t?.start, end: t?.end)
    if let t, endStack.isEmpty || !endStack.contains(where: { $0.contains(t.name) }) {
      f.suggestion = nearest(t.name, Parser.tags + (endStack.last ?? []))
    }
    return f
  }

  private mutating func statements(_ endTokens: [String], drop: Bool) throws(SyntaxFault) -> [Stmt] {
    _ = try skip(.colon)
    try expect(.blockEnd)
    let body = try subparse(endTokens)
    if current.kind == .eof {
      endStack.append(endTokens)
      throw unknownTag(nil)
    }
    if drop { try next() }
    return body
  }

  private mutating func parseTag(_ t: Token) throws(SyntaxFault) -> Stmt {
    func make(_ k: Stmt.Kind, _ p: Parser, line: Int? = nil) -> Stmt {
      Stmt(k, line: line ?? t.line, start: t.start, end: p.tokens[max(p.index - 1, 0)].end)
    }
    try next()
    switch t.name {
    case "for":
      let target = try parseAssignTarget(endRule: "in")
      try expect(name: "in")
      let iterable = try parseTuple(withConditional: false, endRule: "recursive")
      let header = tokens[index - 1].end
      var test: Expr?
      if try skip(name: "if") { test = try parseExpression() }
      let recursive = try skip(name: "recursive")
      let body = try statements(["endfor", "else"], drop: false)
      var otherwise: [Stmt] = []
      if try next().name != "endfor" { otherwise = try statements(["endfor"], drop: true) }
      return Stmt(
        .forLoop(target: target, iterable: iterable, body: body, otherwise: otherwise, test: test, recursive: recursive), line: t.line,
        start: t.start, end: header)
    case "if":
      let test = try parseTuple(withConditional: false)
      let body = try statements(["elif", "else", "endif"], drop: false)
      var elifs: [(test: Expr, body: [Stmt], line: Int)] = []
      var otherwise: [Stmt] = []
      while true {
        let k = try next()
        if k.name == "elif" {
          let line = current.line
          let test = try parseTuple(withConditional: false)
          elifs.append((test, try statements(["elif", "else", "endif"], drop: false), line))
        } else {
          if k.name == "else" { otherwise = try statements(["endif"], drop: true) }
          break
        }
      }
      return Stmt(.branch(test: test, body: body, elifs: elifs, otherwise: otherwise), line: t.line, start: t.start, end: test.end)
    case "set":
      let target = try parseAssignTarget(withNamespace: true)
      if try skip(.assign) {
        let value = try parseTuple(withConditional: true)
        return make(.assign(target: target, value: value), self)
      }
      let filter = try parseFilter(nil)
      let body = try statements(["endset"], drop: true)
      return Stmt(.assignBlock(target: target, filter: filter, body: body), line: t.line, start: t.start, end: target.end)
    case "with":
      var targets: [Expr] = []
      var values: [Expr] = []
      while current.kind != .blockEnd {
        if !targets.isEmpty { try expect(.comma) }
        targets.append(try parseAssignTarget())
        try expect(.assign)
        values.append(try parseExpression())
      }
      let body = try statements(["endwith"], drop: true)
      return Stmt(.with(targets: targets, values: values, body: body), line: t.line, start: t.start, end: t.end)
    case "autoescape":
      let e = try parseExpression()
      return Stmt(.autoescape(e, body: try statements(["endautoescape"], drop: true)), line: t.line, start: t.start, end: e.end)
    case "block":
      let name = try expect(.name)
      let scoped = try skip(name: "scoped")
      let required = try skip(name: "required")
      if current.kind == .sub {
        throw fail("Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an underscore instead.")
      }
      let body = try statements(["endblock"], drop: true)
      if required {
        for s in body {
          var blank = false
          if case .output(let parts) = s.kind {
            blank = parts.allSatisfy {
              if case .data(let d) = $0 { isSpaceText(d) } else { false }
            }
          }
          if !blank { throw fail("Required blocks can only contain comments or whitespace") }
        }
      }
      _ = try skip(name: name.name)
      return make(.block(BlockSyntax(name: name.name, scoped: scoped, required: required, body: body, line: t.line, start: t.start, end: name.end)), self)
    case "extends": return make(.extends(try parseExpression()), self)
    case "print":
      var parts: [Stmt.Output] = []
      while current.kind != .blockEnd {
        if !parts.isEmpty { try expect(.comma) }
        parts.append(.expression(try parseExpression()))
      }
      return make(.output(parts), self)
    case "include":
      let e = try parseExpression()
      var ignore = false
      if isName("ignore"), look().kind == .name, look().name == "missing" {
        ignore = true
        try next()
        try next()
      }
      let with = try parseImportContext() ?? true
      return make(.include(e, ignoreMissing: ignore, withContext: with), self)
    case "import":
      let e = try parseExpression()
      try expect(name: "as")
      let target = try parseNameTarget()
      let with = try parseImportContext() ?? false
      return make(.importModule(e, target: target.name, withContext: with), self)
    case "from": return try parseFrom(t)
    case "macro":
      let name = try parseNameTarget()
      let (arguments, defaults) = try parseSignature()
      let end = tokens[index - 1].end
      let body = try statements(["endmacro"], drop: true)
      return make(
        .macro(MacroSyntax(name: name.name, arguments: arguments, defaults: defaults, body: body, line: t.line, start: t.start, end: end)), self)
    case "call":
      var arguments: [Expr] = []
      var defaults: [Expr] = []
      if current.kind == .lparen { (arguments, defaults) = try parseSignature() }
      let call = try parseExpression()
      guard case .call = call.kind else { throw fail("expected call", line: t.line, start: call.start, end: call.end) }
      let body = try statements(["endcall"], drop: true)
      return make(
        .callBlock(
          MacroSyntax(name: nil, arguments: arguments, defaults: defaults, body: body, line: t.line, start: t.start, end: call.end), call: call), self)
    case "filter":
      let filter = try parseFilter(nil, inline: true)!
      return make(.filterBlock(filter, body: try statements(["endfilter"], drop: true)), self)
    case "do":
      return make(.expression(try parseTuple(withConditional: true)), self)
    case "break": return make(.breakLoop, self)
    case "continue": return make(.continueLoop, self)
    default: return make(.generation(try statements(["endgeneration"], drop: true)), self)
    }
  }

  private func isSpaceText(_ d: [UInt8]) -> Bool {
    d.withUnsafeBufferPointer { b in
      var i = 0
      while i < b.count {
        let (s, n) = decodeScalar(b.baseAddress! + i, b.count - i)
        if !isPythonSpace(s) { return false }
        i += n
      }
      return true
    }
  }

  private mutating func parseImportContext() throws(SyntaxFault) -> Bool? {
    guard isName("with") || isName("without"), look().kind == .name, look().name == "context" else { return nil }
    let with = try next().name == "with"
    try next()
    return with
  }

  private mutating func parseFrom(_ t: Token) throws(SyntaxFault) -> Stmt {
    let e = try parseExpression()
    try expect(name: "import")
    var names: [(name: String, alias: String)] = []
    var with = false
    while true {
      if !names.isEmpty { try expect(.comma) }
      guard current.kind == .name else {
        try expect(.name)
        continue
      }
      if let c = try parseImportContext() {
        with = c
        break
      }
      let target = try parseNameTarget()
      if target.name.hasPrefix("_") {
        throw fail(
          "names starting with an underline can not be imported", line: target.token.line, start: target.token.start, end: target.token.end,
          errorClass: "TemplateAssertionError")
      }
      var alias = target.name
      if try skip(name: "as") { alias = try parseNameTarget().name }
      names.append((target.name, alias))
      if let c = try parseImportContext() {
        with = c
        break
      }
      if current.kind != .comma { break }
    }
    return Stmt(.fromImport(e, names: names, withContext: with), line: t.line, start: t.start, end: tokens[index - 1].end)
  }

  private mutating func parseSignature() throws(SyntaxFault) -> ([Expr], [Expr]) {
    var arguments: [Expr] = []
    var defaults: [Expr] = []
    try expect(.lparen)
    while current.kind != .rparen {
      if !arguments.isEmpty { try expect(.comma) }
      let a = try parseNameTarget()
      if try skip(.assign) {
        defaults.append(try parseExpression())
      } else if !defaults.isEmpty {
        throw fail("non-default argument follows default argument")
      }
      arguments.append(Expr(.name(a.name), a.token.start, a.token.end, a.token.line))
    }
    try expect(.rparen)
    return (arguments, defaults)
  }

  // MARK: targets

  private static let reserved: Set<String> = ["true", "false", "none", "True", "False", "None"]

  private mutating func parseNameTarget() throws(SyntaxFault) -> (name: String, token: Token) {
    let t = try expect(.name)
    if Parser.reserved.contains(t.name) { throw fail("can't assign to 'name'", line: t.line, start: t.start, end: t.end) }
    return (t.name, t)
  }

  private mutating func parseAssignTarget(withNamespace: Bool = false, endRule: String? = nil) throws(SyntaxFault) -> Expr {
    let target = try parseTuple(simplified: true, withConditional: true, endRule: endRule, withNamespace: withNamespace)
    func assignable(_ e: Expr) -> Bool {
      switch e.kind {
      case .name(let n): !Parser.reserved.contains(n)
      case .namespaceRef: true
      case .tuple(let items): items.allSatisfy(assignable)
      default: false
      }
    }
    if !assignable(target) { throw fail("can't assign to '\(target.nodeName)'", line: target.line, start: target.start, end: target.end) }
    return target
  }

  // MARK: expressions

  private func make(_ k: Expr.Kind, _ start: Int, _ line: Int) throws(SyntaxFault) -> Expr {
    let e = Expr(k, start, tokens[max(index - 1, 0)].end, line)
    if e.depth > Expr.maxDepth { throw fail("the expression is nested deeper than \(Expr.maxDepth) levels") }
    return e
  }

  private mutating func parseExpression(withConditional: Bool = true) throws(SyntaxFault) -> Expr {
    depth += 1
    defer { depth -= 1 }
    if depth > Parser.maxDepth { throw fail("the expression is nested deeper than \(Parser.maxDepth) levels") }
    return withConditional ? try parseConditional() : try parseOr()
  }

  private mutating func parseConditional() throws(SyntaxFault) -> Expr {
    let start = current.start
    var line = current.line
    var e = try parseOr()
    while try skip(name: "if") {
      let test = try parseOr()
      var otherwise: Expr?
      if try skip(name: "else") {
        depth += 1
        defer { depth -= 1 }
        if depth > Parser.maxDepth { throw fail("the expression is nested deeper than \(Parser.maxDepth) levels") }
        otherwise = try parseConditional()
      }
      e = try make(.conditional(test: test, then: e, otherwise: otherwise), start, line)
      line = current.line
    }
    return e
  }

  private mutating func parseOr() throws(SyntaxFault) -> Expr {
    let start = current.start
    var line = current.line
    var left = try parseAnd()
    while try skip(name: "or") {
      let right = try parseAnd()
      left = try make(.or(left, right), start, line)
      line = current.line
    }
    return left
  }

  private mutating func parseAnd() throws(SyntaxFault) -> Expr {
    let start = current.start
    var line = current.line
    var left = try parseNot()
    while try skip(name: "and") {
      let right = try parseNot()
      left = try make(.and(left, right), start, line)
      line = current.line
    }
    return left
  }

  private mutating func parseNot() throws(SyntaxFault) -> Expr {
    if isName("not") {
      let t = try next()
      depth += 1
      defer { depth -= 1 }
      if depth > Parser.maxDepth { throw fail("the expression is nested deeper than \(Parser.maxDepth) levels") }
      return try make(.not(try parseNot()), t.start, t.line)
    }
    return try parseCompare()
  }

  private mutating func parseCompare() throws(SyntaxFault) -> Expr {
    let start = current.start
    var line = current.line
    let e = try parseMath1()
    var ops: [(Comparison, Expr)] = []
    while true {
      let op: Comparison?
      switch current.kind {
      case .eq: op = .eq
      case .ne: op = .ne
      case .lt: op = .lt
      case .lteq: op = .lteq
      case .gt: op = .gt
      case .gteq: op = .gteq
      default: op = nil
      }
      if let op {
        try next()
        ops.append((op, try parseMath1()))
      } else if try skip(name: "in") {
        ops.append((.isIn, try parseMath1()))
      } else if isName("not"), look().kind == .name, look().name == "in" {
        try next()
        try next()
        ops.append((.notIn, try parseMath1()))
      } else {
        break
      }
      line = current.line
    }
    return ops.isEmpty ? e : try make(.compare(e, ops), start, line)
  }

  private mutating func parseMath1() throws(SyntaxFault) -> Expr {
    let start = current.start
    var line = current.line
    var left = try parseConcat()
    while current.kind == .add || current.kind == .sub {
      let op: BinaryOperator = current.kind == .add ? .add : .sub
      try next()
      let right = try parseConcat()
      left = try make(.binary(op, left, right), start, line)
      line = current.line
    }
    return left
  }

  private mutating func parseConcat() throws(SyntaxFault) -> Expr {
    let start = current.start
    let line = current.line
    var parts = [try parseMath2()]
    while try skip(.tilde) { parts.append(try parseMath2()) }
    return parts.count == 1 ? parts[0] : try make(.concat(parts), start, line)
  }

  private mutating func parseMath2() throws(SyntaxFault) -> Expr {
    let start = current.start
    var line = current.line
    var left = try parsePow()
    while true {
      let op: BinaryOperator
      switch current.kind {
      case .mul: op = .mul
      case .div: op = .div
      case .floordiv: op = .floordiv
      case .mod: op = .mod
      default: return left
      }
      try next()
      let right = try parsePow()
      left = try make(.binary(op, left, right), start, line)
      line = current.line
    }
  }

  private mutating func parsePow() throws(SyntaxFault) -> Expr {
    let start = current.start
    var line = current.line
    var left = try parseUnary()
    while try skip(.pow) {
      let right = try parseUnary()
      left = try make(.binary(.pow, left, right), start, line)
      line = current.line
    }
    return left
  }

  private mutating func parseUnary(withFilter: Bool = true) throws(SyntaxFault) -> Expr {
    let t = current
    var e: Expr
    if t.kind == .sub || t.kind == .add {
      depth += 1
      defer { depth -= 1 }
      if depth > Parser.maxDepth { throw fail("the expression is nested deeper than \(Parser.maxDepth) levels") }
      try next()
      let inner = try parseUnary(withFilter: false)
      e = try make(t.kind == .sub ? .negative(inner) : .positive(inner), t.start, t.line)
    } else {
      e = try parsePrimary()
    }
    e = try parsePostfix(e)
    return withFilter ? try parseFilterExpression(e) : e
  }

  private mutating func parsePrimary(withNamespace: Bool = false) throws(SyntaxFault) -> Expr {
    let t = current
    switch t.kind {
    case .name:
      try next()
      switch t.name {
      case "true", "True": return try make(.constant(.bool(true)), t.start, t.line)
      case "false", "False": return try make(.constant(.bool(false)), t.start, t.line)
      case "none", "None": return try make(.constant(.none), t.start, t.line)
      default:
        if withNamespace, current.kind == .dot {
          try next()
          let a = try expect(.name)
          return try make(.namespaceRef(t.name, a.name), t.start, t.line)
        }
        return try make(.name(t.name), t.start, t.line)
      }
    case .string:
      try next()
      var data = t.data
      while current.kind == .string { data += try next().data }
      return try make(.constant(.str(data)), t.start, t.line)
    case .integer, .float:
      try next()
      return try make(.constant(t.number), t.start, t.line)
    case .lparen:
      try next()
      let e = try parseTuple(withConditional: true, explicitParentheses: true)
      try expect(.rparen)
      return e
    case .lbracket:
      try next()
      var items: [Expr] = []
      while current.kind != .rbracket {
        if !items.isEmpty { try expect(.comma) }
        if current.kind == .rbracket { break }
        items.append(try parseExpression())
      }
      try expect(.rbracket)
      return try make(.list(items), t.start, t.line)
    case .lbrace:
      try next()
      var items: [(Expr, Expr)] = []
      while current.kind != .rbrace {
        if !items.isEmpty { try expect(.comma) }
        if current.kind == .rbrace { break }
        let key = try parseExpression()
        try expect(.colon)
        items.append((key, try parseExpression()))
      }
      try expect(.rbrace)
      return try make(.dict(items), t.start, t.line)
    default:
      throw fail("unexpected \(describe(t))")
    }
  }

  private mutating func parseTuple(
    simplified: Bool = false, withConditional: Bool, endRule: String? = nil, explicitParentheses: Bool = false, withNamespace: Bool = false
  ) throws(SyntaxFault) -> Expr {
    let start = current.start
    var line = current.line
    var items: [Expr] = []
    var isTuple = false
    while true {
      if !items.isEmpty { try expect(.comma) }
      if current.kind == .variableEnd || current.kind == .blockEnd || current.kind == .rparen { break }
      if let endRule, isName(endRule) { break }
      items.append(simplified ? try parsePrimary(withNamespace: withNamespace) : try parseExpression(withConditional: withConditional))
      if current.kind == .comma { isTuple = true } else { break }
      line = current.line
    }
    if !isTuple {
      if let first = items.first { return first }
      if !explicitParentheses { throw fail("Expected an expression, got \(describe(current))") }
    }
    return try make(.tuple(items), start, line)
  }

  private mutating func parsePostfix(_ node: Expr) throws(SyntaxFault) -> Expr {
    var e = node
    while true {
      switch current.kind {
      case .dot, .lbracket: e = try parseSubscript(e)
      case .lparen: e = try parseCall(e)
      default: return e
      }
    }
  }

  private mutating func parseFilterExpression(_ node: Expr) throws(SyntaxFault) -> Expr {
    var e = node
    while true {
      if current.kind == .pipe {
        e = try parseFilter(e)!
      } else if isName("is") {
        e = try parseTest(e)
      } else if current.kind == .lparen {
        e = try parseCall(e)
      } else {
        return e
      }
    }
  }

  private mutating func parseSubscript(_ node: Expr) throws(SyntaxFault) -> Expr {
    let t = try next()
    if t.kind == .dot {
      let a = try next()
      if a.kind == .name { return try make(.attribute(node, a.name), node.start, t.line) }
      guard a.kind == .integer else { throw fail("expected name or number", line: a.line, start: a.start, end: a.end) }
      return try make(.item(node, Expr(.constant(a.number), a.start, a.end, a.line)), node.start, t.line)
    }
    var args: [Expr] = []
    while current.kind != .rbracket {
      if !args.isEmpty { try expect(.comma) }
      args.append(try parseSubscribed())
    }
    try expect(.rbracket)
    let arg = args.count == 1 ? args[0] : try make(.tuple(args), t.start, t.line)
    return try make(.item(node, arg), node.start, t.line)
  }

  private mutating func parseSubscribed() throws(SyntaxFault) -> Expr {
    let start = current.start
    let line = current.line
    var first: Expr?
    if try !skip(.colon) {
      let e = try parseExpression()
      guard try skip(.colon) else { return e }
      first = e
    }
    var second: Expr?
    var third: Expr?
    if current.kind != .colon, current.kind != .rbracket, current.kind != .comma { second = try parseExpression() }
    if try skip(.colon) {
      if current.kind != .rbracket, current.kind != .comma { third = try parseExpression() }
    }
    return try make(.slice(first, second, third), start, line)
  }

  private mutating func parseArguments() throws(SyntaxFault) -> Arguments {
    let t = try expect(.lparen)
    var a = Arguments()
    var requireComma = false
    func ensure(_ ok: Bool, _ p: Parser) throws(SyntaxFault) {
      if !ok { throw p.fail("invalid syntax for function call expression", line: t.line) }
    }
    while current.kind != .rparen {
      if requireComma {
        try expect(.comma)
        if current.kind == .rparen { break }
      }
      if current.kind == .mul {
        try ensure(a.star == nil && a.doubleStar == nil, self)
        try next()
        a.star = try parseExpression()
      } else if current.kind == .pow {
        try ensure(a.doubleStar == nil, self)
        try next()
        a.doubleStar = try parseExpression()
      } else if current.kind == .name, look().kind == .assign {
        try ensure(a.doubleStar == nil, self)
        let key = current.name
        try next()
        try next()
        a.named.append((key, try parseExpression()))
      } else {
        try ensure(a.star == nil && a.doubleStar == nil && a.named.isEmpty, self)
        a.positional.append(try parseExpression())
      }
      requireComma = true
    }
    try expect(.rparen)
    return a
  }

  private mutating func parseCall(_ node: Expr) throws(SyntaxFault) -> Expr {
    let line = current.line
    let a = try parseArguments()
    return try make(.call(node, a), node.start, line)
  }

  private mutating func parseFilter(_ node: Expr?, inline: Bool = false) throws(SyntaxFault) -> Expr? {
    var e = node
    var inline = inline
    while current.kind == .pipe || inline {
      if !inline { try next() }
      let t = try expect(.name)
      var name = t.name
      while try skip(.dot) { name += "." + (try expect(.name).name) }
      var a = Arguments()
      if current.kind == .lparen { a = try parseArguments() }
      e = try make(.filter(e, name, a), e?.start ?? t.start, t.line)
      inline = false
    }
    return e
  }

  private mutating func parseTest(_ node: Expr) throws(SyntaxFault) -> Expr {
    let t = try next()
    var negated = false
    if isName("not") {
      try next()
      negated = true
    }
    var name = try expect(.name).name
    while try skip(.dot) { name += "." + (try expect(.name).name) }
    var a = Arguments()
    if current.kind == .lparen {
      a = try parseArguments()
    } else {
      switch current.kind {
      case .name where current.name == "else" || current.name == "or" || current.name == "and": break
      case .name, .string, .integer, .float, .lbracket, .lbrace:
        if isName("is") { throw fail("You cannot chain multiple tests with is") }
        a.positional = [try parsePostfix(try parsePrimary())]
      default: break
      }
    }
    let e = try make(.test(node, name, a), node.start, t.line)
    return negated ? try make(.not(e), node.start, t.line) : e
  }
}

extension Parser {
  func make(_ k: Expr.Kind, _ start: Int, _ line: Int) throws(SyntaxFault) -> Expr {
    // An empty tuple starts behind its opening parenthesis, the last token read: `( )` would end before it starts.
    let e = Expr(k, start, max(start, tokens[max(index - 1, 0)].end), line)
    if e.depth > Expr.maxDepth { throw fail("the expression is nested deeper than \(Expr.maxDepth) levels") }
    return e
  }

  mutating func parseExpression(withConditional: Bool = true) throws(SyntaxFault) -> Expr {
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

  mutating func parsePrimary(withNamespace: Bool = false) throws(SyntaxFault) -> Expr {
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

  mutating func parseTuple(
    simplified: Bool = false, withConditional: Bool, explicitParentheses: Bool = false, withNamespace: Bool = false
  ) throws(SyntaxFault) -> Expr {
    let start = current.start
    var line = current.line
    var items: [Expr] = []
    var isTuple = false
    while true {
      if !items.isEmpty { try expect(.comma) }
      if current.kind == .variableEnd || current.kind == .blockEnd || current.kind == .rparen { break }
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
}

/// What follows an expression: attributes, subscripts, calls, filters and tests.
extension Parser {
  mutating func parsePostfix(_ node: Expr) throws(SyntaxFault) -> Expr {
    var e = node
    while true {
      switch current.kind {
      case .dot, .lbracket: e = try parseSubscript(e)
      case .lparen: e = try parseCall(e)
      default: return e
      }
    }
  }

  mutating func parseFilterExpression(_ node: Expr) throws(SyntaxFault) -> Expr {
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

  mutating func parseFilter(_ node: Expr?, inline: Bool = false) throws(SyntaxFault) -> Expr? {
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

extension Parser {
  mutating func subparse(_ endTokens: [String]?) throws(SyntaxFault) -> [Stmt] {
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
      let target = try parseAssignTarget()
      try expect(name: "in")
      let iterable = try parseTuple(withConditional: false)
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

  private mutating func parseAssignTarget(withNamespace: Bool = false) throws(SyntaxFault) -> Expr {
    let target = try parseTuple(simplified: true, withConditional: true, withNamespace: withNamespace)
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
}

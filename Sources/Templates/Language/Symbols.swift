/// Which variable a name means in one scope: Jinja2's `idtracking`, so that its scoping rules come out as they are.
final class Symbols {
  enum Load {
    case parameter
    case resolve(String)
    case alias(Variable)
    case undefined
  }

  /// A Python local of Jinja2's generated code: a slot of ours.
  struct Variable: Hashable {
    var function: Int
    /// Keeps the variables of a loop's `if` apart from those of its body.
    var area: Int
    var level: Int
    var name: String
  }

  let level: Int
  let parent: Symbols?
  let function: Int
  let area: Int
  private(set) var refs: [String: Variable] = [:]
  private(set) var loads: [Variable: Load] = [:]
  private(set) var loadOrder: [Variable] = []
  private(set) var stores: Set<String> = []

  init(parent: Symbols?, function: Int, area: Int? = nil) {
    self.parent = parent
    self.function = function
    self.area = area ?? (parent?.function == function ? parent?.area ?? 0 : 0)
    level = (parent?.level ?? -1) + 1
  }

  private init(copying s: Symbols) {
    level = s.level
    parent = s.parent
    function = s.function
    area = s.area
    refs = s.refs
    loads = s.loads
    loadOrder = s.loadOrder
    stores = s.stores
  }

  func copy() -> Symbols { Symbols(copying: self) }

  private func setLoad(_ v: Variable, _ load: Load) {
    if loads.updateValue(load, forKey: v) == nil { loadOrder.append(v) }
  }

  @discardableResult
  private func define(_ name: String, _ load: Load) -> Variable {
    let v = Variable(function: function, area: area, level: level, name: name)
    refs[name] = v
    setLoad(v, load)
    return v
  }

  func find(_ name: String) -> Variable? { refs[name] ?? parent?.find(name) }
  func findLoad(_ v: Variable) -> Load? { loads[v] ?? parent?.findLoad(v) }

  func store(_ name: String) {
    stores.insert(name)
    guard refs[name] == nil else { return }
    if let outer = parent?.find(name) { define(name, .alias(outer)) } else { define(name, .undefined) }
  }

  @discardableResult
  func declareParameter(_ name: String) -> Variable {
    stores.insert(name)
    return define(name, .parameter)
  }

  func load(_ name: String) {
    if find(name) == nil { define(name, .resolve(name)) }
  }

  func branchUpdate(_ branches: [Symbols]) {
    var added: [String] = []
    var seen = stores
    for b in branches {
      for s in b.stores.sorted() where !seen.contains(s) {
        seen.insert(s)
        added.append(s)
      }
    }
    for b in branches {
      refs.merge(b.refs) { $1 }
      for v in b.loadOrder { setLoad(v, b.loads[v]!) }
      stores.formUnion(b.stores)
    }
    for name in added {
      guard let v = find(name) else { continue }
      if let outer = parent?.find(name) { setLoad(v, .alias(outer)) } else { setLoad(v, .resolve(name)) }
    }
  }

  /// Every name stored here or outside, for templates that are included with context.
  func dumpStores() -> [(String, Variable)] {
    var out: [(String, Variable)] = []
    var seen: Set<String> = []
    var node: Symbols? = self
    while let n = node {
      for name in n.stores.sorted() where seen.insert(name).inserted {
        if let v = find(name) { out.append((name, v)) }
      }
      node = n.parent
    }
    return out
  }

  // MARK: visiting

  func visit(_ e: Expr) {
    if case .name(let n) = e.kind { load(n) } else { e.kind.forEachChild { visit($0) } }
  }

  func visitTarget(_ e: Expr, asParameter: Bool = false) {
    switch e.kind {
    case .name(let n): if asParameter { declareParameter(n) } else { store(n) }
    case .namespaceRef(let n, _): load(n)
    case .tuple(let items): items.forEach { visitTarget($0, asParameter: asParameter) }
    default: break
    }
  }

  /// The names of statements that run in this scope; inner scopes are analysed when they are compiled.
  func visit(_ body: [Stmt]) {
    for s in body { visit(s) }
  }

  func visit(_ s: Stmt) {
    switch s.kind {
    case .output(let parts):
      for p in parts { if case .expression(let e) = p { visit(e) } }
    case .forLoop(_, let iterable, _, _, _, _): visit(iterable)
    case .branch(let test, let body, let elifs, let otherwise):
      visit(test)
      let a = copy()
      a.visit(body)
      let b = copy()
      for e in elifs { b.visitElif(e.test, e.body) }
      let c = copy()
      c.visit(otherwise)
      branchUpdate([a, b, c])
    case .assign(let target, let value):
      visit(value)
      visitTarget(target)
    case .assignBlock(let target, _, _): visitTarget(target)
    case .with(_, let values, _): values.forEach { visit($0) }
    case .autoescape, .block, .generation: break
    case .extends(let e), .expression(let e), .include(let e, _, _): visit(e)
    case .importModule(let e, let target, _):
      visit(e)
      store(target)
    case .fromImport(let e, let names, _):
      visit(e)
      for n in names { store(n.alias) }
    case .macro(let m): store(m.name!)
    case .callBlock(_, let call): visit(call)
    case .filterBlock(let f, _): visit(f)
    case .breakLoop, .continueLoop: break
    }
  }

  /// An `elif` is an `if` of its own to Jinja2.
  private func visitElif(_ test: Expr, _ body: [Stmt]) {
    visit(test)
    let a = copy()
    a.visit(body)
    branchUpdate([a, copy(), copy()])
  }
}

/// Which of `names` are read before they are assigned, in the order of the text; blocks are not entered.
func undeclared(_ names: Set<String>, in body: [Stmt]) -> Set<String> {
  var wanted = names
  var found: Set<String> = []
  func name(_ n: String, load: Bool) {
    if load, wanted.contains(n) { found.insert(n) } else { wanted.remove(n) }
  }
  walkNames(body, intoBlocks: false, name)
  return found
}

/// Calls `name` for every name in the order Jinja2 walks its tree; `load` is false where it is assigned.
func walkNames(_ body: [Stmt], intoBlocks: Bool, _ name: (String, _ load: Bool) -> Void) {
  func expr(_ e: Expr) {
    if case .name(let n) = e.kind { name(n, true) } else { e.kind.forEachChild { expr($0) } }
  }
  func target(_ e: Expr) {
    switch e.kind {
    case .name(let n): name(n, false)
    case .tuple(let l): l.forEach(target)
    default: break
    }
  }
  for s in body {
    switch s.kind {
    case .output(let parts):
      for p in parts { if case .expression(let e) = p { expr(e) } }
    case .forLoop(let t, let iterable, let body, let otherwise, let test, _):
      target(t)
      expr(iterable)
      walkNames(body, intoBlocks: intoBlocks, name)
      walkNames(otherwise, intoBlocks: intoBlocks, name)
      if let test { expr(test) }
    case .branch(let test, let body, let elifs, let otherwise):
      expr(test)
      walkNames(body, intoBlocks: intoBlocks, name)
      for e in elifs {
        expr(e.test)
        walkNames(e.body, intoBlocks: intoBlocks, name)
      }
      walkNames(otherwise, intoBlocks: intoBlocks, name)
    case .assign(let t, let v):
      target(t)
      expr(v)
    case .assignBlock(let t, let f, let body):
      target(t)
      if let f { expr(f) }
      walkNames(body, intoBlocks: intoBlocks, name)
    case .with(let targets, let values, let body):
      targets.forEach(target)
      values.forEach(expr)
      walkNames(body, intoBlocks: intoBlocks, name)
    case .autoescape(let e, let body):
      expr(e)
      walkNames(body, intoBlocks: intoBlocks, name)
    case .block(let b): if intoBlocks { walkNames(b.body, intoBlocks: true, name) }
    case .extends(let e), .expression(let e), .include(let e, _, _), .importModule(let e, _, _), .fromImport(let e, _, _): expr(e)
    case .macro(let m):
      m.arguments.forEach(target)
      m.defaults.forEach(expr)
      walkNames(m.body, intoBlocks: intoBlocks, name)
    case .callBlock(let m, let call):
      expr(call)
      m.arguments.forEach(target)
      m.defaults.forEach(expr)
      walkNames(m.body, intoBlocks: intoBlocks, name)
    case .generation(let body): walkNames(body, intoBlocks: intoBlocks, name)
    case .filterBlock(let f, let body):
      walkNames(body, intoBlocks: intoBlocks, name)
      expr(f)
    case .breakLoop, .continueLoop: break
    }
  }
}

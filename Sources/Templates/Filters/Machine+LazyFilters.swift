/// Filters whose results are made as they are asked for.
extension Machine {
  func variadic(_ f: Filter, _ v: V, _ a: Args) throws(Fault) -> V {
    switch f {
    case .format:
      if a.count > 0, a.namedCount > 0 { throw fail("FilterArgumentError", "can't handle positional and keyword arguments at the same time") }
      let s = try text(of: v)
      if a.namedCount > 0 {
        let d = try dict(capacity: a.namedCount)
        for i in 0..<a.namedCount { try set(d, a.name(i), a.namedValue(i)) }
        return try percentFormat(s, d)
      }
      let t = try list(capacity: a.count, tag: .tuple)
      for i in 0..<a.count { try append(a.base[i], to: t) }
      return try percentFormat(s, t)
    case .map:
      // An empty value never looks at the arguments.
      guard try truth(v) else { return try generator(try list(capacity: 0)) }
      if a.count == 0, let path = a.value("attribute") {
        for i in 0..<a.namedCount where !a.name(i).isText("attribute") && !a.name(i).isText("default") {
          return try failing("FilterArgumentError", "Unexpected keyword argument '\(a.name(i).text)'")
        }
        guard isIterable(v) else { return try failing("TypeError", "'\(typeName(v))' object is not iterable") }
        let fallback = a.value("default") ?? .missing
        let g = try make(
          GeneratorObject(kind: .mapAttribute, iterator: try iterate(v), path: path, fallback: fallback.tag == .none ? .missing : fallback))
        return V.object(.generator, UnsafeMutableRawPointer(g))
      }
      guard a.count > 0 else { return try failing("FilterArgumentError", "map requires a filter argument") }
      guard a.base[0].tag == .str, let filter = Names.filter(a.base[0].text, plainJSON: hfJSON) else {
        return try failing("TemplateRuntimeError", "No filter named '\(a.base[0].tag == .str ? a.base[0].text : reprText(a.base[0]))'.")
      }
      guard isIterable(v) else { return try failing("TypeError", "'\(typeName(v))' object is not iterable") }
      let g = try make(GeneratorObject(kind: .map, iterator: try iterate(v), filter: filter))
      try keep(a, from: 1, spare: 1, in: g)
      return V.object(.generator, UnsafeMutableRawPointer(g))
    default:
      guard try truth(v) else { return try generator(try list(capacity: 0)) }
      let byAttribute = f == .selectattr || f == .rejectattr
      if byAttribute, a.count == 0 { return try failing("FilterArgumentError", "Missing parameter for attribute name") }
      let offset = byAttribute ? 1 : 0
      guard isIterable(v) else { return try failing("TypeError", "'\(typeName(v))' object is not iterable") }
      let g = try make(GeneratorObject(kind: f == .select || f == .selectattr ? .select : .reject, iterator: try iterate(v)))
      if byAttribute { g.pointee.path = a.base[0] }
      if a.count > offset {
        guard a.base[offset].tag == .str, let test = Names.tests[a.base[offset].text] else {
          return try failing("TemplateRuntimeError", "No test named '\(a.base[offset].tag == .str ? a.base[offset].text : reprText(a.base[offset]))'.")
        }
        g.pointee.test = test
        g.pointee.hasTest = true
        try keep(a, from: offset + 1, spare: 0, in: g)
      }
      return V.object(.generator, UnsafeMutableRawPointer(g))
    }
  }

  /// Copies arguments where they live as long as the generator.
  private func keep(_ a: Args, from: Int, spare: Int, in g: UnsafeMutablePointer<GeneratorObject>) throws(Fault) {
    let total = a.count - from + a.namedCount
    let p = try allocate((total + spare + 1) * MemoryLayout<V>.stride).assumingMemoryBound(to: V.self)
    for i in 0..<total { p[i + spare] = a.base[from + i] }
    g.pointee.arguments = p
    g.pointee.count = a.count - from
    g.pointee.names = a.named
  }

  /// A lazy result over items that are known already.
  func generator(_ l: V) throws(Fault) -> V {
    let g = try make(GeneratorObject(kind: .plain, iterator: Iterator(kind: .list, source: l)))
    return V.object(.generator, UnsafeMutableRawPointer(g))
  }

  /// A lazy result that fails when it is first asked.
  func failing(_ errorClass: String, _ message: String) throws(Fault) -> V {
    let g = try make(GeneratorObject(kind: .plain, iterator: Iterator(kind: .failing, source: try string(errorClass + ":" + message))))
    return V.object(.generator, UnsafeMutableRawPointer(g))
  }
}

/// `pprint`, after Python's PrettyPrinter with 80 columns.
extension Machine {
  func pprint(_ v: V) throws(Fault) {
    try pretty(v, indent: 0, allowance: 0, level: 1)
  }

  private func reprBytes(_ v: V) throws(Fault) -> V {
    let mark = outCount
    try prettyRepr(v)
    return try take(from: mark)
  }

  /// `repr` with sorted dictionary keys, as PrettyPrinter's `_safe_repr`.
  private func prettyRepr(_ v: V) throws(Fault) {
    switch v.tag {
    case .dict:
      depth += 1
      defer { depth -= 1 }
      if depth > maxDepth { throw fail("RecursionError", "maximum recursion depth exceeded") }
      try emit("{")
      for (i, e) in try sortedEntries(v).enumerated() {
        if i > 0 { try emit(", ") }
        try prettyRepr(e.key)
        try emit(": ")
        try prettyRepr(e.value)
      }
      try emit("}")
    case .list, .tuple:
      depth += 1
      defer { depth -= 1 }
      if depth > maxDepth { throw fail("RecursionError", "maximum recursion depth exceeded") }
      try emit(byte: v.tag == .list ? UInt8(ascii: "[") : UInt8(ascii: "("))
      for i in 0..<v.list.pointee.count {
        if i > 0 { try emit(", ") }
        try prettyRepr(v.list.pointee.items[i])
      }
      if v.tag == .tuple, v.list.pointee.count == 1 { try emit(",") }
      try emit(byte: v.tag == .list ? UInt8(ascii: "]") : UInt8(ascii: ")"))
    default: try emitRepr(v)
    }
  }

  private func sortedEntries(_ v: V) throws(Fault) -> [DictEntry] {
    var entries = (0..<v.dict.pointee.count).map { v.dict.pointee.entries[$0] }
    // Keys that cannot be compared are ordered by type name.
    try mergeSort(&entries) { (a, b) throws(Fault) in
      let (x, y) = (a.key, b.key)
      if (x.isNumber && y.isNumber) || (x.tag == .str && y.tag == .str) || (x.tag == .tuple && y.tag == .tuple) { return try self.order(x, y, "<") == -1 }
      return self.typeName(x) < self.typeName(y)
    }
    return entries
  }

  private func pretty(_ v: V, indent: Int, allowance: Int, level: Int) throws(Fault) {
    depth += 1
    defer { depth -= 1 }
    if depth > maxDepth { throw fail("RecursionError", "maximum recursion depth exceeded") }
    let rep = try reprBytes(v)
    let width = 80 - indent - allowance
    if countScalars(rep.chars, rep.count) > width {
      switch v.tag {
      case .dict where v.dict.pointee.count > 0:
        try emit("{")
        let entries = try sortedEntries(v)
        for (i, e) in entries.enumerated() {
          let last = i == entries.count - 1
          if i > 0 {
            try emit(",\n")
            for _ in 0..<(indent + 1) { try emit(byte: 32) }
          }
          let key = try reprBytes(e.key)
          try emit(key.bytes)
          try emit(": ")
          try pretty(e.value, indent: indent + 1 + countScalars(key.chars, key.count) + 2, allowance: last ? allowance + 1 : 1, level: level + 1)
        }
        return try emit("}")
      case .list, .tuple:
        if v.tag == .tuple && v.flag == 2 { break }
        let n = v.list.pointee.count
        try emit(byte: v.tag == .list ? UInt8(ascii: "[") : UInt8(ascii: "("))
        let single = v.tag == .tuple && n == 1
        for i in 0..<n {
          let last = i == n - 1
          if i > 0 {
            try emit(",\n")
            for _ in 0..<(indent + 1) { try emit(byte: 32) }
          }
          try pretty(v.list.pointee.items[i], indent: indent + 1, allowance: last ? allowance + (single ? 2 : 1) : 1, level: level + 1)
        }
        return try emit(v.tag == .list ? "]" : single ? ",)" : ")")
      case .str where v.count > 0 && !v.isMarkup:
        return try prettyString(v, indent: indent, allowance: allowance, level: level)
      default: break
      }
    }
    try emit(rep.bytes)
  }

  private func prettyString(_ v: V, indent: Int, allowance: Int, level: Int) throws(Fault) {
    var chunks: [V] = []
    let lines = try splitlines(v, keepEnds: true)
    var indent = indent
    var allowance = allowance
    if level == 1 {
      indent += 1
      allowance += 1
    }
    var maxWidth1 = 80 - indent
    let maxWidth = maxWidth1
    var rep = V.empty
    let n = lines.list.pointee.count
    for i in 0..<n {
      let line = lines.list.pointee.items[i]
      rep = try reprBytes(line)
      if i == n - 1 { maxWidth1 -= allowance }
      if countScalars(rep.chars, rep.count) <= maxWidth1 {
        chunks.append(rep)
      } else {
        // \S*\s*
        let s = scalars(line.bytes)
        var parts: [[UInt32]] = []
        var k = 0
        while k < s.count {
          let start = k
          while k < s.count, !isPythonSpace(s[k]) { k += 1 }
          while k < s.count, isPythonSpace(s[k]) { k += 1 }
          parts.append(Array(s[start..<k]))
        }
        var maxWidth2 = maxWidth
        var current: [UInt32] = []
        for (j, part) in parts.enumerated() {
          let candidate = current + part
          if j == parts.count - 1, i == n - 1 { maxWidth2 -= allowance }
          let r = try reprBytes(try encodedText(candidate))
          if countScalars(r.chars, r.count) > maxWidth2 {
            if !current.isEmpty { chunks.append(try reprBytes(try encodedText(current))) }
            current = part
          } else {
            current = candidate
          }
        }
        if !current.isEmpty { chunks.append(try reprBytes(try encodedText(current))) }
      }
    }
    if chunks.count == 1 { return try emit(rep.bytes) }
    if level == 1 { try emit("(") }
    for (i, c) in chunks.enumerated() {
      if i > 0 {
        try emit("\n")
        for _ in 0..<indent { try emit(byte: 32) }
      }
      try emit(c.bytes)
    }
    if level == 1 { try emit(")") }
  }

  private func encodedText(_ s: [UInt32]) throws(Fault) -> V { try encoded(s) }
}

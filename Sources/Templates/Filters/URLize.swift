/// Jinja2's `urlize`: finds what looks like an address in escaped text.
enum URLize {
  /// `[\w.+-]{2,}:(/){0,2}`
  static func isScheme(_ s: String) -> Bool {
    let u = Array(s.unicodeScalars.map(\.value))
    var i = 0
    while i < u.count, isWord(u[i]) || u[i] == 46 || u[i] == 43 || u[i] == 45 { i += 1 }
    guard i >= 2, i < u.count, u[i] == 58 else { return false }
    let rest = u[(i + 1)...]
    return rest.count <= 2 && rest.allSatisfy { $0 == 47 }
  }

  private static func isWord(_ c: UInt32) -> Bool {
    c == 95 || CharacterClass.isAlpha(c) || CharacterClass.isNumeric(c) || CharacterClass.isDecimal(c)
  }

  static func run(_ text: String, limit: Int?, attributes: String, schemes: [String]) -> String {
    var out = ""
    var word: [Unicode.Scalar] = []
    var space: [Unicode.Scalar] = []
    func flush() {
      if !word.isEmpty { out += link(word, limit, attributes, schemes) }
      word = []
      out.unicodeScalars.append(contentsOf: space)
      space = []
    }
    for c in text.unicodeScalars {
      if isPythonSpace(c.value) {
        space.append(c)
      } else {
        if !space.isEmpty { flush() }
        word.append(c)
      }
    }
    flush()
    return out
  }

  private static func hasPrefix(_ s: ArraySlice<Unicode.Scalar>, _ p: String) -> Bool { s.starts(with: p.unicodeScalars) }

  private static func text(_ s: some Sequence<Unicode.Scalar>) -> String {
    var r = String.UnicodeScalarView()
    r.append(contentsOf: s)
    return String(r)
  }

  private static func count(_ s: [Unicode.Scalar], _ p: String) -> Int {
    let needle = Array(p.unicodeScalars)
    var n = 0
    var i = 0
    while i + needle.count <= s.count {
      if Array(s[i..<(i + needle.count)]) == needle {
        n += 1
        i += needle.count
      } else {
        i += 1
      }
    }
    return n
  }

  private static func link(_ word: [Unicode.Scalar], _ limit: Int?, _ attributes: String, _ schemes: [String]) -> String {
    var head: [Unicode.Scalar] = []
    var middle = word
    var tail: [Unicode.Scalar] = []
    while let c = middle.first {
      if c == "(" || c == "<" {
        head.append(middle.removeFirst())
      } else if hasPrefix(middle[...], "&lt;") {
        head += middle[0..<4]
        middle.removeFirst(4)
      } else {
        break
      }
    }
    while let c = middle.last {
      if c == ")" || c == ">" || c == "." || c == "," {
        tail.insert(middle.removeLast(), at: 0)
      } else if middle.count >= 4, Array(middle.suffix(4)) == Array("&gt;".unicodeScalars) {
        tail = Array(middle.suffix(4)) + tail
        middle.removeLast(4)
      } else {
        break
      }
    }
    for (open, close) in [("(", ")"), ("<", ">"), ("&lt;", "&gt;")] {
      let opens = count(middle, open)
      if opens <= count(middle, close) { continue }
      for _ in 0..<min(opens, count(tail, close)) {
        let c = Array(close.unicodeScalars)
        var i = 0
        while i + c.count <= tail.count, Array(tail[i..<(i + c.count)]) != c { i += 1 }
        middle += tail[0..<(i + c.count)]
        tail.removeFirst(i + c.count)
      }
    }
    let m = text(middle)
    var linked = m
    func trim(_ s: String) -> String {
      guard let limit else { return s }
      let u = Array(s.unicodeScalars)
      if u.count <= limit { return s }
      let end = limit < 0 ? max(0, u.count + limit) : limit
      return text(u[0..<end]) + "..."
    }
    if isURL(middle.map(\.value)) {
      let secure = hasPrefix(middle[...], "https://") || hasPrefix(middle[...], "http://")
      linked = "<a href=\"\(secure ? "" : "https://")\(m)\"\(attributes)>\(trim(m))</a>"
    } else if hasPrefix(middle[...], "mailto:"), isMail(middle[7...].map(\.value)) {
      linked = "<a href=\"\(m)\">\(text(middle[7...]))</a>"
    } else if middle.contains("@"), !hasPrefix(middle[...], "www."), middle.first != "@", !middle.contains(":"), isMail(middle.map(\.value)) {
      linked = "<a href=\"mailto:\(m)\">\(m)</a>"
    } else {
      for s in schemes where m != s && hasPrefix(middle[...], s) { linked = "<a href=\"\(m)\"\(attributes)>\(m)</a>" }
    }
    return text(head) + linked + text(tail)
  }

  /// `^\S+@\w[\w.-]*\.\w+$`
  private static func isMail(_ u: [UInt32]) -> Bool {
    for (at, c) in u.enumerated() where c == 64 && at > 0 {
      let d = Array(u[(at + 1)...])
      guard let f = d.first, isWord(f) else { continue }
      guard let dot = d.lastIndex(of: 46), dot > 0, dot + 1 < d.count, d[(dot + 1)...].allSatisfy(isWord) else { continue }
      if d[1..<dot].allSatisfy({ isWord($0) || $0 == 46 || $0 == 45 }) { return true }
    }
    return false
  }

  private static func isURL(_ u: [UInt32]) -> Bool {
    let lower = u.map { $0 >= 65 && $0 <= 90 ? $0 + 32 : $0 }
    func starts(_ s: String, _ at: Int) -> Bool { lower[min(at, lower.count)...].starts(with: s.unicodeScalars.map(\.value)) }
    // What may follow a host: a port, a path, and the end.
    func rest(_ at: Int) -> Bool {
      func path(_ k: Int) -> Bool { k == u.count || u[k] == 47 || u[k] == 63 || u[k] == 35 }
      if path(at) { return true }
      guard u[at] == 58 else { return false }
      var k = at + 1
      while k < u.count, k - at <= 5, CharacterClass.isDecimal(u[k]) {
        k += 1
        if path(k) { return true }
      }
      return false
    }
    func label(_ c: UInt32) -> Bool { isWord(c) || c == 37 || c == 45 }
    for scheme in ["https://", "http://", "www."] where starts(scheme, 0) {
      let begin = scheme.unicodeScalars.count
      // (([\w%-]+\.)+)? then a top level of letters or an xn-- name.
      var positions = [begin]
      var k = begin
      while k < u.count {
        let start = k
        while k < u.count, label(u[k]) { k += 1 }
        if k == start || k >= u.count || u[k] != 46 { break }
        k += 1
        positions.append(k)
      }
      for p in positions.reversed() {
        var e = p
        while e < u.count, e - p < 63, lower[e] >= 97 && lower[e] <= 122 || lower[e] == 0x17F || lower[e] == 0x212A {
          e += 1
          if e - p >= 2, rest(e) { return true }
        }
        if starts("xn--", p) {
          var e = p + 4
          while e < u.count, e - p - 4 < 59, isWord(u[e]) || u[e] == 37 {
            e += 1
            if e - p - 4 >= 2, rest(e) { return true }
          }
        }
      }
      if scheme != "www." {
        var k = begin
        var ok = true
        for part in 0..<4 {
          if part > 0 {
            if k < u.count, u[k] == 46 { k += 1 } else { ok = false }
          }
          let s = k
          while ok, k < u.count, k - s < 3, CharacterClass.isDecimal(u[k]) { k += 1 }
          if k == s { ok = false }
        }
        if ok, rest(k) { return true }
        if begin < u.count, u[begin] == 91, let close = u[begin...].firstIndex(of: 93) {
          let inner = lower[(begin + 1)..<close]
          let groups = inner.split(separator: 58, omittingEmptySubsequences: false)
          let hex = groups.allSatisfy { $0.count <= 4 && $0.allSatisfy { CharacterClass.isDecimal($0) || ($0 >= 97 && $0 <= 102) } }
          if hex, groups.count >= 3, groups.count <= 9, rest(close + 1) { return true }
        }
      }
    }
    // ([\w%-]{2,63}\.)+ and one of the well-known top levels.
    var k = 0
    var labels = 0
    while k < u.count {
      let start = k
      while k < u.count, label(u[k]) { k += 1 }
      let length = k - start
      if labels > 0 {
        for top in ["com", "net", "int", "edu", "gov", "org", "info", "mil"] where starts(top, start) && rest(start + top.utf8.count) { return true }
      }
      guard k < u.count, u[k] == 46, length >= 2, length <= 63 else { return false }
      labels += 1
      k += 1
    }
    return false
  }
}

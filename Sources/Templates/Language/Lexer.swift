/// A token of the template language.
struct Token {
  enum Kind: UInt8 {
    case data, variableBegin, variableEnd, blockBegin, blockEnd, eof, failure
    case name, string, integer, float
    case add, sub, mul, div, floordiv, mod, pow, tilde
    case lparen, rparen, lbracket, rbracket, lbrace, rbrace
    case eq, ne, gt, gteq, lt, lteq, assign, dot, colon, pipe, comma, semicolon
  }

  var kind: Kind
  /// Bytes of the normalized source.
  var start: Int
  var end: Int
  var line: Int
  /// A name, or the message of a failure.
  var name = ""
  /// The bytes of template text or of a string literal.
  var data: [UInt8] = []
  var number: Constant = .none
}

/// Cuts a source into tokens exactly where Jinja2's regular expressions would.
struct Lexer {
  private let source: [UInt8]
  private let options: Environment
  private var pos = 0
  private var line = 1
  private var tokens: [Token] = []
  private var failed = false
  private let blockStart, blockEnd, variableStart, variableEnd, commentStart, commentEnd: [UInt8]
  private let lineStatement, lineComment: [UInt8]?

  init(source: [UInt8], options: Environment) {
    self.source = source
    self.options = options
    let d = options.delimiters
    blockStart = Array(d.blockStart.utf8)
    blockEnd = Array(d.blockEnd.utf8)
    variableStart = Array(d.variableStart.utf8)
    variableEnd = Array(d.variableEnd.utf8)
    commentStart = Array(d.commentStart.utf8)
    commentEnd = Array(d.commentEnd.utf8)
    lineStatement = d.lineStatement.map { Array($0.utf8) }
    lineComment = d.lineComment.map { Array($0.utf8) }
  }

  /// Line ends become `\n`; the last one goes unless it is to be kept. Second: for each byte of the result its place in the source, when they differ.
  static func normalize(_ source: [UInt8], keepTrailingNewline: Bool) -> (text: [UInt8], map: [Int32]?) {
    var text = source
    var map: [Int32]?
    if source.contains(0x0D) {
      text.removeAll(keepingCapacity: true)
      var m: [Int32] = []
      var i = 0
      while i < source.count {
        m.append(Int32(i))
        if source[i] == 0x0D {
          text.append(0x0A)
          if i + 1 < source.count, source[i + 1] == 0x0A { i += 1 }
        } else {
          text.append(source[i])
        }
        i += 1
      }
      map = m
    }
    if !keepTrailingNewline, text.last == 0x0A { text.removeLast() }
    return (text, map)
  }

  enum Tag { case raw, comment, block, variable, lineStatement, lineComment }

  mutating func tokenize() -> [Token] {
    var lineStarting = true
    root: while !failed {
      if pos >= source.count { break }
      guard let tag = findTag() else {
        emitData(pos, source.count)
        pos = source.count
        break
      }
      // Text before the tag, stripped as its sign and the options ask.
      var end = tag.start
      if tag.sign == UInt8(ascii: "-") {
        end = trimEnd(pos, end)
      } else if tag.sign != UInt8(ascii: "+"), options.lstripBlocks, tag.kind != .variable {
        var l = end
        while l > pos, source[l - 1] != 0x0A { l -= 1 }
        let hasNewline = l > pos
        if hasNewline || lineStarting, isAllSpace(l, end), end > l { end = l }
      }
      emitData(pos, end)
      line = lineOf(tag.start)
      pos = tag.end
      lineStarting = tag.end > 0 && source[tag.end - 1] == 0x0A
      switch tag.kind {
      case .raw: lineStarting = raw(lineStarting)
      case .comment:
        if pos >= source.count { break root }
        guard let e = findCommentEnd() else {
          fail("Missing end of comment tag", at: tag.start)
          break root
        }
        pos = e
        lineStarting = source[e - 1] == 0x0A
      case .lineComment:
        var e = pos
        while e < source.count, source[e] != 0x0A { e += 1 }
        lineStarting = false
        pos = e
      case .variable:
        tokens.append(Token(kind: .variableBegin, start: tag.start, end: tag.end, line: line))
        inside(.variable)
        lineStarting = pos > 0 && source[pos - 1] == 0x0A
      case .block:
        tokens.append(Token(kind: .blockBegin, start: tag.start, end: tag.end, line: line))
        inside(.block)
        lineStarting = pos > 0 && source[pos - 1] == 0x0A
      case .lineStatement:
        tokens.append(Token(kind: .blockBegin, start: tag.start, end: tag.end, line: line))
        inside(.lineStatement)
        lineStarting = pos > 0 && source[pos - 1] == 0x0A
      }
    }
    tokens.append(Token(kind: .eof, start: source.count, end: source.count, line: tokens.last?.line ?? 1))
    return tokens
  }

  // MARK: between tags

  private struct Found {
    var kind: Tag
    var start: Int  // where the text before it ends
    var end: Int
    var sign: UInt8
  }

  private func starts(_ s: [UInt8], _ at: Int) -> Bool {
    if at + s.count > source.count { return false }
    for i in 0..<s.count where source[at + i] != s[i] { return false }
    return !s.isEmpty
  }

  private func sign(_ at: Int) -> (UInt8, Int) {
    if at < source.count, source[at] == UInt8(ascii: "-") || source[at] == UInt8(ascii: "+") { return (source[at], at + 1) }
    return (0, at)
  }

  private func findTag() -> Found? {
    // At one place the longest delimiter wins, as in Jinja2's sorted alternatives; raw goes first.
    var rules: [(Int, Int, Tag, [UInt8])] = [
      (commentStart.count, 2, .comment, commentStart), (blockStart.count, 1, .block, blockStart),
      (variableStart.count, 5, .variable, variableStart),
    ]
    if let lineStatement { rules.append((lineStatement.count, 4, .lineStatement, lineStatement)) }
    if let lineComment { rules.append((lineComment.count, 3, .lineComment, lineComment)) }
    rules.sort { ($0.0, $0.1) > ($1.0, $1.1) }
    let hasLines = lineStatement != nil || lineComment != nil
    var i = pos
    while i < source.count {
      if !hasLines {
        let c = source[i]
        if c != blockStart[0], c != variableStart[0], c != commentStart[0] {
          i += 1
          continue
        }
      }
      if starts(blockStart, i), let r = rawBegin(i) { return r }
      for (_, _, tag, s) in rules {
        switch tag {
        case .lineStatement:
          guard i == 0 || source[i - 1] == 0x0A else { continue }
          var j = i
          while j < source.count, source[j] == 0x20 || source[j] == 0x09 || source[j] == 0x0B { j += 1 }
          guard starts(s, j) else { continue }
          let (g, e) = sign(j + s.count)
          return Found(kind: tag, start: i, end: e, sign: g)
        case .lineComment:
          let lineStart = i == 0 || source[i - 1] == 0x0A
          guard lineStart || !isSpaceBefore(i) else { continue }
          var j = i
          while j < source.count, source[j] != 0x0A, let n = spaceLength(j) { j += n }
          guard starts(s, j) else { continue }
          let (g, e) = sign(j + s.count)
          return Found(kind: tag, start: i, end: e, sign: g)
        default:
          guard starts(s, i) else { continue }
          let (g, e) = sign(i + s.count)
          return Found(kind: tag, start: i, end: e, sign: g)
        }
      }
      i += 1
    }
    return nil
  }

  private func rawBegin(_ at: Int) -> Found? {
    let (g, afterSign) = sign(at + blockStart.count)
    // `-` could also belong to what follows, but nothing of a raw tag begins with a sign.
    var j = skipSpace(afterSign)
    guard starts(Array("raw".utf8), j) else { return nil }
    j = skipSpace(j + 3)
    if starts([UInt8(ascii: "-")] + blockEnd, j) {
      return Found(kind: .raw, start: at, end: skipSpace(j + 1 + blockEnd.count), sign: g)
    }
    if starts(blockEnd, j) { return Found(kind: .raw, start: at, end: j + blockEnd.count, sign: g) }
    return nil
  }

  private mutating func raw(_ lineStarting: Bool) -> Bool {
    var i = pos
    while i < source.count {
      if starts(blockStart, i) {
        let (g, s) = sign(i + blockStart.count)
        var j = skipSpace(s)
        if starts(Array("endraw".utf8), j) {
          j = skipSpace(j + 6)
          if let e = blockEndAt(j) {
            var end = i
            if g == UInt8(ascii: "-") {
              end = trimEnd(pos, end)
            } else if g != UInt8(ascii: "+"), options.lstripBlocks {
              var l = end
              while l > pos, source[l - 1] != 0x0A { l -= 1 }
              if l > pos || lineStarting, end > l, isAllSpace(l, end) { end = l }
            }
            emitData(pos, end)
            pos = e
            return source[e - 1] == 0x0A
          }
        }
      }
      i += 1
    }
    // At the very end of a source Jinja2 does not notice.
    if pos < source.count { fail("Missing end of raw directive", at: pos) }
    return false
  }

  /// The place after a block's end, with its sign and the newline `trim_blocks` takes.
  private func blockEndAt(_ j: Int) -> Int? {
    if j < source.count, source[j] == UInt8(ascii: "+"), starts(blockEnd, j + 1) { return j + 1 + blockEnd.count }
    if j < source.count, source[j] == UInt8(ascii: "-"), starts(blockEnd, j + 1) { return skipSpace(j + 1 + blockEnd.count) }
    if starts(blockEnd, j) {
      let e = j + blockEnd.count
      return options.trimBlocks && e < source.count && source[e] == 0x0A ? e + 1 : e
    }
    return nil
  }

  private func findCommentEnd() -> Int? {
    var i = pos
    while i < source.count {
      if source[i] == UInt8(ascii: "+"), starts(commentEnd, i + 1) { return i + 1 + commentEnd.count }
      if source[i] == UInt8(ascii: "-"), starts(commentEnd, i + 1) { return skipSpace(i + 1 + commentEnd.count) }
      if starts(commentEnd, i) {
        let e = i + commentEnd.count
        return options.trimBlocks && e < source.count && source[e] == 0x0A ? e + 1 : e
      }
      i += 1
    }
    return nil
  }

  private mutating func emitData(_ start: Int, _ end: Int) {
    guard end > start else { return }
    var data = Array(source[start..<end])
    if options.newlineSequence != "\n" {
      let sequence = Array(options.newlineSequence.utf8)
      data = data.flatMap { $0 == 0x0A ? sequence : [$0] }
    }
    tokens.append(Token(kind: .data, start: start, end: end, line: lineOf(start), data: data))
  }

  // Lines are counted forwards only, so a whole source costs one pass.
  private var linePosition = 0
  private var lineCount = 1
  private mutating func lineOf(_ offset: Int) -> Int {
    if offset < linePosition {
      linePosition = 0
      lineCount = 1
    }
    while linePosition < offset {
      if source[linePosition] == 0x0A { lineCount += 1 }
      linePosition += 1
    }
    return lineCount
  }

  private mutating func fail(_ message: String, at: Int) {
    failed = true
    tokens.append(Token(kind: .failure, start: at, end: min(at + 1, source.count), line: lineOf(at), name: message))
    pos = source.count
  }

  // MARK: white space, as Python's `\s` sees it

  private func spaceLength(_ at: Int) -> Int? {
    let c = source[at]
    if c < 0x80 { return c == 0x20 || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F) ? 1 : nil }
    return source.withUnsafeBufferPointer { b in
      let (s, n) = decodeScalar(b.baseAddress! + at, b.count - at)
      return isPythonSpace(s) ? n : nil
    }
  }

  private func isSpaceBefore(_ at: Int) -> Bool {
    var i = at - 1
    while i > 0, source[i] & 0xC0 == 0x80 { i -= 1 }
    return spaceLength(i) != nil
  }

  private func skipSpace(_ at: Int) -> Int {
    var i = at
    while i < source.count, let n = spaceLength(i) { i += n }
    return i
  }

  private func isAllSpace(_ start: Int, _ end: Int) -> Bool {
    var i = start
    while i < end {
      guard let n = spaceLength(i) else { return false }
      i += n
    }
    return true
  }

  private func trimEnd(_ start: Int, _ end: Int) -> Int {
    var e = end
    while e > start {
      var i = e - 1
      while i > start, source[i] & 0xC0 == 0x80 { i -= 1 }
      guard spaceLength(i) != nil else { break }
      e = i
    }
    return e
  }

  // MARK: inside tags

  private mutating func inside(_ state: Tag) {
    var balance: [UInt8] = []
    while !failed {
      if balance.isEmpty {
        switch state {
        case .variable:
          if pos < source.count, source[pos] == UInt8(ascii: "-"), starts(variableEnd, pos + 1) {
            close(.variableEnd, skipSpace(pos + 1 + variableEnd.count))
            return
          }
          if starts(variableEnd, pos) {
            close(.variableEnd, pos + variableEnd.count)
            return
          }
        case .block:
          if let e = blockEndAt(pos) {
            close(.blockEnd, e)
            return
          }
        default:
          // A line statement ends with its line; `\s*(\n|$)` is greedy and takes blank lines along.
          var j = skipSpace(pos)
          if j < source.count {
            var k = j
            var found = false
            while k > pos {
              if source[k - 1] == 0x0A {
                j = k
                found = true
                break
              }
              k -= 1
            }
            if !found { break }
            close(.blockEnd, j)
            return
          }
          close(.blockEnd, j)
          return
        }
      }
      if pos >= source.count { return }
      if let n = spaceLength(pos) {
        pos += n
        continue
      }
      one(&balance)
    }
  }

  private mutating func close(_ kind: Token.Kind, _ end: Int) {
    tokens.append(Token(kind: kind, start: pos, end: end, line: lineOf(pos)))
    pos = end
  }

  private func isDigit(_ at: Int) -> Bool { at < source.count && source[at] >= 48 && source[at] <= 57 }

  private mutating func one(_ balance: inout [UInt8]) {
    let start = pos
    let c = source[pos]
    if isDigit(pos) {
      if pos == 0 || source[pos - 1] != UInt8(ascii: "."), let end = floatEnd() { return number(start, end, isFloat: true) }
      return number(start, integerEnd(), isFloat: false)
    }
    if c == UInt8(ascii: "_") || (c | 0x20 >= 97 && c | 0x20 <= 122) || c >= 0x80 {
      var e = pos
      var ok = true
      while e < source.count {
        let d = source[e]
        if d == UInt8(ascii: "_") || (d >= 48 && d <= 57) || (d | 0x20 >= 97 && d | 0x20 <= 122) {
          e += 1
          continue
        }
        if d < 0x80 { break }
        let (s, n) = source.withUnsafeBufferPointer { decodeScalar($0.baseAddress! + e, $0.count - e) }
        guard let scalar = Unicode.Scalar(s) else { break }
        let p = scalar.properties
        if e == start ? p.isXIDStart : p.isXIDContinue {
          e += n
        } else if p.numericType != nil {
          ok = false
          e += n
        } else {
          break
        }
      }
      if e == start { return fail("unexpected char \(character(at: start)) at \(start)", at: start) }
      if !ok { return fail("Invalid character in identifier", at: start) }
      tokens.append(Token(kind: .name, start: start, end: e, line: lineOf(start), name: String(decoding: source[start..<e], as: UTF8.self)))
      pos = e
      return
    }
    if c == UInt8(ascii: "'") || c == UInt8(ascii: "\"") {
      var e = pos + 1
      while e < source.count, source[e] != c { e += source[e] == UInt8(ascii: "\\") ? 2 : 1 }
      guard e < source.count else { return fail("unexpected char \(character(at: start)) at \(start)", at: start) }
      var raw = Array(source[(start + 1)..<e])
      if options.newlineSequence != "\n" {
        let sequence = Array(options.newlineSequence.utf8)
        raw = raw.flatMap { $0 == 0x0A ? sequence : [$0] }
      }
      switch unescapeLiteral(raw) {
      case .success(let data):
        tokens.append(Token(kind: .string, start: start, end: e + 1, line: lineOf(start), data: data))
        pos = e + 1
      case .failure(let problem): fail(problem.message, at: start)
      }
      return
    }
    guard let (kind, n) = operatorAt(pos) else {
      return fail("unexpected char \(character(at: start)) at \(start)", at: start)
    }
    switch kind {
    case .lbrace: balance.append(UInt8(ascii: "}"))
    case .lparen: balance.append(UInt8(ascii: ")"))
    case .lbracket: balance.append(UInt8(ascii: "]"))
    case .rbrace, .rparen, .rbracket:
      guard let expected = balance.popLast() else { return fail("unexpected '\(Unicode.Scalar(c))'", at: start) }
      if expected != c { return fail("unexpected '\(Unicode.Scalar(c))', expected '\(Unicode.Scalar(expected))'", at: start) }
    default: break
    }
    tokens.append(Token(kind: kind, start: start, end: start + n, line: lineOf(start)))
    pos = start + n
  }

  private func character(at: Int) -> String {
    let (s, _) = source.withUnsafeBufferPointer { decodeScalar($0.baseAddress! + at, $0.count - at) }
    return "'\(Unicode.Scalar(s) ?? "\u{FFFD}")'"
  }

  private func operatorAt(_ at: Int) -> (Token.Kind, Int)? {
    let c = source[at]
    let d = at + 1 < source.count ? source[at + 1] : 0
    switch c {
    case UInt8(ascii: "+"): return (.add, 1)
    case UInt8(ascii: "-"): return (.sub, 1)
    case UInt8(ascii: "/"): return d == c ? (.floordiv, 2) : (.div, 1)
    case UInt8(ascii: "*"): return d == c ? (.pow, 2) : (.mul, 1)
    case UInt8(ascii: "%"): return (.mod, 1)
    case UInt8(ascii: "~"): return (.tilde, 1)
    case UInt8(ascii: "["): return (.lbracket, 1)
    case UInt8(ascii: "]"): return (.rbracket, 1)
    case UInt8(ascii: "("): return (.lparen, 1)
    case UInt8(ascii: ")"): return (.rparen, 1)
    case UInt8(ascii: "{"): return (.lbrace, 1)
    case UInt8(ascii: "}"): return (.rbrace, 1)
    case UInt8(ascii: "="): return d == UInt8(ascii: "=") ? (.eq, 2) : (.assign, 1)
    case UInt8(ascii: "!"): return d == UInt8(ascii: "=") ? (.ne, 2) : nil
    case UInt8(ascii: ">"): return d == UInt8(ascii: "=") ? (.gteq, 2) : (.gt, 1)
    case UInt8(ascii: "<"): return d == UInt8(ascii: "=") ? (.lteq, 2) : (.lt, 1)
    case UInt8(ascii: "."): return (.dot, 1)
    case UInt8(ascii: ":"): return (.colon, 1)
    case UInt8(ascii: "|"): return (.pipe, 1)
    case UInt8(ascii: ","): return (.comma, 1)
    case UInt8(ascii: ";"): return (.semicolon, 1)
    default: return nil
    }
  }

  // MARK: numbers

  /// `(\d+_)*\d+`
  private func digits(_ at: Int) -> Int? {
    guard isDigit(at) else { return nil }
    var i = at
    while true {
      while isDigit(i) { i += 1 }
      if i < source.count, source[i] == UInt8(ascii: "_"), isDigit(i + 1) { i += 1 } else { return i }
    }
  }

  private func floatEnd() -> Int? {
    guard var i = digits(pos) else { return nil }
    var isFloat = false
    if i < source.count, source[i] == UInt8(ascii: "."), let e = digits(i + 1) {
      i = e
      isFloat = true
    }
    if i < source.count, source[i] | 0x20 == UInt8(ascii: "e") {
      var j = i + 1
      if j < source.count, source[j] == UInt8(ascii: "+") || source[j] == UInt8(ascii: "-") { j += 1 }
      if let e = digits(j) { return e }
    }
    return isFloat ? i : nil
  }

  private func integerEnd() -> Int {
    func run(_ at: Int, _ ok: (UInt8) -> Bool) -> Int {
      var i = at
      while i < source.count {
        if ok(source[i]) { i += 1 } else if source[i] == UInt8(ascii: "_"), i + 1 < source.count, ok(source[i + 1]) { i += 2 } else { break }
      }
      return i
    }
    if source[pos] != UInt8(ascii: "0") { return run(pos, { $0 >= 48 && $0 <= 57 }) }
    let x = pos + 1 < source.count ? source[pos + 1] | 0x20 : 0
    let e: Int
    switch x {
    case UInt8(ascii: "b"): e = run(pos + 2, { $0 == 48 || $0 == 49 })
    case UInt8(ascii: "o"): e = run(pos + 2, { $0 >= 48 && $0 <= 55 })
    case UInt8(ascii: "x"): e = run(pos + 2, { ($0 >= 48 && $0 <= 57) || ($0 | 0x20 >= 97 && $0 | 0x20 <= 102) })
    default: return run(pos, { $0 == 48 })
    }
    return e > pos + 2 ? e : run(pos, { $0 == 48 })
  }

  private mutating func number(_ start: Int, _ end: Int, isFloat: Bool) {
    let text = source[start..<end].filter { $0 != UInt8(ascii: "_") }
    var t = Token(kind: isFloat ? .float : .integer, start: start, end: end, line: lineOf(start))
    if isFloat {
      t.number = .float(parseDouble(text))
    } else {
      var radix = 10
      var digits = text[...]
      if text.count > 2, text[0] == 48 {
        switch text[1] | 0x20 {
        case UInt8(ascii: "x"): (radix, digits) = (16, text[2...])
        case UInt8(ascii: "o"): (radix, digits) = (8, text[2...])
        case UInt8(ascii: "b"): (radix, digits) = (2, text[2...])
        default: break
        }
      }
      if let i = Int(String(decoding: digits, as: UTF8.self), radix: radix) {
        t.number = .int(i)
      } else if digits.count > 4300 {
        return fail("Exceeds the limit (4300 digits) for integer string conversion", at: start)
      } else {
        t.number = .big(BigInt(digits: Array(digits), radix: radix)!)
      }
    }
    tokens.append(t)
    pos = end
  }
}

struct LiteralProblem: Error { var message: String }

/// Python's "unicode-escape": the escapes of a string literal.
func unescapeLiteral(_ raw: [UInt8]) -> Result<[UInt8], LiteralProblem> {
  guard raw.contains(UInt8(ascii: "\\")) else { return .success(raw) }
  var out: [UInt8] = []
  out.reserveCapacity(raw.count)
  func put(_ v: UInt32) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4) { b in
      let n = encode(v, to: b.baseAddress!)
      out.append(contentsOf: b[0..<n])
    }
  }
  var i = 0
  while i < raw.count {
    let c = raw[i]
    guard c == UInt8(ascii: "\\") else {
      out.append(c)
      i += 1
      continue
    }
    i += 1
    guard i < raw.count else { return .failure(LiteralProblem(message: "\\ at end of string")) }
    let e = raw[i]
    i += 1
    switch e {
    case 0x0A: break
    case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): out.append(e)
    case UInt8(ascii: "n"): out.append(10)
    case UInt8(ascii: "t"): out.append(9)
    case UInt8(ascii: "r"): out.append(13)
    case UInt8(ascii: "a"): out.append(7)
    case UInt8(ascii: "b"): out.append(8)
    case UInt8(ascii: "f"): out.append(12)
    case UInt8(ascii: "v"): out.append(11)
    case 48...55:
      var v = UInt32(e - 48)
      var n = 1
      while n < 3, i < raw.count, raw[i] >= 48, raw[i] <= 55 {
        v = v * 8 + UInt32(raw[i] - 48)
        i += 1
        n += 1
      }
      put(v)
    case UInt8(ascii: "x"), UInt8(ascii: "u"), UInt8(ascii: "U"):
      let want = e == UInt8(ascii: "x") ? 2 : e == UInt8(ascii: "u") ? 4 : 8
      var v: UInt32 = 0
      for _ in 0..<want {
        guard i < raw.count, let h = hexDigit(raw[i]), v < 0x1000_0000 else {
          let form = want == 2 ? "\\xXX" : want == 4 ? "\\uXXXX" : "\\UXXXXXXXX"
          return .failure(LiteralProblem(message: "truncated \(form) escape"))
        }
        v = v << 4 | UInt32(h)
        i += 1
      }
      guard v <= 0x10FFFF else { return .failure(LiteralProblem(message: "illegal Unicode character")) }
      put(v)
    case UInt8(ascii: "N"):
      guard i < raw.count, raw[i] == UInt8(ascii: "{"), let close = raw[i...].firstIndex(of: UInt8(ascii: "}")) else {
        return .failure(LiteralProblem(message: "malformed \\N character escape"))
      }
      guard let s = scalar(named: String(decoding: raw[(i + 1)..<close], as: UTF8.self)) else {
        return .failure(LiteralProblem(message: "unknown Unicode character name"))
      }
      put(s.value)
      i = close + 1
    default:
      out.append(UInt8(ascii: "\\"))
      out.append(e)
    }
  }
  return .success(out)
}

/// The code point of a Unicode name; a search through all of them, for the rare literal that asks.
private func scalar(named name: String) -> Unicode.Scalar? {
  let wanted = name.uppercased()
  for v in UInt32(0x20)..<0x2_0000 {
    if let s = Unicode.Scalar(v), s.properties.name == wanted || s.properties.nameAlias == wanted { return s }
  }
  return nil
}

func hexDigit(_ c: UInt8) -> UInt8? {
  switch c {
  case 48...57: c - 48
  case 65...70: c - 55
  case 97...102: c - 87
  default: nil
  }
}

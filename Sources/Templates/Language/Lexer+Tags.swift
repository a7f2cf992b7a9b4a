/// What stands between the delimiters of a tag.
extension Lexer {
  mutating func inside(_ state: Tag) {
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

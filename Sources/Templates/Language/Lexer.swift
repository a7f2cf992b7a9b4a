/// Cuts a source into tokens exactly where Jinja2's regular expressions would.
struct Lexer {
  let source: [UInt8]
  let options: Environment
  var pos = 0
  private var line = 1
  var tokens: [Token] = []
  var failed = false
  let blockStart, blockEnd, variableStart, variableEnd, commentStart, commentEnd: [UInt8]
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

  func starts(_ s: [UInt8], _ at: Int) -> Bool {
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
  func blockEndAt(_ j: Int) -> Int? {
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
  mutating func lineOf(_ offset: Int) -> Int {
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

  mutating func fail(_ message: String, at: Int) {
    failed = true
    tokens.append(Token(kind: .failure, start: at, end: min(at + 1, source.count), line: lineOf(at), name: message))
    pos = source.count
  }

  // MARK: white space, as Python's `\s` sees it

  func spaceLength(_ at: Int) -> Int? {
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

  func skipSpace(_ at: Int) -> Int {
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
}

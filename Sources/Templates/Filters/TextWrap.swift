/// Python's `textwrap`, on code points.
enum TextWrap {
  static func find(_ b: [UInt8], _ needle: [UInt8], _ from: Int) -> Int? {
    b.withUnsafeBufferPointer { h in needle.withUnsafeBufferPointer { n in h.isEmpty ? nil : findBytes(h, n, from: from) } }
  }

  /// textwrap splits at these only.
  private static func isSpace(_ c: UInt32) -> Bool { c == 9 || c == 10 || c == 11 || c == 12 || c == 13 || c == 32 }

  private static func isWord(_ c: UInt32) -> Bool { c == 95 || CharacterClass.isAlpha(c) || CharacterClass.isNumeric(c) }
  private static func isLetter(_ c: UInt32) -> Bool { isWord(c) && !CharacterClass.isDecimal(c) }
  private static func isWordPunctuation(_ c: UInt32) -> Bool {
    isWord(c) || c == 33 || c == 34 || c == 39 || c == 38 || c == 46 || c == 44 || c == 63
  }

  static func simpleChunks(_ s: [UInt32]) -> [[UInt32]] {
    var out: [[UInt32]] = []
    var i = 0
    while i < s.count {
      let start = i
      let space = isSpace(s[i])
      while i < s.count, isSpace(s[i]) == space { i += 1 }
      out.append(Array(s[start..<i]))
    }
    return out
  }

  /// `wordsep_re`: white space, em-dashes between words, and words that may break after a hyphen.
  static func chunks(_ s: [UInt32]) -> [[UInt32]] {
    var out: [[UInt32]] = []
    var i = 0
    var start = 0
    func at(_ k: Int) -> UInt32? { k >= 0 && k < s.count ? s[k] : nil }
    func flush(_ end: Int) {
      if end > start { out.append(Array(s[start..<end])) }
      start = end
    }
    // The em-dash alternative: (?<=[\w!"'&.,?])-{2,}(?=\w)
    func emDash(_ k: Int) -> Int? {
      guard at(k) == 45, at(k + 1) == 45, let p = at(k - 1), isWordPunctuation(p) else { return nil }
      var e = k
      while at(e) == 45 { e += 1 }
      // The run may give dashes back, but what follows must be a word.
      guard let c = at(e), isWord(c) else { return nil }
      return e
    }
    while i < s.count {
      if isSpace(s[i]) {
        flush(i)
        while i < s.count, isSpace(s[i]) { i += 1 }
        flush(i)
        continue
      }
      if let e = emDash(i) {
        flush(i)
        i = e
        flush(i)
        continue
      }
      // nowhitespace+? up to a hyphen between letters, a space, the end, or an em-dash.
      var k = i + 1
      while true {
        // (?: -(?: (?<=[letter]{2}-) | (?<=[letter]-[letter]-)) (?= [letter] -? [letter]))
        if at(k) == 45 {
          let two = at(k - 1).map(isLetter) == true && at(k - 2).map(isLetter) == true
          let hyphenated = at(k - 1).map(isLetter) == true && at(k - 2) == 45 && at(k - 3).map(isLetter) == true
          if two || hyphenated {
            let n = at(k + 1).map(isLetter) == true
            let m = at(k + 2) == 45 ? at(k + 3).map(isLetter) == true : at(k + 2).map(isLetter) == true
            if n && m {
              k += 1
              break
            }
          }
        }
        if k >= s.count || isSpace(s[k]) { break }
        // (?= (?<=[wordpunct]) -{2,} \w)
        if emDash(k) != nil { break }
        k += 1
      }
      flush(i)
      i = k
      flush(i)
    }
    flush(s.count)
    return out
  }

  /// `_wrap_chunks`; false for a width that cannot be.
  static func wrap(_ pieces: [[UInt32]], width: Int, breakLong: Bool, hyphens: Bool, into lines: inout [[UInt32]]) -> Bool {
    if width <= 0 { return false }
    var chunks = Array(pieces.reversed())
    func blank(_ c: [UInt32]) -> Bool { c.allSatisfy(isPythonSpace) }
    while !chunks.isEmpty {
      var current: [[UInt32]] = []
      var length = 0
      if blank(chunks[chunks.count - 1]), !lines.isEmpty { chunks.removeLast() }
      while let c = chunks.last {
        if length + c.count <= width {
          current.append(c)
          length += c.count
          chunks.removeLast()
        } else {
          break
        }
      }
      if let c = chunks.last, c.count > width {
        let space = width < 1 ? 1 : width - length
        if breakLong {
          var end = space
          if hyphens, c.count > space, space > 0 {
            // Break after the last hyphen that fits, if there is more than hyphens before it.
            if let h = c[0..<space].lastIndex(of: 45), h > 0, c[0..<h].contains(where: { $0 != 45 }) { end = h + 1 }
          }
          current.append(Array(c[0..<end]))
          chunks[chunks.count - 1] = Array(c[end...])
        } else if current.isEmpty {
          current.append(chunks.removeLast())
        }
      }
      if let l = current.last, blank(l) { current.removeLast() }
      if !current.isEmpty { lines.append(current.flatMap { $0 }) }
    }
    return true
  }
}

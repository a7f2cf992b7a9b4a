@inline(__always) func upperASCII(_ c: UInt8) -> UInt8 { c >= 97 && c <= 122 ? c - 32 : c }
@inline(__always) func lowerASCII(_ c: UInt8) -> UInt8 { c >= 65 && c <= 90 ? c + 32 : c }

extension Machine {
  func upper(_ v: V) throws(Fault) -> V {
    let p = v.chars
    let n = v.count
    if isASCII(p, n) {
      let q = try allocate(n).assumingMemoryBound(to: UInt8.self)
      for i in 0..<n { q[i] = p[i] &- (p[i] >= 97 && p[i] <= 122 ? 32 : 0) }
      return V.str(UnsafePointer(q), n, markup: v.isMarkup)
    }
    let mark = outCount
    for s in scalars(v.bytes) { try emitUpper(s) }
    return try take(from: mark, markup: v.isMarkup)
  }

  private func emitUpper(_ s: UInt32) throws(Fault) {
    guard let u = Unicode.Scalar(s) else { return try emitRaw(s) }
    for c in u.properties.uppercaseMapping.unicodeScalars { try emitRaw(c.value) }
  }

  func emitRaw(_ s: UInt32) throws(Fault) {
    try reserve(4)
    outCount += encode(s, to: out + outCount)
  }

  func lower(_ v: V) throws(Fault) -> V {
    let p = v.chars
    let n = v.count
    if isASCII(p, n) {
      let q = try allocate(n).assumingMemoryBound(to: UInt8.self)
      for i in 0..<n { q[i] = p[i] &+ (p[i] >= 65 && p[i] <= 90 ? 32 : 0) }
      return V.str(UnsafePointer(q), n, markup: v.isMarkup)
    }
    let mark = outCount
    let s = scalars(v.bytes)
    for i in s.indices { try emitLower(s, i) }
    return try take(from: mark, markup: v.isMarkup)
  }

  private func emitLower(_ s: [UInt32], _ i: Int) throws(Fault) {
    if s[i] == 0x3A3 {
      // A final sigma: a cased letter before it and none after it.
      var before = i - 1
      while before >= 0, CharacterClass.isCaseIgnorable(s[before]) { before -= 1 }
      var after = i + 1
      while after < s.count, CharacterClass.isCaseIgnorable(s[after]) { after += 1 }
      let final = before >= 0 && CharacterClass.isCased(s[before]) && !(after < s.count && CharacterClass.isCased(s[after]))
      return try emitRaw(final ? 0x3C2 : 0x3C3)
    }
    guard let u = Unicode.Scalar(s[i]) else { return try emitRaw(s[i]) }
    for c in u.properties.lowercaseMapping.unicodeScalars { try emitRaw(c.value) }
  }

  private func emitTitle(_ s: UInt32) throws(Fault) {
    guard let u = Unicode.Scalar(s) else { return try emitRaw(s) }
    for c in u.properties.titlecaseMapping.unicodeScalars { try emitRaw(c.value) }
  }

  func capitalize(_ v: V) throws(Fault) -> V {
    if isASCII(v.chars, v.count) {
      let q = try allocate(v.count).assumingMemoryBound(to: UInt8.self)
      for i in 0..<v.count { q[i] = i == 0 ? upperASCII(v.chars[i]) : lowerASCII(v.chars[i]) }
      return V.str(UnsafePointer(q), v.count, markup: v.isMarkup)
    }
    let mark = outCount
    let s = scalars(v.bytes)
    for i in s.indices { if i == 0 { try emitTitle(s[0]) } else { try emitLower(s, i) } }
    return try take(from: mark, markup: v.isMarkup)
  }

  /// `str.title`
  func titleMethod(_ v: V) throws(Fault) -> V {
    let mark = outCount
    let s = scalars(v.bytes)
    var previousCased = false
    for i in s.indices {
      if previousCased { try emitLower(s, i) } else { try emitTitle(s[i]) }
      previousCased = CharacterClass.isCased(s[i])
    }
    return try take(from: mark, markup: v.isMarkup)
  }

  func swapcase(_ v: V) throws(Fault) -> V {
    let mark = outCount
    let s = scalars(v.bytes)
    for i in s.indices {
      if CharacterClass.isUpper(s[i]) { try emitLower(s, i) } else if CharacterClass.isLower(s[i]) { try emitUpper(s[i]) } else { try emitRaw(s[i]) }
    }
    return try take(from: mark, markup: v.isMarkup)
  }

  /// `str.casefold`, by the lower case of the upper case of what has no simple folding.
  func casefold(_ v: V) throws(Fault) -> V {
    let mark = outCount
    for s in scalars(v.bytes) {
      guard let u = Unicode.Scalar(s) else {
        try emitRaw(s)
        continue
      }
      switch s {
      case 0x3C2: try emitRaw(0x3C3)
      case 0x1E9E: try emit("ss")
      case 0x130: try emit("i\u{307}")
      case 0x131, 0x13A0...0x13F5: try emitRaw(s)
      case 0x13F8...0x13FD: try emitRaw(s - 8)
      case 0xAB70...0xABBF: try emitRaw(s - 0xAB70 + 0x13A0)
      default:
        let lowered = u.properties.lowercaseMapping
        if lowered.unicodeScalars.count == 1, lowered.unicodeScalars.first == u {
          let raised = u.properties.uppercaseMapping.unicodeScalars
          for c in raised { for d in c.properties.lowercaseMapping.unicodeScalars { try emitRaw(d.value == 0x3C2 ? 0x3C3 : d.value) } }
        } else {
          for c in lowered.unicodeScalars { try emitRaw(c.value) }
        }
      }
    }
    return try take(from: mark, markup: v.isMarkup)
  }

  func isLowerText(_ v: V) -> Bool {
    var cased = false
    for s in scalars(v.bytes) {
      if CharacterClass.isUpper(s) || CharacterClass.isTitle(s) { return false }
      if CharacterClass.isLower(s) { cased = true }
    }
    return cased
  }

  func isUpperText(_ v: V) -> Bool {
    var cased = false
    for s in scalars(v.bytes) {
      if CharacterClass.isLower(s) || CharacterClass.isTitle(s) { return false }
      if CharacterClass.isUpper(s) { cased = true }
    }
    return cased
  }
}

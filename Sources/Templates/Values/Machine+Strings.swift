#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

@inline(__always) func upperASCII(_ c: UInt8) -> UInt8 { c >= 97 && c <= 122 ? c - 32 : c }
@inline(__always) func lowerASCII(_ c: UInt8) -> UInt8 { c >= 65 && c <= 90 ? c + 32 : c }

extension Machine {
  // MARK: case

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
  private func titleMethod(_ v: V) throws(Fault) -> V {
    let mark = outCount
    let s = scalars(v.bytes)
    var previousCased = false
    for i in s.indices {
      if previousCased { try emitLower(s, i) } else { try emitTitle(s[i]) }
      previousCased = CharacterClass.isCased(s[i])
    }
    return try take(from: mark, markup: v.isMarkup)
  }

  private func swapcase(_ v: V) throws(Fault) -> V {
    let mark = outCount
    let s = scalars(v.bytes)
    for i in s.indices {
      if CharacterClass.isUpper(s[i]) { try emitLower(s, i) } else if CharacterClass.isLower(s[i]) { try emitUpper(s[i]) } else { try emitRaw(s[i]) }
    }
    return try take(from: mark, markup: v.isMarkup)
  }

  /// `str.casefold`, by the lower case of the upper case of what has no simple folding.
  private func casefold(_ v: V) throws(Fault) -> V {
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

  // MARK: white space

  /// The bytes left after stripping: white space, or the code points of `chars`.
  func strip(_ v: V, _ chars: V, left: Bool, right: Bool) throws(Fault) -> V {
    if chars.tag != .none, chars.tag != .missing, chars.tag != .str {
      throw typeError("strip arg must be None or str")
    }
    let p = v.chars
    var i = 0
    var e = v.count
    let set: [UInt32]? = chars.tag == .str ? scalars(chars.bytes) : nil
    if let set, set.count > 16 { try burn((v.count >> 4) &* (set.count >> 4)) }
    func drops(_ s: UInt32) -> Bool { set.map { $0.contains(s) } ?? isPythonSpace(s) }
    if left {
      while i < e {
        let (s, n) = decodeScalar(p + i, e - i)
        if !drops(s) { break }
        i += n
      }
    }
    if right {
      while e > i {
        var k = e - 1
        while k > i, p[k] & 0xC0 == 0x80 { k -= 1 }
        let (s, _) = decodeScalar(p + k, e - k)
        if !drops(s) { break }
        e = k
      }
    }
    return V.str(p + i, e - i, markup: v.isMarkup)
  }

  private func piece(_ v: V, _ start: Int, _ end: Int) -> V { V.str(v.chars + start, end - start, markup: v.isMarkup) }

  /// `str.split` and, from the right, `str.rsplit`.
  func split(_ v: V, _ separator: V, _ limit: Int, fromRight: Bool) throws(Fault) -> V {
    let l = try list(capacity: 8)
    let n = v.count
    let p = v.chars
    try burn(n / 64 + 1)
    if separator.tag == .none || separator.tag == .missing {
      var words: [(Int, Int)] = []
      var i = 0
      var start = -1
      while i < n {
        let (s, w) = decodeScalar(p + i, n - i)
        if isPythonSpace(s) {
          if start >= 0 {
            words.append((start, i))
            start = -1
          }
        } else if start < 0 {
          start = i
        }
        i += w
      }
      if start >= 0 { words.append((start, n)) }
      if limit >= 0, words.count > limit + 0, words.count > 0, limit < words.count {
        if fromRight {
          // What is left keeps its inner spaces.
          let keep = words.count - limit
          if keep > 0 {
            let rest = (words[0].0, words[keep - 1].1)
            let head = try strip(piece(v, 0, rest.1), .none, left: false, right: true)
            try append(head, to: l)
            for k in keep..<words.count { try append(piece(v, words[k].0, words[k].1), to: l) }
            return l
          }
        } else {
          for k in 0..<limit { try append(piece(v, words[k].0, words[k].1), to: l) }
          if limit < words.count {
            try append(piece(v, words[limit].0, n), to: l)
          }
          return l
        }
      }
      for w in words { try append(piece(v, w.0, w.1), to: l) }
      return l
    }
    guard separator.tag == .str else {
      throw typeError("must be str or None, not \(typeName(separator))")
    }
    let m = separator.count
    if m == 0 { throw valueError("empty separator") }
    if fromRight {
      var parts: [V] = []
      var end = n
      var left = limit
      var i = n - m
      while i >= 0, left != 0 {
        if memcmp(p + i, separator.chars, m) == 0 {
          parts.append(piece(v, i + m, end))
          end = i
          i -= m
          left -= 1
        } else {
          i -= 1
        }
      }
      parts.append(piece(v, 0, end))
      for x in parts.reversed() { try append(x, to: l) }
      return l
    }
    var start = 0
    var left = limit
    while left != 0, let hit = findBytes(v.bytes, separator.bytes, from: start) {
      try append(piece(v, start, hit), to: l)
      start = hit + m
      left -= 1
    }
    try append(piece(v, start, n), to: l)
    return l
  }

  func splitlines(_ v: V, keepEnds: Bool) throws(Fault) -> V {
    let l = try list(capacity: 8)
    let p = v.chars
    let n = v.count
    try burn(n / 64 + 1)
    var start = 0
    var i = 0
    while i < n {
      let (s, w) = decodeScalar(p + i, n - i)
      if isLineBreak(s) {
        var e = i + w
        if s == 13, e < n, p[e] == 10 { e += 1 }
        try append(piece(v, start, keepEnds ? e : i), to: l)
        i = e
        start = e
      } else {
        i += w
      }
    }
    if start < n { try append(piece(v, start, n), to: l) }
    return l
  }

  func replace(_ v: V, _ old: V, _ new: V, _ limit: Int) throws(Fault) -> V {
    if limit == 0 { return v }
    let mark = outCount
    let p = v.chars
    let n = v.count
    try burn(n / 64 + 1)
    try search(v, old)
    var left = max(limit, -1)
    if old.count == 0 {
      var i = 0
      while i < n, left != 0 {
        try emit(new.chars, new.count)
        let w = sequenceLength(p[i], n - i)
        try emit(p + i, w)
        i += w
        left -= 1
      }
      if left != 0 { try emit(new.chars, new.count) }
      try emit(p + i, n - i)
      try growth(mark)
      return try take(from: mark, markup: v.isMarkup)
    }
    var start = 0
    while left != 0, let hit = findBytes(v.bytes, old.bytes, from: start) {
      try emit(p + start, hit - start)
      try emit(new.chars, new.count)
      start = hit + old.count
      left -= 1
    }
    if start == 0 {
      outCount = mark
      return v
    }
    try emit(p + start, n - start)
    try growth(mark)
    return try take(from: mark, markup: v.isMarkup)
  }

  /// Charges for text that a filter made.
  @inline(__always) func growth(_ mark: Int) throws(Fault) { try burn((outCount - mark) / 256) }

  /// `str.center`, `ljust` and `rjust`.
  func pad(_ v: V, _ width: Int, _ fill: V, _ align: Method) throws(Fault) -> V {
    let length = countScalars(v.chars, v.count)
    guard width > length else { return v }
    let room = width - length
    guard room < memoryLimit else { throw memoryFault() }
    try burn(room / 64)
    // Python's centering puts the odd one on the left when the width is odd too.
    let left = align == .ljust ? 0 : align == .rjust ? room : room / 2 + (room & width & 1)
    let total = v.count + room * fill.count
    let q = try allocate(total).assumingMemoryBound(to: UInt8.self)
    var o = 0
    func put(_ count: Int) {
      if fill.count == 1 {
        memset(q + o, Int32(fill.chars[0]), count)
        o += count
      } else {
        for _ in 0..<count {
          memcpy(q + o, fill.chars, fill.count)
          o += fill.count
        }
      }
    }
    put(left)
    memcpy(q + o, v.chars, v.count)
    o += v.count
    put(room - left)
    return V.str(UnsafePointer(q), o, markup: v.isMarkup)
  }

  // MARK: methods

  private func str(_ v: V, _ what: String) throws(Fault) -> V {
    // Python's own methods refuse an undefined as they refuse any other type.
    guard v.tag == .str else { throw typeError("\(what) must be str, not \(typeName(v))") }
    return v
  }

  private func integer(_ v: V) throws(Fault) -> Int {
    try index(v, "'\(typeName(v))' object cannot be interpreted as an integer")
  }

  private func limits(_ m: Method, _ a: Args, _ range: ClosedRange<Int>) throws(Fault) {
    if a.namedCount > 0 { throw typeError("str.\(m)() takes no keyword arguments") }
    if !range.contains(a.count) { throw typeError("\(m)() takes from \(range.lowerBound) to \(range.upperBound) arguments (\(a.count) given)") }
  }

  func callString(_ v: V, _ m: Method, _ a: Args) throws(Fault) -> V {
    try burn(v.count >> 10)
    if a.count > 0, a.base[0].tag == .str { try search(v, a.base[0]) }
    switch m {
    case .upper:
      try limits(m, a, 0...0)
      return try upper(v)
    case .lower:
      try limits(m, a, 0...0)
      return try lower(v)
    case .capitalize:
      try limits(m, a, 0...0)
      return try capitalize(v)
    case .title:
      try limits(m, a, 0...0)
      return try titleMethod(v)
    case .swapcase:
      try limits(m, a, 0...0)
      return try swapcase(v)
    case .casefold:
      try limits(m, a, 0...0)
      return try casefold(v)
    case .strip, .lstrip, .rstrip:
      try limits(m, a, 0...1)
      return try strip(v, a.count == 1 ? a.base[0] : .none, left: m != .rstrip, right: m != .lstrip)
    case .split, .rsplit:
      guard a.count <= 2 else { throw typeError("\(m)() takes at most 2 arguments (\(a.count) given)") }
      for i in 0..<a.namedCount where !a.name(i).isText("sep") && !a.name(i).isText("maxsplit") {
        throw typeError("'\(a.name(i).text)' is an invalid keyword argument for \(m)()")
      }
      let separator = a.count > 0 ? a.base[0] : a.value("sep") ?? .none
      let limit = a.count > 1 ? a.base[1] : a.value("maxsplit") ?? .int(-1)
      return try split(v, separator, max(-1, try integer(limit)), fromRight: m == .rsplit)
    case .splitlines:
      guard a.count + a.namedCount <= 1 else { throw typeError("splitlines() takes at most 1 argument (\(a.count) given)") }
      let keep = a.count > 0 ? a.base[0] : a.value("keepends")
      if a.namedCount == 1, keep == nil { throw typeError("'\(a.name(0).text)' is an invalid keyword argument for splitlines()") }
      return try splitlines(v, keepEnds: try keep.map { (x) throws(Fault) in try integer(x) != 0 } ?? false)
    case .replace:
      guard a.count >= 2, a.count <= 3, a.namedCount == 0 else { throw typeError("replace expected 2 to 3 arguments, got \(a.count)") }
      let old = try str(a.base[0], "replace() argument 1")
      var new = try str(a.base[1], "replace() argument 2")
      if v.isMarkup { new = try escaped(new) }
      return try replace(v, old, new, a.count == 3 ? try integer(a.base[2]) : -1)
    case .join:
      try limits(m, a, 1...1)
      if a.base[0].tag == .undefined { try strictCheck(a.base[0]) }
      guard isIterable(a.base[0]) else { throw typeError("can only join an iterable") }
      let mark = outCount
      var it = try iterate(a.base[0])
      var i = 0
      while let x = try next(&it) {
        if i > 0 { try emit(v.chars, v.count) }
        if v.isMarkup {
          let e = try escaped(x)
          try emit(e.chars, e.count)
        } else {
          guard x.tag == .str else {
            throw x.tag == .undefined && isStrict(x)
              ? typeError("sequence item \(i): expected str instance, StrictUndefined found")
              : typeError("sequence item \(i): expected str instance, \(typeName(x)) found")
          }
          try emit(x.chars, x.count)
        }
        i += 1
      }
      try growth(mark)
      return try take(from: mark, markup: v.isMarkup)
    case .startswith, .endswith:
      try limits(m, a, 1...3)
      var subject = v
      if a.count > 1 { subject = try slice(v, a.base[1], a.count > 2 ? a.base[2] : .none, .none) }
      func check(_ x: V) throws(Fault) -> Bool {
        guard x.tag == .str else {
          throw typeError("\(m) first arg must be str or a tuple of str, not \(typeName(x))")
        }
        guard x.count <= subject.count else { return false }
        return memcmp(m == .startswith ? subject.chars : subject.chars + (subject.count - x.count), x.chars, x.count) == 0
      }
      if a.base[0].tag == .tuple {
        let l = a.base[0].list
        for i in 0..<l.pointee.count where try check(l.pointee.items[i]) { return .yes }
        return .no
      }
      return .bool(try check(a.base[0]))
    case .find, .rfind, .index, .rindex, .count:
      try limits(m, a, 1...3)
      let needle = try str(a.base[0], "\(m)() argument 1")
      var subject = v
      var offset = 0
      if a.count > 1 {
        let n = countScalars(v.chars, v.count)
        let s = a.base[1].tag == .none ? 0 : try integer(a.base[1])
        offset = s < 0 ? max(0, s + n) : s
        subject = try slice(v, a.base[1], a.count > 2 ? a.base[2] : .none, .none)
        if offset > n {
          if m == .count { return .int(0) }
          if m == .index || m == .rindex { throw valueError("substring not found") }
          return .int(-1)
        }
      }
      if m == .count {
        if needle.count == 0 { return .int(countScalars(subject.chars, subject.count) + 1) }
        var n = 0
        var i = 0
        while let hit = findBytes(subject.bytes, needle.bytes, from: i) {
          n += 1
          i = hit + needle.count
        }
        return .int(n)
      }
      var found: Int?
      if m == .find || m == .index {
        found = findBytes(subject.bytes, needle.bytes, from: 0)
      } else if needle.count <= subject.count {
        var i = subject.count - needle.count
        while i >= 0 {
          if memcmp(subject.chars + i, needle.chars, needle.count) == 0 {
            found = i
            break
          }
          i -= 1
        }
      }
      guard let found else {
        if m == .index || m == .rindex { throw valueError("substring not found") }
        return .int(-1)
      }
      return .int(offset + countScalars(subject.chars, found))
    case .partition, .rpartition:
      try limits(m, a, 1...1)
      let s = try str(a.base[0], "must")
      if s.count == 0 { throw valueError("empty separator") }
      let t = try list(capacity: 3, tag: .tuple)
      var hit: Int?
      if m == .partition {
        hit = findBytes(v.bytes, s.bytes, from: 0)
      } else if s.count <= v.count {
        var i = v.count - s.count
        while i >= 0 {
          if memcmp(v.chars + i, s.chars, s.count) == 0 {
            hit = i
            break
          }
          i -= 1
        }
      }
      let none = V.str(V.emptyBytes, 0, markup: v.isMarkup)
      if let hit {
        try append(piece(v, 0, hit), to: t)
        try append(piece(v, hit, hit + s.count), to: t)
        try append(piece(v, hit + s.count, v.count), to: t)
      } else if m == .partition {
        try append(v, to: t)
        try append(none, to: t)
        try append(none, to: t)
      } else {
        try append(none, to: t)
        try append(none, to: t)
        try append(v, to: t)
      }
      return t
    case .removeprefix, .removesuffix:
      try limits(m, a, 1...1)
      let s = try str(a.base[0], "\(m)() argument")
      if s.count <= v.count, s.count > 0 {
        if m == .removeprefix, memcmp(v.chars, s.chars, s.count) == 0 { return piece(v, s.count, v.count) }
        if m == .removesuffix, memcmp(v.chars + (v.count - s.count), s.chars, s.count) == 0 { return piece(v, 0, v.count - s.count) }
      }
      return v
    case .center, .ljust, .rjust:
      try limits(m, a, 1...2)
      var fill = a.count == 2 ? try str(a.base[1], "The fill character") : try string(" ")
      if countScalars(fill.chars, fill.count) != 1 { throw typeError("The fill character must be exactly one character long") }
      if v.isMarkup { fill = try escaped(fill) }
      if countScalars(fill.chars, fill.count) != 1 { throw typeError("The fill character must be exactly one character long") }
      return try pad(v, try integer(a.base[0]), fill, m)
    case .zfill:
      try limits(m, a, 1...1)
      let width = try integer(a.base[0])
      let n = countScalars(v.chars, v.count)
      guard width > n else { return v }
      let zero = try string("0")
      if v.count > 0, v.chars[0] == UInt8(ascii: "+") || v.chars[0] == UInt8(ascii: "-") {
        let rest = try pad(piece(v, 1, v.count), width - 1, zero, .rjust)
        let joined = try join(piece(v, 0, 1), rest)
        return v.isMarkup ? joined.asMarkup : joined
      }
      return try pad(v, width, zero, .rjust)
    case .expandtabs:
      guard a.count + a.namedCount <= 1 else { throw typeError("expandtabs() takes at most 1 argument (\(a.count) given)") }
      let size = try (a.count > 0 ? a.base[0] : a.value("tabsize")).map { (x) throws(Fault) in try integer(x) } ?? 8
      guard size < 1 << 20 else { throw memoryFault() }
      let mark = outCount
      var column = 0
      for s in scalars(v.bytes) {
        if s == 9 {
          if size > 0 {
            let k = size - column % size
            for _ in 0..<k { try emit(byte: 32) }
            column += k
          }
        } else {
          try emitRaw(s)
          column = s == 10 || s == 13 ? 0 : column + 1
        }
      }
      return try take(from: mark, markup: v.isMarkup)
    case .isalnum, .isalpha, .isdecimal, .isdigit, .isnumeric, .isspace:
      try limits(m, a, 0...0)
      let s = scalars(v.bytes)
      if s.isEmpty { return .no }
      return .bool(
        s.allSatisfy {
          switch m {
          case .isalpha: CharacterClass.isAlpha($0)
          case .isdecimal: CharacterClass.isDecimal($0)
          case .isdigit: CharacterClass.isDigit($0)
          case .isnumeric: CharacterClass.isNumeric($0)
          case .isspace: isPythonSpace($0)
          default: CharacterClass.isAlpha($0) || CharacterClass.isDecimal($0) || CharacterClass.isDigit($0) || CharacterClass.isNumeric($0)
          }
        })
    case .isascii:
      try limits(m, a, 0...0)
      return .bool(isASCII(v.chars, v.count))
    case .isprintable:
      try limits(m, a, 0...0)
      return .bool(scalars(v.bytes).allSatisfy(isPrintable))
    case .islower, .isupper:
      try limits(m, a, 0...0)
      return .bool(m == .islower ? isLowerText(v) : isUpperText(v))
    case .istitle:
      try limits(m, a, 0...0)
      var cased = false
      var previous = false
      for s in scalars(v.bytes) {
        if CharacterClass.isUpper(s) || CharacterClass.isTitle(s) {
          if previous { return .no }
          previous = true
          cased = true
        } else if CharacterClass.isLower(s) {
          if !previous { return .no }
          previous = true
          cased = true
        } else {
          previous = false
        }
      }
      return .bool(cased)
    case .isidentifier:
      try limits(m, a, 0...0)
      let s = scalars(v.bytes)
      guard let f = s.first else { return .no }
      func ok(_ x: UInt32, _ first: Bool) -> Bool {
        if x == 0x5F { return true }
        guard let u = Unicode.Scalar(x) else { return false }
        return first ? u.properties.isXIDStart : u.properties.isXIDContinue
      }
      return .bool(ok(f, true) && s.dropFirst().allSatisfy { ok($0, false) })
    case .format: return try formatMethod(v, a)
    case .format_map:
      try limits(m, a, 1...1)
      return try formatMap(v, a.base[0])
    default: throw typeError("'str.\(m)' is not available here")
    }
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

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension Machine {
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

  func piece(_ v: V, _ start: Int, _ end: Int) -> V { V.str(v.chars + start, end - start, markup: v.isMarkup) }

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
}

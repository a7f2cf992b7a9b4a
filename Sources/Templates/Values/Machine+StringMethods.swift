#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension Machine {
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
}

// Code points in UTF-8, as Python's `str` sees them. Surrogates that a template or a row wrote by escape are kept, as three bytes each.

/// How many bytes the code point that begins with `lead` takes.
@inline(__always) func sequenceLength(_ lead: UInt8, _ available: Int) -> Int {
  let n = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
  return n <= available ? n : available
}

/// The code point at `p` and its length; a broken byte is its own code point.
@inline(__always) func decodeScalar(_ p: UnsafePointer<UInt8>, _ available: Int) -> (UInt32, Int) {
  let b = p[0]
  if b < 0x80 { return (UInt32(b), 1) }
  if b < 0xE0 {
    if available < 2 { return (UInt32(b), 1) }
    return (UInt32(b & 0x1F) << 6 | UInt32(p[1] & 0x3F), 2)
  }
  if b < 0xF0 {
    if available < 3 { return (UInt32(b), 1) }
    return (UInt32(b & 0x0F) << 12 | UInt32(p[1] & 0x3F) << 6 | UInt32(p[2] & 0x3F), 3)
  }
  if available < 4 { return (UInt32(b), 1) }
  return (UInt32(b & 0x07) << 18 | UInt32(p[1] & 0x3F) << 12 | UInt32(p[2] & 0x3F) << 6 | UInt32(p[3] & 0x3F), 4)
}

/// How many code points some bytes are.
func countScalars(_ p: UnsafePointer<UInt8>, _ n: Int) -> Int {
  var count = 0
  var i = 0
  let raw = UnsafeRawPointer(p)
  while i + 8 <= n {
    let w = raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)
    // Continuation bytes have bit 7 set and bit 6 clear.
    let continuation = (w >> 7) & (~w >> 6) & 0x0101_0101_0101_0101
    count += 8 - continuation.nonzeroBitCount
    i += 8
  }
  while i < n {
    if p[i] & 0xC0 != 0x80 { count += 1 }
    i += 1
  }
  return count
}

func isASCII(_ p: UnsafePointer<UInt8>, _ n: Int) -> Bool {
  var i = 0
  let raw = UnsafeRawPointer(p)
  while i + 8 <= n {
    if raw.loadUnaligned(fromByteOffset: i, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { return false }
    i += 8
  }
  while i < n {
    if p[i] >= 0x80 { return false }
    i += 1
  }
  return true
}

/// The code points of a string.
func scalars(_ b: UnsafeBufferPointer<UInt8>) -> [UInt32] {
  var out: [UInt32] = []
  out.reserveCapacity(b.count)
  var i = 0
  while i < b.count {
    let (s, n) = decodeScalar(b.baseAddress! + i, b.count - i)
    out.append(s)
    i += n
  }
  return out
}

/// `str.isspace` of one code point.
@inline(__always) func isPythonSpace(_ s: UInt32) -> Bool {
  if s < 0x80 { return s == 0x20 || (s >= 9 && s <= 13) || (s >= 0x1C && s <= 0x1F) }
  switch s {
  case 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: return true
  default: return false
  }
}

/// A line break of `str.splitlines`.
func isLineBreak(_ s: UInt32) -> Bool {
  switch s {
  case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
  default: false
  }
}

/// `str.isprintable` of one code point.
func isPrintable(_ s: UInt32) -> Bool {
  if s < 0x7F { return s >= 0x20 }
  guard let u = Unicode.Scalar(s) else { return false }
  switch u.properties.generalCategory {
  case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator: return false
  default: return true
  }
}

enum CharacterClass {
  static func isAlpha(_ s: UInt32) -> Bool {
    if s < 0x80 { return s | 0x20 >= 97 && s | 0x20 <= 122 }
    guard let u = Unicode.Scalar(s) else { return false }
    switch u.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return true
    default: return false
    }
  }

  static func isDecimal(_ s: UInt32) -> Bool {
    if s < 0x80 { return s >= 48 && s <= 57 }
    return Unicode.Scalar(s)?.properties.generalCategory == .decimalNumber
  }

  static func isDigit(_ s: UInt32) -> Bool {
    if s < 0x80 { return s >= 48 && s <= 57 }
    switch Unicode.Scalar(s)?.properties.numericType {
    case .decimal?, .digit?: return true
    default: return false
    }
  }

  static func isNumeric(_ s: UInt32) -> Bool {
    if s < 0x80 { return s >= 48 && s <= 57 }
    return Unicode.Scalar(s)?.properties.numericType != nil
  }

  static func isUpper(_ s: UInt32) -> Bool {
    if s < 0x80 { return s >= 65 && s <= 90 }
    return Unicode.Scalar(s)?.properties.isUppercase ?? false
  }

  static func isLower(_ s: UInt32) -> Bool {
    if s < 0x80 { return s >= 97 && s <= 122 }
    return Unicode.Scalar(s)?.properties.isLowercase ?? false
  }

  static func isTitle(_ s: UInt32) -> Bool { s >= 0x80 && Unicode.Scalar(s)?.properties.generalCategory == .titlecaseLetter }
  static func isCased(_ s: UInt32) -> Bool {
    if s < 0x80 { return s | 0x20 >= 97 && s | 0x20 <= 122 }
    return Unicode.Scalar(s)?.properties.isCased ?? false
  }
  static func isCaseIgnorable(_ s: UInt32) -> Bool { Unicode.Scalar(s)?.properties.isCaseIgnorable ?? false }

  static func digitValue(_ s: UInt32) -> Int? {
    if s < 0x80 { return s >= 48 && s <= 57 ? Int(s) - 48 : nil }
    guard let u = Unicode.Scalar(s), u.properties.generalCategory == .decimalNumber, let v = u.properties.numericValue else { return nil }
    return Int(v)
  }
}

/// Where `needle` begins in `haystack` at or after `from`.
func findBytes(_ haystack: UnsafeBufferPointer<UInt8>, _ needle: UnsafeBufferPointer<UInt8>, from: Int) -> Int? {
  let n = needle.count
  if n == 0 { return from <= haystack.count ? from : nil }
  guard haystack.count - from >= n, let h = haystack.baseAddress, let p = needle.baseAddress else { return nil }
  return findRaw(h, haystack.count, p, n, from)
}

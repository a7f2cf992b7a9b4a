/// Checks JSON that comes from outside against RFC 8259, strictly, and copies it without the white space between tokens.
///
/// Refused: invalid UTF-8, control characters in strings, lone surrogates, duplicate keys at any level (they would mean different
/// things to different readers), `NaN` and `Infinity`, nesting deeper than ``maximumDepth``, anything after the value. Numbers and
/// strings are copied as they are written: `9007199254740993` and `1.10` survive.
public struct JSONValidator {
  /// Deeper nesting is refused: it has no use in rows and would cost every later reader a deep stack.
  public static let maximumDepth = 512

  private let text: UnsafeRawBufferPointer
  private let base: UnsafeRawPointer
  private var at: Int
  private let end: Int
  private var depth = 0
  // Start of what has been read and not yet copied; a copy is only made where white space was skipped.
  private var run: Int
  private var out: [UInt8]
  // Hashes of the keys of all open objects; each object looks back to where its own begin.
  private var keys: [(hash: UInt64, range: Range<Int>)] = []
  // The same as sets, for open objects with many keys; the innermost last.
  private var sets: [(first: Int, hashes: Set<UInt64>)] = []
  /// Up to so many keys of one object are compared one by one.
  private static let comparedKeys = 40

  /// Appends the object that `text` holds to `out`, compact.
  /// - Throws: `JSONError` at the first offending byte; `out` is then as it was.
  public static func appendObject(_ text: UnsafeRawBufferPointer, to out: inout [UInt8]) throws(JSONError) {
    try append(text, to: &out, objectOnly: true)
  }

  /// Appends the value of any kind that `text` holds to `out`, compact.
  public static func appendValue(_ text: UnsafeRawBufferPointer, to out: inout [UInt8]) throws(JSONError) {
    try append(text, to: &out, objectOnly: false)
  }

  private static func append(_ text: UnsafeRawBufferPointer, to out: inout [UInt8], objectOnly: Bool) throws(JSONError) {
    guard text.count > 0 else { throw JSONError(offset: 0, message: "expected a JSON value, found nothing") }
    let mark = out.count
    var validator = JSONValidator(text, out: out)
    out = []
    do {
      try validator.readAll(objectOnly: objectOnly)
      out = validator.out
    } catch {
      out = validator.out
      out.removeSubrange(mark...)
      throw error
    }
  }

  private init(_ text: UnsafeRawBufferPointer, out: [UInt8]) {
    self.text = text
    self.base = text.baseAddress!
    self.end = text.count
    self.at = 0
    self.run = 0
    self.out = out
  }

  @inline(__always) private func byte(_ offset: Int) -> UInt8 { base.load(fromByteOffset: offset, as: UInt8.self) }

  private func fail(_ message: String, at offset: Int? = nil) -> JSONError { JSONError(offset: offset ?? at, message: message) }

  private mutating func readAll(objectOnly: Bool) throws(JSONError) {
    skipSpace()
    if objectOnly, at < end, byte(at) != UInt8(ascii: "{") { throw fail("expected an object `{…}`, found \(Self.name(of: byte(at)))") }
    try readValue()
    copyRun()
    skipSpace()
    guard at == end else { throw fail("expected the end of the row after the value, found \(Self.name(of: byte(at)))") }
  }

  private mutating func copyRun() {
    if run < at { out.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[run..<at])) }
    run = at
  }

  @inline(__always) private mutating func skipSpace() {
    guard at < end, byte(at) <= 0x20 else { return }
    copyRun()
    while at < end, case let b = byte(at), b == 0x20 || b == 0x0A || b == 0x0D || b == 0x09 { at &+= 1 }
    run = at
  }

  private mutating func readValue() throws(JSONError) {
    guard at < end else { throw fail("expected a value, found the end of the text") }
    switch byte(at) {
    case UInt8(ascii: "\""): try readString()
    case UInt8(ascii: "{"): try readObject()
    case UInt8(ascii: "["): try readArray()
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try readNumber()
    case UInt8(ascii: "t"): try readWord("true")
    case UInt8(ascii: "f"): try readWord("false")
    case UInt8(ascii: "n"): try readWord("null")
    case UInt8(ascii: "N"), UInt8(ascii: "I"): throw fail("`NaN` and `Infinity` are not JSON numbers")
    case UInt8(ascii: "'"): throw fail("strings are written with `\"`, not `'`")
    case let other: throw fail("expected a value, found \(Self.name(of: other))")
    }
  }

  private mutating func readWord(_ word: StaticString) throws(JSONError) {
    let count = word.utf8CodeUnitCount
    guard at + count <= end, JSONScanner.equal(base + at, UnsafeRawPointer(word.utf8Start), count) else {
      throw fail("expected `\(word)`")
    }
    at += count
  }

  private mutating func enter() throws(JSONError) {
    depth += 1
    guard depth <= Self.maximumDepth else { throw fail("nested deeper than \(Self.maximumDepth) levels") }
    at += 1
    skipSpace()
  }

  private mutating func readArray() throws(JSONError) {
    try enter()
    if at < end, byte(at) == UInt8(ascii: "]") {
      at += 1
      depth -= 1
      return
    }
    while true {
      try readValue()
      skipSpace()
      guard at < end else { throw fail("expected `,` or `]`, found the end of the text") }
      let separator = byte(at)
      guard separator == UInt8(ascii: ",") || separator == UInt8(ascii: "]") else {
        throw fail("expected `,` or `]`, found \(Self.name(of: separator))")
      }
      at += 1
      if separator == UInt8(ascii: "]") { break }
      skipSpace()
      if at < end, byte(at) == UInt8(ascii: "]") { throw fail("a comma before `]`") }
    }
    depth -= 1
  }

  private mutating func readObject() throws(JSONError) {
    try enter()
    if at < end, byte(at) == UInt8(ascii: "}") {
      at += 1
      depth -= 1
      return
    }
    let first = keys.count
    while true {
      guard at < end else { throw fail("expected a key, found the end of the text") }
      guard byte(at) == UInt8(ascii: "\"") else { throw fail("expected a key in `\"`, found \(Self.name(of: byte(at)))") }
      let start = at
      try readString()
      try checkDuplicate(start..<at, since: first)
      skipSpace()
      guard at < end, byte(at) == UInt8(ascii: ":") else {
        throw fail("expected `:` after the key, found \(at < end ? Self.name(of: byte(at)) : "the end of the text")")
      }
      at += 1
      skipSpace()
      try readValue()
      skipSpace()
      guard at < end else { throw fail("expected `,` or `}`, found the end of the text") }
      let separator = byte(at)
      guard separator == UInt8(ascii: ",") || separator == UInt8(ascii: "}") else {
        throw fail("expected `,` or `}`, found \(Self.name(of: separator))")
      }
      at += 1
      if separator == UInt8(ascii: "}") { break }
      skipSpace()
      if at < end, byte(at) == UInt8(ascii: "}") { throw fail("a comma before `}`") }
    }
    keys.removeSubrange(first...)
    if sets.last?.first == first { sets.removeLast() }
    depth -= 1
  }

  private mutating func checkDuplicate(_ range: Range<Int>, since first: Int) throws(JSONError) {
    let token = UnsafeRawBufferPointer(rebasing: text[range])
    let escaped = token.contains(UInt8(ascii: "\\"))
    let hash = escaped ? XXHash64.hash(JSONText.decoded(token)) : XXHash64.hash(UnsafeRawBufferPointer(rebasing: token[1..<(token.count - 1)]))
    if mayBeKnown(hash, since: first) {
      for index in first..<keys.count where keys[index].hash == hash {
        let name = JSONText.decoded(token)
        if JSONText.decoded(UnsafeRawBufferPointer(rebasing: text[keys[index].range])) == name {
          throw fail("duplicate key `\(String(decoding: name, as: UTF8.self))`", at: range.lowerBound)
        }
      }
    }
    keys.append((hash, range))
  }

  /// Whether a key of this hash may stand in the object already; remembers it when the object has many.
  private mutating func mayBeKnown(_ hash: UInt64, since first: Int) -> Bool {
    guard keys.count - first >= Self.comparedKeys else { return true }
    if sets.last?.first != first { sets.append((first, Set(keys[first...].lazy.map(\.hash)))) }
    return !sets[sets.count - 1].hashes.insert(hash).inserted
  }

  private mutating func readNumber() throws(JSONError) {
    let start = at
    if byte(at) == UInt8(ascii: "-") { at += 1 }
    guard at < end, isDigit(byte(at)) else {
      throw fail(at < end && byte(at) == UInt8(ascii: "I") ? "`NaN` and `Infinity` are not JSON numbers" : "expected a digit after `-`")
    }
    if byte(at) == UInt8(ascii: "0") {
      at += 1
      if at < end, isDigit(byte(at)) { throw fail("a number has no leading zero; quote it if it is text", at: start) }
    } else {
      skipDigits()
    }
    if at < end, byte(at) == UInt8(ascii: ".") {
      at += 1
      guard at < end, isDigit(byte(at)) else { throw fail("expected a digit after `.`") }
      skipDigits()
    }
    if at < end, byte(at) | 0x20 == UInt8(ascii: "e") {
      at += 1
      if at < end, byte(at) == UInt8(ascii: "+") || byte(at) == UInt8(ascii: "-") { at += 1 }
      guard at < end, isDigit(byte(at)) else { throw fail("expected a digit in the exponent") }
      skipDigits()
      // `1e999` is no finite number anywhere: it would come back as infinity.
      if Double(String(decoding: UnsafeRawBufferPointer(rebasing: text[start..<at]), as: UTF8.self))?.isFinite != true {
        throw fail("the number is too large to be finite", at: start)
      }
    }
  }

  @inline(__always) private func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  @inline(__always) private mutating func skipDigits() {
    while at < end, isDigit(byte(at)) { at &+= 1 }
  }

  private mutating func readString() throws(JSONError) {
    let start = at
    at += 1
    while true {
      // Eight bytes at a time while all are plain ASCII: no quote, backslash, control character or byte above 0x7F.
      while at &+ 8 <= end {
        let word = base.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        let quote = word ^ 0x2222_2222_2222_2222
        let slash = word ^ 0x5C5C_5C5C_5C5C_5C5C
        let special = (quote &- 0x0101_0101_0101_0101) & ~quote | (slash &- 0x0101_0101_0101_0101) & ~slash | (word &- 0x2020_2020_2020_2020) | word
        let hit = special & 0x8080_8080_8080_8080
        if hit == 0 {
          at &+= 8
          continue
        }
        at &+= UInt64(littleEndian: hit).trailingZeroBitCount >> 3
        break
      }
      guard at < end else { throw fail("the string that begins here has no closing `\"`", at: start) }
      let b = byte(at)
      if b == UInt8(ascii: "\"") {
        at &+= 1
        return
      }
      if b == UInt8(ascii: "\\") {
        try readEscape()
      } else if b < 0x20 {
        throw fail("a control character (0x\(String(b, radix: 16))) inside a string must be escaped")
      } else if b < 0x80 {
        at &+= 1
      } else {
        guard let length = UTF8Check.sequenceLength(text, at: at) else { throw fail("invalid UTF-8 (byte 0x\(String(b, radix: 16)))") }
        at &+= length
      }
    }
  }

  private mutating func readEscape() throws(JSONError) {
    guard at + 1 < end else { throw fail("the text ends inside an escape") }
    switch byte(at + 1) {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"),
      UInt8(ascii: "t"):
      at += 2
    case UInt8(ascii: "u"):
      let unit = try readUnit(at)
      if 0xDC00..<0xE000 ~= unit { throw fail("`\\u` of a low surrogate without its high one") }
      if 0xD800..<0xDC00 ~= unit {
        guard at + 7 < end, byte(at + 6) == UInt8(ascii: "\\"), byte(at + 7) == UInt8(ascii: "u"),
          0xDC00..<0xE000 ~= (try readUnit(at + 6))
        else { throw fail("`\\u` of a high surrogate without its low one") }
        at += 12
      } else {
        at += 6
      }
    case let other: throw fail("`\\` before \(Self.name(of: other)) is no escape")
    }
  }

  private func readUnit(_ start: Int) throws(JSONError) -> UInt32 {
    guard start + 6 <= end else { throw fail("expected four hexadecimal digits after `\\u`", at: start) }
    for offset in (start + 2)..<(start + 6) {
      switch byte(offset) {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): continue
      default: throw fail("expected four hexadecimal digits after `\\u`", at: start)
      }
    }
    return JSONText.hex4(text, start + 2)
  }

  private static func name(of byte: UInt8) -> String {
    switch byte {
    case 0x21...0x7E: "`\(Character(UnicodeScalar(byte)))`"
    case 0x20, 0x09, 0x0A, 0x0D: "white space"
    default: "the byte 0x\(String(byte, radix: 16))"
    }
  }
}

/// Checks UTF-8 one sequence at a time (Unicode 16, table 3-7).
public enum UTF8Check {
  /// The length of the well-formed sequence at `at`, or nil.
  @inline(__always)
  public static func sequenceLength(_ text: UnsafeRawBufferPointer, at: Int) -> Int? {
    let first = text[at]
    func tail(_ offset: Int, _ low: UInt8 = 0x80, _ high: UInt8 = 0xBF) -> Bool {
      at + offset < text.count && text[at + offset] >= low && text[at + offset] <= high
    }
    switch first {
    case 0..<0x80: return 1
    case 0xC2...0xDF: return tail(1) ? 2 : nil
    case 0xE0: return tail(1, 0xA0) && tail(2) ? 3 : nil
    case 0xED: return tail(1, 0x80, 0x9F) && tail(2) ? 3 : nil
    case 0xE1...0xEF: return tail(1) && tail(2) ? 3 : nil
    case 0xF0: return tail(1, 0x90) && tail(2) && tail(3) ? 4 : nil
    case 0xF1...0xF3: return tail(1) && tail(2) && tail(3) ? 4 : nil
    case 0xF4: return tail(1, 0x80, 0x8F) && tail(2) && tail(3) ? 4 : nil
    default: return nil
    }
  }

  /// The offset of the first byte that is not part of well-formed UTF-8, or nil when all of it is.
  public static func firstError(_ text: UnsafeRawBufferPointer) -> Int? {
    guard let base = text.baseAddress else { return nil }
    var at = 0
    while at < text.count {
      if at &+ 8 <= text.count, base.loadUnaligned(fromByteOffset: at, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
        at &+= 8
        continue
      }
      guard let length = sequenceLength(text, at: at) else { return at }
      at &+= length
    }
    return nil
  }
}

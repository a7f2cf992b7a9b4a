internal import Rows

/// Elements of a JSON array, found without reading what is in them: a record is an element with the separators before it.
///
/// What surrounds the array (an envelope of keys) belongs to no record, but has to be well-formed in its brackets.
struct JSONCutter: RecordCutter {
  private enum Phase { case start, elements(isFirst: Bool), single, done }

  /// The keys that lead to the array.
  private let path: [String]
  private var phase = Phase.start
  /// Bytes between the last record and what has been read: white space and the closing bracket.
  private var tail = 0
  private var scan = JSONStructureScan()

  init(path: [String]) { self.path = path }

  /// Skips what comes before the first element; leaves it behind, so that records begin at the window's start.
  mutating func open(_ window: ContentWindow) throws(ReadError) {
    scan.at = 0
    guard try scan.peek(window) != nil else {
      throw window.error(.structure, "the file is empty: expected a JSON array of objects", at: 0)
    }
    for key in path { try findKey(key, window) }
    switch try scan.peek(window) {
    case UInt8(ascii: "["):
      window.drop(scan.at + 1)
      phase = .elements(isFirst: true)
    case UInt8(ascii: "{") where path.isEmpty:
      window.drop(scan.at)
      phase = .single
    case let found:
      let place = path.isEmpty ? "the file" : "`/\(path.joined(separator: "/"))`"
      throw window.error(
        .structure, "expected \(place) to be an array of objects, found \(JSONStructureScan.name(found))", at: scan.at,
        help: path.isEmpty ? nil : "`options: { rows: /data/items }` names the array by the keys that lead to it")
    }
    scan.at = 0
  }

  /// Stands at the value of `key` afterwards.
  private mutating func findKey(_ key: String, _ window: ContentWindow) throws(ReadError) {
    guard try scan.peek(window) == UInt8(ascii: "{") else {
      throw window.error(.structure, "expected an object with the key `\(key)`, found \(JSONStructureScan.name(try scan.peek(window)))", at: scan.at)
    }
    scan.at += 1
    var seen: [String] = []
    if try scan.peek(window) == UInt8(ascii: "}") { throw missing(key, seen, window) }
    while true {
      let name = try scan.key(window)
      if name == key { return }
      if seen.count < 20 { seen.append(name) }
      try scan.skipValue(window)
      if try scan.separator(window, closing: UInt8(ascii: "}")) { throw missing(key, seen, window) }
      // The envelope may be long: nothing of it is needed any more.
      window.drop(scan.at)
      scan.at = 0
    }
  }

  private func missing(_ key: String, _ seen: [String], _ window: ContentWindow) -> ReadError {
    let keys = seen.isEmpty ? "it has no keys" : "it has \(seen.prefix(5).map { "`\($0)`" }.joined(separator: ", "))" + (seen.count > 5 ? " …" : "")
    return window.error(
      .structure, "the object has no key `\(key)`", at: max(0, scan.at - 1), label: keys,
      help: "`options: { rows: /data/items }` names the array by the keys that lead to it")
  }

  mutating func next(in window: ContentWindow, from start: Int) throws(ReadError) -> RecordEnd? {
    scan.at = start
    switch phase {
    case .start: preconditionFailure("the cutter is opened first")
    case .done: return nil
    case .single:
      try scan.skipValue(window)
      phase = .done
      return RecordEnd(end: scan.at, isRow: true)
    case .elements(let isFirst):
      if isFirst {
        if try scan.peek(window) == UInt8(ascii: "]") {
          scan.at += 1
          return end(start)
        }
      } else {
        if try scan.separator(window, closing: UInt8(ascii: "]")) { return end(start) }
        if try scan.peek(window) == UInt8(ascii: "]") { throw window.error(.structure, "a comma before `]`", at: scan.at) }
      }
      try scan.skipValue(window, recordStart: start)
      phase = .elements(isFirst: false)
      return RecordEnd(end: scan.at, isRow: true)
    }
  }

  private mutating func end(_ start: Int) -> RecordEnd? {
    phase = .done
    tail = scan.at - start
    return nil
  }

  /// Reads what follows the array: the rest of the envelope, then nothing.
  mutating func finish(_ window: ContentWindow) throws(ReadError) {
    // The window begins where the last record ended.
    window.drop(tail)
    scan.at = 0
    for key in path.reversed() {
      while try !scan.separator(window, closing: UInt8(ascii: "}")) {
        let start = scan.at
        if try scan.key(window) == key {
          throw window.error(.structure, "duplicate key `\(key)`: only one of the two could be read", at: start)
        }
        try scan.skipValue(window)
        window.drop(scan.at)
        scan.at = 0
      }
    }
    guard let found = try scan.peek(window) else { return }
    let looksLikeLines = path.isEmpty && found == UInt8(ascii: "{")
    throw window.error(
      .structure, "expected the end of the file, found \(JSONStructureScan.name(found))", at: scan.at,
      help: looksLikeLines ? "several objects one after the other are JSON Lines: `format: jsonl`" : nil)
  }
}

/// Walks JSON of any size by its brackets and quotes.
struct JSONStructureScan {
  var at = 0
  /// Opening brackets of what is being crossed.
  private var open: [UInt8] = []

  /// The next byte that is not white space; nil at the end.
  mutating func peek(_ window: ContentWindow) throws(ReadError) -> UInt8? {
    while true {
      let bytes = window.bytes
      while at < bytes.count {
        switch bytes[at] {
        case 0x20, 0x09, 0x0A, 0x0D: at += 1
        case let byte: return byte
        }
      }
      if try !window.more() { return nil }
    }
  }

  /// Crosses `,` (false) or the closing bracket (true).
  mutating func separator(_ window: ContentWindow, closing: UInt8) throws(ReadError) -> Bool {
    let found = try peek(window)
    guard found == UInt8(ascii: ",") || found == closing else {
      throw window.error(.structure, "expected `,` or `\(Character(UnicodeScalar(closing)))`, found \(Self.name(found))", at: at)
    }
    at += 1
    return found == closing
  }

  /// Crosses a key and its colon; returns the key's text.
  mutating func key(_ window: ContentWindow) throws(ReadError) -> String {
    let first = try peek(window)
    guard first == UInt8(ascii: "\"") else { throw window.error(.structure, "expected a key in `\"`, found \(Self.name(first))", at: at) }
    let start = at
    try skipString(window)
    let name = String(decoding: JSONText.decoded(UnsafeRawBufferPointer(rebasing: window.bytes[start..<at])), as: UTF8.self)
    let colon = try peek(window)
    guard colon == UInt8(ascii: ":") else { throw window.error(.structure, "expected `:` after the key, found \(Self.name(colon))", at: at) }
    at += 1
    return name
  }

  /// Crosses a value; white space before it too.
  mutating func skipValue(_ window: ContentWindow, recordStart: Int? = nil) throws(ReadError) {
    switch try peek(window) {
    case UInt8(ascii: "\""): try skipString(window)
    case UInt8(ascii: "{"), UInt8(ascii: "["): try skipContainer(window, recordStart: recordStart ?? at)
    case let first?:
      if first == UInt8(ascii: ",") || first == UInt8(ascii: "]") || first == UInt8(ascii: "}") || first == UInt8(ascii: ":") {
        throw window.error(.structure, "expected a value, found \(Self.name(first))", at: at)
      }
      while true {
        let bytes = window.bytes
        while at < bytes.count {
          switch bytes[at] {
          case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), 0x20, 0x09, 0x0A, 0x0D: return
          default: at += 1
          }
        }
        if try !window.more() { return }
      }
    case nil: throw window.error(.structure, "expected a value, found the end of the file", at: at)
    }
  }

  private mutating func skipString(_ window: ContentWindow) throws(ReadError) {
    let start = at
    at += 1
    while true {
      let bytes = window.bytes
      while at < bytes.count {
        switch bytes[at] {
        case UInt8(ascii: "\""):
          at += 1
          return
        case UInt8(ascii: "\\"): at += 2
        default:
          at = Self.plainEnd(bytes, at)
        }
      }
      if at - start > ContentWindow.maximumRecordBytes { throw window.tooLarge(start) }
      if try !window.more() { throw window.error(.structure, "the string that begins here has no closing `\"`", at: start) }
    }
  }

  /// The first quote or backslash at or after `at`, or the end.
  @inline(__always)
  private static func plainEnd(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int {
    let base = bytes.baseAddress!
    var at = start
    while at &+ 8 <= bytes.count {
      let word = base.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      let quote = word ^ 0x2222_2222_2222_2222
      let slash = word ^ 0x5C5C_5C5C_5C5C_5C5C
      let hit = ((quote &- 0x0101_0101_0101_0101) & ~quote | (slash &- 0x0101_0101_0101_0101) & ~slash) & 0x8080_8080_8080_8080
      if hit != 0 { return at &+ UInt64(littleEndian: hit).trailingZeroBitCount >> 3 }
      at &+= 8
    }
    while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\") { at &+= 1 }
    return at
  }

  private mutating func skipContainer(_ window: ContentWindow, recordStart: Int) throws(ReadError) {
    let start = at
    open.removeAll(keepingCapacity: true)
    while true {
      let bytes = window.bytes
      while at < bytes.count {
        switch bytes[at] {
        case UInt8(ascii: "\""):
          try skipString(window)
          // The bytes may have moved.
          if at <= bytes.count, window.bytes.baseAddress == bytes.baseAddress, window.bytes.count == bytes.count { continue }
        case UInt8(ascii: "{"):
          open.append(UInt8(ascii: "}"))
          at += 1
          continue
        case UInt8(ascii: "["):
          open.append(UInt8(ascii: "]"))
          at += 1
          continue
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          let closing = open.removeLast()
          guard bytes[at] == closing else {
            throw window.error(
              .structure, "expected `\(Character(UnicodeScalar(closing)))`, found \(Self.name(bytes[at]))", at: at)
          }
          at += 1
          if open.isEmpty { return }
          continue
        default:
          at += 1
          continue
        }
        break
      }
      if window.count - recordStart > ContentWindow.maximumRecordBytes { throw window.tooLarge(recordStart) }
      if at >= window.count, try !window.more() {
        throw window.error(
          .structure, "the `\(Character(UnicodeScalar(window.bytes[start])))` that opens here is never closed: the file ends inside it", at: start)
      }
    }
  }

  /// A byte as messages show it.
  static func name(_ byte: UInt8?) -> String {
    switch byte {
    case nil: "the end of the file"
    case let byte? where 0x21...0x7E ~= byte: "`\(Character(UnicodeScalar(byte)))`"
    case let byte?: "the byte 0x\(String(byte, radix: 16))"
    }
  }
}

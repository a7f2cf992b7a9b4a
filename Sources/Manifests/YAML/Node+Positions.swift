public import Diagnostics

extension Node {
  /// Where some bytes of the decoded scalar stand in the file.
  ///
  /// Exact for plain, quoted and block scalars: escapes, folding and indentation are stepped over. Computed when asked, since
  /// only messages ask.
  public func sourceRange(of range: Range<Int>) -> SourceRange {
    let map = scalarMap()
    guard !map.isEmpty else { return self.range }
    let lower = map[min(max(range.lowerBound, 0), map.count - 1)]
    let lastByte = min(max(range.upperBound - 1, range.lowerBound), map.count - 1)
    var upper = range.isEmpty ? lower : map[lastByte] + 1
    // A character of several bytes, or an escape, ends where the next one begins.
    if range.upperBound < map.count, !range.isEmpty, map[range.upperBound] > upper, !isBlank(upper) {
      upper = isEscape(map[lastByte]) ? map[range.upperBound] : upper
    }
    return document.text.range(lower..<max(lower, upper))
  }

  private func isBlank(_ offset: Int) -> Bool { offset < document.text.bytes.count && document.text.bytes[offset] <= 0x20 }
  private func isEscape(_ offset: Int) -> Bool {
    style == .doubleQuoted && document.text.bytes[offset] == UInt8(ascii: "\\")
  }

  /// For each byte of the decoded scalar, and for its end, the offset in the file.
  private func scalarMap() -> [Int] {
    let bytes = document.text.bytes
    let value = Array(scalar.utf8)
    let source = byteRange
    guard isScalar, !source.isEmpty else { return [] }
    var at = source.lowerBound
    var end = source.upperBound
    switch style {
    case .singleQuoted, .doubleQuoted:
      at += 1
      end -= 1
    case .literal, .folded:
      // The header line: `|2-  # comment`.
      while at < end, bytes[at] != UInt8(ascii: "\n") { at += 1 }
      at += 1
    default: break
    }
    if end - at == value.count, style != .literal, style != .folded { return Array(at...end) }
    var map: [Int] = []
    map.reserveCapacity(value.count + 1)
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 9 || byte == 10 || byte == 13 }
    var next = 0
    while next < value.count {
      let byte = value[next]
      if style == .doubleQuoted, at < end, bytes[at] == UInt8(ascii: "\\") {
        let (length, produced) = escape(bytes, at, end)
        for _ in 0..<min(produced, value.count - next) { map.append(at) }
        next += produced
        at += length
        continue
      }
      if isBlank(byte) {
        map.append(min(at, end))
        if at < end, isBlank(bytes[at]) { at += 1 }
        next += 1
        continue
      }
      while at < end, bytes[at] != byte, isBlank(bytes[at]) { at += 1 }
      if style == .doubleQuoted, at < end, bytes[at] == UInt8(ascii: "\\") { continue }
      map.append(min(at, end))
      if style == .singleQuoted, byte == UInt8(ascii: "'") { at += 1 }
      at += 1
      next += 1
    }
    map.append(min(at, end))
    return map
  }

  /// How many bytes an escape takes, and how many it stands for.
  private func escape(_ bytes: [UInt8], _ at: Int, _ end: Int) -> (length: Int, produced: Int) {
    guard at + 1 < end else { return (1, 0) }
    let digits: Int
    switch bytes[at + 1] {
    case UInt8(ascii: "x"): digits = 2
    case UInt8(ascii: "u"): digits = 4
    case UInt8(ascii: "U"): digits = 8
    case UInt8(ascii: "N"), UInt8(ascii: "_"): return (2, 2)
    case UInt8(ascii: "L"), UInt8(ascii: "P"): return (2, 3)
    case 10, 13:
      // A line continued: the indentation of the next line goes too.
      var length = 2
      while at + length < end, bytes[at + length] <= 0x20 { length += 1 }
      return (length, 0)
    default: return (2, 1)
    }
    let hex = String(decoding: bytes[min(at + 2, end)..<min(at + 2 + digits, end)], as: UTF8.self)
    let scalar = UInt32(hex, radix: 16).flatMap(Unicode.Scalar.init)
    return (2 + digits, scalar.map { UTF8.width($0) } ?? 1)
  }
}

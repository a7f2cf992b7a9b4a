struct LiteralProblem: Error { var message: String }

/// Python's "unicode-escape": the escapes of a string literal.
func unescapeLiteral(_ raw: [UInt8]) -> Result<[UInt8], LiteralProblem> {
  guard raw.contains(UInt8(ascii: "\\")) else { return .success(raw) }
  var out: [UInt8] = []
  out.reserveCapacity(raw.count)
  func put(_ v: UInt32) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4) { b in
      let n = encode(v, to: b.baseAddress!)
      out.append(contentsOf: b[0..<n])
    }
  }
  var i = 0
  while i < raw.count {
    let c = raw[i]
    guard c == UInt8(ascii: "\\") else {
      out.append(c)
      i += 1
      continue
    }
    i += 1
    guard i < raw.count else { return .failure(LiteralProblem(message: "\\ at end of string")) }
    let e = raw[i]
    i += 1
    switch e {
    case 0x0A: break
    case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): out.append(e)
    case UInt8(ascii: "n"): out.append(10)
    case UInt8(ascii: "t"): out.append(9)
    case UInt8(ascii: "r"): out.append(13)
    case UInt8(ascii: "a"): out.append(7)
    case UInt8(ascii: "b"): out.append(8)
    case UInt8(ascii: "f"): out.append(12)
    case UInt8(ascii: "v"): out.append(11)
    case 48...55:
      var v = UInt32(e - 48)
      var n = 1
      while n < 3, i < raw.count, raw[i] >= 48, raw[i] <= 55 {
        v = v * 8 + UInt32(raw[i] - 48)
        i += 1
        n += 1
      }
      put(v)
    case UInt8(ascii: "x"), UInt8(ascii: "u"), UInt8(ascii: "U"):
      let want = e == UInt8(ascii: "x") ? 2 : e == UInt8(ascii: "u") ? 4 : 8
      var v: UInt32 = 0
      for _ in 0..<want {
        guard i < raw.count, let h = hexDigit(raw[i]), v < 0x1000_0000 else {
          let form = want == 2 ? "\\xXX" : want == 4 ? "\\uXXXX" : "\\UXXXXXXXX"
          return .failure(LiteralProblem(message: "truncated \(form) escape"))
        }
        v = v << 4 | UInt32(h)
        i += 1
      }
      guard v <= 0x10FFFF else { return .failure(LiteralProblem(message: "illegal Unicode character")) }
      put(v)
    case UInt8(ascii: "N"):
      guard i < raw.count, raw[i] == UInt8(ascii: "{"), let close = raw[i...].firstIndex(of: UInt8(ascii: "}")) else {
        return .failure(LiteralProblem(message: "malformed \\N character escape"))
      }
      guard let s = CharacterNames.scalar(named: String(decoding: raw[(i + 1)..<close], as: UTF8.self)) else {
        return .failure(LiteralProblem(message: "unknown Unicode character name"))
      }
      put(s.value)
      i = close + 1
    default:
      out.append(UInt8(ascii: "\\"))
      out.append(e)
    }
  }
  return .success(out)
}

func hexDigit(_ c: UInt8) -> UInt8? {
  switch c {
  case 48...57: c - 48
  case 65...70: c - 55
  case 97...102: c - 87
  default: nil
  }
}

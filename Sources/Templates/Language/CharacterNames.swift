/// Finds code points by their Unicode names, for `\N{…}`.
enum CharacterNames {
  /// The code point of a name or alias, in either case; nil when no code point has it.
  static func scalar(named name: String) -> Unicode.Scalar? {
    // The longest name of Unicode has 88 letters.
    guard name.utf8.count <= 128 else { return nil }
    let wanted = name.uppercased()
    // Ideographs are named by their number, and so many that the table leaves them out.
    if let dash = wanted.lastIndex(of: "-"), let v = UInt32(wanted[wanted.index(after: dash)...], radix: 16), let s = Unicode.Scalar(v),
      s.properties.name == wanted
    {
      return s
    }
    let key = hash(wanted) << 24
    var (low, high) = (0, table.count)
    while low < high {
      let middle = (low + high) / 2
      if table[middle] < key { low = middle + 1 } else { high = middle }
    }
    while low < table.count, table[low] & ~0xFF_FFFF == key {
      if let s = Unicode.Scalar(UInt32(table[low] & 0xFF_FFFF)), s.properties.name == wanted || s.properties.nameAlias == wanted { return s }
      low += 1
    }
    return nil
  }

  /// Hash (40 bits) and code point (24 bits) of each name, sorted. Made when the first template asks: walking through all names again for each
  /// literal would let a template of a few kilobytes take minutes to compile.
  private static let table: [UInt64] = {
    var out: [UInt64] = []
    out.reserveCapacity(60_000)
    let ideographs: [ClosedRange<UInt32>] = [0x3400...0x4DBF, 0x4E00...0x9FFF, 0x17000...0x18AFF, 0x18D00...0x18D7F]
    for v in UInt32(0x20)..<0x2_0000 where !ideographs.contains(where: { $0.contains(v) }) {
      guard let p = Unicode.Scalar(v)?.properties else { continue }
      if let n = p.name { out.append(hash(n) << 24 | UInt64(v)) }
      if let n = p.nameAlias { out.append(hash(n) << 24 | UInt64(v)) }
    }
    for v in UInt32(0xE0000)..<0xE0200 {
      if let n = Unicode.Scalar(v)?.properties.name { out.append(hash(n) << 24 | UInt64(v)) }
    }
    out.sort()
    return out
  }()

  /// FNV-1a.
  private static func hash(_ name: String) -> UInt64 {
    var h: UInt64 = 0xCBF2_9CE4_8422_2325
    for b in name.utf8 { h = (h ^ UInt64(b)) &* 0x100_0000_01B3 }
    return h
  }
}

/// XXH64, the 64-bit hash of the xxHash family (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md).
///
/// It decides where chunks are cut and which side rows a chunk may see; content is always named by ``Digest``.
public enum XXHash64 {
  private static let p1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let p2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let p3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let p4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let p5: UInt64 = 0x27D4_EB2F_1656_67C5

  @inline(__always) private static func rotate(_ x: UInt64, _ by: UInt64) -> UInt64 { x << by | x >> (64 - by) }

  @inline(__always) private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
    rotate(lane &+ input &* p2, 31) &* p1
  }

  @inline(__always) private static func merge(_ hash: UInt64, _ lane: UInt64) -> UInt64 {
    (hash ^ round(0, lane)) &* p1 &+ p4
  }

  /// The hash of some bytes under a seed.
  public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
    guard let base = bytes.baseAddress else { return finish(seed &+ p5) }
    let end = bytes.count
    var at = 0
    var hash: UInt64
    @inline(__always) func word(_ at: Int) -> UInt64 { UInt64(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt64.self)) }
    if end >= 32 {
      var a = seed &+ p1 &+ p2
      var b = seed &+ p2
      var c = seed
      var d = seed &- p1
      while at &+ 32 <= end {
        a = round(a, word(at))
        b = round(b, word(at &+ 8))
        c = round(c, word(at &+ 16))
        d = round(d, word(at &+ 24))
        at &+= 32
      }
      hash = rotate(a, 1) &+ rotate(b, 7) &+ rotate(c, 12) &+ rotate(d, 18)
      hash = merge(merge(merge(merge(hash, a), b), c), d)
    } else {
      hash = seed &+ p5
    }
    hash = hash &+ UInt64(end)
    while at &+ 8 <= end {
      hash = rotate(hash ^ round(0, word(at)), 27) &* p1 &+ p4
      at &+= 8
    }
    if at &+ 4 <= end {
      let half = UInt64(UInt32(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
      hash = rotate(hash ^ half &* p1, 23) &* p2 &+ p3
      at &+= 4
    }
    while at < end {
      hash = rotate(hash ^ UInt64(base.load(fromByteOffset: at, as: UInt8.self)) &* p5, 11) &* p1
      at &+= 1
    }
    return finish(hash)
  }

  /// The hash of some bytes under a seed.
  public static func hash(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 { bytes.withUnsafeBytes { hash($0, seed: seed) } }

  private static func finish(_ value: UInt64) -> UInt64 {
    var hash = value
    hash = (hash ^ hash >> 33) &* p2
    hash = (hash ^ hash >> 29) &* p3
    return hash ^ hash >> 32
  }
}

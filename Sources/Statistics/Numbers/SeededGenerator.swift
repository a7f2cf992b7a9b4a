/// Pseudo-random numbers that are the same on every machine: xoshiro256** (Blackman, Vigna 2018), seeded by SplitMix64.
///
/// Its bits are part of what artifacts are made of (shuffles of a training, samples of a bootstrap), so it may never change.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var s0: UInt64
  private var s1: UInt64
  private var s2: UInt64
  private var s3: UInt64

  public init(seed: UInt64) {
    var state = seed
    func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    s0 = next()
    s1 = next()
    s2 = next()
    s3 = next()
  }

  public mutating func next() -> UInt64 {
    let product = s1 &* 5
    let result = ((product << 7) | (product >> 57)) &* 9
    let t = s1 << 17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = (s3 << 45) | (s3 >> 19)
    return result
  }

  /// A whole number in 0..<bound, without bias: Lemire 2019, "Fast random integer generation in an interval".
  ///
  /// Our own and not the standard library's, whose way from bits to numbers is no promise.
  public mutating func below(_ bound: Int) -> Int {
    precondition(bound > 0, "an empty range has no number")
    let range = UInt64(bound)
    var product = next().multipliedFullWidth(by: range)
    if product.low < range {
      let least = (0 &- range) % range
      while product.low < least { product = next().multipliedFullWidth(by: range) }
    }
    return Int(product.high)
  }

  /// Puts the elements into a random order: Fisher and Yates, from the end.
  public mutating func shuffle<T>(_ elements: inout [T]) {
    var last = elements.count - 1
    while last > 0 {
      elements.swapAt(last, below(last + 1))
      last -= 1
    }
  }
}

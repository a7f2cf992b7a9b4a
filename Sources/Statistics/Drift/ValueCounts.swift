/// Numbers in ascending order, each with how often it occurs: all that quantiles and distances between samples need.
///
/// Partials of chunks are merged pair by pair; what comes out does not depend on how rows were cut into chunks.
public struct ValueCounts: Sendable, Equatable {
  /// Different finite values, ascending.
  public private(set) var values: [Double] = []
  /// How often each occurs; as many as `values`.
  public private(set) var counts: [Int] = []
  /// The sum of `counts`.
  public private(set) var total = 0

  public init() {}

  /// - Parameters:
  ///   - values: different finite values, ascending.
  ///   - counts: how often each occurs, at least once.
  public init(values: [Double], counts: [Int]) {
    precondition(values.count == counts.count, "every value has a count")
    self.values = values
    self.counts = counts
    total = counts.reduce(0, +)
  }

  /// Counts values in any order; what is not finite is left out. Complexity: linear.
  public init(_ samples: [Double]) {
    var keys: [UInt64] = []
    keys.reserveCapacity(samples.count)
    // Adding 0 turns −0 into 0: they are one value.
    for sample in samples where sample.isFinite { keys.append(Self.key(sample + 0)) }
    Self.sort(&keys)
    values.reserveCapacity(keys.count)
    counts.reserveCapacity(keys.count)
    var last: UInt64?
    for key in keys {
      if key == last {
        counts[counts.count - 1] += 1
      } else {
        values.append(Self.value(key))
        counts.append(1)
        last = key
      }
    }
    total = keys.count
  }

  /// The union of several counts. Complexity: O(n log k) for k parts.
  public init(merging parts: [ValueCounts]) {
    var level = parts
    while level.count > 1 {
      level = stride(from: 0, to: level.count, by: 2).map { $0 + 1 < level.count ? level[$0].merged(with: level[$0 + 1]) : level[$0] }
    }
    self = level.first ?? ValueCounts()
  }

  private func merged(with other: ValueCounts) -> ValueCounts {
    if total == 0 { return other }
    if other.total == 0 { return self }
    var merged = ValueCounts()
    merged.values.reserveCapacity(values.count + other.values.count)
    merged.counts.reserveCapacity(values.count + other.values.count)
    Self.forEach(self, other) { value, a, b in
      merged.values.append(value)
      merged.counts.append(a + b)
    }
    merged.total = total + other.total
    return merged
  }

  /// Calls `body` with every value of either side, ascending, and how often it occurs on each.
  @inline(__always)
  static func forEach(_ a: ValueCounts, _ b: ValueCounts, _ body: (_ value: Double, _ inA: Int, _ inB: Int) -> Void) {
    a.values.withUnsafeBufferPointer { av in
      b.values.withUnsafeBufferPointer { bv in
        a.counts.withUnsafeBufferPointer { ac in
          b.counts.withUnsafeBufferPointer { bc in
            var i = 0
            var j = 0
            while i < av.count || j < bv.count {
              if j == bv.count || i < av.count && av[i] < bv[j] {
                body(av[i], ac[i], 0)
                i += 1
              } else if i == av.count || bv[j] < av[i] {
                body(bv[j], 0, bc[j])
                j += 1
              } else {
                body(av[i], ac[i], bc[j])
                i += 1
                j += 1
              }
            }
          }
        }
      }
    }
  }

  /// How many values lie below `limit`, or at it when `isInclusive`.
  func count(below limit: Double, isInclusive: Bool, from start: inout (index: Int, sum: Int)) -> Int {
    while start.index < values.count, isInclusive ? values[start.index] <= limit : values[start.index] < limit {
      start.sum += counts[start.index]
      start.index += 1
    }
    return start.sum
  }

  // MARK: Figures

  /// The mean; nil without values.
  public var mean: Double? {
    guard total > 0 else { return nil }
    var sum = 0.0
    for (value, count) in zip(values, counts) { sum += value * Double(count) }
    return sum / Double(total)
  }

  /// The standard deviation of these values, with n below the line; nil without values.
  public var standardDeviation: Double? {
    guard let mean else { return nil }
    var sum = 0.0
    for (value, count) in zip(values, counts) { sum += (value - mean) * (value - mean) * Double(count) }
    return (sum / Double(total)).squareRoot()
  }

  /// The value below which a share of the values lies, linear between neighbours: numpy's `quantile` with `method="linear"`.
  /// - Parameter share: 0…1.
  public func quantile(_ share: Double) -> Double? {
    guard total > 0 else { return nil }
    let place = share * Double(total - 1)
    let index = min(max(Int(place), 0), total - 1)
    let t = place - Double(index)
    let a = value(at: index)
    let b = value(at: min(index + 1, total - 1))
    // Both ways of writing it, as in numpy, so that neither end is missed by a rounding.
    return t >= 0.5 ? b - (b - a) * (1 - t) : a + (b - a) * t
  }

  /// The value at a place in the sorted sample.
  private func value(at place: Int) -> Double {
    var passed = 0
    for (value, count) in zip(values, counts) {
      passed += count
      if place < passed { return value }
    }
    return values[values.count - 1]
  }

  // MARK: Sorting

  /// A number's bits such that their order as integers is the order of the numbers.
  private static func key(_ value: Double) -> UInt64 {
    let bits = value.bitPattern
    return bits >> 63 == 1 ? ~bits : bits | 1 << 63
  }

  private static func value(_ key: UInt64) -> Double { Double(bitPattern: key >> 63 == 1 ? key & ~(1 << 63) : ~key) }

  /// Radix sort by bytes from the lowest, leaving out bytes that are the same in all.
  private static func sort(_ keys: inout [UInt64]) {
    if keys.count < 1024 { return keys.sort() }
    var other = Array(repeating: UInt64(0), count: keys.count)
    var histograms = Array(repeating: 0, count: 8 * 256)
    for key in keys { for byte in 0..<8 { histograms[byte << 8 | Int(key >> UInt64(byte << 3) & 0xFF)] += 1 } }
    for byte in 0..<8 {
      let base = byte << 8
      if histograms[base | Int(keys[0] >> UInt64(byte << 3) & 0xFF)] == keys.count { continue }
      var offset = 0
      for digit in 0..<256 {
        let count = histograms[base | digit]
        histograms[base | digit] = offset
        offset += count
      }
      keys.withUnsafeBufferPointer { from in
        other.withUnsafeMutableBufferPointer { to in
          histograms.withUnsafeMutableBufferPointer { places in
            for key in from {
              let digit = base | Int(key >> UInt64(byte << 3) & 0xFF)
              to[places[digit]] = key
              places[digit] += 1
            }
          }
        }
      }
      swap(&keys, &other)
    }
  }
}

/// Shares of bins or categories on both sides.
struct Shares {
  private(set) var reference: [Double]
  private(set) var current: [Double]

  init(_ counts: [(reference: Int, current: Int)]) {
    let m = Double(counts.reduce(0) { $0 + $1.reference })
    let n = Double(counts.reduce(0) { $0 + $1.current })
    reference = counts.map { Double($0.reference) / m }
    current = counts.map { Double($0.current) / n }
  }

  /// Bins of equal width over both samples, their number by Sturges: numpy's `histogram_bin_edges(…, bins="sturges")`.
  init(binning a: ValueCounts, _ b: ValueCounts) {
    let edges = Self.edges(a, b)
    func counts(_ sample: ValueCounts) -> [Int] {
      var place = (index: 0, sum: 0)
      let below = edges.indices.map { sample.count(below: edges[$0], isInclusive: $0 == edges.count - 1, from: &place) }
      return (1..<edges.count).map { below[$0] - below[$0 - 1] }
    }
    self.init(Array(zip(counts(a), counts(b))).map { (reference: $0.0, current: $0.1) })
  }

  static func edges(_ a: ValueCounts, _ b: ValueCounts) -> [Double] {
    let first = min(a.values[0], b.values[0])
    let last = max(a.values[a.values.count - 1], b.values[b.values.count - 1])
    var width = (last - first) / (log2(a.total + b.total) + 1)
    // Whole numbers are not cut into bins narrower than one.
    if width < 1, (a.values + b.values).allSatisfy({ $0 == $0.rounded() }) { width = 1 }
    let count = max(1, Int(((last - first) / width).rounded(.up)))
    let step = (last - first) / Double(count)
    return (0...count).map { $0 == count ? last : Double($0) * step + first }
  }

  private static func log2(_ n: Int) -> Double {
    // Exact for powers of two, where the number of bins hangs on the last bit.
    if n & (n - 1) == 0 { return Double(n.trailingZeroBitCount) }
    return Numbers.log(Double(n)) / 0.6931471805599453
  }

  /// Σ (r − c)·log(r / c), with something small in place of zeros.
  var psi: Double {
    let r = Self.filled(reference)
    let c = Self.filled(current)
    var sum = 0.0
    for (r, c) in zip(r, c) { sum += (r - c) * Numbers.log(r / c) }
    return sum
  }

  private static func filled(_ shares: [Double]) -> [Double] {
    let least = shares.reduce(Double.infinity) { $1 > 0 ? min($0, $1) : $0 }
    let small = least <= 1e-4 ? least / 1e6 : 1e-4
    return shares.map { $0 == 0 ? small : $0 }
  }

  /// The square root of the Jensen–Shannon divergence, base e.
  var jensenShannon: Double {
    let r = reference.reduce(0, +)
    let c = current.reduce(0, +)
    var sum = 0.0
    for (x, y) in zip(reference, current) {
      let x = x / r
      let y = y / c
      let middle = (x + y) / 2
      if x > 0 { sum += x * Numbers.log(x / middle) }
      if y > 0 { sum += y * Numbers.log(y / middle) }
    }
    return max(0, sum / 2).squareRoot()
  }
}

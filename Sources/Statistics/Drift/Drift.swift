/// What a column's drift came to.
public struct Drift: Sendable, Equatable {
  /// The method that gave `value`.
  public let method: DriftMethod
  /// What is compared with the method's threshold: a probability for tests, else a distance.
  public let value: Double
  /// The test's statistic (the distance D, χ², z); nil for distances.
  public let statistic: Double?
  /// The population stability index, whatever the method is.
  public let psi: Double

  /// The test's probability; nil for distances.
  public var p: Double? { method.isTest ? value : nil }
  /// Whether the method calls this drift.
  public var isDrift: Bool { method.isDrift(value) }

  /// The drift of a column of numbers; nil when a side has no values.
  /// - Parameters:
  ///   - method: nil for the one that ``DriftMethod/chosen(referenceCount:isNumeric:distinctCount:)`` names.
  public static func ofNumbers(reference: ValueCounts, current: ValueCounts, method: DriftMethod? = nil) -> Drift? {
    guard reference.total > 0, current.total > 0 else { return nil }
    var distinct = 0
    ValueCounts.forEach(reference, current) { _, _, _ in distinct += 1 }
    let method = method ?? .chosen(referenceCount: reference.total, isNumeric: true, distinctCount: distinct)
    let shares = reference.values.count > 20 ? Shares(binning: reference, current) : Shares(categories(reference, current))
    switch method {
    case .ks:
      let (distance, p) = kolmogorovSmirnov(reference, current)
      return Drift(method: .ks, value: p, statistic: distance, psi: shares.psi)
    case .wasserstein:
      // A reference that hardly varies must not blow a small shift up without bound.
      let unit = max(reference.standardDeviation!, 0.001)
      return Drift(method: .wasserstein, value: wasserstein(reference, current) / unit, statistic: nil, psi: shares.psi)
    case .psi, .js: return ofShares(shares, method)
    case .chi2, .z: return ofCounts(categories(reference, current), method, shares)
    }
  }

  /// The drift of a column of categories; nil when a side has none.
  /// - Parameters:
  ///   - counts: how often each category occurs in the reference and in the current sample, sorted by category.
  ///   - method: none that needs numbers.
  public static func ofCategories(_ counts: [(reference: Int, current: Int)], method: DriftMethod? = nil) -> Drift? {
    let counts = counts.filter { $0.reference + $0.current > 0 }
    let total = counts.reduce(0) { $0 + $1.reference }
    guard total > 0, counts.contains(where: { $0.current > 0 }) else { return nil }
    let method = method ?? .chosen(referenceCount: total, isNumeric: false, distinctCount: counts.count)
    precondition(!method.needsNumbers, "\(method.rawValue) has no meaning for categories")
    let shares = Shares(counts)
    if method == .psi || method == .js { return ofShares(shares, method) }
    return ofCounts(counts, method, shares)
  }

  private static func ofShares(_ shares: Shares, _ method: DriftMethod) -> Drift {
    Drift(method: method, value: method == .psi ? shares.psi : shares.jensenShannon, statistic: nil, psi: shares.psi)
  }

  private static func ofCounts(_ counts: [(reference: Int, current: Int)], _ method: DriftMethod, _ shares: Shares) -> Drift {
    let (statistic, p) = method == .chi2 ? chiSquare(counts) : proportions(counts)
    return Drift(method: method, value: p, statistic: statistic, psi: shares.psi)
  }

  private static func categories(_ reference: ValueCounts, _ current: ValueCounts) -> [(reference: Int, current: Int)] {
    var counts: [(reference: Int, current: Int)] = []
    ValueCounts.forEach(reference, current) { _, a, b in counts.append((a, b)) }
    return counts
  }

  // MARK: Tests

  /// The largest distance between the two distribution functions, and its probability.
  static func kolmogorovSmirnov(_ reference: ValueCounts, _ current: ValueCounts) -> (distance: Double, p: Double) {
    let divisor = KolmogorovSmirnov.gcd(reference.total, current.total)
    let m = reference.total / divisor
    let n = current.total / divisor
    var below = (reference: 0, current: 0)
    var largest = 0
    ValueCounts.forEach(reference, current) { _, a, b in
      below.reference += a
      below.current += b
      largest = max(largest, abs(below.reference * n - below.current * m))
    }
    return (
      Double(largest) / (Double(m) * Double(current.total)),
      KolmogorovSmirnov.probability(steps: largest, reference.total, current.total)
    )
  }

  /// Pearson's goodness of fit of the current counts to the reference's, scaled to their number.
  static func chiSquare(_ counts: [(reference: Int, current: Int)]) -> (statistic: Double, p: Double) {
    // One category alone has nowhere to go; a rounding must not be taken for a difference.
    guard counts.count > 1 else { return (0, 1) }
    let scale = Double(counts.reduce(0) { $0 + $1.current }) / Double(counts.reduce(0) { $0 + $1.reference })
    var sum = 0.0
    for count in counts {
      let expected = Double(count.reference) * scale
      // A category that the reference does not know could not happen: its term is infinite, and p is 0.
      let difference = Double(count.current) - expected
      sum += difference * difference / expected
    }
    return (sum, Numbers.chiSquareSurvival(sum, degreesOfFreedom: counts.count - 1))
  }

  /// Two pooled proportions of a column with two values: of the second against the first.
  static func proportions(_ counts: [(reference: Int, current: Int)]) -> (statistic: Double, p: Double) {
    let reference = Double(counts.reduce(0) { $0 + $1.reference })
    let current = Double(counts.reduce(0) { $0 + $1.current })
    let a = 1 - Double(counts[0].reference) / reference
    let b = 1 - Double(counts[0].current) / current
    let pooled = (a * reference + b * current) / (reference + current)
    // One value alone on both sides: nothing differs.
    guard counts.count > 1, pooled > 0, pooled < 1 else { return (0, 1) }
    let z = (a - b) / (pooled * (1 - pooled) * (1 / reference + 1 / current)).squareRoot()
    return (z, min(1, 2 * Numbers.normalSurvival(z.magnitude)))
  }

  // MARK: Distances

  /// The area between the two distribution functions.
  static func wasserstein(_ reference: ValueCounts, _ current: ValueCounts) -> Double {
    var below = (reference: 0, current: 0)
    var last = 0.0
    var area = 0.0
    var isFirst = true
    let m = Double(reference.total)
    let n = Double(current.total)
    ValueCounts.forEach(reference, current) { value, a, b in
      if !isFirst { area += (Double(below.reference) / m - Double(below.current) / n).magnitude * (value - last) }
      isFirst = false
      below.reference += a
      below.current += b
      last = value
    }
    return area
  }
}

/// Probabilities of the two-sample Kolmogorov–Smirnov distance, as scipy's `ks_2samp` with `method="auto"` gives them.
public enum KolmogorovSmirnov {
  /// Above this many values on a side the probability is Smirnov's limit, as in scipy.
  static let largestExact = 10_000

  /// The probability of a distance of at least `steps` / lcm(m, n) between samples of `m` and `n` values of one distribution.
  /// - Parameter steps: the distance in units of 1 / lcm(m, n), a whole number.
  /// - Complexity: O(m·n·distance) where both have at most 10,000 values.
  public static func probability(steps: Int, _ m: Int, _ n: Int) -> Double {
    precondition(m > 0 && n > 0, "a distance needs values on both sides")
    guard steps > 0 else { return 1 }
    let divisor = gcd(m, n)
    let distance = Double(steps) / (Double(m / divisor) * Double(n))
    let large = Double(max(m, n))
    let small = Double(min(m, n))
    // Below 10⁻³⁰⁰ by the bound of Dvoretzky, Kiefer, Wolfowitz and Massart for two samples: not worth a hundred million paths.
    if 2 * large * small / (large + small) * distance * distance > 720 { return 0 }
    if max(m, n) <= largestExact {
      let p = m == n ? outsideSquare(n, steps) : outside(max(m, n), min(m, n), divisor, steps)
      return min(1, max(0, p))
    }
    return min(1, max(0, survival(distance, (large * small / (large + small)).rounded(.toNearestOrEven))))
  }

  static func gcd(_ a: Int, _ b: Int) -> Int { b == 0 ? a : gcd(b, a % b) }

  // MARK: Exact, by paths of a lattice

  /// The share of lattice paths from (0, 0) to (n, n) that leave the strip |x − y| < h.
  private static func outsideSquare(_ n: Int, _ h: Int) -> Double {
    var p = 0.0
    var k = n / h
    while k >= 0 {
      var factor = 1.0
      for j in 0..<h { factor = Double(n - k * h - j) * factor / Double(n + k * h + j + 1) }
      p = factor * (1 - p)
      k -= 1
    }
    return 2 * p
  }

  /// The share of lattice paths from (0, 0) to (m, n), m ≥ n, that leave the strip |x·n − y·m| < h·g.
  ///
  /// Column by column: a path to (x, y) comes from the left with x of x + y chances. Hodges, "The Significance Probability of the
  /// Smirnov Two-Sample Test", 1958, in the form of scipy's `_compute_outer_prob_inside_method`.
  private static func outside(_ m: Int, _ n: Int, _ g: Int, _ h: Int) -> Double {
    let mg = m / g
    let ng = n / g
    var low = 0
    var high = min((h + mg - 1) / mg, n + 1)
    // Everything beyond the strip is outside for certain.
    var column = Array(repeating: 1.0, count: n + 2)
    for y in low..<high { column[y] = 0 }
    for x in 1...m {
      let lowest = ng * x - h
      low = min(max(lowest < 0 ? 0 : lowest / mg + 1, 0), n)
      high = min((ng * x + h + mg - 1) / mg, n + 1)
      if high <= low { return 1 }
      var below = low == 0 ? 0.0 : 1.0
      for y in low..<high {
        below = (column[y] * Double(x) + below * Double(y)) / Double(x + y)
        column[y] = below
      }
    }
    return column[high - 1]
  }

  // MARK: The limit

  /// The probability that the one-sample distance of `n` values is at least `d`: Kolmogorov's distribution for finite n.
  ///
  /// Which formula is exact enough where: Simard and L'Ecuyer, "Computing the Two-Sided Kolmogorov-Smirnov Distribution", 2011.
  static func survival(_ d: Double, _ n: Double) -> Double {
    let t = n * d
    if d >= 1 || n < 1 { return 0 }
    if t <= 0.5 { return 1 }
    if d >= 0.5 { return 2 * oneSided(d, n) }
    let square = t * d
    if n <= 140 { return square <= 4 ? 1 - matrixPower(d, n) : 2 * oneSided(d, n) }
    if square >= 370 { return 0 }
    if square >= 2.2 { return 2 * oneSided(d, n) }
    if n <= 100_000, n * d * d.squareRoot() <= 1.4 { return 1 - matrixPower(d, n) }
    return 1 - pelzGood(d, n)
  }

  /// The probability that the one-sided distance of `n` values is at least `d`: Smirnov's sum, each term a binomial probability.
  static func oneSided(_ d: Double, _ n: Double) -> Double {
    var sum = 0.0
    var j = 0.0
    while true {
      let p = d + j / n
      let q = 1 - d - j / n
      guard q >= 0 else { return sum }
      let term = d / p * Numbers.binomialDensity(j, of: n, p: p, q: q)
      sum += term
      j += 1
    }
  }

  /// The probability of a smaller distance, by the power of a matrix: Marsaglia, Tsang and Wang, "Evaluating Kolmogorov's
  /// Distribution", 2003.
  static func matrixPower(_ d: Double, _ n: Double) -> Double {
    let k = Int(n * d) + 1
    let size = 2 * k - 1
    let h = Double(k) - n * d
    var matrix = Array(repeating: 0.0, count: size * size)
    for i in 0..<size { for j in 0..<size where i - j + 1 >= 0 { matrix[i * size + j] = 1 } }
    var power = 1.0
    for i in 0..<size {
      power *= h
      matrix[i * size] -= power
    }
    power = 1
    for i in 0..<size {
      power *= h
      matrix[(size - 1) * size + (size - 1 - i)] -= power
    }
    if 2 * h - 1 > 0 {
      var extra = 1.0
      for _ in 0..<size { extra *= 2 * h - 1 }
      matrix[(size - 1) * size] += extra
    }
    for i in 0..<size {
      for j in 0..<size where i - j + 1 > 0 {
        for g in 1...(i - j + 1) { matrix[i * size + j] /= Double(g) }
      }
    }
    var (result, exponent) = raised(matrix, size, to: Int(n))
    var value = result[(k - 1) * size + k - 1]
    result = []
    // n! / nⁿ, in steps that stay within range.
    for i in 1...Int(n) {
      value = value * Double(i) / n
      if value < 1e-140 {
        value *= 1e140
        exponent -= 140
      }
    }
    while exponent < 0 {
      value *= 1e-140
      exponent += 140
    }
    while exponent > 0 {
      value *= 1e140
      exponent -= 140
    }
    return value
  }

  /// A matrix to a power, and the power of ten (a multiple of 140) by which it has been divided.
  private static func raised(_ matrix: [Double], _ size: Int, to n: Int) -> ([Double], Int) {
    if n == 1 { return (matrix, 0) }
    let (half, exponent) = raised(matrix, size, to: n / 2)
    var product = multiplied(half, half, size)
    var scale = 2 * exponent
    if n % 2 == 1 { product = multiplied(matrix, product, size) }
    if product[(size / 2) * size + size / 2] > 1e140 {
      for i in product.indices { product[i] *= 1e-140 }
      scale += 140
    }
    return (product, scale)
  }

  private static func multiplied(_ a: [Double], _ b: [Double], _ size: Int) -> [Double] {
    var out = Array(repeating: 0.0, count: size * size)
    for i in 0..<size {
      for k in 0..<size {
        let factor = a[i * size + k]
        if factor == 0 { continue }
        for j in 0..<size { out[i * size + j] += factor * b[k * size + j] }
      }
    }
    return out
  }

  /// The probability of a smaller distance for large `n`: Pelz and Good, "Approximating the Lower Tail-areas of the
  /// Kolmogorov-Smirnov One-sample Statistic", 1976.
  static func pelzGood(_ d: Double, _ n: Double) -> Double {
    let pi2 = Double.pi * Double.pi
    let pi4 = pi2 * pi2
    let pi6 = pi4 * pi2
    let z = n.squareRoot() * d
    let z2 = z * z
    let z4 = z2 * z2
    let z6 = z4 * z2
    let logQ = -pi2 / 8 / z2
    if logQ < -708 { return 0 }
    let root2Pi = (2 * Double.pi).squareRoot()
    var k0 = 0.0
    var k1 = 0.0
    var k2 = 0.0
    var k3 = 0.0
    let last = Int((16 * z / Double.pi).rounded(.up))
    for k in stride(from: last, through: 1, by: -1) {
      let m = Double(2 * k - 1)
      let m2 = m * m
      let m4 = m2 * m2
      let m6 = m4 * m2
      let weight = Numbers.exp(logQ * Double(8 * k))
      k0 = k0 * weight + 1
      k1 = k1 * weight + (-z2 + pi2 / 4 * m2)
      k2 = k2 * weight + (6 * z6 + 2 * z4 + (2 * z4 - 5 * z2) * pi2 / 4 * m2 + pi4 * (1 - 2 * z2) / 16 * m4)
      k3 =
        k3 * weight
        + (-30 * z6 - 90 * z4 * z4 + pi2 * (135 * z4 - 96 * z6) / 4 * m2
          + pi4 * (-60 * z2 + 212 * z4) / 16 * m4 + pi6 * (5 - 30 * z2) / 64 * m6)
    }
    let factor = Numbers.exp(logQ) * root2Pi
    k0 *= factor / z
    k1 *= factor / (6 * z4)
    k2 *= factor / (72 * z6 * z)
    k3 *= factor / (6480 * z6 * z4)
    var extra2 = 0.0
    var extra3 = 0.0
    for k in stride(from: last, through: 1, by: -1) {
      let square = Double(k * k)
      let weight = Numbers.exp(-pi2 / 2 / z2 * square)
      extra2 += square * weight
      extra3 += (3 * z2 - pi2 * square) * square * weight
    }
    k2 += extra2 * pi2 * root2Pi / (-36 * z2 * z)
    k3 += extra3 * pi2 * root2Pi / (216 * z6)
    let root = n.squareRoot()
    return k0 + k1 / root + k2 / n + k3 / (n * root)
  }
}

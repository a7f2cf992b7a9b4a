extension Numbers {
  /// The natural logarithm of the gamma function for positive `x`, within 2·10⁻¹⁴ of it or of 1.
  ///
  /// Stirling's series from 16 on; below, the recurrence Γ(x + 1) = x·Γ(x) leads there.
  public static func logGamma(_ x: Double) -> Double {
    guard x > 0 else { return x.isNaN ? x : .nan }
    guard x.isFinite else { return x }
    var shifted = x
    var product = 1.0
    while shifted < 16 {
      product *= shifted
      shifted += 1
    }
    let main = (shifted - 0.5) * log(shifted) - shifted + halfLog2Pi
    return main + stirlingTail(shifted) - log(product)
  }

  /// Q(a, x) = Γ(a, x) / Γ(a), the regularized upper incomplete gamma function, for a > 0 and x ≥ 0.
  ///
  /// The power series below a + 1, Lentz's continued fraction above (Press et al., "Numerical Recipes", 6.2); the factor
  /// xᵃ·e⁻ˣ / Γ(a + 1) by Loader's saddle-point form, so that large `a` lose no digits.
  public static func upperGamma(_ a: Double, _ x: Double) -> Double {
    guard a > 0, x >= 0 else { return .nan }
    if x == 0 { return 1 }
    if x == .infinity { return 0 }
    let density = poissonDensity(a, mean: x)
    if x < a + 1 {
      var term = 1.0
      var sum = 1.0
      var k = a
      while term > sum * 0x1p-54 {
        k += 1
        term *= x / k
        sum += term
      }
      return max(0, 1 - density * sum)
    }
    var b = x + 1 - a
    var c = 0x1p900
    var d = 1 / b
    var fraction = d
    var i = 0.0
    while i < 100_000 {
      i += 1
      let an = -i * (i - a)
      b += 2
      d = an * d + b
      if d.magnitude < 0x1p-900 { d = 0x1p-900 }
      c = b + an / c
      if c.magnitude < 0x1p-900 { c = 0x1p-900 }
      d = 1 / d
      let step = d * c
      fraction *= step
      if (step - 1).magnitude < 0x1p-52 { break }
    }
    // xᵃ·e⁻ˣ / Γ(a) is a times the density at a.
    return density * a * fraction
  }

  /// The probability that a chi-square variable is at least `x`.
  public static func chiSquareSurvival(_ x: Double, degreesOfFreedom: Int) -> Double {
    // Nothing that could vary: every outcome is as expected.
    guard degreesOfFreedom > 0 else { return 1 }
    if x.isNaN { return .nan }
    return x <= 0 ? 1 : upperGamma(Double(degreesOfFreedom) / 2, x / 2)
  }

  /// The probability that a standard normal variable is at least `z`.
  public static func normalSurvival(_ z: Double) -> Double {
    if z.isNaN { return z }
    let tail = upperGamma(0.5, z * z / 2) / 2
    return z < 0 ? 1 - tail : tail
  }

  /// xᵃ·e⁻ˣ / Γ(a + 1): the Poisson probability of `a` (which need not be whole) at mean x.
  ///
  /// Loader, "Fast and Accurate Computation of Binomial Probabilities", 2000.
  static func poissonDensity(_ a: Double, mean x: Double) -> Double {
    if a == 0 { return exp(-x) }
    return exp(-stirlingError(a) - deviance(a, x)) / (2 * Double.pi * a).squareRoot()
  }

  /// The binomial probability of `k` out of `n` at chance `p`, where `q` = 1 − p is given because it may have more digits.
  static func binomialDensity(_ k: Double, of n: Double, p: Double, q: Double) -> Double {
    if p <= 0 { return k == 0 ? 1 : 0 }
    if q <= 0 { return k == n ? 1 : 0 }
    if k == 0 { return exp(p < 0.1 ? -deviance(n, n * q) - n * p : n * log(q)) }
    if k == n { return exp(q < 0.1 ? -deviance(n, n * p) - n * q : n * log(p)) }
    let exponent = stirlingError(n) - stirlingError(k) - stirlingError(n - k) - deviance(k, n * p) - deviance(n - k, n * q)
    return exp(exponent) * (n / (2 * Double.pi * k * (n - k))).squareRoot()
  }

  /// log Γ(n + 1) − (n + ½)·log n + n − ½·log 2π.
  private static func stirlingError(_ n: Double) -> Double {
    if n >= 16 { return stirlingTail(n) }
    return logGamma(n + 1) - (n + 0.5) * log(n) + n - halfLog2Pi
  }

  /// What Stirling's formula leaves out at `n` ≥ 16: 1/12n − 1/360n³ + …
  private static func stirlingTail(_ n: Double) -> Double {
    let square = 1 / (n * n)
    let sum = 1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square * (1.0 / 1680 - square * (1.0 / 1188 - square * (691.0 / 360_360)))))
    return sum / n
  }

  /// x·log(x / m) + m − x without cancellation where x is near m.
  private static func deviance(_ x: Double, _ m: Double) -> Double {
    guard (x - m).magnitude < 0.1 * (x + m) else { return x * log(x / m) + m - x }
    var v = (x - m) / (x + m)
    var sum = (x - m) * v
    var term = 2 * x * v
    v *= v
    var j = 1.0
    while true {
      term *= v
      let next = sum + term / (2 * j + 1)
      if next == sum { return sum }
      sum = next
      j += 1
    }
  }

  private static let halfLog2Pi = 0.91893853320467274178
}

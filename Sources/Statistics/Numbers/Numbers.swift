/// Elementary functions out of + − × ÷ alone, so that every processor gives the same bits.
///
/// The C library picks other variants of `exp` and `log` on processors with fused multiply-add, and their last bits differ: a figure
/// that reaches an artifact may not come from there. `squareRoot()` is exact by IEEE 754 and needs no replacement.
public enum Numbers {
  /// e to the power of `x`, within 1 unit in the last place.
  ///
  /// x = k·ln 2 + r with |r| ≤ ln 2 / 2, then a rational approximation of e^r by Remez polynomials: Ng, "FDLIBM", `e_exp`, Sun
  /// Microsystems 1993.
  public static func exp(_ x: Double) -> Double {
    guard x.isFinite else { return x == -.infinity ? 0 : x }
    if x > 709.782712893384 { return .infinity }
    if x < -745.1332191019411 { return 0 }
    let magnitude = x.magnitude
    if magnitude < 0x1p-28 { return 1 + x }
    var high = x
    var low = 0.0
    var k = 0
    if magnitude > 0.5 * 0.6931471805599453 {
      k = Int(inverseLn2 * x + (x < 0 ? -0.5 : 0.5))
      high = x - Double(k) * ln2High
      low = Double(k) * ln2Low
    }
    let r = high - low
    let t = r * r
    let c =
      r - t
      * (1.66666666666666019037e-01 + t
        * (-2.77777777770155933842e-03
          + t * (6.61375632143793436117e-05 + t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08))))
    if k == 0 { return 1 - ((r * c) / (c - 2) - r) }
    let y = 1 - ((low - (r * c) / (2 - c)) - high)
    // Two steps: 2^k alone may be out of range where y · 2^k is not.
    let half = k / 2
    return y * power(ofTwo: half) * power(ofTwo: k - half)
  }

  /// The natural logarithm, within 1 unit in the last place; minus infinity at 0, not a number below.
  ///
  /// x = 2^k · (1 + f) with √2/2 < 1 + f < √2, then a polynomial in s = f / (2 + f): Ng, "FDLIBM", `e_log`, Sun Microsystems 1993.
  public static func log(_ x: Double) -> Double {
    if x.isNaN || x < 0 { return .nan }
    if x == 0 { return -.infinity }
    if x == .infinity { return x }
    var k = x.exponent
    var m = x.significand
    if m > 1.4142135623730951 {
      m *= 0.5
      k += 1
    }
    let f = m - 1
    let power = Double(k)
    if f == 0 { return power * ln2High + power * ln2Low }
    let s = f / (2 + f)
    let z = s * s
    let w = z * z
    let even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    let odd =
      z
      * (6.666666666666735130e-01
        + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)))
    let halfSquare = 0.5 * f * f
    return power * ln2High - ((halfSquare - (s * (halfSquare + (odd + even)) + power * ln2Low)) - f)
  }

  private static let inverseLn2 = 1.44269504088896338700e+00
  private static let ln2High = 6.93147180369123816490e-01
  private static let ln2Low = 1.90821492927058770002e-10

  private static func power(ofTwo k: Int) -> Double { Double(sign: .plus, exponent: k, significand: 1) }
}

/// Where a share lies that was seen `successes` times out of `total`: Wilson's score interval.
///
/// Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927: unlike p ± 2·σ it stays within 0…1 and says
/// something when nothing was seen.
public struct WilsonInterval: Sendable, Equatable {
  public let low: Double
  public let high: Double

  /// - Parameters:
  ///   - z: how many standard deviations; the default is 95 %.
  public init(_ successes: Int, of total: Int, z: Double = 1.959963984540054) {
    guard total > 0 else {
      low = 0
      high = 1
      return
    }
    let n = Double(total)
    let share = Double(successes) / n
    let square = z * z
    let centre = (share + square / (2 * n)) / (1 + square / n)
    let half = z * (share * (1 - share) / n + square / (4 * n * n)).squareRoot() / (1 + square / n)
    low = successes == 0 ? 0 : max(0, centre - half)
    high = successes == total ? 1 : min(1, centre + half)
  }
}

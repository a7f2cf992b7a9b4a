/// Intervals by drawing rows with replacement: the percentile bootstrap (Efron 1979).
public struct PairedBootstrap: Sendable {
  /// How many draws.
  public let samples: Int
  public let seed: UInt64
  /// How much of the draws lies inside: 0.95.
  public let confidence: Double

  public init(samples: Int, seed: UInt64, confidence: Double) {
    self.samples = samples
    self.seed = seed
    self.confidence = confidence
  }

  public struct Interval: Sendable, Equatable {
    public let low: Double
    public let high: Double
  }

  /// Intervals of some figures of `count` rows. One draw serves all figures; both systems see the same rows, which is what makes the
  /// interval of a difference narrow.
  /// - Parameter figures: the figures of the rows drawn, always as many.
  public func intervals(count: Int, figures: (_ drawn: [Int]) -> [Double]) -> [Interval] {
    guard count > 0, samples > 0 else { return [] }
    var generator = SeededGenerator(seed: seed)
    var drawn = Array(repeating: 0, count: count)
    var values: [[Double]] = []
    for _ in 0..<samples {
      for at in drawn.indices { drawn[at] = generator.below(count) }
      for (index, value) in figures(drawn).enumerated() {
        if index == values.count { values.append([]) }
        values[index].append(value)
      }
    }
    let tail = (1 - confidence) / 2
    return values.map { figure in
      let sorted = figure.sorted()
      return Interval(low: Self.quantile(sorted, tail), high: Self.quantile(sorted, 1 - tail))
    }
  }

  /// numpy's default: linear between the two nearest.
  private static func quantile(_ sorted: [Double], _ share: Double) -> Double {
    let place = share * Double(sorted.count - 1)
    let below = Int(place.rounded(.down))
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (sorted[above] - sorted[below]) * (place - Double(below))
  }
}

/// How far annotators agree, over all votes.
///
/// Counts are summed as whole numbers and by the number of votes on an item, so that no order can change a figure.
public struct Agreement: Sendable, Equatable {
  /// The mean, over items with two votes or more, of the share of pairs of votes that are equal; nil without such items.
  public let percent: Double?
  /// Krippendorff's alpha for classes without order: 1 − observed ÷ expected disagreement; nil when all votes that can be compared are
  /// equal (nothing could have differed). Krippendorff, "Content Analysis", chapter 11.
  public let alpha: Double?
  /// Fleiss' kappa; where items have different numbers of votes, with Gwet's mean shares (2014, chapter 2), which are Fleiss' own when
  /// they have not. Nil as alpha is.
  public let fleiss: Double?

  public init(_ votes: VoteTable) {
    let classes = votes.classCount
    var counts = [Int](repeating: 0, count: classes)
    var sizes = 0
    for item in 0..<votes.itemCount { sizes = max(sizes, votes.votes(on: item).count) }
    // By number of votes on an item.
    var items = [Int](repeating: 0, count: sizes + 1)
    var equalPairs = items
    var pairable = [Int](repeating: 0, count: classes)
    var shares = [Double](repeating: 0, count: classes)
    var voted = 0
    for item in 0..<votes.itemCount {
      let range = votes.votes(on: item)
      guard !range.isEmpty else { continue }
      voted += 1
      for vote in range { counts[Int(votes.classes[vote])] += 1 }
      items[range.count] += 1
      // Each class once: its count is taken back when it is met.
      for vote in range {
        let index = Int(votes.classes[vote])
        let count = counts[index]
        guard count > 0 else { continue }
        counts[index] = 0
        shares[index] += Double(count) / Double(range.count)
        equalPairs[range.count] += count * (count - 1)
        if range.count >= 2 { pairable[index] += count }
      }
    }
    var compared = 0
    var percentSum = 0.0
    var observed = 0.0
    for size in 0...sizes where size >= 2 && items[size] > 0 {
      compared += items[size]
      percentSum += Double(equalPairs[size]) / Double(size * (size - 1))
      observed += Double(items[size] * size * (size - 1) - equalPairs[size]) / Double(size - 1)
    }
    guard compared > 0 else {
      (percent, alpha, fleiss) = (nil, nil, nil)
      return
    }
    let percent = percentSum / Double(compared)
    self.percent = percent
    let all = pairable.reduce(0, +)
    let expected = Double(all * all - pairable.reduce(0) { $0 + $1 * $1 })
    alpha = expected > 0 ? 1 - Double(all - 1) * observed / expected : nil
    var chance = 0.0
    for share in shares { chance += (share / Double(voted)) * (share / Double(voted)) }
    fleiss = chance < 1 ? (percent - chance) / (1 - chance) : nil
  }
}

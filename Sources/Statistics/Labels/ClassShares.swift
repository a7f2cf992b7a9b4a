/// How likely each class is for each item, as one flat array: item after item, class after class.
public struct ClassShares: Sendable {
  public let classCount: Int
  public internal(set) var values: [Double]

  init(itemCount: Int, classCount: Int) {
    self.classCount = classCount
    values = Array(repeating: 0, count: itemCount * classCount)
  }

  public var itemCount: Int { classCount == 0 ? 0 : values.count / classCount }

  /// The shares of an item, class by class.
  public subscript(item: Int) -> ArraySlice<Double> { values[(item * classCount)..<((item + 1) * classCount)] }

  /// Shares that differ by less are equal: beyond this the last bits of sums decide, and not the votes.
  public static let resolution = 1e-9

  /// The class of an item with the greatest share: the first of equal ones, and whether there are such.
  public func winner(of item: Int) -> (class: Int, isTied: Bool) {
    let base = item * classCount
    var greatest = -Double.infinity
    for value in values[base..<(base + classCount)] where value > greatest { greatest = value }
    var winner = -1
    for index in 0..<classCount where values[base + index] >= greatest - ClassShares.resolution {
      if winner >= 0 { return (winner, true) }
      winner = index
    }
    return (max(winner, 0), false)
  }

  /// The winner of every item.
  func winners() -> [Int32] { (0..<itemCount).map { Int32(winner(of: $0).class) } }
}

/// Votes of annotators on items: numbers in place of names, sorted by item and then by annotator.
///
/// Whoever numbers items, annotators and classes in an order that the data fix (by bytes, or as declared) gets the same sums, to the
/// last bit, in whatever order the votes arrive.
public struct VoteTable: Sendable {
  public let itemCount: Int
  public let annotatorCount: Int
  public let classCount: Int
  /// Item `i` has the votes `starts[i]..<starts[i + 1]`.
  public let starts: [Int32]
  /// Who gave each vote.
  public let annotators: [Int32]
  /// The class of each vote.
  public let classes: [Int32]
  /// Which of the given votes each vote is: the way back to where it stands.
  public let order: [Int32]

  /// Sorts some votes: the `n`-th says that `annotators[n]` gave `items[n]` the class `classes[n]`.
  ///
  /// Votes of one annotator on one item stay in the given order. Complexity: linear (two counting sorts).
  public init(items: [Int32], annotators: [Int32], classes: [Int32], itemCount: Int, annotatorCount: Int, classCount: Int) {
    precondition(items.count == annotators.count && items.count == classes.count, "a vote has an item, an annotator and a class")
    precondition(items.count < Int(Int32.max), "votes are counted with 32 bits")
    self.itemCount = itemCount
    self.annotatorCount = annotatorCount
    self.classCount = classCount
    let byAnnotator = VoteTable.sorted(nil, by: annotators, count: annotatorCount).order
    let byItem = VoteTable.sorted(byAnnotator, by: items, count: itemCount)
    starts = byItem.starts
    order = byItem.order
    self.annotators = byItem.order.map { annotators[Int($0)] }
    self.classes = byItem.order.map { classes[Int($0)] }
  }

  public var voteCount: Int { order.count }

  /// The votes on an item.
  public func votes(on item: Int) -> Range<Int> { Int(starts[item])..<Int(starts[item + 1]) }

  /// A stable counting sort of `order` (of all positions when nil) by a key.
  private static func sorted(_ order: [Int32]?, by keys: [Int32], count: Int) -> (order: [Int32], starts: [Int32]) {
    var starts = [Int32](repeating: 0, count: count + 1)
    for key in keys { starts[Int(key) + 1] += 1 }
    for key in 0..<count { starts[key + 1] += starts[key] }
    var next = starts
    let sorted = [Int32](unsafeUninitializedCapacity: keys.count) { out, filled in
      for position in 0..<keys.count {
        let vote = order.map { $0[position] } ?? Int32(position)
        let key = Int(keys[Int(vote)])
        out[Int(next[key])] = vote
        next[key] += 1
      }
      filled = keys.count
    }
    return (sorted, starts)
  }
}

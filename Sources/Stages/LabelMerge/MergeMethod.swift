internal import Engine
internal import Statistics

/// How votes become labels.
enum MergeMethod: String, Sendable {
  case majority, wawa, zbs
  case dawidSkene = "dawid-skene"
  case oneCoin = "one-coin"

  /// More probabilities than this are no table of classes but a list of texts: 4 GB.
  private static let greatestShares = 1 << 29

  func merge(_ votes: VoteTable, known: [Int32]?) throws(TaskFailure) -> MergedVotes {
    if self != .majority, votes.itemCount * votes.classCount > Self.greatestShares {
      throw TaskFailure(
        id: "classes", message: "\(votes.itemCount) items and \(votes.classCount) classes are more than `\(rawValue)` can hold in memory",
        help: "declare the `classes` of the label type, or take `method: majority`")
    }
    switch self {
    case .majority: return MergedVotes(votes: votes, shares: nil)
    case .wawa:
      let found = MajorityVote.wawa(votes)
      return MergedVotes(votes: votes, shares: found.shares, skills: found.skills)
    case .zbs:
      let found = MajorityVote.zeroBasedSkill(votes)
      return MergedVotes(votes: votes, shares: found.shares, skills: found.skills)
    case .dawidSkene:
      let found = DawidSkene(votes, known: known)
      return MergedVotes(votes: votes, shares: found.posteriors, model: found)
    case .oneCoin:
      let found = DawidSkene(votes, model: .oneCoin, known: known)
      return MergedVotes(votes: votes, shares: found.posteriors, skills: (0..<votes.annotatorCount).map { found.accuracy(of: $0) })
    }
  }
}

/// What a method says of items and annotators.
struct MergedVotes {
  let votes: VoteTable
  /// Nil for plain counting, which needs no table of all classes.
  let shares: ClassShares?
  /// What annotators are worth; empty where the method does not ask.
  var skills: [Double] = []
  /// The confusion of annotators.
  var model: DawidSkene?

  /// The classes that an item has votes for, in order, each with how many.
  func counts(of item: Int) -> [(class: Int, count: Int)] {
    var counts: [(class: Int, count: Int)] = []
    for index in votes.classes[votes.votes(on: item)].sorted() {
      if let last = counts.last, last.class == index { counts[counts.count - 1].count += 1 } else { counts.append((Int(index), 1)) }
    }
    return counts
  }

  /// The probabilities of an item's classes, those that are 0 left out.
  func probabilities(of item: Int) -> [(class: Int, share: Double)] {
    if let shares { return shares[item].enumerated().compactMap { $1 > 0 ? ($0, $1) : nil } }
    let all = Double(votes.votes(on: item).count)
    return counts(of: item).map { ($0.class, Double($0.count) / all) }
  }

  func winner(of item: Int) -> (class: Int, share: Double, isTied: Bool) {
    if let shares {
      let found = shares.winner(of: item)
      return (found.class, shares[item][shares[item].startIndex + found.class], found.isTied)
    }
    let counts = counts(of: item)
    let greatest = counts.map(\.count).max() ?? 0
    let winners = counts.filter { $0.count == greatest }
    return (winners[0].class, Double(greatest) / Double(votes.votes(on: item).count), winners.count > 1)
  }
}

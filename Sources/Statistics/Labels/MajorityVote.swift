/// Labels by counting votes, plain or weighted by what annotators are worth.
///
/// Of equal shares the first class wins. Same definitions as crowd-kit 1.4 (Ustalov et al., JOSS 2024): `MajorityVote`, `Wawa`,
/// `ZeroBasedSkill`.
public enum MajorityVote {
  /// The share of each class among the votes on an item; a weight per annotator where some are worth more. An item without votes
  /// (or with votes that weigh nothing) has the plain shares.
  public static func shares(_ votes: VoteTable, weights: [Double]? = nil) -> ClassShares {
    var shares = ClassShares(itemCount: votes.itemCount, classCount: votes.classCount)
    count(votes, weights, into: &shares)
    return shares
  }

  /// Worker agreement with the aggregate: each annotator's share of votes that equal the plain majority is the weight of a second vote.
  public static func wawa(_ votes: VoteTable) -> (shares: ClassShares, skills: [Double]) {
    let skills = agreement(votes, with: shares(votes).winners())
    return (shares(votes, weights: skills), skills)
  }

  /// Skills that begin at chance and move, a hundred times with a rate that halves every twentieth time, towards each annotator's
  /// share of votes that equal the weighted majority.
  public static func zeroBasedSkill(_ votes: VoteTable) -> (shares: ClassShares, skills: [Double]) {
    var skills = Array(repeating: 1 / Double(max(votes.classCount, 1)) + 1e-5, count: votes.annotatorCount)
    var shares = ClassShares(itemCount: votes.itemCount, classCount: votes.classCount)
    var rate = 1.0
    for step in 1...100 {
      if step % 20 == 0 { rate *= 0.5 }
      count(votes, skills, into: &shares)
      let seen = agreement(votes, with: shares.winners())
      for annotator in skills.indices { skills[annotator] += rate * (seen[annotator] - skills[annotator]) }
    }
    count(votes, skills, into: &shares)
    return (shares, skills)
  }

  /// Each annotator's share of votes that equal a label per item; 0 for one without votes.
  public static func agreement(_ votes: VoteTable, with labels: [Int32]) -> [Double] {
    var equal = [Int](repeating: 0, count: votes.annotatorCount)
    var all = equal
    for item in 0..<votes.itemCount {
      for vote in votes.votes(on: item) {
        let annotator = Int(votes.annotators[vote])
        all[annotator] += 1
        if votes.classes[vote] == labels[item] { equal[annotator] += 1 }
      }
    }
    return zip(equal, all).map { $1 == 0 ? 0 : Double($0) / Double($1) }
  }

  private static func count(_ votes: VoteTable, _ weights: [Double]?, into shares: inout ClassShares) {
    let classCount = votes.classCount
    shares.values.withUnsafeMutableBufferPointer { values in
      for index in values.indices { values[index] = 0 }
      for item in 0..<votes.itemCount {
        let range = votes.votes(on: item)
        let row = UnsafeMutableBufferPointer(rebasing: values[(item * classCount)..<((item + 1) * classCount)])
        var sum = 0.0
        if let weights {
          for vote in range { row[Int(votes.classes[vote])] += weights[Int(votes.annotators[vote])] }
          for value in row { sum += value }
        }
        if sum <= 0 {
          for index in row.indices { row[index] = 0 }
          for vote in range { row[Int(votes.classes[vote])] += 1 }
          sum = Double(max(range.count, 1))
        }
        for index in row.indices { row[index] /= sum }
      }
    }
  }
}

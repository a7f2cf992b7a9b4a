import Testing

@testable import Statistics

/// Twelve tickets, five people, four classes; expected figures are crowd-kit's 1.4.2.
struct SmallVotes {
  static let classes = ["billing", "login", "other", "refund"]
  static let annotators = ["ann", "ben", "cyd", "dee", "eva"]
  static let items = ["t1", "t10", "t11", "t12", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9"]
  static let text = """
    t1 ann refund, t1 ben refund, t1 cyd billing, t2 ann login, t2 ben login, t2 dee login, t2 eva other, t3 ann billing, t3 cyd billing,
    t3 eva refund, t4 ben refund, t4 cyd login, t4 dee refund, t5 ann other, t5 ben other, t5 cyd other, t5 dee other, t5 eva other,
    t6 ann login, t6 eva billing, t7 ben billing, t7 cyd billing, t7 dee login, t8 ann refund, t8 ben refund, t8 dee refund,
    t8 eva refund, t9 cyd other, t10 ann login, t10 ben login, t10 cyd refund, t10 dee login, t10 eva login, t11 ben refund,
    t11 eva billing, t12 ann billing, t12 cyd billing, t12 dee billing
    """

  /// The votes, in the written order or in another one.
  static func table(seed: UInt64? = nil) -> VoteTable {
    var votes = text.split { $0 == "," || $0 == "\n" }.map { $0.split(separator: " ").map(String.init) }.filter { $0.count == 3 }
    if let seed {
      var state = seed
      for place in votes.indices.dropLast() {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        votes.swapAt(place, place + Int((state >> 33) % UInt64(votes.count - place)))
      }
    }
    return VoteTable(
      items: votes.map { Int32(items.firstIndex(of: $0[0])!) }, annotators: votes.map { Int32(annotators.firstIndex(of: $0[1])!) },
      classes: votes.map { Int32(classes.firstIndex(of: $0[2])!) }, itemCount: items.count, annotatorCount: annotators.count,
      classCount: classes.count)
  }

  static func expect(_ shares: ClassShares, _ expected: [String: [Double]], within tolerance: Double = 1e-12, _ name: String) {
    for (item, values) in expected {
      let found = Array(shares[items.firstIndex(of: item)!])
      for (a, b) in zip(found, values) { #expect((a - b).magnitude <= tolerance, "\(name) of \(item): \(found)") }
    }
  }
}

@Suite struct LabelTests {
  @Test func votesAreSorted() {
    let votes = VoteTable(items: [1, 0, 1, 0], annotators: [1, 1, 0, 0], classes: [3, 2, 1, 0], itemCount: 2, annotatorCount: 2, classCount: 4)
    #expect(votes.starts == [0, 2, 4])
    #expect(votes.annotators == [0, 1, 0, 1])
    #expect(votes.classes == [0, 2, 1, 3])
    #expect(votes.order == [3, 1, 2, 0])
  }

  @Test func majority() {
    let shares = MajorityVote.shares(SmallVotes.table())
    SmallVotes.expect(
      shares, ["t1": [1 / 3, 0, 0, 2 / 3], "t2": [0, 0.75, 0.25, 0], "t6": [0.5, 0.5, 0, 0], "t9": [0, 0, 1, 0], "t11": [0.5, 0, 0, 0.5]], "majority")
    // Of equal shares the first class wins.
    #expect(shares.winner(of: SmallVotes.items.firstIndex(of: "t11")!) == (0, true))
    #expect(shares.winner(of: SmallVotes.items.firstIndex(of: "t1")!) == (3, false))
  }

  @Test func majorityWithSkills() {
    let wawa = MajorityVote.wawa(SmallVotes.table())
    for (a, b) in zip(wawa.skills, [0.875, 0.875, 0.625, 0.8571428571428571, 0.7142857142857143]) { #expect((a - b).magnitude < 1e-12) }
    SmallVotes.expect(
      wawa.shares,
      ["t1": [0.263157894736842, 0, 0, 0.736842105263158], "t6": [0.449438202247191, 0.550561797752809, 0, 0], "t7": [0.636363636363636, 0.363636363636364, 0, 0]],
      "wawa")
    let zbs = MajorityVote.zeroBasedSkill(SmallVotes.table())
    for (a, b) in zip(zbs.skills, [1, 1, 0.625, 0.8571428571428571, 0.42857142857142855]) { #expect((a - b).magnitude < 1e-12) }
    SmallVotes.expect(zbs.shares, ["t3": [0.791304347826087, 0, 0, 0.208695652173913], "t6": [0.3, 0.7, 0, 0]], "zero-based skill")
  }

  @Test func weightsOfNothingAreNoWeights() {
    let votes = SmallVotes.table()
    #expect(MajorityVote.shares(votes, weights: [0, 0, 0, 0, 0]).values == MajorityVote.shares(votes).values)
  }

  @Test func dawidSkene() {
    let found = DawidSkene(SmallVotes.table())
    #expect(found.iterations == 9)
    #expect((found.bound - -1.5557793312713095).magnitude < 1e-9)
    SmallVotes.expect(
      found.posteriors,
      [
        "t1": [1e-10, 1e-10, 1e-10, 0.999999999999985], "t2": [1e-10, 1, 1e-10, 1e-10], "t3": [0.999998642604598, 1e-10, 1e-10, 1.357395402e-06],
        "t6": [3.25871e-10, 0.98653379498068, 1e-10, 0.013466204693449], "t9": [1e-10, 1.416277e-09, 0.999999998433099, 1.00624e-10],
        "t11": [3.0234e-10, 2.45613942e-07, 1e-10, 0.999999754083718],
      ], "dawid-skene")
    for (a, b) in zip(found.priors, [0.24999988694023534, 0.2488778368342416, 0.16666666653609155, 0.33445560968943155]) {
      #expect((a - b).magnitude < 1e-12)
    }
    // cyd says refund where login is right.
    let cyd = 2
    #expect((found.error(annotator: cyd, given: 3, truth: 1) - 0.9999999983837231).magnitude < 1e-12)
    #expect((found.error(annotator: cyd, given: 1, truth: 3) - 0.4999996606012276).magnitude < 1e-12)
    #expect(found.error(annotator: 3, given: 3, truth: 3) > 0.9)
    #expect(found.error(annotator: 2, given: 2, truth: 2) > 0.9)
    #expect(found.accuracy(of: cyd) < found.accuracy(of: 0))
  }

  @Test func oneCoin() {
    let found = DawidSkene(SmallVotes.table(), model: .oneCoin)
    #expect(found.iterations == 10)
    #expect((found.bound - -1.9139052310454059).magnitude < 1e-9)
    SmallVotes.expect(
      found.posteriors,
      [
        "t9": [0.211036340031922, 0.211061515491243, 0.296513363225758, 0.281388781251077], "t7": [0.999935338816968, 5.897173335e-05, 1.322389713e-06, 4.367059969e-06],
        "t3": [0.999999736049777, 5.9940677e-08, 2.4198569e-08, 1.79810977e-07],
      ], "one-coin")
  }

  /// Known answers stay, and teach what the others are worth: t1 and t11 are given here.
  @Test func knownAnswers() {
    var known = [Int32](repeating: -1, count: SmallVotes.items.count)
    known[SmallVotes.items.firstIndex(of: "t1")!] = 0
    known[SmallVotes.items.firstIndex(of: "t11")!] = 3
    let found = DawidSkene(SmallVotes.table(), known: known)
    #expect(found.iterations == 5)
    #expect((found.bound - -1.6104474470672745).magnitude < 1e-9)
    SmallVotes.expect(
      found.posteriors,
      [
        "t1": [1, 1e-10, 1e-10, 1e-10], "t11": [1e-10, 1e-10, 1e-10, 1], "t6": [1.7278058844434446e-09, 0.5173502594618856, 1e-10, 0.4826497388103086],
        "t9": [1e-10, 2.7689481377129067e-10, 0.9999999988783383, 7.947662218398875e-10],
      ], "known")
  }

  /// More votes on an item than can be multiplied: forty unanimous people and one who is always wrong.
  @Test func manyVotesOnAnItem() {
    var items: [Int32] = [], annotators: [Int32] = [], classes: [Int32] = []
    for item in 0..<10 {
      for annotator in 0..<41 {
        items.append(Int32(item))
        annotators.append(Int32(annotator))
        classes.append(Int32(annotator == 40 ? 1 - item % 2 : item % 2))
      }
    }
    let found = DawidSkene(VoteTable(items: items, annotators: annotators, classes: classes, itemCount: 10, annotatorCount: 41, classCount: 2))
    for item in 0..<10 { #expect(found.posteriors.winner(of: item).class == item % 2) }
    #expect(found.accuracy(of: 40) < 1e-6)
    #expect(found.accuracy(of: 0) > 1 - 1e-6)
    #expect(found.posteriors.values.allSatisfy { $0.isFinite })
  }

  @Test func orderOfVotesMovesNoBit() {
    let first = SmallVotes.table()
    let (posteriors, coin, agreement) = (DawidSkene(first).posteriors, DawidSkene(first, model: .oneCoin).posteriors, Agreement(first))
    for seed in UInt64(1)...20 {
      let votes = SmallVotes.table(seed: seed)
      #expect(DawidSkene(votes).posteriors.values == posteriors.values)
      #expect(DawidSkene(votes, model: .oneCoin).posteriors.values == coin.values)
      #expect(MajorityVote.zeroBasedSkill(votes).shares.values == MajorityVote.zeroBasedSkill(first).shares.values)
      #expect(Agreement(votes) == agreement)
    }
  }

  @Test func nothing() {
    let votes = VoteTable(items: [], annotators: [], classes: [], itemCount: 0, annotatorCount: 0, classCount: 0)
    #expect(DawidSkene(votes).posteriors.values.isEmpty)
    #expect(Agreement(votes).percent == nil)
  }

  @Test func oneClassOnly() {
    let votes = VoteTable(items: [0, 0, 1], annotators: [0, 1, 0], classes: [0, 0, 0], itemCount: 2, annotatorCount: 2, classCount: 1)
    #expect(DawidSkene(votes).posteriors.values == [1, 1])
    #expect(DawidSkene(votes, model: .oneCoin).posteriors.values == [1, 1])
    #expect(MajorityVote.zeroBasedSkill(votes).shares.values == [1, 1])
    #expect(Agreement(votes).percent == 1)
    // Nothing could have differed: no figure rather than a flattering one.
    #expect(Agreement(votes).alpha == nil)
  }
}

/// Scores of answers that are classes, from counts alone: the definitions of scikit-learn 1.9, with 0 where it divides by 0.
///
/// A class counts when it occurs, as truth or as answer; a declared class that does neither is no part of a mean.
public struct ClassScores: Sendable, Equatable {
  /// How many rows were counted, and how many of them are right.
  public private(set) var rows = 0
  public private(set) var hits = 0
  /// By class: how often it is the truth, the answer, and both.
  public private(set) var gold: [Int]
  public private(set) var predicted: [Int]
  public private(set) var agreed: [Int]

  public init(classes: Int) {
    gold = Array(repeating: 0, count: classes)
    predicted = gold
    agreed = gold
  }

  /// Counts a row.
  public mutating func add(gold truth: Int, predicted answer: Int) {
    rows += 1
    gold[truth] += 1
    predicted[answer] += 1
    if truth == answer {
      hits += 1
      agreed[truth] += 1
    }
  }

  public func precision(_ index: Int) -> Double { Self.ratio(agreed[index], predicted[index]) }
  public func recall(_ index: Int) -> Double { Self.ratio(agreed[index], gold[index]) }
  public func f1(_ index: Int) -> Double { Self.ratio(2 * agreed[index], gold[index] + predicted[index]) }

  /// Share of right answers.
  public var accuracy: Double { Self.ratio(hits, rows) }
  /// Mean recall of the classes that are the truth of some row.
  public var balancedAccuracy: Double { mean(of: gold.indices.filter { gold[$0] > 0 }, recall) }
  public var macroPrecision: Double { mean(of: occurring, precision) }
  public var macroRecall: Double { mean(of: occurring, recall) }
  public var macroF1: Double { mean(of: occurring, f1) }
  /// F1 of all classes' counts together; with one answer per row it is the accuracy.
  public var microF1: Double { Self.ratio(2 * hits, 2 * rows) }
  /// Mean F1, each class as often as it is the truth.
  public var weightedF1: Double {
    var sum = 0.0
    for index in gold.indices { sum += f1(index) * Double(gold[index]) }
    return rows == 0 ? 0 : sum / Double(rows)
  }

  /// Matthews' correlation for any number of classes (Gorodkin 2004).
  public var matthews: Double {
    var both = 0.0
    var truths = 0.0
    var answers = 0.0
    for index in gold.indices {
      both += Double(gold[index]) * Double(predicted[index])
      truths += Double(gold[index]) * Double(gold[index])
      answers += Double(predicted[index]) * Double(predicted[index])
    }
    let all = Double(rows) * Double(rows)
    let scale = ((all - truths) * (all - answers)).squareRoot()
    return scale == 0 ? 0 : (Double(hits) * Double(rows) - both) / scale
  }

  /// Cohen's kappa, unweighted; 1 when chance alone would always agree.
  public var kappa: Double {
    guard rows > 0 else { return 0 }
    var chance = 0.0
    for index in gold.indices { chance += Double(gold[index]) * Double(predicted[index]) }
    chance /= Double(rows) * Double(rows)
    return chance == 1 ? 1 : (accuracy - chance) / (1 - chance)
  }

  private var occurring: [Int] { gold.indices.filter { gold[$0] + predicted[$0] > 0 } }

  private func mean(of indices: [Int], _ figure: (Int) -> Double) -> Double {
    var sum = 0.0
    for index in indices { sum += figure(index) }
    return indices.isEmpty ? 0 : sum / Double(indices.count)
  }

  private static func ratio(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
}

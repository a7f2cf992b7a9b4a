import Statistics
import Testing

/// Expected figures: scikit-learn 1.9, rouge-score 0.1.2 and the SQuAD script on the same answers.
@Suite struct ScoresTests {
  static let classes = ["a", "b", "c", "d"]
  static let gold = "a a a a b b b c c c c c d a b c a b b a"
  static let predicted = "a a b a b b c c c a c c a a b c c b a a"

  static func scores() -> ClassScores {
    var scores = ClassScores(classes: 4)
    for (truth, answer) in zip(gold.split(separator: " "), predicted.split(separator: " ")) {
      scores.add(gold: classes.firstIndex(of: String(truth))!, predicted: classes.firstIndex(of: String(answer))!)
    }
    return scores
  }

  @Test("classes as scikit-learn scores them")
  func ofClasses() {
    let scores = Self.scores()
    let found = [
      scores.accuracy, scores.balancedAccuracy, scores.macroF1, scores.microF1, scores.weightedF1, scores.macroPrecision, scores.macroRecall,
      scores.matthews, scores.kappa,
    ]
    let expected: [Double] = [
      0.7, 0.5535714285714286, 0.5407925407925408, 0.7, 0.6822843822843823, 0.5348214285714286, 0.5535714285714286, 0.5632102425940445, 0.5588235294117647,
    ]
    for (value, wanted) in zip(found, expected) { #expect(abs(value - wanted) < 1e-12) }
  }

  @Test("a class that never occurs is no part of a mean, and nothing is divided by nothing")
  func empty() {
    var scores = ClassScores(classes: 3)
    #expect(scores.accuracy == 0)
    #expect(scores.macroF1 == 0)
    #expect(scores.matthews == 0)
    scores.add(gold: 1, predicted: 1)
    #expect(scores.macroF1 == 1)
    #expect(scores.balancedAccuracy == 1)
    #expect(scores.matthews == 0)
  }

  static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test("texts as SQuAD and rouge-score score them")
  func ofTexts() {
    let cases: [(String, [String], [Double])] = [
      ("The cat sat on a mat!", ["the cat is on the mat", "a cat sat"], [0, 0, 0.75, 0.6666666666666666, 0.28571428571428575, 0.6666666666666666]),
      ("Paris", ["paris, France", "Paris"], [1, 1, 1, 1, 0, 1]),
      ("", ["something"], [0, 0, 0, 0, 0, 0]),
      ("Über den Wolken, sagt er", ["über den wolken"], [0, 0, 0.7499999999999999, 0.7499999999999999, 0.6666666666666666, 0.7499999999999999]),
      ("to be or not to be that is", ["to be or not to be", "be that is to"], [0, 0, 0.8571428571428571, 0.8571428571428571, 0.8333333333333333, 0.8571428571428571]),
    ]
    for (answer, references, expected) in cases {
      let answer = Self.text(answer)
      let references = references.map(Self.text)
      let found = [
        TextScores.exactMatch(answer, references), TextScores.squadExactMatch(answer, references), TextScores.squadF1(answer, references),
        TextScores.rouge(1, answer, references), TextScores.rouge(2, answer, references), TextScores.rougeL(answer, references),
      ]
      for (value, wanted) in zip(found, expected) { #expect(abs(value - wanted) < 1e-12) }
    }
  }

  /// numpy draws other rows, so that its interval of the same difference is near, not equal.
  @Test("the interval of a difference is numpy's to a hundredth")
  func bootstrap() {
    let own = (0..<500).map { $0 % 7 == 0 || $0 % 5 == 1 ? 0.0 : 1.0 }
    let other = (0..<500).map { $0 % 7 == 0 || $0 % 3 == 1 ? 0.0 : 1.0 }
    let found = PairedBootstrap(samples: 2000, seed: 0, confidence: 0.95).intervals(count: 500) { drawn in
      var sum = 0.0
      for row in drawn { sum += own[row] - other[row] }
      return [sum / 500]
    }
    #expect(found.count == 1)
    #expect(abs(found[0].low - 0.066) < 0.01)
    #expect(abs(found[0].high - 0.164) < 0.01)
  }
}

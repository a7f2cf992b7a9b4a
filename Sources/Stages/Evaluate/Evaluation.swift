internal import Engine
internal import Statistics

/// What is known of one scored row.
struct ScoredAnswer: Sendable {
  /// The truth as text (a string's characters, the JSON of anything else); several where the truth is a list of texts.
  var references: [[UInt8]]
  var prediction: [UInt8]
}

/// Scores of a list of answers, of all of them and of any choice of them.
struct Evaluation {
  let metrics: [EvaluateMetric]
  /// Classes that occur as truth or answer: declared ones in their order, then others by their bytes.
  let classes: [[UInt8]]
  /// By row: its truth and its answer as places in `classes`; empty for texts.
  let gold: [Int]
  let predicted: [Int]
  /// By metric of texts, by row.
  private let values: [EvaluateMetric: [Double]]
  let count: Int

  /// - Parameter classes: the declared ones; nil when answers are texts.
  init(_ answers: [ScoredAnswer], classes declared: [[UInt8]]?, metrics: [EvaluateMetric]) {
    self.metrics = metrics
    count = answers.count
    var places: [[UInt8]: Int] = [:]
    var names: [[UInt8]] = []
    if let declared {
      var seen: Set<[UInt8]> = []
      for answer in answers { seen.formUnion([answer.references[0], answer.prediction]) }
      names = declared.filter(seen.contains) + seen.subtracting(declared).sorted { $0.lexicographicallyPrecedes($1) }
      for (place, name) in names.enumerated() { places[name] = place }
    }
    classes = names
    gold = declared == nil ? [] : answers.map { places[$0.references[0]]! }
    predicted = declared == nil ? [] : answers.map { places[$0.prediction]! }
    var values: [EvaluateMetric: [Double]] = [:]
    for metric in metrics where EvaluateMetric.ofTexts.contains(metric) {
      values[metric] = answers.map { metric.score($0.prediction, $0.references) ?? 0 }
    }
    self.values = values
  }

  /// Counts of some rows (of drawn ones, a row may come several times).
  func counts(_ rows: some Sequence<Int>) -> ClassScores {
    var counts = ClassScores(classes: classes.count)
    guard !gold.isEmpty else { return counts }
    for row in rows { counts.add(gold: gold[row], predicted: predicted[row]) }
    return counts
  }

  /// The scores of some rows, in the order of `metrics`.
  func scores(_ rows: some Collection<Int>) -> [Double] {
    let counts = counts(rows)
    return metrics.map { metric in
      if let score = metric.score(counts) { return score }
      guard let values = values[metric], !rows.isEmpty else { return 0 }
      var sum = 0.0
      for row in rows { sum += values[row] }
      return sum / Double(rows.count)
    }
  }

  /// Everything that `expect` may name of some rows.
  func figures(_ rows: some Collection<Int>) -> StageFigures {
    var figures = StageFigures()
    // Of no rows there is no score: not a perfect one, and not the worst.
    for (metric, score) in zip(metrics, scores(rows)) { figures.append(metric.rawValue, rows.isEmpty ? .null : .real(score)) }
    guard !gold.isEmpty else { return figures }
    let counts = counts(rows)
    for (name, figure) in [("precision", counts.precision), ("recall", counts.recall), ("f1", counts.f1)] as [(String, (Int) -> Double)] {
      figures.append(name, .nested(perClass { .real(figure($0)) }))
    }
    figures.append("support", .nested(perClass { .integer(counts.gold[$0]) }))
    return figures
  }

  private func perClass(_ value: (Int) -> StageFigures.Value) -> StageFigures {
    var figures = StageFigures()
    for (index, name) in classes.enumerated() { figures.append(String(decoding: name, as: UTF8.self), value(index)) }
    return figures
  }
}

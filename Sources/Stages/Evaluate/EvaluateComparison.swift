internal import Engine
internal import Rows
internal import Statistics

/// The difference between two evaluations of one set of rows, with its interval.
struct EvaluateComparison: Sendable {
  let plan: EvaluatePlan
  let bootstrap: PairedBootstrap
  /// How the baseline is called.
  let name: String

  /// `baseline`: the figures of its own rows. `difference`: of the rows in both, own minus baseline, by metric.
  func compare(_ own: WholeTable, _ baseline: WholeTable) throws(TaskFailure) -> StageFigures {
    let ours = try read(own)
    let theirs = try read(baseline)
    var figures = StageFigures()
    let all = Evaluation(theirs.map(\.answer), classes: plan.rows.classes, metrics: plan.computed)
    var told = all.figures(theirs.indices)
    told.append("name", .text(name))
    told.append("rows", .integer(theirs.count))
    figures.append("baseline", .nested(told))

    var places: [[UInt8]: Int] = [:]
    for (place, row) in theirs.enumerated() { places[row.key] = place }
    let pairs = ours.compactMap { row in places[row.key].map { (row.answer, theirs[$0].answer) } }
    let left = Evaluation(pairs.map(\.0), classes: plan.rows.classes, metrics: plan.metrics)
    let right = Evaluation(pairs.map(\.1), classes: plan.rows.classes, metrics: plan.metrics)
    let intervals = bootstrap.intervals(count: pairs.count) { drawn in zip(left.scores(drawn), right.scores(drawn)).map { $0 - $1 } }
    var differences = StageFigures()
    differences.append("rows", .integer(pairs.count))
    let values = zip(left.scores(pairs.indices), right.scores(pairs.indices)).map { $0 - $1 }
    for (at, metric) in plan.metrics.enumerated() where at < intervals.count {
      var one = StageFigures()
      one.append("value", .real(values[at]))
      one.append("low", .real(intervals[at].low))
      one.append("high", .real(intervals[at].high))
      differences.append(metric.rawValue, .nested(one))
    }
    figures.append("difference", .nested(differences))
    return figures
  }

  /// Rows of an evaluate stage as they were written.
  private func read(_ table: WholeTable) throws(TaskFailure) -> [(key: [UInt8], answer: ScoredAnswer)] {
    var rows: [(key: [UInt8], answer: ScoredAnswer)] = []
    let tokens = ["row", "gold", "prediction"].map(JSONText.quoted)
    try table.forEachRow { (_, _, bytes) throws(TaskFailure) in
      guard let key = JSONBytes.field(tokens[0], of: bytes), let gold = JSONBytes.field(tokens[1], of: bytes),
        let prediction = JSONBytes.field(tokens[2], of: bytes), let truth = ClassifierText.label(gold), let answer = ClassifierText.label(prediction)
      else {
        throw TaskFailure(
          id: "baseline", message: "the rows of the baseline `\(name)` are no answers: one lacks `row`, `gold` or `prediction`",
          help: "a baseline is an evaluate stage, or rows with these columns")
      }
      rows.append((Array(key), ScoredAnswer(references: plan.rows.references(gold, truth), prediction: answer)))
    }
    return rows
  }
}

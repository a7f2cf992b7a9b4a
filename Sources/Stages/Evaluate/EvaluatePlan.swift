internal import Engine
internal import Rows
internal import Statistics

/// The work of an evaluate stage: rows with their answers, scores, and who is taken for whom.
struct EvaluatePlan: Sendable {
  let rows: EvaluateRows
  /// The metrics that are shown, in order.
  let metrics: [EvaluateMetric]

  private static let rowsOutput = 0
  private static let scoresOutput = 1
  private static let confusionOutput = 2

  /// A cell of the confusion names at most so many of its rows as parents.
  private static let maximumParents = 1000

  /// What is computed: of classes everything, because it costs nothing; of texts what was asked for.
  var computed: [EvaluateMetric] { rows.classes == nil ? metrics : EvaluateMetric.ofClasses + metrics.filter { EvaluateMetric.ofTexts.contains($0) } }

  func evaluate(_ input: borrowing WholeInput, _ writer: TaskWriter) throws(TaskFailure) {
    let found = try rows.read(input, writer)
    let evaluation = Evaluation(found.map(\.answer), classes: rows.classes, metrics: computed)
    for row in found {
      let isRight = row.answer.references.contains(row.answer.prediction)
      writer.count("correct", isRight ? 1 : 0)
      var out = JSONRow()
      out.add("row", row.key)
      out.add("gold", row.gold)
      out.add("prediction", row.prediction)
      out.add("correct", isRight)
      // Six digits are all that a person looks at, and more than a model means.
      out.add("probability", row.probability.map { ($0 * 1_000_000).rounded() / 1_000_000 })
      for (column, value) in zip(rows.slices, row.slices) where !Self.ownColumns.contains(column) {
        out.add(column, value.map { JSONText.quoted($0) } ?? JSONBytes.null)
      }
      try emit(out, Self.rowsOutput, from: row.parent, also: row.source.map { [$0] } ?? [], writer)
    }
    // Where no classes are declared, none is unknown.
    let declared = rows.classes ?? []
    writer.count("unknown_class", declared.isEmpty ? 0 : found.count { !declared.contains($0.answer.prediction) })
    let groups = groups(found)
    try writeScores(evaluation, found, groups, writer)
    try writeConfusion(evaluation, found, writer)
    var figures = evaluation.figures(found.indices)
    if !groups.isEmpty {
      var slices = StageFigures()
      for group in groups {
        var figure = evaluation.figures(group.rows)
        figure.append("rows", .integer(group.rows.count))
        slices.append(group.name, .nested(figure))
      }
      figures.append("slices", .nested(slices))
    }
    writer.record(figures)
  }

  static let ownColumns = ["row", "gold", "prediction", "correct", "probability"]

  // MARK: slices

  private struct Group {
    /// `de`, or `lang=de` where several columns cut slices.
    let name: String
    let rows: [Int]
  }

  private func groups(_ found: [EvaluatedRow]) -> [Group] {
    var groups: [Group] = []
    for (column, name) in rows.slices.enumerated() {
      var members: [String: [Int]] = [:]
      for (at, row) in found.enumerated() { members[row.slices[column] ?? "null", default: []].append(at) }
      for value in members.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
        groups.append(Group(name: rows.slices.count == 1 ? value : "\(name)=\(value)", rows: members[value]!))
      }
    }
    return groups
  }

  // MARK: tables

  private func writeScores(_ evaluation: Evaluation, _ found: [EvaluatedRow], _ groups: [Group], _ writer: TaskWriter) throws(TaskFailure) {
    guard let first = found.first?.parent else { return }
    try writeScores(evaluation, slice: nil, Array(found.indices), first, writer)
    for group in groups { try writeScores(evaluation, slice: group.name, group.rows, found[group.rows[0]].parent, writer) }
  }

  private func writeScores(_ evaluation: Evaluation, slice: String?, _ rows: [Int], _ parent: RowParent, _ writer: TaskWriter) throws(TaskFailure) {
    func write(_ metric: String, _ name: [UInt8]?, _ value: Double, _ count: Int) throws(TaskFailure) {
      var out = JSONRow()
      out.add("metric", JSONText.quoted(metric))
      out.add("slice", slice.map { JSONText.quoted($0) } ?? JSONBytes.null)
      out.add("class", name.map { JSONText.quoted(String(decoding: $0, as: UTF8.self)) } ?? JSONBytes.null)
      out.add("value", value)
      out.add("rows", count)
      try emit(out, Self.scoresOutput, from: parent, writer)
    }
    for (metric, score) in zip(evaluation.metrics, evaluation.scores(rows)) where metrics.contains(metric) { try write(metric.rawValue, nil, score, rows.count) }
    guard !evaluation.gold.isEmpty else { return }
    let counts = evaluation.counts(rows)
    for (index, name) in evaluation.classes.enumerated() where counts.gold[index] + counts.predicted[index] > 0 {
      try write("precision", name, counts.precision(index), counts.gold[index])
      try write("recall", name, counts.recall(index), counts.gold[index])
      try write("f1", name, counts.f1(index), counts.gold[index])
    }
  }

  private func writeConfusion(_ evaluation: Evaluation, _ found: [EvaluatedRow], _ writer: TaskWriter) throws(TaskFailure) {
    guard !evaluation.gold.isEmpty else { return }
    let width = evaluation.classes.count
    var cells: [Int: [Int]] = [:]
    for row in found.indices { cells[evaluation.gold[row] * width + evaluation.predicted[row], default: []].append(row) }
    for cell in cells.keys.sorted() {
      let members = cells[cell]!
      var out = JSONRow()
      out.add("gold", JSONText.quoted(String(decoding: evaluation.classes[cell / width], as: UTF8.self)))
      out.add("prediction", JSONText.quoted(String(decoding: evaluation.classes[cell % width], as: UTF8.self)))
      out.add("rows", members.count)
      let others = members.dropFirst().prefix(Self.maximumParents).map { found[$0].parent }
      try emit(out, Self.confusionOutput, from: found[members[0]].parent, also: Array(others), writer)
    }
  }

  private func emit(_ row: JSONRow, _ port: Int, from parent: RowParent, also others: [RowParent] = [], _ writer: TaskWriter) throws(TaskFailure) {
    let bytes = row.closed
    try writer.emit(to: port, from: parent, also: others) { (out) throws(TaskFailure) in out += bytes }
  }
}

public import Diagnostics
public import Engine
internal import Rows
internal import Statistics

/// `evaluate`: scores a model or predictions against the truth, and compares with a baseline.
public struct EvaluateKind: StageKind {
  public static let name = "evaluate"
  public static let version = 1
  public static let components: [Component] = [.numbers]
  public static let facts = ["correct", "unasked", "unknown_class"]
  public static let figures = EvaluateMetric.allCases.map(\.rawValue) + ["precision", "recall", "f1", "support", "slices"]
  public static let comparedFigures = ["baseline", "difference"]

  public let inputs: [InputPort]
  public let outputs: [OutputPort]
  public let comparison: Comparison?
  private let plan: EvaluatePlan

  public init(_ stage: any StageReading) throws(Problems) {
    var reader = SettingReader(stage)
    let from = reader.setting("from")
    let sources = reader.inputs(from)
    let traits = reader.traits(of: sources)
    let filter = RowFilter(&reader)
    stage.note(traits.rowKey.joined(separator: "\u{1}"), as: "row_key")

    let gold = Self.gold(traits, from, &reader)
    let type = stage.labelTypes.first { $0.name == gold }
    let isText = type.map { !["class", "rating"].contains($0.kind) } ?? false
    let classes = type?.classes.map { json in json.withUnsafeBytes { ClassifierText.label($0) ?? [] } }
    if let type, type.kind == "class" || type.kind == "rating" {
      stage.note((type.classes.map { String(decoding: $0, as: UTF8.self) }).joined(separator: ","), as: "classes")
    }
    let metrics = Self.metrics(type, isText: isText, &reader)
    let (answers, answersPort) = Self.answers(traits, &reader)
    let rows = EvaluateRows(
      answers: answers, rowKey: RowKey(columns: traits.rowKey), gold: gold, classes: isText ? nil : classes ?? [],
      slices: Self.slices(traits, &reader), filter: filter)
    let plan = EvaluatePlan(rows: rows, metrics: metrics)
    let (comparison, baselinePort) = Self.comparison(plan, &reader)
    try reader.finish()

    self.plan = plan
    self.comparison = comparison
    inputs = [InputPort(name: EvaluateRows.rowsPort, reading: .stream, sources: sources, range: from?.range), answersPort, baselinePort].compactMap { $0 }
    let governance = reader.governance(of: sources + (answersPort?.sources ?? []))
    let columns = EvaluatePlan.ownColumns + rows.slices.filter { !EvaluatePlan.ownColumns.contains($0) }
    outputs = [
      OutputPort("rows", isKept: true, traits: TableTraits(rowKey: ["row"], columns: columns, governance: governance)),
      OutputPort("scores", isKept: true, traits: TableTraits(governance: governance), isSummary: true),
      OutputPort("confusion", isKept: true, traits: TableTraits(governance: governance)),
    ]
  }

  public var work: Work {
    let plan = plan
    return .wholeInput(WholeWork { (input, writer) throws(TaskFailure) in try plan.evaluate(input, writer) })
  }

  /// `accuracy 0.854 (= main), macro_f1 0.842 (+0.012 [−0.004, +0.030]), 3 answers outside the classes`
  public func note(_ sums: [String: Int], _ figures: StageFigures) -> String? {
    var parts: [String] = []
    for metric in plan.metrics {
      guard let value = figures.number(metric.rawValue) else { continue }
      parts.append("\(metric.rawValue) \(Self.fixed(value))" + difference(metric, figures))
    }
    if let both = figures.number("difference", "rows"), let theirs = figures.number("baseline", "rows"), both < theirs || both < Double(rowCount(figures)) {
      parts.append("\(Int(both)) rows in both")
    }
    if let count = sums["unknown_class"], count > 0 { parts.append("\(count) answer\(count == 1 ? "" : "s") outside the classes") }
    if let count = sums["unasked"], count > 0 { parts.append("\(count) prediction\(count == 1 ? "" : "s") of other rows") }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  private func rowCount(_ figures: StageFigures) -> Int {
    guard case .nested(let support)? = figures["support"] else { return 0 }
    return support.entries.reduce(0) { sum, entry in if case .integer(let count) = entry.value { sum + count } else { sum } }
  }

  private func difference(_ metric: EvaluateMetric, _ figures: StageFigures) -> String {
    let name = metric.rawValue
    guard let value = figures.number("difference", name, "value"), let low = figures.number("difference", name, "low"),
      let high = figures.number("difference", name, "high")
    else { return "" }
    if value == 0, low == 0, high == 0, let comparison { return " (= \(comparison.name))" }
    return " (\(Self.signed(value)) [\(Self.signed(low)), \(Self.signed(high))])"
  }

  private static func signed(_ value: Double) -> String { (value < 0 ? "−" : "+") + fixed(value.magnitude) }

  /// Three digits after the point.
  private static func fixed(_ value: Double) -> String {
    let thousandths = Int((value.magnitude * 1000).rounded())
    let digits = String(thousandths % 1000)
    return (value < 0 && thousandths > 0 ? "−" : "") + "\(thousandths / 1000)." + String(repeating: "0", count: 3 - digits.count) + digits
  }

  // MARK: reading the fields

  private static func gold(_ traits: TableTraits, _ from: Setting?, _ reader: inout SettingReader) -> String {
    guard let written = reader.setting("gold"), let name = written.text else {
      if traits.labelTypes.count == 1 { return traits.labelTypes[0] }
      let what = traits.labelTypes.isEmpty ? "the rows carry no label" : "the rows carry several labels: \(traits.labelTypes.joined(separator: ", "))"
      reader.report(
        Diagnostic(
          .error, id: "gold", "`gold` is not given, and \(what)", at: from?.range?.place ?? reader.stage.range?.place,
          help: "gold: the column or label type that holds the right answer"))
      return ""
    }
    if let columns = traits.columns, !columns.contains(name), !traits.labelTypes.contains(name) {
      reader.report(
        written.problem(
          "unknown-column", "the rows have no column `\(name)`", label: Suggestion.label(for: name, in: columns + traits.labelTypes),
          help: "columns: \((columns + traits.labelTypes.filter { !columns.contains($0) }).joined(separator: ", "))"))
    }
    return name
  }

  private static func metrics(_ type: LabelType?, isText: Bool, _ reader: inout SettingReader) -> [EvaluateMetric] {
    let known = isText ? EvaluateMetric.ofTexts : EvaluateMetric.ofClasses + [.exactMatch]
    guard let written = reader.setting("metrics")?.list, !written.isEmpty else {
      if !isText { return [.accuracy, .macroF1] }
      return type?.kind == "text" ? [.exactMatch, .rougeL] : [.exactMatch]
    }
    var metrics: [EvaluateMetric] = []
    for entry in written {
      let name = entry.text ?? ""
      guard let metric = EvaluateMetric(rawValue: name), known.contains(metric) else {
        let isOther = EvaluateMetric(rawValue: name) != nil
        reader.report(
          entry.problem(
            "metrics",
            isOther ? "`\(name)` is a score of \(isText ? "classes" : "texts"), and the answers are \(isText ? "texts" : "classes")" : "there is no metric `\(name)`",
            label: isOther ? "" : Suggestion.label(for: name, in: known.map(\.rawValue)), help: "metrics: \(known.map(\.rawValue).joined(separator: ", "))"))
        continue
      }
      if !metrics.contains(metric) { metrics.append(metric) }
    }
    return metrics
  }

  private static func answers(_ traits: TableTraits, _ reader: inout SettingReader) -> (EvaluateRows.Answers, InputPort?) {
    if let model = reader.setting("model") {
      guard model.text != nil else {
        let sources = reader.inputs(model)
        if reader.content(of: sources) == .folder {
          reader.report(
            model.problem(
              "model", "this model is a folder, made by a program: only that program knows how it answers",
              help: "let an exec stage ask it (from: { model: …, rows: … }, rows: file), and score its rows: predictions: ${stages.answers}"))
        }
        return (
          .model(port: EvaluateRows.answersPort), InputPort(name: EvaluateRows.answersPort, reading: .whole, sources: sources, range: model.range, takesFiles: true)
        )
      }
      let stage = reader.stage
      let file = reader.attempt { () throws(Problems) in try stage.file(model, role: "model") }
      do throws(TextClassifier.DecodingFailure) {
        if let file { return (.classifier(try TextClassifier(decoding: file.bytes)), nil) }
      } catch {
        let failure = EvaluateRows.unreadable(error, file?.bytes.count ?? 0)
        reader.report(model.problem("model", failure.message, help: failure.help))
      }
      return (.model(port: EvaluateRows.answersPort), nil)
    }
    let predictions = reader.setting("predictions")
    if traits.rowKey.isEmpty, let predictions {
      reader.report(
        predictions.problem(
          "row-key", "`predictions` are matched by the row key, and the rows of `from` have none",
          help: "on the stage that reads the rows: row_key: the column that identifies a row"))
    }
    let port = InputPort(name: EvaluateRows.answersPort, reading: .whole, sources: reader.inputs(predictions), range: predictions?.range)
    return (.predictions(port: EvaluateRows.answersPort, column: reader.setting("prediction")?.text ?? "prediction"), port)
  }

  private static func slices(_ traits: TableTraits, _ reader: inout SettingReader) -> [String] {
    let written = reader.setting("slices")?.list ?? []
    for entry in written {
      guard let name = entry.text, let columns = traits.columns, !columns.contains(name), !traits.labelTypes.contains(name) else { continue }
      reader.report(entry.problem("unknown-column", "the rows have no column `\(name)`", label: Suggestion.label(for: name, in: columns)))
    }
    return written.compactMap(\.text)
  }

  private static func comparison(_ plan: EvaluatePlan, _ reader: inout SettingReader) -> (Comparison?, InputPort?) {
    guard let baseline = reader.setting("baseline") else { return (nil, nil) }
    let settings = reader.setting("bootstrap")
    let samples = settings?.entry("samples")?.int ?? 1000
    let seed = settings?.entry("seed")?.int ?? 0
    let confidence = settings?.entry("confidence")?.double ?? 0.95
    var port: InputPort?
    var name = baseline.text ?? ""
    var source = Comparison.Baseline.named(name)
    if baseline.text == nil {
      let sources = reader.inputs(baseline)
      port = InputPort(name: "baseline", reading: .comparison, sources: sources, range: baseline.range)
      source = .port("baseline")
      if case .port(let reference)? = sources.first { name = reference.description }
    }
    let compared = EvaluateComparison(
      plan: plan, bootstrap: PairedBootstrap(samples: samples, seed: UInt64(bitPattern: Int64(seed)), confidence: confidence), name: name)
    let classes = (plan.rows.classes ?? []).map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\u{1}")
    return (
      Comparison(
        source, name: name,
        settings: "\(plan.metrics.map(\.rawValue).joined(separator: ",")) \(samples) \(seed) \(confidence) \(plan.rows.classes == nil ? "texts" : "classes \(classes)")"
      ) { (own, other) throws(TaskFailure) in try compared.compare(own, other) }, port
    )
  }
}

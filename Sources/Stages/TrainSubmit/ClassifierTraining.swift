internal import Diagnostics
internal import Engine
internal import Rows
internal import Statistics

/// A training of the embedded classifier: pure, because equal rows and settings give equal bytes on every machine.
struct ClassifierTraining: Sendable {
  private let example: TrainingExample
  private let hyperparameters: TextClassifier.Hyperparameters
  private let seed: UInt64
  private let hasValidation: Bool
  private let filter: RowFilter

  init(_ backend: Setting?, _ inputs: [InputPort], _ filter: RowFilter, _ reader: inout SettingReader) {
    self.filter = filter
    hasValidation = inputs.count > 1
    let features = backend?.entry("features")?.texts ?? []
    let traits = inputs.first.map { reader.traits(of: $0.sources) } ?? TableTraits()
    if let target = backend?.entry("target")?.text {
      example = TrainingExample(features: features, target: target)
      if let columns = traits.columns, !columns.contains(target), !traits.labelTypes.contains(target), let setting = backend?.entry("target") {
        reader.report(
          setting.problem("unknown-column", "the rows have no column `\(target)`", label: Suggestion.label(for: target, in: columns + traits.labelTypes)))
      }
    } else {
      // Which column is meant by default follows from the input, and so is part of the key.
      let column = traits.labelTypes.count == 1 ? traits.labelTypes[0] : nil
      reader.stage.note(column ?? "the last assistant message", as: "target")
      example = TrainingExample(features: features, target: column)
    }
    if let model = reader.setting("model") {
      reader.report(model.problem("conflict", "the embedded classifier has no base model", help: "remove `model`, or train with backend: { kind: command, … }"))
    }
    hyperparameters = Self.hyperparameters(&reader)
    seed = UInt64(bitPattern: Int64(reader.setting("seed")?.int ?? 0))
  }

  private static func hyperparameters(_ reader: inout SettingReader) -> TextClassifier.Hyperparameters {
    var chosen = TextClassifier.Hyperparameters()
    let known = TextClassifier.Hyperparameters.names
    for entry in reader.setting("hyperparameters")?.map ?? [] {
      guard known.contains(entry.name) else {
        reader.report(
          Diagnostic(
            id: "hyperparameter", "the embedded classifier has no hyperparameter `\(entry.name)`", at: (entry.nameRange ?? entry.setting.range)?.place,
            label: Suggestion.label(for: entry.name, in: known), help: "it has " + known.joined(separator: ", ")))
        continue
      }
      guard let value = entry.setting.double else {
        reader.report(entry.setting.problem("hyperparameter", "`\(entry.name)` must be a number"))
        continue
      }
      if let wrong = chosen.set(entry.name, to: value) { reader.report(entry.setting.problem("hyperparameter", "`\(entry.name)` \(wrong)")) }
    }
    return chosen
  }

  // MARK: training

  func train(_ input: borrowing WholeInput, _ writer: TaskWriter) throws(TaskFailure) {
    var trainer = TextClassifier.Trainer(hyperparameters, fields: example.features)
    var labels: Set<[UInt8]> = []
    let worker = input.worker
    try input.table("rows").forEachRow { (chunk, row, bytes) throws(TaskFailure) in
      let place = RowParent(chunk: chunk, row: row)
      guard try filter.keeps(bytes, place, worker, writer) else { return }
      let label = try example.answer(bytes, place)
      labels.insert(label)
      trainer.add(try example.texts(bytes, place), label: label)
    }
    let texts = trainer.texts
    var outputs = TrainingOutputs(writer)
    var epochs: [TextClassifier.Epoch] = []
    let supervision = input.supervision
    let classifier: TextClassifier
    do throws(TextClassifier.TrainingFailure) {
      classifier = try trainer.train(seed: seed) { epoch in
        epochs.append(epoch)
        return !supervision.isCancelled
      }
    } catch { throw Self.failure(error) }
    for epoch in epochs {
      try outputs.log("epoch \(epoch.number) of \(epoch.of)  loss \(TrainSubmitKind.shown(epoch.loss))  accuracy \(TrainSubmitKind.shown(epoch.accuracy))")
    }
    var metrics: [(name: String, value: Double)] = [("rows", Double(texts)), ("classes", Double(labels.count))]
    if let last = epochs.last { metrics += [("train_loss", last.loss), ("train_accuracy", last.accuracy)] }
    if hasValidation { try validate(classifier, input.table("validation"), &metrics, &outputs) }
    writer.count("classes", labels.count)
    try Self.emit(classifier.encoded, writer)
    var figures = StageFigures()
    for metric in metrics { figures.append(metric.name, .real(metric.value)) }
    try outputs.metrics(JSONLine.object(metrics.map { ($0.name, JSONLine.number($0.value)) }), figures)
  }

  private static func failure(_ failure: TextClassifier.TrainingFailure) -> TaskFailure {
    if failure == .stopped { return TaskFailure(id: "cancelled", message: failure.message) }
    return TaskFailure(
      id: "training", message: failure.message, help: "`features` names the columns that it reads, `target` the one with the answer (backend: { kind: classifier, … })")
  }

  private func validate(
    _ classifier: TextClassifier, _ table: WholeTable, _ metrics: inout [(name: String, value: Double)], _ outputs: inout TrainingOutputs
  ) throws(TaskFailure) {
    var right = 0
    var count = 0
    try table.forEachRow { (chunk, row, bytes) throws(TaskFailure) in
      let place = RowParent(port: 1, chunk: chunk, row: row)
      let label = try example.answer(bytes, place)
      count += 1
      if classifier.classes[classifier.predict(try example.texts(bytes, place)).index] == label { right += 1 }
    }
    metrics.append(("validation_rows", Double(count)))
    guard count > 0 else { return }
    let accuracy = Double(right) / Double(count)
    metrics.append(("validation_accuracy", accuracy))
    try outputs.log("validation  \(right) of \(count) right  accuracy \(TrainSubmitKind.shown(accuracy))")
  }

  private static func emit(_ model: [UInt8], _ writer: TaskWriter) throws(TaskFailure) {
    let pieceBytes = 1 << 20
    for (number, start) in stride(from: 0, to: model.count, by: pieceBytes).enumerated() {
      let piece = Array(model[start..<min(start + pieceBytes, model.count)])
      try piece.withUnsafeBytes { bytes -> Result<Void, TaskFailure> in
        do throws(TaskFailure) { return .success(try writer.emit(to: TrainingOutputs.model, from: .unknown(number), piece: bytes)) } catch { return .failure(error) }
      }.get()
    }
  }
}

internal import Engine
internal import Rows
internal import Statistics

/// One row with its truth and its answer.
struct EvaluatedRow {
  /// The row key as JSON: a value, or a list of them.
  var key: [UInt8]
  /// As they stand in the rows.
  var gold: [UInt8]
  var prediction: [UInt8]
  var probability: Double?
  var answer: ScoredAnswer
  /// By column of `slices`: the value as text; nil where there is none.
  var slices: [String?]
  var parent: RowParent
  /// The row of `predictions`.
  var source: RowParent?
}

/// Joins rows with their truth and their answers.
struct EvaluateRows: Sendable {
  enum Answers: Sendable {
    /// The port with a classifier's bytes.
    case model(port: String)
    case classifier(TextClassifier)
    /// The port with rows of answers, and the column in it.
    case predictions(port: String, column: String)
  }

  let answers: Answers
  let rowKey: RowKey
  let gold: String
  /// Declared classes as texts; nil when answers are texts.
  let classes: [[UInt8]]?
  let slices: [String]
  let filter: RowFilter

  static let rowsPort = "rows"
  static let answersPort = "answers"

  /// Everything in the order of `from`.
  func read(_ input: borrowing WholeInput, _ writer: TaskWriter) throws(TaskFailure) -> [EvaluatedRow] {
    let table = input.table(Self.rowsPort)
    let worker = input.worker
    let goldToken = JSONText.quoted(gold)
    let sliceTokens = slices.map(JSONText.quoted)
    var rows: [EvaluatedRow] = []
    var unlabeled = FailureCollector()
    var strange = FailureCollector()
    let classifier = try classifier(input.table(Self.answersPort))
    var texts: [[[UInt8]]] = []
    try table.forEachRow { (chunk, row, bytes) throws(TaskFailure) in
      let parent = RowParent(port: 0, chunk: chunk, row: row)
      guard try filter.keeps(bytes, parent, worker, writer) else { return }
      guard let value = JSONBytes.field(goldToken, of: bytes), let label = ClassifierText.label(value) else {
        let isMissing = JSONBytes.field(goldToken, of: bytes) == nil
        unlabeled.add(Self.noGold(gold, isMissing: isMissing, parent))
        return
      }
      if let classes, !classes.isEmpty, !classes.contains(label) { strange.add(Self.strangeGold(gold, label, classes, parent)) }
      rows.append(
        EvaluatedRow(
          key: key(of: bytes), gold: Array(value), prediction: [], answer: ScoredAnswer(references: references(value, label), prediction: []),
          slices: sliceTokens.map { ClassifierText.label(JSONBytes.field($0, of: bytes)).map { String(decoding: $0, as: UTF8.self) } }, parent: parent))
      guard let classifier else { return }
      if let column = classifier.fields.first(where: { JSONBytes.field(JSONText.quoted($0), of: bytes) == nil }) { throw Self.noField(column, parent) }
      texts.append(ClassifierText.fields(classifier.fields, of: bytes))
    }
    writer.count("unasked", 0)
    try unlabeled.throwFirst()
    try strange.throwFirst()
    if let classifier { predict(classifier, texts, &rows) } else { try join(input.table(Self.answersPort), &rows, keys: try keys(table, rows), writer) }
    return rows
  }

  /// A list of texts is a list of references, any of which is right.
  func references(_ value: UnsafeRawBufferPointer, _ label: [UInt8]) -> [[UInt8]] {
    guard classes == nil, JSONView(value).kind == .array else { return [label] }
    let texts = JSONView(value).items.compactMap { $0.kind == .string ? JSONText.decoded($0.bytes) : nil }
    return texts.isEmpty ? [label] : texts
  }

  private func key(of row: UnsafeRawBufferPointer) -> [UInt8] {
    let parts = rowKey.columns.compactMap { JSONBytes.field(JSONText.quoted($0), of: row).map { Array($0) } }
    if rowKey.columns.isEmpty { return JSONText.quoted("sha256:\(Digest.of(row).short)") }
    return parts.count == 1 ? parts[0] : [UInt8(ascii: "[")] + Array(parts.joined(separator: [UInt8(ascii: ",")])) + [UInt8(ascii: "]")]
  }

  // MARK: the embedded classifier

  private func classifier(_ table: WholeTable) throws(TaskFailure) -> TextClassifier? {
    switch answers {
    case .predictions: return nil
    case .classifier(let classifier): return classifier
    case .model:
      var bytes: [UInt8] = []
      for ordinal in 0..<table.chunkCount { bytes += try table.bytes(ordinal) }
      do throws(TextClassifier.DecodingFailure) { return try TextClassifier(decoding: bytes) } catch { throw Self.unreadable(error, bytes.count) }
    }
  }

  private func predict(_ classifier: TextClassifier, _ texts: [[[UInt8]]], _ rows: inout [EvaluatedRow]) {
    for at in rows.indices {
      let found = classifier.predict(texts[at])
      let label = classifier.classes[found.index]
      rows[at].answer.prediction = label
      // A number is answered with a number.
      rows[at].prediction = rows[at].gold.first == UInt8(ascii: "\"") ? JSONText.quoted(String(decoding: label, as: UTF8.self)) : Self.json(label)
      rows[at].probability = found.probabilities[found.index]
    }
  }

  private static func json(_ label: [UInt8]) -> [UInt8] {
    let text = String(decoding: label, as: UTF8.self)
    return text == "true" || text == "false" || Double(text) != nil ? label : JSONText.quoted(text)
  }

  // MARK: answers made elsewhere

  /// The key texts of the rows that are scored, in their order.
  private func keys(_ table: WholeTable, _ rows: [EvaluatedRow]) throws(TaskFailure) -> [[UInt8]] {
    var keys: [[UInt8]] = []
    try table.forEachRow { (chunk, row, bytes) throws(TaskFailure) in
      guard keys.count < rows.count, rows[keys.count].parent == RowParent(port: 0, chunk: chunk, row: row) else { return }
      do throws(RowKey.Failure) {
        keys.append(try rowKey.text(of: bytes))
      } catch { throw Self.noKey(error, in: "the row", RowParent(port: 0, chunk: chunk, row: row), isSide: false) }
    }
    return keys
  }

  private func join(_ table: WholeTable, _ rows: inout [EvaluatedRow], keys: [[UInt8]], _ writer: TaskWriter) throws(TaskFailure) {
    guard case .predictions(_, let column) = answers else { return }
    var places: [[UInt8]: Int] = [:]
    for (place, key) in keys.enumerated() {
      if let other = places.updateValue(place, forKey: key) { throw Self.twoRows(rows[other], rows[place]) }
    }
    let token = JSONText.quoted(column)
    let probability = JSONText.quoted("probability")
    var hasColumn = false
    var unasked = 0
    var taken = rows
    try table.forEachRow { (chunk, row, bytes) throws(TaskFailure) in
      let parent = RowParent(port: 1, chunk: chunk, row: row)
      let key: [UInt8]
      do throws(RowKey.Failure) {
        key = try rowKey.text(of: bytes)
      } catch { throw Self.noKey(error, in: "a row of `predictions`", parent, isSide: true) }
      guard let place = places[key] else {
        unasked += 1
        return
      }
      if let first = taken[place].source { throw Self.twoAnswers(taken[place], first, parent) }
      taken[place].source = parent
      let value = JSONBytes.field(token, of: bytes)
      if value != nil { hasColumn = true }
      guard let value, let label = ClassifierText.label(value) else { return }
      taken[place].prediction = Array(value)
      taken[place].answer.prediction = label
      taken[place].probability = JSONBytes.field(probability, of: bytes).flatMap { JSONView($0).double }
    }
    rows = taken
    if !hasColumn, rows.contains(where: { $0.source != nil }) { throw Self.noColumn(column, rows.first { $0.source != nil }!.source!) }
    let missing = rows.filter { $0.prediction.isEmpty }
    guard missing.isEmpty else { throw Self.missing(missing, of: rows.count) }
    writer.count("unasked", unasked)
  }
}

// MARK: messages

extension EvaluateRows {
  fileprivate static func noGold(_ gold: String, isMissing: Bool, _ parent: RowParent) -> TaskFailure {
    TaskFailure(
      id: "no-gold", message: isMissing ? "the row has no column `\(gold)`, which is the truth" : "the truth, `\(gold)`, is null in this row", rows: [parent],
      help: isMissing ? "gold: names the column or label type that holds the right answer" : "where: \(gold) is not none leaves such rows out")
  }

  fileprivate static func strangeGold(_ gold: String, _ label: [UInt8], _ classes: [[UInt8]], _ parent: RowParent) -> TaskFailure {
    TaskFailure(
      id: "unknown-class", message: "`\(String(decoding: label, as: UTF8.self))` is no class of `\(gold)`", rows: [parent],
      help: "its classes: \(classes.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ", "))")
  }

  fileprivate static func noField(_ column: String, _ parent: RowParent) -> TaskFailure {
    TaskFailure(
      id: "no-column", message: "the row has no column `\(column)`, which the model reads", rows: [parent],
      help: "rows to be scored have the columns that the model was trained on")
  }

  static func unreadable(_ failure: TextClassifier.DecodingFailure, _ count: Int) -> TaskFailure {
    TaskFailure(
      id: "model", message: count == 0 ? "the model is empty" : failure.message,
      help: failure == .notAClassifier
        ? "models of other makers answer in a stage of their own: predictions: ${stages.answers}" : "train it again: pipe run --force on the stage that made it")
  }

  fileprivate static func noKey(_ failure: RowKey.Failure, in what: String, _ parent: RowParent, isSide: Bool) -> TaskFailure {
    let message =
      switch failure {
      case .missing(let column): "\(what) has no column `\(column)`, which is the row key"
      case .null(let column): "\(what) has null in `\(column)`, which is the row key"
      }
    var found = TaskFailure(id: "row-key", message: message, rows: isSide ? [] : [parent], help: isSide ? "answers are matched by the row key of `from`" : nil)
    if isSide { found.sides = [("prediction", parent)] }
    return found
  }

  fileprivate static func twoRows(_ first: EvaluatedRow, _ second: EvaluatedRow) -> TaskFailure {
    TaskFailure(id: "row-key", message: "two rows have the row key \(String(decoding: first.key, as: UTF8.self))", rows: [first.parent, second.parent])
  }

  fileprivate static func twoAnswers(_ row: EvaluatedRow, _ first: RowParent, _ second: RowParent) -> TaskFailure {
    var found = TaskFailure(
      id: "doubled-prediction", message: "the row \(String(decoding: row.key, as: UTF8.self)) has two answers in `predictions`", rows: [row.parent],
      help: "one answer a row; of several, say which with `where` on a stage before this one")
    found.sides = [("first", first), ("second", second)]
    return found
  }

  fileprivate static func noColumn(_ column: String, _ parent: RowParent) -> TaskFailure {
    var found = TaskFailure(
      id: "no-column", message: "no row of `predictions` has a column `\(column)`", help: "prediction: names the column that holds the answer")
    found.sides = [("prediction", parent)]
    return found
  }

  /// As many keys as fit on a line.
  private static let shownKeys = 5

  fileprivate static func missing(_ rows: [EvaluatedRow], of count: Int) -> TaskFailure {
    let keys = rows.prefix(shownKeys).map { String(decoding: $0.key, as: UTF8.self) }.joined(separator: ", ")
    return TaskFailure(
      id: "missing-prediction", message: "\(rows.count) of \(count) rows \(rows.count == 1 ? "has" : "have") no answer in `predictions`",
      rows: Array(rows.prefix(FailureCollector.maximumRows).map(\.parent)),
      help: "every row is answered; rows that are not to be scored are left out with `where`",
      notes: [("keys", keys + (rows.count > shownKeys ? ", …" : ""))])
  }
}

internal import Diagnostics
internal import Engine
internal import Rows
internal import Templates

/// Everything that an assemble stage's tasks need.
struct AssemblePlan: Sendable {
  enum Tools: Sendable {
    case none
    case constant([UInt8])
    case template(ValueTemplate)
  }

  var messages: [MessageTemplate] = []
  var chosen: [MessageTemplate]?
  var rejected: [MessageTemplate]?
  var tools = Tools.none
  var labels: LabelReader?
  /// Label types that attach, in the order of the manifest.
  var rules: [LabelRule] = []
  /// One keyed port per label input.
  var labelPorts: [String] = []
  /// Label types that decide whether a row is labeled.
  var required: Set<String> = []
  var signature = PromptSignature()
  var fewShot: FewShot?
  /// Whether templates place the examples themselves; else they are put before the last user message.
  var readsExamples = false
  var readsRow = false
  var readsLabels = false
  /// Whether a stage behind this one asks for the labels' confidence.
  var carriesConfidence = false
  /// Names that are the same for every row.
  var constants = Bindings()
  /// Names that something else than the row provides.
  var provided: Set<String> = []
  var rowKey = RowKey(columns: [])
  /// What the sources of the rows and of the labels say.
  var governance: Governance?
  var filter = RowFilter()
  /// Column names that the stage itself writes or lends a meaning.
  var reserved: [(token: [UInt8], name: String)] = []

  private static let tokens = (
    messages: JSONText.quoted("messages"), tools: JSONText.quoted("tools"), chosen: JSONText.quoted("chosen"), rejected: JSONText.quoted("rejected"),
    status: JSONText.quoted("status"), uses: JSONText.quoted("uses"), classification: JSONText.quoted("classification"),
    confidence: JSONText.quoted("confidence"),
    allowed: JSONText.quoted("allowed_uses"), prohibited: JSONText.quoted("prohibited_uses")
  )

  func write(_ input: borrowing TaskInput, _ writer: TaskWriter) throws(TaskFailure) {
    let worker = input.worker
    let renderer = worker.object(WorkerRenderer.self) { WorkerRenderer() }.renderer
    let fields = worker.object(RowView.self) { RowView() }
    let sides = labelPorts.map { input.side($0) }
    let candidates = try fewShot?.candidates(input.whole(FewShot.port), worker) ?? []
    var failures = FailureCollector()
    var line: [UInt8] = []
    for (ordinal, chunk) in input.chunks.enumerated() {
      try chunk.rows.forEachRow { (row, bytes) throws(TaskFailure) in
        let parent = RowParent(chunk: ordinal, row: row)
        do throws(TaskFailure) {
          guard try filter.keeps(bytes, parent, worker, writer) else { return }
          fields.read(bytes)
          var scope = RowScope(renderer: renderer, fields: fields, parent: parent, names: constants)
          let status = try append(&scope, sides, candidates, writer, to: &line)
          if failures.isEmpty { try emit(line, scope.parent, status, writer) }
        } catch { failures.add(error) }
      }
    }
    try failures.throwFirst()
  }

  private func emit(_ line: [UInt8], _ parent: RowParent, _ status: LabelStatus, _ writer: TaskWriter) throws(TaskFailure) {
    writer.count(status == .unlabeled ? "unlabeled" : "labeled")
    if status != .unlabeled, status != .labeled { writer.count(status.rawValue) }
    try line.withUnsafeBytes { bytes -> Result<Void, TaskFailure> in
      do throws(TaskFailure) {
        try writer.emit(from: parent, row: bytes)
        if status == .unlabeled { try writer.emit(to: 1, from: parent, row: bytes) }
        return .success(())
      } catch { return .failure(error) }
    }.get()
  }

  // MARK: One row

  private func append(
    _ scope: inout RowScope, _ sides: [SideRows], _ candidates: [[UInt8]], _ writer: TaskWriter, to line: inout [UInt8]
  ) throws(TaskFailure) -> LabelStatus {
    try checkColumns(scope)
    let answers = try answers(scope, sides, writer)
    var missing: Set<String> = []
    for (rule, answer) in zip(rules, answers) {
      scope.names[rule.name] = answer?.label.flatMap { Value(json: $0) } ?? Value.none
      if answer?.label == nil { missing.insert(rule.name) }
    }
    let unanswered = missing.intersection(required)
    let status = unanswered.isEmpty ? zip(rules, answers).filter { required.contains($0.0.name) }.compactMap { $0.1?.status }.min() ?? .labeled : .unlabeled
    if readsLabels { scope.names["labels"] = Self.value(rules, answers) }
    if readsRow { scope.names["row"] = Value(pairs: [("id", Value(rowID(scope.row))), ("status", Value(status.rawValue))]) }
    try signature.bind(&scope, provided: provided)
    for (rule, answer) in zip(rules, answers) { if let label = answer?.label { try signature.check(rule.name, label, scope) } }

    let examples = fewShot?.examples(for: scope.row, key: rowKey, among: candidates) ?? []
    if fewShot != nil { scope.names["examples"] = FewShot.value(examples) }

    startLine(scope, answers, &line)
    JSONBytes.appendKey(Self.tokens.messages, to: &line)
    try appendMessages(messages, scope, missing, examples: readsExamples ? [] : examples, to: &line)
    try appendTools(scope, to: &line)
    for (token, answer) in [(Self.tokens.chosen, chosen), (Self.tokens.rejected, rejected)] {
      guard let answer else { continue }
      JSONBytes.appendKey(token, to: &line)
      try appendMessages(answer, scope, missing, examples: [], to: &line)
    }
    for (rule, answer) in zip(rules, answers) {
      JSONBytes.appendKey(rule.token, to: &line)
      line += answer?.label ?? JSONBytes.null
    }
    JSONBytes.appendKey(Self.tokens.status, to: &line)
    JSONText.append(status.rawValue, to: &line)
    JSONBytes.appendKey(Self.tokens.uses, to: &line)
    appendUses(scope.fields, answers, to: &line)
    if let classification = classification(scope.fields, answers) {
      JSONBytes.appendKey(Self.tokens.classification, to: &line)
      JSONText.append(classification, to: &line)
    }
    if carriesConfidence, scope.fields.value(Self.tokens.confidence) == nil {
      JSONBytes.appendKey(Self.tokens.confidence, to: &line)
      line += confidence(answers)
    }
    line.append(UInt8(ascii: "}"))
    return status
  }

  /// The least confidence of the labels that answer, as it was written; null when one says nothing.
  private func confidence(_ answers: [LabelAnswer?]) -> [UInt8] {
    var least: (value: Double, json: [UInt8])?
    for (rule, answer) in zip(rules, answers) where required.contains(rule.name) {
      guard let json = answer?.details.first(where: { $0.name == "confidence" })?.json, let value = json.withUnsafeBytes({ JSONView($0).double }) else {
        return JSONBytes.null
      }
      if least.map({ value < $0.value }) ?? true { least = (value, json) }
    }
    return least?.json ?? JSONBytes.null
  }

  private func rowID(_ row: UnsafeRawBufferPointer) -> String { rowKey.columns.isEmpty ? Digest.of(row).hex : rowKey.label(of: row) }

  /// A column whose name the stage uses itself would be written twice, or would mean two things.
  private func checkColumns(_ scope: RowScope) throws(TaskFailure) {
    guard let clash = reserved.first(where: { scope.fields.value($0.token) != nil })?.name else { return }
    throw TaskFailure(
      id: "reserved-column", message: "the rows have a column `\(clash)`, and assemble gives that name a meaning of its own", rows: [scope.parent],
      help: Self.renameHelp(clash))
  }

  static func renameHelp(_ column: String) -> String { "rename it where the rows are read: rename: { source_\(column): \(column) }" }

  /// The row's bytes without the closing brace; a classification that its source or labels make stricter is left out, to be written anew.
  private func startLine(_ scope: RowScope, _ answers: [LabelAnswer?], _ line: inout [UInt8]) {
    line.removeAll(keepingCapacity: true)
    guard governance?.classification != nil || answers.contains(where: { $0?.classification != nil }), classification(scope.fields, answers) != nil,
      scope.fields.value(Self.tokens.classification) != nil
    else {
      line.append(contentsOf: UnsafeRawBufferPointer(rebasing: scope.row.dropLast()))
      return
    }
    line.append(UInt8(ascii: "{"))
    JSONScanner.forEachField(scope.row) { key, value in
      let token = Array(scope.row[key])
      guard token != Self.tokens.classification else { return true }
      JSONBytes.appendKey(token, to: &line)
      line.append(contentsOf: UnsafeRawBufferPointer(rebasing: scope.row[value]))
      return true
    }
  }

  /// The strictest of the row's, the source's and the labels' classification; nil when the row already says it.
  private func classification(_ row: RowView, _ answers: [LabelAnswer?]) -> String? {
    let own = row.value(Self.tokens.classification).flatMap { JSONView($0).string }
    let strictest = answers.reduce(Classifications.stricter(own, governance?.classification)) { Classifications.stricter($0, $1?.classification) }
    return strictest == own ? nil : strictest
  }

  private func appendUses(_ row: RowView, _ answers: [LabelAnswer?], to line: inout [UInt8]) {
    func list(_ token: [UInt8]) -> [String]? {
      row.value(token).map(JSONView.init).flatMap { $0.kind == .array ? $0.items.compactMap(\.string) : nil }
    }
    var allowed: [[String]?] = [list(Self.tokens.allowed), governance?.allowedUses]
    var prohibited = (list(Self.tokens.prohibited) ?? []) + (governance?.prohibitedUses ?? [])
    for (rule, answer) in zip(rules, answers) where answer?.label != nil || required.contains(rule.name) {
      allowed.append(rule.uses)
      allowed.append(answer?.allowedUses)
      prohibited += answer?.prohibitedUses ?? []
    }
    guard let uses = Uses.narrowed(allowed, prohibited: prohibited) else {
      line += JSONBytes.null
      return
    }
    line.append(UInt8(ascii: "["))
    for (index, use) in uses.enumerated() {
      if index > 0 { line.append(UInt8(ascii: ",")) }
      JSONText.append(use, to: &line)
    }
    line.append(UInt8(ascii: "]"))
  }

  private func appendTools(_ scope: RowScope, to line: inout [UInt8]) throws(TaskFailure) {
    switch tools {
    case .none: return
    case .constant(let json):
      JSONBytes.appendKey(Self.tokens.tools, to: &line)
      line += json
    case .template(let template):
      var json: [UInt8] = []
      let isThere = try template.appendList(scope, of: "tools", to: &json)
      JSONBytes.appendKey(Self.tokens.tools, to: &line)
      line += isThere ? json : JSONBytes.null
    }
  }

  /// Appends a conversation; examples go before the last user message.
  private func appendMessages(
    _ templates: [MessageTemplate], _ scope: RowScope, _ missing: Set<String>, examples: [[UInt8]], to line: inout [UInt8]
  ) throws(TaskFailure) {
    let last = examples.isEmpty ? nil : templates.lastIndex { $0.isUser && $0.each == nil }
    line.append(UInt8(ascii: "["))
    for (index, template) in templates.enumerated() {
      if index == last { for example in examples { try append(example: example, templates[index...], scope, to: &line) } }
      try template.append(scope, unanswered: missing, to: &line)
    }
    line.append(UInt8(ascii: "]"))
  }

  /// An example as messages: its own when it has some, else the question and answer made of its columns.
  private func append(
    example: [UInt8], _ templates: ArraySlice<MessageTemplate>, _ scope: RowScope, to line: inout [UInt8]
  ) throws(TaskFailure) {
    try example.withUnsafeBytes { bytes -> Result<Void, TaskFailure> in
      do throws(TaskFailure) {
        if let own = JSONBytes.field(Self.tokens.messages, of: bytes).map(JSONView.init), own.kind == .array {
          for message in own.items where !["system", "developer"].contains(message.fields.first { $0.name == "role" }?.value.string ?? "") {
            if line.last != UInt8(ascii: "[") { line.append(UInt8(ascii: ",")) }
            line.append(contentsOf: message.bytes)
          }
          return .success(())
        }
        let fields = RowView()
        fields.read(bytes)
        let inner = RowScope(renderer: scope.renderer, fields: fields, parent: scope.parent, names: constants)
        for template in templates where template.isUser || template.isAssistant { try template.append(inner, unanswered: [], to: &line) }
        return .success(())
      } catch { return .failure(error) }
    }.get()
  }

  // MARK: Labels

  private func answers(_ scope: RowScope, _ sides: [SideRows], _ writer: TaskWriter) throws(TaskFailure) -> [LabelAnswer?] {
    guard let labels, !rules.isEmpty else { return rules.map { _ in nil } }
    let item: [UInt8]
    do {
      item = try labels.item(of: scope.row)
    } catch {
      throw TaskFailure(
        id: "row-key", message: "the row has no `\(error.column)`, by which its labels are found", rows: [scope.parent],
        help: "a row_key has a value in every row")
    }
    var answers: [LabelAnswer?] = []
    var answering: Set<Int> = []
    for rule in rules {
      let key = labels.key(item: item, labelType: rule.name)
      var found: [(port: Int, answer: LabelAnswer, row: SideRows.Row)] = []
      for (port, side) in sides.enumerated() {
        let records = side.lookup(key)
        guard !records.isEmpty else { continue }
        do throws(LabelReader.Fault) {
          guard var answer = try labels.answer(records.map(\.bytes)) else { continue }
          if let label = answer.label {
            answer.label = try Self.checked(label, rule)
            answering.insert(port)
          }
          found.append((port, answer, records[answer.record]))
        } catch { throw failure(error, rule, item, scope, records.map { (port, $0) }) }
      }
      do throws(LabelReader.Fault) {
        answers.append(try labels.settle(found.map(\.answer)))
      } catch { throw failure(error, rule, item, scope, found.map { ($0.port, $0.row) }) }
    }
    for port in answering { writer.count("answered.\(port)") }
    return answers
  }

  private static func checked(_ label: [UInt8], _ rule: LabelRule) throws(LabelReader.Fault) -> [UInt8] {
    do { return try rule.checked(label) } catch { throw .label(error) }
  }

  private func failure(
    _ fault: LabelReader.Fault, _ rule: LabelRule, _ item: [UInt8], _ scope: RowScope, _ records: [(port: Int, row: SideRows.Row)]
  ) -> TaskFailure {
    let item = String(decoding: item, as: UTF8.self)
    func text(_ json: [UInt8]) -> String { json.withUnsafeBytes { JSONView($0).string ?? JSONView($0).text } }
    var failure = TaskFailure(id: "label", message: "", rows: [scope.parent])
    // Side ports follow the rows' own.
    func show(_ number: Int, _ label: String) {
      guard records.indices.contains(number) else { return }
      let (port, row) = records[number]
      failure.sides.append((label, RowParent(port: port + 1, chunk: row.place.chunk, row: row.place.row)))
    }
    switch fault {
    case .conflict(let conflict):
      let version = conflict.version.map { $0 == 1 ? "" : " of version \($0)" } ?? ""
      failure.id = "label-conflict"
      failure.message = "two answers\(version) for `\(item)` (\(rule.name)): `\(text(conflict.first))` and `\(text(conflict.second))`"
      failure.help =
        conflict.version == nil ? "the inputs of `labels` disagree: remove one of the answers" : "remove one, or give the newer record a higher `version`"
      for (number, label) in zip(conflict.records, [conflict.first, conflict.second]) { show(number, text(label)) }
    case .label(let fault):
      failure.message = "\(fault.message) (\(item))"
      failure.help = fault.help
      show(0, "label")
    case .field(let name, let value, let expected):
      failure.message = "the label of `\(item)` (\(rule.name)) has `\(value)` for `\(name)`"
      failure.help = "`\(name)` is \(expected)"
      show(0, "label")
    }
    return failure
  }

  private static func value(_ rules: [LabelRule], _ answers: [LabelAnswer?]) -> Value {
    Value(
      pairs: zip(rules, answers).map { rule, answer in
        var fields: [(String, Value)] = [
          ("label", answer?.label.flatMap { Value(json: $0) } ?? Value.none), ("status", Value((answer?.status ?? .unlabeled).rawValue)),
        ]
        for detail in LabelReader.detailFields {
          fields.append((detail, answer?.details.first { $0.name == detail }.flatMap { Value(json: $0.json) } ?? Value.none))
        }
        return (rule.name, Value(pairs: fields))
      })
  }
}

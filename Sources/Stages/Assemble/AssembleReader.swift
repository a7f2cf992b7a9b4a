internal import Diagnostics
internal import Engine
internal import Rows
internal import Templates

/// Reads an assemble stage's fields into a plan.
struct AssembleReader {
  private(set) var plan = AssemblePlan()
  private(set) var inputs: [InputPort] = []
  private(set) var traits = TableTraits()
  private(set) var labelNames: [String] = []
  private var names = TemplateNames()
  /// Where the examples are written or picked, if there are any.
  private var examples: SourceRange?
  /// The columns that `where` looks at.
  private var filterNames: [String] = []
  private let types: [LabelType]

  init(_ reader: inout SettingReader) { types = reader.stage.labelTypes }

  mutating func read(_ reader: inout SettingReader) {
    let from = reader.setting("from")
    let sources = reader.inputs(from)
    traits = reader.traits(of: sources)
    inputs = [InputPort(name: "from", reading: .stream, sources: sources, range: from?.range)]
    plan.rowKey = RowKey(columns: traits.rowKey)
    plan.filter = RowFilter(&reader)
    filterNames = plan.filter.names

    let prompt = readPrompt(&reader)
    let messages = prompt?.entry("messages") ?? reader.setting("messages")
    plan.messages = (messages?.list ?? []).compactMap { MessageTemplate($0, &reader, &names) }
    plan.chosen = readAnswer("chosen", &reader)
    plan.rejected = readAnswer("rejected", &reader)
    readTools(&reader)
    readConstants(prompt, &reader)
    readExamples(prompt, &reader)
    readLabels(reader.setting("label_type") ?? prompt?.entry("label_type"), &reader)
    plan.readsRow = names.names.contains("row")
    plan.readsLabels = names.names.contains("labels") || names.hasReferences
    plan.readsExamples = names.names.contains("examples") || names.hasReferences
    // The key of a row is its `row.id`, and what keeps it from being its own example.
    if plan.readsRow || plan.fewShot != nil { reader.stage.note(traits.rowKey.joined(separator: "\u{1}"), as: "row_key") }
    reserve(&reader)
    checkNames(&reader)
    checkUnused(&reader)
    readGovernance(&reader)
    describeOutput()
  }

  /// What holds for the examples: what their rows' and labels' sources say, and of shown examples who may see them. (What those may be
  /// used for was asked when they were chosen.)
  private mutating func readGovernance(_ reader: inout SettingReader) {
    for input in inputs {
      var part = reader.governance(of: input.sources)
      if input.name == FewShot.port {
        part = part.flatMap { $0.classification == nil ? nil : Governance(classification: $0.classification, allowedUses: nil, prohibitedUses: [], license: nil) }
      }
      plan.governance = Governance.strictest(plan.governance, part)
    }
    if let governance = plan.governance { reader.stage.note(governance.note, as: "governance") }
    traits.governance = plan.governance
    traits.isGovernanceWritten = true
  }

  // MARK: Templates

  private mutating func readPrompt(_ reader: inout SettingReader) -> Setting? {
    guard let setting = reader.setting("template") else { return nil }
    let stage = reader.stage
    let prompt = reader.attempt { () throws(Problems) in try stage.promptTemplate(setting) }
    if let prompt { plan.signature = PromptSignature(prompt) }
    return prompt
  }

  /// `chosen` and `rejected`: a template, a list of messages, or a list of parts.
  private mutating func readAnswer(_ field: String, _ reader: inout SettingReader) -> [MessageTemplate]? {
    guard let setting = reader.setting(field) else { return nil }
    guard let list = setting.list else { return names.template(setting, &reader).map { [MessageTemplate(answer: .template($0))] } }
    if list.contains(where: { $0["role"] != nil }) { return list.compactMap { MessageTemplate($0, &reader, &names) } }
    return [MessageTemplate(answer: .parts(list.compactMap { MessageTemplate.part($0, &reader, &names) }))]
  }

  private mutating func readTools(_ reader: inout SettingReader) {
    guard let setting = reader.setting("tools"), let text = setting.text else { return }
    if text.contains("{{") || text.contains("{%") {
      if let template = names.template(setting, &reader) { plan.tools = .template(template) }
      return
    }
    let stage = reader.stage
    guard let file = reader.attempt({ () throws(Problems) in try stage.file(setting, role: "tools") }) else { return }
    var json: [UInt8] = []
    do {
      try file.bytes.withUnsafeBytes { bytes -> Result<Void, JSONError> in
        do throws(JSONError) { return .success(try JSONValidator.appendValue(bytes, to: &json)) } catch { return .failure(error) }
      }.get()
    } catch {
      reader.report(Diagnostic(.error, id: "tools", error.message, at: file.range(error.offset..<(error.offset + 1)).place))
      return
    }
    guard json.first == UInt8(ascii: "[") else {
      reader.report(setting.problem("tools", "`\(file.path)` holds no list", help: "tools are a JSON list of { \"type\": \"function\", \"function\": … }"))
      return
    }
    plan.tools = .constant(json)
  }

  private mutating func readConstants(_ prompt: Setting?, _ reader: inout SettingReader) {
    func bind(_ name: String, _ json: [UInt8]) {
      plan.constants[name] = Value(json: json)
      plan.provided.insert(name)
    }
    if let instructions = prompt?.entry("instructions")?.text { bind("instructions", JSONText.quoted(instructions)) }
    if let written = prompt?.entry("examples"), let json = written.json {
      bind("examples", json)
      examples = written.range
    }
    for entry in reader.setting("vars")?.map ?? [] {
      guard let json = entry.setting.json else {
        reader.report(entry.setting.problem("type", "the var `\(entry.name)` is no value"))
        continue
      }
      if traits.columns?.contains(entry.name) == true {
        reader.report(
          Diagnostic(
            .error, id: "reserved-column", "the var `\(entry.name)` has the name of a column", at: (entry.nameRange ?? entry.setting.range)?.place,
            help: "give the var another name"))
      }
      bind(entry.name, json)
    }
  }

  private mutating func readExamples(_ prompt: Setting?, _ reader: inout SettingReader) {
    guard let setting = reader.setting("examples"), let from = setting.entry("from") else { return }
    examples = setting.range
    let sources = reader.inputs(from)
    inputs.append(InputPort(name: FewShot.port, reading: .whole, sources: sources, range: from.range))
    let stage = reader.stage
    if let uses = reader.unwrittenGovernance(of: sources)?.uses, !uses.contains("few_shot") {
      reader.report(
        from.problem(
          "governance", "these rows may not be shown as examples: their source allows \(uses.isEmpty ? "no use" : uses.map { "`\($0)`" }.joined(separator: ", "))",
          help: "examples come from rows that allow `few_shot`; `governance:` of the stage that reads them says what they allow"))
    }
    let test = setting.entry("where").flatMap { test in reader.attempt { () throws(Problems) in RowTest(try stage.expression(test)) } }
    plan.fewShot = FewShot(count: setting.entry("count")?.int ?? 4, test: test)
    plan.provided.insert("examples")
  }

  // MARK: Labels

  private mutating func readLabels(_ answering: Setting?, _ reader: inout SettingReader) {
    let setting = reader.setting("labels")
    var sources: [(source: InputSource, range: SourceRange?)] = []
    for item in setting?.oneOrMany ?? [] { sources += reader.inputs(item).map { ($0, item.range) } }

    let known = Set(types.map(\.name))
    // The manifest's own field was checked with the label types; a prompt-template file knows none.
    if let answering, let name = answering.text, !known.contains(name), reader.setting("label_type") == nil {
      reader.report(
        answering.problem(
          "label-type", "there is no label type `\(name)`", label: Suggestion.label(for: name, in: types.map(\.name)),
          help: "declare it at the top of the manifest: label_types: { \(name): { kind: class, classes: [a, b] } }"))
    }
    let answers = plan.messages.filter(\.mayAnswer) + (plan.chosen ?? []) + (plan.rejected ?? [])
    let read = Set(answers.flatMap(\.names)).intersection(known)
    plan.required = read.union(answering?.text.map { [$0] } ?? [])
    guard !sources.isEmpty else {
      // A column may well have the name of a label type; without labels it is just a column.
      plan.required = []
      if let answering, answering.range != nil, known.contains(answering.text ?? "") {
        reader.report(
          answering.problem("labels", "nothing says where the labels of `\(answering.text ?? "")` are", help: "labels: Datasets/\(reader.stage.stageName)/labels.jsonl"))
      }
      return
    }
    guard let sheet = traits.sheet, !traits.rowKey.isEmpty else {
      let lacks = [traits.sheet == nil ? "`sheet:`" : nil, traits.rowKey.isEmpty ? "`row_key:`" : nil].compactMap { $0 }.joined(separator: " and ")
      reader.report(
        setting!.problem(
          "sheet", "labels attach to rows by sheet and row_key, and the input has no \(lacks)",
          help:
            "on the stage that reads the rows: \(traits.sheet == nil ? "sheet: a name that label files use for these rows" : "row_key: the column that identifies a row")"
        ))
      return
    }

    let carried = Set(sources.flatMap { reader.stage.traits(of: $0.source).labelTypes })
    let readsAll = names.names.contains("labels") || names.hasReferences
    let attached = types.filter { (readsAll && names.mentions($0.name)) || names.names.contains($0.name) || plan.required.contains($0.name) || carried.contains($0.name) }
    plan.rules = attached.map(LabelRule.init)
    for rule in plan.rules { reader.stage.note(rule.note, as: "label type \(rule.name)") }
    // Read by whoever names it: a shifted confidence that nobody reads makes nothing anew.
    plan.carriesConfidence = reader.stage.isNamedLater("confidence") && traits.columns?.contains("confidence") != true
    if plan.carriesConfidence {
      reader.stage.note("confidence", as: "carried")
      if sources.contains(where: { reader.stage.traits(of: $0.source).estimates.contains("confidence") }) { traits.estimates.append("confidence") }
    }
    let details = LabelReader.detailFields.filter { readsAll && names.mentions($0) || plan.carriesConfidence && $0 == "confidence" }
    let labels = LabelReader(sheet: sheet, rowKey: traits.rowKey, details: details)
    plan.labels = labels
    plan.provided.formUnion(attached.map(\.name))
    if attached.isEmpty {
      reader.report(
        setting!.problem("labels", "no template reads a label, and `label_type` names none", help: "name the type: label_type: \(types.first?.name ?? "intent")"))
    }
    addPorts(sources, labels, attached.map(\.name))
  }

  private mutating func addPorts(_ sources: [(source: InputSource, range: SourceRange?)], _ labels: LabelReader, _ types: [String]) {
    for (index, (source, range)) in sources.enumerated() {
      let name = index == 0 ? "labels" : "labels.\(index)"
      let reading = KeyedReading(
        key: LabelReader.keyColumns, fields: LabelReader.baseFields + labels.details, accepts: labels.accepts(types),
        keys: { (chunk) throws(TaskFailure) in
          var keys: [UInt64] = []
          chunk.rows.forEachRow { _, row in
            // A row without key fails where it is assembled, with its place.
            guard let item = try? labels.item(of: row) else { return }
            for type in types { keys.append(SideKey.hash(labels.key(item: item, labelType: type))) }
          }
          return keys
        })
      inputs.append(InputPort(name: name, reading: .keyed(reading), sources: [source], range: range))
      plan.labelPorts.append(name)
      if case .port(let reference) = source { labelNames.append(String(reference.description.drop { $0 == "@" })) }
    }
  }

  // MARK: Names

  private mutating func reserve(_ reader: inout SettingReader) {
    var reserved = ["row", "labels", "messages", "status", "uses"]
    if case .none = plan.tools {} else { reserved.append("tools") }
    if plan.chosen != nil { reserved.append("chosen") }
    if plan.rejected != nil { reserved.append("rejected") }
    reserved += plan.rules.map(\.name)
    plan.reserved = reserved.map { (JSONText.quoted($0), $0) }
    for column in traits.columns ?? [] where reserved.contains(column) {
      let isLabel = plan.rules.contains { $0.name == column }
      reader.report(
        Diagnostic(
          .error, id: "reserved-column",
          isLabel ? "the label type `\(column)` has the name of a column" : "the input has a column `\(column)`, and assemble gives that name a meaning of its own",
          at: (inputs.first?.range ?? reader.stage.range)?.place, help: AssemblePlan.renameHelp(column)))
    }
  }

  /// Names in templates that nothing provides, when the columns are known beforehand.
  private func checkNames(_ reader: inout SettingReader) {
    for (name, why, help) in Self.unknowable {
      guard let use = names.uses.first(where: { $0.name == "row" && $0.attribute == name }) else { continue }
      reader.report(Diagnostic(.error, id: "row-name", "a row does not know its `\(name)`: \(why)", at: use.place ?? reader.stage.range?.place, help: help))
    }
    guard let columns = traits.columns else { return }
    let inputs = plan.signature.inputs
    let known = Set(columns).union(plan.provided).union(inputs.map(\.name)).union(["row", "labels", "item"])
    var reported: Set<String> = []
    for use in names.uses where !known.contains(use.name) && use.place != nil {
      guard reported.insert("\(use.name) \(use.place?.description ?? "")").inserted else { continue }
      let isLabelType = types.contains { $0.name == use.name }
      reader.report(
        Diagnostic(
          .error, id: "unknown-name", "nothing provides `\(use.name)`", at: use.place,
          label: isLabelType ? "a label type, and this stage attaches no labels" : Suggestion.label(for: use.name, in: known.sorted()),
          help: isLabelType ? "labels: where the labels are" : "columns: \(columns.joined(separator: ", "))"))
    }
    for input in inputs where !input.isOptional && !plan.provided.contains(input.name) && !columns.contains(input.column) {
      reader.report(
        Diagnostic(
          .error, id: "unknown-name", "the input `\(input.name)` has no column `\(input.column)`", at: input.range?.place,
          label: Suggestion.label(for: input.column, in: columns), help: "\(input.name): { from: the column's name }"))
    }
  }

  /// What a result that is shared by all places where equal rows lie cannot say (decision 12).
  private static let unknowable: [(name: String, why: String, help: String)] = [
    (
      "path", "equal rows of two files are one row, and are made once",
      "`pipe trace` says which file a row came from; to tell rows apart by it, read each file in a stage of its own and `derive` a column"
    ),
    (
      "line", "a line put in before it would make every row after it anew",
      "`pipe trace` says on which line a row stands today; `row.id` names it for good"
    ),
    (
      "split", "an export splits what has been assembled, and may do so in several ways",
      "say it where it is known: `checks` and `expect` of the export, or a `where` on `${stages.<export>.train}`"
    ),
  ]

  /// What is made ready for templates and read by none of them.
  ///
  /// A template that includes others may read anything there, so nothing is said then.
  private func checkUnused(_ reader: inout SettingReader) {
    guard !names.hasReferences else { return }
    let read = names.names
    if let examples, !read.contains("examples") {
      reader.report(
        Diagnostic(
          .warning, id: "unused-examples", "no template reads the examples", at: examples.place,
          help: "{% for example in examples %} … {% endfor %} shows them; take them away otherwise"))
    }
    for input in plan.signature.inputs where !read.contains(input.name) {
      reader.report(
        Diagnostic(
          .warning, id: "unused-input", "no template reads the input `\(input.name)`", at: input.range?.place,
          help: "{{ \(input.name) }} shows it; take it away otherwise: a row that lacks it fails"))
    }
    // A row's key and what the stage filters by have their use without a template.
    let used = read.union(traits.rowKey).union(plan.signature.inputs.map(\.column)).union(filterNames)
    let unused = (traits.columns ?? []).filter { !used.contains($0) }
    guard !unused.isEmpty, !read.contains("row") else { return }
    reader.report(
      Diagnostic(
        .note, id: "unused-columns", "no template reads \(unused.map { "`\($0)`" }.joined(separator: ", "))", at: inputs.first?.range?.place,
        help: "the rows carry \(unused.count == 1 ? "it" : "them") along; `columns:` of the stage that reads them says what comes over"))
  }

  private mutating func describeOutput() {
    traits.labelTypes = plan.rules.map(\.name)
    guard var columns = traits.columns else { return }
    columns.append("messages")
    if case .none = plan.tools {} else { columns.append("tools") }
    if plan.chosen != nil { columns.append("chosen") }
    if plan.rejected != nil { columns.append("rejected") }
    columns += plan.rules.map(\.name) + ["status", "uses"]
    if plan.governance?.classification != nil, !columns.contains("classification") { columns.append("classification") }
    if plan.carriesConfidence { columns.append("confidence") }
    traits.columns = columns
  }
}

internal import Diagnostics

extension StageFields {
  public static let export = KindDeclaration(
    "export", doc: "Writes training files in the format a trainer reads, split and gated.",
    fields: FieldSet(
      "export",
      [
        Field(
          "from", .oneOrMany(.input), required: true, keying: .content, alsoCalled: from.alsoCalled,
          doc: "Assembled rows, or any rows for dspy, csv and jsonl.", example: "from: ${stages.pairs}"),
        Field(
          "format",
          .choice(
            "openai-chat", "dspy", "jsonl", "csv",
            planned: ["openai-dpo", "openai-rft", "anthropic", "gemini", "mistral", "trl", "sharegpt", "alpaca", "axolotl", "text"]),
          required: true, doc: "Shape and rules of the files.", example: "format: openai-chat"),
        Field(
          "options", .dependent(on: "format", exportOptions), default: .map([]), doc: "Details of the format.",
          example: "options: { columns: [text, label] }"),
        Field(
          "split", .record(split), defaultNote: "one port `rows`", doc: "By hash of a group; the shares sum to 1.",
          example: "split: { by: customer_id, into: { train: 0.9, eval: 0.1 } }"),
        Field(
          "gate", .record(gate), default: .map([]), alsoCalled: ["gates", "filter"],
          doc: "What may leave; each row that is held back names its gate.", example: "gate: { status: [approved], use: training }"),
        Field(
          "limits", .record(limits), defaultNote: "of the format", doc: "The longest an example may be.",
          example: "limits: { tokens: 4096, too_long: drop }"),
        Field(
          "to", .path(.output), required: true, keying: .none, alsoCalled: ["output", "out", "path", "file"],
          doc: "Where the files go, with `${split}` when there is a split; published in one step or not at all.",
          example: "to: Outputs/support/${split}.jsonl"),
        Field("shards", .int(1...100_000), default: .int(1), doc: "Files per split.", example: "shards: 16"),
      ], shape: checkTo),
    ports: [.init("rows", "The rows as they came in; with `split`, one port per split instead.")])

  @Sendable private static func checkTo(_ values: FieldValues, _ diagnostics: inout [Diagnostic]) {
    guard let to = values["to"], values["split"]?.record != nil || !values.isWritten("split") else { return }
    var places: [ManifestExpression] = []
    if case .unevaluated(let text, _) = to.form { places = text.expressions.filter { $0.source.trimmingBlanks() == "split" } }
    if values.isWritten("split"), places.isEmpty {
      // Something else that is evaluated may still name the side.
      if case .unevaluated = to.form, case .unevaluated(let text, _) = to.form, text.expressions.contains(where: { $0.source.contains("split") }) {
        return
      }
      diagnostics.append(
        Diagnostic(
          id: "split", "`to` has no `${split}`: every side would be written to one file", at: to.range?.place, help: "to: Outputs/name/${split}.jsonl"
        ))
    }
    if !values.isWritten("split"), let first = places.first {
      diagnostics.append(
        Diagnostic(
          id: "split", "`${split}` without `split`", at: first.range,
          help: "name the sides: split: { by: id, into: { train: 0.9, eval: 0.1 } }, or write one file"))
    }
  }

  static let exportOptions: [FieldType.Variant] = [
    .init(
      "trl",
      fields: FieldSet(
        "`options` of trl",
        [
          Field(
            "type", .choice("conversational", "preference", "prompt-completion", "language-modeling"), default: .string("conversational"),
            doc: "The shape of an example.",
            example: "type: preference")
        ])),
    .init(
      "dspy",
      fields: FieldSet(
        "`options` of dspy",
        [
          Field(
            "steps", .map(.identifier, .record(programStep)), required: true, doc: "The modules of the program.",
            example: "steps: { reply: { template: Pipelines/triage/reply.prompt.yaml, module: Predict } }"),
          Field(
            "demos", .record(demos), defaultNote: "none", doc: "Demonstrations stored with the program, from the first split.",
            example: "demos: { count: 4, by: confidence }"),
        ])),
    .init(
      "csv",
      fields: FieldSet(
        "`options` of csv",
        [Field("columns", .list(.column), defaultNote: "all", doc: "These columns in this order.", example: "columns: [text, label]")])),
    .init(
      "jsonl",
      fields: FieldSet(
        "`options` of jsonl",
        [Field("columns", .list(.column), defaultNote: "all", doc: "These columns in this order.", example: "columns: [text, label]")])),
    .init(
      "openai-chat", "openai-dpo", "openai-rft", "anthropic", "gemini", "mistral", "sharegpt", "alpaca", "axolotl", "text",
      fields: FieldSet("`options` of this format", [])),
  ]

  static let programStep = FieldSet(
    "a step",
    [
      Field(
        "template", .path(.source), required: true, keying: .content, doc: "Its prompt-template file.",
        example: "template: Pipelines/triage/reply.prompt.yaml"),
      Field(
        "module", .choice("Predict", "ChainOfThought", planned: ["ReAct", "ProgramOfThought"]), default: .string("Predict"), doc: "The DSPy module.",
        example: "module: ChainOfThought"),
    ])

  static let demos = FieldSet(
    "`demos`",
    [
      Field("count", .int(0...1000), default: .int(4), doc: "How many.", example: "count: 4"),
      Field("by", .column, defaultNote: "the first", doc: "Those with the largest value of this column.", example: "by: confidence"),
    ])

  static let split = FieldSet(
    "`split`",
    [
      Field(
        "by", StageFields.key, required: true, alsoCalled: ["key", "group"],
        doc: "Rows with equal values stay on one side; several columns are joined.", example: "by: customer_id"),
      Field(
        "into", .map(.port, .number(0...1)), required: true, alsoCalled: ["shares", "ratios"], doc: "Sides and their shares.",
        example: "into: { train: 0.9, eval: 0.1 }"),
      Field("salt", .text, default: .string(""), alsoCalled: ["seed"], doc: "Another salt moves rows to other sides.", example: "salt: \"2\""),
      Field("stratify", .column, doc: "Split each value of this column on its own.", example: "stratify: lang"),
      Field("keep_together", .column, doc: "A second group that must not be torn.", example: "keep_together: cluster_id"),
    ], check: checkSplit)

  @Sendable private static func checkSplit(_ values: FieldValues, _ diagnostics: inout [Diagnostic]) {
    let shares = values.map("into")
    guard !shares.isEmpty else {
      diagnostics.append(
        Diagnostic(id: "split", "`into` names no side", at: values.range(of: "into")?.place, help: "into: { train: 0.9, eval: 0.1 }"))
      return
    }
    for entry in shares where entry.key == "rows" {
      diagnostics.append(
        Diagnostic(
          id: "split", "a side cannot be called `rows`", at: (entry.keyNode?.range ?? values.range(of: "into"))?.place,
          help: "`rows` is the port of an export without a split"))
    }
    let sum = shares.reduce(0) { $0 + ($1.value.double ?? 0) }
    // Shares are written with a few digits; their sum is not exact in binary.
    guard abs(sum - 1) > 1e-9 else { return }
    let terms = shares.map { $0.value.literal?.printed ?? "?" }.joined(separator: " + ")
    let shown = (sum * 1e6).rounded() / 1e6
    diagnostics.append(
      Diagnostic(id: "split", "the shares sum to \(shown), not 1", at: (values["into"]?.range ?? values.range(of: "into"))?.place, label: terms))
  }

  static let statuses = FieldType.choice("unlabeled", "labeled", "approved", "rejected", "flagged")

  static let gate = FieldSet(
    "`gate`",
    [
      Field("status", .oneOrMany(statuses), default: .list([.string("labeled")]), doc: "Only rows with one of these.", example: "status: [approved]"),
      Field(
        "use", .choice("training", "validation", "evaluation", "few_shot", "testing"), default: .string("training"), alsoCalled: ["uses"],
        doc: "Only rows that may be used for this.", example: "use: training"),
      Field("classification", classification, doc: "At most this.", example: "classification: internal"),
      Field("confidence", .number(0...1), doc: "Labels at least this sure.", example: "confidence: 0.8"),
      Field(
        "checks", .map(.identifier, .expression(.row)), default: .map([]), doc: "Named expressions that must be true of a row.",
        example: "checks: { different: \"good != bad\" }"),
    ])

  static let limits = FieldSet(
    "`limits`",
    [
      Field("tokens", .int(1...1_000_000_000), doc: "The most tokens of an example.", example: "tokens: 4096"),
      Field(
        "counter", .text, default: .string("bytes/4"), doc: "What is counted: words, chars or bytes, or a part of them; bytes/4 estimates tokens.",
        example: "counter: words"),
      Field(
        "too_long", .choice("error", "drop", "truncate-at-turn"), default: .string("error"), doc: "What happens to a longer one.",
        example: "too_long: drop"),
    ])
}

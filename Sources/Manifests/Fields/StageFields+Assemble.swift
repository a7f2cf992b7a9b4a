internal import Diagnostics

extension StageFields {
  public static let assemble = KindDeclaration(
    "assemble", doc: "Makes one example of each row: messages, with the label as the answer.",
    fields: FieldSet(
      "assemble",
      [
        Field(
          "from", .input, required: true, keying: .content, alsoCalled: from.alsoCalled, doc: "One row gives one example.",
          example: "from: ${stages.tickets}"),
        Field(
          "labels", .oneOrMany(.input), default: .list([]), keying: .content,
          doc: "Label tables or label files; each label type becomes a name in templates; two answers for one key are an error.",
          example: "labels: ${stages.labels}"),
        Field(
          "template", .path(.source), keying: .content, alsoCalled: ["prompt"],
          doc: "A prompt-template file: messages, inputs, outputs, label type and examples in one reviewed file.",
          example: "template: Pipelines/support/intent.prompt.yaml"),
        Field(
          "messages", .list(.record(message)), alsoCalled: ["message", "conversation"], doc: "The conversation, inline.",
          example: "messages: [{ role: user, content: \"{{ text }}\" }]"),
        Field(
          "label_type", .word(.identifier), defaultNote: "of the template file", doc: "Which label answers; decides between labeled and unlabeled.",
          example: "label_type: intent"),
        Field(
          "vars", .map(.identifier, .any), default: .map([]), alsoCalled: ["variables", "params"], doc: "Constants for the templates.",
          example: "vars: { product: \"${params.product}\" }"),
        // Keyed as a value although it may be a path: an inline template has no content behind it, and must not be missing from a key.
        Field(
          "tools", .oneOf([.path(.source), .template]), keying: .content, doc: "Tool definitions: a JSON file, or a template that gives a list.",
          example: "tools: Pipelines/agent/tools.json"),
        Field(
          "chosen", answer, doc: "The better answer of a preference pair; `messages` then ends with the prompt.", example: "chosen: \"{{ good }}\""),
        Field("rejected", answer, doc: "The worse answer of a preference pair.", example: "rejected: \"{{ bad }}\""),
        Field(
          "examples", .record(examples), keying: .content,
          doc: "Few-shot rows put before the last user message; only rows whose use allows few_shot.",
          example: "examples: { from: Datasets/shots.jsonl, count: 4 }"),
        Field(
          "undefined", .choice("strict", "lenient", "chainable"), default: .string("strict"),
          doc: "What a template does with a name that is not there.", example: "undefined: strict"),
        Field(
          "now", .text,
          doc:
            "What `strftime_now` takes for the present, as RFC 3339; without it the function is an error, since its result would follow the clock.",
          example: "now: \"2026-03-01T09:30:00Z\""),
      ], rules: [.exactlyOne(["template", "messages"]), .together(["chosen", "rejected"])], shape: checkNames),
    ports: [.init("rows", "The columns and `messages` (and `tools`, `chosen`, `rejected`)."), .init("unlabeled", "Rows without an answer.")])

  static let answer = FieldType.oneOf([.template, .list(.oneOf([.record(message), .tagged(by: "type", parts)]))])

  static let parts: [FieldType.Variant] = [
    .init(
      "text",
      fields: FieldSet(
        "a text part",
        [
          Field("type", .choice("text"), required: true, doc: "A piece of text.", example: "type: text"),
          Field("text", .template, required: true, doc: "The text.", example: "text: \"{{ note }}\""),
        ])),
    .init(
      "image",
      fields: FieldSet(
        "an image part",
        [
          Field("type", .choice("image"), required: true, doc: "An image.", example: "type: image"),
          Field(
            "image", .template, required: true, doc: "The image's path, relative to the data file it stands in.", example: "image: \"{{ image }}\""),
        ])),
  ]

  /// A message of a conversation.
  public static let message = FieldSet(
    "a message",
    [
      // A template, since a conversation may bring its own roles: `role: "{{ item.role }}"`.
      Field(
        "role", .oneOf([.choice("system", "developer", "user", "assistant", "tool"), .template]), required: true,
        doc: "Who speaks: system, developer, user, assistant or tool, or a template that gives one of them.", example: "role: user"),
      Field(
        "content", .oneOf([.template, .list(.tagged(by: "type", parts))]), alsoCalled: ["text"], doc: "A template, or a list of parts.",
        example: "content: \"{{ text }}\""),
      Field(
        "template", .path(.source), keying: .content, doc: "A `.jinja` file with the content.", example: "template: Pipelines/support/intent.jinja"),
      Field("tool_calls", .template, doc: "A template that gives a list; of the assistant only.", example: "tool_calls: \"{{ item.tool_calls }}\""),
      Field("tool_call_id", .template, doc: "Of a tool's answer only.", example: "tool_call_id: \"{{ item.tool_call_id }}\""),
      Field("weight", .choice("0", "1"), default: .string("1"), doc: "Whether to train on it; of the assistant only.", example: "weight: 0"),
      Field(
        "each", .expression(.row), alsoCalled: ["for", "foreach"],
        doc: "An expression that gives a list; the message is repeated, and the element is `item`.", example: "each: turns"),
      Field(
        "when", .expression(.row), alsoCalled: ["if", "where"], doc: "Leaves the message out unless it is true.",
        example: "when: item.content is not none"),
    ], rules: [.atMostOne(["content", "template"]), .atLeastOne(["content", "template", "tool_calls"])], shape: checkMessage)

  @Sendable private static func checkNames(_ values: FieldValues, _ diagnostics: inout [Diagnostic]) {
    ReservedNames.check(values, ["vars"], &diagnostics)
  }

  @Sendable private static func checkMessage(_ values: FieldValues, _ diagnostics: inout [Diagnostic]) {
    guard let role = values.string("role"), !FieldReader.looksLikeTemplate(role) else { return }
    for (field, owner) in [("tool_calls", "assistant"), ("weight", "assistant"), ("tool_call_id", "tool")]
    where values.isWritten(field) && role != owner {
      diagnostics.append(
        Diagnostic(
          id: "conflict", "`\(field)` belongs to messages of the \(owner), not of the \(role)", at: values.range(of: field)?.place,
          help: "remove it, or role: \(owner)"))
    }
  }

  static let examples = FieldSet(
    "`examples`",
    [
      Field("from", .input, required: true, keying: .content, doc: "Where the examples come from.", example: "from: Datasets/shots.jsonl"),
      Field("count", .int(1...1000), default: .int(4), doc: "How many.", example: "count: 4"),
      Field("where", .expression(.row), doc: "Only these.", example: "where: lang == 'de'"),
    ])
}

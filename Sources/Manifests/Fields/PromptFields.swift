/// The fields of a prompt-template file and of a label record.
public enum PromptFields {
  /// A prompt-template file (`schema: pipe/prompt/v1`).
  public static let file = FieldSet(
    "a prompt-template file",
    [
      Field("schema", .choice("pipe/prompt/v1"), required: true, keying: .none, doc: "Format of this file.", example: "schema: pipe/prompt/v1"),
      Field("name", .text, required: true, doc: "Its name.", example: "name: intent"),
      Field("version", .verbatim, required: true, doc: "A version is not edited once used: lint compares with git.", example: "version: 3"),
      Field(
        "status", .choice("draft", "approved", "retired"), default: .string("draft"), keying: .none, doc: "How far the review is.",
        example: "status: approved"),
      Field("desc", .text, keying: .none, alsoCalled: ["description"], doc: "What it is for.", example: "desc: One intent per ticket"),
      Field("label_type", .word(.identifier), doc: "Which label answers.", example: "label_type: intent"),
      Field(
        "inputs", .map(.identifier, .record(slot)), default: .map([]), alsoCalled: ["input"],
        doc: "What a row gives; with `outputs` the DSPy signature.", example: "inputs: { text: { type: string, desc: the ticket } }"),
      Field(
        "outputs", .map(.identifier, .record(slot)), default: .map([]), alsoCalled: ["output"], doc: "What the answer holds.",
        example: "outputs: { intent: { enum: [refund, login] } }"),
      Field(
        "instructions", .template, alsoCalled: ["instruction", "system"], doc: "The system message and DSPy's docstring.",
        example: "instructions: Classify the ticket."),
      Field(
        "messages", .list(.record(StageFields.message)), required: true, doc: "The conversation.",
        example: "messages: [{ role: user, content: \"{{ text }}\" }]"),
      Field(
        "examples", .list(.map(.identifier, .any)), default: .list([]), alsoCalled: ["shots", "few_shot"],
        doc: "Few-shot examples: inputs and outputs.", example: "examples: [{ text: Where is my refund?, intent: refund }]"),
      Field("model", .record(model), default: .map([]), keying: .none, doc: "For whoever calls it.", example: "model: { temperature: 0 }"),
    ])

  static let slot = FieldSet(
    "an input or output",
    [
      Field(
        "type", .choice("string", "integer", "number", "boolean", "array", "object"), default: .string("string"), doc: "As in JSON Schema.",
        example: "type: string"),
      Field("enum", .list(.scalar), doc: "The only values.", example: "enum: [refund, login]"),
      Field("items", .any, doc: "As in JSON Schema.", example: "items: { type: string }"),
      Field("optional", .bool, default: .bool(false), doc: "May be missing.", example: "optional: true"),
      Field("desc", .text, alsoCalled: ["description"], doc: "What it means.", example: "desc: the ticket"),
      Field("from", .column, defaultNote: "same name", doc: "The column, when it has another name.", example: "from: body"),
    ])

  static let model = FieldSet(
    "`model`",
    [
      Field("name", .text, keying: .none, doc: "Which model.", example: "name: gpt-4.1"),
      Field("temperature", .number(0...10), keying: .none, doc: "How freely it answers.", example: "temperature: 0"),
      Field("max_tokens", .int(1...1_000_000_000), keying: .none, doc: "The longest answer.", example: "max_tokens: 512"),
    ])

  /// A record of a label file (JSON Lines, or CSV with the same columns).
  public static let label = FieldSet(
    "a label record",
    [
      Field("sheet", .text, required: true, doc: "The `sheet` of the rows that are labeled.", example: "\"sheet\":\"tickets\""),
      Field("item", .text, required: true, doc: "The row key; a composite one is a JSON list.", example: "\"item\":\"T-17\""),
      Field("label_type", .word(.identifier), required: true, doc: "Which label this is.", example: "\"label_type\":\"intent\""),
      Field("label", .any, required: true, doc: "The label, checked against `label_types`.", example: "\"label\":\"refund\""),
      Field("status", StageFields.statuses, default: .string("labeled"), doc: "How far the review is.", example: "\"status\":\"approved\""),
      Field("confidence", .number(0...1), doc: "How sure it is.", example: "\"confidence\":0.93"),
      Field("labeled_by", .text, doc: "Who labeled.", example: "\"labeled_by\":\"w017\""),
      Field("labeled_at", .text, doc: "When, as RFC 3339.", example: "\"labeled_at\":\"2026-03-01T09:30:00Z\""),
      Field("reviewed_by", .text, doc: "Who reviewed.", example: "\"reviewed_by\":\"r042\""),
      Field("reviewed_at", .text, doc: "When, as RFC 3339.", example: "\"reviewed_at\":\"2026-03-02T10:00:00Z\""),
      Field("version", .int(1...Int.max), default: .int(1), doc: "History; the highest wins.", example: "\"version\":2"),
      Field("supersedes", .int(1...Int.max), doc: "The version this replaces.", example: "\"supersedes\":1"),
      Field(
        "allowed_uses", ManifestFields.uses, defaultNote: "of the label type", doc: "What the label may be used for.",
        example: "\"allowed_uses\":[\"training\"]"),
      Field(
        "prohibited_uses", ManifestFields.uses, defaultNote: "of the label type", doc: "What it may not be used for.",
        example: "\"prohibited_uses\":[\"training\"]"),
      Field(
        "classification", StageFields.classification, defaultNote: "of the source", doc: "Who may see it.", example: "\"classification\":\"internal\""
      ),
      Field("reason", .text, doc: "Why.", example: "\"reason\":\"asks for money back\""),
      Field("notes", .text, doc: "Anything.", example: "\"notes\":\"irony\""),
      Field("flags", .list(.text), doc: "Marks for the review.", example: "\"flags\":[\"unsure\"]"),
    ])
}

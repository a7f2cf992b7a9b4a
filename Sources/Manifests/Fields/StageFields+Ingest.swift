internal import Diagnostics

extension StageFields {
  public static let ingest = KindDeclaration(
    "ingest", doc: "Reads rows from files, archives, a database or a program.",
    fields: FieldSet(
      "ingest",
      [
        Field(
          "from", .oneOrMany(.oneOf([.input, .record(command), .record(database)])), required: true, keying: .content,
          alsoCalled: from.alsoCalled + ["sources", "path"],
          doc: "Where rows come from: a path, a glob, a member of an archive (`a.tar.zst!/members/*.csv`), a program, a SQLite database, or a stage.",
          example: "from: Datasets/support/*.csv.gz"),
        Field("format", .choice("jsonl", "json", "csv", "tsv", "text"), defaultNote: "by extension", doc: "How to read it.", example: "format: csv"),
        Field(
          "options", .dependent(on: "format", formats), default: .map([]), doc: "Details of the format.", example: "options: { delimiter: \";\" }"),
        Field(
          "sheet", .word(.tag), defaultNote: "required when labels attach",
          doc: "The first part of every label's key; it is written into label files, so it never follows a stage's name.", example: "sheet: tickets"),
        Field(
          "row_key", StageFields.key, defaultNote: "content digest", alsoCalled: ["key", "id", "primary_key"],
          doc: "The identity of a row; duplicates are errors.", example: "row_key: ticket_id"),
        Field(
          "columns", .map(.column, .record(column, shorthand: "from"), listed: true), defaultNote: "all", alsoCalled: ["fields", "select"],
          doc: "Exactly these columns, new: old.", example: "columns: { text: body, lang: lang }"),
        Field(
          "rename", .map(.column, .column), default: .map([]), doc: "All columns, these under a new name, new: old; not together with `columns`.",
          example: "rename: { text: body }"),
        Field(
          "join", .list(.record(join)), default: .list([]), keying: .content, alsoCalled: ["joins"], doc: "Side tables.",
          example: "join: [{ from: Datasets/c.csv, key: customer_id }]"),
        Field(
          "derive", .map(.column, .expression(.row)), default: .map([]), alsoCalled: ["derived", "compute"],
          doc: "Computed columns. The order is always: columns or rename, join, derive, where, sample.",
          example: "derive: { chars: \"text | length\" }"),
        Field(
          "sample", .record(sample), doc: "A deterministic part of the rows, stratified by a column if asked.",
          example: "sample: { rows: 200, by: label, seed: 7 }"),
        Field(
          "on_bad_row", .choice("fail", "quarantine"), default: .string("fail"), alsoCalled: ["on_error"], doc: "What happens to malformed rows.",
          example: "on_bad_row: quarantine"),
        Field(
          "governance", .record(governance), default: .map([]), keying: .none,
          doc: "Of the source; the stricter of source and label holds, in whatever is made of its rows.",
          example: "governance: { classification: internal }"),
      ], rules: [.atMostOne(["columns", "rename"])], shape: checkColumns),
    ports: [.init("rows", "The rows."), .init("quarantined", "Malformed rows, with what is wrong with them.")])

  @Sendable private static func checkColumns(_ values: FieldValues, _ diagnostics: inout [Diagnostic]) {
    ReservedNames.check(values, ["columns", "rename", "derive"], &diagnostics)
    for join in values.list("join").compactMap(\.record) { ReservedNames.check(join, ["columns"], &diagnostics) }
    // Only `columns` says all that there is; joined and derived columns come after the key.
    guard values.isWritten("columns"), let key = values["row_key"] else { return }
    let columns = values.map("columns")
    for item in key.list ?? [] {
      guard let name = item.string, !columns.contains(where: { $0.key == name }) else { continue }
      // A key by its old name wants the new one.
      let new = columns.first { $0.value.record?.string("from") == name }?.key
      diagnostics.append(
        Diagnostic(
          id: "row-key", "`row_key` names `\(name)`, which `columns` leaves out", at: item.range?.place,
          label: new.map { "here it is called `\($0)`" } ?? Suggestion.label(for: name, in: columns.map(\.key)),
          help: new.map { "row_key: \($0)" } ?? "add it: columns: { \(name): \(name), … }"))
    }
  }

  static let command = FieldSet(
    "a program as source",
    [
      Field(
        "run", .list(.text), required: true, doc: "The program and its arguments; its output is JSON Lines or CSV.",
        example: "run: [apt-cache, dumpavail]")
    ])

  static let database = FieldSet(
    "a database as source",
    [
      Field("sqlite", .path(.source), required: true, keying: .content, doc: "A SQLite file.", example: "sqlite: Datasets/crm.sqlite"),
      Field("table", .text, doc: "All rows of a table.", example: "table: tickets"),
      Field("query", .text, doc: "The rows of a query that only reads.", example: "query: SELECT id, body FROM tickets"),
    ], rules: [.exactlyOne(["table", "query"])])

  static let formats: [FieldType.Variant] = [
    .init(
      "csv", "tsv",
      fields: FieldSet(
        "`options` of csv and tsv",
        [
          Field(
            "delimiter", .text, defaultNote: "`,` for csv, tab for tsv", alsoCalled: ["sep", "separator"], doc: "One character between cells.",
            example: "delimiter: \";\""),
          Field(
            "quote", .text, default: .string("\""), doc: "The character around cells that hold delimiters or line ends.", example: "quote: \"'\""),
          Field(
            "header", .oneOf([.bool, .list(.column)]), default: .bool(true), doc: "Whether the first line names the columns, or their names.",
            example: "header: [id, text]"),
          Field("null", .text, defaultNote: "no cell is null", doc: "The text of a cell that is null.", example: "null: \"\\\\N\""),
        ])),
    .init(
      "json",
      fields: FieldSet(
        "`options` of json",
        [
          Field(
            "rows", .text, defaultNote: "the whole is the list", doc: "Where the list of rows stands, as a JSON Pointer.",
            example: "rows: /data/items")
        ])),
    .init(
      "text",
      fields: FieldSet(
        "`options` of text",
        [Field("per", .choice("file", "line"), default: .string("line"), doc: "What makes a row.", example: "per: file")])),
    .init("jsonl", fields: FieldSet("`options` of jsonl", [])),
  ]

  static let column = FieldSet(
    "a column",
    [
      Field("from", .column, required: true, doc: "Its name in the source.", example: "from: body"),
      Field(
        "type", .choice("string", "int", "float", "bool", "json", "date"), defaultNote: "as it comes", doc: "What its values become.",
        example: "type: int"),
      Field("pii", .bool, default: .bool(false), doc: "Holds personal data.", example: "pii: true"),
    ])

  static let join = FieldSet(
    "a join",
    [
      Field("from", .input, required: true, keying: .content, doc: "The side table.", example: "from: Datasets/support/customers.csv"),
      Field(
        "key", StageFields.key, required: true, alsoCalled: ["on", "by"], doc: "The columns that must be equal on both sides.",
        example: "key: customer_id"),
      Field(
        "how", .choice("left", "inner", "anti"), default: .string("left"), alsoCalled: ["type"],
        doc: "What happens to rows without a match: kept, dropped, or only they are kept.", example: "how: inner"),
      Field(
        "columns", .map(.column, .column, listed: true), defaultNote: "all but the key",
        doc: "What comes over, new: old; a name that exists already is an error.", example: "columns: { plan: tariff }"),
      Field("many", .choice("error", "first", "all"), default: .string("error"), doc: "When several match.", example: "many: first"),
    ])

  static let sample = FieldSet(
    "`sample`",
    [
      Field("rows", FieldType.int(1...Int.max), doc: "How many rows.", example: "rows: 200"),
      Field("share", .number(0...1), alsoCalled: ["fraction", "frac"], doc: "Which share of the rows.", example: "share: 0.1"),
      Field("by", .column, doc: "The same from each value of this column.", example: "by: label"),
      Field("seed", .int(Int.min...Int.max), default: .int(0), doc: "Another seed takes other rows.", example: "seed: 7"),
    ], rules: [.exactlyOne(["rows", "share"])])

  static let classification = FieldType.choice("public", "internal", "confidential", "restricted")

  static let governance = FieldSet(
    "`governance`",
    [
      Field("classification", classification, doc: "Who may see the rows.", example: "classification: internal"),
      Field("allowed_uses", ManifestFields.uses, defaultNote: "all", doc: "What the rows may be used for.", example: "allowed_uses: [training]"),
      Field(
        "prohibited_uses", ManifestFields.uses, default: .list([]), doc: "What they may not be used for.", example: "prohibited_uses: [few_shot]"),
      Field("license", .text, alsoCalled: ["licence"], doc: "SPDX id of the source's licence.", example: "license: CC-BY-4.0"),
      Field("reason", .text, doc: "Why.", example: "reason: contract of 2026-03"),
    ])
}

extension StageFields {
  public static let monitor = KindDeclaration(
    "monitor", doc: "Watches a request log for errors, latency and drift.",
    fields: FieldSet(
      "monitor",
      [
        Field(
          "from", .input, required: true, keying: .content, alsoCalled: from.alsoCalled, doc: "The request log.",
          example: "from: Datasets/live/requests-*.jsonl"),
        Field("reference", .input, keying: .content, doc: "What drift is measured against.", example: "reference: ${stages.dataset.train}"),
        Field(
          "fields", .map(.column, .choice("psi", "ks", "chi2", "wasserstein", "js", "auto"), listed: false), defaultNote: "all shared columns: auto",
          doc: "What to watch, and how.",
          example: "fields: { lang: chi2, chars: ks }"),
        Field(
          "columns", .record(logColumns), default: .map([]), defaultNote: "same names", doc: "Where the log has them, new: old.",
          example: "columns: { time: ts }"),
        Field("window", .choice("hour", "day", "week", "all"), default: .string("all"), doc: "One snapshot each.", example: "window: day"),
      ]),
    ports: [.init("rows", "One row per window and field."), .init("alerts", "Rows that failed a check.")])

  static let logColumns = FieldSet(
    "`columns` of monitor",
    [
      Field("time", .column, default: .string("time"), doc: "When the request came.", example: "time: ts"),
      Field("status", .column, default: .string("status"), doc: "How it ended.", example: "status: code"),
      Field("latency_ms", .column, default: .string("latency_ms"), doc: "How long it took, in milliseconds.", example: "latency_ms: took"),
    ])
}

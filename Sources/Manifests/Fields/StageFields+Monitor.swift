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
        Field("window", .choice("hour", "day", "week", "all"), default: .string("all"), doc: "One snapshot each; UTC, weeks from Monday.", example: "window: day"),
      ]),
    ports: [.init("rows", "Per window one row of totals, and one per field."), .init("alerts", "The rows of fields whose drift passes the method's threshold.")])

  static let logColumns = FieldSet(
    "`columns` of monitor",
    [
      Field("time", .column, default: .string("time"), doc: "When the request came, as in RFC 3339 with an offset.", example: "time: ts"),
      Field(
        "status", .column, default: .string("status"),
        doc: "How it ended: an error from 400 on, or a text other than `ok`, `success`, `succeeded`, `completed` and `done`.", example: "status: code"),
      Field("latency_ms", .column, default: .string("latency_ms"), doc: "How long it took, in milliseconds; null when nobody answered.", example: "latency_ms: took"),
    ])
}

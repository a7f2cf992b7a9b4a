extension StageFields {
  public static let evaluate = KindDeclaration(
    "evaluate", doc: "Scores a model or predictions against the truth.",
    fields: FieldSet(
      "evaluate",
      [
        Field(
          "from", .input, required: true, keying: .content, alsoCalled: from.alsoCalled, doc: "Rows to score.",
          example: "from: ${stages.dataset.eval}"),
        Field("model", .input, keying: .content, doc: "A model of the embedded classifier: a stage or a file.", example: "model: ${stages.fit}"),
        Field(
          "predictions", .input, keying: .content, doc: "Answers made elsewhere, with the same row key.", example: "predictions: Datasets/preds.jsonl"
        ),
        Field("prediction", .column, default: .string("prediction"), doc: "The column of `predictions`.", example: "prediction: output"),
        Field("gold", .column, defaultNote: "the label type that the rows carry", doc: "The truth: a column or label type.", example: "gold: intent"),
        Field(
          "metrics", .list(.word(.tag)), defaultNote: "by label type", alsoCalled: ["metric"],
          doc:
            "Of classes: accuracy, balanced_accuracy, macro_f1, micro_f1, weighted_f1, macro_precision, macro_recall, mcc, kappa, exact_match. Of texts: exact_match, squad_em, squad_f1, rouge_1, rouge_2, rouge_l.",
          example: "metrics: [accuracy, macro_f1]"),
        Field("slices", .list(.column), default: .list([]), alsoCalled: ["slice"], doc: "The same figures per value.", example: "slices: [lang]"),
        Field(
          "baseline", .oneOf([.stage, .text]), keying: .none,
          doc: "What to compare with: a git revision, a run id, a lock file, or a stage. Without its rows the checks that name it are not made.",
          example: "baseline: main"),
        Field("bootstrap", .record(bootstrap), default: .map([]), keying: .none, doc: "The interval of the difference.", example: "bootstrap: { samples: 2000 }"),
      ], rules: [.exactlyOne(["model", "predictions"])]),
    ports: [
      .init("rows", "Row, gold, prediction, correct, probability."), .init("scores", "One row per metric, slice and class."),
      .init("confusion", "Gold against prediction."),
    ])

  static let bootstrap = FieldSet(
    "`bootstrap`",
    [
      Field("samples", .int(1...1_000_000), default: .int(1000), doc: "How many draws.", example: "samples: 2000"),
      Field("seed", .int(Int.min...Int.max), default: .int(0), doc: "Another seed draws others.", example: "seed: 7"),
      Field("confidence", .number(0...1), default: .float(0.95), doc: "How sure the interval is.", example: "confidence: 0.9"),
    ])
}

extension StageFields {
  public static let labelMerge = KindDeclaration(
    "label-merge", doc: "Makes one label per item out of the votes of several annotators.",
    fields: FieldSet(
      "label-merge",
      [
        Field(
          "from", .oneOrMany(.input), required: true, keying: .content, alsoCalled: from.alsoCalled,
          doc: "The items; a vote for an unknown item is an error with its line.", example: "from: ${stages.tickets}"),
        Field(
          "votes", .oneOrMany(.input), required: true, keying: .content, alsoCalled: ["annotations", "labels"], doc: "One row per vote.",
          example: "votes: Datasets/support/votes.csv"),
        Field(
          "format", .choice("table", "label-studio", planned: ["argilla", "doccano", "prodigy", "coco"]), defaultNote: "by content", doc: "Shape of the votes.",
          example: "format: label-studio"),
        Field(
          "columns", .record(voteColumns), default: .map([]), defaultNote: "same names", doc: "Where the votes file has them, new: old.",
          example: "columns: { item: task, annotator: worker }"),
        Field("label_type", .word(.identifier), required: true, doc: "What is voted on.", example: "label_type: intent"),
        Field(
          "method", .choice("majority", "wawa", "zbs", "dawid-skene", "one-coin", planned: ["weighted", "glad", "mace", "iou"]), default: .string("majority"),
          doc: "How to merge; `iou` for boxes and spans.", example: "method: dawid-skene"),
        Field(
          "ties", .choice("first-class", "none"), default: .string("first-class"), doc: "First in the order of `classes`, or no label.",
          example: "ties: none"),
        Field("min_votes", .int(1...1_000_000), default: .int(1), doc: "Fewer: no label, dropped(`min_votes`).", example: "min_votes: 2"),
        Field("gold", .input, keying: .content, doc: "Known answers; used, never outvoted.", example: "gold: Datasets/gold.csv"),
        Field("exclude_annotators", .list(.verbatim), default: .list([]), doc: "Whose votes do not count.", example: "exclude_annotators: [w017]"),
        Field(
          "on_bad_row", .choice("fail", "quarantine"), default: .string("fail"),
          doc: "A vote on an unknown item or for an unknown class, and votes of one annotator on one item.", example: "on_bad_row: quarantine"),
      ]),
    ports: [
      .init("rows", "Label records."), .init("disagreements", "Items whose votes differ."), .init("annotators", "One row per annotator."),
      .init("posteriors", "The probability of each class, by item."), .init("quarantined", "Votes that were set aside."),
    ])

  static let voteColumns = FieldSet(
    "`columns` of label-merge",
    [
      Field("item", .column, default: .string("item"), doc: "The key of the item.", example: "item: task"),
      Field("annotator", .column, default: .string("annotator"), doc: "Who voted.", example: "annotator: worker"),
      Field("label", .column, default: .string("label"), doc: "The vote.", example: "label: choice"),
      Field("at", .column, default: .string("at"), doc: "When.", example: "at: created"),
    ])
}

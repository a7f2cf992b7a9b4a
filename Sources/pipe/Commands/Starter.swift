/// What `pipe init` writes: the smallest manifest that shows the whole way, from rows to training files.
enum Starter {
  static func files(name: String) -> [(path: String, text: String)] {
    [
      ("Manifests/\(name).yaml", manifest(name)), ("Datasets/\(name)/reviews.jsonl", reviews), ("Datasets/\(name)/labels.jsonl", labels),
      ("Outputs/README.md", "What came of the manifests. `pipe run` makes it again; git ignores it.\n"), ("Outputs/.gitignore", "*\n!.gitignore\n!README.md\n"),
      (".pipe/.gitignore", "*\n"),
    ]
  }

  private static func manifest(_ name: String) -> String {
    """
    # From reviews and their labels to a training set.
    #
    #   pipe run            build Outputs/\(name)/
    #   pipe show pairs     look at the rows of a stage
    #   pipe explain pairs  why a stage would run, or not
    schema: pipe/v1
    name: \(name)
    version: 0.1.0

    label_types:
      mood: { kind: class, classes: [good, bad], uses: [training, evaluation] }

    stages:
      # Read. `row_key` gives every row an identity; `sheet` is the name under which labels know the rows.
      reviews:
        kind: ingest
        from: Datasets/\(name)/reviews.jsonl
        row_key: id
        sheet: reviews

      # One row becomes one conversation.
      pairs:
        kind: assemble
        from: ${stages.reviews}
        labels: Datasets/\(name)/labels.jsonl
        label_type: mood
        messages:
          - { role: system, content: Is the review good or bad? }
          - { role: user, content: "{{ text }}" }
          - { role: assistant, content: "{{ mood }}" }

      # Write the files that a trainer reads, all of them or none.
      dataset:
        kind: export
        from: ${stages.pairs}
        format: openai-chat
        split: { by: id, into: { train: 0.75, eval: 0.25 } }
        to: Outputs/\(name)/${split}.jsonl

    """
  }

  private static let texts: [(text: String, mood: String)] = [
    ("Arrived a day early and fits perfectly.", "good"), ("The zip broke on the second day.", "bad"),
    ("My third pair. They just last.", "good"), ("Nice colour, wrong size, no answer from support.", "bad"),
    ("Exactly as described.", "good"), ("Smells of glue even after a week.", "bad"),
    ("Light, warm and dry after an hour in the rain.", "good"), ("The sole came off. Twice.", "bad"),
  ]

  private static var reviews: String { texts.enumerated().map { "{\"id\":\"R-\($0 + 1)\",\"text\":\"\($1.text)\"}\n" }.joined() }

  private static var labels: String {
    texts.enumerated().map { "{\"sheet\":\"reviews\",\"item\":\"R-\($0 + 1)\",\"label_type\":\"mood\",\"label\":\"\($1.mood)\"}\n" }.joined()
  }
}

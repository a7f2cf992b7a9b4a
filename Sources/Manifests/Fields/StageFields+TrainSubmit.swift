extension StageFields {
  public static let trainSubmit = KindDeclaration(
    "train-submit", doc: "Submits a training and keeps what came of it.",
    fields: FieldSet(
      "train-submit",
      [
        Field(
          "from", .input, required: true, keying: .content, alsoCalled: from.alsoCalled, doc: "Training rows: one side of a split.",
          example: "from: ${stages.dataset.train}"),
        Field("validation", .input, keying: .content, doc: "Validation rows.", example: "validation: ${stages.dataset.eval}"),
        Field("backend", .tagged(by: "kind", backends), required: true, doc: "Who trains.", example: "backend: { kind: classifier, target: intent }"),
        Field("model", .text, alsoCalled: ["base_model"], doc: "The base model.", example: "model: mistral-7b"),
        Field(
          "hyperparameters", .map(.identifier, .scalar), default: .map([]), alsoCalled: ["params", "hyperparams"], doc: "Given to the backend.",
          example: "hyperparameters: { n_epochs: 3 }"),
        Field("seed", .int(Int.min...Int.max), default: .int(0), doc: "Given to the backend.", example: "seed: 7"),
        Field("suffix", .text, defaultNote: "manifest name", doc: "Name of the model made.", example: "suffix: intents"),
        Field("poll", .duration, default: .string("30s"), keying: .none, doc: "How often to ask how far it is.", example: "poll: 60s"),
      ]),
    ports: [.init("model", "The model."), .init("metrics", "What the training reported."), .init("log", "Its log.")])

  static let backends: [FieldType.Variant] = [
    .init(
      "classifier",
      fields: FieldSet(
        "a classifier backend",
        [
          backendKind,
          Field("features", .oneOrMany(.column), defaultNote: "the messages", doc: "What the classifier sees.", example: "features: [text]"),
          Field("target", .column, defaultNote: "the label type", doc: "What it learns to say.", example: "target: intent"),
        ])),
    .init(
      "command",
      fields: FieldSet(
        "a command backend",
        [
          backendKind,
          Field(
            "run", .list(.text), required: true, alsoCalled: ["cmd", "command"],
            doc: "The program and its arguments: `${in.rows}` and `${in.validation}` are files, `${out.model}` is the folder that the model goes into.",
            example: "run: [python3, Pipelines/train.py, \"${in.rows}\", \"${out.model}\"]"),
          Field(
            "files", .list(.path(.source)), default: .list([]), keying: .content, alsoCalled: ["deps"],
            doc: "Scripts and data it reads, beside files of the workspace that `run` names.", example: "files: [Pipelines/model.py]"),
          Field(
            "tools", .list(.text), default: .list([]), keying: .content, alsoCalled: ["tool"], doc: "Programs whose version is in the key.",
            example: "tools: [python3]"),
          Field(
            "env", .map(.identifier, .verbatim), default: .map([]), doc: "All the environment it gets, with PATH, HOME and `PIPE_…`.",
            example: "env: { TZ: UTC }"),
          Field(
            "secrets", .list(.word(.identifier)), default: .list([]), keying: .none, doc: "Variables given by name; never stored, never in a key.",
            example: "secrets: [WANDB_API_KEY]"),
        ])),
    .init(
      "openai",
      fields: FieldSet(
        "an openai backend",
        [
          backendKind,
          Field(
            "base_url", .text, default: .string("https://api.openai.com/v1"), doc: "Where the service answers.",
            example: "base_url: http://localhost:8080/v1"),
          Field(
            "secrets", .list(.word(.identifier)), default: .list([]), keying: .none, doc: "The variable that holds the key.",
            example: "secrets: [OPENAI_API_KEY]"),
        ])),
    .init(
      "slurm",
      fields: FieldSet(
        "a slurm backend",
        [
          backendKind,
          Field("run", .list(.text), required: true, doc: "The program and its arguments.", example: "run: [python3, Pipelines/train.py]"),
          Field(
            "env", .map(.identifier, .verbatim), default: .map([]), doc: "All the environment it gets, with PATH and HOME.",
            example: "env: { TZ: UTC }"),
          Field(
            "secrets", .list(.word(.identifier)), default: .list([]), keying: .none, doc: "Variables given by name.",
            example: "secrets: [WANDB_API_KEY]"),
          Field("partition", .text, keying: .none, doc: "The Slurm partition.", example: "partition: gpu"),
          Field("options", .list(.text), default: .list([]), keying: .none, doc: "Further arguments for sbatch.", example: "options: [--qos=long]"),
        ])),
  ]

  static let backendKind = Field(
    "kind", .choice("classifier", "command", planned: ["openai", "slurm"]), required: true, doc: "Which backend.", example: "kind: command")
}

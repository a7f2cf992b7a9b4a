internal import Diagnostics

/// The fields at the top of a manifest, and those that every stage shares.
///
/// Messages, JSON Schema, documentation and completions are made from these declarations; nothing lists a field a second time.
public enum ManifestFields {
  /// A manifest. `params`, `profiles`, `label_types` and `stages` are read by `ManifestReader` with the sets below.
  public static let manifest = FieldSet(
    "a manifest",
    [
      Field("schema", .choice("pipe/v1"), required: true, keying: .none, doc: "Format of this file.", example: "schema: pipe/v1"),
      Field(
        "name", .word(.manifest), required: true, keying: .none, doc: "Names the lock, the outputs and the reports.", example: "name: support-intents"
      ),
      Field(
        "version", .word(.semanticVersion), default: .string("0.0.0"), keying: .none,
        doc: "Version of the data set; checked against what changed in its rows.", example: "version: 2.1.0"),
      Field(
        "desc", .text, keying: .none, alsoCalled: ["description", "about"], doc: "One paragraph; goes to the data set's card.",
        example: "desc: Intents of support tickets"),
      Field(
        "lock", .bool, default: .bool(true), keying: .none, doc: "`false` keeps the lock out of the repository: for snapshots of one machine.",
        example: "lock: false"),
      Field(
        "license", .text, keying: .none, alsoCalled: ["licence"], doc: "SPDX id of the licence of what is produced.", example: "license: CC-BY-4.0"),
      Field(
        "include", .list(.path(.source)), default: .list([]), keying: .none, alsoCalled: ["includes", "import", "imports"],
        doc: "Fragments: files that hold `params`, `label_types` and `stages`, never `name` or `version`.",
        example: "include: [Pipelines/support/labels.yaml]"),
      Field(
        "params", .map(.identifier, .oneOf([.scalar, .list(.scalar), .record(parameter)])), default: .map([]), keying: .none,
        alsoCalled: ["parameters", "vars", "variables"],
        doc: "Parameters, typed by their default value; `-p name=value` overrides.", example: "params: { min_chars: 20 }"),
      Field(
        "profiles", .map(.tag, .record(profile)), default: .map([]), keying: .none, doc: "Named sets of overrides, chosen with `--profile`.",
        example: "profiles: { ci: { jobs: 2 } }"),
      Field(
        "label_types", .map(.identifier, .record(labelType)), default: .map([]), keying: .none, alsoCalled: ["labels", "label_type"],
        doc: "What a label may be.", example: "label_types: { intent: { kind: class, classes: [refund, login] } }"),
      Field(
        "stages", .map(.stage, .any), required: true, keying: .none, alsoCalled: ["steps", "tasks", "jobs", "stage"], doc: "The graph.",
        example: "stages: { tickets: { kind: ingest, from: Datasets/tickets.csv } }"),
      Field(
        "selectors", .map(.tag, .text), default: .map([]), keying: .none, doc: "Named texts for `--select`.",
        example: "selectors: { pr: \"state:modified+\" }"),
    ])

  /// A fragment that a manifest includes.
  public static let fragment = FieldSet(
    "a fragment", manifest.fields.filter { ["schema", "desc", "include", "params", "label_types", "stages"].contains($0.name) }.map(\.optional))

  /// The long form of a parameter.
  public static let parameter = FieldSet(
    "a parameter",
    [
      Field(
        "type", .choice("string", "int", "float", "bool", "list"), defaultNote: "that of the default", keying: .none, doc: "What a value must be.",
        example: "type: int"),
      Field(
        "default", .oneOf([.scalar, .list(.scalar)]), defaultNote: "must be given", keying: .none, doc: "The value when none is given.",
        example: "default: 20"),
      Field("enum", .list(.scalar), keying: .none, alsoCalled: ["choices", "values"], doc: "The only values allowed.", example: "enum: [10, 20]"),
      Field("desc", .text, keying: .none, alsoCalled: ["description"], doc: "What it is for.", example: "desc: Shorter tickets are dropped"),
    ], rules: [.atLeastOne(["type", "default"])])

  public static let profile = FieldSet(
    "a profile",
    [
      Field(
        "params", .map(.identifier, .oneOf([.scalar, .list(.scalar)])), default: .map([]), keying: .none, doc: "Values of parameters.",
        example: "params: { min_chars: 5 }"),
      Field("jobs", .int(1...4096), keying: .none, doc: "How many tasks run at once.", example: "jobs: 2"),
      Field(
        "cache", .choice("auto", "never"), default: .string("auto"), keying: .none, doc: "Whether results are taken from the cache.",
        example: "cache: never"),
    ])

  static let uses = FieldType.list(.choice("training", "validation", "evaluation", "few_shot", "testing"))

  public static let labelType = FieldSet(
    "a label type",
    [
      Field(
        "kind", .choice("class", "multi", "rating", "text", "spans", "boxes", "json"), required: true, alsoCalled: ["type"],
        doc: "The shape of a label: one class, several, a rating, text, spans of text, boxes in an image, any JSON.", example: "kind: class"),
      Field(
        "classes", .list(.scalar), default: .list([]), alsoCalled: ["labels", "values", "enum"],
        doc: "What a label may say, in the order that breaks ties.", example: "classes: [billing, login, refund]"),
      Field(
        "schema", .oneOf([.path(.source), .map(.column, .any)]), keying: .content, doc: "JSON Schema of a `json` label, inline or as a file.",
        example: "schema: Pipelines/schemas/answer.json"),
      Field(
        "uses", uses, default: .list([]), defaultNote: "all", alsoCalled: ["allowed_uses"], doc: "What these labels may be used for.",
        example: "uses: [training, evaluation]"),
      Field(
        "desc", .text, keying: .none, alsoCalled: ["description"], doc: "What the label means; goes to the card.",
        example: "desc: What the customer wants"),
    ], shape: checkLabelType)

  @Sendable private static func checkLabelType(_ values: FieldValues, _ diagnostics: inout [Diagnostic]) {
    guard let kind = values.string("kind") else { return }
    let needsClasses = ["class", "multi", "rating"].contains(kind)
    if needsClasses, values.list("classes").isEmpty {
      diagnostics.append(
        Diagnostic(
          id: "missing-field", "a label type of the kind `\(kind)` needs `classes`", at: (values.range(of: "classes") ?? values.node?.range)?.place,
          help: "classes: [billing, login, refund]"))
    }
    if values.isWritten("schema"), kind != "json" {
      diagnostics.append(
        Diagnostic(
          id: "conflict", "`schema` belongs to labels of the kind `json`, not `\(kind)`", at: values.range(of: "schema")?.place,
          help: "remove it, or kind: json"))
    }
    var seen: [Literal] = []
    for item in values.list("classes") {
      guard let literal = item.literal else { continue }
      if seen.contains(literal) {
        diagnostics.append(Diagnostic(id: "duplicate", "the class `\(literal.yaml)` is there twice", at: item.range?.place))
      }
      seen.append(literal)
    }
  }

  /// The fields that belong to the engine, the same for every kind.
  public static let shared = FieldSet(
    "every stage",
    [
      Field("kind", .word(.stage), required: true, alsoCalled: ["type", "uses"], doc: "What the stage does.", example: "kind: ingest"),
      Field(
        "desc", .text, keying: .none, alsoCalled: ["description"], doc: "Shown in the graph, the report and the card.",
        example: "desc: German tickets only"),
      Field(
        "tags", .list(.word(.tag)), default: .list([]), keying: .none, alsoCalled: ["tag", "labels"], doc: "For `--select tag:x`.",
        example: "tags: [nightly]"),
      Field(
        "where", .expression(.row), alsoCalled: ["filter", "if", "when"],
        doc: "Only rows of `from` for which this is true; the rest count as dropped(`where`).",
        example: "where: \"lang == ${matrix.lang}\""),
      Field(
        "matrix", .map(.identifier, .list(.scalar)), keying: .none, doc: "One case of the stage per combination; `${matrix.axis}` is its value.",
        example: "matrix: { lang: \"${params.langs}\" }"),
      Field(
        "expect", .list(.record(expectation, shorthand: "check")), default: .list([]), keying: .none,
        alsoCalled: ["expects", "checks", "assert", "tests"],
        doc: "Checks on the facts of the stage.", example: "expect: [\"rows >= 1000\"]"),
      Field("timeout", .duration, keying: .none, doc: "The longest that one task may take.", example: "timeout: 20m"),
      Field(
        "retries", .record(retries, shorthand: "max"), default: .int(0), keying: .none, alsoCalled: ["retry"],
        doc: "How often a failed task is tried again.", example: "retries: { max: 2, backoff: 10s }"),
      Field(
        "cache", .choice("auto", "never"), default: .string("auto"), keying: .none, doc: "`never`: run each time; cannot feed a locked output.",
        example: "cache: never"),
      Field(
        "resources", .record(resources), default: .map([]), keying: .none, alsoCalled: ["resource"],
        doc: "What a task takes, for the scheduler and Slurm.", example: "resources: { cpu: 4, memory: 8G }"),
      Field(
        "mutex", .list(.word(.tag)), default: .list([]), keying: .none, doc: "Stages that share one of these never run at once.",
        example: "mutex: [gpu0]"),
      Field("frozen", .bool, default: .bool(false), keying: .none, alsoCalled: ["freeze"], doc: "Keep the locked result.", example: "frozen: true"),
      Field(
        "trace_by", .list(.text), default: .list([]), keying: .none,
        doc: "Columns of its rows that `pipe trace --down column=value` looks up in an index; `row_key` and `split.by` are always looked up so.",
        example: "trace_by: [customer_id]"),
    ])

  public static let expectation = FieldSet(
    "a check",
    [
      Field(
        "check", .expression(.facts), required: true, keying: .none, doc: "An expression over the facts of the stage; true passes.",
        example: "check: rows >= 1000"),
      Field(
        "severity", .choice("error", "warn"), default: .string("error"), keying: .none,
        doc: "`error`: exit code 3 and nothing is published; `warn`: a line in the summary.", example: "severity: warn"),
    ])

  public static let retries = FieldSet(
    "`retries`",
    [
      Field("max", .int(0...100), required: true, keying: .none, doc: "How often.", example: "max: 2"),
      Field("backoff", .duration, default: .string("1s"), keying: .none, doc: "The first pause; it doubles.", example: "backoff: 10s"),
      Field(
        "on_exit", .list(.int(1...255)), default: .list([]), defaultNote: "any", keying: .none, doc: "Only after these exit codes.",
        example: "on_exit: [75]"),
    ])

  public static let resources = FieldSet(
    "`resources`",
    [
      Field("cpu", .int(1...4096), default: .int(1), keying: .none, alsoCalled: ["cpus", "cores"], doc: "Processor cores.", example: "cpu: 4"),
      Field("memory", .byteSize, keying: .none, alsoCalled: ["mem", "ram"], doc: "Memory.", example: "memory: 8G"),
      Field("gpu", .int(0...4096), default: .int(0), keying: .none, alsoCalled: ["gpus"], doc: "Graphics processors.", example: "gpu: 1"),
    ])
}

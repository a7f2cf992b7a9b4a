import Diagnostics
import Manifests
import Testing

/// `${…}` after reading: what is evaluated is checked like what is written.
@Suite struct EvaluationTests {
  let values: [String: Literal] = [
    "params.n": .int(7), "params.half": .float(0.5), "params.name": .string("shop"), "params.langs": .list([.string("de"), .string("en")]),
    "params.yes": .bool(true),
    "params.map": .map([.init("train", .float(0.5)), .init("eval", .float(0.25))]), "params.none": .null,
    "stages.a": .reference(StageReference(stage: "a")),
  ]

  /// A stage's own and shared fields, evaluated, and what is said about them.
  func evaluate(_ stage: String) throws -> (own: FieldValues, shared: FieldValues, messages: [String]) {
    let text = "schema: pipe/v1\nname: a\nstages:\n  s:\n" + stage.split(separator: "\n").map { "    \($0)\n" }.joined()
    let language = ManifestLanguage(built: Set(StageFields.all.map(\.name)))
    let reading = ManifestReader(language: language) { _ in .failure(.init("no")) }.read(SourceText(path: "a.yaml", text: text))
    let document = try reading.get()
    var diagnostics: [Diagnostic] = []
    func evaluate(_ expression: ManifestExpression) -> Evaluation {
      if expression.source == "split" { return .later }
      return values[expression.source].map { .value($0) } ?? .failed
    }
    let own = document.stages[0].fields.evaluated(&diagnostics, evaluate)
    let shared = document.stages[0].shared.evaluated(&diagnostics, evaluate)
    return (own, shared, diagnostics.map { "\($0.place?.line ?? 0):\($0.place?.column ?? 0) \($0.message)" })
  }

  @Test func aWholeValueKeepsItsTypeAndTextIsPrinted() throws {
    let (own, shared, messages) = try evaluate(
      """
      kind: ingest
      from: ["Datasets/${params.name}-${params.n}.csv", "${stages.a}"]
      row_key: ${params.langs}
      sample: { rows: "${params.n}", seed: 1 }
      derive: { x: "chars > ${params.half}" }
      tags: ${params.langs}
      timeout: ${params.n}m
      frozen: ${params.yes}
      """)
    #expect(messages.isEmpty)
    #expect(own.isEvaluated && shared.isEvaluated)
    #expect(own.list("from").map(\.string) == ["Datasets/shop-7.csv", nil])
    #expect(own.list("from")[1].reference == StageReference(stage: "a"))
    #expect(own.strings("row_key") == ["de", "en"])
    #expect(own.record("sample")?.int("rows") == 7)
    let x = try #require(own.map("derive").first?.value.source)
    guard case .value(.float(0.5), let expression)? = x.parts.last else {
      Issue.record("the operand is a value")
      return
    }
    #expect(expression.source == "params.half")
    #expect(shared.strings("tags") == ["de", "en"])
    #expect(shared.milliseconds("timeout") == 7 * 60_000)
    #expect(shared.bool("frozen") == true)
  }

  @Test(
    "what does not fit is said at the place it was written",
    arguments: [
      ("kind: ingest\nfrom: a.csv\nsample: { rows: \"${params.name}\" }", ["7:21 `rows` wants an integer from 1 up, found the text \"shop\""]),
      ("kind: ingest\nfrom: a.csv\ntags: ${params.n}", ["7:11 `tags` wants a list of names, found the integer 7"]),
      ("kind: ingest\nfrom: a.csv\ntimeout: ${params.n}", ["7:14 `timeout` wants a duration with its unit, found the integer 7"]),
      ("kind: ingest\nfrom: a.csv\ndesc: ${params.n}", ["7:11 `desc` wants text, found the integer 7"]),
      ("kind: ingest\nfrom: a-${params.langs}.csv", ["6:13 `${params.langs}` is a list, which cannot stand inside a text"]),
      ("kind: ingest\nfrom: a-${stages.a}.csv", ["6:13 `${stages.a}` is a reference to the stage `a`, which cannot stand inside a text"]),
      ("kind: ingest\nfrom: a.csv\nsheet: ${params.none}", ["7:12 `sheet` wants a name of letters, digits, `_`, `-` and `.`, found nothing"]),
      ("kind: ingest\nfrom: a.csv\non_bad_row: ${params.name}", ["7:17 `on_bad_row` cannot be `shop`"]),
      (
        "kind: export\nfrom: \"${stages.a}\"\nformat: jsonl\nsplit: { by: id, into: \"${params.map}\" }\nto: Outputs/${split}.jsonl",
        ["8:28 the shares sum to 0.75, not 1"]
      ),
      ("kind: ingest\nfrom: a.csv\nsheet: ${params.unknown}", []),
    ])
  func problems(_ stage: String, _ expected: [String]) throws {
    #expect(try evaluate(stage).messages == expected)
  }

  @Test func whatWaitsStaysWhereItIs() throws {
    let (own, _, messages) = try evaluate(
      "kind: export\nfrom: \"${stages.a}\"\nformat: jsonl\nto: Outputs/${params.name}/${split}.jsonl\nsplit: { by: id, into: { a: 1 } }")
    #expect(messages.isEmpty)
    guard case .unevaluated(let text, _)? = own["to"]?.form else {
      Issue.record("`${split}` waits")
      return
    }
    #expect(text.expressions.map(\.source) == ["split"])
    var diagnostics: [Diagnostic] = []
    let train = own.evaluated(&diagnostics) { _ in .value(.string("train")) }
    #expect(train.string("to") == "Outputs/shop/train.jsonl")
    #expect(diagnostics.isEmpty)
  }

  @Test(
    "another way to write a field is the same value",
    arguments: [
      ("retries: 2", "retries: { max: 2 }"), ("expect: [rows > 1]", "expect: [{ check: rows > 1 }]"), ("row_key: id", "row_key: [id]"),
      ("columns: [a, b]", "columns: { a: a, b: { from: b } }"),
      ("columns: { x: y }", "columns: { x: { from: y, pii: false } }"), ("from: b.csv", "from: [b.csv]"),
    ])
  func shorthands(_ short: String, _ long: String) throws {
    func literal(_ field: String) throws -> [Literal?] {
      let from = field.hasPrefix("from:") ? "" : "from: a.csv\n"
      let (own, shared, _) = try evaluate("kind: ingest\n\(from)\(field)")
      return [own.literal, shared.literal]
    }
    // A default that is written out differs from one that is not only in `literal`, never in keys; `pii: false` shows that.
    if long.contains("pii") { #expect(try literal(short) != literal(long)) } else { #expect(try literal(short) == literal(long)) }
  }

  @Test func defaultsAndExecutionSettingsStayOutOfKeys() throws {
    let (own, shared, _) = try evaluate(
      "kind: ingest\nfrom: a.csv\non_bad_row: fail\nrename: {}\nsample: { rows: 5 }\ntimeout: 5s\nretries: 3\ndesc: x\nwhere: a == 1")
    #expect(own.keyedFields.map(\.field.name) == ["from", "sample"])
    #expect(shared.keyedFields.map(\.field.name) == ["kind", "where"])
  }

  @Test(
    "paths",
    arguments: [
      ("Datasets/a.csv", "Manifests/m.yaml", "Datasets/a.csv"), ("./a.csv", "Manifests/m.yaml", "Manifests/a.csv"),
      ("../a.csv", "Manifests/team/m.yaml", "Manifests/a.csv"),
      ("../../a.csv", "Manifests/m.yaml", "../a.csv"), ("a/../b//c/./d", "Manifests/m.yaml", "b/c/d"), ("/data/../x", "Manifests/m.yaml", "/x"),
      ("./x", "", "x"), ("./x", "m.yaml", "x"),
      ("../x", "/abs/dir/m.yaml", "/abs/x"), (".", "Manifests/m.yaml", "Manifests"), ("a/*.csv", "", "a/*.csv"),
    ])
  func paths(_ written: String, _ file: String, _ expected: String) {
    #expect(ManifestPath.resolve(written, in: file) == expected)
  }

  @Test(
    "parameters from the command line",
    arguments: [
      ("n=5", Literal.int(5)), ("n=0x10", .int(16)), ("half=2", .float(2)), ("half=1e-3", .float(0.001)), ("name=a=b", .string("a=b")),
      ("name=", .string("")), ("name=007", .string("007")),
      ("yes=false", .bool(false)), ("langs=de, fr", .list([.string("de"), .string("fr")])),
      ("langs=[no, \"a,b\"]", .list([.string("no"), .string("a,b")])), ("langs=", .list([])),
      ("ints=1,2", .list([.int(1), .int(2)])), ("n=five", nil), ("n=1.5", nil), ("yes=yes", nil), ("ints=1,x", nil), ("half=.", nil),
    ] as [(String, Literal?)])
  func assignments(_ assignment: String, _ expected: Literal?) throws {
    let text =
      "schema: pipe/v1\nname: a\nparams: { n: 1, half: 0.5, name: x, 'yes': true, langs: [de], ints: [3] }\nstages: { s: { kind: ingest, from: a.csv } }\n"
    let document = try ManifestReader(language: ManifestLanguage(built: ["ingest"])) { _ in .failure(.init("no")) }.read(
      SourceText(path: "a", text: text)
    ).get()
    let (values, diagnostics) = document.parameterValues(.init(assignments: [assignment]))
    #expect(diagnostics.isEmpty == (expected != nil))
    let name = String(assignment.prefix { $0 != "=" })
    if let expected { #expect(values.first { $0.key == name }?.value == expected) }
    #expect(values.map(\.key) == ["n", "half", "name", "yes", "langs", "ints"], "in the order of their declaration")
  }
}

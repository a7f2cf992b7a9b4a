import Foundation
import Testing

/// `pipe render`: a template on a few rows, against another version, and as a runner of cases.
@Suite struct RenderCommandTests {
  private let folder = CLIProgram.Folder()

  private func render(_ arguments: String..., input: String? = nil) throws -> CLIProgram.Answer {
    try CLIProgram.start(["render"] + arguments, in: folder.path, input: input).wait()
  }

  private func write(_ files: [String: String]) throws {
    for (path, text) in files { try folder.write(path, text) }
  }

  private let rows = """
    {"name":"Ann","tags":["a","b"]}
    {"name":"Zoë","tags":[]}
    {"name":"Bob","tags":["c"]}
    {"name":"Eve","tags":[]}

    """

  @Test func firstRowsOfAFile() throws {
    try write(["p.jinja": "Hello {{ name }}: {{ tags | join(', ') }}", "rows.jsonl": rows])
    let three = try render("p.jinja", "--rows", "rows.jsonl")
    #expect(three.status == 0)
    #expect(three.output == "── row 1\nHello Ann: a, b\n── row 2\nHello Zoë: \n── row 3\nHello Bob: c\n")
    #expect(try render("p.jinja", "--rows", "rows.jsonl", "-n", "1").output == "── row 1\nHello Ann: a, b\n")
  }

  @Test func namesFromAContextFileWinOverTheRow() throws {
    try write(["p.jinja": "{{ name }} {{ extra.x }}", "rows.jsonl": rows, "c.json": #"{"name":"C","extra":{"x":1.50}}"#, "list.json": "[1]"])
    #expect(try render("p.jinja", "--context", "c.json").output == "C 1.5\n")
    #expect(try render("p.jinja", "--rows", "rows.jsonl", "-n1", "--context", "c.json").output == "── row 1\nC 1.5\n")
    let wrong = try render("p.jinja", "--context", "list.json")
    #expect(wrong.status == 2)
    #expect(wrong.errors == "error[context]: `list.json` is not a JSON object\n")
  }

  @Test func rowsOfAnArtifact() throws {
    try write([
      "Manifests/m.yaml": """
      schema: pipe/v1
      name: m
      stages:
        rows: { kind: ingest, from: Datasets/rows.jsonl, row_key: name }

      """, "Datasets/rows.jsonl": rows, "Pipelines/p.jinja": "<{{ name }}>",
    ])
    let before = try render("Pipelines/p.jinja", "--rows", "rows.rows")
    #expect(before.status != 0)
    #expect(before.errors.contains("rows"))
    let run = try CLIProgram.run("run", in: folder.path)
    #expect(run.status == 0, "\(run.errors)")
    #expect(try render("Pipelines/p.jinja", "--rows", "rows.rows", "-n", "2").output == "── row 1\n<Ann>\n── row 2\n<Zoë>\n")
    #expect(try render("Pipelines/p.jinja", "--rows", "rows", "-n", "1").output == "── row 1\n<Ann>\n")
  }

  @Test func presetsDecideWhatAMissingNameIs() throws {
    try write(["p.jinja": "{% if true %}\n[{{ missing }}]\n{% endif %}\n"])
    #expect(try render("p.jinja", "--env", "jinja2").output == "\n[]\n")
    #expect(try render("p.jinja", "--env", "hf").output == "[]\n")
    let strict = try render("p.jinja")
    #expect(strict.status == 1)
    #expect(strict.errors.hasPrefix("error[template]: 'missing' is undefined\n  --> p.jinja:2:5\n"))
  }

  @Test func theClockIsGiven() throws {
    try write(["p.jinja": "{{ strftime_now('%d %B %Y') }}"])
    #expect(try render("p.jinja", "--env", "hf", "--now", "2026-11-21T09:00:00").output == "21 November 2026\n")
    #expect(try render("p.jinja", "--env", "hf").status == 1)
    #expect(try render("p.jinja", "--now", "tomorrow").status == 2)
  }

  @Test func twoVersionsSideBySide() throws {
    try write(["new.jinja": "A\nB {{ name }}\nC", "old.jinja": "A\nb {{ name }}\nC", "rows.jsonl": rows])
    let changed = try render("new.jinja", "--rows", "rows.jsonl", "-n", "1", "--diff", "old.jinja")
    #expect(changed.status == 0)
    #expect(changed.output == "── row 1\n  A\n- b Ann\n+ B Ann\n  C\n")
    #expect(try render("new.jinja", "--rows", "rows.jsonl", "-n", "1", "--diff", "new.jinja").output == "── row 1\n  the same\n")
  }

  @Test func jsonTellsTheGeneratedSpans() throws {
    try write(["p.jinja": "u:{% generation %}hi{% endgeneration %}"])
    let answer = try render("p.jinja", "--env", "hf", "--json")
    #expect(answer.json["output"] as? String == "u:hi")
    #expect(answer.json["generation"] as? [[Int]] == [[2, 4]])
    #expect(answer.json["schema_version"] as? Int == 1)
  }

  @Test func includesOfTheSameNameInTwoFoldersAreTwoFiles() throws {
    try write([
      "p.jinja": "{% include './a/t.jinja' %} {% include './b/t.jinja' %}", "a/t.jinja": "{% include './x.jinja' %}", "a/x.jinja": "of a",
      "b/t.jinja": "{% include './x.jinja' %}", "b/x.jinja": "of b",
    ])
    #expect(try render("p.jinja").output == "of a of b\n")
  }

  @Test func errorsShowThePlaceTheRowAndTheWay() throws {
    try write(["p.jinja": "{% include './t.jinja' %}", "t.jinja": "x\n{{ name | uper }}", "u.jinja": "{{ nme }}", "rows.jsonl": rows])
    let filter = try render("p.jinja", "--rows", "rows.jsonl")
    #expect(filter.status == 1)
    #expect(filter.errors.contains("--> t.jinja:2:4"), "\(filter.errors)")
    #expect(filter.errors.contains("did you mean `upper`?"), "\(filter.errors)")
    let name = try render("u.jinja", "--rows", "rows.jsonl")
    #expect(name.errors.contains("did you mean `name`?"), "\(name.errors)")
    #expect(name.errors.contains(#"{"name":"Ann","tags":["a","b"]}"#), "\(name.errors)")
    #expect(try render().status == 2)
    #expect(try render("nowhere.jinja").status == 2)
    try folder.write("bad.jsonl", "{\"name\": 1,}\n")
    let row = try render("u.jinja", "--rows", "bad.jsonl")
    #expect(row.status == 2)
    #expect(row.errors.hasPrefix("error[row]: row 1 of `bad.jsonl`: "), "\(row.errors)")
  }

  @Test func casesAreAnsweredLineByLine() throws {
    let cases = """
      {"id":1,"template":"{{ x }}","context":{"x":1.0}}
      {"id":"two","template":"{{ missing }}|{{ 'é' | length }}"}

      {"id":3,"template":"a\\n{{ missing }}","env":{"undefined":"strict"}}
      {"id":4,"template":"{% include 'i' %}","templates":{"i":"{{ y }}"},"context":{"y":[1]}}
      not json

      """
    let answer = try render("--cases", "-", input: cases)
    #expect(answer.status == 0)
    let lines = answer.output.split(separator: "\n").map(String.init)
    #expect(lines.count == 5)
    #expect(lines[0] == #"{"id":1,"ok":true,"output":"1.0"}"#)
    #expect(lines[1] == #"{"id":"two","ok":true,"output":"|1"}"#)
    #expect(answer.records[2]["error_class"] as? String == "UndefinedError")
    #expect(answer.records[2]["line"] as? Int == 2)
    #expect(lines[3] == #"{"id":4,"ok":true,"output":"[1]"}"#)
    #expect(answer.records[4]["error_class"] as? String == "BadCase")
    try folder.write("cases.jsonl", cases)
    #expect(try render("--cases", "cases.jsonl").output == answer.output)
  }
}

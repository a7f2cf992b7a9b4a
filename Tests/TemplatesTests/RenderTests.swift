import Templates
import Testing

@Suite struct RenderTests {
  private func render(_ source: String, _ row: String = "{}", extra: Bindings = Bindings(), _ environment: Environment = .pipe) throws -> String {
    try Renderer().string(try Template(source, environment: environment), row: row, extra: extra)
  }

  @Test func readsFieldsOfARow() throws {
    #expect(try render("{{ a }}-{{ b.c[1] }}-{{ d }}", #"{"a":"x\n\u00e9","skip":[1,{"a":2}],"b":{"c":[1,2.50]},"d":null}"#) == "x\né-2.5-None")
  }

  @Test func extraWinsOverTheRow() throws {
    #expect(try render("{{ a }}{{ b }}", #"{"a":1,"b":2}"#, extra: ["a": "extra"]) == "extra2")
  }

  @Test func missingNamesAreErrorsWithAPlaceAndASuggestion() throws {
    do {
      _ = try render("line one\n  {{ quesiton }}", #"{"question":"?"}"#)
      Issue.record("expected an error")
    } catch let e as TemplateError {
      #expect(e.description == "template:2:6: UndefinedError: 'quesiton' is undefined; did you mean `question`?")
      #expect(e.range == 14..<22)
      #expect(e.undefinedName == "quesiton")
    }
  }

  @Test func evaluatesExpressions() throws {
    let r = Renderer()
    let e = try Expression("amount > 10 and channel in ['web', 'app']")
    func check(_ row: String) throws -> Bool { try Array(row.utf8).withUnsafeBytes { try r.isTrue(e, row: $0) } }
    #expect(try check(#"{"amount":10.5,"channel":"web"}"#))
    #expect(try !check(#"{"amount":10.5,"channel":"tv"}"#))
    #expect(e.variables.map(\.name) == ["amount", "channel"])
  }

  @Test func numbersAndContainersKeepTheirText() throws {
    let r = Renderer()
    for (source, row, expected) in [
      ("x", #"{"x":1.10}"#, "1.10"), ("x", #"{"x":123456789012345678901234567890}"#, "123456789012345678901234567890"),
      ("x", #"{"x":{"a":1.0,"b":[1e5]}}"#, #"{"a":1.0,"b":[1e5]}"#), ("x + 0", #"{"x":1.10}"#, "1.1"), ("x.a", #"{"x":{"a":1.50}}"#, "1.50"),
    ] {
      let v = try Array(row.utf8).withUnsafeBytes { try r.evaluate(try Expression(source), row: $0) }
      var out: [UInt8] = []
      #expect(v.appendJSON(to: &out))
      #expect(String(decoding: out, as: UTF8.self) == expected)
    }
  }

  @Test func callsFunctionsOfTheHost() throws {
    let overlap = Value(function: "overlap") { (a, n) throws(HostError) in
      guard a.count == 2 else { throw HostError("`overlap` takes two tables") }
      return Value((a[0].int ?? 0) + (n.first?.value.string?.count ?? 0))
    }
    let e = try Expression("overlap(train, eval, key='customer_id') == 15 and rows.train >= 300")
    let v = try Renderer().evaluate(e, extra: ["overlap": overlap, "train": 4, "eval": 5, "rows": Value(pairs: [("train", 300)])])
    #expect(v.bool == true)
    #expect(e.calls.map(\.function) == ["overlap"])
    #expect(e.calls[0].arguments == [.name("train"), .name("eval")])
    #expect(e.paths.map(\.text).contains("rows.train"))
  }

  @Test func aTemplateOfOneExpressionCanBeAskedForItsValue() throws {
    let t = try Template("{{ tags | length }}")
    #expect(t.singleExpression != nil)
    #expect(try Template("n: {{ tags }}").singleExpression == nil)
    let v = try Array(#"{"tags":[1,2]}"#.utf8).withUnsafeBytes { try Renderer().evaluate(t.singleExpression!, row: $0) }
    #expect(v.int == 2)
  }

  @Test func namesThatMayBeMissingAreMarked() throws {
    let t = try Template("{{ a }}{{ b | default('') }}{% if c is defined %}{{ c.d }}{% endif %}{{ range(3) | length }}")
    #expect(t.variables.map(\.name) == ["a", "b", "c", "c"])
    #expect(t.variables.map(\.isGuarded) == [false, true, true, false])
  }

  @Test func aSharedContextIsCopiedBeforeItChanges() throws {
    let c = try Context(json: Array(#"{"l":[1,2],"n":99999999999999999999}"#.utf8))
    let t = try Template("{% do l.append(n + 1) %}{{ l }}")
    let r = Renderer()
    for _ in 0..<3 {
      #expect(String(decoding: try r.render(t, context: c), as: UTF8.self) == "[1, 2, 100000000000000000000]")
    }
  }

  @Test func generationSpansAreReported() throws {
    let r = Renderer()
    let t = try Template("u{% generation %}ab{% endgeneration %}u{% generation %}c{% endgeneration %}", environment: .huggingFace)
    #expect(try r.string(t) == "uabuc")
    #expect(r.generationSpans == [1..<3, 4..<5])
  }

  @Test func includesSeeTheRowAndErrorsCarryTheStack() throws {
    var e = Environment.pipe
    e.loader = { name, _ in name == "inc" ? Array("{{ a }}\n {{ b.c }}".utf8) : nil }
    let t = try Template("x\n{% include 'inc' %}", name: "main", environment: e)
    let r = Renderer()
    #expect(try r.string(t, row: #"{"a":1,"b":{"c":2}}"#) == "x\n1\n 2")
    do throws(TemplateError) {
      _ = try r.string(t, row: #"{"a":1,"b":{"d":2}}"#)
      Issue.record("expected an error")
    } catch {
      #expect(error.description == "inc:2:5: UndefinedError: 'dict object' has no attribute 'c'; did you mean `d`?")
      #expect(error.stack.map { "\($0.name):\($0.line) \($0.what)" } == ["inc:2 template", "main:2 template"])
    }
  }
}

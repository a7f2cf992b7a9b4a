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
    e.loader = { name in name == "inc" ? Array("{{ a }}\n {{ b.c }}".utf8) : nil }
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

  @Test func namesAreJoinedWithTheTemplateThatWritesThem() throws {
    let library = ["a/t": "{% include './x' %}", "a/x": "of a", "b/t": "{% include './x' %}{% include './y' %}", "b/x": "of b"]
    var e = Environment.pipe
    e.joinPath = { name, parent in name.hasPrefix("./") ? String(parent.prefix { $0 != "/" }) + String(name.dropFirst(1)) : name }
    e.loader = { library[$0].map { Array($0.utf8) } }
    let r = Renderer()
    #expect(try r.string(try Template("{% include 'a/t' %} {% include 'a/x' %}", environment: e)) == "of a of a")
    do throws(TemplateError) {
      _ = try r.string(try Template("{% include 'a/t' %}{% import 'a/x' as i %}{% include 'b/t' %}", name: "main", environment: e))
      Issue.record("expected an error")
    } catch {
      #expect(error.errorClass == "TemplateNotFound")
      #expect(error.templateName == "b/t")
    }
  }

  @Test func whatJoinsTheWholeTextHasNoStatement() throws {
    do throws(TemplateError) {
      _ = try Renderer().string(try Template("a\n{% filter length %}b{% endfilter %}", environment: .jinja2))
      Issue.record("expected an error")
    } catch {
      #expect(error.errorClass == "TypeError")
      #expect(error.statementLine == nil)
      #expect(error.line == 2)
    }
  }

  @Test(arguments: [
    // What real chat templates and Jinja2's own tests ask for, and no generator thinks of.
    ("{{ dict.from_keys([('a', 1)]) }}", "{'a': 1}"), ("{{ missing is sequence }}", "False"), ("{{ [{}, {}] | sort }}", "[{}, {}]"),
    ("{{ [1] | groupby('n') | map('last') | list }}", "[[1]]"),
  ]) func pythonShowsThrough(_ source: String, _ expected: String) throws {
    #expect(try render(source) == expected)
  }

  @Test(arguments: [
    ("{{ dict(missing) }}", "UndefinedError"), ("{{ namespace(missing) }}", "UndefinedError"), ("{{ missing.__class__ }}", "SecurityError"),
    ("{{ x.items.__self__ }}", "SecurityError"), ("{% include none %}", "TemplatesNotFound"), ("{{ [1, 2][missing:] }}", "TypeError"),
  ]) func errorsHavePythonsClass(_ source: String, _ expected: String) {
    do {
      let text = try render(source, #"{"x":{}}"#)
      Issue.record("\(source) rendered \(text)")
    } catch let error as TemplateError {
      #expect(error.errorClass == expected)
    } catch {
      Issue.record(error)
    }
  }

  /// Expectations of Jinja2 3.1.6.
  @Test(arguments: [
    (#"{{ '\u2028\x7f\n' | tojson }}"#, #""\u2028\u007f\n""#), ("{{ [3,1,2,1].index(1, 2) }} {{ (1,2,1).index(1, -2) }}", "3 2"),
    ("{{ dict.fromkeys('ab', 0) }}{{ dict.fromkeys([1]) }}{{ {}.fromkeys([]) }}", "{'a': 0, 'b': 0}{1: None}{}"),
    ("{{ namespace() in {'a': 1} }}", "False"),
    ("{{ range(10)[9:20:-1] }} {{ range(10)[3:1] }} {{ range(10)[::3] }}", "range(9, 9, -1) range(3, 1) range(0, 10, 3)"),
    (#"{{ '\N{BULLET}\N{latin small letter e with acute}\N{CJK UNIFIED IDEOGRAPH-6F22}\N{HANGUL SYLLABLE GAG}\N{VARIATION SELECTOR-17}' }}"#, "•é漢각\u{E0100}"),
  ]) func isWhatJinja2Writes(_ source: String, _ expected: String) throws {
    #expect(try Renderer().string(try Template(source, environment: .jinja2)) == expected)
  }

  @Test(arguments: [
    ("{{ '{:z}'.format(1) }}", "ValueError"), ("{{ '{:z}'.format('a') }}", "ValueError"), ("{{ '{.imag}'.format(3) }}", "KeyError"),
    ("{{ 'a' % namespace() }}", "TypeError"), ("{{ [1].index(1, 1) }}", "ValueError"),
    ("{% extends 1 %}", "TemplateNotFound"), ("{% include [none, 'x'] %}", "TemplatesNotFound"), ("{% for a, in [(1,)] %}{% endfor %}", "TemplateSyntaxError"),
    (#"{{ '\N{NO SUCH NAME}' }}"#, "TemplateSyntaxError"),
  ]) func isRefusedAsInJinja2(_ source: String, _ errorClass: String) throws {
    do throws(TemplateError) {
      Issue.record("rendered \(try Renderer().string(try Template(source, environment: .jinja2)))")
    } catch {
      #expect(error.errorClass == errorClass)
    }
  }

  @Test func stringsOfARowEndWhereTheyEnd() throws {
    // Quotes and escapes at every place of the words that a row is read in.
    let r = Renderer()
    let t = try Template("{{ a }}|{{ b }}|{{ c.d }}")
    for length in 0..<50 {
      for place in 0...length {
        for (written, read) in [(#"\""#, "\""), (#"\\"#, "\\"), (#"\n"#, "\n"), (#"\u00e9"#, "é"), (#"\\\""#, "\\\""), ("é", "é")] {
          let (before, after) = (String(repeating: "x", count: place), String(repeating: "y", count: length - place))
          let row = "{\"a\":\"\(before)\(written)\(after)\",\"b\":\"\(before)\",\"skipped\":\"\(after)\(written)\",\"c\":{\"d\":\"\(written)\(after)\"}}"
          #expect(try r.string(t, row: row) == "\(before)\(read)\(after)|\(before)|\(read)\(after)")
        }
      }
    }
  }

  @Test func manyNamesOfEachLengthAreFound() throws {
    let names = (1...40).flatMap { n in ["a", "b"].map { String(repeating: $0, count: n) } }
    let t = try Template(names.map { "{{ \($0) }}" }.joined(separator: " "))
    let row = "{" + names.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",") + "}"
    #expect(try Renderer().string(t, row: row) == names.indices.map { "\($0)" }.joined(separator: " "))
  }

  @Test func halfASurrogatePairIsEscapedInJSON() throws {
    let line = CaseRunner().run(Array(#"{"id":1,"template":"{{ '\\ud83d|\\ude00' }}é"}"#.utf8))
    #expect(String(decoding: line, as: UTF8.self) == #"{"id":1,"ok":true,"output":"\ud83d|\ude00é"}"#)
  }
}

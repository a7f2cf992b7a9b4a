import Templates
import Testing

/// Templates that want to take the machine along: each ends with an error, soon.
@Suite struct HostileTests {
  private func fails(_ source: String, _ row: String = "{}", limits: Limits? = nil, library: [String: String] = [:]) throws -> String {
    var e = Environment.pipe
    e.limits.memoryBytes = 64 << 20
    e.limits.outputBytes = 16 << 20
    e.limits.steps = 2_000_000
    if let limits { e.limits = limits }
    e.loader = { name in library[name].map { Array($0.utf8) } }
    do throws(TemplateError) {
      let out = try Renderer().string(try Template(source, environment: e), row: row)
      return "rendered \(out.utf8.count) bytes"
    } catch {
      return error.errorClass
    }
  }

  @Test(arguments: [
    ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "LimitError"),
    ("{{ range(10**9)|list }}", "OverflowError"), ("{{ range(-(2**63), 2**63 - 1)|length }}", "OverflowError"),
    ("{{ 'a' * 10**10 }}", "LimitError"), ("{{ 'ab' * 2**40 }}", "LimitError"), ("{{ [0] * 10**12 }}", "LimitError"),
    ("{{ 9**(9**9) }}", "OverflowError"), ("{{ 2**(10**9) }}", "OverflowError"), ("{{ (10**5000) }}", "ValueError"),
    ("{% set ns = namespace(x=3) %}{% for i in range(1000) %}{% set ns.x = ns.x * ns.x %}{% endfor %}", "OverflowError"),
    ("{% set ns = namespace(x='a') %}{% for i in range(1000) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}", "LimitError"),
    ("{% set ns = namespace(x=[1]) %}{% for i in range(1000) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "LimitError"),
    ("{{ '%1000000000d' % 1 }}", "LimitError"), ("{{ '%.1000000000f' % 1 }}", "LimitError"), ("{{ '%*d' % (10**9, 1) }}", "LimitError"),
    ("{{ '{:1000000000}'.format(1) }}", "LimitError"), ("{{ '{:{}}'.format(1, 10**9) }}", "LimitError"),
    ("{{ 'x'.center(10**9) }}", "LimitError"), ("{{ 'x'|center(10**12) }}", "LimitError"), ("{{ '1'.zfill(10**12) }}", "LimitError"),
    ("{{ 'x'|indent(10**12) }}", "LimitError"), ("{{ ('a' * 10**6).replace('a', 'b' * 10**6) }}", "LimitError"),
    ("{{ ('a' * 10**5)|list|join('b' * 10**6) }}", "LimitError"), ("{{ '\\t'.expandtabs(10**12) }}", "LimitError"),
    ("{{ [1]|batch(10**12, 0)|list }}", "LimitError"), ("{{ [1]|slice(10**12)|list }}", "LimitError"),
    ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError"),
    ("{% macro m() %}{{ caller() }}{% call m() %}{% endcall %}{% endmacro %}{% call m() %}{% endcall %}", "RecursionError"),
    ("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "RecursionError"),
    ("{% set l = [] %}{% do l.append(l) %}{{ l }}", "RecursionError"), ("{% set l = [] %}{% do l.append(l) %}{{ l|tojson }}", "RecursionError"),
    ("{% set l = [] %}{% do l.append(l) %}{{ l == [l] and l|pprint }}", "RecursionError"),
    ("{% set l = [1] %}{% for x in l %}{% do l.append(x) %}{% endfor %}", "LimitError"),
    ("{% block a %}{{ self.a() }}{% endblock %}", "RecursionError"),
    ("{% include 'self' %}", "RecursionError"), ("{% extends 'loop' %}", "RecursionError"), ("{% import 'imports' as x %}", "RecursionError"),
    ("{% set ns = namespace(x=[]) %}{% for i in range(90000) %}{% set ns.x = ns.x|map('upper') %}{% endfor %}{{ ns.x|list }}", "RecursionError"),
    ("{{ 'x'|wordwrap(0) }}", "ValueError"), ("{{ ''.__class__.__mro__ }}", "SecurityError"), ("{{ [].__class__() }}", "SecurityError"),
    ("{{ '{0.__class__}'.format(1) }}", "SecurityError"),
  ]) func endsWithAnError(_ source: String, _ errorClass: String) throws {
    let library = ["self": "{% include 'self' %}", "loop": "{% extends 'loop' %}", "imports": "{% import 'imports' as x %}"]
    #expect(try fails(source, library: library) == errorClass)
  }

  @Test func deepSyntaxIsRefused() throws {
    for (open, close) in [("(", ")"), ("[", "]"), ("{1:", "}"), ("-", ""), ("not ", ""), ("x if ", ""), ("f(", ")")] {
      let source = "{{ " + String(repeating: open, count: 5000) + "1" + String(repeating: close, count: 5000) + " }}"
      #expect(try fails(source) == "TemplateSyntaxError", "\(open)")
    }
    for chain in [".a", "[0]", "+1", "|upper", "()", " if 1 else 2", " is defined", " or 1", "~1"] {
      let result = try fails("{{ x" + String(repeating: chain, count: 20000) + " }}")
      #expect(result != "", "\(chain)")
    }
    let blocks = String(repeating: "{% if 1 %}", count: 5000)
    #expect(try fails(blocks) == "TemplateSyntaxError")
    let elifs = "{% if 0 %}" + String(repeating: "{% elif 0 %}", count: 3000) + "{% endif %}"
    #expect(try fails(elifs) == "rendered 0 bytes")
  }

  /// Found by the fuzzer: an empty tuple with a space in it ended before it started.
  @Test func emptyTuplesHaveAPlace() throws {
    for source in ["[( ), 1]", "f(( \n))"] {
      let e = try #require(try Template("{{ \(source) }}").singleExpression)
      #expect(e.paths.allSatisfy { $0.range.lowerBound <= $0.range.upperBound })
      #expect(e.calls.allSatisfy { $0.range.upperBound <= source.utf8.count + 3 })
    }
    // An empty tuple alone has no text of its own to be read again as an expression.
    #expect(try Template("{{ ( ) }}").singleExpression?.name == nil)
    #expect(try fails("{{ ( ) }}{{ [( )] }}") == "rendered 6 bytes")
  }

  @Test func deepRowsAreRefused() throws {
    let row = "{\"x\":" + String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000) + "}"
    #expect(try fails("{{ x|length }}", row) == "ValueError")
    #expect(try fails("{{ 1 }}", row) == "rendered 1 bytes")
  }

  @Test func brokenRowsAreErrors() throws {
    for row in [
      "[1]", "{\"x\":}", "{\"x\":1", "{\"x\" 1}", "{\"x\":tru}", "{\"x\":\"a", "{\"x\":\"\\u12\"}", "{\"x\":01}", "{\"x\":1.}", "{x:1}", "{\"x\":[1,]}", "nonsense",
    ] {
      #expect(try fails("{{ x }}", row) == "ValueError", "\(row)")
    }
  }

  @Test func aRendererServesAgainAfterAnError() throws {
    let r = Renderer()
    var e = Environment.pipe
    e.limits.memoryBytes = 1 << 20
    let bad = try Template("{{ 'a' * 10**9 }}", environment: e)
    let good = try Template("{{ x }}", environment: e)
    for _ in 0..<50 {
      #expect(throws: TemplateError.self) { try r.string(bad) }
      #expect(try r.string(good, row: #"{"x":"fine"}"#) == "fine")
    }
  }

  @Test func aFailedRecursiveLoopIsForgotten() throws {
    let renderer = Renderer()
    let fails = try Template("{% for x in [1] recursive %}{{ loop(x) }}{% endfor %}")
    let next = try Template("{% for x in [[1]] %}{{ loop(x) }}{% endfor %}")
    #expect(throws: TemplateError.self) { try renderer.string(fails) }
    do throws(TemplateError) {
      Issue.record("rendered \(try renderer.string(next))")
    } catch {
      #expect(error.message == "The loop must have the 'recursive' marker to be called recursively.")
    }
  }

  @Test func aFailedLongFunctionGivesItsStackBack() throws {
    let renderer = Renderer()
    // The first has a stack of its own, being long; the second needs more than there is on the machine's.
    let fails = try Template(String(repeating: "{{ 'a'|upper }}", count: 20_000) + "{{ 1/0 }}")
    let locals = (0..<300).map { "{% set v\($0) = n %}" }.joined()
    let deep = try Template("{% macro m(n) %}\(locals){{ m(n - 1) if n else v299 }}{% endmacro %}{{ m(150) }}")
    for _ in 0..<3 {
      #expect(throws: TemplateError.self) { try renderer.string(fails) }
      #expect(try renderer.string(deep) == "0")
    }
  }

  @Test func damagedRowsEndInTextOrError() throws {
    // A fixed sequence: a failure repeats.
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    func random(_ n: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % n
    }
    let row = Array(#"{"x":{"a":[1,2.5e3,"t\u00e9\n\ud83d\ude00"],"b":null},"y":"plain é漢😀","z":[true,false,-0.0,123456789012345678901]}"#.utf8)
    let alphabet = Array(#"{}[]",:\u0-9eE.+ntf é"#.utf8)
    let t = try Template("{{ x | tojson }}{{ x.a[2][::-1] }}{{ y | upper }}{{ z | length }}{{ z[3] }}", environment: .jinja2)
    let r = Renderer()
    for _ in 0..<20_000 {
      var damaged = row
      for _ in 0...random(3) {
        let i = random(damaged.count)
        switch random(4) {
        case 0: damaged.remove(at: i)
        case 1: damaged[i] = alphabet[random(alphabet.count)]
        case 2: damaged.insert(UInt8(random(256)), at: i)
        default: damaged.removeSubrange(i..<min(damaged.count, i + 1 + random(8)))
        }
        if damaged.isEmpty { damaged = [0x7B] }
      }
      _ = damaged.withUnsafeBytes { bytes in
        do throws(TemplateError) { return try r.render(t, row: bytes).count } catch { return 0 }
      }
    }
  }
}

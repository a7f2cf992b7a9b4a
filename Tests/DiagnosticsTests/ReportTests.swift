import Diagnostics
import Testing

/// Diagnostics for machines.
@Suite struct ReportTests {
  let diagnostics: [Diagnostic] = {
    let text = SourceText(path: "Manifests/a b.yaml", text: "one: \"ä\"\ntwo: 2\n")
    return [
      Diagnostic(id: "type", "`one` wants an integer", at: text.range(5..<9), label: "here", help: "write 1"),
      Diagnostic(.note, id: "remark", "look", at: Place(path: "/tmp/x"), notes: [.init(label: "row", text: "T-1")]),
      Diagnostic(.warning, id: "type", "no place", at: nil, secondary: [.init(place: text.range(10..<13).place, label: "there")]),
    ]
  }()

  @Test func json() {
    #expect(
      diagnostics.json.compact == """
        {"error":{"severity":"error","code":"type","message":"`one` wants an integer","file":"Manifests/a b.yaml","line":1,"column":6,"endLine":1,"endColumn":9,"label":"here","help":"write 1"},"diagnostics":[{"severity":"error","code":"type","message":"`one` wants an integer","file":"Manifests/a b.yaml","line":1,"column":6,"endLine":1,"endColumn":9,"label":"here","help":"write 1"},{"severity":"note","code":"remark","message":"look","file":"/tmp/x","notes":[{"label":"row","text":"T-1"}]},{"severity":"warning","code":"type","message":"no place","related":[{"file":"Manifests/a b.yaml","line":2,"column":1,"label":"there"}]}]}
        """)
    #expect(Array(diagnostics.dropFirst()).json.compact.hasPrefix("{\"diagnostics\":"), "no `error` without one")
  }

  @Test func sarif() {
    let sarif = diagnostics.sarif(toolVersion: "1.2.3")
    let text = sarif.compact
    #expect(
      text.hasPrefix(
        #"{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{"tool":{"driver":{"name":"pipe","version":"1.2.3","rules":[{"id":"type"},{"id":"remark"}]}}"#
      ))
    #expect(text.contains(#""ruleId":"type","ruleIndex":0,"level":"error","message":{"text":"`one` wants an integer: here\nhelp: write 1"}"#))
    #expect(text.contains(#""artifactLocation":{"uri":"Manifests/a%20b.yaml"},"region":{"startLine":1,"startColumn":6,"endLine":1,"endColumn":9}"#))
    #expect(text.contains(#""uri":"file:///tmp/x"}}"#))
    #expect(text.contains(#""level":"warning","message":{"text":"no place"},"locations":[],"relatedLocations":"#))
  }

  @Test func jsonText() {
    let value = ReportJSON.object([
      "a": .array([.int(1), .double(1.5), .bool(true), .null]), "b": .string("\"\\\n\u{1}é"), "c": nil, "d": .array([]), "e": .object([]),
    ])
    #expect(value.compact == #"{"a":[1,1.5,true,null],"b":"\"\\\n\u0001é","d":[],"e":{}}"#)
    #expect(
      value.pretty == """
        {
          "a": [
            1,
            1.5,
            true,
            null
          ],
          "b": "\\"\\\\\\n\\u0001é",
          "d": [],
          "e": {}
        }

        """)
  }

  @Test func problems() throws {
    #expect(throws: Problems.self) { try Problems.throwErrors(in: diagnostics) }
    try Problems.throwErrors(in: Array(diagnostics.dropFirst()))
    #expect(Problems([])?.all.count == nil)
    #expect(Problems(diagnostics)?.summary == "3 problems in 2 files")
    #expect(Problems(diagnostics[0]).summary == "1 problem in 1 file")
  }

  @Test func readingOrder() {
    let b = Place(path: "b", line: 1, column: 1)
    let early = Place(path: "a", line: 2, column: 1)
    let late = Place(path: "a", line: 2, column: 9)
    let order = [late, b, early].map { Diagnostic(id: "x", "", at: $0) }.inReadingOrder().compactMap(\.place)
    #expect(order == [early, late, b], "files in order of their first mention")
  }
}

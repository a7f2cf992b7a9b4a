import Diagnostics
import Testing

/// The frames, asserted whole.
@Suite struct RendererTests {
  func render(_ text: String, _ at: Range<Int>, _ change: (inout Diagnostic) -> Void = { _ in }) -> String {
    var diagnostic = Diagnostic(id: "test", "something is wrong", at: SourceText(path: "a.txt", text: text).range(at))
    change(&diagnostic)
    return DiagnosticRenderer().render(diagnostic)
  }

  @Test func aFrame() {
    #expect(
      render("one\ntwo three\n", 8..<13) { $0.label = "this" } == """
        error[test]: something is wrong
          --> a.txt:2:5
           |
         2 | two three
           |     ^^^^^ this

        """)
  }

  @Test func notesAreAligned() {
    let out = render("one\n", 0..<3) {
      $0.notes = [.init(label: "row", text: "T-1042"), .init(label: "stage", text: "pairs"), .init(label: "help", text: "first\nsecond")]
    }
    #expect(
      out == """
        error[test]: something is wrong
          --> a.txt:1:1
           |
         1 | one
           | ^^^
           |
           = row    T-1042
           = stage  pairs
           = help   first
                    second

        """)
  }

  @Test func caretsStandUnderWideCharactersAndTabs() {
    #expect(
      render("\t日本 x́ = 🎈y\n", 18..<19).split(separator: "\n").suffix(2) == [
        " 1 |     日本 x́ = 🎈y",
        "   |                ^",
      ])
  }

  @Test func controlAndDirectionalCharactersNeverReachTheTerminal() {
    let out = render("a \u{1B}[31m \u{202E}x\n", 0..<1)
    #expect(!out.contains("\u{1B}") && !out.contains("\u{202E}"))
    #expect(out.contains(" 1 | a ␛[31m \u{FFFD}x"))
  }

  @Test func severalPlaces() {
    let text = SourceText(path: "a.yaml", text: (1...12).map { "line \($0)\n" }.joined())
    let other = SourceText(path: "b.yaml", text: "other\n")
    let starts = (1...12).map { text.lineRange($0) }
    let diagnostic = Diagnostic(
      .warning, id: "test", "three places", at: text.range(starts[11]), label: "here",
      secondary: [.init(place: text.range(starts[1]).place, label: "first"), .init(place: other.range(0..<5).place, label: "other")])
    #expect(
      DiagnosticRenderer().render(diagnostic) == """
        warning[test]: three places
          --> a.yaml:12:1
           |
         2 | line 2
           | ------ first
        ...
        12 | line 12
           | ^^^^^^^ here
          ::: b.yaml:1:1
           |
         1 | other
           | ----- other

        """)
  }

  @Test func aLongLineIsCutAroundThePlace() {
    let line = String(repeating: "a", count: 5000) + "HERE" + String(repeating: "b", count: 5000)
    let out = render(line, 5000..<5004).split(separator: "\n")
    #expect(out.allSatisfy { $0.count <= 130 })
    #expect(out[3].hasPrefix(" 1 | …aaa") && out[3].hasSuffix("bbb…"))
    let column = out[4].prefix { $0 != "^" }.count
    #expect(out[3].dropFirst(column).hasPrefix("HERE"))
    #expect(out[1] == "  --> a.txt:1:5001")
  }

  @Test func aRangeOverLinesShowsTheFirst() {
    #expect(render("one two\nthree\n", 4..<11).hasSuffix("\n 1 | one two\n   |     ^^^\n"))
  }

  @Test func theEndOfTheFile() {
    #expect(render("one\n", 4..<4).hasSuffix("  --> a.txt:2:1\n   |\n 2 |\n   | ^\n"))
    #expect(render("", 0..<0).hasSuffix("  --> a.txt:1:1\n   |\n 1 |\n   | ^\n"))
  }

  @Test func aPlaceWithoutTheFile() {
    let place = Place(path: "big.jsonl", line: 1_000_000, column: 12, length: 3, excerpt: Array("{\"a\": nope}".utf8), excerptColumn: 6)
    let diagnostic = Diagnostic(id: "json", "not JSON", at: place)
    #expect(
      DiagnosticRenderer().render(diagnostic) == """
        error[json]: not JSON
               --> big.jsonl:1000000:12
                |
        1000000 | …{"a": nope}
                |        ^^^

        """)
    #expect(DiagnosticRenderer().render(Diagnostic(id: "io", "cannot read", at: Place(path: "x"))) == "error[io]: cannot read\n  --> x\n")
    #expect(DiagnosticRenderer().render(Diagnostic(id: "io", "cannot read", at: nil)) == "error[io]: cannot read\n")
  }

  @Test func headingsAndColours() {
    var diagnostic = Diagnostic(id: "check", "rows >= 1", at: nil)
    diagnostic.heading = "check failed"
    #expect(DiagnosticRenderer().render(diagnostic) == "check failed: rows >= 1\n")
    #expect(DiagnosticRenderer(color: true).render(diagnostic) == "\u{1B}[1;31mcheck failed\u{1B}[0m\u{1B}[1m: rows >= 1\u{1B}[0m\n")
  }

  @Test func positionsCountCharactersAndKnowLineEnds() {
    let text = SourceText(path: "a", text: "\u{FEFF}äb\r\nc")
    #expect(text.lineCount == 2)
    #expect(text.position(of: 5) == (1, 2))
    #expect(text.string(text.lineRange(1)) == "äb")
    #expect(text.position(of: 8) == (2, 1))
  }
}

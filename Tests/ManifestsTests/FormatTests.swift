import Diagnostics
import Manifests
import Testing

/// `pipe fmt`: the way to write a manifest. Meaning and comments stay; twice is as good as once.
@Suite struct FormatTests {
  func format(_ text: String) throws -> String { try ManifestFormatter.format(SourceText(path: "a.yaml", text: text)) }

  @Test("a formatted file stays as it is, and means what it meant", arguments: ExampleTests.names)
  func examples(_ name: String) throws {
    let text = try ExampleTests.text(name)
    let once = try ManifestFormatter.format(text)
    #expect(once == String(decoding: text.bytes, as: UTF8.self), "the examples are written as `fmt` writes")
  }

  @Test("another way of writing comes to the same", arguments: ExampleTests.names, [(4, false), (3, true), (8, true)])
  func otherIndentation(_ name: String, _ style: (blanks: Int, trailing: Bool)) throws {
    let original = String(decoding: try ExampleTests.text(name).bytes, as: UTF8.self)
    // Twice the blanks (or more) everywhere, as an editor with another setting writes; lists stay two right of their key.
    let lines = original.split(separator: Character("\n"), omittingEmptySubsequences: false).map { (line: Substring) -> String in
      let blanks = line.prefix { $0 == " " }.count
      return String(repeating: " ", count: blanks / 2 * style.blanks) + line.dropFirst(blanks) + (style.trailing && !line.isEmpty ? "  " : "")
    }
    let other = lines.joined(separator: style.trailing ? "\r\n" : "\n")
    guard YAMLReader.read(SourceText(path: "a", text: other)).diagnostics.allSatisfy({ $0.severity != .error }) else { return }
    // Trailing blanks inside a block text are part of it.
    if style.trailing, original.contains("|\n") { return }
    #expect(try format(other) == original)
  }

  @Test func everythingAtOnce() throws {
    let text = """


      # head
      schema:   pipe/v1
      name:  a   # trailing


      params :
          langs: [ de,no ,  "fr" ]
          flags: {yes: on,   "x":1}
          empty: { }
      stages:
      # about a
          a:
              kind: ingest
              from:
              -   x.csv
              # second
              -   y.csv
              where: |
                      a == 1
                        and b

              derive:
                 b: >
                    folded
                    text
              # after
          b:
              kind:   exec   
              run:
                - - nested
                  - list
                -   key:   1
                    more: 2
      # end

      """
    let expected = """
      # head
      schema: pipe/v1
      name: a   # trailing

      params:
        langs: [de, "no", "fr"]
        flags: { "yes": "on", "x": 1 }
        empty: {}
      stages:
      # about a
        a:
          kind: ingest
          from:
            - x.csv
            # second
            - y.csv
          where: |
            a == 1
              and b

          derive:
            b: >
              folded
              text
          # after
        b:
          kind: exec
          run:
            - - nested
              - list
            - key: 1
              more: 2
      # end

      """
    let once = try format(text)
    #expect(once == expected)
    #expect(try format(once) == once)
  }

  @Test(
    "what must not change",
    arguments: [
      "a: |+\n  text\n\n\nb: 1\n", "a: |2\n    two more\n", "a: \"x  \n\n  y\"\n", "x-a: &a { b: [1, 2] }\nc: *a\nd: { e: *a, f: &g 1 }\n",
      "x-a: &a\n  b: 1\nc:\n  <<: *a\n  d: 2\n",
      "a: { b, c: }\n", "a: [b: c]\n", "? a\n: b\n", "a: 'it''s'\n", "{a: 1}\n", "- a\n- - b\n", "---\na: 1\n", "a: b  c\n", "a: [\n  b,\n  c\n]\n",
    ])
  func meaning(_ text: String) throws {
    func tree(_ node: Node) -> String {
      switch node.shape {
      case .scalar: "\(node.scalarKind) \(node.scalar.debugDescription)"
      case .sequence: "[" + node.items.map(tree).joined(separator: ",") + "]"
      case .mapping: "{" + node.entries.map { tree($0.key) + ":" + tree($0.value) }.joined(separator: ",") + "}"
      }
    }
    func root(_ text: String) throws -> Node { try #require(YAMLReader.read(SourceText(path: "a", text: text)).document).root }
    let once = try format(text)
    #expect(tree(try root(once)) == tree(try root(text)))
    #expect(try format(once) == once)
  }

  @Test func whatIsNotYAMLIsSaid() {
    #expect(throws: Problems.self) { try format("a: [\n") }
  }
}

import Diagnostics
import Manifests
import Testing

/// YAML as nodes: the core schema, aliases and merges, and where everything stands.
@Suite struct YAMLTests {
  func root(_ text: String) throws -> Node {
    let (document, diagnostics) = YAMLReader.read(SourceText(path: "a.yaml", text: text))
    #expect(diagnostics.filter { $0.severity == .error }.isEmpty, "\(DiagnosticRenderer().render(diagnostics))")
    return try #require(document).root
  }

  @Test(
    "the core schema of YAML 1.2",
    arguments: [
      ("null", Node.ScalarKind.null), ("~", .null), ("Null", .null), ("nULL", .string), ("true", .bool), ("FALSE", .bool), ("yes", .string),
      ("on", .string), ("0", .int), ("-12", .int), ("+3", .int), ("010", .int), ("0x1F", .int), ("0o17", .int), ("0x", .string), ("1_000", .string),
      ("1.5", .float), (".5", .float), ("5.", .float), ("1e3", .float), ("1e-4", .float), ("1.5E+3", .float), (".inf", .float), ("-.INF", .float),
      (".nan", .float), ("-.nan", .string), (".", .string), ("+", .string), ("1e", .string), ("1.2.3", .string), ("12:30:45", .string),
      ("2024-01-01", .string), ("0b1", .string), ("truE", .string), ("tRUE", .string), ("\"1\"", .string), ("'true'", .string), ("1a", .string),
    ])
  func coreSchema(_ text: String, _ kind: Node.ScalarKind) throws {
    let value = try root("a: \(text)\n").entry(0).value
    #expect(value.isScalar)
    #expect(value.scalarKind == kind)
  }

  @Test func mergesKeepWhatIsWrittenAndTheFirstOfSeveral() throws {
    let text = """
      x-a: &a { one: 1, two: 2 }
      x-b: &b { two: 22, three: 33 }
      stage:
        zero: 0
        <<: [*a, *b]
        one: 11
      """
    let stage = try #require(try root(text)["stage"])
    #expect(stage.entries.map { "\($0.key.scalar)=\($0.value.scalar)" } == ["zero=0", "two=2", "three=33", "one=11"])
  }

  @Test func mergesOfMerges() throws {
    let text = """
      x-a: &a { one: 1 }
      x-b: &b
        <<: *a
        two: 2
      stage: { <<: *b, two: 3 }
      """
    let stage = try #require(try root(text)["stage"])
    #expect(stage.entries.map { "\($0.key.scalar)=\($0.value.scalar)" } == ["one=1", "two=3"])
  }

  @Test func aQuotedMergeSignIsAKey() throws {
    #expect(try root("\"<<\": 1\n").entry(0).key.scalar == "<<")
  }

  @Test("ranges are bytes of the file, whatever stands before them", arguments: ["", "\u{FEFF}", "# größe 日本語 🎈\n", "k: \"äöü\"\r\n"])
  func ranges(_ before: String) throws {
    let text = before + "größe: &x [eins, \"zwei\", 'drei']\nb: *x\nc: !!str 5\n"
    let node = try root(text)
    let list = try #require(node["größe"])
    #expect(list.range.string == "[eins, \"zwei\", 'drei']")
    #expect(list.items.map(\.range.string) == ["eins", "\"zwei\"", "'drei'"])
    #expect(list.items.map(\.scalar) == ["eins", "zwei", "drei"])
    #expect(node["b"]?.range.string == list.range.string)
    #expect(node["c"]?.range.string == "5")
    #expect(node["c"]?.scalarKind == .string)
  }

  /// Each `MARK` of a decoded scalar must be found at a `MARK` of the file, in order.
  @Test(
    "a part of a scalar is found in the file",
    arguments: [
      "a: one MARK two\n", "a: 'it''s MARK ''MARK'\n", "a: \"t\\tab \\u00e4 \\x41 MARK \\\n   MARK é MARK\"\n",
      "a: |\n  first\n    MARK\n\n  MARK x MARK\n",
      "a: >-\n  folded\n  MARK text\n\n  MARK\n", "a:\n  plain MARK\n  over lines MARK\n", "a: \"double\n\n  over MARK\n  lines MARK\"\n",
      "a: |2 # MARK\n   MARK\n", "é: 'ü MARK'\n", "a: |\r\n  MARK\r\n  MARK\r\n",
    ])
  func partsOfScalars(_ text: String) throws {
    let value = try root(text).entry(0).value
    let decoded = Array(value.scalar.utf8)
    let mark = Array("MARK".utf8)
    var found: [Int] = []
    for at in 0..<max(0, decoded.count - 3) where Array(decoded[at..<at + 4]) == mark {
      let range = value.sourceRange(of: at..<at + 4)
      #expect(range.string == "MARK")
      found.append(range.range.lowerBound)
    }
    #expect(!found.isEmpty)
    #expect(found == found.sorted())
    #expect(Set(found).count == found.count)
  }

  @Test func interpolationSplitsAndKeepsPlaces() throws {
    let node = try root("a: \"x ${params.a} $${b} ${ {'k': '}'}['k'] }\"\n").entry(0).value
    var diagnostics: [Diagnostic] = []
    let text = Interpolated(node, diagnostics: &diagnostics)
    #expect(diagnostics.isEmpty)
    #expect(text.expressions.map(\.source) == ["params.a", " {'k': '}'}['k'] "])
    #expect(text.expressions.map(\.range.string) == ["${params.a}", "${ {'k': '}'}['k'] }"])
    #expect(text.expressions[0].range(of: 7..<8).string == "a")
    let texts = text.parts.compactMap { part -> String? in if case .text(let text, _) = part { text } else { nil } }
    #expect(texts.joined() == "x  ${b} ")
    #expect(text.whole == nil)
  }

  @Test(
    "what names a stage",
    arguments: [
      ("stages.a", "stages.a"), (" stages.a.rows ", "stages.a.rows"), ("stages['my-stage'].x", "stages['my-stage'].x"),
      ("stages.a[*]", "stages.a[*]"),
      ("stages.a[ matrix.lang ].rows", "stages.a[matrix.lang].rows"), ("stages", nil), ("stages.", nil), ("stages.a.b.c", nil), ("stages.a | x", nil),
      ("params.a", nil),
      ("stages.a[]", nil), ("stages[a]", nil), ("stagesx.a", nil),
    ] as [(String, String?)])
  func references(_ text: String, _ expected: String?) {
    #expect(StageReference(expression: text)?.description == expected)
  }

  @Test func everyCutOfAManifestIsSurvived() throws {
    // Reading half a file must end with a message, not with a crash.
    let bytes = try ExampleTests.text("6-defects.yaml").bytes
    let reader = ManifestReader(language: ManifestLanguage(built: ["ingest"])) { _ in .failure(.init("no")) }
    for end in stride(from: 0, to: bytes.count, by: 7) {
      let reading = reader.read(SourceText(path: "a.yaml", bytes: Array(bytes[..<end])))
      _ = DiagnosticRenderer(color: true).render(reading.diagnostics)
      #expect(reading.document != nil || reading.hasErrors)
    }
  }

  @Test("damaged manifests are survived", arguments: 0..<6)
  func damage(_ seed: Int) throws {
    var random = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
    func next(_ bound: Int) -> Int {
      random ^= random << 13
      random ^= random >> 7
      random ^= random << 17
      return Int(random % UInt64(bound))
    }
    let original = try ExampleTests.text(ExampleTests.names[seed]).bytes
    let signs = Array("{}[]:,\"'$#-|>&*!%@` \n\t\\é".utf8)
    let reader = ManifestReader(language: ManifestLanguage(built: ["ingest", "assemble"])) { _ in .failure(.init("no")) }
    for _ in 0..<150 {
      var bytes = original
      for _ in 0...next(3) {
        let at = next(bytes.count)
        switch next(3) {
        case 0: bytes[at] = signs[next(signs.count)]
        case 1: bytes.insert(signs[next(signs.count)], at: at)
        default: bytes.removeSubrange(at..<min(bytes.count, at + 1 + next(4)))
        }
      }
      let reading = reader.read(SourceText(path: "a.yaml", bytes: bytes))
      #expect(reading.document != nil || reading.hasErrors, "seed \(seed)")
      _ = DiagnosticRenderer().render(reading.diagnostics)
    }
  }
}

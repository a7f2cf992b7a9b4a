import Diagnostics
import Foundation
import Manifests
import Testing

/// The reference for users and the JSON Schema say what the declared fields say, and the declarations hold what they promise.
@Suite struct ReferenceTests {
  static let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Docs/Manifest.md")
  static let language = ManifestLanguage(built: ["ingest", "assemble", "export", "exec"])

  /// Every field set of the language, nested ones too, once.
  static let sets: [FieldSet] = {
    var found: [FieldSet] = []
    func add(_ set: FieldSet) {
      if found.contains(where: { $0 === set }) { return }
      found.append(set)
      for field in set.fields { add(field.type) }
    }
    func add(_ type: FieldType) {
      switch type {
      case .list(let item), .oneOrMany(let item), .map(_, let item, _): add(item)
      case .record(let set, _): add(set)
      case .oneOf(let types): for type in types { add(type) }
      case .tagged(_, let variants), .dependent(_, let variants): for variant in variants { add(variant.fields) }
      default: break
      }
    }
    for set in [ManifestFields.manifest, ManifestFields.fragment, ManifestFields.shared, PromptFields.file, PromptFields.label] { add(set) }
    for kind in StageFields.all { add(kind.fields) }
    return found
  }()

  @Test func theReferenceIsMadeFromTheFields() throws {
    let text = try String(contentsOf: ReferenceTests.page, encoding: .utf8)
    let updated = ManifestReference.updating(text, ReferenceTests.language)
    if GoldenCase.isUpdating { try updated.write(to: ReferenceTests.page, atomically: true, encoding: .utf8) }
    #expect(GoldenCase.isUpdating || text == updated, "PIPE_UPDATE_GOLDEN=1 renews the tables")
    for section in ManifestReference.sections(ReferenceTests.language) {
      #expect(text.contains("<!-- fields: \(section.name) -->\n"), "the section \(section.name) has its place")
    }
  }

  @Test func theSamplesOfTheReferenceAreRight() throws {
    let text = try String(contentsOf: ReferenceTests.page, encoding: .utf8)
    let samples = text.components(separatedBy: "```yaml\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    #expect(samples.count == 2)
    for sample in samples {
      let source = SourceText(path: "a.yaml", text: sample)
      let diagnostics =
        sample.hasPrefix("schema: pipe/prompt")
        ? PromptTemplateDocument.read(source).diagnostics
        : ManifestReader(language: ReferenceTests.language) { _ in .failure(.init("no")) }.read(source).diagnostics
      #expect(diagnostics.isEmpty, "\(DiagnosticRenderer().render(diagnostics))")
      #expect(try ManifestFormatter.format(source) == sample)
    }
  }

  @Test func everyFieldIsDescribed() {
    #expect(ReferenceTests.sets.count > 40)
    for set in ReferenceTests.sets {
      for field in set.fields {
        #expect(field.doc.hasSuffix("."), "`\(field.name)` of \(set.subject)")
        #expect(!field.doc.contains("\n") && !field.example.contains("\n"))
        #expect(!(field.isRequired && field.defaultValue != nil), "`\(field.name)` of \(set.subject)")
        for other in field.alsoCalled { #expect(set.field(other) == nil, "`\(other)` of \(set.subject) is a field") }
      }
    }
  }

  @Test func everyDefaultFitsItsType() {
    for set in ReferenceTests.sets {
      let values = FieldValues(defaultsOf: set)
      // A default that does not fit stops here.
      for field in set.fields { #expect((values[field.name] != nil) == (field.defaultValue != nil)) }
      #expect(values.keyedFields.isEmpty)
    }
  }

  @Test func everyExampleIsRight() throws {
    for set in ReferenceTests.sets where set !== PromptFields.label {
      for field in set.fields where field.name != "stages" {
        let (document, problems) = YAMLReader.read(SourceText(path: "example", text: field.example))
        let root = try #require(document?.root, "\(field.example): \(problems)")
        var reader = FieldReader()
        let values = reader.read(root, as: FieldSet(set.subject, [field]))
        let diagnostics = (problems + reader.diagnostics).filter { $0.id != "planned" && $0.severity != .note }
        #expect(diagnostics.isEmpty, "\(DiagnosticRenderer().render(diagnostics))")
        #expect(values.isWritten(field.name) || reader.diagnostics.contains { $0.id == "planned" }, "`\(field.example)` of \(set.subject)")
      }
    }
  }

  @Test("the JSON Schema", arguments: ManifestSchema.File.allCases)
  func schema(_ file: ManifestSchema.File) {
    let schema = ManifestSchema.json(file, ReferenceTests.language)
    #expect(schema == ManifestSchema.json(file, ReferenceTests.language))
    let text = schema.pretty
    #expect(text.contains("\"$schema\": \"https://json-schema.org/draft/2020-12/schema\""))
    // Every reference leads somewhere.
    guard case .object(let members) = schema, case .object(let definitions)? = members.first(where: { $0.name == "$defs" })?.value else {
      Issue.record("no definitions")
      return
    }
    let names = Set(definitions.map(\.name))
    #expect(names.count == definitions.count)
    for reference in text.components(separatedBy: "\"#/$defs/").dropFirst() {
      #expect(names.contains(reference.components(separatedBy: "\"")[0]))
    }
    if file == .manifest {
      #expect(names.isSuperset(of: ["stage", "ingest", "assemble", "export", "exec", "message", "expression"]))
      #expect(!names.contains("label-merge"), "planned")
      #expect(text.contains("\"sheet\": {"))
    }
  }
}

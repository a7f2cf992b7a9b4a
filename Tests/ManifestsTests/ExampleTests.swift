import Diagnostics
import Foundation
import Manifests
import Testing

/// The worked examples of the language: they are read without a complaint, and give what they say.
@Suite struct ExampleTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Examples")
  static let names = try! FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()

  static func text(_ name: String) throws -> SourceText {
    SourceText(path: "Manifests/\(name)", bytes: Array(try Data(contentsOf: folder.appendingPathComponent(name))))
  }

  static func read(_ name: String) throws -> ManifestReading {
    let built = Set(StageFields.all.map(\.name))
    return ManifestReader(language: ManifestLanguage(built: built)) { _ in .failure(.init("no such file")) }.read(try text(name))
  }

  @Test("an example is read without a complaint", arguments: names)
  func reads(_ name: String) throws {
    let diagnostics =
      name.hasSuffix(".prompt.yaml") ? PromptTemplateDocument.read(try ExampleTests.text(name)).diagnostics : try ExampleTests.read(name).diagnostics
    // Formats that are not built yet say so; everything else about them is right.
    #expect(diagnostics.filter { $0.id != "planned" }.isEmpty, "\(DiagnosticRenderer().render(diagnostics))")
  }

  @Test func thereAreEight() { #expect(ExampleTests.names.count == 8) }

  @Test func theFirstOneGivesWhatItSays() throws {
    let document = try ExampleTests.read("1-support-intents.yaml").get()
    #expect(document.name == "support-intents")
    #expect(document.version == "2.1.0")
    #expect(document.stages.map(\.name) == ["tickets", "labels", "pairs", "dataset", "fit", "quality", "watch"])
    #expect(document.stages.map(\.kind) == ["ingest", "label-merge", "assemble", "export", "train-submit", "evaluate", "monitor"])
    #expect(document.parameters.map(\.name) == ["min_chars"])
    #expect(document.parameterValues().values == [Literal.Entry("min_chars", .int(20))])
    #expect(document.labelTypes.map(\.kind) == ["class"])
    #expect(document.labelTypes[0].classes == [.string("billing"), .string("login"), .string("refund"), .string("other")])

    let tickets = document.stages[0]
    #expect(tickets.fields.strings("row_key") == ["ticket_id"])
    #expect(tickets.fields.list("from").map(\.string) == ["Datasets/support/tickets-*.csv.gz"])
    let join = try #require(tickets.fields.list("join").first?.record)
    #expect(join.string("from") == "Datasets/support/customers.csv")
    #expect(join.string("how") == "left", "the default")
    #expect(join.map("columns").map { "\($0.key)=\($0.value.string ?? "")" } == ["plan=tariff"])
    let expression = try #require(tickets.shared.source("where"))
    #expect(expression.expressions.map(\.source) == ["params.min_chars"])
    #expect(expression.expressions[0].range.string == "${params.min_chars}")

    let pairs = document.stages[2]
    #expect(pairs.fields["from"]?.reference == StageReference(stage: "tickets"))
    #expect(pairs.fields.list("labels").map(\.reference) == [StageReference(stage: "labels")])
    #expect(pairs.fields.references.map(\.reference.stage) == ["tickets", "labels"])
    #expect(document.stages[4].fields["from"]?.reference == StageReference(stage: "dataset", port: "train"))
  }

  @Test func casesAndShorthands() throws {
    let document = try #require(try ExampleTests.read("2-matrix.yaml").document)
    let pairs = document.stages[1]
    let axes = pairs.matrix
    #expect(axes.map(\.key) == ["lang"])
    var diagnostics: [Diagnostic] = []
    let langs = Literal.list([.string("de"), .string("en")])
    let shared = pairs.shared.evaluated(&diagnostics) { $0.source == "params.langs" ? .value(langs) : .later }
    #expect(shared.map("matrix").map { $0.value.strings } == [["de", "en"]])
    let own = pairs.fields.evaluated(&diagnostics) { $0.source == "matrix.lang" ? .value(.string("de")) : .failed }
    #expect(own.string("template") == "Pipelines/reviews/de.prompt.yaml")
    #expect(diagnostics.isEmpty)
    let dataset = document.stages[2]
    #expect(dataset.fields.list("from").map(\.reference) == [StageReference(stage: "pairs", cases: .all)])
    #expect(dataset.fields["to"]?.isEvaluated == false, "`${split}` waits for export")

    let watch = try ExampleTests.read("1-support-intents.yaml").get().stages[6]
    let check = try #require(watch.shared.list("expect").first?.record)
    #expect(check.string("severity") == "warn")
    #expect(check.string("check") == "drift.lang.p >= 0.05")
    let quality = try ExampleTests.read("1-support-intents.yaml").get().stages[5]
    #expect(quality.shared.list("expect").allSatisfy { $0.record?.string("severity") == "error" }, "a text stands for {check}")
  }
}

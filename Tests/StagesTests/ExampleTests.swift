import Diagnostics
import Foundation
import Testing

/// The worked examples of the language, read with every kind that is built.
@Suite struct ExampleTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../ManifestsTests/Examples").standardizedFileURL
  static let names = try! FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasSuffix(".prompt.yaml") }.sorted()

  /// What is wrong with an example: labels attach to rows of a sheet, and three of them were written before a sheet had to be named.
  static let known = ["2-matrix.yaml": ["sheet"], "5-dspy.yaml": ["sheet"], "7-rag-qa.yaml": ["sheet"]]

  private static func prompt(_ label: String) -> String {
    """
    schema: pipe/prompt/v1
    name: example
    version: 1
    label_type: \(label)
    inputs: { text: { type: string } }
    outputs: { \(label): { type: string } }
    messages:
      - { role: user, content: "{{ text }}" }
      - { role: assistant, content: "{{ \(label) }}" }

    """
  }

  /// The files that the examples name.
  static let files: [(path: String, text: String)] =
    ["de", "en", "fr"].map { ("Pipelines/reviews/\($0).prompt.yaml", prompt("stars")) }
    + ["classify", "reply"].map { ("Pipelines/triage/\($0).prompt.yaml", prompt("reply")) }
    + [
      ("Pipelines/support/intent.jinja", "{{ text }}\n"), ("Pipelines/agent/tools.json", "[]"), ("Pipelines/defects/mean.py", ""), ("Pipelines/handbook/ask.py", ""),
    ]

  @Test func thereAreSeven() { #expect(Self.names.count == 7) }

  @Test(arguments: names) func nothingElseIsWrong(_ name: String) throws {
    let bench = try Bench(manifest: try String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8), files: Self.files)
    // Kinds and formats that are not built say so.
    let found = bench.lint().filter { $0.severity == .error && $0.id != "planned" }
    #expect(found.map(\.id) == Self.known[name] ?? [], "\(DiagnosticRenderer().render(found))")
  }
}

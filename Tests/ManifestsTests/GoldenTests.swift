import Diagnostics
import Foundation
import Manifests
import Testing

/// Bad manifests, with the whole message a person gets: `PIPE_UPDATE_GOLDEN=1 swift test --filter GoldenTests` rewrites them.
@Suite struct GoldenTests {
  static let files = ["yaml.md", "fields.md", "structure.md", "parameters.md", "prompts.md", "notes.md"]

  @Test("a bad manifest's message", arguments: GoldenCase.readAll(files))
  func message(_ golden: GoldenCase) throws {
    if GoldenCase.isUpdating { return }
    #expect(GoldenTests.print(golden) == golden.answer)
  }

  @Test func thereAreEnough() {
    let cases = GoldenCase.readAll(GoldenTests.files)
    #expect(cases.count >= 45)
    #expect(Set(cases.map(\.description)).count == cases.count, "titles are unique inside a file")
    #expect(cases.allSatisfy { $0.blocks.count >= 2 && $0.blocks.last?.info == "text" })
  }

  @Test(.enabled(if: GoldenCase.isUpdating)) func update() throws {
    for file in GoldenTests.files {
      let cases = GoldenCase.read(file)
      try GoldenCase.update(file, answers: Dictionary(uniqueKeysWithValues: cases.map { ($0.title, GoldenTests.print($0)) }))
    }
  }

  /// What `pipe lint` prints about the case's first block.
  static func print(_ golden: GoldenCase) -> String {
    let first = golden.inputs[0]
    let path = first.info.split(separator: " ").dropFirst().first.map(String.init) ?? "Manifests/case.yaml"
    let text = SourceText(path: path, bytes: bytes(first))
    var diagnostics: [Diagnostic]
    if path.hasSuffix(".prompt.yaml") {
      diagnostics = PromptTemplateDocument.read(text).diagnostics
    } else {
      let language = ManifestLanguage(built: ["ingest", "assemble", "export", "exec"])
      let reading = ManifestReader(language: language) { wanted in
        for block in golden.inputs.dropFirst() where block.info == "yaml \(wanted)" { return .success(Array(block.text.utf8)) }
        return .failure(.init("no such file"))
      }.read(text)
      diagnostics = reading.diagnostics
      if let arguments = golden.inputs.first(where: { $0.info == "args" }), let document = reading.document {
        var overrides = ParameterOverrides()
        for line in arguments.text.split(separator: "\n") {
          if line.hasPrefix("--profile ") { overrides.profile = String(line.dropFirst(10)) }
          if line.hasPrefix("-p ") { overrides.assignments.append(String(line.dropFirst(3))) }
        }
        if let file = golden.inputs.first(where: { $0.info == "yaml params.yaml" }) {
          overrides.file = SourceText(path: "params.yaml", text: file.text)
        }
        diagnostics += document.parameterValues(overrides).diagnostics
      }
    }
    return DiagnosticRenderer().render(diagnostics)
  }

  /// The block's bytes; `␉`, `␍`, `␀` and `\xNN` on a line of their own kind stand for what Markdown cannot hold.
  private static func bytes(_ block: GoldenCase.Block) -> [UInt8] {
    var out: [UInt8] = []
    for scalar in block.text.unicodeScalars {
      switch scalar {
      case "␉": out.append(9)
      case "␍": out.append(13)
      case "␇": out.append(7)
      case "␚": out.append(0xFF)
      case "␏": out += [0xEF, 0xBB, 0xBF]
      default: out += String(scalar).utf8
      }
    }
    return out
  }
}

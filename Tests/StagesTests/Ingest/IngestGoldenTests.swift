import Engine
import Stages
import Testing

@Suite struct IngestGoldenTests {
  static let folder = String(#filePath.dropLast("Tests/StagesTests/Ingest/IngestGoldenTests.swift".count)) + "Sources/Stages/Ingest/"
  static let files = ["README.md", "Golden/columns.md", "Golden/joins.md", "Golden/sample.md", "Golden/bad-rows.md", "Golden/sources.md"]
  static let kinds: [String: any StageKind.Type] = ["ingest": IngestKind.self]

  @Test(arguments: files)
  func answersAreAsWritten(file: String) {
    var golden = StageGolden(path: Self.folder + file)
    #expect(!golden.cases.isEmpty)
    for index in golden.cases.indices where golden.cases[index].answer != nil {
      let answer = StageGolden.run(golden.cases[index], Self.kinds)
      if StageGolden.updates { golden.set(answer, index) } else { #expect(answer == golden.expected(index), "\(file): \(golden.cases[index].title)") }
    }
    if StageGolden.updates { golden.save() }
  }
}

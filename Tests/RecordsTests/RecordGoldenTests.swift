import Diagnostics
import Foundation
import Lineage
import Testing

@testable import Records

/// One run in every format. `PIPE_UPDATE_GOLDEN=1 swift test --filter RecordsTests` writes the files anew.
@Suite struct RecordGoldenTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden").path

  @Test func aStatement() throws {
    let (stage, output, file) = Sample.run.published[0]
    let statement = Statement(of: file, from: output, of: stage, in: Sample.run, of: Sample.manifest) { path, _ in
      path == "Datasets/a.csv" ? Sample.digest("a") : nil
    }
    try compare("slsa.json", statement.json.pretty)
  }

  @Test func theEventsOfARun() throws {
    let events = OpenLineage(Sample.manifest, pipeVersion: "0.1.0")
      .events(of: Sample.run, differences: ["dataset.train": RowDifference(base: "main", added: 1, removed: 0, changed: 2, moved: 0, causes: [.init(bucket: "template", subject: "Pipelines/intent.jinja", rows: 2)])])
    try compare("openlineage.json", ReportJSON.array(events).pretty)
    let times = events.compactMap { Lineage.JSON(Array($0.compact.utf8))?["eventType"]?.text }
    #expect(times == ["START", "START", "COMPLETE", "START", "COMPLETE", "START", "COMPLETE", "COMPLETE"])
  }

  private func compare(_ name: String, _ text: String) throws {
    let path = Self.folder + "/" + name
    if ProcessInfo.processInfo.environment["PIPE_UPDATE_GOLDEN"] == "1" { try text.write(toFile: path, atomically: true, encoding: .utf8) }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
  }
}

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
      .events(
        of: Sample.run,
        differences: [
          "dataset.train": RowDifference(
            base: "main", added: 1, removed: 0, changed: 2, moved: 0, causes: [.init(bucket: "template", subject: "Pipelines/intent.jinja", rows: 2)])
        ])
    try compare("openlineage.json", ReportJSON.array(events).pretty)
    let times = events.compactMap { Lineage.JSON(Array($0.compact.utf8))?["eventType"]?.text }
    #expect(times == ["START", "START", "COMPLETE", "START", "COMPLETE", "START", "COMPLETE", "COMPLETE"])
  }

  @Test func theRunAsProvenance() throws { try compare("prov.json", ProvenanceDocument(Sample.run, Sample.manifest).json.pretty) }

  @Test func theFilesAsCroissant() throws {
    let published = Sample.run.published[0].file
    var shape = RowShape()
    for row in [
      #"{"id":"T-1","n":1,"messages":[{"role":"user","content":"a","name":null},{"role":"assistant","content":"b"}],"tags":["x"],"meta":{"score":1.5,"a b":{"ok":true}}}"#,
      #"{"id":"T-2","n":2.5,"messages":[{"role":"user","content":"c","calls":[{"f":1}]}],"tags":[],"meta":{"score":2},"mixed":[1]}"#, #"{"id":"T-3","n":3,"mixed":"no"}"#,
    ] { shape.add(Array(row.utf8)) }
    let files = [
      Croissant.File(url: "train.jsonl", published: published, output: "dataset.train", shape: shape),
      Croissant.File(url: "../x/program.py", published: .init(path: "Outputs/x/program.py", digest: Sample.digest("py"), bytes: 10), output: "dataset.rows", shape: nil),
    ]
    try compare("croissant.json", Croissant(files, of: Sample.run, Sample.manifest).json.pretty)
  }

  private func compare(_ name: String, _ text: String) throws {
    let path = Self.folder + "/" + name
    if ProcessInfo.processInfo.environment["PIPE_UPDATE_GOLDEN"] == "1" { try text.write(toFile: path, atomically: true, encoding: .utf8) }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
  }
}

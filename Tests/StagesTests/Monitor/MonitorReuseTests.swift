import Engine
import Foundation
import Testing

/// What a monitor computes again, and that how its input is cut leaves no trace.
@Suite struct MonitorReuseTests {
  static let stages = """
    train: { kind: ingest, from: Datasets/train.jsonl, row_key: id }
    watch:
      kind: monitor
      from: Datasets/log.jsonl
      reference: ${stages.train}
      window: day
      fields: { lang: js, chars: ks }

    """

  static func train(_ count: Int, note: Int) -> String {
    (0..<count).map {
      "{\"id\":\($0),\"lang\":\"\(["de", "en", "fr"][$0 % 7 % 3])\",\"chars\":\($0 * 31 % 97),\"text\":\"\(String(repeating: "x", count: 300))\($0 == note ? "!" : "")\"}\n"
    }
    .joined()
  }

  static func log(_ count: Int) -> [String] {
    (0..<count).map { index in
      let time = "2026-10-\(20 + index * 5 / count)T0\(index % 10):00:00Z"
      return
        "{\"time\":\"\(time)\",\"lang\":\"\(["de", "en"][index % 5 / 4])\",\"chars\":\(index * 17 % 101),\"status\":200,\"latency_ms\":\(index * 13 % 59).5,\"text\":\"\(String(repeating: "y", count: 200))\"}\n"
    }
  }

  func stage(_ report: RunReport) throws -> StageReport { try #require(report.stages.first { $0.name == "watch" }) }

  /// The monitor reads two columns: an edit of a third runs one partial and no merge.
  @Test func anEditElsewhereRunsNoMerge() throws {
    let bench = try Bench(
      stages: Self.stages, files: [("Datasets/train.jsonl", Self.train(3000, note: -1)), ("Datasets/log.jsonl", Self.log(3000).joined())])
    let first = try stage(try bench.run().report)
    #expect(first.status == .ran)
    #expect(first.tasks >= 6)
    try bench.scratch.write("Datasets/train.jsonl", Self.train(3000, note: 1700))
    let (session, report) = try bench.run()
    let edited = try stage(report)
    // The chunk that changed (a cut may move into its neighbour), never the merge.
    #expect((1...2).contains(edited.ran))
    #expect(edited.outputs.map(\.content) == first.outputs.map(\.content))
    #expect(try bench.run().report.ran == 0)

    // Who loses the blobs gets them again.
    let rows = try bench.rows("watch.rows", session)
    try? FileManager.default.removeItem(atPath: bench.scratch.root + "/.pipe/packs")
    #expect(try bench.rows("watch.rows", try bench.run().session) == rows)
  }

  /// The same requests in another order, by one worker or four, are the same snapshots.
  @Test func orderAndWorkersLeaveNoTrace() throws {
    let lines = Self.log(4000)
    var outputs: Set<String> = []
    for (jobs, lines) in [(1, lines), (4, lines), (4, lines.reversed())] {
      let bench = try Bench(stages: Self.stages, files: [("Datasets/train.jsonl", Self.train(500, note: -1)), ("Datasets/log.jsonl", lines.joined())])
      let (session, report) = try bench.run { $0.jobs = jobs }
      #expect(report.exitCode == 0)
      outputs.insert(try bench.rows("watch.rows", session))
    }
    #expect(outputs.count == 1)
  }
}

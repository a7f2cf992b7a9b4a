import Foundation
import Testing

/// `pipe report monitor`
@Suite struct CLIMonitorTests {
  private let folder: CLIProgram.Folder

  init() throws {
    folder = CLIProgram.Folder()
    try folder.write(
      "Manifests/live.yaml",
      """
      schema: pipe/v1
      name: live
      stages:
        train: { kind: ingest, from: Datasets/train.jsonl, row_key: id }
        watch: { kind: monitor, from: Datasets/log.jsonl, reference: "${stages.train}", window: day, fields: { lang: chi2 } }

      """)
    try folder.write("Datasets/train.jsonl", (0..<40).map { "{\"id\":\($0),\"lang\":\"\($0 % 4 == 0 ? "en" : "de")\"}\n" }.joined())
    try folder.write(
      "Datasets/log.jsonl",
      (0..<80).map { index in
        let lang = index < 40 ? (index % 4 == 0 ? "en" : "de") : (index % 4 == 0 ? "de" : "en")
        return "{\"time\":\"2026-10-3\(index / 40)T08:00:00Z\",\"lang\":\"\(lang)\",\"status\":\(index == 7 ? 503 : 200),\"latency_ms\":\(index % 40)}\n"
      }.joined())
  }

  private func pipe(_ arguments: String...) throws -> CLIProgram.Answer { try CLIProgram.start(arguments, in: folder.path).wait() }

  @Test func theSeriesAsTextJSONAndPage() throws {
    #expect(try pipe("run").status == 0)
    let text = try pipe("report", "monitor")
    #expect(
      text.output == """
        live · watch: 2 windows, 80 requests, 1 error (1.3 %)

          window      requests            errors          95 %  p50 ms   p95   p99       lang
          2026-10-30        40  ████████   2.5 %  0.4 %–12.9 %    19.5  37.1  38.6    p=1.000
          2026-10-31        40  ████████   0.0 %   0.0 %–8.8 %    19.5  37.1  38.6  ! p<0.001

          !  2026-10-31  lang  chi2 p<0.001  de 75.0 % → 25.0 %, en 25.0 % → 75.0 %

        """)
    #expect(try pipe("report", "monitor", "watch", "live").output == text.output)
    let json = try pipe("report", "monitor", "--json").json
    #expect((json["windows"] as? [Any])?.count == 2)
    #expect((json["fields"] as? [[String: Any]])?.first?["field"] as? String == "lang")
    let page = try pipe("report", "monitor", "-o", "watch.html")
    #expect(page.output == "wrote watch.html\n")
    let html = try folder.read("watch.html")
    #expect(html.contains("<svg"))
    #expect(try pipe("report", "monitor", "--html", "again.html").status == 0)
    #expect(try folder.read("again.html") == html)
  }

  @Test func whatThereIsNoReportOf() throws {
    #expect(try pipe("run").status == 0)
    let other = try pipe("report", "monitor", "train")
    #expect(other.status == 2)
    #expect(other.errors == "error[monitor]: `train` is no monitor\n   = help  monitors are watch\n")
    let nowhere = try pipe("report", "monitor", "-o", "no/such/folder/x.html")
    #expect(nowhere.status == 1)
    #expect(nowhere.errors == "error[io]: `no/such/folder/x.html` could not be written: No such file or directory\n")
  }
}

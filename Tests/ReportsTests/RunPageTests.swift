import Diagnostics
import Foundation
import Lineage
import Testing

@testable import Reports

@Suite struct RunPageTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden").path
  /// What somebody might have in a row, to break a page.
  static let hostile = "</script><script>alert(1)</script>\u{2028}\u{2029}<!-- <img src=x onerror=alert(1)> \" ' & \u{202E}gnp \u{0}\u{7}"

  // MARK: structure

  @Test func theSmallRunAsAPage() throws {
    let page = Self.small().html
    // Style and script are code, and change with every touch of it.
    let body = Self.without(Self.without(page, from: "<style>", to: "</style>"), from: "<script>\"use strict\"", to: "</script>")
      .replacing(#/sha256-[A-Za-z0-9+\/=]+/#, with: "sha256-…")
    try Self.compare("page.html", body)
    #expect(page == Self.small().html)
  }

  @Test func aPageAsksNobodyForAnything() {
    let page = Self.small().html
    #expect(page.hasPrefix("<!doctype html>\n<html lang=\"en\">"))
    #expect(page.contains("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-"))
    for word in ["http://", "https://", "src=", "@import", "url(h", "<link", "<iframe"] {
      // The hostile row stands in the data, where it is text.
      #expect(!Self.without(page, from: "<script type=\"application/json\"", to: "</script>").contains(word), Comment(rawValue: word))
    }
  }

  @Test func nothingInARowIsMarkup() throws {
    var page = Self.small(text: Self.hostile)
    page.stages[0].name = "tickets" + Self.hostile
    page.stages[0].drops[0].reason = Self.hostile
    page.stages[0].checks[0].expression = Self.hostile
    page.name = Self.hostile
    page.desc = Self.hostile
    page.confusions = [ConfusionView(stage: "labels", side: "label", top: "vote", cells: [(side: Self.hostile, top: "b", count: 2)])]
    page.splits = [SplitView(stage: "dataset", column: Self.hostile, sides: [.init(name: Self.hostile, rows: 3)])]
    let html = page.html
    #expect(html.components(separatedBy: "<script").count == 3)
    #expect(html.components(separatedBy: "</script>").count == 3)
    #expect(!html.contains("<img"))
    #expect(!html.contains("<!--"))
    for character in ["\u{2028}", "\u{2029}", "\u{202E}", "\u{0}", "\u{7}"] { #expect(!html.contains(character)) }
    // What is embedded reads back as it was put there.
    let data = try Self.data(html)
    let nodes = try #require(data["nodes"] as? [[String: Any]])
    let fields = try #require(nodes[0]["v"] as? [[String]])
    #expect(fields[1][1].hasPrefix("</script><script>alert(1)</script>\u{2028}"))
  }

  // MARK: bounds

  @Test func fiveHundredStagesAndLongRowsAreCut() throws {
    var page = Self.small()
    let pattern = page.stages[1]
    page.stages = (0..<500).map { index in
      var stage = pattern
      stage.name = "stage_\(index)"
      stage.inputs = index < 10 ? [] : [.init(port: "from", stage: index - 10, output: "rows"), .init(port: "labels", stage: index - 7, output: "rows")]
      stage.excerpt = ("Manifests/large.yaml", index * 20, String(repeating: "  field: value of a stage\n", count: 40))
      stage.templates = [("Pipelines/t.jinja", String(repeating: "a line of a template\n", count: 2000))]
      stage.outputs = [.init(port: "rows", rows: 1_000_000, bytes: 1 << 30, content: String(repeating: "ab", count: 32))]
      stage.outputs[0].samples = Array((index * 6)..<(index * 6 + 6))
      return stage
    }
    let row = Array("{\"id\":\"T-1\",\"text\":\"\(String(repeating: "a long text ", count: 40))\"}".utf8)
    page.nodes = (0..<3000).map { index in
      RunPage.Node(place: .row(stage: index / 6, port: "rows", row: index + 1), label: "T-\(index)", bytes: row)
    }
    page.names = [.init(stage: 499, port: "rows", file: "Outputs/large.jsonl", total: 1_000_000, names: (0..<24_000).map { "a rather long name of a row, number \($0)" })]
    var diff = DiffModel(manifest: "m", name: "large", before: .init(title: "main", version: "1.0.0"), after: .init(title: "working tree", version: "1.0.0"))
    var output = DiffModel.Output(name: "dataset")
    output.edited = 1_000_000
    output.rows = (0..<1000).map { (index: Int) in
      .init(
        fate: .edited, key: "T-\(index)", before: index, after: index,
        fields: [.init(path: "text", before: String(repeating: "<a>", count: 300), after: String(repeating: "<b>", count: 300))], causes: [])
    }
    diff.outputs = [output]
    page.diff = diff
    let html = page.html
    #expect(html.utf8.count <= RunPage.maximumBytes)
    #expect(html.utf8.count > RunPage.maximumBytes / 8)
    #expect(html.contains("more rows"))
    let data = try Self.data(html)
    #expect((data["stages"] as? [Any])?.count == 500)
    let names = try #require((data["names"] as? [[String: Any]])?.first)
    #expect(names["of"] as? Int == 1_000_000)
    #expect(((names["names"] as? [Any])?.count ?? 0) < 24_000)
  }

  @Test func outputsShareTheRoomForNames() throws {
    var page = Self.small()
    page.names = [
      .init(stage: 2, port: "train", file: nil, total: 90_000, names: (0..<30_000).map { "t\($0)" }),
      .init(stage: 2, port: "eval", file: nil, total: 10, names: (0..<10).map { "e\($0)" }),
    ]
    let names = try #require(try Self.data(page.html)["names"] as? [[String: Any]])
    #expect(names.map { ($0["names"] as? [Any])?.count } == [23_990, 10])
  }

  @Test func aRunWithoutAnythingIsAPage() {
    let page = RunPage(manifest: "Manifests/none.yaml", name: "none", run: .init(id: "01", startedAt: 0, pipeVersion: "0.1.0"))
    #expect(page.html.contains("not finished"))
  }

  // MARK: material

  static func small(text: String = "Where is my bill?") -> RunPage {
    var run = RunPage.Run(
      id: "01m7yhyv0myj8emk3brzgzxwvy", startedAt: 1_795_248_057_000, finishedAt: 1_795_248_057_480, exitStatus: 0, commit: String(repeating: "a1", count: 20), jobs: 2,
      pipeVersion: "0.1.0")
    run.parameters = [("min_chars", "20", false), ("lang", "de", true)]
    var page = RunPage(manifest: "Manifests/support.yaml", name: "support", run: run)
    page.version = "2.0.0"
    page.desc = "Tickets with intents."
    var tickets = RunPage.Stage(name: "tickets", kind: "ingest", status: .ran, why: "`where`: 1 → 2")
    tickets.rowsIn = 506
    tickets.rowsOut = 437
    tickets.drops = [.init(reason: "where", rows: 69, samples: [2])]
    tickets.tasks = (3, 1, 2)
    tickets.microseconds = 12_345
    tickets.changes = [.init(label: "`where`", before: "1", after: "2")]
    tickets.checks = [
      .init(expression: "rows >= 400", severity: .error, verdict: .passed, value: "is 437"),
      .init(expression: "drift < 1", severity: .warning, verdict: .failed, value: "is 2"),
    ]
    tickets.inputs = [.init(port: "from", stage: nil, files: ["Datasets/tickets.csv"])]
    tickets.outputs = [.init(port: "rows", rows: 437, bytes: 12_000, content: String(repeating: "0f", count: 32))]
    tickets.outputs[0].samples = [0]
    tickets.excerpt = ("Manifests/support.yaml", 7, "tickets:\n  kind: ingest\n  from: Datasets/tickets.csv")
    var labels = RunPage.Stage(name: "Datasets/labels.jsonl", kind: "ingest", status: .cached, why: "")
    labels.isFile = true
    labels.rowsIn = 437
    labels.rowsOut = 437
    labels.outputs = [.init(port: "rows", rows: 437, bytes: 9_000, content: String(repeating: "1e", count: 32))]
    var dataset = RunPage.Stage(name: "dataset", kind: "export", status: .ran, why: "tickets changed")
    dataset.rowsIn = 437
    dataset.rowsOut = 437
    dataset.inputs = [.init(port: "from", stage: 0, output: "rows"), .init(port: "labels", stage: 1, output: "rows")]
    dataset.outputs = [
      .init(port: "train", rows: 400, bytes: 11_000, content: String(repeating: "2d", count: 32)),
      .init(port: "eval", rows: 37, bytes: 1000, content: String(repeating: "3c", count: 32)),
    ]
    dataset.outputs[0].files = [("Outputs/support/train.jsonl", String(repeating: "4b", count: 32), 400, 10_000)]
    dataset.outputs[0].samples = [3]
    dataset.templates = [("Pipelines/ask.jinja", "{{ text }}\n")]
    page.stages = [tickets, labels, dataset]
    var escaped: [UInt8] = []
    escaped += ReportJSON.object(["id": .string("T-1"), "text": .string(text)]).compact.utf8
    page.nodes = [
      .init(place: .row(stage: 0, port: "rows", row: 1), label: "T-1", bytes: escaped),
      .init(place: .line(file: "Datasets/tickets.csv", line: 2), label: "", bytes: Array(("T-1," + text).utf8)),
      .init(place: .line(file: "Datasets/tickets.csv", line: 3), label: "", bytes: Array("T-2,other".utf8)),
      .init(place: .row(stage: 2, port: "train", row: 1), label: "T-1", bytes: Array("{\"id\":\"T-1\",\"n\":12345678901234567890}".utf8)),
    ]
    page.nodes[0].parents = [1]
    page.nodes[3].parents = [0]
    page.names = [.init(stage: 2, port: "train", file: "Outputs/support/train.jsonl", total: 400, names: ["T-1", "T-3"])]
    page.splits = [SplitView(stage: "dataset", column: "intent", sides: Self.sides)]
    page.confusions = [
      ConfusionView(stage: "labels", side: "label", top: "vote", cells: [(side: "billing", top: "billing", count: 9), (side: "billing", top: "login", count: 1)])
    ]
    page.diff = DiffModel(
      manifest: "Manifests/support.yaml", name: "support", before: .init(title: "main", version: "2.0.0"), after: .init(title: "working tree", version: "2.0.0"))
    return page
  }

  private static let sides: [SplitView.Side] = {
    var train = SplitView.Side(name: "train", rows: 400)
    train.labels = [("billing", 300), ("login", 100)]
    train.counted = 400
    var eval = SplitView.Side(name: "eval", rows: 37)
    eval.labels = [("billing", 20), ("login", 17)]
    eval.counted = 37
    return [train, eval]
  }()

  static func data(_ html: String) throws -> [String: Any] {
    let start = try #require(html.range(of: "<script type=\"application/json\" id=\"data\">"))
    let end = try #require(html.range(of: "</script>", range: start.upperBound..<html.endIndex))
    return try #require(try JSONSerialization.jsonObject(with: Data(html[start.upperBound..<end.lowerBound].utf8)) as? [String: Any])
  }

  static func without(_ text: String, from: String, to: String) -> String {
    guard let start = text.range(of: from), let end = text.range(of: to, range: start.upperBound..<text.endIndex) else { return text }
    return String(text[..<start.upperBound]) + "…" + String(text[end.lowerBound...])
  }

  private static func compare(_ name: String, _ text: String) throws {
    let path = folder + "/" + name
    if ProcessInfo.processInfo.environment["PIPE_UPDATE_GOLDEN"] == "1" {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      return
    }
    let wanted = (try? String(contentsOfFile: path, encoding: .utf8)) ?? "(there is no \(name))"
    #expect(text == wanted, "\(name) differs; PIPE_UPDATE_GOLDEN=1 writes it anew")
  }
}

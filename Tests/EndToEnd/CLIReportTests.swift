import Foundation
import Testing

/// `pipe report`
@Suite struct CLIReportTests {
  private let folder: CLIProgram.Folder

  init() throws {
    folder = CLIProgram.Folder()
    try folder.write(
      "Manifests/mail.yaml",
      """
      schema: pipe/v1
      name: mail
      params: { least: 3 }
      label_types: { intent: { kind: class, classes: [billing, login] } }
      stages:
        tickets:
          kind: ingest
          from: Datasets/tickets.jsonl
          row_key: id
          sheet: tickets
          columns: { id: id, email: { from: email, pii: true }, text: text }
          where: "text | length >= ${params.least}"
        pairs:
          kind: assemble
          from: ${stages.tickets}
          labels: Datasets/labels.jsonl
          label_type: intent
          messages:
            - { role: user, template: Pipelines/ask.jinja }
            - { role: assistant, content: "{{ intent }}" }
        dataset:
          kind: export
          from: ${stages.pairs}
          format: openai-chat
          split: { by: id, into: { train: 0.7, eval: 0.3 } }
          to: Outputs/mail/${split}.jsonl
        counted:
          kind: exec
          from: ${stages.dataset.train}
          run: [/bin/cat]
          row_key: id
          env: { TOKEN: "hunter2-hunter2" }

      """)
    try folder.write(
      "Datasets/tickets.jsonl",
      (1...30).map {
        "{\"id\":\"T-\($0)\",\"email\":\"person\($0)@example.org\",\"text\":\"\($0 == 5 ? "</script><b>\u{2028}" : $0 % 10 == 0 ? "no" : "message \($0)")\"}\n"
      }.joined())
    try folder.write(
      "Datasets/labels.jsonl",
      (1...30).map { "{\"sheet\":\"tickets\",\"item\":\"T-\($0)\",\"label_type\":\"intent\",\"label\":\"\($0 % 2 == 0 ? "billing" : "login")\",\"labeled_by\":\"w1\"}\n" }
        .joined())
    try folder.write("Pipelines/ask.jinja", "{{ text }} from {{ email }}\n")
  }

  private func pipe(_ arguments: String...) throws -> CLIProgram.Answer { try CLIProgram.start(arguments, in: folder.path).wait() }

  private func data(_ html: String) throws -> [String: Any] {
    let start = try #require(html.range(of: "<script type=\"application/json\" id=\"data\">"))
    let end = try #require(html.range(of: "</script>", range: start.upperBound..<html.endIndex))
    return try #require(try JSONSerialization.jsonObject(with: Data(html[start.upperBound..<end.lowerBound].utf8)) as? [String: Any])
  }

  @Test func aRunAsAPage() throws {
    #expect(try pipe("run").status == 0)
    let written = try pipe("report")
    #expect(written.status == 0)
    #expect(written.output.hasPrefix("wrote .pipe/reports/mail.html  "))
    let html = try folder.read(".pipe/reports/mail.html")
    #expect(html.components(separatedBy: "</script>").count == 3)
    let data = try data(html)
    let stages = try #require(data["stages"] as? [[String: Any]])
    #expect(stages.compactMap { $0["name"] as? String }.sorted() == ["Datasets/labels.jsonl", "counted", "dataset", "pairs", "tickets"])
    let tickets = try #require(stages.first { $0["name"] as? String == "tickets" })
    #expect(tickets["in"] as? Int == 30)
    #expect(tickets["out"] as? Int == 27)
    #expect(tickets["why"] as? String == "first run")
    let pairs = try #require(stages.first { $0["name"] as? String == "pairs" })
    #expect((pairs["templates"] as? [[String: Any]])?.first?["text"] as? String == "{{ text }} from {{ email }}\n")
    // Every row of the files is there, and leads to a line of the source.
    let nodes = try #require(data["nodes"] as? [[String: Any]])
    let names = try #require(data["names"] as? [[String: Any]])
    #expect(names.reduce(0) { $0 + (($1["names"] as? [Any])?.count ?? 0) } == 27)
    let dataset = try #require(stages.firstIndex { $0["name"] as? String == "dataset" })
    for start in nodes.indices where nodes[start]["s"] as? Int == dataset {
      var at = start
      while let parents = nodes[at]["u"] as? [Int], let first = parents.first { at = first }
      #expect(nodes[at]["f"] as? String == "Datasets/tickets.jsonl")
    }
    // The same run gives the same page.
    #expect(try pipe("report", "-o", "again.html").status == 0)
    #expect(try folder.read("again.html") == html)
    let id = try #require(data["run"] as? String)
    #expect(try pipe("report", String(id.prefix(20)), "-o", "named.html").status == 0)
    #expect(try folder.read("named.html") == html)
    #expect(try pipe("report", "mail", "-o", "-").output == html)
  }

  @Test func whatIsPrivateIsNotOnIt() throws {
    try TicketWorkspace.command("git", "-C", folder.path, "init", "-q")
    try folder.write(".gitignore", ".pipe\nOutputs\n")
    #expect(try pipe("run").status == 0)
    try TicketWorkspace.command("git", "-C", folder.path, "add", "-A")
    try TicketWorkspace.command(
      "git", "-C", folder.path, "-c", "user.name=Ann", "-c", "user.email=ann@example.net", "-c", "commit.gpgsign=false", "commit", "-q", "-m", "base")
    try folder.write("Datasets/tickets.jsonl", try folder.read("Datasets/tickets.jsonl").replacingOccurrences(of: "message 7", with: "another"))
    #expect(try pipe("run").status == 0)
    #expect(try pipe("report", "--base", "HEAD", "-o", "page.html").output.split(separator: "\n").count == 1)
    let html = try folder.read("page.html")
    #expect(html.contains("source rows edited"))
    #expect(html.contains("pii:"))
    #expect(!html.contains("@example.org"))
    #expect(!html.contains("hunter2"))
    #expect(html.contains("id=\"differences\""))
  }

  @Test func whyAStageRanIsToldAgainstTheRunBefore() throws {
    #expect(try pipe("run").status == 0)
    try folder.write("Manifests/mail.yaml", try folder.read("Manifests/mail.yaml").replacingOccurrences(of: "least: 3", with: "least: 2"))
    #expect(try pipe("run").status == 0)
    #expect(try pipe("report", "-o", "page.html").status == 0)
    let stages = try #require(try data(try folder.read("page.html"))["stages"] as? [[String: Any]])
    let tickets = try #require(stages.first { $0["name"] as? String == "tickets" })
    #expect((tickets["changes"] as? [[String: Any]])?.count == 1)
    #expect((tickets["why"] as? String)?.contains("where") == true)
  }

  @Test func whatIsThereWithoutARunIsShownToo() throws {
    #expect(try pipe("run").status == 0)
    try folder.write("Manifests/mail.yaml", try folder.read("Manifests/mail.yaml").replacingOccurrences(of: "least: 3", with: "least: 2"))
    #expect(try pipe("run").status == 0)
    // Back to what the first run made: a run has nothing to do, and records nothing.
    try folder.write("Manifests/mail.yaml", try folder.read("Manifests/mail.yaml").replacingOccurrences(of: "least: 2", with: "least: 3"))
    #expect(try pipe("report", "-o", "page.html").status == 0)
    let page = try folder.read("page.html")
    #expect(page.contains("everything cached, no run recorded"))
    #expect(page.contains("Outputs/mail/train.jsonl"))
    let stages = try #require(try data(page)["stages"] as? [[String: Any]])
    #expect(stages.first { $0["name"] as? String == "tickets" }?["out"] as? Int == 27)
  }

  @Test func whatThereIsNoReportOf() throws {
    let none = try pipe("report")
    #expect(none.status == 2)
    #expect(none.errors == "error[no-run]: no run of `Manifests/mail.yaml` is recorded here\n   = help  pipe run Manifests/mail.yaml\n")
    #expect(try pipe("run").status == 0)
    #expect(try pipe("report", "nothing").status == 2)
    let nowhere = try pipe("report", "-o", "no/such/folder/x.html")
    #expect(nowhere.status == 1)
    #expect(nowhere.errors == "error[io]: `no/such/folder/x.html` could not be written: No such file or directory\n")
    let base = try pipe("report", "--base", "nowhere")
    #expect(base.status == 2)
  }
}

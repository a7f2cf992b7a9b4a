import Diagnostics
import Testing

@testable import Reports

@Suite struct FiguresTests {
  @Test func countsHaveCommas() {
    #expect([0, 7, 999, 1000, 1_234_567, -1204].map { Figures.count($0) } == ["0", "7", "999", "1,000", "1,234,567", "-1,204"])
    #expect(Figures.count(1, "row") == "1 row")
    #expect(Figures.count(2, "entry", "entries") == "2 entries")
  }

  @Test func timesAreAsLongAsTheyNeedToBe() {
    #expect(
      [0, 0.004, 0.018, 9.99, 9.996, 59.9, 61, 3599.6, 7620].map(Figures.seconds) == [
        "0.00 s", "0.00 s", "0.02 s", "9.99 s", "10.0 s", "59.9 s", "1 min 01 s", "1 h 00 min", "2 h 07 min",
      ])
  }

  @Test func bytesHaveUnits() {
    #expect([0, 1023, 1024, 1536, 10_240, 1 << 20, 213_000_000].map(Figures.bytes) == ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "10 KiB", "1.0 MiB", "203 MiB"])
  }

  @Test func datesAreUTC() {
    #expect(Figures.time(milliseconds: 0) == "1970-01-01 00:00:00")
    #expect(Figures.time(milliseconds: 951_827_696_789) == "2000-02-29 12:34:56")
    #expect(Figures.time(milliseconds: 1_795_225_447_000) == "2026-11-21 01:44:07")
  }
}

@Suite struct GraphViewTests {
  private let graph = GraphView(nodes: [
    .init(name: "tickets", kind: "ingest", sources: ["Datasets/t-*.csv"]),
    .init(name: "@Datasets/l.jsonl", kind: "ingest", isImplicit: true, sources: ["Datasets/l.jsonl"]),
    .init(name: "pairs", kind: "assemble", reads: [("tickets", nil), ("@Datasets/l.jsonl", nil)]),
    .init(name: "quality", kind: "evaluate", reads: [("pairs", "unlabeled")], files: ["Outputs/q.jsonl"]),
  ])

  @Test func textNamesWhatIsReadAndWritten() {
    #expect(
      graph.text() == """
        stage    kind      reads                      writes
        tickets  ingest    Datasets/t-*.csv
        pairs    assemble  tickets, Datasets/l.jsonl
        quality  evaluate  pairs.unlabeled            Outputs/q.jsonl

        """)
  }

  @Test func mermaidDrawsPathsBesideStages() {
    #expect(
      graph.mermaid == """
        flowchart LR
          f0[("Datasets/t-*.csv")]
          f1[("Datasets/l.jsonl")]
          s0["tickets<br/><small>ingest</small>"]
          s1["pairs<br/><small>assemble</small>"]
          s2["quality<br/><small>evaluate</small>"]
          f0 --> s0
          s0 --> s1
          f1 --> s1
          s1 -->|"unlabeled"| s2

        """)
  }

  @Test func dotIsQuoted() {
    #expect(graph.dot.contains(#"  s1 [label="pairs\nassemble"];"#))
    #expect(graph.dot.contains(#"  s1 -> s2 [label="unlabeled"];"#))
    #expect(graph.dot.hasPrefix("digraph pipeline {\n"))
    #expect(graph.dot.hasSuffix("}\n"))
  }

  @Test func jsonHasEveryStage() {
    #expect(graph.json.compact.contains(#"{"stage":"pairs","kind":"assemble","reads":[{"stage":"tickets"},{"stage":"@Datasets/l.jsonl"}],"sources":[],"files":[]}"#))
  }
}

@Suite struct TraceViewTests {
  @Test func aTraceIsATreeDownToLines() {
    let line = TraceView(place: .line(file: "Datasets/t.csv", line: 14), label: "", text: "T-1,\"hallo\tda\"", parents: [])
    let ticket = TraceView(place: .row(stage: "tickets", port: "rows", row: 9), label: "T-1", text: #"{"id":"T-1"}"#, parents: [line])
    let label = TraceView(place: .line(file: "Datasets/l.jsonl", line: 3), label: "", text: #"{"label":"login"}"#, parents: [])
    let pair = TraceView(place: .row(stage: "dataset", port: "train", row: 12), label: "T-1", text: "{}", parents: [ticket, label])
    #expect(
      pair.render() == """
        dataset.train row 12  T-1
        ├─ tickets row 9  T-1
        │  └─ Datasets/t.csv:14  T-1,"hallo    da"
        └─ Datasets/l.jsonl:3  {"label":"login"}

        """)
    #expect(pair.json.compact.hasPrefix(#"{"schema_version":1,"stage":"dataset","port":"train","row":12,"label":"T-1","text":"{}","parents":[{"stage":"tickets""#))
  }
}

@Suite struct RowTextTests {
  @Test func fieldsOnePerLine() {
    let row = Array(#"{"id":"T-1","n":1.10,"o":{"a":[1,{"b":"}"}]},"t":"a\"b\nc","e":{},"z":null}"#.utf8)
    #expect(
      RowText.render(row) == """
          id  T-1
          n   1.10
          o   {"a":[1,{"b":"}"}]}
          t   a"b␊c
          e   {}
          z   null


        """)
    #expect(RowText.render(Array("{}".utf8)) == "{}\n\n")
  }
}

@Suite struct RunEntryTests {
  @Test func theListSaysHowRunsEnded() {
    let runs = [
      RunEntry(id: "01k", milliseconds: 0, manifest: "Manifests/s.yaml", name: "s", exitCode: 0, tasks: 11, ran: 4, cached: 7),
      RunEntry(id: "01j", milliseconds: 0, manifest: "Manifests/s.yaml", name: "s", exitCode: nil),
    ]
    #expect(
      RunEntry.table(runs) == """
        run  began (UTC)          manifest          outcome  tasks  ran  cached
        01k  1970-01-01 00:00:00  Manifests/s.yaml  ok          11    4       7
        01j  1970-01-01 00:00:00  Manifests/s.yaml  killed       0    0       0

        """)
    #expect(runs[0].json.compact.contains(#""time":"1970-01-01T00:00:00Z""#))
  }
}

@Suite struct ExplainViewTests {
  @Test func aChangeIsShownBeforeAndAfter() {
    let part = ExplainView.Part(name: "field where", label: "`where`", before: #""a > 1""#, after: #""a > 2""#)
    let view = ExplainView(
      stage: "pairs", kind: "assemble", verdict: .wouldRun, why: "", key: String(repeating: "a", count: 64), lastKey: String(repeating: "b", count: 64),
      changes: [part], parts: [part], tasks: 2)
    #expect(
      view.render() == """
        pairs (assemble): will run, because 1 part of its key changed

          `where`
            - "a > 1"
            + "a > 2"

          key       sha256:aaaaaaaaaaaa  (2 tasks)
          last key  sha256:bbbbbbbbbbbb

        """)
  }
}

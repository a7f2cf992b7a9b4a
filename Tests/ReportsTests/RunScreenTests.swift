import Diagnostics
import Testing

@testable import Reports

/// Whole screens, as people see them.
@Suite struct RunScreenTests {
  private func ingest(_ verdict: StageView.Verdict = .ran) -> StageView {
    var stage = StageView(name: "tickets", kind: "ingest", verdict: verdict)
    stage.why = "first run"
    (stage.rowsIn, stage.rowsOut, stage.tasks, stage.ran, stage.seconds) = (431, 412, 2, 2, 0.031)
    stage.dropped = [("where", 19)]
    stage.outputs = [OutputView(port: "rows", rows: 412, bytes: 90_000, content: String(repeating: "a", count: 64))]
    return stage
  }

  private func export(_ verdict: StageView.Verdict = .ran) -> StageView {
    var stage = StageView(name: "dataset", kind: "export", verdict: verdict)
    stage.why = "first run"
    (stage.rowsIn, stage.rowsOut, stage.tasks, stage.ran, stage.seconds) = (412, 1398, 2, 2, 0.02)
    stage.note = "train 1,357, eval 41"
    stage.outputs = [
      OutputView(port: "train", rows: 1357, bytes: 9, content: String(repeating: "b", count: 64)),
      OutputView(port: "eval", rows: 41, bytes: 9, content: String(repeating: "c", count: 64)),
    ]
    stage.files = [
      FileView(path: "Outputs/s/train.jsonl", port: "train", rows: 1357, bytes: 9, sha256: "7b1e0c94a2d1ff", change: .written),
      FileView(path: "Outputs/s/eval.jsonl", port: "eval", rows: 41, bytes: 9, sha256: "02aa91f3c07eff", change: .written),
    ]
    return stage
  }

  private func view(_ stages: [StageView], seconds: Double = 0.62) -> RunView {
    RunView(manifest: "Manifests/s.yaml", name: "support", version: "2.1.0", jobs: 8, stages: stages, seconds: seconds)
  }

  @Test func aFirstRunIsOneScreen() {
    var run = view([ingest(), export()])
    run.isFirstRun = true
    run.writtenLock = "Manifests/s.lock"
    run.stages[1].checks = [
      CheckView(text: "rows.train >= 300", outcome: .passed, isError: true, detail: "1357"),
      CheckView(text: "accuracy >= baseline.accuracy", outcome: .notChecked, isError: true, detail: "no baseline"),
    ]
    #expect(
      RunScreen(run).render() == """
        support 2.1.0 · 2 stages · 8 jobs · first run

          stage    kind     in    out  dropped   why          time
          tickets  ingest  431    412  19 where  first run  0.03 s
          dataset  export  412  1,398  –         first run  0.02 s  train 1,357, eval 41

          ! dataset: accuracy >= baseline.accuracy   not checked: no baseline

          4 tasks: 4 ran, 0 cached, 0 failed   0.62 s
          wrote  Outputs/s/train.jsonl  1,357 rows  sha256:7b1e0c94a2d1
                 Outputs/s/eval.jsonl      41 rows  sha256:02aa91f3c07e
                 Manifests/s.lock                   commit this
          next   pipe show dataset.train -n 3 · pipe trace Outputs/s/train.jsonl:1 · pipe graph

        """)
  }

  @Test func nothingToDoIsOneLine() {
    var (first, second) = (ingest(.cached), export(.cached))
    (first.ran, first.cached, second.ran, second.cached) = (0, 2, 0, 2)
    for at in second.files.indices { second.files[at].change = .unchanged }
    #expect(RunScreen(view([first, second], seconds: 0.02)).render() == "support 2.1.0 · nothing to do: 4 tasks cached, 0 ran   0.02 s\n")
  }

  @Test func anEditShowsWhatRanOfHowMuch() {
    var (first, second) = (ingest(), export())
    (first.tasks, first.ran, first.cached, first.why) = (12, 1, 11, "Datasets/t.csv changed")
    (second.tasks, second.ran, second.cached, second.why) = (2, 1, 1, "tickets changed")
    second.files[1].change = .unchanged
    #expect(
      RunScreen(view([first, second])).render() == """
        support 2.1.0 · 2 stages · 8 jobs

          stage    kind     in    out  ran / tasks  why
          tickets  ingest  431    412  1 / 12       Datasets/t.csv changed
          dataset  export  412  1,398  1 / 2        tickets changed         train 1,357, eval 41

          14 tasks: 2 ran, 12 cached, 0 failed   0.62 s
          wrote  Outputs/s/train.jsonl        1,357 rows  sha256:7b1e0c94a2d1
          same   1 other file, byte for byte
          next   pipe show dataset.train -n 3 · pipe trace Outputs/s/train.jsonl:1 · pipe explain tickets

        """)
  }

  @Test func aNarrowTerminalCutsOnlyWords() {
    var (first, second) = (ingest(), export())
    (first.cached, first.why) = (1, "Datasets/support/tickets-with-a-long-name-02.csv.gz changed")
    (second.cached, second.why) = (1, "tickets changed")
    let text = RunScreen(view([first, second]), style: TerminalStyle(width: 64)).render()
    let table = text.split(separator: "\n", omittingEmptySubsequences: false)[2...4]
    #expect(table.allSatisfy { TerminalStyle.cells(String($0)) <= 64 })
    #expect(text.contains("…"))
    #expect(text.contains("Outputs/s/train.jsonl"))
  }

  @Test func aFailureSaysWhatBecameOfEveryStage() {
    var failed = StageView(name: "pairs", kind: "assemble", verdict: .failed)
    failed.failure = Diagnostic(
      id: "template", "none has no method `upper`", at: Place(path: "Pipelines/i.jinja", line: 7, column: 14, excerpt: Array("Plan: {{ plan.upper() }}".utf8)))
    var first = ingest(.cached)
    first.ran = 0
    var run = view([
      first, failed, StageView(name: "dataset", kind: "export", verdict: .blocked(by: "pairs")),
      StageView(name: "fit", kind: "train-submit", verdict: .blocked(by: "pairs")),
    ])
    run.exitCode = 1
    #expect(
      RunScreen(run).render() == """
        error[template]: none has no method `upper`
          --> Pipelines/i.jinja:7:14
           |
         7 | Plan: {{ plan.upper() }}
           |              ^

          tickets ok (cached) · pairs FAILED · dataset, fit not run (need pairs)
          nothing was published · after the fix: pipe retry

        """)
  }

  @Test func aFailedGateShowsTheCheckAndTheOthers() {
    var gate = export(.failed)
    gate.files = []
    gate.checks = [
      CheckView(text: "rows.train >= 300", outcome: .passed, isError: true, detail: "358"),
      CheckView(
        text: "overlap(train, eval, key='c') == 0", outcome: .failed, isError: true, detail: "is 2",
        place: Place(path: "Manifests/s.yaml", line: 41, column: 9, length: 34, excerpt: Array("      - overlap(train, eval, key='c') == 0".utf8))),
    ]
    var run = view([ingest(), gate, StageView(name: "fit", kind: "train-submit", verdict: .blocked(by: "dataset"))])
    run.exitCode = 3
    #expect(
      RunScreen(run).render() == """
        check failed: dataset: overlap(train, eval, key='c') == 0
          --> Manifests/s.yaml:41:9
           |
        41 |       - overlap(train, eval, key='c') == 0
           |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ is 2

          also checked: rows.train >= 300 ok (358)
          tickets ok · dataset REFUSED · fit not run (needs dataset)
          nothing was published · after the fix: pipe retry

        """)
  }

  @Test func implicitStagesAreNotListedUnlessAsked() {
    var labels = StageView(name: "Datasets/labels.jsonl", kind: "ingest", verdict: .ran)
    labels.isImplicit = true
    (labels.tasks, labels.ran) = (1, 1)
    let run = view([ingest(), labels, export()])
    #expect(!RunScreen(run).render().contains("labels.jsonl"))
    #expect(RunScreen(run).render().contains("2 stages"))
    #expect(RunScreen(run).render().contains("5 tasks: 5 ran"))
    #expect(RunScreen(run, isVerbose: true).render().contains("Datasets/labels.jsonl"))
  }

  @Test func manyCachedStagesAreCounted() {
    var stages: [StageView] = (0..<60).map { number in
      var stage = StageView(name: "s\(number)", kind: "assemble", verdict: .cached)
      (stage.tasks, stage.cached) = (1, 1)
      return stage
    }
    stages.append(ingest())
    let text = RunScreen(view(stages)).render()
    #expect(text.contains("… and 60 stages with nothing to do (-v lists them)"))
    #expect(!text.contains("s17"))
  }

  @Test func aPlanRunsNothing() {
    var first = ingest(.wouldRun)
    first.why = "`where`: 20 → 24"
    var run = view([first, StageView(name: "pairs", kind: "assemble", verdict: .mayRun(after: "tickets")), export(.cached)])
    run.isPlan = true
    #expect(
      RunScreen(run).render() == """
        support 2.1.0 · plan · 3 stages

          stage    kind      verdict   why
          tickets  ingest    will run  `where`: 20 → 24
          pairs    assemble  may run   if tickets gives other rows
          dataset  export    cached    first run

          1 of 3 stages will run, 1 may; this was only a plan

        """)
    run.stages = [export(.cached)]
    #expect(RunScreen(run).render() == "support 2.1.0 · nothing would run: 1 stage cached\n")
  }

  @Test func coloursAreOnlyForWhoWantsThem() {
    #expect(!RunScreen(view([ingest()])).render().contains("\u{1B}"))
    #expect(RunScreen(view([ingest()]), style: TerminalStyle(usesColor: true)).render().contains("\u{1B}[1msupport\u{1B}[0m"))
  }

  @Test func theSummaryHasTheNumbersThatScriptsRead() {
    let json = view([ingest(), export()]).json.compact
    #expect(
      json.hasPrefix(#"{"schema_version":1,"event":"summary","manifest":"Manifests/s.yaml","name":"support","version":"2.1.0","tasks":4,"ran":4,"cached":0,"failed":0,"#))
    #expect(json.contains(#""stages":[{"stage":"tickets","kind":"ingest","verdict":"ran""#))
    #expect(json.contains(#""dropped":{"where":19}"#))
    #expect(json.contains(#"{"path":"Outputs/s/train.jsonl","port":"train","rows":1357,"bytes":9,"sha256":"7b1e0c94a2d1ff","change":"written"}"#))
  }
}

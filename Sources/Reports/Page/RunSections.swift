internal import Diagnostics
internal import Lineage

/// The sections of a run's page, as HTML that needs no script to be read or printed.
struct RunSections {
  struct Section {
    var id: String
    var title: String
    var short: String
    var body: String
  }

  let page: RunPage
  let room: PageRoom

  var all: [Section] {
    [
      Section(id: "stages", title: "Graph", short: "Graph", body: graph),
      Section(id: "rows", title: "Where the rows went", short: "Rows", body: rows),
      Section(id: "differences", title: page.diff.map { "Differences from \(DiffWords.side($0.before))" } ?? "", short: "Differences", body: differences),
      Section(id: "labels", title: "Labels and annotators", short: "Labels", body: labels),
      Section(id: "splits", title: "Splits", short: "Splits", body: page.splits.map(\.html).joined()),
      Section(id: "scores", title: "Scores", short: "Scores", body: scores),
      Section(id: "production", title: "Production", short: "Production", body: page.monitors.map { $0.sections(heading: 3) }.joined()),
      Section(id: "checks", title: "Checks", short: "Checks", body: checks),
      Section(id: "files", title: "Published files", short: "Files", body: files),
      Section(id: "run", title: "The run", short: "Run", body: run),
    ]
  }

  // MARK: the graph

  private var graph: String {
    let drawing = GraphDrawing(page.stages)
    var legend = ""
    for (status, word) in [(StageRecord.Status.ran, "ran"), (.cached, "cached"), (.failed, "failed"), (.skipped, "not selected"), (.notRun, "not run")]
    where page.stages.contains(where: { !$0.isFile && $0.status == status }) { legend += "<span class=\"key\"><i class=\"\(status.rawValue)\"></i>\(word)</span>" }
    if page.stages.contains(where: { !$0.drops.isEmpty }) { legend += "<span class=\"key\"><i class=\"drop\"></i>rows left out</span>" }
    return """
      <div class="graph">
      <div class="canvas">
      \(drawing.svg)
      <div class="under"><p class="legend">\(legend)<span class="screen hint">Open a stage to see why it ran, its rows, manifest and templates.</span></p>
      <div class="controls screen" role="group" aria-label="View of the graph"><button type="button" id="larger" aria-label="Larger" title="Larger (+)">+</button><button type="button" id="smaller" aria-label="Smaller" title="Smaller (-)">−</button><button type="button" id="fit" aria-label="All of it" title="All of it (0)">⤢</button></div></div>
      </div>
      <aside id="panel" class="screen" aria-label="Details" tabindex="-1"></aside>
      </div>
      <noscript><p class="note">Without JavaScript the graph cannot be opened and rows cannot be found; everything below is complete.</p></noscript>

      """
  }

  // MARK: rows

  /// Rows in, what was left out and why, rows out: one bar per stage, all on one scale.
  private var rows: String {
    let shown = page.stages.indices.filter { !page.stages[$0].isFile && (page.stages[$0].rowsIn != nil || page.stages[$0].rowsOut != nil) }
    guard !shown.isEmpty else { return "" }
    let most = max(1, shown.reduce(0) { max($0, page.stages[$1].rowsIn ?? 0, page.stages[$1].rowsOut ?? 0) })
    var out = "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Rows by stage\"><table class=\"ledger\">\n"
    out +=
      "<thead><tr><th scope=\"col\">stage</th><th scope=\"col\" class=\"num\">in</th><th scope=\"col\" class=\"wide\"><span class=\"hidden\">kept and left out</span></th><th scope=\"col\" class=\"num\">out</th><th scope=\"col\">left out</th></tr></thead>\n<tbody>\n"
    for index in shown {
      let stage = page.stages[index]
      let rowsIn = stage.rowsIn ?? 0
      let rowsOut = stage.rowsOut ?? 0
      let dropped = stage.drops.reduce(0) { $0 + $1.rows }
      out +=
        "<tr><th scope=\"row\">\(link(index))<small>\(HTMLText.escaped(stage.kind))</small></th><td class=\"num\">\(stage.rowsIn.map { Figures.count($0) } ?? "–")</td><td class=\"wide\">"
      out += bar(kept: dropped > 0 ? max(0, rowsIn - dropped) : min(rowsIn, rowsOut), dropped: stage.drops, of: most)
      out += "</td><td class=\"num\">\(hasTable(stage) ? stage.rowsOut.map { Figures.count($0) } ?? "–" : "–")</td><td>"
      out += stage.drops.map { "<span class=\"drop\">\(Figures.count($0.rows)) \(HTMLText.escaped($0.reason))</span>" }.joined(separator: " ")
      if stage.rowsIn != nil, rowsOut > 0, rowsOut != rowsIn - dropped {
        out += "<span class=\"soft\">\(rowsOut > rowsIn - dropped ? "more rows made of fewer" : "several rows make one")</span>"
      }
      out += "</td></tr>\n"
    }
    return out + "</tbody></table></div>\n"
  }

  /// Whether what a stage makes is rows: a model is no table.
  private func hasTable(_ stage: RunPage.Stage) -> Bool { stage.outputs.first.map { $0.rows != nil } ?? true }

  private func bar(kept: Int, dropped: [RunPage.Drop], of most: Int) -> String {
    func share(_ rows: Int) -> String { HTMLText.number(Double(rows) / Double(most) * 100) + "%" }
    var out = "<div class=\"bar-track\" aria-hidden=\"true\"><i class=\"kept\" style=\"width:\(share(kept))\"></i>"
    for (place, drop) in dropped.enumerated() {
      out +=
        "<i class=\"lost\(place % 2 == 1 ? " other" : "")\" style=\"width:\(share(drop.rows))\" title=\"\(HTMLText.escaped("\(Figures.count(drop.rows)) \(drop.reason)"))\"></i>"
    }
    return out + "</div>"
  }

  /// A stage's name that opens it.
  func link(_ index: Int) -> String { "<a href=\"#s-\(index)\">\(HTMLText.escaped(page.stages[index].name))</a>" }

  func link(named name: String) -> String { page.stages.firstIndex { $0.name == name }.map(link) ?? HTMLText.escaped(name) }

  private var differences: String { page.diff.map { DiffSection(model: $0, limit: room.changes, heading: 3).html } ?? "" }

  // MARK: labels and scores

  private var labels: String {
    var out = ""
    for view in page.annotators { out += view.html(link(named: view.stage)) }
    for view in page.confusions where view.side != "gold" { out += view.html(link(named: view.stage)) }
    return out
  }

  private var scores: String {
    var out = ""
    for view in page.scores {
      out += view.html(link(named: view.stage))
      for confusion in page.confusions where confusion.stage == view.stage { out += confusion.html(link(named: view.stage)) }
    }
    return out
  }

  // MARK: checks

  private var checks: String {
    let all = page.stages.indices.flatMap { index in page.stages[index].checks.map { (index, $0) } }
    guard !all.isEmpty else { return "" }
    func rank(_ check: StageRecord.Check) -> Int {
      switch check.verdict {
      case .failed, .error: check.severity == .error ? 0 : 1
      case .skipped: 2
      case .passed: 3
      }
    }
    var out =
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Checks\"><table>\n<thead><tr><th scope=\"col\"></th><th scope=\"col\">check</th><th scope=\"col\">found</th><th scope=\"col\">stage</th></tr></thead>\n<tbody>\n"
    let sorted = all.enumerated().sorted { (rank($0.element.1), $0.offset) < (rank($1.element.1), $1.offset) }.map(\.element)
    for (index, check) in sorted {
      let (sign, tone, word) = Self.sign(check)
      out +=
        "<tr><td class=\"\(tone)\"><span aria-hidden=\"true\">\(sign)</span> \(word)</td><td><code>\(HTMLText.escaped(check.expression))</code></td><td>\(HTMLText.escaped(check.value))</td><td>\(link(index))</td></tr>\n"
    }
    return out + "</tbody></table></div>\n"
  }

  static func sign(_ check: StageRecord.Check) -> (sign: String, tone: String, word: String) {
    switch check.verdict {
    case .passed: ("✓", "good", "holds")
    case .failed: check.severity == .error ? ("✕", "bad", "failed") : ("!", "warn", "warning")
    case .error: ("✕", "bad", "error")
    case .skipped: ("–", "soft", "not made")
    }
  }

  // MARK: files

  private var files: String {
    var out = ""
    for index in page.stages.indices {
      for output in page.stages[index].outputs {
        for file in output.files {
          out +=
            "<tr><th scope=\"row\"><code>\(HTMLText.escaped(file.path))</code></th><td class=\"num\">\(file.rows.map { Figures.count($0) } ?? "–")</td><td class=\"num\">\(Figures.bytes(file.bytes))</td><td><code class=\"digest\" title=\"sha256:\(file.sha256)\">\(Figures.short(file.sha256))</code></td><td>\(link(index))</td></tr>\n"
        }
      }
    }
    guard !out.isEmpty else { return "" }
    return
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Published files\"><table>\n<thead><tr><th scope=\"col\">file</th><th scope=\"col\" class=\"num\">rows</th><th scope=\"col\" class=\"num\">size</th><th scope=\"col\">sha256</th><th scope=\"col\">stage</th></tr></thead>\n<tbody>\n"
      + out + "</tbody></table></div>\n"
  }

  // MARK: the run

  private var run: String {
    let run = page.run
    var rows: [(String, String)] = [("manifest", "<code>\(HTMLText.escaped(page.manifest))</code>")]
    if page.isRecorded { rows.append(("run", "<code>\(HTMLText.escaped(run.id))</code>")) }
    if page.isRecorded { rows.append(("started", "\(Figures.time(milliseconds: run.startedAt)) UTC" + (page.seconds.map { ", took \(Figures.seconds($0))" } ?? ""))) }
    if let commit = run.commit { rows.append(("commit", "<code>\(HTMLText.escaped(commit))</code>")) }
    if page.isRecorded { rows.append(("jobs", Figures.count(run.jobs))) }
    rows.append(("pipe", HTMLText.escaped(run.pipeVersion)))
    if let profile = run.profile { rows.append(("profile", HTMLText.escaped(profile))) }
    for parameter in run.parameters {
      rows.append(
        (
          "parameter <code>\(HTMLText.escaped(parameter.name))</code>",
          "<code>\(HTMLText.escaped(PageRoom.cut(parameter.value, to: 200)))</code>\(parameter.isGiven ? " <span class=\"soft\">given on the command line</span>" : "")"
        ))
    }
    let given = run.parameters.filter(\.isGiven).map { " -p \($0.name)=…" }.joined()
    let checkout = run.commit.map { "git checkout \($0.prefix(12)) && " } ?? ""
    rows.append(("again", "<code>\(HTMLText.escaped("\(checkout)pipe run \(page.manifest)\(given)"))</code>"))
    return "<dl class=\"facts\">" + rows.map { "<dt>\($0.0)</dt><dd>\($0.1)</dd>" }.joined() + "</dl>\n"
  }
}

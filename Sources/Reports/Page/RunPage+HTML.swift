internal import Diagnostics
internal import Lineage

extension RunPage {
  /// The page: one file, at most ``maximumBytes`` long.
  public var html: String {
    // Texts and samples give way first; what is counted stays.
    for room in [1, 2, 4, 8, 16, 64] {
      let page = html(PageRoom(divisor: room))
      if page.utf8.count <= Self.maximumBytes || room == 64 { return page }
    }
    preconditionFailure("the last room is taken in any case")
  }

  private func html(_ room: PageRoom) -> String {
    let parts = RunSections(page: self, room: room).all.filter { !$0.body.isEmpty }
    let body = parts.map { part in
      "<section id=\"\(part.id)\" aria-labelledby=\"\(part.id)-title\">\n<h2 id=\"\(part.id)-title\">\(HTMLText.escaped(part.title))</h2>\n\(part.body)</section>\n"
    }
    var frame = PageFrame(
      title: name, subtitle: [version, isRecorded ? "\(Figures.time(milliseconds: run.startedAt).dropLast(3)) UTC" : nil].compactMap { $0 }.joined(separator: " · "),
      status: status,
      sections: parts.map { ($0.id, $0.short) }, hasSearch: true, body: overview + body.joined())
    frame.keys = [
      ("/", "find a row or a stage"), ("g", "to the graph"), ("← → ↑ ↓", "in the graph: along what is read, and across"), ("Enter", "open a stage"),
      ("+ - 0", "larger, smaller, all of it"),
    ]
    frame.data = json(room)
    frame.footer =
      "<p>Written by pipe \(HTMLText.escaped(run.pipeVersion))\(isRecorded ? " for run \(HTMLText.escaped(run.id))" : ""). It holds counts of everything and samples of rows, at most \(Figures.bytes(Self.maximumBytes)), and asks no network for anything.</p>"
    return frame.html
  }

  private var status: (text: String, tone: String) {
    if !isRecorded { return ("everything cached, no run recorded", "") }
    guard let exit = run.exitStatus else { return ("not finished", "warn") }
    let isWarned = stages.contains { $0.checks.contains { $0.verdict == .failed || $0.verdict == .error } }
    switch exit {
    case 0: return isWarned ? ("finished, with warnings", "warn") : ("finished", "good")
    case 3: return ("a check failed", "bad")
    case 130, 143: return ("stopped", "warn")
    default: return ("failed, exit status \(exit)", "bad")
    }
  }

  // MARK: at the top

  private var overview: String {
    var out = "<div class=\"overview\">\n"
    if let desc { out += "<p class=\"lead\">\(HTMLText.escaped(desc))</p>\n" }
    out += "<dl class=\"tiles\">\n"
    for tile in tiles {
      out += "<div class=\"tile \(tile.tone)\"><dt>\(tile.title)</dt><dd>\(HTMLText.escaped(tile.value))<small>\(HTMLText.escaped(tile.detail))</small></dd></div>\n"
    }
    out += "</dl>\n"
    for note in notes { out += "<p class=\"note\">\(HTMLText.escaped(note))</p>\n" }
    for stage in stages {
      if let failure = stage.failure { out += "<p class=\"note bad\"><b>\(HTMLText.escaped(stage.name))</b> \(HTMLText.escaped(failure))</p>\n" }
    }
    return out + "</div>\n"
  }

  private var tiles: [(title: String, value: String, detail: String, tone: String)] {
    let declared = declared
    func count(_ status: StageRecord.Status) -> Int { declared.count { $0.status == status } }
    let states = [(StageRecord.Status.ran, "ran"), (.cached, "cached"), (.failed, "failed"), (.skipped, "not selected"), (.notRun, "not run")]
      .filter { count($0.0) > 0 }.map { "\(Figures.count(count($0.0))) \($0.1)" }
    var tiles = [("Stages", Figures.count(declared.count), states.joined(separator: ", "), count(.failed) > 0 ? "bad" : "")]
    let tasks = stages.reduce((0, 0)) { ($0.0 + $1.tasks.total, $0.1 + $1.tasks.ran) }
    tiles.append(("Tasks run", Figures.count(tasks.1), tasks.0 == tasks.1 ? "all of them" : "of \(Figures.count(tasks.0)), the rest cached", ""))
    let files = declared.flatMap { $0.outputs.flatMap(\.files) }
    if !files.isEmpty {
      let rows = files.reduce(0) { $0 + ($1.rows ?? 0) }
      tiles.append(("Rows published", Figures.count(rows), "\(Figures.count(files.count, "file")), \(Figures.bytes(files.reduce(0) { $0 + $1.bytes }))", ""))
    }
    let checks = declared.flatMap(\.checks)
    if !checks.isEmpty {
      let held = checks.count { $0.verdict == .passed }
      let others = [
        (checks.count { ($0.verdict == .failed || $0.verdict == .error) && $0.severity == .error }, "failed"),
        (checks.count { ($0.verdict == .failed || $0.verdict == .error) && $0.severity == .warning }, "warned"), (checks.count { $0.verdict == .skipped }, "not made"),
      ].filter { $0.0 > 0 }
      let tone = others.contains { $0.1 == "failed" } ? "bad" : others.contains { $0.1 == "warned" } ? "warn" : ""
      tiles.append(("Checks that hold", "\(held) of \(checks.count)", others.map { "\($0.0) \($0.1)" }.joined(separator: ", "), tone))
    }
    if let diff {
      tiles.append(("Rows that differ", Figures.count(diff.changedRows), "from \(DiffWords.side(diff.before))", ""))
    }
    if let seconds { tiles.append(("Time", Figures.seconds(seconds), Figures.count(run.jobs, "job"), "")) }
    return tiles
  }
}

/// How much room texts have on a page: each step of the divisor shows half of them.
struct PageRoom {
  let divisor: Int

  /// Characters of one value of a row, of one template, of one stage's manifest lines.
  var value: Int { max(1200 / divisor, 60) }
  var template: Int { max(12_000 / divisor, 200) }
  /// Names of rows for the search, of all outputs together.
  var names: Int { 24_000 / divisor }
  /// Rows of the graph of rows.
  var nodes: Int { max(6000 / divisor, 50) }
  /// Rows of a difference, all outputs together.
  var changes: Int { max(400 / divisor, 10) }

  /// A text cut to so many characters, with the size of what is left out.
  static func cut(_ text: String, to limit: Int) -> String {
    // Bytes first: to count the characters of a megabyte takes longer than to cut it.
    if text.utf8.count <= limit { return text }
    let kept = text.prefix(limit)
    let rest = text.utf8.count - kept.utf8.count
    return rest == 0 ? text : kept + "… and \(Figures.bytes(rest)) more"
  }

  /// The same, with signs for characters that cannot be seen.
  static func shown(_ text: String, to limit: Int) -> String { DisplayWidth.printable(cut(text, to: limit)) }
}

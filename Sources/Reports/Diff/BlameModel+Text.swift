public import Diagnostics
public import Lineage

extension BlameModel {
  /// What one row was made of, and by whom, for the terminal.
  public func render(style: TerminalStyle = .plain) -> String {
    var lines: [(title: String, place: String, rest: String)] = []
    for source in sources { lines.append(("source", Self.place(source), Self.who(source.commit))) }
    for line in joined { lines.append(("joined", Self.place(line), Self.who(line.commit))) }
    for label in labels {
      let by = label.by.map { " by \(TerminalStyle.line($0))" } ?? ""
      lines.append(("label", label.line.map(Self.place) ?? "", "\(label.labelType) = \(TerminalStyle.cut(TerminalStyle.line(label.label), to: 60))\(by)  \(Self.who(label.line?.commit))"))
      for vote in label.votes {
        lines.append(("vote", Self.place(vote.line), "\(TerminalStyle.cut(TerminalStyle.line(vote.text), to: 60))  \(Self.who(vote.line.commit))"))
      }
    }
    for message in messages { for line in message.lines { lines.append((message.part.isEmpty ? "template" : message.part, Self.place(line), Self.who(line.commit))) } }
    for parameter in parameters { lines.append(("parameter", parameter.name, "= \(TerminalStyle.cut(TerminalStyle.line(parameter.value), to: 60))  (\(parameter.stage))")) }
    for stage in stages { lines.append(("stage", stage.place.map(Self.place) ?? "", "\(stage.name): \(stage.kind), version \(stage.version)")) }
    if let sinceRun {
      let day = sinceTime.map { Figures.time(milliseconds: $0) + " UTC" } ?? ""
      lines.append(("since", "run \(sinceRun)", isOldestRun ? "\(day), the oldest run on record" : day))
    }
    let width = lines.map(\.title.count).max() ?? 0
    let places = min(lines.map { TerminalStyle.cells($0.place) }.max() ?? 0, 60)
    var out = style.paint(row, .strong) + (key.isEmpty ? "" : "  " + style.paint(TerminalStyle.cut(TerminalStyle.line(key), to: 80), .accent)) + "\n"
    var last = ""
    for line in lines {
      let title = line.title == last ? "" : line.title
      last = line.title
      let gap = String(repeating: " ", count: max(places - TerminalStyle.cells(line.place), 0))
      out += "  " + style.paint(title, .faint) + String(repeating: " ", count: width - title.count) + "  " + line.place + gap
      out += (line.rest.isEmpty ? "" : "  " + line.rest) + "\n"
    }
    return out
  }

  private static func place(_ line: Line) -> String { line.line > 0 ? "\(line.file):\(line.line)" : line.file }

  private static func who(_ commit: Commit?) -> String {
    guard let commit else { return "" }
    guard let id = commit.id else { return "not committed yet" }
    return "\(id.prefix(8)) \(commit.date) \(TerminalStyle.line(commit.author)): \(TerminalStyle.cut(TerminalStyle.line(commit.summary), to: 50))"
  }

  public var json: ReportJSON {
    .object([
      "schema_version": .int(reportSchemaVersion), "row": .string(row), "key": .string(key), "sources": .array(sources.map(\.json)), "joined": .array(joined.map(\.json)),
      "labels": .array(
        labels.map { label in
          .object(["label_type": .string(label.labelType), "label": .string(label.label), "by": label.by.map { .string($0) }, "line": label.line?.json,
            "votes": .array(label.votes.map { .object(["text": .string($0.text), "line": $0.line.json]) }),
          ])
        }),
      "messages": .array(messages.map { .object(["part": .string($0.part), "lines": .array($0.lines.map(\.json))]) }),
      "parameters": .array(parameters.map { .object(["name": .string($0.name), "value": .string($0.value), "stage": .string($0.stage)]) }),
      "stages": .array(stages.map { .object(["name": .string($0.name), "kind": .string($0.kind), "version": .int($0.version), "place": $0.place?.json]) }),
      "since_run": sinceRun.map { .string($0) }, "since_oldest": sinceRun == nil ? nil : .bool(isOldestRun),
    ])
  }
}

extension BlameModel.Line {
  var json: ReportJSON {
    .object([
      "file": .string(file), "line": .int(line),
      "commit": commit.map { commit in
        .object(["id": commit.id.map { .string($0) }, "author": .string(commit.author), "date": .string(commit.date), "summary": .string(commit.summary)])
      },
    ])
  }
}

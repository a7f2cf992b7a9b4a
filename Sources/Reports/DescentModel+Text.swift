public import Diagnostics
public import Lineage

extension DescentModel {
  /// A table: stage by stage what came of it.
  public func render(style: TerminalStyle = .plain) -> String {
    var out = ""
    for start in starts {
      out += style.paint(start.number.map { "\(start.name):\($0)" } ?? start.name, .strong)
      if !start.key.isEmpty { out += "  " + TerminalStyle.line(start.key) }
      if start.number == nil, start.rows > 0 { out += "  " + Figures.count(start.rows, "row") }
      out += "\n"
    }
    if moreStarts > 0 { out += style.paint("… and \(Figures.count(moreStarts, "more row", "more rows"))", .faint) + "\n" }
    if starts.isEmpty { out += "no row\n" }
    if let search, search.scannedRows > 0 {
      let column = String(target.prefix { $0 != "=" }.split(separator: ":").last ?? "")
      out +=
        style.paint(
          "\(Figures.count(search.scannedRows, "row")) of \(search.scanned.joined(separator: ", ")) were read; `trace_by: [\(column)]` on the stage makes an index",
          .faint) + "\n"
    }
    let lines = stages.flatMap(lines)
    let unknown = missing.isEmpty ? "" : style.paint("not looked at, because there is no result: \(missing.joined(separator: ", ")); pipe run makes it", .faint) + "\n"
    if lines.isEmpty { return out + (starts.isEmpty || !missing.isEmpty ? "" : "  nothing was made of it\n") + unknown }
    var widths = [0, 0, 0]
    for line in lines { for place in 0..<3 { widths[place] = max(widths[place], TerminalStyle.cells(line[place])) } }
    for line in lines {
      var text = "  "
      for place in 0..<3 { text += line[place] + String(repeating: " ", count: widths[place] - TerminalStyle.cells(line[place]) + 2) }
      text += line[3]
      while text.last == " " { text.removeLast() }
      out += text + "\n"
    }
    return out + unknown
  }

  /// Stage, output, how much, where.
  private func lines(_ stage: Stage) -> [[String]] {
    var lines: [[String]] = []
    for output in stage.outputs {
      var what: [String] = []
      switch output.content {
      case .table:
        if output.rows > 0 || !output.isWhole { what.append("\(Figures.count(output.rows)) of \(Figures.count(output.total))") }
        if output.isWhole { what.append(output.through.isEmpty ? "all of it" : "made with \(output.through.joined(separator: ", "))") }
      case .file, .folder:
        what.append(
          output.through.isEmpty ? "from \(Figures.count(stage.rowsRead)) of \(Figures.count(stage.rowsIn)) rows" : "made with \(output.through.joined(separator: ", "))")
      }
      if output.unknown > 0 { what.append("\(Figures.count(output.unknown)) of unknown origin") }
      var places = output.places.map { place in
        place.file.map { "\($0):\(place.line ?? 0)" } ?? (place.key.isEmpty ? "row \(place.row)" : place.key)
      }
      if output.rows > output.places.count, !output.places.isEmpty { places.append("…") }
      if output.content != .table { places = ["sha256:\(Figures.short(output.digest))"] }
      lines.append([stage.name, output.name, what.joined(separator: ", "), places.map { TerminalStyle.line($0) }.joined(separator: "  ")])
    }
    for drop in stage.dropped { lines.append([stage.name, "left out", Figures.count(drop.rows), drop.reason]) }
    return lines
  }

  public var json: ReportJSON {
    .object([
      "schema_version": .int(reportSchemaVersion), "target": .string(target), "run": run.map { .string($0) },
      "starts": .array(
        starts.map {
          .object(["name": .string($0.name), "number": $0.number.map { .int($0) }, "key": $0.key.isEmpty ? nil : .string($0.key), "rows": .int($0.rows)])
        }), "more_starts": moreStarts > 0 ? .int(moreStarts) : nil,
      "search": search.map { search in
        .object(["indexed": .strings(search.indexed), "scanned": .strings(search.scanned), "scanned_rows": .int(search.scannedRows)])
      }, "stages": .array(stages.map(Self.json)), "missing": missing.isEmpty ? nil : .strings(missing),
    ])
  }

  private static func json(_ stage: Stage) -> ReportJSON {
    .object([
      "stage": .string(stage.name), "kind": .string(stage.kind), "rows_read": .int(stage.rowsRead), "rows_in": .int(stage.rowsIn),
      "outputs": .array(stage.outputs.map(json)),
      "left_out": stage.dropped.isEmpty ? nil : .array(stage.dropped.map { .object(["reason": .string($0.reason), "rows": .int($0.rows)]) }),
    ])
  }

  private static func json(_ output: Output) -> ReportJSON {
    .object([
      "port": .string(output.name), "content": .string(output.content.rawValue), "sha256": .string(output.digest), "rows": .int(output.rows), "total": .int(output.total),
      "whole": .bool(output.isWhole), "unknown": output.unknown > 0 ? .int(output.unknown) : nil, "through": output.through.isEmpty ? nil : .strings(output.through),
      "places": .array(
        output.places.map { place in
          .object([
            "row": .int(place.row), "key": place.key.isEmpty ? nil : .string(place.key), "file": place.file.map { .string($0) }, "line": place.line.map { .int($0) },
          ])
        }),
    ])
  }
}

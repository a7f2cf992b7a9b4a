public import Diagnostics

extension MonitorView {
  private static let barCells = 8
  // What the table takes without fields, and what a field adds.
  private static let tableCells = 76
  private static let fieldCells = 11

  /// The series as a table with small bars, and below it what drifted.
  public func render(style: TerminalStyle = .plain) -> String {
    var out = style.heading(headline) + "\n\n"
    guard !windows.isEmpty else { return style.heading("\(manifest) · \(stage)") + ": no requests\n" }
    // The interval is the first to go where there is no room.
    let hasRange = style.width.map { $0 >= Self.tableCells + Self.fieldCells * fields.count } ?? true
    var table = TextTable(
      columns: [
        .init(title: "window"), .init(title: "requests", isNumeric: true), .init(title: ""), .init(title: "errors", isNumeric: true),
        .init(title: hasRange ? "95 %" : "", isNumeric: true), .init(title: "p50 ms", isNumeric: true), .init(title: "p95", isNumeric: true),
        .init(title: "p99", isNumeric: true),
      ] + fields.map { .init(title: TerminalStyle.line($0.name), isNumeric: true) })
    let most = windows.map(\.requests).max() ?? 1
    for (index, window) in windows.enumerated() {
      var cells: [TextTable.Cell] = [
        .init(window.label), .init(Figures.count(window.requests)), .init(Self.bar(window.requests, of: most), .accent),
        .init(window.errorRate.map(Self.percent) ?? ""),
        .init(hasRange ? window.errorRange.map { "\(Self.percent($0.lowerBound))–\(Self.percent($0.upperBound))" } ?? "" : "", .faint),
      ]
      for latency in [window.latency50, window.latency95, window.latency99] { cells.append(.init(latency.map(Self.plain) ?? "")) }
      for field in fields {
        let point = field.points.first { $0.window == index }
        cells.append(.init(point.map { ($0.isDrift ? "! " : "") + Self.value($0) } ?? "", point?.isDrift ?? false ? .warning : nil))
      }
      table.rows.append(cells)
    }
    out += table.render(style)
    let drifted = fields.flatMap { field in field.points.filter(\.isDrift).map { (field: field.name, point: $0) } }.sorted { $0.point.window < $1.point.window }
    if !drifted.isEmpty {
      out += "\n"
      var list = TextTable(columns: [.init(title: ""), .init(title: ""), .init(title: ""), .init(title: ""), .init(title: "", isElastic: true)])
      for (field, point) in drifted {
        list.rows.append([
          .init("!", .warning), .init(windows[point.window].label), .init(TerminalStyle.line(field)),
          .init("\(point.method ?? "") \(Self.value(point))"), .init(TerminalStyle.line(point.words), .faint),
        ])
      }
      out += list.render(style)
    } else if !fields.isEmpty {
      out += "\n  no drift: " + fields.map { "\(TerminalStyle.line($0.name)) (\($0.points.last?.method ?? "nothing to compare"))" }.joined(separator: ", ") + "\n"
    }
    return out
  }

  /// Eighths of a cell.
  private static func bar(_ value: Int, of most: Int) -> String {
    let eighths = most == 0 ? 0 : (value * barCells * 8 + most / 2) / most
    let partial = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    return String(repeating: "█", count: eighths / 8) + partial[eighths % 8]
  }

  /// What `--json` prints.
  public var json: ReportJSON {
    .object([
      "schema_version": .int(reportSchemaVersion),
      "manifest": .string(manifest),
      "stage": .string(stage),
      "windows": .array(
        windows.map { window in
          .object([
            "window": .string(window.label), "requests": .int(window.requests), "errors": window.errors.map { .int($0) },
            "error_rate": window.errorRate.map { .double($0) }, "error_rate_low": window.errorRange.map { .double($0.lowerBound) },
            "error_rate_high": window.errorRange.map { .double($0.upperBound) }, "latency_p50": window.latency50.map { .double($0) },
            "latency_p95": window.latency95.map { .double($0) }, "latency_p99": window.latency99.map { .double($0) },
          ])
        }),
      "fields": .array(
        fields.map { field in
          .object([
            "field": .string(field.name),
            "points": .array(
              field.points.map { point in
                .object([
                  "window": .string(windows[point.window].label), "method": point.method.map { .string($0) }, "value": point.value.map { .double($0) },
                  "psi": point.psi.map { .double($0) }, "threshold": point.threshold.map { .double($0) }, "drifted": .bool(point.isDrift),
                  "count": .int(point.count), "missing": .int(point.missing),
                ])
              }),
          ])
        }),
    ])
  }
}

extension MonitorView {
  /// The series as one page that needs nothing else: no fonts, no network. Every point is in the tables, too, and can be reached with the
  /// keyboard.
  public var html: String {
    PageFrame(
      title: stage, subtitle: manifest, body: "<section aria-label=\"Production\">\n" + sections(heading: 2) + "</section>\n"
    ).html
  }

  /// A plot and a table for each series.
  func sections(heading: Int) -> String {
    var body = "<p>\(HTMLText.escaped(headline)).</p>\n"
    guard !windows.isEmpty else { return body }
    var plots = [
      SeriesPlot(
        title: "Requests", unit: "", labels: windows.map(\.label), shape: .bars,
        lines: [.init(name: "requests", values: windows.map { Double($0.requests) }, texts: windows.map { Figures.count($0.requests) })])
    ]
    if windows.contains(where: { $0.errorRate != nil }) {
      plots.append(
        SeriesPlot(
          title: "Errors", unit: "%", labels: windows.map(\.label), shape: .lines,
          lines: [
            .init(
              name: "error rate", values: windows.map { $0.errorRate.map { $0 * 100 } },
              texts: windows.map { window in
                guard let rate = window.errorRate else { return "" }
                return Self.percent(rate) + (window.errorRange.map { " (95 %: \(Self.percent($0.lowerBound)) to \(Self.percent($0.upperBound)))" } ?? "")
              }, ranges: windows.map { $0.errorRange.map { ($0.lowerBound * 100)...($0.upperBound * 100) } })
          ]))
    }
    if windows.contains(where: { $0.latency50 != nil }) {
      func line(_ name: String, _ value: (Window) -> Double?) -> SeriesPlot.Line {
        .init(name: name, values: windows.map(value), texts: windows.map { value($0).map { Self.plain($0) + " ms" } ?? "" })
      }
      plots.append(
        SeriesPlot(
          title: "Latency", unit: "ms", labels: windows.map(\.label), shape: .lines,
          lines: [line("p50", { $0.latency50 }), line("p95", { $0.latency95 }), line("p99", { $0.latency99 })]))
    }
    plots += fields.map(plot)
    body += "<div class=\"plots\">\n" + plots.map { $0.html(heading: heading) }.joined() + "</div>\n"
    return body
  }

  /// A field's population stability index, which all methods share; drift is what its own method calls so.
  private func plot(_ field: Field) -> SeriesPlot {
    var values: [Double?] = Array(repeating: nil, count: windows.count)
    var texts = Array(repeating: "", count: windows.count)
    var marks = Array(repeating: false, count: windows.count)
    for point in field.points {
      values[point.window] = point.psi
      marks[point.window] = point.isDrift
      texts[point.window] =
        "\(point.method ?? "") \(Self.value(point))\(point.isDrift ? " drift" : ""), PSI \(point.psi.map(Self.plain) ?? "–")"
        + (point.words.isEmpty ? "" : ": \(point.words)")
    }
    return SeriesPlot(
      title: "Drift of \(field.name)", unit: "PSI", labels: windows.map(\.label), shape: .bars,
      lines: [.init(name: "PSI", values: values, texts: texts, marks: marks)])
  }
}

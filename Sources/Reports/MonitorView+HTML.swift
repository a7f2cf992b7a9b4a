extension MonitorView {
  /// The series as one page that needs nothing else: no scripts, no fonts, no network. Every point is in the tables, too, and can be reached
  /// with the keyboard.
  public var html: String {
    var body = "<h1>\(HTMLText.escaped(stage)) <small>\(HTMLText.escaped(manifest))</small></h1>\n<p>\(HTMLText.escaped(headline)).</p>\n"
    if !windows.isEmpty {
      body +=
        SeriesPlot(
          title: "Requests", unit: "", labels: windows.map(\.label), shape: .bars,
          lines: [.init(name: "requests", values: windows.map { Double($0.requests) }, texts: windows.map { Figures.count($0.requests) })]
        ).html
      if windows.contains(where: { $0.errorRate != nil }) {
        body +=
          SeriesPlot(
            title: "Errors", unit: "%", labels: windows.map(\.label), shape: .lines,
            lines: [
              .init(
                name: "error rate", values: windows.map { $0.errorRate.map { $0 * 100 } },
                texts: windows.map { window in
                  guard let rate = window.errorRate else { return "" }
                  return Self.percent(rate) + (window.errorRange.map { " (95 %: \(Self.percent($0.lowerBound)) to \(Self.percent($0.upperBound)))" } ?? "")
                }, ranges: windows.map { $0.errorRange.map { ($0.lowerBound * 100)...($0.upperBound * 100) } })
            ]
          ).html
      }
      if windows.contains(where: { $0.latency50 != nil }) {
        func line(_ name: String, _ value: (Window) -> Double?) -> SeriesPlot.Line {
          .init(name: name, values: windows.map(value), texts: windows.map { value($0).map { Self.plain($0) + " ms" } ?? "" })
        }
        body +=
          SeriesPlot(
            title: "Latency", unit: "ms", labels: windows.map(\.label), shape: .lines,
            lines: [line("p50", { $0.latency50 }), line("p95", { $0.latency95 }), line("p99", { $0.latency99 })]
          ).html
      }
      for field in fields { body += plot(field).html }
    }
    return HTMLText.page(title: "\(stage) · \(manifest)", body: body)
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

/// A plot of some series over the same windows, with its figures as a table.
struct SeriesPlot {
  struct Line {
    var name: String
    var values: [Double?]
    var texts: [String]
    var marks: [Bool] = []
    var ranges: [ClosedRange<Double>?] = []
  }

  enum Shape {
    case bars, lines
  }

  var title: String
  var unit: String
  var labels: [String]
  var shape: Shape
  var lines: [Line]

  private static let width = 720.0
  private static let height = 180.0
  private static let left = 56.0
  private static let top = 12.0
  private static let bottom = 28.0
  // More labels than this run into each other.
  private static let labelCount = 10

  var html: String {
    var svg = ""
    // A window of three requests has an interval as high as the page: the middle one of all counts.
    let bounds = lines.flatMap(\.ranges).compactMap { $0?.upperBound }.sorted()
    let highest = max(lines.flatMap(\.values).compactMap { $0 }.max() ?? 0, bounds.isEmpty ? 0 : bounds[bounds.count / 2])
    let (ceiling, ticks) = Self.scale(highest)
    let plotHeight = Self.height - Self.top - Self.bottom
    let step = (Self.width - Self.left - 8) / Double(max(labels.count, 1))
    func x(_ index: Int) -> Double { Self.left + (Double(index) + 0.5) * step }
    func y(_ value: Double) -> Double { Self.top + plotHeight * (1 - min(value, ceiling) / ceiling) }
    for tick in 0...ticks {
      let value = ceiling * Double(tick) / Double(ticks)
      svg += "<line class=\"grid\" x1=\"\(Self.n(Self.left))\" x2=\"\(Self.n(Self.width - 8))\" y1=\"\(Self.n(y(value)))\" y2=\"\(Self.n(y(value)))\"/>"
      svg += "<text class=\"axis\" text-anchor=\"end\" x=\"\(Self.n(Self.left - 6))\" y=\"\(Self.n(y(value) + 4))\">\(Self.tick(value, ceiling))</text>\n"
    }
    let every = (labels.count + Self.labelCount - 1) / Self.labelCount
    for (index, label) in labels.enumerated() where index % max(every, 1) == 0 {
      svg += "<text class=\"axis\" text-anchor=\"middle\" x=\"\(Self.n(x(index)))\" y=\"\(Self.n(Self.height - 8))\">\(HTMLText.escaped(label))</text>\n"
    }
    for (number, line) in lines.enumerated() {
      let tone = "s\(number + 1)"
      var path = ""
      var isOpen = false
      for (index, value) in line.values.enumerated() {
        guard let value else {
          isOpen = false
          continue
        }
        let said = HTMLText.escaped("\(labels[index]) \(line.name): \(line.texts[index])")
        let isMarked = index < line.marks.count && line.marks[index]
        if shape == .bars {
          let height = max(1, Self.top + plotHeight - y(value))
          svg +=
            "<rect class=\"\(isMarked ? "mark" : tone)\" tabindex=\"0\" role=\"img\" aria-label=\"\(said)\" x=\"\(Self.n(x(index) - step * 0.35))\" y=\"\(Self.n(Self.top + plotHeight - height))\" width=\"\(Self.n(step * 0.7))\" height=\"\(Self.n(height))\"><title>\(said)</title></rect>\n"
        } else {
          if index < line.ranges.count, let range = line.ranges[index] {
            svg +=
              "<line class=\"range \(tone)\" x1=\"\(Self.n(x(index)))\" x2=\"\(Self.n(x(index)))\" y1=\"\(Self.n(y(range.lowerBound)))\" y2=\"\(Self.n(y(range.upperBound)))\"/>\n"
          }
          path += "\(isOpen ? "L" : "M")\(Self.n(x(index))) \(Self.n(y(value)))"
          isOpen = true
          svg +=
            "<circle class=\"\(tone)\" tabindex=\"0\" role=\"img\" aria-label=\"\(said)\" cx=\"\(Self.n(x(index)))\" cy=\"\(Self.n(y(value)))\" r=\"4\"><title>\(said)</title></circle>\n"
        }
      }
      if !path.isEmpty { svg += "<path class=\"line \(tone)\" d=\"\(path)\"/>\n" }
    }
    var legend = ""
    if lines.count > 1 {
      legend = "<p class=\"legend\">" + lines.enumerated().map { "<span class=\"key s\($0 + 1)\"></span>\(HTMLText.escaped($1.name))" }.joined(separator: " ") + "</p>\n"
    }
    let heading = HTMLText.escaped(title) + (unit.isEmpty ? "" : " <small>\(HTMLText.escaped(unit))</small>")
    return """
      <section>
      <h2>\(heading)</h2>
      \(legend)<svg viewBox="0 0 \(Self.n(Self.width)) \(Self.n(Self.height))" role="group" aria-label="\(HTMLText.escaped(title))">
      \(svg)</svg>
      \(table)</section>

      """
  }

  private var table: String {
    var out = "<details><summary>Figures</summary><table><thead><tr><th scope=\"col\">window</th>"
    for line in lines { out += "<th scope=\"col\">\(HTMLText.escaped(line.name))</th>" }
    out += "</tr></thead><tbody>\n"
    for (index, label) in labels.enumerated() {
      out += "<tr><th scope=\"row\">\(HTMLText.escaped(label))</th>"
      for line in lines {
        let isMarked = index < line.marks.count && line.marks[index]
        out += "<td\(isMarked ? " class=\"marked\"" : "")>\(HTMLText.escaped(line.texts[index]))</td>"
      }
      out += "</tr>\n"
    }
    return out + "</tbody></table></details>\n"
  }

  /// 1, 2, 2.5 or 5 times a power of ten, and how many steps of round numbers lead there.
  private static func scale(_ highest: Double) -> (ceiling: Double, steps: Int) {
    guard highest > 0 else { return (1, 4) }
    var power = 1.0
    while power * 10 <= highest { power *= 10 }
    while power > highest { power /= 10 }
    for (factor, steps) in [(1.0, 5), (2, 4), (2.5, 5), (5, 5)] where power * factor >= highest { return (power * factor, steps) }
    return (power * 10, 5)
  }

  private static func tick(_ value: Double, _ ceiling: Double) -> String {
    if ceiling >= 100 { return Figures.count(Int(value.rounded())) }
    return Figures.decimal(value, digits: ceiling >= 10 ? 1 : ceiling >= 1 ? 2 : 3)
  }

  /// A coordinate: a tenth of a unit is finer than any screen.
  private static func n(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths.magnitude % 10)"
  }
}

/// Text inside pages.
enum HTMLText {
  static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  static func page(title: String, body: String) -> String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>\(escaped(title))</title>
    <style>
    :root { --ground: #fff; --ink: #1c1f24; --faint: #68707c; --grid: #e3e6ea; --one: #2f6fb3; --two: #b3722f; --three: #7a4fa3; --mark: #c0392b; }
    @media (prefers-color-scheme: dark) {
      :root { --ground: #16181c; --ink: #e6e8eb; --faint: #9aa2ad; --grid: #2c3036; --one: #6aa9e9; --two: #e0a35a; --three: #b48be0; --mark: #ff7a6b; }
    }
    body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
    h1, h2 { line-height: 1.2; } h1 { font-size: 1.6rem; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .3rem; }
    small, summary, .legend { color: var(--faint); font-weight: normal; }
    section { break-inside: avoid; }
    svg { display: block; width: 100%; height: auto; }
    .grid { stroke: var(--grid); } .axis { fill: var(--faint); font-size: 11px; }
    rect.s1, circle.s1 { fill: var(--one); } circle.s2 { fill: var(--two); } circle.s3 { fill: var(--three); } rect.mark { fill: var(--mark); }
    .line { fill: none; stroke-width: 2; } .range { stroke-width: 1.5; opacity: .6; }
    .line.s1, .range.s1 { stroke: var(--one); } .line.s2 { stroke: var(--two); } .line.s3 { stroke: var(--three); }
    .key { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin: 0 .35em 0 .8em; }
    .key.s1 { background: var(--one); } .key.s2 { background: var(--two); } .key.s3 { background: var(--three); }
    [tabindex]:focus-visible { outline: 2px solid var(--ink); outline-offset: 2px; }
    table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
    th, td { text-align: left; padding: .15rem 1rem .15rem 0; border-bottom: 1px solid var(--grid); } td.marked { color: var(--mark); }
    @media print { body { margin: 0; max-width: none; } details > table { display: table; } summary { display: none; } details::details-content { content-visibility: visible; } }
    </style>
    </head>
    <body>
    <main>
    \(body)</main>
    </body>
    </html>

    """
  }
}

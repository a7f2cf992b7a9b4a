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

  /// - Parameter level: of its heading.
  func html(heading level: Int) -> String {
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
      <div class="plot">
      <h\(level)>\(heading)</h\(level)>
      \(legend)<svg viewBox="0 0 \(Self.n(Self.width)) \(Self.n(Self.height))" role="group" aria-label="\(HTMLText.escaped(title))">
      \(svg)</svg>
      \(table)</div>

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

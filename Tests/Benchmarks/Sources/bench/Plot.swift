import Foundation

/// Draws `Results/scale.csv` as an SVG: a panel per thing that grows, both axes logarithmic; seconds of processors, which other work on the
/// machine hardly changes.
///
///     bench plot Results/scale.csv ../../Docs/scale.svg
enum Plot {
  private struct Point {
    let panel: String
    let series: String
    let size: Double
    let seconds: Double
  }

  static func run(_ arguments: [String]) throws {
    guard arguments.count == 2 else { throw BenchError.unusable("plot wants CSV SVG") }
    let points = try String(contentsOfFile: arguments[0], encoding: .utf8).split(separator: "\n").dropFirst().compactMap { line -> Point? in
      let cells = line.split(separator: ",").map(String.init)
      guard cells.count >= 5, let size = Double(cells[2]), let seconds = Double(cells[4]) else { return nil }
      return Point(panel: cells[0], series: cells[1], size: size, seconds: seconds)
    }
    var panels: [String] = []
    for point in points where !panels.contains(point.panel) { panels.append(point.panel) }
    var svg = """
      <svg xmlns="http://www.w3.org/2000/svg" width="900" height="\(40 + (panels.count + 1) / 2 * 300)" font-family="sans-serif" font-size="12">
      <rect width="100%" height="100%" fill="#fff"/>

      """
    for (number, panel) in panels.enumerated() {
      svg += draw(points.filter { $0.panel == panel }, panel, x: Double(number % 2) * 450 + 60, y: Double(number / 2) * 300 + 40)
    }
    try (svg + "</svg>\n").write(toFile: arguments[1], atomically: true, encoding: .utf8)
  }

  private static let colours = ["#1b6ca8", "#c0392b", "#2e8b57", "#8e6c00"]
  private static let size = (width: 350.0, height: 210.0)

  private static func draw(_ points: [Point], _ panel: String, x: Double, y: Double) -> String {
    let low = floor(log10(points.map(\.seconds).min() ?? 0.01))
    let high = max(ceil(log10(points.map(\.seconds).max() ?? 1)), low + 1)
    let left = floor(log10(points.map(\.size).min() ?? 1))
    let right = max(ceil(log10(points.map(\.size).max() ?? 10)), left + 1)
    func across(_ value: Double) -> Double { x + (log10(value) - left) / (right - left) * size.width }
    func down(_ value: Double) -> Double { y + size.height - (log10(value) - low) / (high - low) * size.height }
    func number(_ value: Double) -> String { String(format: "%.1f", value) }
    var out = "<text x=\"\(number(x))\" y=\"\(number(y - 12))\" font-weight=\"bold\">\(panel) (seconds of processors)</text>\n"
    for exponent in Int(low)...Int(high) {
      let at = down(pow(10, Double(exponent)))
      let label = exponent < 0 ? "\(Int(pow(10, Double(exponent + 3)).rounded())) ms" : "\(Int(pow(10, Double(exponent)))) s"
      out += "<line x1=\"\(number(x))\" y1=\"\(number(at))\" x2=\"\(number(x + size.width))\" y2=\"\(number(at))\" stroke=\"#ddd\"/>\n"
      out += "<text x=\"\(number(x - 6))\" y=\"\(number(at + 4))\" text-anchor=\"end\">\(label)</text>\n"
    }
    for exponent in Int(left)...Int(right) {
      let at = across(pow(10, Double(exponent)))
      out += "<line x1=\"\(number(at))\" y1=\"\(number(y))\" x2=\"\(number(at))\" y2=\"\(number(y + size.height))\" stroke=\"#eee\"/>\n"
      out += "<text x=\"\(number(at))\" y=\"\(number(y + size.height + 16))\" text-anchor=\"middle\">\(grouped(Int(pow(10, Double(exponent)))))</text>\n"
    }
    var series: [String] = []
    for point in points where !series.contains(point.series) { series.append(point.series) }
    for (place, name) in series.enumerated() {
      let own = points.filter { $0.series == name }.sorted { $0.size < $1.size }
      let line = own.map { "\(number(across($0.size))),\(number(down($0.seconds)))" }.joined(separator: " ")
      out += "<polyline points=\"\(line)\" fill=\"none\" stroke=\"\(colours[place % colours.count])\" stroke-width=\"2\"/>\n"
      for point in own {
        out += "<circle cx=\"\(number(across(point.size)))\" cy=\"\(number(down(point.seconds)))\" r=\"3\" fill=\"\(colours[place % colours.count])\"/>\n"
      }
      out += "<text x=\"\(number(x + 10))\" y=\"\(number(y + 14 + Double(place) * 15))\" fill=\"\(colours[place % colours.count])\">\(name)</text>\n"
    }
    return out
  }

  private static func grouped(_ value: Int) -> String {
    var text = String(value)
    var at = text.count - 3
    while at > 0 {
      text.insert(",", at: text.index(text.startIndex, offsetBy: at))
      at -= 3
    }
    return text
  }
}

internal import Lineage

/// A run's graph as SVG: stages as boxes from left to right, each a button that says what became of it.
///
/// The places are there as numbers too (`data-l`, `data-o`, `data-r`): on a narrow screen the page draws the same graph from top to bottom.
struct GraphDrawing {
  static let nodeWidth = 184.0
  static let nodeHeight = 58.0
  static let layerStep = 228.0
  static let offsetStep = 78.0
  private static let margin = 16.0
  private static let nameLength = 20

  private let stages: [RunPage.Stage]
  private let edges: [(from: Int, to: Int)]
  private let layout: GraphLayout

  init(_ stages: [RunPage.Stage]) {
    self.stages = stages
    var edges: [(from: Int, to: Int)] = []
    for (to, stage) in stages.enumerated() {
      var met: Set<Int> = []
      for input in stage.inputs { if let from = input.stage, from < to, met.insert(from).inserted { edges.append((from, to)) } }
    }
    self.edges = edges
    layout = GraphLayout(nodeCount: stages.count, edges: edges)
  }

  var width: Double { Double(max(layout.layerCount - 1, 0)) * Self.layerStep + Self.nodeWidth + 2 * Self.margin }
  var height: Double { layout.breadth * Self.offsetStep + Self.nodeHeight + 2 * Self.margin }

  var svg: String {
    var out =
      "<svg id=\"graph\" viewBox=\"0 0 \(HTMLText.number(width)) \(HTMLText.number(height))\" role=\"group\" aria-label=\"Graph of \(Figures.count(stages.count, "stage")); arrow keys move, Enter opens\" data-layers=\"\(layout.layerCount)\" data-breadth=\"\(HTMLText.number(layout.breadth))\">\n"
    out +=
      "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerUnits=\"userSpaceOnUse\" markerWidth=\"10\" markerHeight=\"10\" orient=\"auto-start-reverse\"><path d=\"M0 0.8 7.2 4 0 7.2Z\"/></marker></defs>\n"
    out += "<g class=\"edges\" aria-hidden=\"true\">\n"
    for (edge, route) in zip(edges, layout.routes) {
      let places = route.map { "\($0.layer),\(HTMLText.number($0.offset))" }.joined(separator: " ")
      out += "<path class=\"edge\" data-a=\"\(edge.from)\" data-b=\"\(edge.to)\" data-r=\"\(places)\" d=\"\(path(route))\"/>\n"
    }
    out += "</g>\n<g class=\"nodes\">\n"
    for index in stages.indices { out += node(index) }
    return out + "</g>\n</svg>"
  }

  private func x(_ layer: Int) -> Double { Self.margin + Double(layer) * Self.layerStep }
  private func y(_ offset: Double) -> Double { Self.margin + offset * Self.offsetStep + Self.nodeHeight / 2 }

  private func path(_ route: [GraphLayout.Point]) -> String {
    guard let first = route.first else { return "" }
    var out = "M\(HTMLText.number(x(first.layer) + Self.nodeWidth)) \(HTMLText.number(y(first.offset)))"
    var at = (x: x(first.layer) + Self.nodeWidth, y: y(first.offset))
    for (index, point) in route.enumerated().dropFirst() {
      let end = (x: x(point.layer), y: y(point.offset))
      let bend = (end.x - at.x) / 2
      out +=
        "C\(HTMLText.number(at.x + bend)) \(HTMLText.number(at.y)) \(HTMLText.number(end.x - bend)) \(HTMLText.number(end.y)) \(HTMLText.number(end.x)) \(HTMLText.number(end.y))"
      at = end
      if index < route.count - 1 {
        at.x += Self.nodeWidth
        out += "H\(HTMLText.number(at.x))"
      }
    }
    return out
  }

  private func node(_ index: Int) -> String {
    let stage = stages[index]
    let point = layout.nodes[index]
    let isWarned = stage.checks.contains { $0.verdict == .failed || $0.verdict == .error }
    let classes = ["node", stage.status.rawValue, stage.isFile ? "file" : nil, isWarned ? "warned" : nil].compactMap { $0 }.joined(separator: " ")
    let place = "translate(\(HTMLText.number(x(point.layer))) \(HTMLText.number(y(point.offset) - Self.nodeHeight / 2)))"
    var out =
      "<g class=\"\(classes)\" id=\"s-\(index)\" role=\"button\" tabindex=\"\(index == 0 ? 0 : -1)\" data-l=\"\(point.layer)\" data-o=\"\(HTMLText.number(point.offset))\" transform=\"\(place)\" aria-label=\"\(HTMLText.escaped(said(stage)))\">"
    out += "<title>\(HTMLText.escaped(stage.name))</title>"
    out += "<rect class=\"box\" width=\"\(HTMLText.number(Self.nodeWidth))\" height=\"\(HTMLText.number(Self.nodeHeight))\" rx=\"\(stage.isFile ? 16 : 7)\"/>"
    if !stage.isFile { out += "<rect class=\"tone\" width=\"5\" height=\"\(HTMLText.number(Self.nodeHeight))\" rx=\"2.5\"/>" }
    out += "<text class=\"name\" x=\"16\" y=\"24\">\(HTMLText.escaped(Self.short(stage.isFile ? Self.lastPart(stage.name) : stage.name)))</text>"
    out += "<text class=\"sub\" x=\"16\" y=\"43\">\(HTMLText.escaped(Self.short(subtitle(stage), to: 26)))</text>"
    if isWarned || stage.status == .failed {
      out +=
        "<text class=\"flag\" x=\"\(HTMLText.number(Self.nodeWidth - 12))\" y=\"24\" text-anchor=\"end\">\(stage.status == .failed ? "✕" : "!")</text>"
    }
    // How much of what came in went out.
    if !stage.isFile, let rowsIn = stage.rowsIn, rowsIn > 0, case let dropped = stage.drops.reduce(0, { $0 + $1.rows }), dropped > 0 {
      let width = Self.nodeWidth - 32
      let kept = width * (1 - min(1, Double(dropped) / Double(rowsIn)))
      out += "<rect class=\"lost\" x=\"16\" y=\"50\" width=\"\(HTMLText.number(width))\" height=\"3\" rx=\"1.5\"/>"
      out += "<rect class=\"kept\" x=\"16\" y=\"50\" width=\"\(HTMLText.number(kept))\" height=\"3\" rx=\"1.5\"/>"
    }
    return out + "</g>\n"
  }

  private func subtitle(_ stage: RunPage.Stage) -> String {
    let rows = stage.rowsOut.map { Figures.count($0, "row") }
    if stage.isFile { return ["file", rows].compactMap { $0 }.joined(separator: " · ") }
    switch stage.status {
    case .ran, .cached: return [stage.kind, (stage.rowsOut ?? 0) > 0 ? rows : nil].compactMap { $0 }.joined(separator: " · ")
    case .failed: return "\(stage.kind) · failed"
    case .skipped: return "\(stage.kind) · not selected"
    case .notRun: return "\(stage.kind) · not run"
    }
  }

  /// What a screen reader says.
  private func said(_ stage: RunPage.Stage) -> String {
    var parts = [stage.name, stage.isFile ? "file" : stage.kind, stage.status.rawValue.replacing("-", with: " ") + (stage.why.isEmpty ? "" : ": \(stage.why)")]
    if let rows = stage.rowsIn, !stage.isFile { parts.append("\(Figures.count(rows)) rows in") }
    if let rows = stage.rowsOut { parts.append("\(Figures.count(rows)) out") }
    let failed = stage.checks.count { $0.verdict == .failed || $0.verdict == .error }
    if failed > 0 { parts.append(Figures.count(failed, "check does", "checks do") + " not hold") }
    return parts.joined(separator: ", ")
  }

  private static func lastPart(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

  private static func short(_ text: String, to length: Int = nameLength) -> String { text.count <= length ? text : text.prefix(length - 1) + "…" }
}

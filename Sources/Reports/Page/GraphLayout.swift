/// A layered drawing of a graph without cycles: what is read stands before what reads it, with few crossings.
///
/// Layers by longest ways, long edges through points of their own, order by barycentres, offsets by least squares (Sugiyama, Tagawa, Toda
/// 1981; the pooling of Gansner et al. 1993 is done exactly, by adjacent violators). Equal graphs give equal drawings.
struct GraphLayout {
  /// A place in the drawing: which layer, and how far along it; nodes of a layer are at least 1 apart.
  struct Point: Equatable {
    var layer: Int
    var offset: Double
  }

  private(set) var nodes: [Point] = []
  /// By edge, the points it goes through, both ends included.
  private(set) var routes: [[Point]] = []
  private(set) var layerCount = 0
  /// Offsets lie between 0 and this.
  private(set) var breadth = 0.0

  // Beyond it, edges are drawn straight: nobody follows one of ten thousand lines.
  private static let maximumPoints = 12_000
  private static let orderingRounds = 12
  private static let placingRounds = 8

  /// - Parameter edges: from a node to one that reads it; each leads from a smaller number to a larger one.
  init(nodeCount: Int, edges: [(from: Int, to: Int)]) {
    guard nodeCount > 0 else {
      routes = edges.map { _ in [] }
      return
    }
    var layers = Self.layers(nodeCount, edges)
    layerCount = (layers.max() ?? 0) + 1
    let span = edges.reduce(0) { $0 + layers[$1.to] - layers[$1.from] - 1 }
    let goesThrough = span <= Self.maximumPoints
    // Points between: real nodes first, then those of long edges.
    var ways: [[Int]] = []
    var isNode = Array(repeating: true, count: nodeCount)
    for edge in edges {
      var way = [edge.from]
      if goesThrough, layers[edge.to] - layers[edge.from] > 1 {
        for layer in (layers[edge.from] + 1)..<layers[edge.to] {
          way.append(layers.count)
          layers.append(layer)
          isNode.append(false)
        }
      }
      way.append(edge.to)
      ways.append(way)
    }
    var before = Array(repeating: [Int](), count: layers.count)
    var after = before
    for way in ways {
      for (a, b) in zip(way, way.dropFirst()) where layers[b] == layers[a] + 1 {
        after[a].append(b)
        before[b].append(a)
      }
    }
    let order = Self.order(layers, layerCount, before, after)
    let offsets = Self.offsets(order, isNode, before, after)
    breadth = offsets.max() ?? 0
    nodes = (0..<nodeCount).map { Point(layer: layers[$0], offset: offsets[$0]) }
    routes = ways.map { way in way.map { Point(layer: layers[$0], offset: offsets[$0]) } }
  }

  // MARK: layers

  private static func layers(_ count: Int, _ edges: [(from: Int, to: Int)]) -> [Int] {
    var layers = Array(repeating: 0, count: count)
    var outgoing = Array(repeating: [Int](), count: count)
    var hasInput = Array(repeating: false, count: count)
    for edge in edges {
      outgoing[edge.from].append(edge.to)
      hasInput[edge.to] = true
    }
    for node in 0..<count { for next in outgoing[node] { layers[next] = max(layers[next], layers[node] + 1) } }
    // A source stands right before the first that reads it.
    for node in 0..<count where !hasInput[node] { if let first = outgoing[node].map({ layers[$0] }).min() { layers[node] = first - 1 } }
    return layers
  }

  // MARK: order

  private static func order(_ layers: [Int], _ count: Int, _ before: [[Int]], _ after: [[Int]]) -> [[Int]] {
    var order = Array(repeating: [Int](), count: count)
    // As a walk from the sources meets them: what belongs together starts together.
    var isMet = Array(repeating: false, count: layers.count)
    for start in layers.indices where before[start].isEmpty {
      var open = [start]
      while let point = open.popLast() {
        if isMet[point] { continue }
        isMet[point] = true
        order[layers[point]].append(point)
        open += after[point].reversed()
      }
    }
    var best = order
    var fewest = crossings(order, after)
    for round in 0..<orderingRounds where fewest > 0 {
      if round % 2 == 0 {
        for layer in 1..<max(count, 1) { sort(&order[layer], by: before, in: order[layer - 1]) }
      } else {
        for layer in (0..<max(count - 1, 0)).reversed() { sort(&order[layer], by: after, in: order[layer + 1]) }
      }
      let found = crossings(order, after)
      if found < fewest { (best, fewest) = (order, found) }
    }
    return best
  }

  /// Sorts a layer by the middle of each point's neighbours; a point without any keeps its place.
  private static func sort(_ layer: inout [Int], by neighbours: [[Int]], in fixed: [Int]) {
    var places: [Int: Int] = [:]
    for (place, point) in fixed.enumerated() { places[point] = place }
    let weights = layer.enumerated().map { own, point -> (weight: Double, own: Int, point: Int) in
      let found = neighbours[point].compactMap { places[$0] }
      let weight = found.isEmpty ? Double(own) * Double(fixed.count) / Double(max(layer.count, 1)) : Double(found.reduce(0, +)) / Double(found.count)
      return (weight, own, point)
    }
    layer = weights.sorted { ($0.weight, $0.own) < ($1.weight, $1.own) }.map(\.point)
  }

  /// How many pairs of edges between neighbouring layers cross.
  private static func crossings(_ order: [[Int]], _ after: [[Int]]) -> Int {
    var total = 0
    for (here, next) in zip(order, order.dropFirst()) {
      var places: [Int: Int] = [:]
      for (place, point) in next.enumerated() { places[point] = place }
      // Counted with a tree of sums: edges to the right of one, met before it, cross it.
      var tree = Array(repeating: 0, count: next.count + 1)
      var met = 0
      for point in here {
        let ends = after[point].compactMap { places[$0] }
        for end in ends {
          var below = 0
          var at = end + 1
          while at > 0 {
            below += tree[at]
            at -= at & -at
          }
          total += met - below
        }
        for end in ends {
          var at = end + 1
          while at <= next.count {
            tree[at] += 1
            at += at & -at
          }
          met += 1
        }
      }
    }
    return total
  }

  // MARK: offsets

  private static func offsets(_ order: [[Int]], _ isNode: [Bool], _ before: [[Int]], _ after: [[Int]]) -> [Double] {
    // A line needs less room than a node.
    func gap(_ a: Int, _ b: Int) -> Double { isNode[a] && isNode[b] ? 1 : isNode[a] || isNode[b] ? 0.75 : 0.35 }
    var offsets = Array(repeating: 0.0, count: isNode.count)
    for layer in order {
      for (place, point) in layer.enumerated() where place > 0 { offsets[point] = offsets[layer[place - 1]] + gap(layer[place - 1], point) }
    }
    func settle(_ layer: [Int], _ neighbours: [[Int]]) {
      guard let first = layer.first else { return }
      // With the gaps taken out, an order has to hold and nothing else: isotonic least squares.
      var shift = 0.0
      var blocks: [(sum: Double, count: Double, points: Int)] = []
      var shifts: [Double] = []
      var last = first
      for (place, point) in layer.enumerated() {
        if place > 0 { shift += gap(last, point) }
        last = point
        shifts.append(shift)
        let near = neighbours[point]
        let wish = near.isEmpty ? offsets[point] : near.reduce(0) { $0 + offsets[$1] } / Double(near.count)
        blocks.append((wish - shift, 1, 1))
        while blocks.count > 1, blocks[blocks.count - 2].sum / blocks[blocks.count - 2].count > blocks[blocks.count - 1].sum / blocks[blocks.count - 1].count {
          let top = blocks.removeLast()
          blocks[blocks.count - 1].sum += top.sum
          blocks[blocks.count - 1].count += top.count
          blocks[blocks.count - 1].points += top.points
        }
      }
      var place = 0
      for block in blocks {
        for _ in 0..<block.points {
          offsets[layer[place]] = block.sum / block.count + shifts[place]
          place += 1
        }
      }
    }
    let both = zip(before, after).map { $0 + $1 }
    for round in 0..<placingRounds {
      if round == placingRounds - 1 {
        for layer in order { settle(layer, both) }
      } else if round % 2 == 0 {
        for layer in order.dropFirst() { settle(layer, before) }
      } else {
        for layer in order.dropLast().reversed() { settle(layer, after) }
      }
    }
    let least = offsets.min() ?? 0
    return offsets.map { $0 - least }
  }
}

import Testing

@testable import Reports

@Suite struct GraphLayoutTests {
  @Test func aChainIsALine() {
    let layout = GraphLayout(nodeCount: 3, edges: [(0, 1), (1, 2)])
    #expect(layout.nodes == [.init(layer: 0, offset: 0), .init(layer: 1, offset: 0), .init(layer: 2, offset: 0)])
    #expect(layout.layerCount == 3)
    #expect(layout.breadth == 0)
  }

  @Test func aLongEdgeGoesRoundWhatStandsBetween() {
    // 0 → 1 → 2 and 0 → 2.
    let layout = GraphLayout(nodeCount: 3, edges: [(0, 1), (1, 2), (0, 2)])
    #expect(layout.routes[2].count == 3)
    #expect((layout.routes[2][1].offset - layout.nodes[1].offset).magnitude >= 0.74)
  }

  @Test func aSourceStandsRightBeforeItsReader() {
    let layout = GraphLayout(nodeCount: 4, edges: [(0, 2), (2, 3), (1, 3)])
    #expect(layout.nodes.map(\.layer) == [0, 1, 1, 2])
  }

  @Test func twoPairsDoNotCross() {
    let layout = GraphLayout(nodeCount: 4, edges: [(0, 3), (1, 2)])
    #expect((layout.nodes[0].offset < layout.nodes[1].offset) == (layout.nodes[3].offset < layout.nodes[2].offset))
  }

  @Test func nodesOfALayerNeverOverlap() {
    var seed: UInt64 = 7
    func random(_ limit: Int) -> Int {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(seed >> 33) % limit
    }
    let count = 500
    var edges: [(from: Int, to: Int)] = []
    for to in 1..<count { for _ in 0..<(1 + random(3)) { edges.append((max(0, to - 1 - random(40)), to)) } }
    let layout = GraphLayout(nodeCount: count, edges: edges)
    for edge in edges { #expect(layout.nodes[edge.from].layer < layout.nodes[edge.to].layer) }
    let layers = Dictionary(grouping: layout.nodes, by: \.layer)
    for layer in layers.values {
      let offsets = layer.map(\.offset).sorted()
      for (a, b) in zip(offsets, offsets.dropFirst()) { #expect(b - a > 0.999) }
    }
    let again = GraphLayout(nodeCount: count, edges: edges)
    #expect(again.nodes == layout.nodes)
    #expect(again.routes == layout.routes)
  }

  @Test func nothingIsNothing() {
    let layout = GraphLayout(nodeCount: 0, edges: [])
    #expect(layout.nodes.isEmpty)
    #expect(layout.layerCount == 0)
  }
}

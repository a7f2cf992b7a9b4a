import Engine
import Reports

extension TraceView {
  init(_ node: TraceNode, _ pipeline: Pipeline) {
    // A path that is used as a table is a stage of the engine's; people know the line of the file.
    if case .row(let stage, _, _) = node.place, node.parents.count == 1, case .line = node.parents[0].place,
      pipeline.graph.stages.contains(where: { $0.isImplicit && ($0.name == stage || $0.desc == stage) })
    {
      self.init(node.parents[0], pipeline)
      return
    }
    self.init(
      place: Self.place(node.place, pipeline), label: node.label, text: String(decoding: node.bytes, as: UTF8.self),
      parents: node.parents.map { TraceView($0, pipeline) })
  }

  private static func place(_ place: TraceNode.Place, _ pipeline: Pipeline) -> Place {
    switch place {
    case .line(let file, let line): return .line(file: file, line: line)
    case .row(let stage, let port, let row):
      // The written lines of an export have no name but the file they stand in.
      if let kind = pipeline.graph[stage]?.kind, let output = kind.outputs.first(where: { $0.name == port }), !output.isPublic,
        let file = kind.publishes.first(where: { $0.port == port })
      {
        return .line(file: file.path, line: row + file.header.count { $0 == UInt8(ascii: "\n") })
      }
      return .row(stage: stage, port: port, row: row)
    }
  }
}

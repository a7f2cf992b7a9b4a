import Engine
import Reports

extension GraphView {
  init(_ pipeline: Pipeline) {
    self.init(
      nodes: pipeline.graph.stages.map { stage in
        var reads: [(stage: String, port: String?)] = []
        var sources: [String] = []
        for input in stage.kind.inputs {
          for source in input.sources {
            switch source {
            case .port(let reference): if !reads.contains(where: { $0 == (reference.stage, reference.port) }) { reads.append((reference.stage, reference.port)) }
            case .outside(let outside): if case let name = SourceName.text(outside), !sources.contains(name) { sources.append(name) }
            }
          }
        }
        return Node(
          name: stage.name, kind: stage.kindName, desc: stage.isImplicit ? nil : stage.desc, tags: stage.tags, isImplicit: stage.isImplicit, reads: reads,
          sources: sources, files: stage.kind.publishes.map(\.path))
      })
  }
}

import ArgumentParser
import Engine
import Stages

extension CompletionKind {
  /// Names of stages, of every manifest of the workspace.
  static var stages: CompletionKind { .custom { _, _, _ in names { [$0.name] } } }

  /// `stage.output` of every manifest of the workspace, and stages that have a main output.
  static var outputs: CompletionKind {
    .custom { _, _, _ in
      names { stage in
        let ports = stage.publicOutputs.map { stage.name + "." + $0.name }
        return stage.kind.hasMainPort ? [stage.name] + ports.dropFirst() : ports
      }
    }
  }

  private static func names(_ make: (Stage) -> [String]) -> [String] {
    let workspace = Workspace.containing(".")
    var names: [String] = []
    for path in workspace.manifests() {
      guard let pipeline = Session.read(workspace.absolute(path), workspace, StageKinds.all).pipeline else { continue }
      for stage in pipeline.graph.stages where !stage.isImplicit { for name in make(stage) where !names.contains(name) { names.append(name) } }
    }
    return names
  }
}

public import Engine

/// The kinds of stages that are built.
public enum StageKinds {
  /// By the word after `kind:`. Adding a kind is its folder and a line here.
  public static let all: [String: any StageKind.Type] = Dictionary(uniqueKeysWithValues: kinds.map { ($0.name, $0) })

  private static let kinds: [any StageKind.Type] = [
    IngestKind.self,
    AssembleKind.self,
    LabelMergeKind.self,
    ExportKind.self,
    ExecKind.self,
    EvaluateKind.self,
    MonitorKind.self,
    TrainSubmitKind.self,
  ]
}

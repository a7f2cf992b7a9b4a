public import Diagnostics

/// One node of the graph: a kind with its fields read, and what the engine knows beside it.
///
/// An object, because it is large, never changes, and stands in many lists.
public final class Stage: Sendable {
  public let name: String
  public let kindName: String
  package let kind: any StageKind
  /// The kind's ports and files; a kind makes them anew whenever it is asked, and they are asked for all the time.
  package let inputs: [InputPort]
  package let outputs: [OutputPort]
  package let publishes: [Publication]
  /// Fields that influence the output, as canonical JSON, in declared order; defaults left out.
  package let keyFields: [(name: String, value: String)]
  /// Digests of the files that the kind read, by role.
  package let keyFiles: [(role: String, digest: String)]
  /// Where those files lie, in the same order; nil for what is no file. For people only: no path is in a key.
  let keyFilePaths: [String?]
  package let settings: StageSettings
  public let desc: String?
  public let tags: [String]
  /// Whether the engine added it for a path used as a table; such a stage has no name of its own in the manifest.
  public let isImplicit: Bool
  public let range: SourceRange?
  /// The stage as declared, when this is one case of its matrix.
  public let matrixOf: String?

  package init(
    name: String, kindName: String, kind: any StageKind, keyFields: [(name: String, value: String)], keyFiles: [(role: String, digest: String)],
    keyFilePaths: [String?] = [], settings: StageSettings, desc: String?, tags: [String], isImplicit: Bool, range: SourceRange?, matrixOf: String?
  ) {
    self.keyFilePaths = keyFilePaths
    self.name = name
    self.kindName = kindName
    self.kind = kind
    self.inputs = kind.inputs
    self.outputs = kind.outputs
    self.publishes = kind.publishes
    self.keyFields = keyFields
    self.keyFiles = keyFiles
    self.settings = settings
    self.desc = desc
    self.tags = tags
    self.isImplicit = isImplicit
    self.range = range
    self.matrixOf = matrixOf
  }

  /// The outputs that others may name.
  public var outputNames: [String] { publicOutputs.map(\.name) }
  package var publicOutputs: [OutputPort] { outputs.filter(\.isPublic) }

  /// Stages whose outputs this one reads.
  public var dependencies: [String] {
    var names: [String] = []
    for port in inputs {
      for case .port(let reference) in port.sources where !names.contains(reference.stage) { names.append(reference.stage) }
    }
    return names
  }
}

/// Fields that every stage has and that never enter a key.
package struct StageSettings: Sendable {
  package var checks: [Check] = []
  package var timeoutSeconds: Double?
  package var retries = Retries()
  package var isCached = true
  package var cpus = 1
  package var memoryBytes: Int?
  package var gpus = 0
  package var mutexes: [String] = []
  package var isFrozen = false
  /// Columns by whose values rows can be looked for without reading them.
  package var tracedColumns: [String] = []

  package init() {}

  package struct Retries: Sendable {
    package var maximum = 0
    package var backoffSeconds = 1.0
    /// Exit statuses worth another try; empty for any failure.
    package var exitStatuses: [Int] = []
    package init() {}
  }
}

/// The stages of a manifest in an order in which each comes after what it reads.
public struct Graph: Sendable {
  public let stages: [Stage]
  package let indices: [String: Int]
  /// For each stage, the stages that read it.
  package let consumers: [[Int]]
  /// For each stage, the stages that it reads.
  package let producers: [[Int]]
  /// Longest way from a stage without inputs.
  package let depths: [Int]

  /// - Precondition: `stages` is in topological order and every reference leads to a stage (the reader has checked both).
  package init(stages: [Stage]) {
    self.stages = stages
    var indices: [String: Int] = [:]
    for (index, stage) in stages.enumerated() { indices[stage.name] = index }
    var consumers = Array(repeating: [Int](), count: stages.count)
    var producers = consumers
    var depths = Array(repeating: 0, count: stages.count)
    for (index, stage) in stages.enumerated() {
      for name in stage.dependencies {
        let producer = indices[name]!
        precondition(producer < index, "stages come after what they read")
        consumers[producer].append(index)
        producers[index].append(producer)
        depths[index] = max(depths[index], depths[producer] + 1)
      }
    }
    self.indices = indices
    self.consumers = consumers
    self.producers = producers
    self.depths = depths
  }

  public subscript(name: String) -> Stage? { indices[name].map { stages[$0] } }
}

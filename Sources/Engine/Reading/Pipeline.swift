public import Diagnostics
import Manifests

/// A manifest as the engine runs it: its graph, with every `${…}` evaluated and every kind read.
public struct Pipeline: Sendable {
  /// Path from the workspace root.
  public let path: String
  public let name: String
  public let version: String
  public let desc: String?
  /// SPDX id of what is produced.
  public let license: String?
  public let graph: Graph
  /// Whether the lock is committed beside the manifest.
  public let isLocked: Bool
  /// Parameter values of this run: name and JSON.
  public let parameters: [(name: String, json: String)]
  /// Named selections.
  public let selectors: [String: String]
  /// Jobs and cache of the chosen profile.
  public let profileJobs: Int?
  public let profileUsesCache: Bool
  /// Warnings and notes; errors never come this far.
  public let remarks: [Diagnostic]
  /// Every file that was read for it: the manifest, its fragments.
  public let files: [String]
}

/// What reading a manifest came to.
public struct PipelineReading: Sendable {
  /// Nil when there are errors.
  public let pipeline: Pipeline?
  /// Everything found, in reading order.
  public let diagnostics: [Diagnostic]
}

/// What the stages of one manifest share while they are read.
final class ReadingContext {
  let load: (String) -> Result<[UInt8], ManifestReader.LoadFailure>
  /// Where tools are looked for when their names are paths.
  let root: String
  let makeImplicit: (String, SourceRange?) throws -> Stage
  private(set) var stages: [String: Stage] = [:]
  private(set) var ordered: [Stage] = []

  init(
    load: @escaping (String) -> Result<[UInt8], ManifestReader.LoadFailure>, root: String,
    makeImplicit: @escaping (String, SourceRange?) throws -> Stage
  ) {
    self.load = load
    self.root = root
    self.makeImplicit = makeImplicit
  }

  func add(_ stage: Stage) {
    stages[stage.name] = stage
    ordered.append(stage)
  }

  /// The name of the ingest stage that reads a path used as a table.
  func implicitStage(for path: String, at range: SourceRange?) throws(Problems) -> String {
    let name = "@" + path
    if stages[name] == nil {
      do {
        add(try makeImplicit(path, range))
      } catch let problems as Problems {
        throw problems
      } catch { preconditionFailure("making a stage throws problems only") }
    }
    return name
  }

  func traits(of reference: PortReference) -> TableTraits {
    guard let stage = stages[reference.stage] else { return TableTraits() }
    let outputs = stage.outputs
    let output = reference.port.map { name in outputs.first { $0.name == name } } ?? outputs.first
    var traits = output?.traits ?? TableTraits()
    traits.content = output?.content ?? .rows
    return traits
  }
}

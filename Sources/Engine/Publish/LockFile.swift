public import Rows

/// The committed record of what lies in `Outputs/`: one self-describing line per artifact, sorted, so that git merges two branches that
/// change different stages, and a reviewer reads the difference.
///
/// No time, host, user or absolute path stands in it: equal inputs give equal bytes anywhere.
public struct LockFile: Sendable, Equatable {
  public struct Source: Sendable, Equatable {
    /// As the manifest names it; `external:<n>` for what lies outside the workspace.
    public var name: String
    public var content: Digest
    public var files: Int
    public var rows: Int
    public var bytes: Int
    /// Stages that read it, sorted.
    public var readers: [String]
  }

  public struct Stage: Sendable, Equatable {
    public var name: String
    public var key: Digest
  }

  public struct Output: Sendable, Equatable {
    public var stage: String
    public var port: String
    public var content: Digest
    public var lineage: Digest
    public var rows: Int
    public var bytes: Int
  }

  public struct File: Sendable, Equatable {
    public var path: String
    public var stage: String
    public var port: String
    public var sha256: Digest
    public var rows: Int
    public var bytes: Int
  }

  /// Something that was submitted: whoever has the same key takes its result, and does not submit it again.
  public struct Submit: Sendable, Equatable {
    public var stage: String
    public var key: Digest
    /// How the backend finds it, one word; `local` for a job of one machine.
    public var handle: String
    /// Digest of what came of it.
    public var result: Digest
    public init(stage: String, key: Digest, handle: String, result: Digest) {
      self.stage = stage
      self.key = key
      self.handle = handle
      self.result = result
    }
  }

  public var manifest: String
  public var version: String
  public var sources: [Source] = []
  public var stages: [Stage] = []
  public var outputs: [Output] = []
  public var files: [File] = []
  public var submits: [Submit] = []
  /// Snapshots of the outside world: a command as JSON or a stage's name, what was asked (the command, or the stage's key), the answer.
  package var pins: [Snapshots.Pin] = []

  public init(manifest: String, version: String) {
    self.manifest = manifest
    self.version = version
  }

  /// What is wrong with a lock file, and in which line.
  public struct Malformed: Error, Sendable, Equatable {
    public let line: Int
    public let message: String
  }

  /// Takes the lines of these stages from an older lock: stages that did not run keep what lies in `Outputs/`.
  mutating func keep(_ names: Set<String>, from old: LockFile) {
    stages += old.stages.filter { names.contains($0.name) }
    outputs += old.outputs.filter { names.contains($0.stage) }
    files += old.files.filter { names.contains($0.stage) }
    submits += old.submits.filter { names.contains($0.stage) }
    var known = Set(sources.map(\.name))
    for source in old.sources where source.readers.contains(where: names.contains) && known.insert(source.name).inserted { sources.append(source) }
  }
}

public import Rows

/// What a manifest says of itself, for records that others read: what no record of a run holds because no result depends on it, or
/// because it can be had from the manifest.
public struct ManifestDescription: Sendable, Equatable {
  /// A column of an output, and the columns that it was made of.
  public struct Column: Sendable, Equatable {
    public var name: String
    /// What JSON calls its values; nil when no row was looked at, `any` when they differ.
    public var type: String?
    /// Marked `pii: true`.
    public var isPrivate: Bool
    public var origins: [Origin]
    public init(name: String, type: String? = nil, isPrivate: Bool = false, origins: [Origin] = []) {
      (self.name, self.type, self.isPrivate, self.origins) = (name, type, isPrivate, origins)
    }
  }

  /// A column that another was made of.
  public struct Origin: Sendable, Hashable {
    /// The input port it came through, and which of the port's sources.
    public var port: String
    public var source: Int
    public var column: String
    /// Whether the value stands there as it was.
    public var isCopied: Bool
    public init(port: String, source: Int, column: String, isCopied: Bool) {
      (self.port, self.source, self.column, self.isCopied) = (port, source, column, isCopied)
    }
  }

  public struct Output: Sendable, Equatable {
    public enum Content: String, Sendable { case table, file, folder }
    public var port: String
    public var content: Content
    /// Nil when they are not known beforehand.
    public var columns: [Column]?
    public init(port: String, content: Content, columns: [Column]?) { (self.port, self.content, self.columns) = (port, content, columns) }
  }

  /// A file that a stage reads beside its inputs: a template and what it includes, a schema.
  public struct File: Sendable, Equatable {
    public var role: String
    public var path: String
    public var digest: Digest
    public init(role: String, path: String, digest: Digest) { (self.role, self.path, self.digest) = (role, path, digest) }
  }

  public struct Stage: Sendable, Equatable {
    /// As runs' records name it.
    public var name: String
    public var caseLabel: String?
    public var kind: String
    public var text: String?
    public var tags: [String]
    /// Where it is declared; nil for a path used as a table.
    public var file: String?
    public var line: Int?
    public var files: [File]
    public var outputs: [Output]
    /// Columns that decide which rows stay and on which side they fall.
    public var deciding: [Origin]

    public init(
      name: String, caseLabel: String?, kind: String, text: String?, tags: [String], file: String?, line: Int?, files: [File], outputs: [Output],
      deciding: [Origin]
    ) {
      self.name = name
      self.caseLabel = caseLabel
      self.kind = kind
      self.text = text
      self.tags = tags
      self.file = file
      self.line = line
      self.files = files
      self.outputs = outputs
      self.deciding = deciding
    }
  }

  /// From the workspace root.
  public var path: String
  public var name: String
  public var version: String
  public var text: String?
  /// An SPDX identifier.
  public var license: String?
  /// The manifest and its fragments.
  public var files: [String]
  /// Where the repository lies by its remote `origin`, without credentials; nil without git or remote.
  public var repository: String?
  /// The commit that the workspace is at.
  public var commit: String?
  public var stages: [Stage]

  public init(
    path: String, name: String, version: String, text: String? = nil, license: String? = nil, files: [String] = [], repository: String? = nil,
    commit: String? = nil, stages: [Stage] = []
  ) {
    self.path = path
    self.name = name
    self.version = version
    self.text = text
    self.license = license
    self.files = files
    self.repository = repository
    self.commit = commit
    self.stages = stages
  }

  /// What is said of a stage of a run; nil when the manifest has it no more.
  public func stage(_ name: String, caseLabel: String?) -> Stage? { stages.first { $0.name == name && $0.caseLabel == caseLabel } }
}

extension StageRecord {
  /// `pairs`, `pairs@de`.
  public var fullName: String { caseLabel.map { "\(name)@\($0)" } ?? name }
}

extension RunRecord {
  /// The stages that a stage's result rests on, itself last, in the graph's order.
  public func ancestry(of stage: StageRecord) -> [StageRecord] {
    var wanted: Set<String> = [stage.fullName]
    var found: [StageRecord] = []
    for candidate in stages.reversed() where wanted.contains(candidate.fullName) {
      found.append(candidate)
      for input in candidate.inputs {
        if case .stage(let name, let caseLabel, _) = input.origin { wanted.insert(caseLabel.map { "\(name)@\($0)" } ?? name) }
      }
    }
    return found.reversed()
  }
}

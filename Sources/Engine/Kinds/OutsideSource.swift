public import Readers

/// Bytes from outside the graph: files, a database, or what a command prints.
public struct OutsideSource: Sendable, Hashable {
  public enum Origin: Sendable, Hashable {
    /// Path or glob from the workspace root, with archive members after `!/`; `written` is how it stands in the manifest.
    case files(pattern: String)
    /// A table or a read-only query of an SQLite database.
    case sqlite(path: String, DatabaseRead)
    /// What a command prints; a snapshot, pinned until `pipe update`.
    case command([String])
  }

  public let origin: Origin
  public let format: RecordFormat
  /// Whether rows see file or member names (`text` per file): names are then in the key.
  public let seesNames: Bool

  public init(origin: Origin, format: RecordFormat, seesNames: Bool) {
    self.origin = origin
    self.format = format
    self.seesNames = seesNames
  }
}

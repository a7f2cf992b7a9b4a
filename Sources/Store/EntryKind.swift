/// What a small record in the store is: the store keeps kinds apart and knows nothing else about them.
///
/// Equal keys of different kinds are different entries. 0 and 255 are the store's own; 128 and up are free for tests.
public struct EntryKind: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) {
    precondition(rawValue != 0 && rawValue != 255, "entry kinds 0 and 255 belong to the store")
    self.rawValue = rawValue
  }

  /// What one action made: action key → outputs.
  public static let action = EntryKind(rawValue: 1)
  /// What a whole stage made: stage key → outputs.
  public static let stageResult = EntryKind(rawValue: 2)
  /// The distinct key hashes of a chunk of a table that is read by key: chunk digest → sidecar.
  public static let sidecar = EntryKind(rawValue: 3)
  /// What a key was made of: key → canonical bytes.
  public static let preImage = EntryKind(rawValue: 4)
  /// The raw chunks of a source: digest of the file's stamp or name → chunk list.
  public static let sourceIndex = EntryKind(rawValue: 5)
  /// A costly row's result: row key → row.
  public static let rowResult = EntryKind(rawValue: 6)
  /// An action's row map: map digest → map.
  public static let rowMap = EntryKind(rawValue: 7)
  /// What an effect did in the world: action key → handle and outcome.
  public static let effect = EntryKind(rawValue: 8)
}

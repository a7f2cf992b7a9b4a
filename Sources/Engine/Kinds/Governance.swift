/// What a source's rows may be used for, and by whom they may be seen; the stricter of source and label holds.
public struct Governance: Sendable, Hashable {
  /// public, internal, confidential or restricted; nil when nobody has said.
  public var classification: String?
  /// Nil when all uses are allowed.
  public var allowedUses: [String]?
  public var prohibitedUses: [String]
  /// SPDX id.
  public var license: String?

  public init(classification: String?, allowedUses: [String]?, prohibitedUses: [String], license: String?) {
    self.classification = classification
    self.allowedUses = allowedUses
    self.prohibitedUses = prohibitedUses
    self.license = license
  }
}

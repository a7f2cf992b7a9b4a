/// Whether a data set's declared version says what was done to it: Croissant 1.1's reading of SemVer.
///
/// Rows changed or removed: the next major version. Rows added: the next minor. Only metadata: the next patch. A column that was removed
/// counts as rows changed, one that was added likewise, because every row has it.
public struct VersionVerdict: Sendable, Equatable {
  /// What was done to the rows; later ones weigh more.
  public enum Change: Int, Sendable, Comparable {
    case none, metadata, added, changed
    public static func < (a: Change, b: Change) -> Bool { a.rawValue < b.rawValue }

    public var step: String {
      switch self {
      case .none: "none"
      case .metadata: "patch"
      case .added: "minor"
      case .changed: "major"
      }
    }
  }

  public var before: String
  public var declared: String
  public var change: Change

  public init(before: String, declared: String, change: Change) {
    self.before = before
    self.declared = declared
    self.change = change
  }

  /// The lowest version that says enough; nil when nothing changed or the version before is no SemVer.
  public var due: String? {
    guard change != .none, let old = SemanticVersion(before) else { return nil }
    switch change {
    case .none: return nil
    case .metadata: return "\(old.major).\(old.minor).\(old.patch + 1)"
    case .added: return "\(old.major).\(old.minor + 1).0"
    case .changed: return "\(old.major + 1).0.0"
    }
  }

  /// Whether the declared version is high enough. A manifest that declares none (0.0.0 before and after) has no rule to break.
  public var holds: Bool {
    guard let old = SemanticVersion(before), let new = SemanticVersion(declared) else { return change == .none || before == declared && SemanticVersion(before) == nil }
    if before == declared, old == SemanticVersion("0.0.0") { return true }
    guard let due = due.flatMap(SemanticVersion.init) else { return new >= old }
    return new >= due
  }
}

/// Major, minor, patch; what follows a `-` or `+` is left aside.
public struct SemanticVersion: Sendable, Equatable, Comparable {
  public let major: Int
  public let minor: Int
  public let patch: Int

  public init?(_ text: String) {
    let core = text.prefix { $0 != "-" && $0 != "+" }
    let parts = core.split(separator: ".", omittingEmptySubsequences: false).map { part in part.utf8.allSatisfy { (48...57).contains($0) } ? Int(part) : nil }
    guard parts.count == 3, let major = parts[0], let minor = parts[1], let patch = parts[2] else { return nil }
    self.major = major
    self.minor = minor
    self.patch = patch
  }

  public static func < (a: SemanticVersion, b: SemanticVersion) -> Bool { (a.major, a.minor, a.patch) < (b.major, b.minor, b.patch) }
}

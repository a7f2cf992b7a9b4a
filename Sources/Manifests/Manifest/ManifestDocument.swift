public import Diagnostics

/// A manifest and everything it includes, read and checked as far as a file alone can be.
///
/// What is left to `Engine`: evaluating `${…}` (`FieldValues.evaluated`), edges, cycles, and whatever depends on other stages.
public struct ManifestDocument: Sendable {
  /// The manifest's file.
  public let text: SourceText
  public let name: String
  public let version: String
  public let desc: String?
  public let license: String?
  /// The fragments, in the order read, each once; paths from the workspace root.
  public let includes: [SourceText]
  public let parameters: [ParameterDeclaration]
  public let profiles: [Profile]
  public let labelTypes: [LabelTypeDeclaration]
  /// In the order written; those of fragments come first.
  public let stages: [StageDeclaration]
  /// Stages that are there but could not be read (an unknown or planned kind): naming them is no further mistake.
  public let unreadableStages: Set<String>
  public let selectors: [Selector]
  /// The values at the top of the manifest, with their places.
  public let top: FieldValues

  public struct Selector: Sendable {
    public let name: String
    public let selection: String
    public let range: SourceRange?
  }

  public struct Profile: Sendable {
    public let name: String
    public let parameters: [FieldValue.Entry]
    public let jobs: Int?
    public let usesCache: Bool
    public let range: SourceRange
  }
}

/// A stage as written.
public struct StageDeclaration: Sendable {
  public let name: String
  /// Where the name stands.
  public let nameRange: SourceRange
  public let kind: String
  public let kindRange: SourceRange
  /// The fields of `ManifestFields.shared`.
  public let shared: FieldValues
  /// The kind's own fields.
  public let fields: FieldValues
  public let node: Node

  /// The axes of `matrix` in the order written; values may wait for evaluation.
  public var matrix: [FieldValue.Entry] { shared.map("matrix") }
}

/// A label type as declared.
public struct LabelTypeDeclaration: Sendable {
  public let name: String
  public let nameRange: SourceRange
  public let fields: FieldValues

  public var kind: String { fields.string("kind") ?? "" }
  public var classes: [Literal] { fields.list("classes").compactMap(\.literal) }
  /// Empty when every use is allowed.
  public var uses: [String] { fields.strings("uses") }
}

/// What came of reading a manifest.
public struct ManifestReading: Sendable {
  /// Nil when no sense could be made of the file. There may be one beside errors, so that further checks can report theirs too.
  public let document: ManifestDocument?
  /// Errors, warnings and notes in reading order.
  public let diagnostics: [Diagnostic]

  public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

  /// The document, or all errors together.
  public func get() throws(Problems) -> ManifestDocument {
    try Problems.throwErrors(in: diagnostics)
    guard let document else { preconditionFailure("a manifest that cannot be read has an error") }
    return document
  }
}

/// What a stage kind declares about itself.
public struct KindDeclaration: Sendable {
  /// A named output.
  public struct Port: Sendable {
    public var name: String
    /// One sentence.
    public var doc: String

    public init(_ name: String, _ doc: String) {
      self.name = name
      self.doc = doc
    }
  }

  public var name: String
  /// One sentence.
  public var doc: String
  public var fields: FieldSet
  /// The first is the main port, unless the kind names its ports by its fields.
  public var ports: [Port]
  /// Known, not built yet: a stage of this kind is an error that says so.
  public var isPlanned: Bool

  public init(_ name: String, doc: String, fields: FieldSet, ports: [Port], isPlanned: Bool = false) {
    self.name = name
    self.doc = doc
    self.fields = fields
    self.ports = ports
    self.isPlanned = isPlanned
  }
}

/// The fields of every kind of the language, built or not.
public enum StageFields {
  /// Every kind, in the order of a pipeline.
  public static let all: [KindDeclaration] = [ingest, assemble, labelMerge, export, trainSubmit, evaluate, monitor, exec]

  static let from = Field(
    "from", .input, required: true, keying: .content, alsoCalled: ["input", "inputs", "source", "data", "depends_on"],
    doc: "What comes in: a stage, or a path or glob.",
    example: "from: ${stages.tickets}")

  /// A column, or several that are joined.
  static let key = FieldType.oneOrMany(.column)
}

/// The language as one build of `pipe` knows it: which kinds there are and which of them are built.
public struct ManifestLanguage: Sendable {
  public let kinds: [KindDeclaration]
  let indexByName: [String: Int]

  public init(kinds: [KindDeclaration]) {
    self.kinds = kinds
    self.indexByName = Dictionary(kinds.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
  }

  /// The kinds of the language; those that are not among `built` answer "planned".
  public init(built: Set<String>) {
    self.init(
      kinds: StageFields.all.map { kind in
        var kind = kind
        kind.isPlanned = !built.contains(kind.name)
        return kind
      })
  }

  public func kind(_ name: String) -> KindDeclaration? { indexByName[name].map { kinds[$0] } }
}

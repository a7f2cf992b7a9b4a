public import Diagnostics

/// What a kind reads itself from: the stage's evaluated fields, and the files behind them.
///
/// Everything a kind may depend on passes through here and is noted for the action key: a field's value when the kind's declaration
/// says so, and the digest of every file that is opened.
public protocol StageReading: AnyObject {
  /// The stage's name, for messages only; it may not influence the output.
  var stageName: String { get }
  /// The manifest's name: for default names of things that leave the house (model suffixes).
  var manifestName: String { get }
  /// Where the stage stands in the manifest.
  var range: SourceRange? { get }
  /// The label types that the manifest declares.
  var labelTypes: [LabelType] { get }

  /// The value of a field, or nil when it is absent (and has no default).
  func setting(_ field: String) -> Setting?

  /// The stages behind an input field: references as they are; a path or glob as the ingest stage that the engine adds for it.
  func inputs(_ setting: Setting?) throws(Problems) -> [InputSource]

  /// What is known of the rows of an input beforehand.
  func traits(of input: InputSource) -> TableTraits

  /// The bytes of a file of the workspace named by a path in the manifest. Its digest enters the key under `role`.
  func file(_ setting: Setting, role: String) throws(Problems) -> SourceText

  /// Puts the digest of a file of any size into the key under `role`; its bytes are not kept.
  func noteFile(_ setting: Setting, role: String) throws(Problems)

  /// Where a path written in a manifest (or in a file read through it) leads, from the workspace root.
  func path(_ setting: Setting) throws(Problems) -> String

  /// Whether a stage that reads this one, directly or through others, names a column in what was written for it. A kind that writes a
  /// column only when it is asked for notes the answer.
  func isNamedLater(_ column: String) -> Bool

  /// Puts something else that the output depends on into the key: what was read off ``traits(of:)`` or ``labelTypes``.
  func note(_ value: String, as role: String)

  /// Says something that keeps nothing from running: a warning or a note, for `pipe lint`.
  func remark(_ diagnostic: Diagnostic)

  /// What `tool --version` prints. It enters the key; the engine may remember it by the program file's identity.
  func toolVersion(_ tool: Setting) throws(Problems) -> String

  /// A row template given as text; `${…}` in it has become an operand. Missing names do what the stage's field `undefined` says.
  func template(_ setting: Setting) throws(Problems) -> RowTemplate
  /// A row template in a file of its own, with everything it includes in the key.
  func templateFile(_ setting: Setting) throws(Problems) -> RowTemplate
  /// A row expression (`where`, `derive`, `when`, gate checks).
  func expression(_ setting: Setting) throws(Problems) -> RowExpression

  /// Reads a prompt-template file: its fields as settings, positioned in that file.
  func promptTemplate(_ setting: Setting) throws(Problems) -> Setting
}

/// A label type of the manifest.
public struct LabelType: Sendable {
  public let name: String
  /// class, multi, rating, text, spans, boxes, json.
  public let kind: String
  /// Declared classes in order, in JSON form (`"refund"`, `5`); empty when open.
  public let classes: [[UInt8]]
  /// Uses that labels of this type allow unless they say otherwise; nil when all.
  public let uses: [String]?
  public let range: SourceRange?

  public init(name: String, kind: String, classes: [[UInt8]], uses: [String]?, range: SourceRange?) {
    self.name = name
    self.kind = kind
    self.classes = classes
    self.uses = uses
    self.range = range
  }
}

/// What is known of a table's rows before there are any.
public struct TableTraits: Sendable {
  /// The columns that identify a row; empty when content does.
  public var rowKey: [String]
  /// Whether the engine refuses two rows of one key. Where keys come from rows that were checked before, nobody has to look again.
  public var isKeyUnique: Bool
  /// The sheet that labels are keyed by.
  public var sheet: String?
  /// The columns, when they are known.
  public var columns: [String]?
  /// Label types that the rows carry.
  public var labelTypes: [String]
  /// What the sources of the rows say of them, the strictest of all; nil when none says anything. A kind whose output depends on it notes it.
  public var governance: Governance?
  /// Whether every row says itself what it may be used for and who may see it, in the columns `uses` and `classification`.
  public var isGovernanceWritten: Bool
  /// Columns that hold what a model estimates of other rows (a label's confidence): they shift with rows far away, so `pipe diff` compares
  /// them with a tolerance.
  public var estimates: [String] = []
  /// What the chunks are together; the engine fills it in from the output.
  public internal(set) var content = PortContent.rows

  public init(
    rowKey: [String] = [], isKeyUnique: Bool = false, sheet: String? = nil, columns: [String]? = nil, labelTypes: [String] = [], governance: Governance? = nil,
    isGovernanceWritten: Bool = false
  ) {
    self.rowKey = rowKey
    self.isKeyUnique = isKeyUnique
    self.sheet = sheet
    self.columns = columns
    self.labelTypes = labelTypes
    self.governance = governance
    self.isGovernanceWritten = isGovernanceWritten
  }
}

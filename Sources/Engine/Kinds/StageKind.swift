public import Diagnostics

/// What a stage does: the word after `kind:`, its ports, and its work.
///
/// A kind is a value made from a stage's fields. It holds everything its work needs (compiled templates, constants) and nothing that
/// may not influence the output: the engine derives the action key from the fields the kind declared and the files it read through
/// ``StageReading``, so the key cannot miss a parameter.
public protocol StageKind: Sendable {
  /// The word after `kind:`.
  static var name: String { get }
  /// Raised when equal inputs would now give different bytes.
  static var version: Int { get }
  /// Parts shared with other kinds whose change would also change bytes: templates, json, csv, numbers.
  static var components: [Component] { get }
  /// Whether a stage of it depends on more of the machine than files: programs, environment variables.
  static var asksMachine: Bool { get }
  /// Reads the fields of one stage; reports every problem in one go.
  init(_ stage: any StageReading) throws(Problems)
  /// The facts that `expect` may name beside those every stage has, for `pipe lint`.
  static var facts: [String] { get }
  /// The names at the top of the ``StageFigures`` that its task records, for `pipe lint`.
  static var figures: [String] { get }
  /// The names at the top of what its comparison comes to, for `pipe lint`; a check that reads one is not checked where there is no
  /// baseline.
  static var comparedFigures: [String] { get }
  /// Facts that are computed from other facts (`coverage` from `labeled` and `unlabeled`), from the sums of all tasks.
  func derivedFacts(_ sums: [String: Int]) -> [String: Double]
  /// A few words on the result for the summary (`398 labeled, 14 unlabeled`), from the sums of all tasks.
  func note(_ sums: [String: Int]) -> String?
  /// The same with what was measured, and what its comparison came to.
  func note(_ sums: [String: Int], _ figures: StageFigures) -> String?
  /// What comes in, in the order of the field reference.
  var inputs: [InputPort] { get }
  /// What goes out; the first is the main port unless `hasMainPort` is false.
  var outputs: [OutputPort] { get }
  /// Whether `${stages.S}` without a port means the first output.
  var hasMainPort: Bool { get }
  /// What the stage does to the world.
  var effect: Effect { get }
  /// What it is compared with after its artifacts; nil for nothing.
  var comparison: Comparison? { get }
  /// The work itself.
  var work: Work { get }
  /// Files that the stage publishes, each the concatenation of one output's chunks.
  var publishes: [Publication] { get }
}

extension StageKind {
  public static var components: [Component] { [] }
  public static var asksMachine: Bool { false }
  public static var facts: [String] { [] }
  public static var figures: [String] { [] }
  public static var comparedFigures: [String] { [] }
  public var comparison: Comparison? { nil }
  public func derivedFacts(_ sums: [String: Int]) -> [String: Double] { [:] }
  public func note(_ sums: [String: Int]) -> String? { nil }
  public func note(_ sums: [String: Int], _ figures: StageFigures) -> String? { note(sums) }
  public var hasMainPort: Bool { true }
  public var effect: Effect { .pure }
  public var publishes: [Publication] { [] }
}

/// A part of the program that several kinds' bytes depend on, with a version of its own.
public struct Component: Sendable, Hashable {
  public let name: String
  public let version: Int
  public init(_ name: String, _ version: Int) {
    self.name = name
    self.version = version
  }

  /// Template and expression rendering.
  public static let templates = Component("templates", 1)
  /// How records become rows.
  public static let records = Component("records", 1)
  /// How numbers are computed and printed.
  public static let numbers = Component("numbers", 1)
}

/// What a task does to the world.
public enum Effect: String, Sendable {
  /// Nothing: equal inputs give equal bytes.
  case pure
  /// Reads the outside world once; the result is pinned until `pipe update`.
  case snapshot
  /// Starts something that outlives the run.
  case submit
  /// Always runs.
  case volatile
}

/// Where an input's rows come from.
public enum InputSource: Sendable, Hashable {
  /// An output of another stage; no port means its main port.
  case port(PortReference)
  /// Bytes from outside, read by the engine. Only ports with the `source` reading have these.
  case outside(OutsideSource)
}

/// `${stages.S.P}` as written.
public struct PortReference: Sendable, Hashable {
  public let stage: String
  public let port: String?
  public init(stage: String, port: String?) {
    self.stage = stage
    self.port = port
  }
  public var description: String { port.map { "\(stage).\($0)" } ?? stage }
}

/// How a port is read, and so what of it enters a task's key.
public enum PortReading: Sendable {
  /// Bytes from outside, cut at record ends by the engine; a task sees some raw chunks.
  case source
  /// Chunk by chunk; a task sees some chunks.
  case stream
  /// A side table: a chunk sees only the rows whose key it holds, and of them only some fields; only these enter its key.
  case keyed(KeyedReading)
  /// All of it is in every task's key.
  case whole
  /// Read by the stage's ``Comparison`` alone: in no key, and no task sees it.
  case comparison
}

/// How a side table is looked up.
public struct KeyedReading: Sendable {
  /// The side table's key columns.
  public let key: [String]
  /// The fields that the stage reads; nil for all. A change in any other field re-runs nothing.
  public let fields: [String]?
  /// Only side rows for which this holds are seen (a label file's rows of other sheets are none of this stage's business).
  public let accepts: (@Sendable (UnsafeRawBufferPointer) -> Bool)?
  /// The keys that an input chunk looks up, as ``SideKey`` hashes of key texts; order and repeats do not matter.
  public let keys: @Sendable (InputChunk) throws(TaskFailure) -> [UInt64]

  public init(
    key: [String], fields: [String]?, accepts: (@Sendable (UnsafeRawBufferPointer) -> Bool)? = nil,
    keys: @escaping @Sendable (InputChunk) throws(TaskFailure) -> [UInt64]
  ) {
    self.key = key
    self.fields = fields
    self.accepts = accepts
    self.keys = keys
  }
}

/// A named input of a stage.
public struct InputPort: Sendable {
  public let name: String
  public let reading: PortReading
  /// Concatenated in this order.
  public let sources: [InputSource]
  /// Where the input stands in the manifest, for messages; nil for inputs nobody wrote.
  public let range: SourceRange?
  /// Whether it may be a file or a folder (a model): read ``PortReading/whole`` as bytes, not as rows.
  public let takesFiles: Bool
  /// Whether it stands beside the rows that the stage is about: its rows are not counted as rows in.
  public let isSide: Bool

  public init(name: String, reading: PortReading, sources: [InputSource], range: SourceRange?, takesFiles: Bool = false, isSide: Bool = false) {
    self.takesFiles = takesFiles
    self.isSide = isSide
    self.name = name
    self.reading = reading
    self.sources = sources
    self.range = range
  }
}

/// What the chunks of an output are together.
public enum PortContent: Sendable, Equatable {
  /// A table: JSON Lines.
  case rows
  /// A file that is no table; its extension with the dot, or empty.
  case file(String)
  /// A folder, as ``FolderArchive`` packs it.
  case folder
}

/// A named output of a stage.
public struct OutputPort: Sendable {
  public let name: String
  public let content: PortContent
  /// Whether bytes are always kept in the store; otherwise a port may be virtual: known by digest, made again when needed.
  public let isKept: Bool
  /// Whether other stages and `pipe show` may name it (the written lines of an export may not).
  public let isPublic: Bool
  /// What is known of its rows beforehand.
  public let traits: TableTraits
  /// Whether its rows sum up all that the stage reads: the parents that they name are only examples.
  public let isSummary: Bool

  public init(
    _ name: String, content: PortContent = .rows, isKept: Bool = false, isPublic: Bool = true, traits: TableTraits = TableTraits(), isSummary: Bool = false
  ) {
    self.isSummary = isSummary
    self.name = name
    self.content = content
    self.isKept = isKept
    self.isPublic = isPublic
    self.traits = traits
  }
}

/// A file that appears in the workspace: a first part (a CSV header), then one output's chunks.
public struct Publication: Sendable {
  /// Path from the workspace root.
  public let path: String
  /// The output whose chunks it holds.
  public let port: String
  /// The public port whose rows stand in it, line by line; `trace` and the lock name it.
  public let rowsPort: String
  /// Bytes before the first chunk.
  public let header: [UInt8]
  /// Whether a row may take several lines: inside double quotes, as in CSV, a newline ends no row.
  public let rowsSpanLines: Bool

  public init(path: String, port: String, rowsPort: String, header: [UInt8] = [], rowsSpanLines: Bool = false) {
    self.path = path
    self.port = port
    self.rowsPort = rowsPort
    self.header = header
    self.rowsSpanLines = rowsSpanLines
  }
}

/// The shape of a stage's work: the weakest that is enough.
public enum Work: Sendable {
  /// A pure function of some chunks, and of the side rows that they look up.
  case eachChunk(ChunkWork)
  /// A partial per chunk (cached), then a merge in chunk-list order.
  case reduce(ReduceWork)
  /// Needs everything before its output is complete; reads chunk by chunk.
  case wholeInput(WholeWork)
}

/// A pure function of some chunks.
public struct ChunkWork: Sendable {
  /// Something all chunks must agree on first (the cut-off hash of a sample): partials reduced to a few bytes that enter every
  /// chunk's key.
  public let preparation: Preparation?
  /// Costly bodies (a process per chunk, a model call) are never run twice at once, and their results are kept.
  public let isCostly: Bool
  public let body: @Sendable (borrowing TaskInput, TaskWriter) throws(TaskFailure) -> Void

  public init(
    preparation: Preparation? = nil, isCostly: Bool = false,
    body: @escaping @Sendable (borrowing TaskInput, TaskWriter) throws(TaskFailure) -> Void
  ) {
    self.preparation = preparation
    self.isCostly = isCostly
    self.body = body
  }
}

/// A small fact about the whole stream that chunk tasks need beforehand.
public struct Preparation: Sendable {
  public let partial: @Sendable (InputChunk) throws(TaskFailure) -> [UInt8]
  /// Partials in chunk order to the bytes given to each task as `TaskInput.prepared`.
  public let merge: @Sendable ([[UInt8]]) -> [UInt8]

  public init(partial: @escaping @Sendable (InputChunk) throws(TaskFailure) -> [UInt8], merge: @escaping @Sendable ([[UInt8]]) -> [UInt8]) {
    self.partial = partial
    self.merge = merge
  }
}

/// Partials and their merge.
public struct ReduceWork: Sendable {
  /// One input chunk to a partial; the port tells chunks of several stream ports apart.
  public let partial: @Sendable (_ port: String, InputChunk) throws(TaskFailure) -> [UInt8]
  /// All partials in port and chunk order, to output rows.
  public let merge: @Sendable (_ partials: [(port: String, partial: [UInt8])], TaskWriter) throws(TaskFailure) -> Void

  public init(
    partial: @escaping @Sendable (String, InputChunk) throws(TaskFailure) -> [UInt8],
    merge: @escaping @Sendable ([(port: String, partial: [UInt8])], TaskWriter) throws(TaskFailure) -> Void
  ) {
    self.partial = partial
    self.merge = merge
  }
}

/// Work over whole tables.
public struct WholeWork: Sendable {
  public let body: @Sendable (borrowing WholeInput, TaskWriter) throws(TaskFailure) -> Void
  public init(body: @escaping @Sendable (borrowing WholeInput, TaskWriter) throws(TaskFailure) -> Void) { self.body = body }
}

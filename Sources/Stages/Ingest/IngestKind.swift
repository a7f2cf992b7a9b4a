public import Diagnostics
public import Engine
internal import Rows

/// `ingest`: rows from files, archives, a database, a program or a stage.
///
/// Order: read → columns or rename → row_key → join → derive → where → sample. See README.md beside this file.
public struct IngestKind: StageKind {
  public static let name = "ingest"
  public static let version = 1
  public static let components = [Component.records, .templates, .numbers]
  public static let facts = ["quarantined", "unmatched"]

  private let input: IngestInput
  private let steps: RowSteps
  private let sample: Sample?
  private let quarantines: Bool
  private let traits: TableTraits

  public init(_ stage: any StageReading) throws(Problems) {
    var reader = SettingReader(stage)
    let input = IngestInput(&reader)
    let steps = RowSteps(&reader)
    sample = Sample(reader.setting("sample"), steps, &reader)
    quarantines = reader.setting("on_bad_row")?.text == "quarantine"
    // `many: all` makes several rows of one, and their key tells them apart no longer.
    let isMultiplied = steps.joins.contains { $0.many == .all }
    traits = TableTraits(
      rowKey: isMultiplied ? [] : steps.rowKey.columns, isKeyUnique: true, sheet: reader.setting("sheet")?.text, columns: steps.columnNames,
      governance: Governance.strictest(Governance(reader.setting("governance")), reader.governance(of: input.sources + steps.joins.flatMap(\.carried))))
    try reader.finish()
    self.input = input
    self.steps = steps
  }

  public var inputs: [InputPort] {
    [InputPort(name: "from", reading: input.isOutside ? .source : .stream, sources: input.sources, range: input.range)]
      + steps.joins.map { $0.port(steps) }
  }

  public var outputs: [OutputPort] { [OutputPort("rows", traits: traits), OutputPort("quarantined", traits: TableTraits(governance: traits.governance))] }

  public func derivedFacts(_ sums: [String: Int]) -> [String: Double] {
    // A count that nothing added to is 0, not unknown.
    var facts: [String: Double] = [:]
    for name in Self.facts where sums[name] == nil { facts[name] = 0 }
    return facts
  }

  public func note(_ sums: [String: Int]) -> String? { sums["quarantined"].flatMap { $0 == 0 ? nil : "\($0) quarantined" } }

  public var work: Work {
    let work = IngestWork(steps: steps, sample: sample, quarantines: quarantines)
    return .eachChunk(
      ChunkWork(preparation: sample?.preparation(of: work)) { (input, writer) throws(TaskFailure) in
        for (index, chunk) in input.chunks.enumerated() { try work.run(chunk, index, input, writer) }
      })
  }
}

extension Governance {
  /// What `governance:` says; nil when it says nothing.
  init?(_ setting: Setting?) {
    guard let entries = setting?.map, entries.contains(where: { $0.setting.unlessNull != nil }), let setting else { return nil }
    self.init(
      classification: setting.entry("classification")?.text, allowedUses: setting.entry("allowed_uses")?.texts,
      prohibitedUses: setting.entry("prohibited_uses")?.texts ?? [], license: setting.entry("license")?.text)
  }
}

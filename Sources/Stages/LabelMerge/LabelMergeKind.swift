public import Diagnostics
public import Engine
internal import Rows

/// `label-merge`: one label per item out of the votes of several annotators.
public struct LabelMergeKind: StageKind {
  public static let name = "label-merge"
  public static let version = 1
  public static let components: [Component] = [.numbers]
  public static let facts = ["coverage", "disagreements", "annotators", "votes", "passed", "quarantined"]
  public static let figures = ["agreement"]

  static let itemsPort = "from"
  static let votesPort = "votes"
  static let goldPort = "gold"

  public let inputs: [InputPort]
  public let outputs: [OutputPort]
  private let reader: VoteReader
  private let rule: MergeRule

  public init(_ stage: any StageReading) throws(Problems) {
    var reader = SettingReader(stage)
    let from = reader.setting("from")
    let sources = reader.inputs(from)
    let traits = reader.traits(of: sources)
    let votes = reader.setting("votes")
    let voteSources = reader.inputs(votes)
    var inputs = [
      InputPort(name: Self.itemsPort, reading: .stream, sources: sources, range: from?.range),
      InputPort(name: Self.votesPort, reading: .stream, sources: voteSources, range: votes?.range),
    ]
    if let gold = reader.setting("gold") {
      inputs.append(InputPort(name: Self.goldPort, reading: .stream, sources: reader.inputs(gold), range: gold.range))
    }
    let type = Self.votedType(&reader)
    let sheet = Self.sheet(from, traits, &reader)
    let item = LabelItem(rowKey: traits.rowKey)
    let quarantines = reader.setting("on_bad_row")?.text == "quarantine"
    let test = reader.setting("where").flatMap { setting in reader.attempt { () throws(Problems) in RowTest(try stage.expression(setting)) } }
    let table = Self.table(type, reader.traits(of: voteSources), &reader)
    self.reader = VoteReader(
      format: Self.format(&reader), table: table, labelStudio: Self.labelStudio(type, traits.rowKey, &reader), item: item, sheet: sheet, test: test,
      quarantines: quarantines)
    rule = MergeRule(
      sheet: sheet, type: type, method: reader.setting("method")?.text.flatMap(MergeMethod.init) ?? .majority,
      leavesTies: reader.setting("ties")?.text == "none", leastVotes: reader.setting("min_votes")?.int ?? 1,
      excluded: (reader.setting("exclude_annotators")?.list ?? []).compactMap { $0.text ?? $0.int.map(String.init) }, quarantines: quarantines,
      itemsName: sources.map { source in if case .port(let reference) = source { String(reference.description.drop { $0 == "@" }) } else { "from" } }
        .joined(separator: "`, `"))
    try reader.finish()
    self.inputs = inputs
    func rows(_ rowKey: [String], estimates: [String], columns: [String]? = nil, labelTypes: [String] = []) -> TableTraits {
      var traits = TableTraits(rowKey: rowKey, columns: columns, labelTypes: labelTypes)
      traits.estimates = estimates
      return traits
    }
    outputs = [
      OutputPort("rows", traits: rows(LabelItem.keyColumns, estimates: ["confidence"], columns: MergeRule.columns, labelTypes: [type.name])),
      OutputPort("disagreements"),
      OutputPort("annotators", traits: rows(["annotator"], estimates: ["agreement", "gold_agreement", "skill", "accuracy", "confusion"]), isSummary: true),
      OutputPort("posteriors", traits: rows(LabelItem.keyColumns, estimates: ["posteriors"])), OutputPort("quarantined"),
    ]
  }

  public var work: Work {
    let (reader, rule) = (reader, rule)
    return .reduce(
      ReduceWork(
        partial: { (port, chunk) throws(TaskFailure) in
          switch port {
          case Self.itemsPort: try reader.items(of: chunk)
          case Self.votesPort: try reader.votes(of: chunk)
          default: try reader.gold(of: chunk)
          }
        },
        merge: { (partials, writer) throws(TaskFailure) in try rule.merge(partials, writer) }))
  }

  public func derivedFacts(_ sums: [String: Int]) -> [String: Double] {
    var facts: [String: Double] = [:]
    let items = sums["items"] ?? 0
    // Of nothing, nothing is missing.
    facts["coverage"] = items == 0 ? 1 : Double(sums["labeled"] ?? 0) / Double(items)
    // A count that nothing added to is 0, not unknown.
    for name in Self.facts where name != "coverage" && sums[name] == nil { facts[name] = 0 }
    return facts
  }

  /// `2,041 votes, 5 annotators, alpha 0.71`
  public func note(_ sums: [String: Int], _ figures: StageFigures) -> String? {
    var parts = [MergeNote.count(sums["votes"] ?? 0, "vote"), MergeNote.count(sums["annotators"] ?? 0, "annotator")]
    if let alpha = figures.number("agreement", "alpha") { parts.append("alpha \(MergeNote.hundredths(alpha))") }
    if let bad = sums["quarantined"], bad > 0 { parts.append("\(bad) quarantined") }
    return parts.joined(separator: ", ")
  }

  // MARK: Reading the fields

  private static func votedType(_ reader: inout SettingReader) -> VotedType {
    let setting = reader.setting("label_type")
    guard let type = reader.stage.labelTypes.first(where: { $0.name == setting?.text }) else {
      // The manifest's reader has said which label types there are.
      return VotedType(name: setting?.text ?? "", rule: LabelRule(LabelType(name: "", kind: "class", classes: [], uses: nil, range: nil)), classes: [])
    }
    if type.kind != "class", type.kind != "rating" {
      reader.report(
        setting!.problem(
          "planned", "merging votes on a label type of kind `\(type.kind)` is planned, not built yet", label: "`\(type.name)` is of kind \(type.kind)",
          help: "built: class, rating"))
    }
    let rule = LabelRule(type)
    reader.stage.note(rule.note, as: "label type \(type.name)")
    return VotedType(name: type.name, rule: rule, classes: type.classes)
  }

  private static func sheet(_ from: Setting?, _ traits: TableTraits, _ reader: inout SettingReader) -> String {
    guard let sheet = traits.sheet, !traits.rowKey.isEmpty else {
      let lacks = [traits.sheet == nil ? "`sheet:`" : nil, traits.rowKey.isEmpty ? "`row_key:`" : nil].compactMap { $0 }.joined(separator: " and ")
      if let from {
        reader.report(
          from.problem(
            "sheet", "votes are on items by sheet and row_key, and the input has no \(lacks)",
            help:
              "on the stage that reads the rows: \(traits.sheet == nil ? "sheet: a name that label files use for these rows" : "row_key: the column that identifies a row")"
          ))
      }
      return ""
    }
    // Nothing else of the items is read.
    reader.stage.note(sheet, as: "sheet")
    reader.stage.note(traits.rowKey.joined(separator: "\u{1}"), as: "row_key")
    return sheet
  }

  private static func format(_ reader: inout SettingReader) -> VoteReader.Format {
    switch reader.setting("format")?.text {
    case "table": .table
    case "label-studio": .labelStudio
    default: .byContent
    }
  }

  private static func table(_ type: VotedType, _ traits: TableTraits, _ reader: inout SettingReader) -> TableVotes {
    let columns = reader.setting("columns")
    func column(_ role: String) -> TableVotes.Column {
      let entry = columns?.entry(role)
      return TableVotes.Column(entry?.text ?? role, isWritten: entry?.range != nil && entry?.text != nil)
    }
    let table = TableVotes(item: column("item"), annotator: column("annotator"), label: column("label"), at: column("at"), type: type)
    guard let known = traits.columns, reader.setting("format")?.text != "label-studio", !known.contains("annotations") else { return table }
    for (role, one) in [("item", table.item), ("annotator", table.annotator), ("label", table.label), ("at", table.at)] {
      guard !known.contains(one.name), role != "at" || one.isWritten, let place = columns?.entry(role) ?? reader.setting("votes") else { continue }
      reader.report(
        place.problem(
          "unknown-column", "the votes have no column `\(one.name)`", label: Suggestion.label(for: one.name, in: known),
          help: "say what it is called: columns: { \(role): … }; there are \(known.map { "`\($0)`" }.joined(separator: ", "))"))
    }
    return table
  }

  private static func labelStudio(_ type: VotedType, _ rowKey: [String], _ reader: inout SettingReader) -> LabelStudioVotes {
    let columns = reader.setting("columns")
    func written(_ role: String) -> String? { columns?.entry(role).flatMap { $0.range == nil ? nil : $0.text } }
    return LabelStudioVotes(item: written("item") ?? (rowKey.count == 1 ? rowKey[0] : "item"), control: written("label") ?? type.name, type: type)
  }
}

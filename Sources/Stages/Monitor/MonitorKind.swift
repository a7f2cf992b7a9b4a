public import Diagnostics
public import Engine
internal import Rows
internal import Statistics

/// `monitor`: what a request log says of errors, latency and drift, a snapshot per window.
public struct MonitorKind: StageKind {
  public static let name = "monitor"
  public static let version = 1
  public static let components: [Component] = [.numbers]
  public static let figures = ["windows", "window", "count", "error_rate", "latency", "drift"]

  public let inputs: [InputPort]
  public let outputs = [OutputPort("rows", isKept: true, isSummary: true), OutputPort("alerts", isKept: true, isSummary: true)]
  private let plan: MonitorPlan

  public init(_ stage: any StageReading) throws(Problems) {
    var reader = SettingReader(stage)
    let from = reader.setting("from")
    let sources = reader.inputs(from)
    let reference = reader.setting("reference")
    let referenceSources = reader.inputs(reference)
    let columns = reader.setting("columns")
    let filter = reader.setting("where").flatMap { setting in reader.attempt { () throws(Problems) in RowTest(try stage.expression(setting)) } }

    let written = reader.setting("fields")
    let fields = written?.map?.map { entry in
      MonitorPlan.Field(name: entry.name, method: entry.setting.text.flatMap(DriftMethod.init), range: entry.nameRange ?? entry.setting.range)
    }
    if let written, reference == nil {
      reader.report(
        written.problem(
          "reference", "`fields` says where to look for drift, and there is no `reference` to drift from",
          help: "reference: ${stages.dataset.train}"))
    }
    var keys = reader.traits(of: sources).rowKey
    if !referenceSources.isEmpty { keys += reader.traits(of: referenceSources).rowKey }
    // Nobody asks whether the ids of two tables are distributed alike.
    if fields == nil { stage.note(keys.joined(separator: "\u{1}"), as: "row_key") }
    if let fields {
      Self.check(fields, reader.traits(of: sources).columns, "the log", &reader)
      if !referenceSources.isEmpty { Self.check(fields, reader.traits(of: referenceSources).columns, "the reference", &reader) }
    }
    try reader.finish()

    var inputs = [InputPort(name: MonitorPlan.logPort, reading: .stream, sources: sources, range: from?.range)]
    if let reference {
      inputs.append(InputPort(name: MonitorPlan.referencePort, reading: .stream, sources: referenceSources, range: reference.range))
    }
    self.inputs = inputs
    let log = LogReader(
      window: reader.setting("window")?.text.flatMap(LogWindow.init) ?? .all, time: columns?.entry("time")?.text ?? "time",
      status: columns?.entry("status")?.text ?? "status", latency: columns?.entry("latency_ms")?.text ?? "latency_ms",
      // Without a reference no column is compared.
      watched: reference == nil ? [] : fields?.map(\.name), filter: filter)
    plan = MonitorPlan(log: log, fields: fields, keys: keys, hasReference: reference != nil)
  }

  private static func check(_ fields: [MonitorPlan.Field], _ known: [String]?, _ side: String, _ reader: inout SettingReader) {
    guard let known else { return }
    for field in fields where !known.contains(field.name) {
      reader.report(
        Diagnostic(
          .error, id: "unknown-column", "\(side) has no column `\(field.name)`", at: field.range?.place,
          label: Suggestion.label(for: field.name, in: known)))
    }
  }

  public var work: Work {
    let plan = plan
    return .reduce(
      ReduceWork(
        partial: { (port, chunk) throws(TaskFailure) in
          port == MonitorPlan.logPort ? try plan.log.log(chunk.rows).encoded : plan.log.reference(chunk.rows).encoded
        }, merge: { (partials, writer) throws(TaskFailure) in try plan.merge(partials, writer) }))
  }

  /// `drift lang chi2 p=0.31`; of several columns those that drifted; the window where there are more than one.
  public func note(_ sums: [String: Int], _ figures: StageFigures) -> String? {
    guard case .nested(let fields)? = figures["drift"], !fields.isEmpty else { return nil }
    var words: [String] = []
    for entry in fields.entries {
      guard case .nested(let field) = entry.value, case .text(let method)? = field["method"], let value = field.number("value") else { continue }
      let isDrift = field.number("drifted") == 1
      guard isDrift || fields.entries.count == 1 else { continue }
      words.append("drift \(entry.name) \(method) \(Self.words(value, isTest: field["p"] != nil && field["p"] != .null))")
    }
    let text = words.isEmpty ? "no drift in \(fields.entries.map(\.name).joined(separator: ", "))" : words.joined(separator: ", ")
    guard case .text(let window)? = figures["window"], (figures.number("windows") ?? 0) > 1 else { return text }
    return "\(window): \(text)"
  }

  /// `p=0.31`, `p<0.001`, `0.124`
  private static func words(_ value: Double, isTest: Bool) -> String {
    if isTest, value < 0.001 { return "p<0.001" }
    let digits = isTest && value >= 0.01 ? 100 : 1000
    let scaled = Int((value * Double(digits)).rounded())
    let fraction = String(scaled % digits)
    let text = "\(scaled / digits)." + String(repeating: "0", count: String(digits).utf8.count - 1 - fraction.utf8.count) + fraction
    return isTest ? "p=" + text : text
  }
}

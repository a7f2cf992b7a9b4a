public import Diagnostics
public import Engine
internal import Rows
internal import Statistics

/// `monitor`: what a request log says of errors, latency and drift, a snapshot per window.
public struct MonitorKind: StageKind {
  public static let name = "monitor"
  public static let version = 1
  public static let components: [Component] = [.numbers]
  public static let facts = ["count", "windows", "error_rate", "latency.p50", "latency.p95", "latency.p99", "drift"]

  public let inputs: [InputPort]
  public let outputs = [OutputPort("rows", isKept: true), OutputPort("alerts", isKept: true)]
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
}

public import Diagnostics
public import Engine
internal import Manifests

/// `train-submit`: trains on a table of examples, here or elsewhere, and keeps the model, its metrics and its log.
public struct TrainSubmitKind: StageKind {
  public static let name = "train-submit"
  public static let asksMachine = true
  public static let version = 1
  public static let components: [Component] = [.numbers]
  public static let facts = ["files", "classes"]
  public static let figures = ["status", "metrics"]

  public let inputs: [InputPort]
  public let outputs: [OutputPort]
  public let effect: Effect
  private let backend: Backend

  enum Backend: Sendable {
    case classifier(ClassifierTraining)
    case command(CommandTraining)
  }

  public init(_ stage: any StageReading) throws(Problems) {
    var reader = SettingReader(stage)
    inputs = Self.inputs(&reader)
    let filter = RowFilter(&reader)
    let settings = reader.setting("backend")
    switch settings?.entry("kind")?.text {
    case "command":
      effect = .submit
      backend = .command(CommandTraining(settings!, inputs: inputs.map(\.name), filter, &reader))
    case "classifier":
      effect = .pure
      backend = .classifier(ClassifierTraining(settings, inputs, filter, &reader))
    default:
      // A backend that is planned: the field has been refused already, and what belongs to it is no mistake.
      effect = .pure
      var other = reader
      backend = .classifier(ClassifierTraining(settings, inputs, filter, &other))
    }
    let model: PortContent = if case .classifier = backend { .file(".classifier") } else { .folder }
    // Who may see the rows may see what was learnt from them, and nobody else.
    let traits = TableTraits(governance: reader.governance(of: inputs.flatMap(\.sources)))
    outputs = [
      OutputPort("model", content: model, isKept: true, traits: traits), OutputPort("metrics", isKept: true, traits: traits),
      OutputPort("log", isKept: true, traits: traits),
    ]
    try reader.finish()
  }

  public var work: Work {
    switch backend {
    case .classifier(let training): .wholeInput(WholeWork { (input, writer) throws(TaskFailure) in try training.train(input, writer) })
    case .command(let training): .wholeInput(WholeWork { (input, writer) throws(TaskFailure) in try training.train(input, writer) })
    }
  }

  private static func inputs(_ reader: inout SettingReader) -> [InputPort] {
    var ports: [InputPort] = []
    for (field, name) in [("from", "rows"), ("validation", "validation")] {
      guard let setting = reader.setting(field) else { continue }
      ports.append(InputPort(name: name, reading: .whole, sources: reader.inputs(setting), range: setting.range, isSide: name == "validation"))
    }
    return ports
  }

  /// `classifier, 4 classes` · `3 files, loss 0.31`
  public func note(_ sums: [String: Int], _ figures: StageFigures) -> String? {
    switch backend {
    case .classifier: return "classifier, \(sums["classes"] ?? 0) classes"
    case .command:
      var words = ["\(sums["files"] ?? 0) \(sums["files"] == 1 ? "file" : "files")"]
      if case .nested(let metrics)? = figures["metrics"] {
        for metric in metrics.entries.prefix(3) { if let value = metrics.number(metric.name) { words.append("\(metric.name) \(Self.shown(value))") } }
      }
      return words.joined(separator: ", ")
    }
  }

  /// Four digits behind the point: for people.
  static func shown(_ value: Double) -> String { abs(value) < 1e9 ? String(decoding: JSONLine.number((value * 10_000).rounded() / 10_000), as: UTF8.self) : "\(value)" }
}

/// The three outputs of a training.
struct TrainingOutputs {
  static let model = 0
  static let metrics = 1
  static let log = 2

  let writer: TaskWriter
  private var lines = 0

  init(_ writer: TaskWriter) { self.writer = writer }

  /// One row per line of the log.
  mutating func log(_ text: String) throws(TaskFailure) {
    lines += 1
    let row = JSONLine.object([("line", Array(String(lines).utf8)), ("text", JSONLine.text(text))])
    try writer.emit(to: Self.log, from: .unknown(lines - 1)) { (out) throws(TaskFailure) in out += row }
  }

  /// The metrics, one row with a column each; numbers and texts are also figures.
  func metrics(_ row: [UInt8], _ metrics: StageFigures) throws(TaskFailure) {
    try writer.emit(to: Self.metrics, from: .unknown(0)) { (out) throws(TaskFailure) in out += row }
    record(metrics)
  }

  /// What `expect` sees.
  func record(_ metrics: StageFigures) {
    var figures = StageFigures()
    // One that did not succeed has no result to look at.
    figures.append("status", .text("succeeded"))
    figures.append("metrics", .nested(metrics))
    writer.record(figures)
  }
}

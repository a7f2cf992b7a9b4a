public import Diagnostics
public import Engine
internal import Rows
internal import Templates

/// `assemble`: makes one example of each row: messages, with the label as the answer.
public struct AssembleKind: StageKind {
  public static let name = "assemble"
  public static let version = 1
  public static let components: [Component] = [.templates]
  public static let facts = ["labeled", "unlabeled", "coverage", "approved", "rejected", "flagged"]

  public let inputs: [InputPort]
  public let outputs: [OutputPort]
  private let plan: AssemblePlan
  /// What the label inputs are called, for the summary.
  private let labelNames: [String]

  public init(_ stage: any StageReading) throws(Problems) {
    var reader = SettingReader(stage)
    var assembly = AssembleReader(&reader)
    assembly.read(&reader)
    try reader.finish()
    plan = assembly.plan
    inputs = assembly.inputs
    outputs = [OutputPort("rows", traits: assembly.traits), OutputPort("unlabeled", traits: assembly.traits)]
    labelNames = assembly.labelNames
  }

  public var work: Work {
    let plan = plan
    return .eachChunk(ChunkWork { (input, writer) throws(TaskFailure) in try plan.write(input, writer) })
  }

  public func derivedFacts(_ sums: [String: Int]) -> [String: Double] {
    let labeled = sums["labeled"] ?? 0
    let all = labeled + (sums["unlabeled"] ?? 0)
    // Of nothing, nothing is missing.
    return ["coverage": all == 0 ? 1 : Double(labeled) / Double(all)]
  }

  /// `398 labeled (380 by labels, 18 by review), 14 unlabeled, 3 rejected`
  public func note(_ sums: [String: Int]) -> String? {
    let labeled = sums["labeled"] ?? 0
    let unlabeled = sums["unlabeled"] ?? 0
    guard !labelNames.isEmpty, labeled + unlabeled > 0 else { return nil }
    var parts = ["\(labeled) labeled"]
    if labelNames.count > 1 {
      let by = labelNames.enumerated().map { "\(sums["answered.\($0.offset)"] ?? 0) by \($0.element)" }.joined(separator: ", ")
      parts[0] += " (\(by))"
    }
    if unlabeled > 0 { parts.append("\(unlabeled) unlabeled") }
    for status in ["approved", "rejected", "flagged"] { if let count = sums[status], count > 0 { parts.append("\(count) \(status)") } }
    return parts.joined(separator: ", ")
  }
}

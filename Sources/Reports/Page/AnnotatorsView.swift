/// The annotators behind merged labels.
public struct AnnotatorsView: Sendable {
  public struct Annotator: Sendable {
    public var name: String
    public var votes: Int
    /// Share of votes that became the label.
    public var agreement: Double?
    /// What the method makes of them.
    public var accuracy: Double?
    public var isExcluded: Bool
  }

  public let stage: String
  public let annotators: [Annotator]
  public let total: Int
  /// Agreement figures of the stage: name and value.
  public let figures: [(name: String, value: String)]

  /// - Parameter rows: the output `annotators`, some of it.
  public init?(stage: String, rows: [[UInt8]], total: Int, figures: [(name: String, value: String)]) {
    annotators = rows.compactMap { row in
      let values = Dictionary(RowText.fields(row).map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
      guard let name = values["annotator"], let votes = values["votes"].flatMap(Int.init) else { return nil }
      return Annotator(
        name: name, votes: votes, agreement: values["agreement"].flatMap(Double.init), accuracy: values["accuracy"].flatMap(Double.init),
        isExcluded: values["excluded"] == "true")
    }
    guard !annotators.isEmpty else { return nil }
    self.stage = stage
    self.total = total
    self.figures = figures
  }
}

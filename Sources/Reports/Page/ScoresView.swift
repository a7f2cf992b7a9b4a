/// What an evaluation came to.
public struct ScoresView: Sendable {
  /// A figure with its baseline, where there is one.
  public struct Score: Sendable {
    public var name: String
    public var value: Double
    public var baseline: Double?
    public var difference: (value: Double, low: Double, high: Double)?
  }

  public struct ClassScore: Sendable {
    public var name: String
    public var precision: Double?
    public var recall: Double?
    public var f1: Double?
    public var support: Int?
  }

  public let stage: String
  public let scores: [Score]
  public let classes: [ClassScore]
  public let slices: [(slice: String, values: [(name: String, value: Double)])]

  /// - Parameters:
  ///   - rows: the output `scores`.
  ///   - facts: what the record says, `baseline.accuracy` and `difference.accuracy.low` included.
  public init?(stage: String, rows: [[UInt8]], facts: [(name: String, value: String)]) {
    let known = Dictionary(facts, uniquingKeysWith: { first, _ in first })
    var scores: [Score] = []
    var classes: [ClassScore] = []
    var slices: [(slice: String, values: [(name: String, value: Double)])] = []
    for row in rows {
      let values = Dictionary(RowText.fields(row).map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
      guard let metric = values["metric"], let value = values["value"].flatMap(Double.init) else { continue }
      let slice = values["slice"].flatMap { $0 == "null" ? nil : $0 }
      let name = values["class"].flatMap { $0 == "null" ? nil : $0 }
      if let slice, name == nil {
        if slices.last?.slice != slice { slices.append((slice, [])) }
        slices[slices.count - 1].values.append((metric, value))
      } else if slice == nil, let name {
        let place = classes.firstIndex { $0.name == name } ?? classes.count
        if place == classes.count { classes.append(ClassScore(name: name)) }
        switch metric {
        case "precision": classes[place].precision = value
        case "recall": classes[place].recall = value
        case "f1": classes[place].f1 = value
        default: break
        }
        classes[place].support = values["rows"].flatMap(Int.init)
      } else if slice == nil {
        var score = Score(name: metric, value: value)
        score.baseline = known["baseline.\(metric)"].flatMap(Double.init)
        if let difference = known["difference.\(metric).value"].flatMap(Double.init), let low = known["difference.\(metric).low"].flatMap(Double.init),
          let high = known["difference.\(metric).high"].flatMap(Double.init)
        {
          score.difference = (difference, low, high)
        }
        scores.append(score)
      }
    }
    guard !scores.isEmpty else { return nil }
    self.stage = stage
    self.scores = scores
    self.classes = classes
    self.slices = slices
  }
}

/// The sides of a split, and how each label type is spread over them.
public struct SplitView: Sendable {
  public struct Side: Sendable {
    public var name: String
    public var rows: Int
    /// By class: how many of the rows read.
    public var labels: [(text: String, count: Int)] = []
    /// Fewer than `rows` when not all were read.
    public var counted = 0

    public init(name: String, rows: Int) {
      self.name = name
      self.rows = rows
    }
  }

  public var stage: String
  /// The column that the labels stand in; nil when rows carry none.
  public var column: String?
  public var sides: [Side]

  public init(stage: String, column: String?, sides: [Side]) {
    self.stage = stage
    self.column = column
    self.sides = sides
  }

  /// Classes by how often they occur on all sides, the most frequent first.
  var classes: [String] {
    var sizes: [String: Int] = [:]
    for side in sides { for label in side.labels { sizes[label.text, default: 0] += label.count } }
    return sizes.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map(\.key)
  }
}

/// How often one thing was called another: truth against answer, label against vote.
public struct ConfusionView: Sendable {
  /// More classes than this are no table for people.
  static let maximumClasses = 40

  public var stage: String
  /// What stands down the side, and what across: `gold`, `prediction`.
  public var side: String
  public var top: String
  public private(set) var classes: [String] = []
  /// By class down the side, then by class across.
  public private(set) var counts: [[Int]] = []
  /// Classes that the table does not show.
  public private(set) var leftClasses = 0
  public private(set) var total = 0
  /// Of how many rows, when not all were read.
  public var sampled: (rows: Int, of: Int)?

  public init(stage: String, side: String, top: String, cells: [(side: String, top: String, count: Int)]) {
    self.stage = stage
    self.side = side
    self.top = top
    var sizes: [String: Int] = [:]
    for cell in cells {
      sizes[cell.side, default: 0] += cell.count
      sizes[cell.top, default: 0] += cell.side == cell.top ? 0 : cell.count
      total += cell.count
    }
    let ordered = sizes.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map(\.key)
    classes = Array(ordered.prefix(Self.maximumClasses))
    leftClasses = ordered.count - classes.count
    let places = Dictionary(classes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    counts = Array(repeating: Array(repeating: 0, count: classes.count), count: classes.count)
    for cell in cells { if let row = places[cell.side], let column = places[cell.top] { counts[row][column] += cell.count } }
  }

  /// The output `confusion` of a stage that evaluates.
  public init?(stage: String, rows: [[UInt8]]) {
    let cells = rows.compactMap { row -> (String, String, Int)? in
      let values = Dictionary(RowText.fields(row).map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
      guard let gold = values["gold"], let prediction = values["prediction"], let count = values["rows"].flatMap(Int.init) else { return nil }
      return (gold, prediction, count)
    }
    guard !cells.isEmpty else { return nil }
    self.init(stage: stage, side: "gold", top: "prediction", cells: cells.map { (side: $0.0, top: $0.1, count: $0.2) })
  }

  /// How many stand on the diagonal.
  var agreed: Int { counts.indices.reduce(0) { $0 + counts[$1][$1] } }
}

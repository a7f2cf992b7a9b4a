/// The snapshots of a monitor stage in the order of their windows: a series.
///
/// A snapshot is an artifact of one window; that they stand side by side is a view, made of the rows that the stage wrote.
public struct MonitorView: Sendable {
  public struct Window: Sendable {
    public var label: String
    public var requests = 0
    /// Nil when the log says nothing of it.
    public var errors: Int?
    public var errorRate: Double?
    /// Wilson's interval of the rate, 95 %.
    public var errorRange: ClosedRange<Double>?
    public var latency50: Double?
    public var latency95: Double?
    public var latency99: Double?
  }

  /// A watched column in one window.
  public struct Point: Sendable {
    public var window: Int
    public var method: String?
    public var value: Double?
    public var isTest: Bool
    public var psi: Double?
    public var threshold: Double?
    public var isDrift: Bool
    public var count: Int
    public var missing: Int
    /// What moved most, in words.
    public var words: String
  }

  public struct Field: Sendable {
    public var name: String
    public var points: [Point]
  }

  public let manifest: String
  public let stage: String
  public internal(set) var windows: [Window] = []
  public internal(set) var fields: [Field] = []

  /// - Parameter rows: the stage's rows, compact JSON objects, windows in order.
  public init(manifest: String, stage: String, rows: [[UInt8]]) {
    self.manifest = manifest
    self.stage = stage
    for row in rows {
      let values = Dictionary(RowText.fields(row).map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
      func number(_ name: String) -> Double? { values[name].flatMap(Double.init) }
      let label = values["window"] ?? ""
      // A field may be called `null`; only totals have errors.
      guard values["method"] != nil, let name = values["field"] else {
        var window = Window(label: label)
        window.requests = number("count").map { Int($0) } ?? 0
        window.errors = number("errors").map { Int($0) }
        window.errorRate = number("error_rate")
        if let low = number("error_rate_low"), let high = number("error_rate_high"), low <= high { window.errorRange = low...high }
        window.latency50 = number("latency_p50")
        window.latency95 = number("latency_p95")
        window.latency99 = number("latency_p99")
        windows.append(window)
        continue
      }
      let method = values["method"].flatMap { $0 == "null" ? nil : $0 }
      let point = Point(
        window: windows.count - 1, method: method, value: number("value"), isTest: number("p") != nil, psi: number("psi"),
        threshold: number("threshold"), isDrift: values["drifted"] == "true", count: number("count").map { Int($0) } ?? 0,
        missing: number("missing").map { Int($0) } ?? 0, words: Self.words(values))
      if let index = fields.firstIndex(where: { $0.name == name }) {
        fields[index].points.append(point)
      } else {
        fields.append(Field(name: name, points: [point]))
      }
    }
  }

  private static func words(_ values: [String: String]) -> String {
    if let mean = values["mean"].flatMap(Double.init), let reference = values["reference_mean"].flatMap(Double.init) {
      return "mean \(plain(reference)) → \(plain(mean))"
    }
    let moved = values["moved"].map { RowText.items(Array($0.utf8)) } ?? []
    return moved.map { item in
      let item = Dictionary(RowText.fields(item).map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
      let shares = ["reference", "current"].map { percent(item[$0].flatMap(Double.init) ?? 0) }
      return "\(item["category"] ?? "") \(shares[0]) → \(shares[1])"
    }.joined(separator: ", ")
  }

  // MARK: Words

  public var requests: Int { windows.reduce(0) { $0 + $1.requests } }

  /// `support-intents · watch: 7 windows, 1,204 requests, 18 errors (1.5 %)`
  var headline: String {
    var text = "\(manifest) · \(stage): \(Figures.count(windows.count, "window")), \(Figures.count(requests, "request"))"
    if windows.contains(where: { $0.errors != nil }), requests > 0 {
      let errors = windows.reduce(0) { $0 + ($1.errors ?? 0) }
      text += ", \(Figures.count(errors, "error")) (\(Self.percent(Double(errors) / Double(requests))))"
    }
    return text
  }

  /// `1.5 %`
  static func percent(_ share: Double) -> String { Figures.decimal(share * 100, digits: 1) + " %" }

  /// Four digits at most, and none that say nothing.
  static func plain(_ value: Double) -> String {
    let size = value.magnitude
    let text = value < 0 ? "-" : ""
    if size >= 100 { return text + Figures.decimal(size, digits: 0) }
    if size >= 10 { return text + Figures.decimal(size, digits: 1) }
    return text + Figures.decimal(size, digits: size >= 1 ? 2 : 3)
  }

  /// `p=0.310`, `p<0.001`, `0.124`
  static func value(_ point: Point) -> String {
    guard let value = point.value else { return "–" }
    if !point.isTest { return plain(value) }
    return value < 0.001 ? "p<0.001" : "p=" + Figures.decimal(value, digits: 3)
  }
}

internal import Diagnostics
internal import Engine
internal import Rows
internal import Statistics

/// Everything that a monitor's merge needs.
struct MonitorPlan: Sendable {
  static let logPort = "from"
  static let referencePort = "reference"
  /// More windows than this from the first request to the last mean a clock that is years off.
  static let maximumSpan = 20_000

  /// A column that the manifest names.
  struct Field: Sendable {
    let name: String
    /// Nil for the one that fits.
    let method: DriftMethod?
    let range: SourceRange?
  }

  let log: LogReader
  let fields: [Field]?
  /// Columns that identify rows.
  let keys: [String]
  let hasReference: Bool

  /// A window of the whole log.
  private struct Snapshot {
    var count = 0
    var errors = 0
    var latencies = FieldSample()
    var parent: RowParent
    var fields: [[UInt8]: FieldSample] = [:]
  }

  func merge(_ partials: [(port: String, partial: [UInt8])], _ writer: TaskWriter) throws(TaskFailure) {
    var snapshots: [Int: Snapshot] = [:]
    var reference: [[UInt8]: FieldSample] = [:]
    var referenceCount = 0
    var presence = (status: Presence(), latency: Presence())
    var chunk = 0
    for (port, bytes) in partials {
      let partial = LogPartial(decoding: bytes)
      guard port == Self.logPort else {
        for window in partial.windows.values {
          referenceCount += window.count
          merge(window.fields, into: &reference)
        }
        continue
      }
      for row in partial.dropped { writer.drop(RowParent(chunk: chunk, row: row), because: "where") }
      for (index, window) in partial.windows.sorted(by: { $0.key < $1.key }) {
        let parent = RowParent(chunk: chunk, row: window.firstRow)
        presence.status.add(window.statusCount, without: window.firstWithoutStatus, chunk)
        presence.latency.add(window.latencyCount, without: window.firstWithoutLatency, chunk)
        var snapshot = snapshots[index] ?? Snapshot(parent: parent)
        snapshot.count += window.count
        snapshot.errors += window.errors
        snapshot.latencies.merge(window.latencies, isBounded: false)
        merge(window.fields, into: &snapshot.fields)
        snapshots[index] = snapshot
      }
      chunk += 1
    }
    let order = snapshots.keys.sorted()
    try checkSpan(order, snapshots)
    let hasStatus = try presence.status.isThere(log.status, standard: "status")
    _ = try presence.latency.isThere(log.latency, standard: "latency_ms")

    let columns = try hasReference ? columns(order.map { snapshots[$0]! }, reference, referenceCount) : []
    var drift = StageFigures()
    for index in order {
      let snapshot = snapshots[index]!
      var totals = header(index)
      totals.add("field", JSONBytes.null)
      appendTotals(snapshot, hasStatus, to: &totals)
      try emit(totals, 0, snapshot.parent, writer)
      for column in columns {
        let measured = column.measure(snapshot.fields[column.token] ?? FieldSample(), of: snapshot.count)
        var row = header(index)
        row.add("field", JSONText.quoted(column.name))
        measured.append(to: &row)
        try emit(row, 0, snapshot.parent, writer)
        if measured.drift?.isDrift ?? false { try emit(row, 1, snapshot.parent, writer) }
        if index == order.last { drift.append(column.name, .nested(measured.figures)) }
      }
    }
    writer.record(figures(order, order.last.map { snapshots[$0]! }, hasStatus, drift))
  }

  /// What `expect` can name: the last window is how things are.
  private func figures(_ order: [Int], _ last: Snapshot?, _ hasStatus: Bool, _ drift: StageFigures) -> StageFigures {
    func real(_ value: Double?) -> StageFigures.Value { value.map { .real($0) } ?? .null }
    var figures = StageFigures()
    figures.append("windows", .integer(order.count))
    figures.append("window", order.last.map { .text(log.window.label($0)) } ?? .null)
    figures.append("count", .integer(last?.count ?? 0))
    figures.append("error_rate", real(last.flatMap { hasStatus ? Double($0.errors) / Double($0.count) : nil }))
    let latencies = last?.latencies.values ?? ValueCounts()
    var latency = StageFigures()
    for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] { latency.append(name, real(latencies.quantile(share))) }
    figures.append("latency", .nested(latency))
    figures.append("drift", .nested(drift))
    return figures
  }

  private func merge(_ fields: [[UInt8]: FieldSample], into all: inout [[UInt8]: FieldSample]) {
    for (name, sample) in fields { all[name, default: FieldSample()].merge(sample, isBounded: self.fields == nil) }
  }

  // MARK: Rows

  private func header(_ index: Int) -> JSONRow {
    var row = JSONRow()
    row.add("window", JSONText.quoted(log.window.label(index)))
    let range = log.window.range(index)
    row.add("start", range.map { JSONText.quoted(LogTime.text(seconds: $0.start)) } ?? JSONBytes.null)
    row.add("end", range.map { JSONText.quoted(LogTime.text(seconds: $0.end)) } ?? JSONBytes.null)
    return row
  }

  private func appendTotals(_ snapshot: Snapshot, _ hasStatus: Bool, to row: inout JSONRow) {
    row.add("count", snapshot.count)
    row.add("errors", hasStatus ? Double(snapshot.errors) : nil)
    let rate = Double(snapshot.errors) / Double(snapshot.count)
    let interval = WilsonInterval(snapshot.errors, of: snapshot.count)
    row.add("error_rate", hasStatus ? rate : nil)
    row.add("error_rate_low", hasStatus ? interval.low : nil)
    row.add("error_rate_high", hasStatus ? interval.high : nil)
    let latencies = snapshot.latencies.values
    row.add("latency_p50", latencies.quantile(0.5))
    row.add("latency_p95", latencies.quantile(0.95))
    row.add("latency_p99", latencies.quantile(0.99))
  }

  private func emit(_ row: JSONRow, _ port: Int, _ parent: RowParent, _ writer: TaskWriter) throws(TaskFailure) {
    let bytes = row.closed
    try bytes.withUnsafeBytes { raw -> Result<Void, TaskFailure> in
      do throws(TaskFailure) { return .success(try writer.emit(to: port, from: parent, row: raw)) } catch { return .failure(error) }
    }.get()
  }

  // MARK: Checks

  private func checkSpan(_ order: [Int], _ snapshots: [Int: Snapshot]) throws(TaskFailure) {
    guard let first = order.first, let last = order.last, last - first > Self.maximumSpan else { return }
    // The lonely end is the wrong one.
    let isFirstWrong = order.count > 1 && order[1] - first > last - order[order.count - 2]
    throw TaskFailure(
      id: "log-time",
      message: "the log reaches from \(log.window.label(first)) to \(log.window.label(last)): some clock is years off",
      rows: [snapshots[isFirstWrong ? first : last]!.parent], help: "leave such rows out with `where`, correct them in the log, or take a longer `window`")
  }

  /// The columns to compare, each with the sample of the reference.
  private func columns(_ windows: [Snapshot], _ reference: [[UInt8]: FieldSample], _ referenceCount: Int) throws(TaskFailure) -> [WatchedColumn] {
    var all: [[UInt8]: FieldSample] = [:]
    for window in windows { merge(window.fields, into: &all) }
    let counts = (log: windows.reduce(0) { $0 + $1.count }, reference: referenceCount)
    guard let fields else {
      let tokens = all.keys.filter { reference[$0] != nil }.sorted { $0.lexicographicallyPrecedes($1) }
      var found: [WatchedColumn] = []
      for token in tokens {
        let name = token.withUnsafeBytes { JSONView($0).string ?? "" }
        guard !keys.contains(name), let log = all[token], let reference = reference[token], log.isComparable, reference.isComparable,
          !log.isIdentity
        else { continue }
        found.append(try WatchedColumn(Field(name: name, method: nil, range: nil), token, reference: reference, log: log, rows: counts))
      }
      return found
    }
    var found: [WatchedColumn] = []
    for field in fields {
      let token = JSONText.quoted(field.name)
      found.append(try WatchedColumn(field, token, reference: reference[token] ?? FieldSample(), log: all[token] ?? FieldSample(), rows: counts))
    }
    return found
  }
}

/// Whether the rows of a log have a column: all of them, or none.
private struct Presence {
  private var count = 0
  private var firstWithout: RowParent?

  mutating func add(_ count: Int, without row: Int?, _ chunk: Int) {
    self.count += count
    if let row, firstWithout == nil { firstWithout = RowParent(chunk: chunk, row: row) }
  }

  func isThere(_ column: String, standard: String) throws(TaskFailure) -> Bool {
    guard let firstWithout else { return count > 0 }
    if count == 0, column == standard { return false }
    throw TaskFailure(
      id: "log-\(standard == "status" ? "status" : "latency")",
      message: count == 0 ? "no row of the log has a value in `\(column)`" : "the row has no value in `\(column)`, and others have one", rows: [firstWithout],
      help: "columns: { \(standard): … } names the column; leave rows that are no requests out with `where`")
  }
}

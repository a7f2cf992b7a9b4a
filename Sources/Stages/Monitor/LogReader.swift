internal import Engine
internal import Rows
internal import Statistics

/// Reads rows of the log and of the reference.
struct LogReader: Sendable {
  let window: LogWindow
  let time: String
  let status: String
  let latency: String
  /// Columns that are watched, as JSON keys; nil for all but those that describe the request.
  let watched: [[UInt8]]?
  let filter: RowTest?

  init(window: LogWindow, time: String, status: String, latency: String, watched: [String]?, filter: RowTest?) {
    self.window = window
    self.time = time
    self.status = status
    self.latency = latency
    self.watched = watched?.map(JSONText.quoted)
    self.filter = filter
  }

  func log(_ rows: Chunk) throws(TaskFailure) -> LogPartial {
    var partial = LogPartial()
    let worker = WorkerLocal()
    var failures = FailureCollector()
    var columns = LogColumns(own: [time, status, latency].map(JSONText.quoted), watched: watched)
    // Neighbours nearly always share a window: it is put back only when it changes.
    var index = 0
    var current = OpenWindow()
    var done: [Int: OpenWindow] = [:]
    try rows.forEachRow { (row, bytes) throws(TaskFailure) in
      let parent = RowParent(chunk: 0, row: row)
      do throws(TaskFailure) {
        if let filter, try !filter.holds(bytes, parent: parent, worker: worker) {
          partial.dropped.append(row)
          return
        }
        columns.read(bytes)
        let found = try self.index(columns.own(0, bytes), parent)
        if found != index || current.totals.count == 0 {
          if current.totals.count > 0 { done[index] = current }
          index = found
          current = done.removeValue(forKey: index) ?? OpenWindow()
          if current.totals.count == 0 { current.totals.firstRow = row }
        }
        current.totals.count += 1
        try addStatus(columns.own(1, bytes), row, parent, &current.totals)
        try addLatency(columns.own(2, bytes), row, parent, &current.totals)
        columns.add(bytes, to: &current.samples)
      } catch { failures.add(error) }
    }
    try failures.throwFirst()
    if current.totals.count > 0 { done[index] = current }
    for (index, window) in done { partial.windows[index] = window.closed(columns) }
    return partial
  }

  func reference(_ rows: Chunk) -> LogPartial {
    var partial = LogPartial()
    var window = OpenWindow()
    var columns = LogColumns(own: [time, status, latency].map(JSONText.quoted), watched: watched)
    rows.forEachRow { _, bytes in
      window.totals.count += 1
      columns.read(bytes)
      columns.add(bytes, to: &window.samples)
    }
    if window.totals.count > 0 { partial.windows[0] = window.closed(columns) }
    return partial
  }

  /// A window while its rows are read: samples by column number.
  private struct OpenWindow {
    var totals = LogPartial.Window()
    var samples: [FieldSample] = []

    func closed(_ columns: LogColumns) -> LogPartial.Window {
      var window = totals
      for (token, sample) in zip(columns.tokens, samples) { window.fields[token] = sample }
      return window
    }
  }

  // MARK: The request itself

  private func index(_ value: JSONView?, _ parent: RowParent) throws(TaskFailure) -> Int {
    guard window != .all else { return 0 }
    guard let value else {
      throw TaskFailure(
        id: "log-time", message: "the row has no column `\(time)`, and `window: \(window.rawValue)` needs the time of every request", rows: [parent],
        help: "columns: { time: ts } says where the log has it; `window: all` needs none")
    }
    guard value.kind == .string else {
      throw TaskFailure(
        id: "log-time", message: "the time of a request is a text as in RFC 3339, and `\(time)` is `\(value.text.prefix(40))`", rows: [parent],
        help: value.kind == .number
          ? "a number does not say whether it counts seconds or milliseconds: write it as 2026-10-31T05:00:00Z where the log is made"
          : "`where` leaves rows that are no requests out, and counts them")
    }
    let text = value.bytes.dropFirst().dropLast()
    guard let seconds = LogTime.seconds(text) else {
      let written = String(decoding: text.prefix(40), as: UTF8.self)
      let isLocal = LogTime.seconds(Array(text) + [UInt8(ascii: "Z")]) != nil
      throw TaskFailure(
        id: "log-time", message: "`\(written)` in `\(time)` is no time as in RFC 3339" + (isLocal ? ": it has no offset" : ""), rows: [parent],
        help: isLocal
          ? "without an offset nobody knows which hour it was: \(written)Z is UTC, \(written)+01:00 is an hour ahead"
          : "2026-10-31T05:00:00Z, 2026-10-31T06:00:00.25+01:00")
    }
    // A clock that was never set begins here.
    guard seconds >= 365 * 86400 else {
      throw TaskFailure(
        id: "log-time", message: "`\(String(decoding: text, as: UTF8.self))` in `\(time)` is before 1971: the clock of whoever wrote it was not set", rows: [parent],
        help: "leave such rows out with `where`, or correct them in the log")
    }
    return window.index(seconds: seconds)
  }

  private func addStatus(_ value: JSONView?, _ ordinal: Int, _ parent: RowParent, _ window: inout LogPartial.Window) throws(TaskFailure) {
    guard let value, !value.isNull else {
      if window.firstWithoutStatus == nil { window.firstWithoutStatus = ordinal }
      return
    }
    window.statusCount += 1
    switch value.kind {
    case .number: if JSONNumber.double(value.bytes) >= 400 { window.errors += 1 }
    case .bool: if value.bool == false { window.errors += 1 }
    case .string:
      let text = (value.string ?? "").lowercased()
      if let code = Int(text) { if code >= 400 { window.errors += 1 } } else if !Self.fine.contains(text) { window.errors += 1 }
    default:
      throw TaskFailure(
        id: "log-status", message: "a status is a number, a text or a boolean, and `\(status)` is `\(value.text.prefix(40))`", rows: [parent],
        help: "columns: { status: code } names the column that says how a request ended")
    }
  }

  private static let fine: Set = ["ok", "success", "succeeded", "completed", "done"]

  private func addLatency(_ value: JSONView?, _ ordinal: Int, _ parent: RowParent, _ window: inout LogPartial.Window) throws(TaskFailure) {
    guard let value else {
      if window.firstWithoutLatency == nil { window.firstWithoutLatency = ordinal }
      return
    }
    window.latencyCount += 1
    // A request that nobody answered has no latency.
    if value.isNull { return }
    guard value.kind == .number else {
      throw TaskFailure(
        id: "log-latency", message: "a latency is a number of milliseconds, and `\(latency)` is `\(value.text.prefix(40))`", rows: [parent],
        help: "cells of a CSV file are texts until `columns: { \(latency): { from: \(latency), type: float } }` says otherwise")
    }
    guard JSONNumber.double(value.bytes) >= 0 else {
      throw TaskFailure(
        id: "log-latency", message: "a latency of `\(value.text)` milliseconds: the clocks at its two ends disagree", rows: [parent],
        help: "leave such rows out with `where: \(latency) >= 0`, which counts them")
    }
    window.latencies.add(value, isBounded: false)
  }
}

internal import Engine
internal import Rows
internal import Statistics

/// What one chunk of the log or of the reference comes to: per window, what there is to know of its requests.
struct LogPartial {
  struct Window {
    var count = 0
    var errors = 0
    /// Rows with a status, and the first without one.
    var statusCount = 0
    var firstWithoutStatus: Int?
    var latencyCount = 0
    var firstWithoutLatency: Int?
    var latencies = FieldSample()
    /// The first row, from which the window's snapshot descends.
    var firstRow = 0
    var fields: [[UInt8]: FieldSample] = [:]
  }

  var windows: [Int: Window] = [:]
  /// Rows that `where` leaves out.
  var dropped: [Int] = []

  init() {}

  // MARK: Bytes

  var encoded: [UInt8] {
    var writer = ByteWriter()
    writer.number(dropped.count)
    for row in dropped { writer.number(row) }
    writer.number(windows.count)
    for (index, window) in windows.sorted(by: { $0.key < $1.key }) {
      writer.word(UInt64(bitPattern: Int64(index)))
      for number in [
        window.count, window.errors, window.statusCount, (window.firstWithoutStatus ?? -1) + 1, window.latencyCount,
        (window.firstWithoutLatency ?? -1) + 1, window.firstRow,
      ] { writer.number(number) }
      window.latencies.encode(into: &writer)
      writer.number(window.fields.count)
      for (name, sample) in window.fields.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
        writer.blob(name)
        sample.encode(into: &writer)
      }
    }
    return writer.bytes
  }

  init(decoding bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    do throws(ByteReader.Malformed) {
      for _ in 0..<(try reader.count()) { dropped.append(try reader.number()) }
      for _ in 0..<(try reader.count()) {
        let index = Int(Int64(bitPattern: try reader.word()))
        var window = Window()
        window.count = try reader.number()
        window.errors = try reader.number()
        window.statusCount = try reader.number()
        let status = try reader.number()
        window.firstWithoutStatus = status == 0 ? nil : status - 1
        window.latencyCount = try reader.number()
        let latency = try reader.number()
        window.firstWithoutLatency = latency == 0 ? nil : latency - 1
        window.firstRow = try reader.number()
        window.latencies = try FieldSample(from: &reader)
        for _ in 0..<(try reader.count()) {
          let name = try reader.blob()
          window.fields[name] = try FieldSample(from: &reader)
        }
        windows[index] = window
      }
    } catch { preconditionFailure("a partial is what `encoded` wrote") }
  }
}

/// Reads rows of the log and of the reference.
struct LogReader: Sendable {
  let window: LogWindow
  let time: String
  let status: String
  let latency: String
  /// Columns that are watched, as JSON keys; nil for all but those that describe the request.
  let watched: [[UInt8]]?
  let filter: RowTest?
  private let timeToken: [UInt8]
  private let statusToken: [UInt8]
  private let latencyToken: [UInt8]

  init(window: LogWindow, time: String, status: String, latency: String, watched: [String]?, filter: RowTest?) {
    self.window = window
    self.time = time
    self.status = status
    self.latency = latency
    self.watched = watched?.map(JSONText.quoted)
    self.filter = filter
    timeToken = JSONText.quoted(time)
    statusToken = JSONText.quoted(status)
    latencyToken = JSONText.quoted(latency)
  }

  /// The columns that describe the request itself and are not compared unless somebody names them.
  func describesRequest(_ token: [UInt8]) -> Bool { token == timeToken || token == statusToken || token == latencyToken }

  func log(_ rows: Chunk) throws(TaskFailure) -> LogPartial {
    var partial = LogPartial()
    let worker = WorkerLocal()
    var failures = FailureCollector()
    // Neighbours nearly always share a window: it is put back only when it changes.
    var index = 0
    var current = LogPartial.Window()
    try rows.forEachRow { (row, bytes) throws(TaskFailure) in
      let parent = RowParent(chunk: 0, row: row)
      do throws(TaskFailure) {
        if let filter, try !filter.holds(bytes, parent: parent, worker: worker) {
          partial.dropped.append(row)
          return
        }
        let found = try self.index(bytes, parent)
        if found != index || current.count == 0 {
          if current.count > 0 { partial.windows[index] = current }
          index = found
          current = partial.windows[index] ?? LogPartial.Window()
          if current.count == 0 { current.firstRow = row }
        }
        current.count += 1
        try addStatus(bytes, row, parent, &current)
        try addLatency(bytes, row, parent, &current)
        addFields(bytes, &current)
      } catch { failures.add(error) }
    }
    try failures.throwFirst()
    if current.count > 0 { partial.windows[index] = current }
    return partial
  }

  func reference(_ rows: Chunk) -> LogPartial {
    var partial = LogPartial()
    var window = LogPartial.Window()
    rows.forEachRow { _, bytes in
      window.count += 1
      addFields(bytes, &window)
    }
    if window.count > 0 { partial.windows[0] = window }
    return partial
  }

  // MARK: Columns

  private func addFields(_ row: UnsafeRawBufferPointer, _ window: inout LogPartial.Window) {
    if let watched {
      for token in watched {
        if let value = JSONBytes.field(token, of: row) {
          window.fields[token, default: FieldSample()].add(JSONView(value), isBounded: false)
        } else {
          window.fields[token, default: FieldSample()].addMissing(1)
        }
      }
      return
    }
    JSONScanner.forEachField(row) { key, value in
      let token = Array(row[key])
      if !describesRequest(token) {
        window.fields[token, default: FieldSample()].add(JSONView(UnsafeRawBufferPointer(rebasing: row[value])), isBounded: true)
      }
      return true
    }
  }

  private func index(_ row: UnsafeRawBufferPointer, _ parent: RowParent) throws(TaskFailure) -> Int {
    guard window != .all else { return 0 }
    guard let value = JSONBytes.field(timeToken, of: row).map(JSONView.init) else {
      throw TaskFailure(
        id: "log-time", message: "the row has no column `\(time)`, and `window: \(window.rawValue)` needs the time of every request", rows: [parent],
        help: "columns: { time: ts } says where the log has it; `window: all` needs none")
    }
    guard value.kind == .string else {
      throw TaskFailure(
        id: "log-time", message: "the time of a request is a text as in RFC 3339, and `\(time)` is `\(value.text.prefix(40))`", rows: [parent],
        help: value.kind == .number
          ? "a number does not say whether it counts seconds or milliseconds: write it as 2026-10-31T05:00:00Z where the log is made"
          : "on_bad_row of an ingest stage before this one, or its `where`, leaves such rows out")
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
    guard seconds >= 366 * 86400 else {
      throw TaskFailure(
        id: "log-time", message: "`\(String(decoding: text, as: UTF8.self))` in `\(time)` is before 1971: the clock of whoever wrote it was not set", rows: [parent],
        help: "leave such rows out with `where`, or correct them in the log")
    }
    return window.index(seconds: seconds)
  }

  private func addStatus(_ row: UnsafeRawBufferPointer, _ ordinal: Int, _ parent: RowParent, _ window: inout LogPartial.Window) throws(TaskFailure) {
    guard let value = JSONBytes.field(statusToken, of: row).map(JSONView.init), !value.isNull else {
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

  private func addLatency(_ row: UnsafeRawBufferPointer, _ ordinal: Int, _ parent: RowParent, _ window: inout LogPartial.Window) throws(TaskFailure) {
    guard let value = JSONBytes.field(latencyToken, of: row).map(JSONView.init) else {
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

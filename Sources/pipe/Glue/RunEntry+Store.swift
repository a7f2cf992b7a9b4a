import Reports
import Rows
import Store

extension RunEntry {
  /// A run as its log tells it; nil when there is no such run.
  init?(_ id: RunID, in store: Store) {
    guard let events = (try? store.history.events(of: id)) ?? nil else { return nil }
    self.init(id: id.text, milliseconds: Int(id.milliseconds), manifest: "", name: "", exitCode: nil, isLive: store.history.isLive(id))
    for object in events.objects {
      let record = LogRecord(object)
      switch record.text("event") {
      case "run":
        manifest = record.text("manifest") ?? ""
        name = record.text("name") ?? ""
        exitCode = record.number("exit")
        tasks = record.number("tasks") ?? 0
        ran = record.number("ran") ?? 0
        cached = record.number("cached") ?? 0
        failed = record.number("failed") ?? 0
      case "stage":
        stages.append(
          Stage(
            name: record.text("stage") ?? "", kind: record.text("kind") ?? "", status: record.text("status") ?? "", tasks: record.number("tasks") ?? 0,
            ran: record.number("ran") ?? 0, rowsIn: record.number("rows_in") ?? 0, rowsOut: record.number("rows_out") ?? 0, key: record.text("key"),
            failure: record.text("failure")))
      default: break
      }
    }
  }

  /// The newest runs, newest first.
  static func list(in store: Store, limit: Int) -> [RunEntry] { store.history.list().prefix(limit).compactMap { RunEntry($0, in: store) } }

  /// The newest run that got as far as knowing its manifest; of one manifest when that is given.
  static func newest(in store: Store, of manifest: String? = nil) -> RunEntry? {
    for id in store.history.list() {
      guard let entry = RunEntry(id, in: store), !entry.manifest.isEmpty else { continue }
      if manifest == nil || entry.manifest == manifest { return entry }
    }
    return nil
  }
}

/// One line of a run's log.
private struct LogRecord {
  let bytes: [UInt8]
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private func value(_ field: String) -> [UInt8]? {
    bytes.withUnsafeBytes { row in JSONScanner.value(of: JSONText.quoted(field), in: row).map { Array(row[$0]) } }
  }

  func text(_ field: String) -> String? {
    value(field).map { value in String(decoding: value.withUnsafeBytes { JSONText.decoded($0) }, as: UTF8.self) }
  }

  func number(_ field: String) -> Int? { value(field).flatMap { Int(String(decoding: $0, as: UTF8.self)) } }
}

import Engine
import Lineage
import Reports
import Rows
import Store

extension RunEntry {
  /// A run as its log tells it; nil when there is no such run.
  init?(_ id: RunID, in store: Store) {
    guard let record = Session.record(of: id, in: store) else { return nil }
    self.init(record, isLive: store.history.isLive(id))
  }

  init(_ record: RunRecord, isLive: Bool) {
    self.init(
      id: record.id, milliseconds: Int(record.startedAt), manifest: record.manifestPath, name: record.manifestName, exitCode: record.exitStatus, isLive: isLive)
    for stage in record.stages {
      tasks += stage.tasksTotal
      ran += stage.tasksRan
      cached += stage.tasksCached
      if stage.status == .failed { failed += 1 }
      stages.append(
        Stage(
          name: stage.caseLabel.map { "\(stage.name)@\($0)" } ?? stage.name, kind: stage.kind, status: stage.status.rawValue, tasks: stage.tasksTotal,
          ran: stage.tasksRan, rowsIn: stage.rowsIn ?? 0, rowsOut: stage.rowsOut ?? 0, key: stage.key?.hex, failure: stage.failure))
    }
  }

  /// The newest runs, newest first.
  static func list(in store: Store, limit: Int) -> [RunEntry] {
    Session.records(in: store, limit: limit).map { record in RunEntry(record, isLive: RunID(record.id).map(store.history.isLive) ?? false) }
  }

  /// The newest run that got as far as knowing its manifest; of one manifest when that is given.
  static func newest(in store: Store, of manifest: String? = nil) -> RunEntry? {
    Session.records(in: store, limit: 1, manifest: manifest).first.map { record in
      RunEntry(record, isLive: RunID(record.id).map(store.history.isLive) ?? false)
    }
  }
}

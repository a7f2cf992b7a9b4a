package import Lineage
import Rows
package import Store

extension Session {
  /// So many runs are looked through for one that made what lies there now.
  private static let maximumRuns = 30

  /// What the manifest's last run came to; or, where everything that lies there now is cached and is not what that run made, a record of
  /// the present state with no id: a run with nothing to do records nothing.
  ///
  /// Nil where there is no run, and something would have to be made.
  package func presentRecord(pipeVersion: String) throws(StoreError) -> RunRecord? {
    let known = Self.records(in: store, limit: Self.maximumRuns, manifest: pipeline.path)
    let scheduler = try looked()
    let runs = scheduler.stages
    guard !runs.isEmpty, runs.allSatisfy({ $0.isUsable && $0.finish == .cached }) else { return known.first }
    func name(_ run: StageRun) -> (String, String?) {
      guard let declared = run.stage.matrixOf, run.stage.name.hasPrefix(declared + "@") else { return (run.stage.displayName, nil) }
      return (declared, String(run.stage.name.dropFirst(declared.count + 1)))
    }
    func entry(_ record: RunRecord, _ run: StageRun) -> StageRecord? {
      let (name, caseLabel) = name(run)
      return record.stage(name, caseLabel: caseLabel).flatMap { $0.key == run.key && ($0.status == .ran || $0.status == .cached) ? $0 : nil }
    }
    if let last = known.first, last.stages.count == runs.count, runs.allSatisfy({ entry(last, $0) != nil }) { return last }
    let names = scheduler.sources.summaries().map(\.summary.names)
    var record = RunRecord(
      id: "", manifestPath: pipeline.path, manifestName: pipeline.name, manifestVersion: pipeline.version, pipeVersion: pipeVersion, startedAt: 0,
      gitCommit: GitHead.commit(of: workspace.root))
    record.exitStatus = 0
    record.stages = runs.map { run in
      // What was measured and checked when it was made is in that run's record, if it was made here.
      if var made = known.lazy.compactMap({ entry($0, run) }).first {
        made.status = .cached
        made.reason = .init(code: "cached", text: "everything it makes was there")
        (made.tasksRan, made.tasksCached) = (0, made.tasksTotal)
        return made
      }
      var present = StageRecord(run, StageReport(run, in: scheduler), in: scheduler.graph) { table in scheduler.sources.index(of: table).map { names[$0] } ?? [] }
      if let lock, lock.stages.contains(where: { $0.name == run.stage.name && $0.key == run.key }) {
        for publication in run.stage.kind.publishes {
          guard let file = lock.files.first(where: { $0.path == publication.path }), let place = present.outputs.firstIndex(where: { $0.port == publication.rowsPort })
          else { continue }
          present.outputs[place].files.append(.init(path: file.path, digest: file.sha256, rows: file.rows, bytes: file.bytes))
        }
      }
      return present
    }
    return record
  }
}

public import Lineage
import Rows
import Store

extension Session {
  /// What differs between two states of the manifest's outputs, and why.
  ///
  /// - Parameters:
  ///   - range: `A..B`, `A`, or nil for the last commit against the working tree; each a git revision, a run or a lock file.
  ///   - output: only this stage, output or file.
  ///   - rows: how many of an output's rows are told one by one; nil for all.
  public func diff(_ range: String? = nil, output: String? = nil, rows: Int? = 10) throws -> DiffModel {
    let points = try DiffPoint.range(range, of: self)
    return try diff(points.before, points.after, output: output, rows: rows)
  }

  /// What differs between the lock and what the working tree gives.
  public func diffOfLock(rows: Int? = 10) throws -> DiffModel { try diff(DiffPoint(lockOf: self), DiffPoint(workingTree: self), output: nil, rows: rows) }

  /// What differs since another session, whose files and lock lie in a folder of their own; both share a store.
  package func diff(since other: Session) throws -> DiffModel { try diff(DiffPoint(workingTree: other), DiffPoint(workingTree: self), output: nil, rows: nil) }

  func diff(_ before: DiffPoint, _ after: DiffPoint, output: String?, rows: Int?) throws -> DiffModel {
    do throws(TaskFailure) {
      var builder: DiffBuilder
      do throws(StoreError) {
        builder = DiffBuilder(before, try DiffSide(before.session, pinned: before.keys), after, try DiffSide(after.session, pinned: after.keys), rows: rows)
      } catch { throw TaskFailure(error) }
      try builder.select(output, workspace)
      return try builder.build()
    } catch {
      if error.id == "unknown-output" { throw Unanswerable("unknown-output", error.message, help: error.help) }
      throw Unanswerable("diff", error.message, help: error.help, exitCode: 1)
    }
  }
}

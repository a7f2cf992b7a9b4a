import Engine
import Lineage
import Manifests
import Records
import Rows
import Store

/// A published file and the run that made it.
struct MadeFile {
  let file: LockFile.File
  let run: RunRecord
  let stage: StageRecord
  let output: StageRecord.Output
  let published: StageRecord.PublishedFile

  /// For each file of a lock the run that made it as the lock has it: the newest that did the work, or else the newest that found it done.
  static func find(_ lock: LockFile, _ session: Session) -> [String: MadeFile] {
    var made: [String: MadeFile] = [:]
    var found: [String: MadeFile] = [:]
    for run in Session.records(in: session.store, manifest: session.pipeline.path) {
      for (stage, output, published) in run.published {
        guard made[published.path] == nil, let file = lock.files.first(where: { $0.path == published.path && $0.sha256 == published.digest }) else { continue }
        let entry = MadeFile(file: file, run: run, stage: stage, output: output, published: published)
        if stage.status == .ran { made[published.path] = entry } else if found[published.path] == nil { found[published.path] = entry }
      }
      if made.count == lock.files.count { break }
    }
    return made.merging(found) { made, _ in made }
  }

  /// The sources that it was made of, as the run read them.
  var sources: [Verification.File.Source] {
    run.ancestry(of: stage).flatMap { stage in
      stage.inputs.flatMap { input -> [Verification.File.Source] in
        guard case .sources(let paths) = input.origin else { return [] }
        return paths.map { .init(path: $0, content: input.content) }
      }
    }
  }
}

extension Verification.File {
  /// The files of a lock with what lies there and what the runs know.
  static func list(_ lock: LockFile, _ session: Session) -> [Verification.File] {
    let made = MadeFile.find(lock, session)
    return lock.files.map { file in
      let output = lock.outputs.first { $0.stage == file.stage && $0.port == file.port }
      let there = Workspace.digest(of: session.workspace.absolute(file.path))
      let reason: String? = if case .failure(let failure) = there { failure.message } else { nil }
      return Verification.File(
        path: file.path, output: "\(file.stage).\(file.port)", rows: file.rows, locked: file.sha256, lockedKey: lock.stages.first { $0.name == file.stage }?.key,
        lockedContent: output?.content, lockedLineage: output?.lineage, actual: try? there.get(), unreadable: reason,
        made: made[file.path].map { made in
          Verification.File.Made(
            run: made.run.id, key: made.stage.key, content: made.output.content, lineage: made.output.lineage, sources: made.sources,
            keys: Dictionary(made.run.ancestry(of: made.stage).compactMap { stage in stage.key.map { (stage.fullName, $0) } }, uniquingKeysWith: { first, _ in first }))
        })
    }
  }
}

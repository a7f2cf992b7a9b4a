public import Lineage
import Rows
import Store

extension Session {
  /// Which edits made the stages of a run run, by the keys of that run and of the runs before it.
  public func explain(run record: RunRecord) -> RunExplanation {
    let earlier = Self.records(in: store, manifest: record.manifestPath).filter { $0.id < record.id }
    var stages: [RunExplanation.Stage] = []
    for stage in record.stages {
      let before = earlier.lazy.compactMap { run in run.stage(stage.name, caseLabel: stage.caseLabel).flatMap { found in found.key.map { (run.id, $0, found) } } }.first
      var changes: [RunExplanation.Change] = []
      if let key = stage.key, let (_, old, was) = before, old != key { changes = self.changes(stage, since: old, was) }
      var causes: [(stage: String, change: RunExplanation.Change)] = []
      for change in changes {
        if change.what == .stage, let maker = stages.first(where: { $0.name == change.name }) {
          // A stage that made other rows without an edit of its own (a snapshot taken anew) is itself the cause.
          let found = maker.causes.isEmpty ? [(stage: maker.name, change: change)] : maker.causes
          for cause in found where !causes.contains(where: { $0.stage == cause.stage && $0.change == cause.change }) { causes.append(cause) }
        } else {
          causes.append((stage.fullName, change))
        }
      }
      stages.append(
        RunExplanation.Stage(name: stage.fullName, kind: stage.kind, status: stage.status, reason: stage.reason, since: before?.0, changes: changes, causes: causes))
    }
    return RunExplanation(run: record.id, manifest: record.manifestPath, stages: stages)
  }

  private func preImage(_ key: Digest) -> PreImage? {
    guard let bytes = (try? store.entry(.preImage, key)) ?? nil else { return nil }
    return try? PreImage(decoding: bytes)
  }

  private func changes(_ stage: StageRecord, since old: Digest, _ was: StageRecord) -> [RunExplanation.Change] {
    guard let key = stage.key, let before = preImage(old), let now = preImage(key) else { return [] }
    let paths = filePaths(stage)
    var found: [RunExplanation.Change] = []
    // A template is in the key as a file and as part of what includes it: one edit is told once.
    for change in now.changes(since: before).map({ (change) -> RunExplanation.Change in
      let (before, after) = (change.old.map(Self.shown), change.new.map(Self.shown))
      if change.name.hasPrefix("field ") { return .init(what: .field, name: String(change.name.dropFirst(6)), before: before, after: after) }
      if change.name.hasPrefix("file ") {
        let role = String(change.name.dropFirst(5))
        let path = paths.first { $0.role == role && $0.digest == change.new }?.path ?? paths.first { $0.role == role }?.path
        return .init(what: .file, name: path ?? role, before: before, after: after)
      }
      if change.name == "kind" || change.name.hasPrefix("component ") { return .init(what: .program, name: change.name, before: before, after: after) }
      guard change.name.hasPrefix("input ") else { return .init(what: .other, name: change.name, before: before, after: after) }
      let port = change.name.dropFirst(6).prefix { $0 != "[" }
      let place = change.name.firstIndex(of: "[").flatMap { Int(change.name[change.name.index(after: $0)...].dropLast()) } ?? 0
      let inputs = stage.inputs.filter { $0.port == port }
      guard place < inputs.count else { return .init(what: .other, name: String(port), before: before, after: after) }
      switch inputs[place].origin {
      case .stage(let name, let caseLabel, _): return .init(what: .stage, name: caseLabel.map { "\(name)@\($0)" } ?? name, before: before, after: after)
      case .sources(let files):
        var named = files.prefix(3).joined(separator: ", ")
        if files.count > 3 { named += " and \(files.count - 3) more" }
        return .init(what: .source, name: named, before: before, after: after)
      }
    }) where !found.contains(where: { $0.what == change.what && $0.name == change.name }) { found.append(change) }
    return found
  }

  /// The files of a stage as the manifest has them now: roles, digests and paths.
  private func filePaths(_ stage: StageRecord) -> [(role: String, digest: String, path: String)] {
    guard let declared = pipeline.graph.stages.first(where: { StageRecord.name(of: $0) == (stage.name, stage.caseLabel) }) else { return [] }
    return zip(declared.keyFiles, declared.keyFilePaths).compactMap { file, path in path.map { (file.role, file.digest, $0) } }
  }

  private static func shown(_ value: String) -> String { value.hasPrefix("sha256:") ? String(value.prefix(19)) : value }
}

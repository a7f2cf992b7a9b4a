import Manifests
import Readers
import Rows
import Store

/// What a lock says of sources whose data are not here: on a fresh clone a plan takes them as locked.
final class LockedSources: Sendable {
  private let lock: LockFile
  private let lockPath: String
  private let root: String

  init(_ lock: LockFile, path: String, root: String) {
    self.lock = lock
    self.lockPath = path
    self.root = root
  }

  /// The line of a source that is to be taken as locked; nil where its own bytes decide.
  ///
  /// What git has is read as it lies there: only what is in no commit can be missing without having been removed.
  /// - Parameters:
  ///   - name: as the lock names it.
  ///   - found: its files that are here.
  func line(_ outside: OutsideSource, named name: String, found: [SourceLocation]) -> LockFile.Source? {
    guard let locked = lock.sources.first(where: { $0.name == name }) else { return nil }
    switch outside.origin {
    case .command: return found.isEmpty ? locked : nil
    case .sqlite(let path, _): return FileStamp(path: path.hasPrefix("/") ? path : root + "/" + path) == nil && tracked(path).isEmpty ? locked : nil
    case .files(let pattern):
      if found.count >= locked.files { return nil }
      let known = tracked(pattern)
      if found.isEmpty { return known.isEmpty ? locked : nil }
      // Some of its files are in git, and the others are not here: those of git still have to be the ones that the lock was written for.
      let names = found.map(\.name)
      return Set(names) == known && areUnchanged(names) ? locked : nil
    }
  }

  /// The files of git that a pattern means.
  private func tracked(_ pattern: String) -> Set<String> {
    guard !pattern.hasPrefix("/"), !pattern.hasPrefix("../"), let listed = try? GitTree.git(["ls-files", "-z"], root) else { return [] }
    let names = Set(listed.split(separator: "\0").map(String.init))
    let found = try? SourceListing.locations(of: pattern, among: names) { (name) throws(ReadError) in name }
    return Set((found ?? []).map(\.name))
  }

  private func areUnchanged(_ names: [String]) -> Bool {
    guard let commit = try? GitTree.git(["log", "-n", "1", "--format=%H", "--", lockPath], root).trimmed, !commit.isEmpty,
      let changed = try? GitTree.git(["diff", "--name-only", "--no-ext-diff", "--relative", "-z", commit, "--"] + names, root)
    else { return false }
    return changed.isEmpty
  }
}

/// What a lock says of stages, ready to be asked for one at a time: what a plan that is held to the lock finds instead of results.
final class LockedResults: Sendable {
  private let keys: [String: Digest]
  private let outputs: [String: [String: LockFile.Output]]

  init(_ lock: LockFile) {
    keys = Dictionary(lock.stages.map { ($0.name, $0.key) }, uniquingKeysWith: { first, _ in first })
    outputs = Dictionary(grouping: lock.outputs, by: \.stage).mapValues { Dictionary($0.map { ($0.port, $0) }, uniquingKeysWith: { first, _ in first }) }
  }

  func key(of stage: String) -> Digest? { keys[stage] }

  /// A stage's result as far as the lock has it; nil when it lacks an output.
  func result(of run: StageRun) -> StageResult? {
    var ports: [StageResult.Port] = []
    let nothing = Digest.of(ChunkList.encode([]))
    for output in run.stage.kind.outputs {
      guard output.isPublic else {
        // Nobody else reads it.
        ports.append(.init(content: nothing, lineage: nothing, rows: 0, bytes: 0))
        continue
      }
      guard let locked = outputs[run.stage.name]?[output.name] else { return nil }
      ports.append(.init(content: locked.content, lineage: locked.lineage, rows: locked.rows, bytes: locked.bytes))
    }
    return StageResult(ports: ports, tasks: nothing, taskCount: 0, rowsIn: run.inputs.reduce(0) { $0 + $1.reduce(0) { $0 + $1.rows } }, drops: [], facts: [])
  }
}

extension OutsideSource {
  /// As the lock names it; nil for what lies outside the workspace, which has a number there.
  var lockedName: String? {
    let name: String
    switch origin {
    case .files(let pattern): name = pattern
    case .sqlite(let path, let read): name = "\(path) \(read)"
    case .command(let argv): name = "run: " + argv.joined(separator: " ")
    }
    return name.hasPrefix("/") || name.hasPrefix("../") ? nil : name
  }
}

import Lineage
import Processes
import Rows
import Store

/// Finds what a stage came to elsewhere: in a run of this store, in the lock of a git revision, in a lock file.
struct Baselines: Sendable {
  let store: Store
  let workspace: Workspace
  let manifestName: String
  /// The lock's path from the root; nil when the manifest says `lock: false`.
  let lockPath: String?

  enum Lookup {
    case found(content: Digest, rows: Int)
    /// Why there is nothing to compare with.
    case missing(String)
  }

  /// - Parameter name: a run id, a path that ends with `.lock`, or a git revision.
  func find(_ name: String, stage: String, port: String, oversight: Oversight) -> Lookup {
    if let run = RunID(name) { return find(run, stage, port) }
    if name.hasSuffix(".lock") {
      guard case .success(let bytes) = workspace.load(name) else { return .missing("there is no lock file `\(name)`") }
      return find(bytes, of: name, stage, port)
    }
    guard let lockPath else { return .missing("the lock of this manifest is not committed (`lock: false`): name a run or a stage") }
    switch lock(at: name, lockPath, oversight) {
    case .success(let bytes): return find(bytes, of: name, stage, port)
    case .failure(let missing): return .missing(missing.reason)
    }
  }

  private func find(_ run: RunID, _ stage: String, _ port: String) -> Lookup {
    guard let record = Session.record(of: run, in: store) else { return .missing("this store has no run \(run)") }
    func name(_ stage: StageRecord) -> String { stage.caseLabel.map { "\(stage.name)@\($0)" } ?? stage.name }
    guard let found = record.stages.first(where: { name($0) == stage })?.output(port) else {
      return .missing("run \(run) made no `\(stage).\(port)`")
    }
    return .found(content: found.content, rows: found.rows ?? 0)
  }

  private func find(_ lock: [UInt8], of name: String, _ stage: String, _ port: String) -> Lookup {
    do throws(LockFile.Malformed) {
      let lock = try LockFile(parsing: String(decoding: lock, as: UTF8.self))
      guard let output = lock.outputs.first(where: { $0.stage == stage && $0.port == port }) else {
        return .missing("`\(name)` has no `\(stage)` in its lock yet")
      }
      return .found(content: output.content, rows: output.rows)
    } catch {
      return .missing("the lock of `\(name)` cannot be read: line \(error.line): \(error.message)")
    }
  }

  private struct Missing: Error { let reason: String }

  /// A lock is some hundred bytes a stage.
  private static let maximumLockBytes = 64 << 20
  private static let gitSeconds = 30.0

  /// The lock as a revision has it. Where git's files say which commit that is, git is asked once per commit.
  private func lock(at revision: String, _ path: String, _ oversight: Oversight) -> Result<[UInt8], Missing> {
    var key: Digest?
    if let commit = GitHead.commit(named: revision, of: workspace.root) {
      key = Digest.of("pipe-lock-of \(commit) \(path)")
      if let key, let known = (try? store.entry(.comparison, key)) ?? nil { return .success(known) }
    }
    guard !revision.hasPrefix("-"), let bytes = git(["show", "\(revision):./\(path)"], oversight) else {
      let isKnown = !revision.hasPrefix("-") && git(["rev-parse", "--verify", "--quiet", "\(revision)^{commit}"], oversight) != nil
      return .failure(
        Missing(reason: isKnown ? "`\(revision)` has no lock for \(manifestName) yet" : "git knows no revision `\(revision)` here, and it is no run"))
    }
    if let key { try? store.record(.comparison, key, bytes) }
    return .success(bytes)
  }

  private func git(_ arguments: [String], _ oversight: Oversight) -> [UInt8]? {
    var oversight = oversight
    oversight.timeoutSeconds = Self.gitSeconds
    let command = Command(arguments: ["git"] + arguments, environment: HostEnvironment.base(), directory: workspace.root)
    return try? ProcessRunner(command, oversight).collect(maximumBytes: Self.maximumLockBytes)
  }
}

extension EntryKind {
  /// What a comparison came to, and the locks of other commits: digests of both sides → figures.
  static let comparison = EntryKind(rawValue: 24)
}

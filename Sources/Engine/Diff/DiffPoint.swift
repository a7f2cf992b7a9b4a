import Diagnostics
import Lineage
import Rows
import Store

/// One state of a manifest's outputs as somebody names it: a git revision, a run, a lock file, or the working tree.
struct DiffPoint {
  let side: DiffModel.Side
  let session: Session
  /// The keys that its stages had; empty where they follow from what lies there.
  let keys: [String: Digest]
  /// What the lock says, for counts where the store has lost the rest.
  let lock: LockFile?

  /// The working tree as it is.
  init(workingTree session: Session) {
    side = DiffModel.Side(title: "working tree", version: session.pipeline.version)
    self.session = session
    keys = [:]
    lock = session.lock
  }

  init(revision: String, of session: Session) throws(Session.Unanswerable) {
    let tree: GitTree
    do throws(GitTree.Failure) {
      tree = try GitTree(revision, root: session.workspace.root, store: session.store)
    } catch {
      if error.isUnknownRevision {
        throw Session.Unanswerable("revision", error.message, help: "a revision is a commit, a branch or a tag; `pipe log` lists runs, which have ids")
      }
      throw Session.Unanswerable("git", "git cannot be asked: \(error.message)")
    }
    try self.init(tree, title: revision, of: session)
  }

  init(_ tree: GitTree, title: String, of session: Session) throws(Session.Unanswerable) {
    let lock = try Self.lock(of: session, at: tree)
    let pipeline = try Self.pipeline(session, tree, title)
    side = DiffModel.Side(title: title, commit: tree.commit, version: lock?.version ?? pipeline.version)
    self.session = Session(session, at: tree, pipeline, lock)
    keys = Self.keys(lock)
    self.lock = lock
  }

  /// The lock as it lies there, with the manifest, the templates and the sources that it was written for.
  init(lockOf session: Session) throws(Session.Unanswerable) {
    guard let lock = session.lock else { throw Session.Unanswerable("nothing-to-compare", "there is no lock `\(session.lockPath)`", help: "pipe run writes it") }
    let root = session.workspace.root
    if session.pipeline.isLocked, let commit = try? GitTree.git(["log", "-n", "1", "--format=%H", "--", session.lockPath], root).trimmed, !commit.isEmpty,
      let tree = try? GitTree(commit, root: root, store: session.store), let known = try? Self.lock(of: session, at: tree), known.text == lock.text,
      let pipeline = try? Self.pipeline(session, tree, commit)
    {
      side = DiffModel.Side(title: session.lockPath, commit: tree.commit, version: lock.version)
      self.session = Session(session, at: tree, pipeline, lock)
    } else {
      side = DiffModel.Side(title: session.lockPath, version: lock.version)
      self.session = session
    }
    keys = Self.keys(lock)
    self.lock = lock
  }

  init(run record: RunRecord, of session: Session) throws(Session.Unanswerable) {
    var keys: [String: Digest] = [:]
    for stage in record.stages { if let key = stage.key { keys[stage.caseLabel.map { "\(stage.name)@\($0)" } ?? stage.name] = key } }
    for stage in session.pipeline.graph.stages where stage.isImplicit { if let key = keys[stage.displayName] { keys[stage.name] = key } }
    var held = session
    // What the run read may stand in git as it was; where it does not, rows cannot be followed into the sources.
    if let commit = record.gitCommit, let tree = try? GitTree(commit, root: session.workspace.root, store: session.store),
      let pipeline = try? Self.pipeline(session, tree, commit)
    {
      let past = Session(session, at: tree, pipeline, nil)
      let then = try? DiffSide(past, pinned: keys)
      // A run of uncommitted edits is nearer to the working tree.
      if let then, then.isComplete, then.strangeness == 0 || then.strangeness <= (try? DiffSide(session, pinned: keys))?.strangeness ?? .max { held = past }
    }
    side = DiffModel.Side(title: "run \(record.id)", commit: record.gitCommit, run: record.id, version: record.manifestVersion ?? "0.0.0")
    self.session = held
    self.keys = keys
    lock = nil
  }

  init(lockFile path: String, of session: Session) throws(Session.Unanswerable) {
    guard case .success(let bytes) = Workspace.read(Workspace.absolute(path)) else { throw Session.Unanswerable("lock", "cannot read `\(path)`") }
    let lock = try Self.lock(bytes, path)
    side = DiffModel.Side(title: path, version: lock.version)
    self.session = session
    keys = Self.keys(lock)
    self.lock = lock
  }

  // MARK: reading

  private static func keys(_ lock: LockFile?) -> [String: Digest] {
    Dictionary((lock?.stages ?? []).map { ($0.name, $0.key) }, uniquingKeysWith: { first, _ in first })
  }

  static func lock(of session: Session, at tree: GitTree) throws(Session.Unanswerable) -> LockFile? {
    guard session.pipeline.isLocked, tree.has(session.lockPath), case .success(let bytes) = tree.load(session.lockPath) else { return nil }
    return try lock(bytes, "\(tree.revision):\(session.lockPath)")
  }

  static func lock(_ bytes: [UInt8], _ path: String) throws(Session.Unanswerable) -> LockFile {
    do throws(LockFile.Malformed) { return try LockFile(parsing: String(decoding: bytes, as: UTF8.self)) } catch {
      throw Session.Unanswerable(
        Diagnostic(
          .error, id: "lock", error.message, at: Place(path: path, line: error.line, column: 1),
          help: "a lock of a newer pipe is read by that pipe; one that git merged by halves is taken whole from one side and made anew by `pipe run`"), exitCode: 2)
    }
  }

  private static func pipeline(_ session: Session, _ tree: GitTree, _ title: String) throws(Session.Unanswerable) -> Pipeline {
    let path = session.pipeline.path
    guard case .success(let bytes) = tree.load(path), tree.has(path) else {
      throw Session.Unanswerable("revision", "git has no `\(path)` at `\(title)`", help: "it may have had another name then; a run or a lock file can be compared, too")
    }
    let reading = PipelineReader(kinds: session.kinds, root: session.workspace.root, load: tree.load).read(SourceText(path: path, bytes: bytes))
    do throws(Problems) { return try reading.get() } catch {
      let first = error.all[0]
      throw Session.Unanswerable(
        Diagnostic(
          .error, id: "revision", "`\(path)` of `\(title)` does not read with this pipe: \(first.message)", at: first.place,
          help: "compare with a run or a lock file instead, or use the pipe of then"), exitCode: 2)
    }
  }

  // MARK: naming

  /// What `A..B` (`A`, `A..`, nothing) means for a manifest.
  static func range(_ text: String?, of session: Session) throws(Session.Unanswerable) -> (before: DiffPoint, after: DiffPoint) {
    guard let text, !text.isEmpty else { return (try standard(session), DiffPoint(workingTree: session)) }
    for mark in ["...", ".."] {
      guard let found = text.firstRange(of: mark) else { continue }
      var first = String(text[..<found.lowerBound])
      let second = String(text[found.upperBound...])
      if mark == "..." {
        // As in git: since the branches parted.
        do throws(GitTree.Failure) {
          first = try GitTree.git(["merge-base", first.isEmpty ? "HEAD" : first, second.isEmpty ? "HEAD" : second], session.workspace.root).trimmed
        } catch { throw Session.Unanswerable("revision", "git finds no commit that `\(first)` and `\(second)` have in common: \(error.message)") }
      }
      let before = try first.isEmpty ? standard(session) : point(first, session)
      return (before, try second.isEmpty ? DiffPoint(workingTree: session) : point(second, session))
    }
    return (try point(text, session), DiffPoint(workingTree: session))
  }

  private static func point(_ text: String, _ session: Session) throws(Session.Unanswerable) -> DiffPoint {
    if text.hasSuffix(".lock") { return try DiffPoint(lockFile: text, of: session) }
    if let id = RunID(text) {
      guard let record = Session.record(of: id, in: session.store) else {
        throw Session.Unanswerable("unknown-run", "there is no run `\(text)`", help: "`pipe log` lists them")
      }
      return try DiffPoint(run: record, of: session)
    }
    do throws(Session.Unanswerable) {
      return try DiffPoint(revision: text, of: session)
    } catch {
      let fitting = text.count >= 4 ? session.store.history.list().filter { $0.text.hasPrefix(text.lowercased()) } : []
      guard fitting.count == 1, let record = Session.record(of: fitting[0], in: session.store) else { throw error }
      return try DiffPoint(run: record, of: session)
    }
  }

  /// The last commit where git has a lock of the manifest, else the last run that made something else than what lies there now.
  private static func standard(_ session: Session) throws(Session.Unanswerable) -> DiffPoint {
    if session.pipeline.isLocked, let tree = try? GitTree("HEAD", root: session.workspace.root, store: session.store), tree.has(session.lockPath) {
      return try DiffPoint(tree, title: "HEAD", of: session)
    }
    let now = (try? session.looked())?.stages.compactMap(\.key) ?? []
    for record in Session.records(in: session.store, manifest: session.pipeline.path) where record.exitStatus == 0 {
      if record.stages.compactMap(\.key).contains(where: { !now.contains($0) }) { return try DiffPoint(run: record, of: session) }
    }
    throw Session.Unanswerable(
      "nothing-to-compare", "there is no lock in git and no other run of `\(session.pipeline.path)` to compare with",
      help: "commit the lock, or name two states: pipe diff <revision or run>..<revision or run>")
  }
}

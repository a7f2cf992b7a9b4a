import ArgumentParser
import Diagnostics
import Engine
import Lineage
import Processes
import Reports
import Rows
import Stages
import Store

/// `pipe checkout`
struct CheckoutCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkout", abstract: "Bring the outputs that a lock describes back from the store.",
    discussion: "Without a revision: those of the lock as it lies there, for example after git checkout. Nothing is run.")

  @Argument(help: "A git revision whose lock is meant.")
  var revision: String?

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    var revision = revision
    var manifest = manifest
    if manifest == nil, let given = revision, given.hasSuffix(".yaml") || given.hasSuffix(".yml") { (revision, manifest) = (nil, given) }
    let session = try common.session(manifest)
    let files = try answered { try session.checkout(try lock(session, revision)) }
    let written = files.count { $0.isWritten }
    common.answer(
      .object([
        "schema_version": .int(reportSchemaVersion), "lock": .string(session.lockPath), "revision": revision.map { .string($0) },
        "files": .array(files.map { .object(["path": .string($0.path), "written": .bool($0.isWritten)]) }),
      ]),
      files.filter(\.isWritten).map { "  wrote  \($0.path)\n" }.joined()
        + (written == 0 ? "all \(Figures.count(files.count, "file")) are as the lock says\n" : "  \(Figures.count(files.count - written, "file")) were right already\n"))
  }

  private func lock(_ session: Session, _ revision: String?) throws -> LockFile {
    guard let revision else {
      guard let lock = session.lock else {
        throw Complaint(ExitStatus.invalid, Diagnostic(id: "no-lock", "`\(session.pipeline.path)` has no lock yet", at: nil, help: "`pipe run` writes it"))
      }
      return lock
    }
    guard session.pipeline.isLocked else {
      throw Complaint(
        ExitStatus.invalid, Diagnostic(id: "no-lock", "`\(session.pipeline.path)` has `lock: false`: git does not know its outputs", at: nil))
    }
    let text: [UInt8]
    do {
      text = try ProcessRunner(
        Command(
          arguments: ["git", "show", "--end-of-options", "\(revision):./\(session.lockPath)"], environment: HostEnvironment.base(),
          directory: session.workspace.root)
      ).collect(maximumBytes: 1 << 28)
    } catch {
      throw Complaint(
        ExitStatus.invalid,
        Diagnostic(id: "revision", "git has no `\(session.lockPath)` at `\(revision)`", at: nil, notes: error.standardErrorTail.map { .init(label: "git", text: $0) }))
    }
    do { return try LockFile(parsing: String(decoding: text, as: UTF8.self)) } catch {
      throw Complaint(ExitStatus.invalid, Diagnostic(id: "lock", error.message, at: Place(path: "\(revision):\(session.lockPath)", line: error.line, column: 1)))
    }
  }
}

/// `pipe cache`
struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache", abstract: "Look after the store: how much it holds, whether it is whole, what can go.",
    subcommands: [CacheStatsCommand.self, CacheVerifyCommand.self, CacheCollectCommand.self])
}

/// `pipe cache stats`
struct CacheStatsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "stats", abstract: "Say how much the store holds.")
  @OptionGroup var common: CommonOptions

  func run() throws {
    let store = try common.openStore()
    let stats = try answered { try store.stats() }
    let entries = stats.entries.values.reduce(0, +)
    common.answer(
      .object([
        "schema_version": .int(reportSchemaVersion), "store": .string(store.directory), "blobs": .int(stats.blobs), "blob_bytes": .int(stats.blobBytes),
        "small_blobs": .int(stats.smallBlobs), "small_blob_bytes": .int(stats.smallBlobBytes), "entries": .int(entries), "segments": .int(stats.segments),
        "segment_bytes": .int(stats.segmentBytes), "damaged": .int(stats.damagedBlobs), "runs": .int(store.history.list().count),
      ]),
      """
      store     \(store.directory)
      blobs     \(Figures.count(stats.blobs)), \(Figures.bytes(stats.blobBytes))
      small     \(Figures.count(stats.smallBlobs)) blobs and \(Figures.count(entries, "entry", "entries")) in \(Figures.count(stats.segments, "segment")), \(Figures.bytes(stats.segmentBytes))
      runs      \(Figures.count(store.history.list().count))
      \(stats.damagedBlobs > 0 ? "damaged   \(Figures.count(stats.damagedBlobs, "blob")) moved aside; they are made again when needed\n" : "")
      """)
  }
}

/// `pipe cache verify`
struct CacheVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Read everything in the store and check it; status 3 when something was damaged.",
    discussion: "What is damaged is moved aside and made again when it is needed.")
  @OptionGroup var common: CommonOptions

  func run() throws {
    let store = try common.openStore()
    let found = try answered { try store.verify() }
    common.answer(
      .object([
        "schema_version": .int(reportSchemaVersion), "store": .string(store.directory), "blobs": .int(found.blobs), "records": .int(found.records),
        "bytes": .int(found.bytes), "damages": .array(found.damages.map { .object(["path": .string($0.path), "detail": .string($0.detail)]) }),
      ]),
      found.damages.map { "  ! \($0)\n" }.joined()
        + "\(Figures.count(found.blobs, "blob")) and \(Figures.count(found.records, "record")), \(Figures.bytes(found.bytes)): "
        + (found.damages.isEmpty ? "all whole\n" : "\(Figures.count(found.damages.count, "damage")); what is lost is made again when it is needed\n"))
    if !found.damages.isEmpty { throw Ending(status: ExitStatus.checkFailed) }
  }
}

/// `pipe cache gc`
struct CacheCollectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc", abstract: "Say what nothing refers to any more; with --apply, remove it.",
    discussion: """
      Kept: what the locks and the last runs of every manifest that uses the store lead to, also of other workspaces, as long as it is \
      there; the last runs, their records and their stages; what live runs touch; pinned snapshots; and whatever is younger than two weeks. \
      What goes is made again when it is needed; only the records of old runs are gone for good.
      """)

  @Flag(help: "Remove it.")
  var apply = false

  @Option(help: ArgumentHelp("Keep what is younger than so many days.", valueName: "days"))
  var grace = 14

  @Option(help: ArgumentHelp("Keep so many of the last runs, and what they made.", valueName: "n"))
  var runs = 20

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if grace < 0 || runs < 0 { throw ValidationError("--grace and --runs are 0 or more") }
  }

  func run() throws {
    let store = try common.openStore()
    let report = try answered {
      try Session.collect(common.workspace(), store, dryRun: !apply, graceSeconds: UInt64(grace) * 86_400, keptRuns: runs)
    }
    let verb = apply ? "removed " : "would go"
    common.answer(
      .object([
        "schema_version": .int(reportSchemaVersion), "dry_run": .bool(report.isDryRun), "blobs_kept": .int(report.blobsKept), "bytes_kept": .int(report.bytesKept),
        "blobs_removed": .int(report.blobsRemoved), "bytes_removed": .int(report.bytesRemoved), "entries_kept": .int(report.entriesKept),
        "entries_removed": .int(report.entriesRemoved), "segment_bytes_removed": .int(report.segmentBytesRemoved), "kept_by_grace": .int(report.keptByGrace),
        "segments_were_busy": .bool(report.segmentsWereBusy), "runs_removed": .int(report.runsRemoved),
      ]),
      """
      kept      \(Figures.count(report.blobsKept, "blob")) (\(Figures.bytes(report.bytesKept))), \(Figures.count(report.entriesKept, "entry", "entries")); \(Figures.count(report.keptByGrace)) of them for their youth
      \(verb)  \(Figures.count(report.blobsRemoved, "blob")) (\(Figures.bytes(report.bytesRemoved))), \(Figures.count(report.entriesRemoved, "entry", "entries")), \(Figures.count(report.runsRemoved, "run"))
      \(report.segmentsWereBusy ? "another pipe was at the segments; they were left for another time\n" : "")\(apply ? "" : "this was only a look; --apply removes it\n")
      """)
  }
}

/// `pipe doctor`
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Check the workspace: unfinished publications, damaged entries, outputs that are not what the lock says.",
    discussion: "What can be put right without losing anything is put right. Status 3 when something is left.")
  @OptionGroup var common: CommonOptions

  func run() throws {
    let workspace = common.workspace()
    let store = try common.openStore()
    var findings: [(subject: String, text: String, isGood: Bool)] = []
    let recovery = store.publishJournal(root: workspace.root).recover(sweeping: [workspace.root + "/Manifests"])
    for failure in recovery.failures { findings.append(("publications", "\(failure)", false)) }
    if recovery.failures.isEmpty { findings.append(("publications", "none is unfinished", true)) }
    do throws(LineageError) {
      let runs = try Session.rebuildLineage(of: store)
      findings.append(("lineage", runs.map { "made anew from \(Figures.count($0, "run"))" } ?? "another pipe is writing it", true))
    } catch { findings.append(("lineage", "\(error)", false)) }
    let verification = try answered { try store.verify() }
    findings.append(
      (
        "store",
        verification.damages.isEmpty
          ? "\(Figures.count(verification.blobs + verification.records, "entry", "entries")), all whole"
          : "\(Figures.count(verification.damages.count, "damage")): what is lost is made again when it is needed", verification.damages.isEmpty
      ))
    for damage in verification.damages { findings.append(("store", damage.description, false)) }
    for path in workspace.manifests() {
      let reading = Session.read(workspace.absolute(path), workspace, StageKinds.all)
      let errors = reading.diagnostics.count { $0.severity == .error }
      findings.append((path, errors == 0 ? "reads well" : "\(Figures.count(errors, "problem")): pipe lint \(path)", errors == 0))
      guard errors == 0, let session = try? common.session(path: workspace.absolute(path), workspace), let lock = session.lock else { continue }
      for file in lock.files {
        switch Workspace.digest(of: workspace.absolute(file.path)) {
        case .failure: findings.append((file.path, "the lock has it, but it is not there: pipe checkout, or pipe run", false))
        case .success(let digest) where digest != file.sha256: findings.append((file.path, "is not what the lock says: pipe checkout, or pipe run", false))
        case .success: findings.append((file.path, "is what the lock says", true))
        }
      }
    }
    common.answer(
      .object([
        "schema_version": .int(reportSchemaVersion), "root": .string(workspace.root), "pipe": .string(pipeVersion),
        "findings": .array(findings.map { .object(["subject": .string($0.subject), "finding": .string($0.text), "good": .bool($0.isGood)]) }),
      ]),
      "pipe \(pipeVersion) · \(workspace.root)\n" + findings.map { ($0.isGood ? "  ok  " : "  !   ") + "\($0.subject): \($0.text)\n" }.joined())
    if findings.contains(where: { !$0.isGood }) { throw Ending(status: ExitStatus.checkFailed) }
  }
}

import ArgumentParser
import Diagnostics
import Engine
import Lineage
import Manifests
import Reports
import Store

/// `pipe lock check`
struct LockCheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Make sure that the manifest's version says what was done to the data; status 3 when it does not.",
    discussion: """
      Rows changed or removed ask for a new major version, rows added for a new minor one, anything else that differs for a new patch. \
      Compared with the last commit, or with --base, which in a pull request is the branch it goes to. A manifest without `version:` has \
      nothing to check.
      """)

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Option(help: ArgumentHelp("The revision (or run, or lock file) to compare with.", valueName: "revision"))
  var base: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    let session = try common.session(manifest)
    let model = try answered { try session.diff(base, rows: 0) }
    let version = model.version
    let text: String
    if version.holds {
      text = "\(model.name): version \(version.declared) says enough" + (version.due.map { " (\($0) is due)" } ?? ", nothing differs") + "\n"
    } else {
      let counts = model.outputs.map { output in
        "\(output.name) " + (output.isCompared ? "+\(output.added) −\(output.removed) ~\(output.edited)" : DiffRows.text(output)) + (output.crossed > 0 ? ", \(output.crossed) changed split" : "")
      }
      text = "\(model.name): needs version \(version.due ?? "higher than \(version.before)"), the manifest declares \(version.declared) (\(version.before) before)\n  "
        + counts.joined(separator: "\n  ") + "\n  help  version: \(version.due ?? version.before) in \(model.manifest)\n"
    }
    common.answer(
      .object([
        "schema_version": .int(reportSchemaVersion), "manifest": .string(model.manifest), "before": .string(version.before), "declared": .string(version.declared),
        "step": .string(version.change.step), "due": version.due.map { .string($0) }, "holds": .bool(version.holds),
      ]), text)
    if !version.holds { throw Ending(status: ExitStatus.checkFailed) }
  }

  private enum DiffRows {
    static func text(_ output: DiffModel.Output) -> String { "\(output.rowsBefore.map(String.init) ?? "–") → \(output.rowsAfter.map(String.init) ?? "–") rows" }
  }
}

/// `pipe lock merge`
struct LockMergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge", abstract: "Merge two locks stage by stage: a merge driver for git.",
    discussion: """
      In .gitattributes: *.lock merge=pipe-lock
      Once per clone:    git config merge.pipe-lock.driver 'pipe lock merge %O %A %B'
      Branches that changed different stages merge without conflict. Where both changed one stage its lines are marked and the status is 1; \
      `pipe run` on the merged sources writes the lock that is right.
      """)

  @Argument(help: ArgumentHelp("The lock where the branches parted (%O).", valueName: "base"), completion: .file())
  var base: String

  @Argument(help: ArgumentHelp("Ours (%A); takes the result.", valueName: "ours"), completion: .file())
  var ours: String

  @Argument(help: ArgumentHelp("Theirs (%B).", valueName: "theirs"), completion: .file())
  var theirs: String

  @OptionGroup var common: CommonOptions

  func run() throws {
    func text(_ path: String) throws(Complaint) -> String {
      switch Workspace.read(Workspace.absolute(path)) {
      case .success(let bytes): return String(decoding: bytes, as: UTF8.self)
      case .failure(let failure): throw Complaint(ExitStatus.invalid, Diagnostic(id: "lock", "cannot read `\(path)`: \(failure.message)", at: nil))
      }
    }
    let result = LockMerge.merge(base: try text(base), ours: try text(ours), theirs: try text(theirs))
    do throws(StoreError) { try AtomicFile.write(Workspace.absolute(ours), Array(result.text.utf8), sync: false) } catch { throw Complaint(error) }
    if result.conflicts.isEmpty { return }
    Console.errors.write("both sides changed \(result.conflicts.joined(separator: ", ")): take one side (or remove the lock), then pipe run\n")
    throw Ending(status: ExitStatus.failed)
  }
}

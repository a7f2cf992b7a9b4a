import ArgumentParser
import Diagnostics
import Engine
import Lineage
import Manifests
import Records
import Reports
import Rows
import Store

/// `pipe records`
struct RecordsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "records", abstract: "Say what was made, from what and how, in the formats that others read.",
    subcommands: [RecordsOpenLineageCommand.self, RecordsSLSACommand.self, RecordsProvenanceCommand.self, RecordsCroissantCommand.self])
}

/// Where a record goes.
struct RecordTarget: ParsableArguments {
  @Option(name: [.customShort("o"), .customLong("output")], help: ArgumentHelp("Write it to a file.", valueName: "file"), completion: .file())
  var path: String?

  func write(_ text: String, _ common: CommonOptions) throws {
    guard let path else { return Console.output.write(text) }
    do throws(StoreError) { try AtomicFile.write(Workspace.absolute(path), Array(text.utf8), sync: false) } catch { throw Complaint(error) }
    if !common.quiet { Console.errors.write("pipe: wrote \(path)\n") }
  }
}

extension CommonOptions {
  /// The manifest's session and its lock, or the complaint that nothing was published.
  func lockedSession(_ manifest: String?) throws -> (Session, LockFile) {
    let session = try session(manifest)
    guard let lock = session.lock else {
      throw Complaint(ExitStatus.invalid, Diagnostic(id: "no-lock", "`\(session.pipeline.path)` has no lock yet", at: nil, help: "`pipe run` writes it"))
    }
    return (session, lock)
  }
}

/// A key for signatures: from a file, or from the environment.
enum KeyText {
  static func read(_ path: String?, variable: String) throws(Complaint) -> (text: String, name: String)? {
    if let path {
      switch Workspace.read(Workspace.absolute(path)) {
      case .success(let bytes): return (String(decoding: bytes, as: UTF8.self), path)
      case .failure(let failure): throw Complaint(ExitStatus.invalid, Diagnostic(id: "key", "cannot read the key `\(path)`: \(failure.message)", at: nil))
      }
    }
    return Environment[variable].flatMap { $0.isEmpty ? nil : ($0, "$" + variable) }
  }

  static func complaint(_ error: KeyError, _ name: String) -> Complaint {
    Complaint(ExitStatus.invalid, Diagnostic(id: "key", "`\(name)`: \(error.message)", at: nil, help: error.help))
  }
}

/// `pipe records slsa`
struct RecordsSLSACommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "slsa", abstract: "SLSA provenance (v1) of each published file: in-toto statements, a line each; signed with --key.",
    discussion: "pipe records slsa --key key.pem -o provenance.intoto.jsonl; `pipe verify --provenance` checks it.")

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Option(
    help: ArgumentHelp("Sign with this Ed25519 key (PEM, PKCS #8). Without it: with that in $PIPE_SIGNING_KEY, if there is one.", valueName: "file"), completion: .file())
  var key: String?

  @Option(help: ArgumentHelp("The URI of who runs it, for those who verify.", valueName: "uri"))
  var builder = Statement.localBuilder

  @OptionGroup var target: RecordTarget
  @OptionGroup var common: CommonOptions

  func run() throws {
    let key = try KeyText.read(key, variable: "PIPE_SIGNING_KEY").map { (text, name) throws(Complaint) in
      do throws(KeyError) { return try SigningKey(pem: text) } catch { throw KeyText.complaint(error, name) }
    }
    let (session, lock) = try common.lockedSession(manifest)
    let made = MadeFile.find(lock, session)
    var text = ""
    for file in lock.files.sorted(by: { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }) {
      guard let entry = made[file.path] else {
        throw Complaint(
          ExitStatus.checkFailed,
          Diagnostic(
            id: "no-run", "no run of this store has made `\(file.path)` as the lock has it", at: nil,
            help: "pipe run -f makes it here, or name the store that did (--store)"))
      }
      let manifest = try answered { try session.description(of: entry.run) }
      let unchanged = try answered { try session.unchangedSources(of: entry.run) }
      let statement = Statement(
        of: entry.published, from: entry.output, of: entry.stage, in: entry.run, of: manifest, builder: builder,
        sourceDigest: { path, content in
          guard unchanged.contains(content), case .success(let digest) = Workspace.digest(of: session.workspace.absolute(path)) else { return nil }
          return digest
        })
      do throws(KeyError) {
        text += try key.map { (key) throws(KeyError) in try Envelope(signing: statement.bytes, with: key).json.compact } ?? statement.json.compact
      } catch { throw KeyText.complaint(error, "--key") }
      text += "\n"
    }
    try target.write(text, common)
  }
}

/// `pipe verify`
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check that what lies in Outputs/ is what the lock says and a run made, and what statements say of it.",
    discussion: "Ends with 3 when something does not hold, and names it.")

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Option(help: ArgumentHelp("What `pipe records slsa` wrote.", valueName: "file"), completion: .file())
  var provenance: String?

  @Option(
    help: ArgumentHelp(
      "The statements must be signed with this Ed25519 key (PEM, the public one). Without it: with that in $PIPE_VERIFYING_KEY, if there is one.", valueName: "file"),
    completion: .file())
  var key: String?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if key != nil, provenance == nil { throw ValidationError("--key is about the statements that --provenance names") }
  }

  func run() throws {
    let (session, lock) = try common.lockedSession(manifest)
    let files = Verification.File.list(lock, session)
    var verification = Verification(files)
    if let provenance {
      let key = try KeyText.read(key, variable: "PIPE_VERIFYING_KEY").map { (text, name) throws(Complaint) in
        do throws(KeyError) { return try VerifyingKey(pem: text) } catch { throw KeyText.complaint(error, name) }
      }
      switch Workspace.read(Workspace.absolute(provenance)) {
      case .success(let bytes):
        verification.check(statements: bytes, name: provenance, key: key, of: files) { path in
          try? Workspace.digest(of: session.workspace.absolute(path)).get()
        }
      case .failure(let failure):
        throw Complaint(ExitStatus.checkFailed, Diagnostic(id: "provenance", "cannot read `\(provenance)`: \(failure.message)", at: nil))
      }
    }
    if !common.quiet || verification.hasFailed || common.json { common.answer(verification.json, verification.text) }
    if verification.hasFailed { throw Ending(status: ExitStatus.checkFailed) }
  }
}

import ArgumentParser
import Diagnostics
import Engine
import Lineage
import Records
import Store

/// `pipe records openlineage`
struct RecordsOpenLineageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "openlineage", abstract: "The OpenLineage events of a run that is over, a line each.",
    discussion: "The same that `pipe run --openlineage` tells while it is at work; --diff adds what differs row by row.")

  @Argument(help: "The manifest.", completion: .file(extensions: ["yaml", "yml"]))
  var manifest: String?

  @Option(name: .customLong("run"), help: ArgumentHelp("The run, or the beginning of its id. Without it: the manifest's last.", valueName: "run"))
  var id: String?

  @Option(help: ArgumentHelp("Compare these states as `pipe diff` does, and tell of each output what differs and why.", valueName: "a..b"))
  var diff: String?

  @Option(help: ArgumentHelp("Send them to this address.", valueName: "url"))
  var to: String?

  @OptionGroup var target: RecordTarget
  @OptionGroup var common: CommonOptions

  func run() throws {
    let session = try common.session(manifest)
    let record = try common.record(id, session)
    let manifest = try answered { try session.description(of: record) }
    var differences: [String: RowDifference] = [:]
    if let diff {
      let model = try answered { try session.diff(diff, rows: nil) }
      for output in model.outputs { differences[output.name] = RowDifference(output, model) }
    }
    let events = OpenLineage(manifest, namespace: LineageSinks.namespace, pipeVersion: record.pipeVersion).events(of: record, differences: differences)
    guard let to else { return try target.write(events.map { $0.compact + "\n" }.joined(), common) }
    guard to.hasPrefix("http://") || to.hasPrefix("https://"), let sink = try LineageSinks.make(to) else {
      throw Complaint(ExitStatus.invalid, Diagnostic(id: "openlineage", "--to is no http:// or https:// address", at: nil, help: "-o names a file"))
    }
    sink.tell(events)
    if let problem = sink.finish() { throw Complaint(ExitStatus.tryAgain, Diagnostic(id: "openlineage", problem, at: nil)) }
  }
}

extension CommonOptions {
  /// A run of the manifest by its id or the beginning of it; without one the last.
  func record(_ name: String?, _ session: Session) throws -> RunRecord {
    guard let name else {
      if let last = Session.records(in: session.store, limit: 1, manifest: session.pipeline.path).first { return last }
      throw Complaint(ExitStatus.invalid, Diagnostic(id: "unknown-run", "`\(session.pipeline.path)` has no run yet", at: nil, help: "pipe run"))
    }
    let fitting = session.store.history.list().filter { $0.text.hasPrefix(name.lowercased()) }
    guard fitting.count == 1, let record = Session.record(of: fitting[0], in: session.store), record.manifestPath == session.pipeline.path else {
      throw Complaint(
        ExitStatus.invalid,
        Diagnostic(
          id: "unknown-run", fitting.count > 1 ? "\(fitting.count) runs begin with `\(name)`" : "`\(session.pipeline.path)` has no run `\(name)`", at: nil,
          help: "`pipe log` lists the runs"))
    }
    return record
  }
}

extension RowDifference {
  init(_ output: DiffModel.Output, _ model: DiffModel) {
    var rows: [Int: Int] = [:]
    for row in output.rows { for cause in row.causes { rows[cause, default: 0] += 1 } }
    self.init(
      base: model.before.title, added: output.added, removed: output.removed, changed: output.edited, moved: output.crossed,
      causes: model.causes.enumerated().compactMap { place, cause in rows[place].map { Cause(bucket: cause.bucket.rawValue, subject: cause.subject, rows: $0) } })
  }
}

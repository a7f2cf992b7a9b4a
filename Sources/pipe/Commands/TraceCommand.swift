import ArgumentParser
import Diagnostics
import Engine
import Lineage
import Reports
import Rows

/// `pipe trace`
struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace", abstract: "Say where a row came from, down to the lines of the source files; or with --down what came of something.",
    discussion: """
      For example: pipe trace Outputs/support-intents/train.jsonl:12, or pipe trace dataset.train:12

      With --down it begins at a row, a source file or a line of it, a template, an output, a stage, or all rows with a value in a column: \
      pipe trace --down customer_id=C-1 says which files, models and evaluations hold rows of this customer. `row_key`, `split.by` and \
      `trace_by` columns are looked up in an index, for others the rows are read.
      """)

  @Flag(help: "Where it came from.")
  var up = false

  @Flag(help: "What came of it.")
  var down = false

  @Option(name: [.customShort("n"), .customLong("rows")], help: ArgumentHelp("With --down: name so many rows of each output.", valueName: "n"))
  var shown = 3

  @Option(name: .customLong("run"), help: ArgumentHelp("With --down: in the results of this run, its id or the beginning of it.", valueName: "run"))
  var id: String?

  @Flag(help: "With --down: in the results of every run that is recorded, as far as the store still has them.")
  var allRuns = false

  @OptionGroup var row: RowOptions
  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if up, down { throw ValidationError("--up and --down are two questions") }
    if !down, id != nil || allRuns { throw ValidationError("--run and --all-runs go with --down") }
    if shown < 0 { throw ValidationError("--rows is 0 or more") }
  }

  func run() throws {
    if down { return try runDown() }
    let name = row.output
    let stage = name.split(separator: ".").first.map(String.init) ?? name
    let session = try row.session(common, try parameters.overrides(), stage: stage) { pipeline, relative in
      pipeline.graph.stages.contains { candidate in
        candidate.name == name || candidate.name == stage || candidate.kind.publishes.contains { $0.path == name || $0.path == relative }
      }
    }
    let trace = try answered { TraceView(try session.trace(row.target), session.pipeline) }
    common.answer(trace.json, trace.render(style: Console.output.style))
  }

  /// Without a manifest: in all of the workspace that know what is asked for.
  private func runDown() throws {
    let overrides = try parameters.overrides()
    let workspace = common.workspace()
    let manifests = row.manifest == nil ? workspace.manifests() : []
    guard manifests.count > 1 else {
      let models = try self.models(try common.session(row.manifest, overrides))
      for (place, model) in models.enumerated() {
        common.answer(model.json, (place > 0 ? "\n" : "") + heading(model) + model.render(style: Console.output.style))
      }
      return
    }
    var refusal: (any Error)?
    var models: [(manifest: String, model: DescentModel)] = []
    for path in manifests {
      do {
        let session = try common.session(path: workspace.absolute(path), workspace, overrides)
        models += try self.models(session).map { (path, $0) }
      } catch { refusal = refusal ?? error }
    }
    if models.isEmpty, let refusal { throw refusal }
    for (place, (manifest, model)) in models.enumerated() {
      if common.json {
        var members: [ReportJSON.Member] = [.init("manifest", .string(manifest))]
        if case .object(let rest) = model.json { members += rest }
        Console.output.write(ReportJSON.object(members).compact + "\n")
      } else {
        Console.output.write((place > 0 ? "\n" : "") + Console.output.style.heading(manifest) + "\n" + heading(model) + model.render(style: Console.output.style))
      }
    }
  }

  private func heading(_ model: DescentModel) -> String { model.run.map { Console.output.style.heading("run \($0)") + "\n" } ?? "" }

  private func models(_ session: Session) throws -> [DescentModel] {
    if let id {
      let record = try common.record(id, session)
      return [try answered { try session.descent(of: row.target, shown: shown, inRun: record) }]
    }
    guard allRuns else { return [try answered { try session.descent(of: row.target, shown: shown) }] }
    // Runs that came to the same results have one answer.
    var seen: Set<[String]> = []
    let records = Session.records(in: session.store, manifest: session.pipeline.path).filter { record in
      seen.insert(record.stages.compactMap { $0.key?.hex }).inserted
    }
    var refusal: (any Error)?
    var models: [DescentModel] = []
    for record in records {
      do { models.append(try answered { try session.descent(of: row.target, shown: shown, inRun: record) }) } catch { refusal = refusal ?? error }
    }
    if models.isEmpty, let refusal { throw refusal }
    return models
  }
}

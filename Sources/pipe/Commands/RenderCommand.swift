import ArgumentParser
import Diagnostics
import Engine
import Manifests
import Rows
import Stages
import Templates

/// `pipe render`
struct RenderCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "render", abstract: "Preview a template on sample rows, or compare two versions of it.",
    discussion: """
      Rows come from a JSON Lines file or a stage's output (pairs, dataset.train); without --rows the template is rendered once.
      --cases reads test cases, one JSON object a line (template, context, templates, env), and answers each with one line.
      """)

  enum Preset: String, CaseIterable, ExpressibleByArgument {
    case pipe, jinja2, hf

    var environment: Templates.Environment {
      switch self {
      case .pipe: .pipe
      case .jinja2: .jinja2
      case .hf: .huggingFace
      }
    }
  }

  @Argument(help: "The template.", completion: .file(extensions: ["jinja", "j2"]))
  var template: String?

  @Option(help: ArgumentHelp("Rows to render: a JSON Lines file, or a stage's output.", valueName: "file|stage.port"))
  var rows: String?

  @Option(name: .short, help: ArgumentHelp("How many rows.", valueName: "count"))
  var n = 3

  @Option(help: ArgumentHelp("pipe (strict), jinja2 (its own defaults) or hf (chat templates).", valueName: "preset"))
  var env = Preset.pipe

  @Option(help: ArgumentHelp("Names beside the row's columns: a JSON object in a file.", valueName: "file"), completion: .file(extensions: ["json"]))
  var context: String?

  @Option(help: ArgumentHelp("Show what differs from this version of the template.", valueName: "old"), completion: .file())
  var diff: String?

  @Option(help: ArgumentHelp("The moment that strftime_now shows.", valueName: "2026-11-21T09:00:00"))
  var now: String?

  @Option(help: ArgumentHelp("Run the test cases of a file (- for standard input).", valueName: "file"), completion: .file(extensions: ["jsonl"]))
  var cases: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    if let cases { return try runCases(cases) }
    guard let template else { throw Complaint.usage("name a template, or cases: pipe render prompt.jinja, pipe render --cases cases.jsonl") }
    let workspace = common.workspace(of: template)
    let new = try compile(template, workspace)
    let old = try diff.map { try compile($0, workspace) }
    var bindings = Bindings()
    if let context {
      guard let value = Value(json: try bytes(context)), let pairs = value.pairs else {
        throw Complaint(ExitStatus.invalid, Diagnostic(id: "context", "`\(context)` is not a JSON object", at: nil))
      }
      for pair in pairs { bindings[pair.key.text] = pair.value }
    }
    let renderer = Renderer()
    for (index, row) in try sample(workspace).enumerated() {
      let after = try render(new, row, bindings, renderer)
      let before = try old.map { try render($0, row, bindings, renderer).text }
      show(index, after, before)
    }
  }

  // MARK: cases

  private func runCases(_ path: String) throws {
    let runner = CaseRunner()
    let text = try bytes(path)
    var start = 0
    while start < text.count {
      let end = text[start...].firstIndex(of: 0x0A) ?? text.count
      if end > start { Console.output.write(String(decoding: runner.run(Array(text[start..<end])), as: UTF8.self) + "\n") }
      start = end + 1
    }
  }

  // MARK: templates and rows

  private struct Compiled {
    let template: Template
    let text: SourceText
  }

  private func compile(_ path: String, _ workspace: Workspace) throws -> Compiled {
    let name = workspace.relative(path)
    let text = SourceText(path: name, bytes: try bytes(path))
    var environment = env.environment
    environment.joinPath = { written, parent in ManifestPath.resolve(written, in: parent) }
    environment.loader = { path in try? workspace.load(path).get() }
    if let now {
      guard let moment = CivilTime(now) else { throw Complaint.usage("--now wants a moment as 2026-11-21T09:00:00") }
      environment.now = moment
    }
    do throws(TemplateError) {
      return Compiled(template: try Template(source: text.bytes, name: name, environment: environment), text: text)
    } catch { throw Complaint(ExitStatus.invalid, Self.diagnostic(error, text, workspace)) }
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    switch Workspace.read(path == "-" ? "/dev/stdin" : path) {
    case .success(let bytes): return bytes
    case .failure(let failure): throw Complaint(ExitStatus.invalid, Diagnostic(id: "file", "cannot read `\(path)`: \(failure.message)", at: nil, help: failure.help))
    }
  }

  private func sample(_ workspace: Workspace) throws -> [[UInt8]] {
    guard let rows else { return [Array("{}".utf8)] }
    if case .success(let text) = Workspace.read(rows) {
      var found: [[UInt8]] = []
      for line in text.split(separator: 0x0A) where found.count < n {
        var row: [UInt8] = []
        do throws(JSONError) {
          try Array(line).withUnsafeBytes { raw -> Result<Void, JSONError> in
            do throws(JSONError) { return .success(try JSONValidator.appendObject(raw, to: &row)) } catch { return .failure(error) }
          }.get()
        } catch {
          throw Complaint(ExitStatus.invalid, Diagnostic(id: "row", "row \(found.count + 1) of `\(rows)`: \(error.message)", at: nil))
        }
        found.append(row)
      }
      return found
    }
    let stage = rows.split(separator: ".").first.map(String.init) ?? rows
    let session = try common.session(havingStage: stage, nil)
    return try answered { try session.show(rows, count: n).rows }
  }

  private func render(_ compiled: Compiled, _ row: [UInt8], _ bindings: Bindings, _ renderer: Renderer) throws -> (text: String, spans: [Range<Int>]) {
    do {
      return try row.withUnsafeBytes { raw in
        let out = try renderer.render(compiled.template, row: raw, extra: bindings)
        return (String(decoding: out, as: UTF8.self), renderer.generationSpans)
      }
    } catch let error as TemplateError {
      let shown = String(decoding: row.prefix(120), as: UTF8.self)
      throw Complaint(ExitStatus.failed, Self.diagnostic(error, compiled.text, common.workspace(of: template)).noting("row", shown))
    }
  }

  private static func diagnostic(_ error: TemplateError, _ text: SourceText, _ workspace: Workspace) -> Diagnostic {
    let source = error.templateName == text.path ? text : (try? workspace.load(error.templateName).get()).map { SourceText(path: error.templateName, bytes: $0) } ?? text
    let end = source.bytes.count
    let lower = min(error.range.lowerBound, end)
    var found = Diagnostic(
      id: "template", error.message, at: source.range(lower..<max(lower, min(error.range.upperBound, end))),
      label: error.suggestion.map { "did you mean `\($0)`?" } ?? "")
    for frame in error.stack.dropFirst() { found = found.noting("from", "\(frame.what), \(frame.name):\(frame.line):\(frame.column)") }
    return found
  }

  // MARK: showing

  private func show(_ index: Int, _ result: (text: String, spans: [Range<Int>]), _ before: String?) {
    if common.json {
      let spans = result.spans.map { Value([Value($0.lowerBound), Value($0.upperBound)]) }
      var pairs: [(String, Value)] = [("schema_version", Value(1)), ("row", Value(index + 1)), ("output", Value(result.text)), ("generation", Value(spans))]
      if let before { pairs.append(("before", Value(before))) }
      var line: [UInt8] = []
      Value(pairs: pairs).appendJSON(to: &line)
      return Console.output.write(String(decoding: line, as: UTF8.self) + "\n")
    }
    if rows != nil { Console.output.write("── row \(index + 1)\n") }
    guard let before else { return Console.output.write(result.text.hasSuffix("\n") ? result.text : result.text + "\n") }
    if before == result.text { return Console.output.write("  the same\n") }
    let old = before.split(separator: "\n", omittingEmptySubsequences: false)
    let new = result.text.split(separator: "\n", omittingEmptySubsequences: false)
    let changes = new.difference(from: old)
    var removed: Set<Int> = []
    var inserted: Set<Int> = []
    for change in changes {
      switch change {
      case .remove(let offset, _, _): removed.insert(offset)
      case .insert(let offset, _, _): inserted.insert(offset)
      }
    }
    var lines: [String] = []
    var (left, right) = (0, 0)
    while left < old.count || right < new.count {
      if left < old.count, removed.contains(left) {
        lines.append("- \(old[left])")
        left += 1
      } else if right < new.count, inserted.contains(right) {
        lines.append("+ \(new[right])")
        right += 1
      } else {
        lines.append("  \(new[right])")
        left += 1
        right += 1
      }
    }
    Console.output.write(lines.joined(separator: "\n") + "\n")
  }
}

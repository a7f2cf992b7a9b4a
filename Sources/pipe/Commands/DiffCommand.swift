import ArgumentParser
import Diagnostics
import Engine
import Lineage
import Manifests
import Reports
import Store

/// `pipe diff`
struct DiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Say which rows of the outputs differ between two states, and which edit caused it.",
    discussion: """
      A state is a git revision, a run (`pipe log`) or a lock file; A..B compares two, A alone is compared with the working tree, A...B \
      begins where the branches parted. Without any: the last commit against the working tree, or the run before where git has no lock. \
      For example: pipe diff main... --md, or pipe diff HEAD~1 dataset.train
      """)

  @Argument(help: ArgumentHelp("States to compare, a stage or output to look at, a manifest; in any order.", valueName: "A..B|output|manifest"), completion: .outputs)
  var words: [String] = []

  @Flag(help: "Only counts and causes, no rows.")
  var stat = false

  @Option(name: [.customShort("n"), .customLong("rows")], help: ArgumentHelp("Tell so many rows of each output; 0 for all. Without it: 10, in JSON 1000.", valueName: "n"))
  var count: Int?

  @Flag(name: [.customLong("md"), .customLong("markdown")], help: "Answer in Markdown that fits a comment on a pull request.")
  var markdown = false

  @Option(help: ArgumentHelp("Write a page with all of it to this file, too.", valueName: "file"), completion: .file(extensions: ["html"]))
  var html: String?

  @Flag(help: "End with status 1 when anything differs.")
  var exitCode = false

  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if words.count > 3 { throw ValidationError("`pipe diff` takes two states as A..B, an output and a manifest") }
    if let count, count < 0 { throw ValidationError("--rows is 0 or more") }
  }

  func run() throws {
    let (session, words) = try DiffWords.session(words, common, try parameters.overrides())
    let (range, output) = try DiffWords.split(words, session)
    let limit = count ?? (common.json ? 1000 : 10)
    // A page has room for more rows than a screen.
    let wanted = limit == 0 && !stat ? nil : max(stat ? 0 : limit, html == nil ? 0 : Self.rowsOfPage)
    var model = try answered { try session.diff(range, output: output, rows: wanted) }
    if let html {
      let page = Array(DiffHTML(model).render().utf8)
      try PageFile.write(page, to: html)
      if !common.quiet, html != "-" { Console.errors.write("wrote \(html)  \(Figures.bytes(page.count))\n") }
      for place in model.outputs.indices where stat || limit > 0 { model.outputs[place].rows = Array(model.outputs[place].rows.prefix(stat ? 0 : limit)) }
      if html == "-" { return try end(model) }
    }
    if common.json {
      Console.output.write(model.json.compact + "\n")
    } else if markdown {
      Console.output.write(DiffMarkdown(model).render())
    } else {
      Console.output.write(DiffText(model, style: Console.output.style, showsRows: !stat).render())
    }
    try end(model)
  }

  private static let rowsOfPage = 1000

  private func end(_ model: DiffModel) throws { if exitCode, !model.isEmpty { throw Ending(status: ExitStatus.failed) } }

  /// What the words of the command line are.
  enum DiffWords {
    /// The manifest that is meant, and the words that do not name it.
    static func session(_ words: [String], _ common: CommonOptions, _ overrides: ParameterOverrides) throws(Complaint) -> (Session, [String]) {
      if let place = words.firstIndex(where: { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }) {
        var rest = words
        let manifest = rest.remove(at: place)
        return (try common.session(manifest, overrides), rest)
      }
      let known = common.workspace().manifests().map { path in
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
      }
      if known.count > 1, let last = words.last, known.contains(last) { return (try common.session(last, overrides), Array(words.dropLast())) }
      return (try common.session(nil, overrides, what: "output") { pipeline in words.contains { names($0, in: pipeline) } || words.isEmpty }, words)
    }

    /// Which of the words is a range, and which an output.
    static func split(_ words: [String], _ session: Session) throws(Complaint) -> (range: String?, output: String?) {
      var range: String?
      var output: String?
      for word in words {
        let isOutput = !word.contains("..") && names(word, in: session.pipeline)
        if isOutput, output == nil {
          output = word
        } else if range == nil {
          range = word
        } else {
          throw Complaint(
            ExitStatus.invalid,
            Diagnostic(id: "usage", "`\(word)` is neither a stage nor an output of `\(session.pipeline.path)`", at: nil, help: "two states are written A..B: \(range!)..\(word)"))
        }
      }
      return (range, output)
    }

    /// Whether a word is a stage, an output or a published file.
    static func names(_ word: String, in pipeline: Pipeline) -> Bool {
      let stage = word.split(separator: ".").first.map(String.init) ?? word
      return pipeline.graph.stages.contains { one in
        one.name == word || one.name == stage && one.kind.outputs.contains { "\(one.name).\($0.name)" == word } || one.kind.publishes.contains { word == $0.path || word.hasSuffix("/" + $0.path) }
      }
    }
  }
}

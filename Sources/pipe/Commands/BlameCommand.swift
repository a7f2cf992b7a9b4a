import ArgumentParser
import Diagnostics
import Engine
import Reports

/// `pipe blame`
struct BlameCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "blame", abstract: "Say who wrote what a row was made of: source lines, template lines, labels, parameters.",
    discussion: "For example: pipe blame Outputs/support-intents/train.jsonl:12. Authors and commits are git's, where a file is in git.")

  @OptionGroup var row: RowOptions
  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var common: CommonOptions

  func run() throws {
    let name = row.output
    let session = try row.session(common, try parameters.overrides(), stage: name) { pipeline, relative in
      DiffCommand.DiffWords.names(name, in: pipeline) || DiffCommand.DiffWords.names(relative, in: pipeline)
    }
    let blame = try answered { try session.blame(row.target) }
    common.answer(blame.json, blame.render(style: Console.output.style))
  }
}

import ArgumentParser
import Diagnostics

/// The program's version; the changelog says what is in it.
let pipeVersion = "0.1.0"

/// The whole command line.
struct Pipe: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pipe",
    abstract: "Turn raw data, prompts and human labels into training sets, and know where every row came from.",
    discussion: """
      A manifest path may be left out where the workspace has only one.

      Exit status: 0 fine, 1 a stage failed, 2 the command line or a manifest is wrong and nothing ran, 3 a check failed, \
      4 the selection matched nothing, 9 another run holds the lock and --no-wait was given, 70 a bug of pipe, 75 worth trying again, \
      128+N ended by signal N.
      """,
    version: pipeVersion,
    groupedSubcommands: [
      CommandGroup(name: "Run", subcommands: [RunCommand.self, PlanCommand.self, RetryCommand.self, UpdateCommand.self]),
      CommandGroup(
        name: "Look",
        subcommands: [
          StatusCommand.self, ExplainCommand.self, DiffCommand.self, BlameCommand.self, ShowCommand.self, TraceCommand.self, GraphCommand.self, RenderCommand.self, ReportCommand.self, LogCommand.self, LockCommand.self,
        ]),
      CommandGroup(name: "Tell others", subcommands: [RecordsCommand.self, VerifyCommand.self]),
      CommandGroup(name: "Write manifests", subcommands: [LintCommand.self, FormatCommand.self, SchemaCommand.self, InitCommand.self]),
      CommandGroup(name: "Look after", subcommands: [CheckoutCommand.self, CacheCommand.self, DoctorCommand.self, CompletionsCommand.self]),
    ])
}

/// Words for commands that the parser does not know: planned ones, and slips of the finger.
enum Verbs {
  /// Commands of the design that are not built yet.
  static let planned = ["worker", "import-labels"]

  static func check(_ arguments: [String]) throws(Complaint) {
    guard let first = arguments.first, !first.hasPrefix("-") else { return }
    if planned.contains(first) {
      throw Complaint(ExitStatus.invalid, Diagnostic(id: "planned", "`pipe \(first)` is planned, not built yet", at: nil, help: "pipe --help lists what there is"))
    }
    try check(arguments[...], Pipe.self, path: "pipe")
  }

  private static func check(_ arguments: ArraySlice<String>, _ command: any ParsableCommand.Type, path: String) throws(Complaint) {
    let subcommands = command.configuration.subcommands + command.configuration.groupedSubcommands.flatMap(\.subcommands)
    guard !subcommands.isEmpty, let word = arguments.first, !word.hasPrefix("-"), word != "help" else { return }
    let names = subcommands.flatMap { [$0.configuration.commandName ?? ""] + $0.configuration.aliases }
    if let found = subcommands.first(where: { $0.configuration.commandName == word || $0.configuration.aliases.contains(word) }) {
      return try check(arguments.dropFirst(), found, path: path + " " + word)
    }
    if path == "pipe cache", ["push", "pull"].contains(word) {
      throw Complaint(ExitStatus.invalid, Diagnostic(id: "planned", "`pipe cache \(word)` is planned, not built yet", at: nil))
    }
    // `pipe report` takes a run or a manifest; no other command with subcommands takes words, so that an unknown one is mistyped.
    if command == ReportCommand.self { return }
    let meant = Suggestion.nearest(to: word, in: names + (path == "pipe" ? planned : [])).map { "did you mean `\(path) \($0)`?" }
    throw Complaint(
      ExitStatus.invalid, Diagnostic(id: "usage", "there is no command `\(path) \(word)`", at: nil, help: meant ?? "`\(path) --help` lists the commands"))
  }
}

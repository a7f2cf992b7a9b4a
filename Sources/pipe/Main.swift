import ArgumentParser
import Diagnostics
import Engine
import Reports

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where the program begins and ends: parse, run one command, turn what happened into an exit status.
@main
enum Main {
  static func main() {
    Elapsed.begin()
    // A reader that goes away (`pipe show x | head`) is an answer to a write, not the end of a run.
    signal(SIGPIPE, SIG_IGN)
    // A file-size limit is an error of the write that meets it, with a message, not a death without one.
    signal(SIGXFSZ, SIG_IGN)
    // A process of our own that watches over something submitted; no command for people.
    if CommandLine.arguments.count == 3, CommandLine.arguments[1] == SelfProgram.superviseWord { exit(Supervisor.main(CommandLine.arguments[2])) }
    exit(run(ShortOptions.separated(Array(CommandLine.arguments.dropFirst()))))
  }

  static func run(_ arguments: [String]) -> Int32 {
    let wantsJSON = arguments.prefix { $0 != "--" }.contains("--json")
    do {
      try Verbs.check(arguments)
      var command = try Pipe.parseAsRoot(arguments)
      try command.run()
      return ExitStatus.fine
    } catch let ending as Ending {
      return ending.status
    } catch let complaint as Complaint {
      complaint.show(asJSON: wantsJSON)
      return complaint.status
    } catch {
      return end(with: error, wantsJSON: wantsJSON)
    }
  }

  /// What the argument parser throws: help and versions, which are answers; and mistakes, which are exit 2 and not its 64.
  private static func end(with error: any Error, wantsJSON: Bool) -> Int32 {
    let code = Pipe.exitCode(for: error)
    if code == .success {
      let text = Pipe.fullMessage(for: error, columns: Console.output.columns)
      if !text.isEmpty { Console.output.write(text + "\n") }
      return ExitStatus.fine
    }
    if code == .validationFailure {
      let usage = Complaint.usage(Pipe.fullMessage(for: error, columns: Console.errors.columns))
      usage.show(asJSON: wantsJSON)
      return usage.status
    }
    let bug = Complaint(ExitStatus.bug, Diagnostic(id: "bug", "\(error)", at: nil, help: "this is a bug in pipe; please report it with the command line that shows it"))
    bug.show(asJSON: wantsJSON)
    return bug.status
  }
}

internal import Engine
internal import Processes

/// The program of a stage, as the manifest gives it, and how it becomes a process.
struct StageCommand: Sendable {
  /// Two stages may run equal commands: each worker keeps a process for each stage.
  final class Identity: Sendable {}

  let arguments: [String]
  let isShell: Bool
  let environment: [(name: String, value: String)]
  let secrets: [String]
  let identity = Identity()

  /// How messages name it: the beginning of what was written.
  var shown: String {
    let text = isShell ? arguments[0] : arguments.joined(separator: " ")
    let line = text.split(separator: "\n", maxSplits: 1).first.map(String.init) ?? text
    return line.count > 80 ? line.prefix(79) + "…" : line
  }

  /// The command with `${in.x}` and `${out.x}` replaced by paths.
  func make(root: String, paths: [String: String] = [:]) throws(TaskFailure) -> Command {
    var values: [Command.Secret] = []
    for name in secrets {
      guard let value = HostEnvironment.value(name) else {
        throw TaskFailure(
          id: "secret", message: "the secret `\(name)` is not set", help: "export \(name)=… in the shell that runs pipe; it is never stored or shown")
      }
      values.append(Command.Secret(name: name, value: value))
    }
    let filled = arguments.map { argument in
      paths.reduce(argument) { $0.replacing("${\($1.key)}", with: isShell ? Self.quoted($1.value) : $1.value) }
    }
    let base = HostEnvironment.base().filter { one in !environment.contains { $0.name == one.name } }
    return Command(
      arguments: isShell ? ["/bin/sh", "-c", filled[0]] : filled, environment: base + environment, secrets: values, directory: root)
  }

  /// A path as one word of a shell's text.
  private static func quoted(_ path: String) -> String { "'" + path.replacing("'", with: "'\\''") + "'" }

  /// A process's failure as the task's.
  func failure(_ failure: ProcessFailure, rows: [RowParent] = []) -> TaskFailure {
    var status: Int?
    if case .exited(let code) = failure.reason { status = Int(code) }
    let id =
      switch failure.reason {
      case .cancelled: "cancelled"
      case .timedOut: "timeout"
      case .notFound, .notExecutable, .cannotStart: "program"
      default: "exec"
      }
    return TaskFailure(
      id: id, message: failure.message(shown), rows: rows, help: failure.help, notes: failure.standardErrorTail.map { ("stderr", $0) },
      isTransient: id == "timeout" || status == TaskFailure.temporaryFailure, exitStatus: status, mayBeRetried: id == "exec" || id == "timeout")
  }
}

extension Oversight {
  /// A task's supervision as processes know it.
  init(_ supervision: any Supervision) {
    self.init(
      timeoutSeconds: supervision.timeoutSeconds, logPath: supervision.logPath, isCancelled: { supervision.isCancelled },
      started: { supervision.register(processGroup: $0) }, ended: { supervision.unregister(processGroup: $0) })
  }
}

/// Why a command did not do its work.
public struct ProcessFailure: Error, Sendable, Equatable {
  public enum Reason: Sendable, Equatable {
    /// `path` is the `PATH` that was searched; nil when the program was given with a `/`.
    case notFound(program: String, path: String?)
    case notExecutable(String)
    case cannotStart(String)
    case exited(code: Int32)
    case signalled(Int32)
    case timedOut(seconds: Double)
    case cancelled
    /// The process ended while answers were still to come.
    case endedEarly(answered: Int, asked: Int)
    /// More answers than questions.
    case answeredTooMuch(asked: Int)
    case lineTooLong(limitBytes: Int)
  }

  public let reason: Reason
  /// The last lines of standard error, secrets blotted out.
  public let standardErrorTail: [String]

  public init(_ reason: Reason, standardErrorTail: [String] = []) {
    self.reason = reason
    self.standardErrorTail = standardErrorTail
  }

  /// What is wrong, in one line; `command` is how messages name it.
  public func message(_ command: String) -> String {
    switch reason {
    case .notFound(let program, nil): "there is no program `\(program)`"
    case .notFound(let program, let path?): "the program `\(program)` is not on PATH (\(path))"
    case .notExecutable(let file): "`\(file)` may not be executed"
    case .cannotStart(let why): "`\(command)` could not be started: \(why)"
    case .exited(let code): "`\(command)` ended with exit code \(code)"
    case .signalled(let signal): "`\(command)` was ended by \(Self.name(ofSignal: signal))"
    case .timedOut(let seconds): "`\(command)` did not finish within \(Self.text(ofSeconds: seconds))"
    case .cancelled: "`\(command)` was cancelled"
    case .endedEarly(let answered, let asked): "`\(command)` ended after \(answered) of \(asked) answers"
    case .answeredTooMuch(let asked): "`\(command)` answered more than one line to a row (\(asked) \(asked == 1 ? "row was" : "rows were") asked)"
    case .lineTooLong(let limit): "`\(command)` wrote a line longer than \(limit >> 20) MB"
    }
  }

  /// What to do about it.
  public var help: String? {
    switch reason {
    case .notFound(_, nil): "a program with a `/` in its name starts at the workspace root"
    case .notFound: "install it, or write its path; commands see PATH and HOME, and what `env` declares"
    case .notExecutable(let file): "chmod +x \(file)"
    case .exited(126): "126 usually means that something may not be executed"
    case .exited(127): "127 usually means that a program was not found"
    case .signalled(9): "SIGKILL nobody here sent usually means that the machine ran out of memory"
    case .timedOut: "raise `timeout`, or look in the log for what it waited for"
    case .endedEarly: "with `rows: row` the program must answer each input line with exactly one line"
    case .answeredTooMuch: "print diagnostics to standard error; standard output is for answers only"
    default: nil
    }
  }

  static func name(ofSignal signal: Int32) -> String {
    let names: [Int32: String] = [
      1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM",
    ]
    return names[signal] ?? "signal \(signal)"
  }

  static func text(ofSeconds seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    if Double(whole) != seconds { return "\(seconds) s" }
    if whole >= 3600, whole % 3600 == 0 { return "\(whole / 3600) h" }
    if whole >= 60, whole % 60 == 0 { return "\(whole / 60) min" }
    return "\(whole) s"
  }
}

/// What ends a run: the process, or whoever was given its output.
public enum RunFailure<Caller: Error>: Error {
  case process(ProcessFailure)
  case caller(Caller)
}

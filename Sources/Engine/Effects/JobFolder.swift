public import Processes
import Rows
import Store

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The folder of one attempt at a submission: what goes in, what comes out, and what is known of it.
///
///     spec      what is to be run; secrets by name only
///     in/ out/  files, until the result is taken
///     handle    the supervisor's process; on the device before the command starts
///     started   the command's shell came to life
///     ended     the command's exit status, written by its shell
///     exit      how it ended, written by the supervisor; on the device
///     log       what it printed, secrets blotted out
public struct JobFolder: Sendable {
  public let path: String

  init(_ path: String) { self.path = path }

  public var logPath: String { path + "/log" }
  var spec: String { path + "/spec" }
  var handle: String { path + "/handle" }
  var started: String { path + "/started" }
  var ended: String { path + "/ended" }
  var exit: String { path + "/exit" }
  /// Held by the supervisor and the command's shell while the job lives; shared by all attempts, of which only one lives.
  var lock: String { Workspace.parent(path) + "/lock" }
  /// What the supervisor itself says, should it fail.
  var supervisorLog: String { path + "/supervisor" }

  /// Where an input of the command lies.
  public func input(_ name: String) -> String { path + "/in/" + name }
  /// Where an output of the command belongs.
  public func output(_ name: String) -> String { path + "/out/" + name }
  /// Makes an output that is a folder.
  public func makeOutput(folder name: String) -> String {
    mkdir(output(name), 0o777)
    return output(name)
  }

  func make() {
    FileTree.remove(path)
    var at = ""
    for part in (path + "/in").split(separator: "/") {
      at += "/" + part
      mkdir(at, 0o777)
    }
    mkdir(path + "/out", 0o777)
  }

  /// Removes what was only needed until the result was in the store.
  /// Whether what went in or came out is still there.
  var hasFiles: Bool { Workspace.exists(path + "/in") || Workspace.exists(path + "/out") }

  func removeFiles() {
    FileTree.remove(path + "/in")
    FileTree.remove(path + "/out")
  }
}

/// What a supervisor has to run.
public struct JobCommand: Sendable {
  public var command: Command
  /// A file that the command reads as its standard input; nil for nothing.
  public var input: String?
  /// A file that takes its standard output; nil when that belongs in the log.
  public var output: String?

  public init(_ command: Command, input: String? = nil, output: String? = nil) {
    self.command = command
    self.input = input
    self.output = output
  }
}

/// Something that is submitted: its name in messages, and how a fresh folder is made ready for it.
public struct Submission {
  public let shown: String
  /// Writes the inputs, and says what to run on them. Called once per attempt, before anything is submitted.
  public let prepare: (JobFolder) throws(TaskFailure) -> JobCommand

  public init(shown: String, prepare: @escaping (JobFolder) throws(TaskFailure) -> JobCommand) {
    self.shown = shown
    self.prepare = prepare
  }
}

/// ``JobCommand`` as the supervisor finds it: secrets by name, their values come through its environment.
struct JobSpec {
  var arguments: [String]
  var environment: [(name: String, value: String)]
  var secrets: [String]
  var directory: String
  var input: String?
  var output: String?
  var timeoutSeconds: Double?

  init(_ job: JobCommand, timeoutSeconds: Double?) {
    arguments = job.command.arguments
    environment = job.command.environment
    secrets = job.command.secrets.map(\.name)
    directory = job.command.directory
    input = job.input
    output = job.output
    self.timeoutSeconds = timeoutSeconds
  }

  func encode() -> [UInt8] {
    var writer = ByteWriter()
    writer.text("pipe-job-1")
    writer.number(arguments.count)
    for argument in arguments { writer.text(argument) }
    writer.number(environment.count)
    for one in environment {
      writer.text(one.name)
      writer.text(one.value)
    }
    writer.number(secrets.count)
    for secret in secrets { writer.text(secret) }
    writer.text(directory)
    writer.text(input ?? "")
    writer.text(output ?? "")
    writer.word((timeoutSeconds ?? 0).bitPattern)
    return writer.bytes
  }

  init(decoding bytes: [UInt8]) throws(ByteReader.Malformed) {
    var reader = ByteReader(bytes)
    guard try reader.text() == "pipe-job-1" else { throw ByteReader.Malformed() }
    arguments = []
    for _ in 0..<(try reader.count()) { arguments.append(try reader.text()) }
    environment = []
    for _ in 0..<(try reader.count()) { environment.append((try reader.text(), try reader.text())) }
    secrets = []
    for _ in 0..<(try reader.count()) { secrets.append(try reader.text()) }
    directory = try reader.text()
    let input = try reader.text()
    let output = try reader.text()
    self.input = input.isEmpty ? nil : input
    self.output = output.isEmpty ? nil : output
    let timeout = Double(bitPattern: try reader.word())
    timeoutSeconds = timeout > 0 ? timeout : nil
    guard !arguments.isEmpty else { throw ByteReader.Malformed() }
  }
}

/// How a job ended.
struct JobEnding: Equatable {
  /// Nil when all was well.
  var reason: ProcessFailure.Reason?
  /// The last lines of its log.
  var tail: [String] = []

  /// What a shell's exit status says of the command it ran.
  init(status: Int32, tail: [String] = []) {
    reason = Self.reason(status)
    self.tail = tail
  }

  init(_ failure: ProcessFailure) {
    reason = if case .exited(let code) = failure.reason { Self.reason(code) } else { failure.reason }
    tail = failure.standardErrorTail
  }

  /// 128 + N is how a shell says "ended by signal N".
  private static func reason(_ status: Int32) -> ProcessFailure.Reason? {
    status == 0 ? nil : (129...159).contains(status) ? .signalled(status - 128) : .exited(code: status)
  }

  func encode() -> [UInt8] {
    var writer = ByteWriter()
    writer.text("pipe-exit-1")
    switch reason {
    case nil: writer.text("done")
    case .exited(let code)?:
      writer.text("exited")
      writer.number(Int(code))
    case .signalled(let signal)?:
      writer.text("signalled")
      writer.number(Int(signal))
    case .timedOut(let seconds)?:
      writer.text("timed out")
      writer.word(seconds.bitPattern)
    case let other?:
      writer.text("failed")
      writer.text(ProcessFailure(other).message("its command"))
    }
    writer.number(tail.count)
    for line in tail { writer.text(line) }
    return writer.bytes
  }

  init(decoding bytes: [UInt8]) throws(ByteReader.Malformed) {
    var reader = ByteReader(bytes)
    guard try reader.text() == "pipe-exit-1" else { throw ByteReader.Malformed() }
    switch try reader.text() {
    case "done": reason = nil
    case "exited": reason = .exited(code: Int32(clamping: try reader.number()))
    case "signalled": reason = .signalled(Int32(clamping: try reader.number()))
    case "timed out": reason = .timedOut(seconds: Double(bitPattern: try reader.word()))
    default: reason = .cannotStart(try reader.text())
    }
    for _ in 0..<(try reader.count()) { tail.append(try reader.text()) }
  }
}

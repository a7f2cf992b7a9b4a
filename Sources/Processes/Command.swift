/// A program to run: arguments, environment, working directory. No shell is involved.
public struct Command: Sendable {
  /// A value that must not be kept or shown anywhere, under the name that people know it by.
  public struct Secret: Sendable {
    public let name: String
    public let value: String
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  /// The program and its arguments. A program without `/` is looked up on `PATH`; with one it starts at the working directory.
  public var arguments: [String]
  /// All the environment that the program gets, secrets excepted.
  public var environment: [(name: String, value: String)]
  /// Added to the environment; their values are blotted out of the log and of messages.
  public var secrets: [Secret]
  /// Absolute path of the working directory.
  public var directory: String
  /// A descriptor that the program holds as its descriptor 3 while it lives; -1 for none.
  public var heldDescriptor: Int32 = -1

  public init(arguments: [String], environment: [(name: String, value: String)], secrets: [Secret] = [], directory: String) {
    precondition(!arguments.isEmpty, "a command names a program")
    self.arguments = arguments
    self.environment = environment
    self.secrets = secrets
    self.directory = directory
  }

  /// The program as it was written.
  public var program: String { arguments[0] }

  /// `PATH` as the program sees it.
  var path: String { environment.last { $0.name == "PATH" }?.value ?? HostEnvironment.defaultPath }
}

/// What a run of processes must obey, and who wants to know of them.
public struct Oversight: Sendable {
  /// Seconds after which the process group is ended; nil for never.
  public var timeoutSeconds: Double?
  /// Takes standard error, appended; nil when only its last lines are wanted.
  public var logPath: String?
  /// More than so many bytes are not kept in the log: a process that floods it fills no disk.
  public var maximumLogBytes: Int
  /// Asked several times a second.
  public var isCancelled: @Sendable () -> Bool
  /// A process group has begun. Killing it ends the command and all it started.
  public var started: @Sendable (_ processGroup: Int32) -> Void
  /// The process group has ended.
  public var ended: @Sendable (_ processGroup: Int32) -> Void

  public init(
    timeoutSeconds: Double? = nil, logPath: String? = nil, maximumLogBytes: Int = 64 << 20, isCancelled: @escaping @Sendable () -> Bool = { false },
    started: @escaping @Sendable (Int32) -> Void = { _ in }, ended: @escaping @Sendable (Int32) -> Void = { _ in }
  ) {
    self.timeoutSeconds = timeoutSeconds
    self.logPath = logPath
    self.maximumLogBytes = maximumLogBytes
    self.isCancelled = isCancelled
    self.started = started
    self.ended = ended
  }
}

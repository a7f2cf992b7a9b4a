#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A started command with its pipes, in a process group of its own that cannot outlive us.
///
/// The group's leader is a guard: a shell that waits on a pipe of which only we hold the other end. When this process goes, however
/// it goes (`kill -9` included), the kernel closes that end, and the guard kills its whole group. The command is started into the
/// existing group, so there is no moment at which it runs unguarded; and because the guard is not reaped before the group is
/// killed, the group's number can never belong to somebody else.
final class RunningProcess {
  /// Time between SIGTERM and SIGKILL.
  static let graceSeconds = 2.0
  /// How long output is awaited from processes that left the group, once the command has ended.
  static let drainSeconds = 1.0
  private static let guardScript = "trap '' TERM INT HUP QUIT; read -r _; kill -KILL 0"

  private var oversight: Oversight
  private var log: StandardErrorLog
  private let secrets: [Command.Secret]
  private let group: Int32
  private let pid: Int32
  private var lifeline: Int32
  private var input: Int32
  private var output: Int32
  private var error: Int32
  private var ending: Platform.Ending?
  private var deadline: Double?
  private var buffer = [UInt8](repeating: 0, count: 128 << 10)
  private var isOver = false
  private(set) var inputWasClosedByUs = false

  init(_ command: Command, _ oversight: Oversight) throws(ProcessFailure) {
    if oversight.isCancelled() { throw ProcessFailure(.cancelled) }
    let executable = try ProgramSearch.find(command.program, path: command.path, directory: command.directory)
    self.oversight = oversight
    secrets = command.secrets
    log = StandardErrorLog(path: oversight.logPath, maximumBytes: oversight.maximumLogBytes, secrets: command.secrets)
    deadline = oversight.timeoutSeconds.map { Platform.now() + $0 }

    let life = try Platform.makePipe()
    let guardian = Platform.spawn(
      executable: "/bin/sh", arguments: ["sh", "-c", Self.guardScript], environment: ["PATH=/usr/bin:/bin"], directory: "/", group: 0,
      input: life.read, output: -1, error: -1)
    close(life.read)
    lifeline = life.write
    guard guardian.errno == 0 else {
      close(life.write)
      throw ProcessFailure(.cannotStart("its guard /bin/sh: \(Platform.errorText(guardian.errno))"))
    }
    group = guardian.pid

    var opened: [Int32] = []
    do throws(ProcessFailure) {
      let toChild = try Platform.makePipe()
      opened += [toChild.read, toChild.write]
      let fromChild = try Platform.makePipe()
      opened += [fromChild.read, fromChild.write]
      let errors = try Platform.makePipe()
      opened += [errors.read, errors.write]
      let environment = command.environment.map { "\($0.name)=\($0.value)" } + command.secrets.map { "\($0.name)=\($0.value)" }
      let child = Platform.spawn(
        executable: executable, arguments: command.arguments, environment: environment, directory: command.directory, group: group,
        input: toChild.read, output: fromChild.write, error: errors.write, held: command.heldDescriptor)
      guard child.errno == 0 else { throw ProcessFailure(.cannotStart(Platform.errorText(child.errno))) }
      for end in [toChild.read, fromChild.write, errors.write] { close(end) }
      pid = child.pid
      input = toChild.write
      output = fromChild.read
      error = errors.read
    } catch {
      for end in opened { close(end) }
      kill(-group, SIGKILL)
      close(lifeline)
      _ = Platform.reap(group, blocking: true)
      throw error
    }
    for end in [input, output, error] { Platform.setNonBlocking(end) }
    oversight.started(group)
  }

  deinit { end() }

  /// Lets a process that waits for more input see that there is none, and ends it if it does not take the hint.
  func dismiss() {
    closeInput()
    let giveUp = Platform.now() + Self.graceSeconds
    var pause = 0.0005
    while ending == nil, Platform.now() < giveUp {
      ending = Platform.reap(pid, blocking: false)
      if ending == nil {
        Platform.sleep(seconds: pause)
        pause = min(pause * 2, 0.02)
      }
    }
    end()
  }

  var acceptsInput: Bool { input >= 0 }
  var hasOutput: Bool { output >= 0 }
  var hasEnded: Bool { ending != nil }
  /// Whether it has ended with anything but exit code 0.
  var endedBadly: Bool { ending != nil && ending != .exited(0) }

  func closeInput() {
    if input >= 0 { close(input) }
    input = -1
  }

  /// Ends the command's standard input because we choose to, not because it refused to read.
  func dismissInput() {
    closeInput()
    inputWasClosedByUs = true
  }

  /// What was written and not yet read by the command: it is busy with something else.
  var unreadInputBytes: Int {
    #if canImport(Glibc) || canImport(Darwin)
      var count: Int32 = 0
      return input >= 0 && ioctl(input, UInt(FIONREAD), &count) == 0 ? Int(count) : 0
    #else
      return 0
    #endif
  }

  /// Goes on under another task's watch, with that task's log and time.
  func adopt(_ next: Oversight) {
    if next.logPath != oversight.logPath {
      _ = log.finish()
      log = StandardErrorLog(path: next.logPath, maximumBytes: next.maximumLogBytes, secrets: secrets)
    }
    oversight = next
    deadline = next.timeoutSeconds.map { Platform.now() + $0 }
    next.started(group)
  }

  /// Between two tasks: nobody watches, no clock runs. The guard still does.
  func rest() {
    oversight.ended(group)
    deadline = nil
    oversight.started = { _ in }
    oversight.ended = { _ in }
  }

  /// Waits up to `milliseconds` for something to happen, and lets it: writes what `pending` still holds, gives what came to `read`.
  func turn<Caller: Error>(
    _ pending: inout PendingBytes, milliseconds: Int32 = 100, read: (UnsafeRawBufferPointer) throws(Caller) -> Void
  ) throws(RunFailure<Caller>) {
    var polled: [pollfd] = []
    if input >= 0, !pending.isEmpty { polled.append(pollfd(fd: input, events: Int16(POLLOUT), revents: 0)) }
    if output >= 0 { polled.append(pollfd(fd: output, events: Int16(POLLIN), revents: 0)) }
    if error >= 0 { polled.append(pollfd(fd: error, events: Int16(POLLIN), revents: 0)) }
    if poll(&polled, nfds_t(polled.count), polled.isEmpty ? min(milliseconds, 5) : milliseconds) > 0 {
      for one in polled where one.revents != 0 {
        if one.fd == input {
          writeSome(&pending)
        } else if one.fd == error {
          error = readSome(error) { bytes throws(Never) in log.take(bytes) }
        } else {
          do throws(Caller) { output = try readSome(output, read) } catch { throw .caller(error) }
        }
      }
    }
    do throws(ProcessFailure) { try check() } catch { throw .process(error) }
  }

  /// Ends the group if it may not go on; notes whether the command has ended.
  private func check() throws(ProcessFailure) {
    if ending == nil { ending = Platform.reap(pid, blocking: false) }
    if oversight.isCancelled() {
      end()
      throw ProcessFailure(.cancelled, standardErrorTail: log.finish())
    }
    if let deadline, ending == nil, Platform.now() > deadline {
      end()
      throw ProcessFailure(.timedOut(seconds: oversight.timeoutSeconds ?? 0), standardErrorTail: log.finish())
    }
  }

  private func writeSome(_ pending: inout PendingBytes) {
    let (count, code) = Platform.withoutBrokenPipeSignal {
      pending.withUnsafeBytes { bytes in
        let count = write(input, bytes.baseAddress, bytes.count)
        return (count, errno)
      }
    }
    if count >= 0 {
      pending.drop(count)
    } else if code != EAGAIN, code != EINTR {
      // It has closed its standard input: what it did not want to read is its own business (`head -n 5`).
      closeInput()
      pending.clear()
    }
  }

  /// - Returns: the descriptor, or -1 when the end was reached.
  private func readSome<Caller: Error>(_ descriptor: Int32, _ take: (UnsafeRawBufferPointer) throws(Caller) -> Void) throws(Caller) -> Int32 {
    let count = read(descriptor, &buffer, buffer.count)
    if count > 0 {
      let result = buffer.withUnsafeBytes { bytes -> Result<Void, Caller> in
        do throws(Caller) { return .success(try take(UnsafeRawBufferPointer(rebasing: bytes[..<count]))) } catch { return .failure(error) }
      }
      try result.get()
      return descriptor
    }
    if count < 0, errno == EAGAIN || errno == EINTR { return descriptor }
    close(descriptor)
    return -1
  }

  /// Closes our end of the guard's pipe: what the kernel does when we die.
  func letGo() {
    if lifeline >= 0 { close(lifeline) }
    lifeline = -1
  }

  /// Reads what is left until the command and its output have ended.
  func drain<Caller: Error>(_ read: (UnsafeRawBufferPointer) throws(Caller) -> Void) throws(RunFailure<Caller>) {
    closeInput()
    var nothing = PendingBytes()
    var giveUp: Double?
    while true {
      if ending != nil, giveUp == nil {
        // What the command left behind in its group ends with it, so that its pipes close.
        giveUp = Platform.now() + Self.drainSeconds
        kill(-group, SIGKILL)
      }
      if ending != nil, output < 0, error < 0 { return }
      if let giveUp, Platform.now() > giveUp { return }
      try turn(&nothing, milliseconds: ending == nil ? 20 : 5, read: read)
    }
  }

  /// Ends everything, and says how the command ended.
  /// - Throws: when it did not end with exit code 0.
  func finish() throws(ProcessFailure) {
    let ending = ending
    end()
    let tail = log.finish()
    switch ending {
    case .exited(0)?: return
    case .exited(let code)?: throw ProcessFailure(.exited(code: code), standardErrorTail: tail)
    case .signalled(let signal)?: throw ProcessFailure(.signalled(signal), standardErrorTail: tail)
    case nil: throw ProcessFailure(.cancelled, standardErrorTail: tail)
    }
  }

  /// The last lines of standard error, once everything has ended.
  func tail() -> [String] { log.finish() }

  /// Ends the whole group: politely, then not. Idempotent.
  func end() {
    guard !isOver else { return }
    isOver = true
    for end in [input, output] where end >= 0 { close(end) }
    input = -1
    output = -1
    if ending == nil {
      kill(-group, SIGTERM)
      let giveUp = Platform.now() + Self.graceSeconds
      var pause = 0.0005
      while ending == nil, Platform.now() < giveUp {
        ending = Platform.reap(pid, blocking: false)
        if ending == nil {
          if error >= 0 { error = readSome(error) { bytes throws(Never) in log.take(bytes) } }
          Platform.sleep(seconds: pause)
          pause = min(pause * 2, 0.02)
        }
      }
    }
    if error >= 0 {
      // The last words of the command; non-blocking, so nobody is waited for.
      for _ in 0..<64 where error >= 0 {
        let before = error
        var something = false
        error = readSome(error) { bytes throws(Never) in
          something = true
          log.take(bytes)
        }
        if before == error, !something { break }
      }
      if error >= 0 { close(error) }
      error = -1
    }
    kill(-group, SIGKILL)
    letGo()
    if ending == nil { ending = Platform.reap(pid, blocking: true) }
    _ = Platform.reap(group, blocking: true)
    oversight.ended(group)
  }
}

/// Bytes on their way into a pipe.
struct PendingBytes {
  private var bytes: [UInt8] = []
  private var at = 0

  init(_ bytes: [UInt8] = []) { self.bytes = bytes }

  var isEmpty: Bool { at == bytes.count }

  mutating func drop(_ count: Int) {
    at += count
    if at == bytes.count { clear() }
  }

  mutating func clear() {
    bytes.removeAll(keepingCapacity: true)
    at = 0
  }

  func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[at...])) }
  }
}

import Testing

@testable import Processes

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

func shell(_ script: String, secrets: [Command.Secret] = []) -> Command {
  Command(arguments: ["/bin/sh", "-c", script], environment: HostEnvironment.base(), secrets: secrets, directory: "/")
}

func output(_ script: String, _ oversight: Oversight = Oversight()) throws -> String {
  String(decoding: try ProcessRunner(shell(script), oversight).collect(maximumBytes: 1 << 20), as: UTF8.self)
}

func failure(_ script: String, _ oversight: Oversight = Oversight()) -> ProcessFailure? {
  do throws(ProcessFailure) {
    _ = try ProcessRunner(shell(script), oversight).collect(maximumBytes: 1 << 20)
    return nil
  } catch { return error }
}

func scratchFile() -> String {
  var name = Array("/tmp/pipe-processes-XXXXXX".utf8CString)
  let file = mkstemp(&name)
  close(file)
  return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

func contents(_ path: String) -> String {
  guard let file = fopen(path, "r") else { return "" }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  while case let byte = getc(file), byte != EOF { bytes.append(UInt8(byte)) }
  return String(decoding: bytes, as: UTF8.self)
}

/// Whether a process exists (a zombie does not count as one).
func isAlive(_ pid: Int32) -> Bool {
  guard kill(pid, 0) == 0 else { return false }
  let status = contents("/proc/\(pid)/stat")
  return status.isEmpty ? true : !status.contains(") Z ")
}

/// Waits until something holds, at most five seconds.
func eventually(_ condition: () -> Bool) -> Bool {
  for _ in 0..<500 {
    if condition() { return true }
    usleep(10_000)
  }
  return condition()
}

@Suite struct ProcessRunnerTests {
  @Test func collectsOutput() throws {
    #expect(try output("printf 'a\\nb'") == "a\nb")
    #expect(try output("true") == "")
  }

  @Test func givesOnlyTheEnvironmentItIsTold() throws {
    var command = shell("env | grep -v '^_=' | grep -v '^PWD=' | sort")
    command.environment = [("PATH", "/usr/bin:/bin"), ("TZ", "UTC")]
    let printed = try ProcessRunner(command).collect(maximumBytes: 10_000)
    #expect(String(decoding: printed, as: UTF8.self) == "PATH=/usr/bin:/bin\nTZ=UTC\n")
  }

  @Test func runsInItsDirectory() throws { #expect(try output("pwd") == "/\n") }

  @Test func saysHowACommandEnded() {
    #expect(failure("echo one >&2; echo two >&2; exit 3") == ProcessFailure(.exited(code: 3), standardErrorTail: ["one", "two"]))
    #expect(failure("kill -SEGV $$")?.reason == .signalled(11))
    #expect(failure("no-such-program-here")?.reason == .exited(code: 127))
    #expect(ProcessFailure(.exited(code: 3)).message("ask.py") == "`ask.py` ended with exit code 3")
    #expect(ProcessFailure(.signalled(9)).message("ask.py") == "`ask.py` was ended by SIGKILL")
  }

  @Test func namesThePathThatHasNoSuchProgram() {
    var command = Command(arguments: ["pipe-has-no-such-program"], environment: [("PATH", "/usr/bin:/bin")], directory: "/")
    #expect(throws: ProcessFailure(.notFound(program: "pipe-has-no-such-program", path: "/usr/bin:/bin"))) {
      _ = try ProcessRunner(command).collect(maximumBytes: 10)
    }
    #expect(
      ProcessFailure(.notFound(program: "x", path: "/usr/bin:/bin")).message("x") == "the program `x` is not on PATH (/usr/bin:/bin)")
    command.arguments = ["etc/passwd"]
    #expect(throws: ProcessFailure(.notExecutable("etc/passwd"))) { _ = try ProcessRunner(command).collect(maximumBytes: 10) }
    command.arguments = ["./nowhere"]
    #expect(throws: ProcessFailure(.notFound(program: "./nowhere", path: nil))) { _ = try ProcessRunner(command).collect(maximumBytes: 10) }
  }

  @Test(arguments: [1, 1000, 65_536, 1_000_003]) func streamsBothWaysWithoutDeadlock(blockBytes: Int) throws {
    // `cat` answers while it is still being asked: a writer that waits for its reader would hang on any pipe's capacity.
    let total = blockBytes == 1 ? 5000 : 6_000_000
    var sent = 0
    var received = 0
    var sum: UInt64 = 0
    try ProcessRunner(shell("cat")).run(
      input: { () throws(Never) in
        guard sent < total else { return nil }
        let count = min(blockBytes, total - sent)
        defer { sent += count }
        return (sent..<(sent + count)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      },
      output: { bytes throws(Never) in
        for byte in bytes {
          if byte != UInt8(truncatingIfNeeded: received &* 31) { sum += 1 }
          received += 1
        }
      })
    #expect(received == total)
    #expect(sum == 0)
  }

  @Test func aCommandMayStopReading() throws {
    var blocks = 0
    var printed: [UInt8] = []
    try ProcessRunner(shell("head -c 3")).run(
      input: { () throws(Never) in
        blocks += 1
        return blocks <= 1000 ? [UInt8](repeating: 65, count: 100_000) : nil
      },
      output: { bytes throws(Never) in printed += bytes })
    #expect(printed == [65, 65, 65])
    #expect(blocks < 1000)
  }

  @Test func endsACommandThatTakesTooLong() {
    let started = Platform.now()
    #expect(failure("echo before >&2; sleep 60", Oversight(timeoutSeconds: 0.3)) == ProcessFailure(.timedOut(seconds: 0.3), standardErrorTail: ["before"]))
    #expect(Platform.now() - started < 5)
    // One that ignores the polite signal is killed.
    #expect(failure("trap '' TERM; while :; do sleep 1; done", Oversight(timeoutSeconds: 0.2))?.reason == .timedOut(seconds: 0.2))
    #expect(Platform.now() - started < 15)
  }

  @Test func endsACommandOnCancellation() {
    let start = Platform.now()
    #expect(failure("sleep 60", Oversight(isCancelled: { Platform.now() - start > 0.3 }))?.reason == .cancelled)
    #expect(Platform.now() - start < 5)
  }

  @Test func endsACommandThatFloods() {
    #expect(failure("yes")?.reason == .lineTooLong(limitBytes: 1 << 20))
  }

  @Test func takesWhatItStartedWithIt() throws {
    // A background child keeps standard output open: the run neither waits for it nor leaves it behind.
    let start = Platform.now()
    let printed = try output("sleep 300 & echo $!")
    let pid = try #require(Int32(printed.dropLast()))
    #expect(Platform.now() - start < 5)
    #expect(eventually { !isAlive(pid) })
  }

  @Test func tellsItsWatchOfTheGroup() throws {
    final class Seen: @unchecked Sendable { var groups: [Int32] = [] }
    let seen = Seen()
    let printed = try output(
      "ps -o pgid= -p $$ 2>/dev/null || echo", Oversight(started: { seen.groups.append($0) }, ended: { seen.groups.append(-$0) }))
    #expect(seen.groups.count == 2)
    #expect(seen.groups[0] == -seen.groups[1])
    if let group = Int32(printed.filter(\.isNumber)) { #expect(group == seen.groups[0]) }
  }

  @Test func blotsSecretsOutOfLogAndMessages() throws {
    let log = scratchFile()
    defer { unlink(log) }
    let secret = Command.Secret(name: "API_KEY", value: "s3cr3t-value")
    let command = shell("printf 'key %s' \"$API_KEY\" >&2; printf ' s3cr3t-' >&2; sleep 0.2; printf 'value s3cr3t-valu\\n' >&2; exit 1", secrets: [secret])
    #expect(throws: ProcessFailure(.exited(code: 1), standardErrorTail: ["key <API_KEY> <API_KEY> s3cr3t-valu"])) {
      _ = try ProcessRunner(command, Oversight(logPath: log)).collect(maximumBytes: 10)
    }
    #expect(contents(log) == "key <API_KEY> <API_KEY> s3cr3t-valu\n")
    #expect(Redaction.apply([secret], to: "a s3cr3t-value b") == "a <API_KEY> b")
  }

  @Test func keepsTheLogAcrossRuns() throws {
    let log = scratchFile()
    defer { unlink(log) }
    _ = try output("echo one >&2", Oversight(logPath: log))
    _ = try output("echo two >&2", Oversight(logPath: log))
    #expect(contents(log) == "one\ntwo\n")
  }

  @Test func runsManyAtOnce() async throws {
    // Pipe ends that leak into a sibling would keep that sibling's neighbour waiting for the end of its input.
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<24 {
        group.addTask {
          var first = true
          var printed: [UInt8] = []
          try ProcessRunner(shell("cat; sleep 0.05")).run(
            input: { () throws(Never) in
              defer { first = false }
              return first ? Array("\(number)".utf8) : nil
            }, output: { bytes throws(Never) in printed += bytes })
          return printed == Array("\(number)".utf8)
        }
      }
      for try await same in group { #expect(same) }
    }
  }

  @Test func nothingOutlivesUs() throws {
    let file = scratchFile()
    defer { unlink(file) }
    let process = try RunningProcess(shell("trap '' TERM HUP; (trap '' TERM HUP; sleep 300) & echo $! $$ > \(file); wait"), Oversight())
    #expect(eventually { contents(file).contains("\n") })
    let pids = contents(file).split(whereSeparator: { !$0.isNumber }).compactMap { Int32($0) }
    #expect(pids.count == 2)
    #expect(pids.allSatisfy(isAlive))
    // As the kernel does for a process that was killed: the only other end of the guard's pipe is closed.
    process.letGo()
    #expect(eventually { pids.allSatisfy { !isAlive($0) } })
    process.end()
  }

  @Test func readsAToolsVersion() throws {
    let folder = scratchFile()
    unlink(folder)
    mkdir(folder, 0o755)
    defer { _ = try? output("rm -r \(folder)") }
    _ = try output("printf '#!/bin/sh\necho tool 1.2 >&2; echo; echo\n' > \(folder)/tool; chmod +x \(folder)/tool")
    #expect(try ToolVersion.read("tool", path: folder + ":/bin:/usr/bin", directory: "/") == "tool 1.2")
  }
}

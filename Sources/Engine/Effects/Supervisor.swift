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

/// Runs a submitted command from start to end, whatever becomes of the `pipe` that submitted it.
///
/// It holds the job's lock, and so does the shell around the command: as long as anything of the job lives the lock is held, and when
/// it is free, the files say for certain how far the job came. Any number of supervisors may be started for one job: the lock lets one
/// work, and none works on a job that was ever started.
public enum Supervisor {
  /// More than so much is nobody's reading.
  private static let maximumLogBytes = 16 << 20

  /// Marks that it runs, runs the command on the files it is given, writes the status down. Descriptor 3 is the lock, which the command
  /// itself must not inherit: something it leaves behind would hold it.
  private static let shell = """
    : >"$0/started" || exit 126
    in=$1 out=$2; shift 2
    if [ -n "$out" ]; then "$@" <"$in" >"$out" 3>&-; else "$@" <"$in" 1>&2 3>&-; fi
    code=$?
    echo "$code" >"$0/ended"
    exit "$code"
    """

  /// Runs the job of a folder in a process that was started for nothing else.
  public static func main(_ path: String) -> Int32 {
    // Whoever started `pipe` may wait until its pipes are closed: nothing that outlives the run may hold them.
    for name in Workspace.names(in: "/dev/fd") { if let descriptor = Int32(name), descriptor > 2 { close(descriptor) } }
    return run(path)
  }

  /// Runs the job of a folder; returns when it has ended, or at once when it is none of ours.
  /// - Parameter secrets: their values; without them, the environment's.
  /// - Returns: an exit status for the supervisor's own process.
  public static func run(_ path: String, secrets: [Command.Secret]? = nil) -> Int32 {
    let folder = JobFolder(path)
    let lock = open(folder.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard lock >= 0 else { return 1 }
    defer { close(lock) }
    // Whoever looks whether the lock is held holds it for that moment: one refusal does not say that another supervisor is at work.
    var attempts = 0
    while flock(lock, LOCK_EX | LOCK_NB) != 0 {
      attempts += 1
      guard attempts < 50 else { return 0 }
      usleep(2_000)
    }
    for mark in [folder.exit, folder.ended, folder.started] where Workspace.exists(mark) { return 0 }
    guard case .success(let bytes) = Workspace.read(folder.spec), let spec = try? JobSpec(decoding: bytes) else { return 1 }
    CrashPoint.reach(.supervisorHandle)
    do throws(StoreError) {
      try AtomicFile.write(folder.handle, Array("\(getpid())\n\(LocalJob.bootID)\n".utf8), sync: true)
    } catch { return 1 }
    CrashPoint.reach(.supervisorStart)
    let ending = runCommand(spec, folder, lock, secrets ?? spec.secrets.compactMap { name in HostEnvironment.value(name).map { .init(name: name, value: $0) } })
    CrashPoint.reach(.supervisorExit)
    do throws(StoreError) { try AtomicFile.write(folder.exit, ending.encode(), sync: true) } catch { return 1 }
    return 0
  }

  private static func runCommand(_ spec: JobSpec, _ folder: JobFolder, _ lock: Int32, _ secrets: [Command.Secret]) -> JobEnding {
    do throws(ProcessFailure) {
      let path = spec.environment.last { $0.name == "PATH" }?.value ?? "/usr/bin:/bin"
      // Its file, not its name: the shell would run a built-in of that name.
      let program = try ProgramSearch.find(spec.arguments[0], path: path, directory: spec.directory)
      var command = Command(
        arguments: ["/bin/sh", "-c", shell, folder.path, spec.input ?? "/dev/null", spec.output ?? "", program] + spec.arguments.dropFirst(),
        environment: spec.environment, secrets: secrets, directory: spec.directory)
      command.heldDescriptor = lock
      _ = try ProcessRunner(command, Oversight(timeoutSeconds: spec.timeoutSeconds, logPath: folder.logPath, maximumLogBytes: maximumLogBytes)).collect(
        maximumBytes: 1 << 20)
      return JobEnding(status: 0)
    } catch { return JobEnding(error) }
  }
}

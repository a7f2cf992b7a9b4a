#if canImport(Glibc)
  internal import CSpawn
  internal import Glibc
#elseif canImport(Musl)
  internal import CSpawn
  internal import Musl
#else
  internal import Darwin
#endif

/// The operating system's calls, with errors as values.
enum Platform {
  /// A pipe whose ends no other child inherits.
  static func makePipe() throws(ProcessFailure) -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    #if os(Linux)
      let failed = pipe2(&ends, O_CLOEXEC) != 0
    #else
      // Darwin has no pipe2; POSIX_SPAWN_CLOEXEC_DEFAULT in `spawn` keeps the ends from other children there.
      let failed = pipe(&ends) != 0
    #endif
    if failed { throw ProcessFailure(.cannotStart("no pipe: \(errorText(errno))")) }
    return (ends[0], ends[1])
  }

  static func setNonBlocking(_ descriptor: Int32) { _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) }

  static func errorText(_ code: Int32) -> String { String(cString: strerror(code)) }

  /// Seconds on a clock that never jumps.
  static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Starts a program.
  /// - Parameters:
  ///   - group: the process group to join, 0 for one of its own.
  ///   - held: becomes its descriptor 3.
  ///   - isDetached: in a session of its own, so that no terminal's signals reach it.
  static func spawn(
    executable: String, arguments: [String], environment: [String], directory: String, group: Int32, input: Int32, output: Int32,
    error: Int32, held: Int32 = -1, isDetached: Bool = false
  ) -> (pid: Int32, errno: Int32) {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
    #else
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_addchdir_np(&actions, directory)
    for (from, to) in [(input, Int32(0)), (output, 1), (error, 2)] {
      if from >= 0 {
        posix_spawn_file_actions_adddup2(&actions, from, to)
      } else {
        posix_spawn_file_actions_addopen(&actions, to, "/dev/null", O_RDWR, 0)
      }
    }
    if held >= 0 { posix_spawn_file_actions_adddup2(&actions, held, 3) }
    // The child starts with the signals a shell would give it, whatever this thread blocks or ignores.
    var none = sigset_t()
    sigemptyset(&none)
    var usual = sigset_t()
    sigemptyset(&usual)
    for signal in [SIGPIPE, SIGXFSZ, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD] { sigaddset(&usual, signal) }
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &usual)
    posix_spawnattr_setpgroup(&attributes, group)
    var flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
    #if canImport(Darwin)
      flags |= isDetached ? Int32(POSIX_SPAWN_SETSID) : Int32(POSIX_SPAWN_SETPGROUP)
    #else
      flags |= isDetached ? Int32(pipe_spawn_setsid) : Int32(POSIX_SPAWN_SETPGROUP)
    #endif
    #if canImport(Darwin)
      flags |= Int32(POSIX_SPAWN_CLOEXEC_DEFAULT)
    #endif
    posix_spawnattr_setflags(&attributes, Int16(flags))

    var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) }
    defer { for pointer in argv + envp { free(pointer) } }
    argv.append(nil)
    envp.append(nil)
    var pid: pid_t = 0
    let code = posix_spawn(&pid, executable, &actions, &attributes, argv, envp)
    return (pid, code)
  }

  /// How a child ended, if it has.
  static func reap(_ pid: Int32, blocking: Bool) -> Ending? {
    var status: Int32 = 0
    var found: Int32
    repeat { found = waitpid(pid, &status, blocking ? 0 : WNOHANG) } while found < 0 && errno == EINTR
    guard found == pid else { return found < 0 ? .exited(0) : nil }
    let signal = status & 0x7F
    return signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
  }

  enum Ending: Equatable {
    case exited(Int32)
    case signalled(Int32)
  }

  static func sleep(seconds: Double) { usleep(UInt32(seconds * 1e6)) }

  /// Runs `body` with SIGPIPE held back on this thread: a child that stops reading is an answer (EPIPE), not the end of us.
  static func withoutBrokenPipeSignal<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    var broken = sigset_t()
    sigemptyset(&broken)
    sigaddset(&broken, SIGPIPE)
    var before = sigset_t()
    pthread_sigmask(SIG_BLOCK, &broken, &before)
    defer {
      // One that came while blocked would otherwise strike as soon as the mask is lifted.
      if sigismember(&before, SIGPIPE) == 0 {
        var pending = sigset_t()
        sigpending(&pending)
        if sigismember(&pending, SIGPIPE) == 1 {
          var signal: Int32 = 0
          sigwait(&broken, &signal)
        }
      }
      pthread_sigmask(SIG_SETMASK, &before, nil)
    }
    return try body()
  }
}

import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Ctrl-C and `kill`: the first ends a run cleanly, the second ends the program at once.
enum Interrupts {
  // Signal handlers may touch nothing else: the write end of a pipe, and the first signal's number.
  nonisolated(unsafe) private static var wakeUp: Int32 = -1
  private static let received = Atomic<Int32>(0)

  /// The signal that asked to stop, if one did.
  static var signal: Int32? {
    let number = received.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }

  /// Calls `action` on a thread of its own when the first signal arrives.
  static func onFirst(_ action: @escaping @Sendable (Int32) -> Void) {
    var ends: [Int32] = [-1, -1]
    guard wakeUp < 0, pipe(&ends) == 0 else { return }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let readEnd = ends[0]
    wakeUp = ends[1]
    BackgroundThread.start {
      var byte: UInt8 = 0
      while true {
        let count = read(readEnd, &byte, 1)
        if count < 0, errno == EINTR { continue }
        if count == 1 { action(Int32(byte)) }
        return
      }
    }
    // Whoever started us may have had signals blocked (thread pools do), and the mask is inherited.
    var asked = sigset_t()
    sigemptyset(&asked)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&asked, number) }
    pthread_sigmask(SIG_UNBLOCK, &asked, nil)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      // `nohup` has asked that hanging up be ignored.
      var before = sigaction()
      if sigaction(number, nil, &before) == 0, isIgnored(before) { continue }
      _ = systemSignal(number) { number in
        let (isFirst, _) = Interrupts.received.compareExchange(expected: 0, desired: number, ordering: .relaxed)
        if !isFirst { _exit(128 + number) }
        var byte = UInt8(truncatingIfNeeded: number)
        let saved = errno
        _ = write(Interrupts.wakeUp, &byte, 1)
        errno = saved
      }
    }
  }

  private static func isIgnored(_ action: sigaction) -> Bool {
    #if canImport(Darwin)
      unsafeBitCast(action.__sigaction_u.__sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    #else
      unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    #endif
  }
}

private func systemSignal(_ number: Int32, _ handler: @escaping @convention(c) (Int32) -> Void) -> (@convention(c) (Int32) -> Void)? { signal(number, handler) }

/// A thread that nobody waits for.
enum BackgroundThread {
  private final class Start {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  static func start(_ body: @escaping @Sendable () -> Void) {
    let start = Unmanaged.passRetained(Start(body))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    #if canImport(Darwin)
      var thread: pthread_t?
      pthread_create(
        &thread, &attributes,
        { argument in
          Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
          return nil
        }, start.toOpaque())
    #else
      var thread = pthread_t()
      pthread_create(
        &thread, &attributes,
        { argument in
          Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue().body()
          return nil
        }, start.toOpaque())
    #endif
    pthread_attr_destroy(&attributes)
  }
}

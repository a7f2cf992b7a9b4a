#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A lock with one condition: what the scheduler's worker threads meet at.
final class Monitor: @unchecked Sendable {
  // Pointers, because a pthread object must not move.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init() {
    precondition(pthread_mutex_init(mutex, nil) == 0, "a mutex can be made")
    precondition(pthread_cond_init(condition, nil) == 0, "a condition can be made")
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Runs `body` alone.
  func locked<R>(_ body: () throws -> R) rethrows -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Lets others in until ``wakeAll()``; only inside ``locked(_:)``.
  func wait() { pthread_cond_wait(condition, mutex) }

  func wakeAll() { pthread_cond_broadcast(condition) }
}

/// Threads that run the same loop and are joined before anything else goes on.
enum WorkerThreads {
  private final class Start {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  /// Runs `body` on `count` threads of their own and returns when all have ended.
  ///
  /// Not the cooperative pool: tasks block on files and processes, which that pool may not.
  static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let threads = started(count, body)
    for thread in threads { pthread_join(thread, nil) }
  }

  /// Runs `body` on a thread that nobody waits for.
  static func start(_ body: @escaping @Sendable () -> Void) {
    for thread in started(1, { _ in body() }) { pthread_detach(thread) }
  }

  private static func started(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) -> [pthread_t] {
    var threads: [pthread_t] = []
    for index in 0..<count {
      let start = Unmanaged.passRetained(Start { body(index) })
      var attributes = pthread_attr_t()
      pthread_attr_init(&attributes)
      // Deep templates and deep JSON recurse; the default of secondary threads is 512 KiB on macOS.
      pthread_attr_setstacksize(&attributes, 8 << 20)
      #if canImport(Darwin)
        var thread: pthread_t?
      #else
        var thread = pthread_t()
      #endif
      let status = pthread_create(
        &thread, &attributes,
        { argument in
          #if canImport(Darwin)
            Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
          #else
            Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue().body()
          #endif
          return nil
        }, start.toOpaque())
      pthread_attr_destroy(&attributes)
      precondition(status == 0, "a thread can be started")
      #if canImport(Darwin)
        threads.append(thread!)
      #else
        threads.append(thread)
      #endif
    }
    return threads
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How long the program has been at work: what somebody who waits for it sees, the reading of the manifest included.
enum Elapsed {
  private static let start = now()

  /// Called first thing.
  static func begin() { _ = start }

  /// Since ``begin()``.
  static var seconds: Double { Double(now() &- start) / 1e9 }

  static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}

internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A lock between processes (and between threads) that ends with its holder, however the holder ends.
///
/// `flock` on a small file: the kernel releases it with the last descriptor, children do not inherit it, and the file itself says
/// who holds it, for the message to whoever waits.
public final class FileLock: Sendable {
  public enum Mode: Sendable { case shared, exclusive }

  /// Who holds a lock.
  public struct Holder: Sendable, Equatable, CustomStringConvertible {
    public let process: Int32
    public let command: String

    public var description: String { "process \(process) (`\(command)`)" }
  }

  public let path: String
  private let descriptor: Mutex<Int32>
  private let removesFile: Bool

  private init(path: String, descriptor: Int32, removesFile: Bool) {
    self.path = path
    self.descriptor = Mutex(descriptor)
    self.removesFile = removesFile
  }

  deinit { release() }

  /// Takes the lock if nobody holds it, else answers nil at once.
  ///
  /// - Parameters:
  ///   - command: what the holder is doing, shown to those who wait.
  ///   - removesFile: remove the file with the lock; for locks of which there are many, such as one per action.
  public static func tryAcquire(
    _ path: String, _ mode: Mode = .exclusive, command: String, removesFile: Bool = false, disk: Disk = .real
  ) throws(StoreError) -> FileLock? {
    while true {
      let descriptor: Int32
      do throws(StoreError) { descriptor = try disk.create(path, O_RDWR, mode: 0o666) } catch {
        guard error.kind == .missing else { throw error }
        try disk.makeDirectory(AtomicFile.split(path).directory)
        descriptor = try disk.create(path, O_RDWR, mode: 0o666)
      }
      while flock(descriptor, (mode == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 {
        let code = errno
        if code == EINTR { continue }
        close(descriptor)
        if code == EWOULDBLOCK { return nil }
        throw StoreError("lock", path, code: code)
      }
      // A holder that removes its file may have done so between our open and our lock: then we hold a lock nobody sees.
      guard let here = try? Files.status(descriptor, path), let there = Files.status(path), here.st_ino == there.st_ino,
        here.st_dev == there.st_dev
      else {
        close(descriptor)
        continue
      }
      let lock = FileLock(path: path, descriptor: descriptor, removesFile: removesFile && mode == .exclusive)
      if mode == .exclusive { lock.sign(command) }
      return lock
    }
  }

  /// Takes the lock, waiting while others hold it.
  ///
  /// - Parameter whileWaiting: called between attempts, some twenty times a second, with the holder if it is known; false gives up,
  ///   and the answer is nil.
  public static func acquire(
    _ path: String, _ mode: Mode = .exclusive, command: String, removesFile: Bool = false, disk: Disk = .real,
    whileWaiting: (Holder?) -> Bool = { _ in true }
  ) throws(StoreError) -> FileLock? {
    // Attempts rather than a blocking call: a waiter must be able to stop, and to tell the person whom it waits for.
    var pauseMicroseconds: UInt32 = 500
    while true {
      if let lock = try tryAcquire(path, mode, command: command, removesFile: removesFile, disk: disk) { return lock }
      guard whileWaiting(holder(of: path)) else { return nil }
      usleep(pauseMicroseconds)
      pauseMicroseconds = min(pauseMicroseconds * 2, 50_000)
    }
  }

  /// Who holds the lock for itself alone right now, or nil when nobody does or nobody signed.
  public static func holder(of path: String) -> Holder? {
    guard let descriptor = try? Files.open(path) else { return nil }
    defer { close(descriptor) }
    if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
    var bytes = [UInt8](repeating: 0, count: 4096)
    guard let count = try? bytes.withUnsafeMutableBytes({ try Files.read(descriptor, into: $0, path) }) else { return nil }
    let text = String(decoding: bytes[..<count], as: UTF8.self)
    let parts = text.split(separator: "\n", maxSplits: 1)
    guard parts.count == 2, let process = Int32(parts[0]) else { return nil }
    return Holder(process: process, command: String(parts[1].prefix { $0 != "\n" }))
  }

  /// Whether someone holds the lock right now.
  public static func isHeld(_ path: String) -> Bool {
    guard let descriptor = try? Files.open(path) else { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }

  /// Gives the lock back. Doing it twice is fine.
  public func release() {
    descriptor.withLock { descriptor in
      guard descriptor >= 0 else { return }
      if removesFile { unlink(path) }
      close(descriptor)
      descriptor = -1
    }
  }

  // A note for people only: nothing is decided by it, so a failure to write it is no failure.
  private func sign(_ command: String) {
    let line = "\(getpid())\n\(command.prefix(2000))\n"
    descriptor.withLock { descriptor in
      _ = ftruncate(descriptor, 0)
      _ = line.withCString { pwrite(descriptor, $0, line.utf8.count, 0) }
    }
  }
}

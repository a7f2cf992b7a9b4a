#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The only door through which this module changes the disk, so that a test can make any single change fail.
///
/// In production there is no hook and the cost is one comparison with nil per system call.
public struct Disk: Sendable {
  /// One change to the disk, named as error messages name it.
  public enum Operation: String, Sendable {
    case makeDirectory = "create the directory"
    case create = "create"
    case write = "write"
    case sync = "sync"
    case rename = "rename"
    case remove = "remove"
    case touch = "touch"
    case truncate = "shorten"
  }

  /// How an operation is made to fail.
  public enum Fault: Sendable {
    /// The call does nothing and reports this `errno`.
    case fail(Int32)
    /// A write lets half of its bytes through and then reports this `errno`; other operations do nothing and report it.
    case halfWritten(Int32)
  }

  /// Asked before every operation; an answer makes it fail.
  public typealias FaultHook = @Sendable (_ operation: Operation, _ path: String) -> Fault?

  private let hook: FaultHook?

  /// A disk whose operations fail when the hook says so.
  public init(hook: FaultHook? = nil) { self.hook = hook }

  /// The disk as it is.
  public static let real = Disk()

  private func check(_ operation: Operation, _ path: String) throws(StoreError) {
    guard let hook, let fault = hook(operation, path) else { return }
    switch fault {
    case .fail(let code), .halfWritten(let code): throw StoreError(operation.rawValue, path, code: code)
    }
  }

  /// Creates a directory and the ones above it; one that is there already is fine.
  func makeDirectory(_ path: String) throws(StoreError) {
    try check(.makeDirectory, path)
    if mkdir(path, 0o777) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
      throw StoreError(Operation.makeDirectory.rawValue, path)
    }
    try makeDirectory(String(path[..<slash]))
    if mkdir(path, 0o777) != 0 && errno != EEXIST { throw StoreError(Operation.makeDirectory.rawValue, path) }
  }

  /// Opens a file for writing and returns its descriptor, which no child process inherits.
  func create(_ path: String, _ flags: Int32, mode: mode_t) throws(StoreError) -> Int32 {
    try check(.create, path)
    while true {
      let descriptor = open(path, flags | O_CREAT | O_CLOEXEC, mode)
      if descriptor >= 0 { return descriptor }
      if errno != EINTR { throw StoreError(Operation.create.rawValue, path) }
    }
  }

  /// Writes all the bytes; `written` counts what reached the file, also when it throws.
  func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, _ path: String, written: inout Int) throws(StoreError) {
    var limit = bytes.count
    var fault: Int32 = 0
    if let hook, let answer = hook(.write, path) {
      switch answer {
      case .fail(let code): throw StoreError(Operation.write.rawValue, path, code: code)
      case .halfWritten(let code): (limit, fault) = (limit / 2, code)
      }
    }
    var done = 0
    while done < limit {
      #if canImport(Glibc)
        let count = Glibc.write(descriptor, bytes.baseAddress! + done, limit - done)
      #elseif canImport(Musl)
        let count = Musl.write(descriptor, bytes.baseAddress! + done, limit - done)
      #else
        let count = Darwin.write(descriptor, bytes.baseAddress! + done, limit - done)
      #endif
      if count < 0 {
        if errno == EINTR { continue }
        throw StoreError(Operation.write.rawValue, path)
      }
      done += count
      written += count
    }
    if fault != 0 { throw StoreError(Operation.write.rawValue, path, code: fault) }
  }

  /// Writes all the bytes.
  func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, _ path: String) throws(StoreError) {
    var written = 0
    try write(descriptor, bytes, path, written: &written)
  }

  /// Waits until the file's bytes are on the device.
  func sync(_ descriptor: Int32, _ path: String) throws(StoreError) {
    try check(.sync, path)
    while fsync(descriptor) != 0 {
      if errno != EINTR { throw StoreError(Operation.sync.rawValue, path) }
    }
  }

  /// Waits until the names in a directory are on the device.
  func syncDirectory(_ path: String) throws(StoreError) {
    try check(.sync, path)
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StoreError("open", path) }
    defer { close(descriptor) }
    // Some file systems cannot sync a directory and say EINVAL; they order names by themselves.
    if fsync(descriptor) != 0 && errno != EINVAL { throw StoreError(Operation.sync.rawValue, path) }
  }

  /// Moves a file over another in one step.
  func rename(_ from: String, to: String) throws(StoreError) {
    try check(.rename, to)
    #if canImport(Glibc)
      let result = Glibc.rename(from, to)
    #elseif canImport(Musl)
      let result = Musl.rename(from, to)
    #else
      let result = Darwin.rename(from, to)
    #endif
    if result != 0 { throw StoreError(Operation.rename.rawValue, to) }
  }

  /// Removes a file; one that is gone already is fine.
  func remove(_ path: String) throws(StoreError) {
    try check(.remove, path)
    if unlink(path) != 0 && errno != ENOENT { throw StoreError(Operation.remove.rawValue, path) }
  }

  /// Removes an empty directory; false when it is not empty or not there.
  @discardableResult
  func removeDirectory(_ path: String) throws(StoreError) -> Bool {
    try check(.remove, path)
    return rmdir(path) == 0
  }

  /// Cuts an open file to a length.
  func truncate(_ descriptor: Int32, to length: Int, _ path: String) throws(StoreError) {
    try check(.truncate, path)
    if ftruncate(descriptor, off_t(length)) != 0 { throw StoreError(Operation.truncate.rawValue, path) }
  }

  /// Sets a file's modification time to now.
  func touch(_ path: String) throws(StoreError) {
    try check(.touch, path)
    if utimensat(AT_FDCWD, path, nil, 0) != 0 { throw StoreError(Operation.touch.rawValue, path) }
  }
}

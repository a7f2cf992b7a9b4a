#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Reading from the disk: plain calls, as nothing that only reads can leave a mess behind.
enum Files {
  /// The file's status, or nil when there is no such file.
  static func status(_ path: String) -> stat? {
    var status = stat()
    return stat(path, &status) == 0 ? status : nil
  }

  /// The status of an open file.
  static func status(_ descriptor: Int32, _ path: String) throws(StoreError) -> stat {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw StoreError("examine", path) }
    return status
  }

  /// Whether a name is there, be it a link that leads nowhere.
  static func isThere(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// A descriptor for reading, or nil when there is no such file.
  static func open(_ path: String) throws(StoreError) -> Int32? {
    while true {
      #if canImport(Glibc)
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
      #elseif canImport(Musl)
        let descriptor = Musl.open(path, O_RDONLY | O_CLOEXEC)
      #else
        let descriptor = Darwin.open(path, O_RDONLY | O_CLOEXEC)
      #endif
      if descriptor >= 0 { return descriptor }
      if errno == ENOENT || errno == ENOTDIR { return nil }
      if errno != EINTR { throw StoreError("open", path) }
    }
  }

  /// Fills the buffer as far as the file goes and returns how far that was.
  static func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, _ path: String) throws(StoreError) -> Int {
    var done = 0
    while done < buffer.count {
      #if canImport(Glibc)
        let count = Glibc.read(descriptor, buffer.baseAddress! + done, buffer.count - done)
      #elseif canImport(Musl)
        let count = Musl.read(descriptor, buffer.baseAddress! + done, buffer.count - done)
      #else
        let count = Darwin.read(descriptor, buffer.baseAddress! + done, buffer.count - done)
      #endif
      if count < 0 {
        if errno == EINTR { continue }
        throw StoreError("read", path)
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Fills the buffer from an offset on, as far as the file goes, and returns how far that was.
  static func read(
    _ descriptor: Int32, at offset: Int, into buffer: UnsafeMutableRawBufferPointer, _ path: String
  ) throws(StoreError) -> Int {
    var done = 0
    while done < buffer.count {
      let count = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if count < 0 {
        if errno == EINTR { continue }
        throw StoreError("read", path)
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// All bytes of a file, or nil when there is no such file.
  static func contents(_ path: String) throws(StoreError) -> [UInt8]? {
    guard let descriptor = try open(path) else { return nil }
    defer { close(descriptor) }
    let size = Int(try status(descriptor, path).st_size)
    var failure: StoreError?
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      do throws(StoreError) { count = try read(descriptor, into: UnsafeMutableRawBufferPointer(buffer), path) } catch {
        failure = error
        count = 0
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// The names in a directory in no order, without `.` and `..`; empty when there is no such directory.
  static func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// Nanoseconds since 1970 of a file time.
  static func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec) }
}

extension stat {
  /// Nanoseconds since 1970 at which the bytes last changed.
  var modifiedNanoseconds: Int64 {
    #if canImport(Darwin)
      Files.nanoseconds(st_mtimespec)
    #else
      Files.nanoseconds(st_mtim)
    #endif
  }

  /// Nanoseconds since 1970 at which the file's inode last changed.
  var changedNanoseconds: Int64 {
    #if canImport(Darwin)
      Files.nanoseconds(st_ctimespec)
    #else
      Files.nanoseconds(st_ctim)
    #endif
  }
}

/// Which file a path leads to, to notice when it was replaced.
struct FileIdentity: Hashable, Sendable {
  let device: UInt64
  let inode: UInt64
  let size: Int64
  let modified: Int64

  static let none = FileIdentity(device: 0, inode: 0, size: -1, modified: 0)

  private init(device: UInt64, inode: UInt64, size: Int64, modified: Int64) {
    self.device = device
    self.inode = inode
    self.size = size
    self.modified = modified
  }

  init(path: String) {
    guard let status = Files.status(path) else {
      self = .none
      return
    }
    self.init(
      device: UInt64(truncatingIfNeeded: status.st_dev), inode: UInt64(truncatingIfNeeded: status.st_ino), size: Int64(status.st_size),
      modified: status.modifiedNanoseconds)
  }
}

/// A file's bytes in memory, unmapped when the last reader lets go.
final class Mapping: @unchecked Sendable {
  // Never written after init, and mapped read-only.
  let bytes: UnsafeRawBufferPointer

  /// Maps the first `count` bytes of an open file.
  init(_ descriptor: Int32, count: Int, _ path: String) throws(StoreError) {
    guard count > 0 else {
      self.bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0), base != MAP_FAILED else {
      throw StoreError("map", path)
    }
    self.bytes = UnsafeRawBufferPointer(start: base, count: count)
  }

  /// Maps a whole file, or answers nil when there is no such file.
  static func open(_ path: String) throws(StoreError) -> Mapping? {
    guard let descriptor = try Files.open(path) else { return nil }
    defer { close(descriptor) }
    return try Mapping(descriptor, count: Int(try Files.status(descriptor, path).st_size), path)
  }

  deinit {
    if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
  }
}

extension [UInt8] {
  /// Lends the bytes; unlike the standard library's `withUnsafeBytes` it keeps the type of what is thrown.
  func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try withUnsafeBufferPointer { (bytes) throws(E) in try body(UnsafeRawBufferPointer(bytes)) }
  }
}

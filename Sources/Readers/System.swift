#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The few system calls that reading needs, with their errors as values.
enum System {
  /// What identifies a file's state: when two of these are equal, nobody wrote to the file in between.
  struct FileState: Equatable {
    enum Kind { case regular, directory, link, other }

    let kind: Kind
    let device: UInt64
    let inode: UInt64
    let size: Int
    let modified: (seconds: Int, nanoseconds: Int)
    let changed: (seconds: Int, nanoseconds: Int)

    init(_ raw: stat) {
      kind =
        switch raw.st_mode & S_IFMT {
        case S_IFREG: .regular
        case S_IFDIR: .directory
        case S_IFLNK: .link
        default: .other
        }
      device = UInt64(truncatingIfNeeded: raw.st_dev)
      inode = UInt64(raw.st_ino)
      size = Int(raw.st_size)
      #if canImport(Darwin)
        modified = (raw.st_mtimespec.tv_sec, raw.st_mtimespec.tv_nsec)
        changed = (raw.st_ctimespec.tv_sec, raw.st_ctimespec.tv_nsec)
      #else
        modified = (raw.st_mtim.tv_sec, raw.st_mtim.tv_nsec)
        changed = (raw.st_ctim.tv_sec, raw.st_ctim.tv_nsec)
      #endif
    }

    static func == (a: FileState, b: FileState) -> Bool {
      a.device == b.device && a.inode == b.inode && a.size == b.size && a.modified == b.modified && a.changed == b.changed
    }
  }

  struct Failure: Error {
    let code: Int32

    var isMissing: Bool { code == ENOENT || code == ENOTDIR }
    var isPermission: Bool { code == EACCES || code == EPERM }
    /// What the system says, in lower case: `permission denied`.
    var text: String {
      switch code {
      case ENOENT: "no such file or directory"
      case EACCES, EPERM: "permission denied"
      case EISDIR: "is a directory"
      case ENOTDIR: "a part of the path is not a directory"
      case ELOOP: "too many links"
      case ENAMETOOLONG: "the name is too long"
      case EMFILE, ENFILE: "too many open files"
      case ENOSPC: "no space is left"
      case EIO: "input/output error"
      default: String(cString: strerror(code)).lowercased()
      }
    }
  }

  static func open(_ path: String) throws(Failure) -> Int32 {
    while true {
      let descriptor = path.withCString {
        #if canImport(Darwin)
          Darwin.open($0, O_RDONLY | O_CLOEXEC)
        #elseif canImport(Musl)
          Musl.open($0, O_RDONLY | O_CLOEXEC)
        #else
          Glibc.open($0, O_RDONLY | O_CLOEXEC)
        #endif
      }
      if descriptor >= 0 { return descriptor }
      if errno != EINTR { throw Failure(code: errno) }
    }
  }

  static func close(_ descriptor: Int32) {
    #if canImport(Darwin)
      _ = Darwin.close(descriptor)
    #elseif canImport(Musl)
      _ = Musl.close(descriptor)
    #else
      _ = Glibc.close(descriptor)
    #endif
  }

  /// Bytes read at an offset; 0 at the end.
  static func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(Failure) -> Int {
    while true {
      let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
      if count >= 0 { return count }
      if errno != EINTR { throw Failure(code: errno) }
    }
  }

  /// A file without a name, gone when it is closed.
  static func temporaryFile() throws(Failure) -> Int32 {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array((folder + "/pipe-XXXXXX").utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw Failure(code: errno) }
    unlink(template)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    return descriptor
  }

  static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(Failure) {
    var written = 0
    while written < bytes.count {
      let count = pwrite(descriptor, bytes.baseAddress! + written, bytes.count - written, off_t(offset + written))
      if count > 0 { written += count } else if errno != EINTR { throw Failure(code: errno) }
    }
  }

  static func state(_ descriptor: Int32) throws(Failure) -> FileState {
    var raw = stat()
    guard fstat(descriptor, &raw) == 0 else { throw Failure(code: errno) }
    return FileState(raw)
  }

  /// The state of what a path names; a link itself when `followingLinks` is false. Nil when there is nothing.
  static func state(_ path: String, followingLinks: Bool = true) throws(Failure) -> FileState? {
    var raw = stat()
    let result = path.withCString { followingLinks ? stat($0, &raw) : lstat($0, &raw) }
    if result == 0 { return FileState(raw) }
    let failure = Failure(code: errno)
    if failure.isMissing { return nil }
    throw failure
  }

  struct Entry {
    let name: String
    let kind: FileState.Kind
  }

  /// The entries of a directory in no order, without `.` and `..`. Names that are not UTF-8 are given to `invalid`.
  static func entries(_ path: String, invalid: (String) -> Void = { _ in }) throws(Failure) -> [Entry] {
    guard let directory = opendir(path.isEmpty ? "." : path) else { throw Failure(code: errno) }
    defer { closedir(directory) }
    var found: [Entry] = []
    while let raw = readdir(directory) {
      let pointer = UnsafeRawPointer(raw).advanced(by: MemoryLayout<dirent>.offset(of: \.d_name)!)
      let name = UnsafeBufferPointer(start: pointer.assumingMemoryBound(to: UInt8.self), count: strlen(pointer.assumingMemoryBound(to: CChar.self)))
      if name.elementsEqual([0x2E]) || name.elementsEqual([0x2E, 0x2E]) { continue }
      guard let text = String(validating: name, as: UTF8.self) else {
        invalid(String(decoding: name, as: UTF8.self))
        continue
      }
      var kind: FileState.Kind
      switch Int32(raw.pointee.d_type) {
      case Int32(DT_REG): kind = .regular
      case Int32(DT_DIR): kind = .directory
      case Int32(DT_LNK): kind = .link
      case Int32(DT_UNKNOWN): kind = try state(path.isEmpty ? text : path + "/" + text, followingLinks: false)?.kind ?? .other
      default: kind = .other
      }
      found.append(Entry(name: text, kind: kind))
    }
    return found
  }
}

/// Whether one text comes before another by its UTF-8 bytes: the order of everything that is listed.
@inline(__always)
func precedesByBytes(_ a: String, _ b: String) -> Bool {
  // Native strings give their storage; `<` would compare by canonical equivalence.
  let quick = a.utf8.withContiguousStorageIfAvailable { a in
    b.utf8.withContiguousStorageIfAvailable { b in
      let common = min(a.count, b.count)
      let order = common == 0 ? 0 : memcmp(a.baseAddress!, b.baseAddress!, common)
      return order != 0 ? order < 0 : a.count < b.count
    }
  }
  return (quick ?? nil) ?? a.utf8.lexicographicallyPrecedes(b.utf8)
}

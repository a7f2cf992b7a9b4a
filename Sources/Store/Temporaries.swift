internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Names for files under construction, in a directory that belongs to this process alone.
///
/// The directory is locked while the process lives, so that the temporaries of a dead process can be told from those of a live one.
final class Temporaries: Sendable {
  private struct State {
    var session: String?
    var descriptor: Int32 = -1
    var count: UInt64 = 0
  }

  private let directory: String
  private let disk: Disk
  private let state = Mutex(State())

  init(directory: String, disk: Disk) {
    self.directory = directory
    self.disk = disk
  }

  deinit {
    state.withLock { state in
      if let session = state.session { _ = try? disk.removeDirectory(session) }
      if state.descriptor >= 0 { close(state.descriptor) }
    }
  }

  /// A path that nobody else uses.
  func path() throws(StoreError) -> String {
    try state.withLock { (state) throws(StoreError) in
      if state.session == nil { try begin(&state) }
      state.count += 1
      return "\(state.session!)/\(state.count)"
    }
  }

  /// Has the next path lie in a new directory, because the present one is gone.
  func forget() {
    state.withLock { state in
      if state.descriptor >= 0 { close(state.descriptor) }
      state.session = nil
      state.descriptor = -1
    }
  }

  private func begin(_ state: inout State) throws(StoreError) {
    // The first file of a process is the moment to clear away what dead ones have left: runs with nothing to do never come here.
    Temporaries.sweep(directory, disk: disk)
    (state.session, state.descriptor) = try Temporaries.makeLockedDirectory(directory + "/" + Temporaries.prefix, mode: 0o777, disk: disk)
  }

  /// How the names of our directories begin; others in the same place are somebody else's.
  static let prefix = "files-"

  /// Makes a directory whose name begins so, and locks it for as long as the descriptor is open.
  static func makeLockedDirectory(_ prefix: String, mode: mode_t, disk: Disk) throws(StoreError) -> (path: String, descriptor: Int32) {
    while true {
      let path = prefix + String(UInt64.random(in: .min ... .max), radix: 36)
      try disk.makeDirectory(path)
      let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard descriptor >= 0 else {
        if errno == ENOENT { continue }
        throw StoreError("open", path)
      }
      // A sweep may have come between making the directory and locking it; then it is gone and another is made.
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0, let here = try? Files.status(descriptor, path), here.st_nlink > 0, Files.isThere(path) {
        if mode != 0o777 { fchmod(descriptor, mode) }
        return (path, descriptor)
      }
      close(descriptor)
    }
  }

  /// Removes what dead processes have left, and returns how many files that was.
  @discardableResult
  static func sweep(_ directory: String, disk: Disk) -> Int {
    var removed = 0
    for name in Files.names(in: directory) where name.hasPrefix(prefix) || name.hasPrefix(ScratchDirectory.prefix) {
      let path = directory + "/" + name
      let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { removed += ScratchDirectory.removeTree(path, disk: disk) }
    }
    return removed
  }
}

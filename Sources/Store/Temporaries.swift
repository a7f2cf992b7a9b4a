#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif
internal import Synchronization

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

  private func begin(_ state: inout State) throws(StoreError) {
    while true {
      let session = directory + "/" + String(UInt64.random(in: .min ... .max), radix: 36)
      try disk.makeDirectory(session)
      let descriptor = open(session, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard descriptor >= 0 else {
        if errno == ENOENT { continue }
        throw StoreError("open", session)
      }
      // A sweep may have come between making the directory and locking it; then it is gone and another is made.
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0, let here = try? Files.status(descriptor, session), here.st_nlink > 0,
        Files.status(session) != nil
      {
        state.session = session
        state.descriptor = descriptor
        return
      }
      close(descriptor)
    }
  }

  /// Removes what dead processes have left, and returns how many files that was.
  static func sweep(_ directory: String, disk: Disk) -> Int {
    var removed = 0
    for name in Files.names(in: directory) {
      let session = directory + "/" + name
      let descriptor = open(session, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { continue }
      for file in Files.names(in: session) where (try? disk.remove(session + "/" + file)) != nil { removed += 1 }
      _ = try? disk.removeDirectory(session)
    }
    return removed
  }
}

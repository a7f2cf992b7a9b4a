internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A folder that belongs to one task and goes away with it.
///
/// It is locked while its process lives, so that another `pipe` can tell it from one whose process was killed, and remove only that.
public final class ScratchDirectory: Sendable {
  /// The folder, which only this user may enter.
  public let path: String
  private let disk: Disk
  private let descriptor: Mutex<Int32>

  static let prefix = "scratch-"

  init(in parent: String, disk: Disk) throws(StoreError) {
    let (path, descriptor) = try Temporaries.makeLockedDirectory(parent + "/" + ScratchDirectory.prefix, mode: 0o700, disk: disk)
    self.path = path
    self.disk = disk
    self.descriptor = Mutex(descriptor)
  }

  deinit { remove() }

  /// Removes the folder and all that is in it. Doing it twice is fine.
  public func remove() {
    descriptor.withLock { descriptor in
      guard descriptor >= 0 else { return }
      ScratchDirectory.removeTree(path, disk: disk)
      close(descriptor)
      descriptor = -1
    }
  }

  /// Removes a folder with all that is in it as far as that is allowed, links not followed, and returns how many files that was.
  @discardableResult
  static func removeTree(_ path: String, disk: Disk) -> Int {
    var removed = 0
    // A task may have made folders that nobody may write to, not even their owner.
    chmod(path, 0o700)
    for name in Files.names(in: path) {
      let child = path + "/" + name
      var status = stat()
      guard lstat(child, &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        removed += removeTree(child, disk: disk)
      } else if (try? disk.remove(child)) != nil {
        removed += 1
      }
    }
    _ = try? disk.removeDirectory(path)
    return removed
  }
}

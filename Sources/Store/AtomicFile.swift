#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Writing a whole file so that everyone sees the old bytes or the new ones, never a part.
public enum AtomicFile {
  /// Replaces a file's content in one step; directories above it are created.
  ///
  /// With `sync` the bytes are on the device before the name is theirs. A failure leaves the old file and no temporary; what a kill
  /// leaves is removed by ``PublishJournal/recover(sweeping:)``.
  public static func write(_ path: String, _ bytes: [UInt8], sync: Bool, disk: Disk = .real) throws(StoreError) {
    let directory = split(path).directory
    for attempt in 1... {
      let temporary = directory + temporaryPrefix + String(UInt64.random(in: .min ... .max), radix: 36)
      do throws(StoreError) {
        return try write(path, bytes, temporary: temporary, sync: sync, disk: disk)
      } catch {
        // A sweep in another process may take a file for abandoned before its lock is on it.
        guard error.kind == .missing, attempt == 1 else { throw error }
      }
    }
  }

  /// How the temporaries begin that lie beside their target.
  static let temporaryPrefix = ".pipe-tmp-"

  /// The directory with its slash (empty for the current one), and the last component.
  static func split(_ path: String) -> (directory: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return ("", path) }
    return (String(path[...slash]), String(path[path.index(after: slash)...]))
  }

  static func write(_ path: String, _ bytes: [UInt8], temporary: String, sync: Bool, disk: Disk) throws(StoreError) {
    let directory = split(path).directory
    let descriptor: Int32
    do throws(StoreError) {
      descriptor = try disk.create(temporary, O_WRONLY | O_EXCL, mode: 0o666)
    } catch {
      guard error.kind == .missing, !directory.isEmpty else { throw error }
      try disk.makeDirectory(String(directory.dropLast()))
      descriptor = try disk.create(temporary, O_WRONLY | O_EXCL, mode: 0o666)
    }
    // Held until the rename: a sweep leaves locked temporaries alone.
    defer { close(descriptor) }
    _ = flock(descriptor, LOCK_EX | LOCK_NB)
    do throws(StoreError) {
      try bytes.withBytes { (bytes) throws(StoreError) in try disk.write(descriptor, bytes, temporary) }
      // Rename after fsync: on ext4 a renamed file may otherwise be empty after a power cut.
      if sync { try disk.sync(descriptor, temporary) }
      try disk.rename(temporary, to: path)
    } catch {
      try? disk.remove(temporary)
      throw error
    }
    if sync { try disk.syncDirectory(directory.isEmpty ? "." : directory) }
  }

  /// Removes temporaries whose writers are dead from a directory, and returns how many there were.
  static func sweep(_ directory: String, prefix: String = temporaryPrefix, disk: Disk) -> Int {
    var removed = 0
    for name in Files.names(in: directory) where name.hasPrefix(prefix) {
      let path = directory + "/" + name
      guard let descriptor = try? Files.open(path) else { continue }
      defer { close(descriptor) }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0, (try? disk.remove(path)) != nil { removed += 1 }
    }
    return removed
  }
}

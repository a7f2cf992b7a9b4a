#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif
internal import Synchronization

/// Writing a whole file so that everyone sees the old bytes or the new ones, never a part.
public enum AtomicFile {
  private static let counter = Atomic<UInt64>(0)

  /// Replaces a file's content in one step; directories above it are created.
  ///
  /// With `sync` the bytes are on the device before the name is theirs. A failure leaves the old file and no temporary.
  public static func write(_ path: String, _ bytes: [UInt8], sync: Bool, disk: Disk = .real) throws(StoreError) {
    try write(path, bytes, temporary: temporary(for: path), sync: sync, disk: disk)
  }

  /// A name beside the file that no other thread or process uses, and that ``PublishJournal/recover`` knows as rubbish.
  static func temporary(for path: String) -> String {
    let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
    let (directory, name) = split(path)
    return directory + "." + name + ".pipe-\(getpid())-\(number)"
  }

  /// The directory with its slash (empty for the current one), and the last component.
  static func split(_ path: String) -> (directory: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return ("", path) }
    return (String(path[...slash]), String(path[path.index(after: slash)...]))
  }

  static func write(_ path: String, _ bytes: [UInt8], temporary: String, sync: Bool, disk: Disk) throws(StoreError) {
    let directory = split(path).directory
    do throws(StoreError) {
      try fill(temporary, bytes, sync: sync, disk: disk)
    } catch {
      guard error.kind == .missing, !directory.isEmpty else { throw error }
      try disk.makeDirectory(split(temporary).directory)
      try fill(temporary, bytes, sync: sync, disk: disk)
    }
    do throws(StoreError) {
      try disk.rename(temporary, to: path)
      if sync { try disk.syncDirectory(directory.isEmpty ? "." : directory) }
    } catch {
      try? disk.remove(temporary)
      throw error
    }
  }

  private static func fill(_ path: String, _ bytes: [UInt8], sync: Bool, disk: Disk) throws(StoreError) {
    let descriptor = try disk.create(path, O_WRONLY | O_TRUNC, mode: 0o666)
    do throws(StoreError) {
      defer { close(descriptor) }
      try bytes.withBytes { (bytes) throws(StoreError) in try disk.write(descriptor, bytes, path) }
      if sync { try disk.sync(descriptor, path) }
    } catch {
      try? disk.remove(path)
      throw error
    }
  }
}

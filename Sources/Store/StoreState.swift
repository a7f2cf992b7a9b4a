public import Rows
internal import Synchronization

/// A store's records as one digest, taken from outside: whoever wrote, collected or damaged any since has left another.
public enum StoreState {
  /// Nil when the directory is no store yet.
  public static func digest(of directory: String) -> Digest? {
    guard let format = FileStamp(path: directory + "/format") else { return nil }
    var writer = ByteWriter()
    writer.add(format)
    for folder in ["/segments", "/packs"] {
      for name in Files.names(in: directory + folder).sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
        guard let stamp = FileStamp(path: directory + folder + "/" + name) else { return nil }
        writer.text(name)
        writer.add(stamp)
      }
    }
    return Digest.of(writer.bytes)
  }
}

extension ByteWriter {
  fileprivate mutating func add(_ stamp: FileStamp) {
    for word in [stamp.device, stamp.inode, UInt64(bitPattern: stamp.size), UInt64(bitPattern: stamp.modified), UInt64(bitPattern: stamp.changed)] { self.word(word) }
  }
}

extension Store {
  /// Whether a blob is there, and the file that holds it when it is one of its own.
  public func residence(of digest: Digest) -> (isThere: Bool, file: String?) {
    if catalog.withLock({ $0.locate(RecordID(kind: RecordHeader.blob, key: digest)) }) != nil { return (true, nil) }
    let path = blobPath(digest)
    return Files.isThere(path) ? (true, path) : (false, nil)
  }
}

extension PublishJournal {
  /// Whether no publication is under way, and none was cut off.
  public var isEmpty: Bool { Files.names(in: directory).isEmpty }
}

internal import Rows
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Blobs of middling size, one behind the other in files of many: creating a file costs more than filling it.
///
/// A pack is blobs and nothing else, not even a header. Where each lies is said by a record, which is written after the bytes; every blob is verified when it is read. As with segments, a process appends to packs of its own only, and
/// holds their locks while it may.
final class Packs: Sendable {
  /// A blob's place: the payload of its record.
  struct Place: Sendable, Equatable {
    static let size = 40

    let pack: SegmentName
    let offset: Int
    let count: Int
    /// XXH64 of the bytes. Accidents are found at memory speed; SHA-256 would take longer than anything else on the way.
    let check: UInt64

    init(pack: SegmentName, offset: Int, count: Int, check: UInt64) {
      self.pack = pack
      self.offset = offset
      self.count = count
      self.check = check
    }

    /// The place in a record's payload, or nil when it is none.
    init?(_ payload: UnsafeRawBufferPointer) {
      guard payload.count == Place.size else { return nil }
      func word(_ at: Int) -> UInt64 { UInt64(littleEndian: payload.loadUnaligned(fromByteOffset: at, as: UInt64.self)) }
      guard let offset = Int(exactly: word(16)), let count = Int(exactly: word(24)), count <= Store.packedLimit else { return nil }
      self.init(pack: SegmentName(time: word(0), unique: word(8)), offset: offset, count: count, check: word(32))
    }

    var payload: [UInt8] {
      var writer = ByteWriter()
      for word in [pack.time, pack.unique, UInt64(offset), UInt64(count), check] { writer.word(word) }
      return writer.bytes
    }
  }

  private struct Writer {
    let name: SegmentName
    let path: String
    let descriptor: Int32
    /// The file's length, with what a failed write left.
    var end = 0
  }

  /// A pack is ended rather than grow beyond this: a collection has small pieces to rewrite.
  private static let greatestSize = 128 << 20

  let directory: String
  private let disk: Disk
  private let writer = Mutex<Writer?>(nil)

  init(directory: String, disk: Disk) {
    self.directory = directory
    self.disk = disk
  }

  deinit { finish() }

  func path(_ name: SegmentName) -> String { directory + "/" + name.fileName(extension: "pack") }

  /// The packs that are there.
  var names: [SegmentName] { Files.names(in: directory).compactMap { SegmentName(fileName: $0, extension: "pack") }.sorted() }

  /// Appends a blob's bytes; nothing knows of them before their place is recorded.
  func append(_ bytes: UnsafeRawBufferPointer, now: UInt64) throws(StoreError) -> Place {
    let check = XXHash64.hash(bytes)
    return try writer.withLock { (writer) throws(StoreError) in
      if let open = writer, open.end + bytes.count > Packs.greatestSize || Files.status(open.path) == nil {
        close(open.descriptor)
        writer = nil
      }
      if writer == nil { writer = try begin(now) }
      let place = Place(pack: writer!.name, offset: writer!.end, count: bytes.count, check: check)
      // What a full disk let through stays as a gap: the next blob goes behind it.
      var written = 0
      defer { writer!.end += written }
      try disk.write(writer!.descriptor, bytes, writer!.path, written: &written)
      return place
    }
  }

  private func begin(_ now: UInt64) throws(StoreError) -> Writer {
    try disk.makeDirectory(directory)
    let name = SegmentName(time: now, unique: UInt64.random(in: .min ... .max))
    let path = path(name)
    let writer = Writer(name: name, path: path, descriptor: try disk.create(path, O_WRONLY | O_EXCL | O_APPEND, mode: 0o666))
    _ = flock(writer.descriptor, LOCK_EX | LOCK_NB)
    return writer
  }

  /// Ends this process's pack. The next blob begins another.
  func finish() {
    writer.withLock { writer in
      if let open = writer { close(open.descriptor) }
      writer = nil
    }
  }

  /// Fills the room with a blob's bytes; false when the pack is gone, the disk cannot read it, or the bytes are not those that were written.
  func read(_ place: Place, into room: UnsafeMutableRawBufferPointer) throws(StoreError) -> Bool {
    let path = path(place.pack)
    guard let descriptor = try Files.open(path) else { return false }
    defer { close(descriptor) }
    do throws(StoreError) {
      return try Files.read(descriptor, at: place.offset, into: room, path) == place.count && XXHash64.hash(UnsafeRawBufferPointer(room)) == place.check
    } catch {
      guard error.code == EIO else { throw error }
      return false
    }
  }

  /// Whether nobody will add to a pack: its writer has ended it, or is gone.
  func isFinal(_ name: SegmentName) -> Bool {
    guard let descriptor = try? Files.open(path(name)) else { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_SH | LOCK_NB) == 0
  }

  /// Waits until a pack's bytes are on the device.
  func sync(_ name: SegmentName) throws(StoreError) {
    let path = path(name)
    guard let descriptor = try Files.open(path) else { return }
    defer { close(descriptor) }
    try disk.sync(descriptor, path)
    try disk.syncDirectory(directory)
  }
}

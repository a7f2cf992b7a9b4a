public import Rows
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension Store {
  /// Keeps some bytes and returns their digest. Bytes that are there already cost one look.
  @discardableResult
  public func put(_ bytes: UnsafeRawBufferPointer) throws(StoreError) -> Digest {
    let digest = Digest.of(bytes)
    try put(bytes, as: digest)
    return digest
  }

  /// Keeps some bytes and returns their digest.
  @discardableResult
  public func put(_ bytes: [UInt8]) throws(StoreError) -> Digest {
    try bytes.withBytes { (bytes) throws(StoreError) in try put(bytes) }
  }

  /// Keeps some bytes whose digest the caller has just computed.
  public func put(_ bytes: UnsafeRawBufferPointer, as digest: Digest) throws(StoreError) {
    if bytes.count <= Store.packedLimit {
      try putRecord(bytes, digest)
    } else {
      try putFile(bytes, digest)
    }
  }

  /// Whether a blob is here, by name and without reading it.
  public func contains(_ digest: Digest) -> Bool {
    if catalog.withLock({ $0.locate(RecordID(kind: RecordHeader.blob, key: digest)) != nil }) { return true }
    return Files.status(blobPath(digest)) != nil || base?.contains(digest) ?? false
  }

  /// A blob's bytes, verified, or nil when it is absent or damaged.
  public func get(_ digest: Digest) throws(StoreError) -> [UInt8]? {
    let result: Result<[UInt8]?, StoreError>
    do { result = .success(try withBlob(digest) { [UInt8]($0) }) } catch let error as StoreError { result = .failure(error) } catch {
      preconditionFailure("copying bytes throws nothing")
    }
    return try result.get()
  }

  /// Lends a blob's bytes, verified, for the time of the call; nil when it is absent or damaged, and then the body is not called.
  ///
  /// Cheaper than ``get(_:)``: the bytes lie in a buffer that is used again, or in the file's own pages.
  public func withBlob<R>(_ digest: Digest, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R? {
    if let result = try withRecordedBlob(digest, body) { return result }
    let path = blobPath(digest)
    guard let descriptor = try Files.open(path) else { return try base?.withBlob(digest, body) }
    defer { close(descriptor) }
    let mapping = try Mapping(descriptor, count: Int(try Files.status(descriptor, path).st_size), path)
    return try withExtendedLifetime(mapping) { try verified(mapping.bytes, digest, path, body) }
  }

  /// A blob's size in bytes, unverified, or nil when it is absent.
  public func size(of digest: Digest) -> Int? {
    if let record = readRecord(RecordID(kind: RecordHeader.blob, key: digest), { ($0.count, Packs.Place($0)) }) {
      return record.flags & RecordHeader.inPack == 0 ? record.0.0 : record.0.1?.count
    }
    return Files.status(blobPath(digest)).map { Int($0.st_size) }
  }

  /// Where a blob of more than 4 MiB has its file. Smaller blobs have none.
  func blobPath(_ digest: Digest) -> String {
    let hex = digest.hex
    return directory + "/cas/sha256/" + hex.prefix(2) + "/" + hex
  }

  // MARK: Blobs with records

  private func putRecord(_ bytes: UnsafeRawBufferPointer, _ digest: Digest) throws(StoreError) {
    let id = RecordID(kind: RecordHeader.blob, key: digest)
    let now = clock()
    let stamp = catalog.withLock { catalog in catalog.locate(id).flatMap { catalog.header(at: $0)?.stamp } }
    // A record whose header is whole and whose bytes are torn off must not keep them from coming back.
    if let stamp, (try? withRecordedBlob(digest) { _ in true }) == true {
      if stamp &+ Store.freshNanoseconds > now { return }
      // An old one is dated anew; where its bytes lie does not change.
      if let place = place(of: digest) { return try appendPlace(place, id) }
    }
    guard bytes.count >= Store.smallLimit else { return try append(id, flags: 0, bytes) }
    try layOut()
    try appendPlace(try packs.append(bytes, now: now), id)
  }

  /// Moves a blob to this process's pack; it looks as old as before. One that is damaged stays behind.
  func repack(_ digest: Digest, _ place: Packs.Place, stamp: UInt64) throws {
    _ = try withPackedBlob(place) { bytes in
      try appendPlace(try packs.append(bytes, now: clock()), RecordID(kind: RecordHeader.blob, key: digest), age: stamp)
    }
  }

  private func appendPlace(_ place: Packs.Place, _ id: RecordID, age: UInt64? = nil) throws(StoreError) {
    try place.payload.withBytes { (bytes) throws(StoreError) in try append(id, flags: RecordHeader.inPack, age: age, bytes) }
  }

  /// Where a blob lies in a pack; nil when it does not.
  func place(of digest: Digest) -> Packs.Place? {
    guard let (place, flags) = readRecord(RecordID(kind: RecordHeader.blob, key: digest), Packs.Place.init), flags & RecordHeader.inPack != 0 else {
      return nil
    }
    return place
  }

  private func withRecordedBlob<R>(_ digest: Digest, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R? {
    let id = RecordID(kind: RecordHeader.blob, key: digest)
    if let place = place(of: digest) {
      if let value = try withPackedBlob(place, body) { return value }
      // A pack that is gone may have been rewritten by a collection: the index on disk knows the new place.
      if Files.status(packs.path(place.pack)) == nil {
        refresh()
        if let moved = self.place(of: digest), moved != place, let value = try withPackedBlob(moved, body) { return value }
      }
    } else {
      let found = readRecord(id) { bytes in
        Result { Digest.of(bytes) == digest ? Optional(try body(bytes)) : nil }
      }
      guard let (result, _) = found else { return nil }
      if let value = try result.get() { return value }
    }
    if let location = catalog.withLock({ $0.locate(id) }) { reportDead(id, location, "its bytes are not those that were written") }
    return nil
  }

  private func withPackedBlob<R>(
    _ place: Packs.Place, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R? {
    // Read rather than mapped: mapping costs more than copying at this size, and a failing disk answers with an error, not a signal.
    let buffer = buffers.take(place.count)
    defer { buffers.giveBack(buffer) }
    let room = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<place.count])
    return try packs.read(place, into: room) ? try body(UnsafeRawBufferPointer(room)) : nil
  }

  // MARK: Blobs in files

  /// Something this old is dated anew when it is put again, so that a collection does not take it for unused.
  static let freshNanoseconds: UInt64 = 3600 * 1_000_000_000

  private func putFile(_ bytes: UnsafeRawBufferPointer, _ digest: Digest) throws(StoreError) {
    let path = blobPath(digest)
    if isThere(path, size: bytes.count) { return }
    try layOut()
    let temporary = try newFile { (descriptor, temporary) throws(StoreError) in try disk.write(descriptor, bytes, temporary) }
    try moveIn(temporary, path)
  }

  /// Whether a blob's file is there with the size it must have; an old one is dated anew.
  func isThere(_ path: String, size: Int) -> Bool {
    guard let status = Files.status(path), Int(status.st_size) == size else { return false }
    if Int64(bitPattern: clock()) - status.modifiedNanoseconds > Int64(Store.freshNanoseconds) { try? disk.touch(path) }
    return true
  }

  /// Makes a temporary file; a failure leaves none.
  ///
  /// Read-only unless told otherwise: a blob's bytes never change, and a careless tool should fail rather than damage one.
  func newFile(mode: mode_t = 0o444, _ fill: (Int32, String) throws(StoreError) -> Void) throws(StoreError) -> String {
    let (descriptor, temporary) = try createTemporary(mode: mode)
    do throws(StoreError) {
      defer { close(descriptor) }
      try fill(descriptor, temporary)
    } catch {
      try? disk.remove(temporary)
      throw error
    }
    return temporary
  }

  /// Opens a new temporary file.
  func createTemporary(mode: mode_t) throws(StoreError) -> (descriptor: Int32, path: String) {
    let path = try temporaries.path()
    do throws(StoreError) { return (try disk.create(path, O_WRONLY | O_EXCL, mode: mode), path) } catch {
      guard error.kind == .missing else { throw error }
    }
    // Somebody has tidied the store by hand while we run.
    temporaries.forget()
    let fresh = try temporaries.path()
    return (try disk.create(fresh, O_WRONLY | O_EXCL, mode: mode), fresh)
  }

  /// Gives a finished temporary its blob's name.
  func moveIn(_ temporary: String, _ path: String) throws(StoreError) {
    do throws(StoreError) {
      do throws(StoreError) { try disk.rename(temporary, to: path) } catch {
        guard error.kind == .missing else { throw error }
        try disk.makeDirectory(String(AtomicFile.split(path).directory.dropLast()))
        try disk.rename(temporary, to: path)
      }
    } catch {
      try? disk.remove(temporary)
      throw error
    }
  }

  private func verified<R>(
    _ bytes: UnsafeRawBufferPointer, _ digest: Digest, _ path: String, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R? {
    if Digest.of(bytes) == digest { return try body(bytes) }
    setAside(digest, path, "its bytes have another digest")
    return nil
  }

  /// Moves a damaged blob out of the way, so that it can be made again and looked at.
  func setAside(_ digest: Digest, _ path: String, _ detail: String) {
    let place = directory + "/damaged/" + digest.hex
    do {
      do throws(StoreError) { try disk.rename(path, to: place) } catch {
        guard error.kind == .missing else { throw error }
        try disk.makeDirectory(directory + "/damaged")
        try disk.rename(path, to: place)
      }
    } catch {
      // Where even that fails (a read-only store), the blob stays and is found damaged again.
    }
    report(Damage(subject: .blob(digest), path: place, detail: detail))
  }
}

/// Buffers for blobs that are read, kept for the next read.
final class BufferPool: Sendable {
  /// A piece of memory that one reader has at a time.
  final class Buffer: @unchecked Sendable {
    // Handed to one holder at a time by the pool.
    let bytes: UnsafeMutableRawBufferPointer
    init(_ count: Int) { bytes = .allocate(byteCount: count, alignment: 64) }
    deinit { bytes.deallocate() }
  }

  /// More idle buffers than this are let go.
  private static let idleLimit = 8

  private let idle = Mutex<[Buffer]>([])

  /// A buffer of at least so many bytes.
  func take(_ count: Int) -> Buffer {
    let found = idle.withLock { idle -> Buffer? in
      guard let place = idle.lastIndex(where: { $0.bytes.count >= count }) else { return nil }
      return idle.remove(at: place)
    }
    if let found { return found }
    var size = 256 << 10
    while size < count { size *= 2 }
    return Buffer(size)
  }

  func giveBack(_ buffer: Buffer) {
    idle.withLock { idle in
      if idle.count < BufferPool.idleLimit { idle.append(buffer) }
    }
  }
}

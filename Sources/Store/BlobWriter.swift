public import Rows
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A blob that is written piece by piece, of whatever size, without ever being in memory as a whole.
///
/// One task writes at a time. A writer let go without ``finish()`` leaves nothing.
public final class BlobWriter: Sendable {
  private struct State {
    var hash = DigestBuilder()
    /// What there is while it is little enough to become a record or part of a pack.
    var small: [UInt8] = []
    var descriptor: Int32 = -1
    var temporary = ""
    var count = 0
  }

  private let store: Store
  private let state = Mutex(State())

  init(_ store: Store) { self.store = store }

  deinit { abandon() }

  /// Appends bytes.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    try state.withLock { (state) throws(StoreError) in
      state.hash.update(bytes)
      state.count += bytes.count
      if state.descriptor < 0 {
        state.small.append(contentsOf: bytes)
        guard state.small.count > Store.packedLimit else { return }
        try store.layOut()
        (state.descriptor, state.temporary) = try store.createTemporary(mode: 0o444)
        try state.small.withBytes { (bytes) throws(StoreError) in try store.disk.write(state.descriptor, bytes, state.temporary) }
        state.small = []
      } else {
        try store.disk.write(state.descriptor, bytes, state.temporary)
      }
    }
  }

  /// Appends bytes.
  public func write(_ bytes: [UInt8]) throws(StoreError) {
    try bytes.withBytes { (bytes) throws(StoreError) in try write(bytes) }
  }

  /// Ends the blob and keeps it. The writer is used up.
  public func finish() throws(StoreError) -> (digest: Digest, bytes: Int) {
    let (digest, count, small, descriptor, temporary) = state.withLock { state in
      defer { state = State() }
      return (state.hash.finish(), state.count, state.small, state.descriptor, state.temporary)
    }
    guard descriptor >= 0 else {
      try small.withBytes { (bytes) throws(StoreError) in try store.put(bytes, as: digest) }
      return (digest, count)
    }
    close(descriptor)
    let path = store.blobPath(digest)
    if store.isThere(path, size: count) {
      try store.disk.remove(temporary)
    } else {
      try store.moveIn(temporary, path)
    }
    return (digest, count)
  }

  private func abandon() {
    state.withLock { state in
      guard state.descriptor >= 0 else { return }
      close(state.descriptor)
      try? store.disk.remove(state.temporary)
      state = State()
    }
  }
}

extension Store {
  /// Begins a blob that is written piece by piece.
  public func blobWriter() -> BlobWriter { BlobWriter(self) }

  /// Keeps a file's bytes and returns their digest and number, or nil when there is no such file.
  public func put(fileAt path: String) throws(StoreError) -> (digest: Digest, bytes: Int)? {
    guard let descriptor = try Files.open(path) else { return nil }
    defer { close(descriptor) }
    let writer = blobWriter()
    let buffer = buffers.take(1 << 20)
    defer { buffers.giveBack(buffer) }
    while true {
      let count = try Files.read(descriptor, into: buffer.bytes, path)
      if count == 0 { return try writer.finish() }
      try writer.write(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count]))
    }
  }

  /// Remembers files' digests beside this store.
  public func statIndex() -> StatIndex {
    StatIndex(path: directory + "/stat", lockPath: lockPath("stat"), disk: disk, clock: clock)
  }

  /// The runs recorded beside this store.
  public var history: RunHistory { RunHistory(runs: directory + "/runs") }

  /// Begins the record of a run beside this store.
  public func runLog(_ id: RunID) -> RunLog { RunLog(runs: directory + "/runs", id: id, disk: disk, clock: clock) }

  /// The journal of publications into a workspace.
  public func publishJournal(root: String) -> PublishJournal { PublishJournal(directory: directory + "/publish", root: root, disk: disk) }

  /// A folder for one task's own files, on the store's file system; removed with the object, or by a later `pipe` when this one dies.
  public func scratchDirectory() throws(StoreError) -> ScratchDirectory {
    try layOut()
    return try ScratchDirectory(in: directory + "/tmp", disk: disk)
  }

  /// Removes what dead processes left half-made in the store, and returns how many files that was.
  @discardableResult
  public func sweepTemporaries() -> Int { Temporaries.sweep(directory + "/tmp", disk: disk) }
}

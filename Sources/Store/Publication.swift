internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A set of files on its way to be published: write, then ``commit()`` or ``discard()``.
///
/// Paths are relative to the journal's root, or absolute. Files that have not changed are simply not mentioned: they keep their inode and
/// time. A set let go without a commit is discarded.
public final class Publication: Sendable {
  private struct State: ~Copyable {
    var session = ""
    var descriptor: Int32 = -1
    /// The journal's length up to its last whole line before the intent.
    var length = 0
    var directories: Set<String> = []
    var changes: [PublishIntent.Change] = []
    /// Temporaries made so far, for their names.
    var created = 0
    var isOver = false
  }

  private let journal: PublishJournal
  private let state = Mutex(State())

  init(_ journal: PublishJournal) { self.journal = journal }

  deinit { discard() }

  /// Gives a file new content.
  public func write(_ path: String, _ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    let file = try create(path)
    try file.write(bytes)
    try file.close()
  }

  /// Gives a file new content.
  public func write(_ path: String, _ bytes: [UInt8]) throws(StoreError) {
    try bytes.withBytes { (bytes) throws(StoreError) in try write(path, bytes) }
  }

  /// Begins a file's new content, to be written piece by piece and closed before the commit.
  public func create(_ path: String) throws(StoreError) -> PublishedFile {
    let target = Publication.resolve(path, journal.root)
    if let status = Files.status(target), status.st_mode & S_IFMT == S_IFDIR { throw StoreError("write", target, code: EISDIR) }
    return try state.withLock { (state) throws(StoreError) in
      precondition(!state.isOver, "this publication is over")
      try begin(&state)
      let directory = String(AtomicFile.split(path).directory.dropLast())
      if state.directories.insert(directory).inserted {
        try append(PublishIntent.line("dir", directory), &state)
        try journal.disk.makeDirectory(Publication.resolve(directory.isEmpty ? "." : directory, journal.root))
      }
      let temporary = (directory.isEmpty ? "" : directory + "/") + Publication.temporaryPrefix(state.session) + "\(state.created)"
      let file = try PublishedFile(Publication.resolve(temporary, journal.root), disk: journal.disk)
      state.created += 1
      state.changes.append(PublishIntent.Change(temporary: temporary, target: path))
      return file
    }
  }

  /// Takes back what ``create(_:)`` or ``write(_:_:)`` has begun for a file: it stays as it is.
  public func withdraw(_ path: String) throws(StoreError) {
    try state.withLock { (state) throws(StoreError) in
      guard let index = state.changes.lastIndex(where: { $0.target == path }), let temporary = state.changes[index].temporary else { return }
      state.changes.remove(at: index)
      try journal.disk.remove(Publication.resolve(temporary, journal.root))
    }
  }

  /// Has a file removed with the commit; one that is not there is fine.
  public func remove(_ path: String) throws(StoreError) {
    try state.withLock { (state) throws(StoreError) in
      precondition(!state.isOver, "this publication is over")
      try begin(&state)
      state.changes.append(PublishIntent.Change(temporary: nil, target: path))
    }
  }

  /// Makes the set appear. All of its files must be closed.
  ///
  /// A failure before the intent is written leaves everything as it was. After it, a failure leaves a set that ``PublishJournal/recover(sweeping:)``
  /// completes.
  public func commit() throws(StoreError) {
    try state.withLock { (state) throws(StoreError) in
      precondition(!state.isOver, "this publication is over")
      guard state.descriptor >= 0, !state.changes.isEmpty else { return abandon(&state) }
      let disk = journal.disk
      // One change is one rename, and needs no intent to be whole.
      do throws(StoreError) {
        if state.changes.count == 1 {
          _ = try state.changes[0].apply(under: journal.root, disk)
          try syncTargets(state.changes)
          try disk.remove(path(state.session))
          return end(&state)
        }
        var lines: [UInt8] = []
        for change in state.changes {
          lines += change.temporary.map { PublishIntent.line("rename", $0, change.target) } ?? PublishIntent.line("remove", change.target)
        }
        lines += PublishIntent.line("intent", "\(state.changes.count)")
        try lines.withBytes { (bytes) throws(StoreError) in try disk.write(state.descriptor, bytes, path(state.session)) }
        try disk.sync(state.descriptor, path(state.session))
        try disk.syncDirectory(journal.directory)
      } catch {
        abandon(&state)
        throw error
      }
      state.isOver = true
      defer { close(state.descriptor) }
      for change in state.changes { _ = try change.apply(under: journal.root, disk) }
      try syncTargets(state.changes)
      try disk.remove(path(state.session))
    }
  }

  private func syncTargets(_ changes: [PublishIntent.Change]) throws(StoreError) {
    try Publication.syncDirectories(changes, under: journal.root, journal.disk)
  }

  /// Makes the names of changed files durable.
  static func syncDirectories(_ changes: [PublishIntent.Change], under base: String, _ disk: Disk) throws(StoreError) {
    for directory in Set(changes.map { AtomicFile.split(resolve($0.target, base)).directory }).sorted() {
      // A directory that is gone has nothing left to make durable.
      do throws(StoreError) { try disk.syncDirectory(directory) } catch { if error.kind != .missing { throw error } }
    }
  }

  /// Gives the set up: its temporaries go, its targets stay as they are.
  public func discard() {
    state.withLock { state in
      if !state.isOver { abandon(&state) }
    }
  }

  // MARK: Inside

  static func temporaryPrefix(_ session: String) -> String { ".pipe-set-\(session)-" }

  static func resolve(_ path: String, _ base: String) -> String { path.hasPrefix("/") ? path : base + "/" + path }

  private func path(_ session: String) -> String { journal.directory + "/" + session }

  private func begin(_ state: inout State) throws(StoreError) {
    guard state.descriptor < 0 else { return }
    while true {
      let session = String(UInt64.random(in: .min ... .max), radix: 36)
      let path = path(session)
      let descriptor: Int32
      do throws(StoreError) { descriptor = try journal.disk.create(path, O_RDWR | O_EXCL | O_APPEND, mode: 0o666) } catch {
        guard error.kind == .missing else { throw error }
        try journal.disk.makeDirectory(journal.directory)
        continue
      }
      // A recovery may have taken the empty journal for a dead one before it was locked: then it is gone and another is made.
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0, let status = try? Files.status(descriptor, path), status.st_nlink > 0 {
        state.session = session
        state.descriptor = descriptor
        break
      }
      close(descriptor)
    }
    do throws(StoreError) { try append(PublishIntent.line("root", journal.root), &state) } catch {
      abandon(&state)
      throw error
    }
  }

  private func append(_ line: [UInt8], _ state: inout State) throws(StoreError) {
    try line.withBytes { (bytes) throws(StoreError) in try journal.disk.write(state.descriptor, bytes, path(state.session)) }
    state.length += line.count
  }

  private func abandon(_ state: inout State) {
    guard state.descriptor >= 0 else { return end(&state) }
    // The intent may be in the file: it is cut off first, lest a kill from here on publish what was given up. The lines that say where
    // temporaries are stay until the temporaries are gone.
    if (try? journal.disk.truncate(state.descriptor, to: state.length, path(state.session))) != nil {
      for change in state.changes {
        if let temporary = change.temporary { try? journal.disk.remove(Publication.resolve(temporary, journal.root)) }
      }
      try? journal.disk.remove(path(state.session))
    }
    end(&state)
  }

  private func end(_ state: inout State) {
    state.isOver = true
    if state.descriptor >= 0 { close(state.descriptor) }
    state.descriptor = -1
  }
}

/// The new content of one file of a ``Publication``.
public final class PublishedFile: Sendable {
  private struct State {
    var descriptor: Int32
    var buffer: [UInt8] = []
  }

  /// Small writes gather until they are worth a call.
  private static let bufferLimit = 256 << 10

  private let path: String
  private let disk: Disk
  private let state: Mutex<State>

  init(_ path: String, disk: Disk) throws(StoreError) {
    self.path = path
    self.disk = disk
    self.state = Mutex(State(descriptor: try disk.create(path, O_WRONLY | O_EXCL, mode: 0o666)))
  }

  deinit {
    state.withLock { state in
      if state.descriptor >= 0 { _ = Publication.closeDescriptor(state.descriptor) }
    }
  }

  /// Appends bytes.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    try state.withLock { (state) throws(StoreError) in
      precondition(state.descriptor >= 0, "this file is closed")
      if state.buffer.count + bytes.count <= PublishedFile.bufferLimit {
        state.buffer.append(contentsOf: bytes)
      } else {
        try flush(&state)
        try disk.write(state.descriptor, bytes, path)
      }
    }
  }

  /// Appends bytes.
  public func write(_ bytes: [UInt8]) throws(StoreError) {
    try bytes.withBytes { (bytes) throws(StoreError) in try write(bytes) }
  }

  /// Ends the content, and waits until it is on the device.
  public func close() throws(StoreError) {
    try state.withLock { (state) throws(StoreError) in
      guard state.descriptor >= 0 else { return }
      try flush(&state)
      try disk.sync(state.descriptor, path)
      let descriptor = state.descriptor
      state.descriptor = -1
      guard Publication.closeDescriptor(descriptor) == 0 else { throw StoreError("close", path) }
    }
  }

  private func flush(_ state: inout State) throws(StoreError) {
    try state.buffer.withBytes { (bytes) throws(StoreError) in
      if !bytes.isEmpty { try disk.write(state.descriptor, bytes, path) }
    }
    state.buffer.removeAll(keepingCapacity: true)
  }
}

extension Publication {
  // `close` inside a type with a method of that name would mean the method.
  static func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }
}

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// What is known of one submission: that it was meant, its handle, how it ended, that its result was taken.
///
/// Something that is submitted outlives its run and must not be submitted twice, so each step is on the device before the next begins.
/// One file per key, only appended to; a line torn by a kill was never written. The caller holds the key's lock while it appends.
public struct SubmitJournal: Sendable {
  public enum Step: Sendable, Equatable {
    /// It is about to be submitted. Stage and manifest are for people: `pipe log` finds it by them.
    case intent(attempt: Int, backend: String, stage: String, manifest: String)
    /// It was submitted, and this is how it is found again.
    case handle(attempt: Int, String)
    /// It has ended; the text is `done`, or why it failed.
    case ended(attempt: Int, String)
    /// Its result is in the store.
    case taken(attempt: Int)
    /// Somebody decided that it counts as never submitted.
    case abandoned(attempt: Int)

    public var attempt: Int {
      switch self {
      case .intent(let attempt, _, _, _), .handle(let attempt, _), .ended(let attempt, _), .taken(let attempt), .abandoned(let attempt): attempt
      }
    }
  }

  /// How it ended when all was well.
  public static let done = "done"

  private let directory: String
  private let disk: Disk
  private var path: String { directory + "/journal" }

  /// - Parameter directory: of this submission alone, named by its key.
  public init(directory: String, disk: Disk = .real) {
    self.directory = directory
    self.disk = disk
  }

  /// The steps so far; none when nothing was ever meant.
  public func steps() throws(StoreError) -> [Step] {
    guard let bytes = try Files.contents(path) else { return [] }
    return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in PublishIntent.fields(line).flatMap(Self.step) }
  }

  /// Adds a step; it is on the device when this returns.
  public func append(_ step: Step) throws(StoreError) {
    let isNew = !Files.isThere(path)
    try disk.makeDirectory(directory)
    let file = try disk.create(path, O_WRONLY | O_APPEND, mode: 0o666)
    defer { _ = Publication.closeDescriptor(file) }
    // The newline before it ends whatever a kill left behind.
    let line = (isNew ? [] : [UInt8(ascii: "\n")]) + Self.line(step)
    try line.withBytes { (bytes) throws(StoreError) in try disk.write(file, bytes, path) }
    try disk.sync(file, path)
    if isNew {
      try disk.syncDirectory(directory)
      try disk.syncDirectory(String(AtomicFile.split(directory).directory.dropLast()))
    }
  }

  private static func line(_ step: Step) -> [UInt8] {
    switch step {
    case .intent(let attempt, let backend, let stage, let manifest): PublishIntent.line("intent", "\(attempt)", backend, stage, manifest)
    case .handle(let attempt, let handle): PublishIntent.line("handle", "\(attempt)", handle)
    case .ended(let attempt, let how): PublishIntent.line("ended", "\(attempt)", how)
    case .taken(let attempt): PublishIntent.line("taken", "\(attempt)")
    case .abandoned(let attempt): PublishIntent.line("abandoned", "\(attempt)")
    }
  }

  private static func step(_ fields: [String]) -> Step? {
    guard fields.count >= 2, let attempt = Int(fields[1]) else { return nil }
    switch (fields[0], fields.count) {
    case ("intent", 5): return .intent(attempt: attempt, backend: fields[2], stage: fields[3], manifest: fields[4])
    case ("handle", 3): return .handle(attempt: attempt, fields[2])
    case ("ended", 3): return .ended(attempt: attempt, fields[2])
    case ("taken", 2): return .taken(attempt: attempt)
    case ("abandoned", 2): return .abandoned(attempt: attempt)
    default: return nil
    }
  }
}

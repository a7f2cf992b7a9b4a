internal import Rows

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Publishes sets of files so that a set appears whole: after a crash at any moment, the next `pipe` completes or undoes it.
///
/// A publication writes temporaries beside their targets, then its intent (fsynced), then renames. What has an intent is rolled
/// forward by ``recover(sweeping:)``, which every run calls before anything else; what has none is removed.
public final class PublishJournal: Sendable {
  let directory: String
  let root: String
  let disk: Disk

  /// - Parameters:
  ///   - directory: where journals lie while publications are under way, for example `.pipe/publish`.
  ///   - root: what the paths of the files are relative to: the workspace root. A workspace that is moved between a crash and the
  ///     recovery is recovered where it is then.
  public init(directory: String, root: String, disk: Disk = .real) {
    self.directory = directory
    self.root = root
    self.disk = disk
  }

  /// Begins a set; nothing is written before its first file.
  public func begin() -> Publication { Publication(self) }

  /// What ``recover(sweeping:)`` found and did.
  public struct Recovery: Sendable, Equatable {
    /// Files whose publication was under way and is complete now.
    public var completed: [String] = []
    /// Temporaries that were removed.
    public var removedTemporaries = 0
    /// Sets that cannot be completed now, and why; they are tried again by the next recovery.
    public var failures: [StoreError] = []

    public init() {}
  }

  /// Completes what dead processes meant to publish and removes their temporaries. Doing it twice is fine; live publications are left alone.
  ///
  /// - Parameter directories: where ``AtomicFile`` may have been interrupted; their abandoned temporaries go too.
  public func recover(sweeping directories: [String] = []) -> Recovery {
    var recovery = Recovery()
    for name in Files.names(in: directory).sorted() {
      do throws(StoreError) { try recover(directory + "/" + name, session: name, &recovery) } catch { recovery.failures.append(error) }
    }
    for directory in directories { recovery.removedTemporaries += AtomicFile.sweep(directory, disk: disk) }
    return recovery
  }

  private func recover(_ path: String, session: String, _ recovery: inout Recovery) throws(StoreError) {
    guard let descriptor = try Files.open(path) else { return }
    defer { close(descriptor) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return }
    let intent = PublishIntent(journal: try Files.contents(path) ?? [])
    let base = place(of: intent)
    if intent.isComplete {
      for change in intent.changes {
        if try change.apply(under: base, disk) { recovery.completed.append(change.target) }
      }
      try Publication.syncDirectories(intent.changes, under: base, disk)
    }
    for directory in intent.directories {
      let place = Publication.resolve(directory, base)
      for name in Files.names(in: place) where name.hasPrefix(Publication.temporaryPrefix(session)) {
        try disk.remove(place + "/" + name)
        recovery.removedTemporaries += 1
      }
    }
    try disk.remove(path)
  }

  /// Where a journal's relative paths begin: here, when its temporaries are here, else where it was written.
  private func place(of intent: PublishIntent) -> String {
    func has(_ base: String) -> Bool {
      intent.changes.contains { $0.temporary.map { Files.isThere(Publication.resolve($0, base)) } ?? false }
    }
    if intent.root == root || intent.root.isEmpty || has(root) { return root }
    return Files.isThere(intent.root) ? intent.root : root
  }
}

/// What a journal says is to be done.
///
/// One line per step, each ending with the check of what precedes it: `root`, `dir` (before a temporary is made there), `rename`,
/// `remove`, and `intent`, which counts the changes and without which none of them counts.
struct PublishIntent {
  struct Change: Equatable {
    var temporary: String?
    var target: String

    /// Renames or removes; false when it was done before.
    func apply(under base: String, _ disk: Disk) throws(StoreError) -> Bool {
      let target = Publication.resolve(target, base)
      guard let temporary else {
        guard Files.isThere(target) else { return false }
        try disk.remove(target)
        return true
      }
      let source = Publication.resolve(temporary, base)
      guard Files.isThere(source) else { return false }
      try disk.rename(source, to: target)
      return true
    }
  }

  private(set) var root = ""
  private(set) var directories: [String] = []
  private(set) var changes: [Change] = []
  private(set) var isComplete = false

  /// Reads a journal as far as it is whole.
  init(journal: [UInt8]) {
    for line in journal.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
      guard let fields = PublishIntent.fields(line), let verb = fields.first else { return }
      switch (verb, fields.count) {
      case ("root", 2): root = fields[1]
      case ("dir", 2): directories.append(fields[1])
      case ("rename", 3): changes.append(Change(temporary: fields[1], target: fields[2]))
      case ("remove", 2): changes.append(Change(temporary: nil, target: fields[1]))
      case ("intent", 2): isComplete = Int(fields[1]) == changes.count
      default: return
      }
    }
  }

  /// The fields of a line without its newline, or nil when it is torn or damaged.
  static func fields(_ line: ArraySlice<UInt8>) -> [String]? {
    guard let tab = line.lastIndex(of: UInt8(ascii: "\t")),
      let check = UInt64(String(decoding: line[(tab + 1)...], as: UTF8.self), radix: 16),
      check == XXHash64.hash(Array(line[..<tab]))
    else { return nil }
    return line[..<tab].split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map { unescape($0) }
  }

  /// One line of a journal.
  static func line(_ fields: String...) -> [UInt8] {
    var bytes: [UInt8] = []
    for (number, field) in fields.enumerated() {
      if number > 0 { bytes.append(UInt8(ascii: "\t")) }
      for byte in field.utf8 {
        switch byte {
        case UInt8(ascii: "\t"): bytes += Array("%09".utf8)
        case UInt8(ascii: "\n"): bytes += Array("%0A".utf8)
        case UInt8(ascii: "%"): bytes += Array("%25".utf8)
        default: bytes.append(byte)
        }
      }
    }
    let check = XXHash64.hash(bytes)
    return bytes + Array("\t\(String(check, radix: 16))\n".utf8)
  }

  private static func unescape(_ field: ArraySlice<UInt8>) -> String {
    var bytes: [UInt8] = []
    var at = field.startIndex
    while at < field.endIndex {
      if field[at] == UInt8(ascii: "%"), at + 2 < field.endIndex,
        let byte = UInt8(String(decoding: field[(at + 1)...(at + 2)], as: UTF8.self), radix: 16)
      {
        bytes.append(byte)
        at += 3
      } else {
        bytes.append(field[at])
        at += 1
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

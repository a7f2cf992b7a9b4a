import Diagnostics
import Manifests
import Processes
import Readers
import Rows
import Store
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The files of a commit, as a manifest of that commit would see them.
///
/// What is the same in the working tree is read there; anything else is taken out of git when somebody asks for it, and kept in the store
/// under its object id, so that it is taken out once. A file that git does not know is taken as it lies there.
final class GitTree: Sendable {
  /// What git could not answer.
  struct Failure: Error {
    let message: String
    let isUnknownRevision: Bool
  }

  let revision: String
  /// In hexadecimal.
  let commit: String
  private let root: String
  private let store: Store
  /// Path from the workspace root → object id.
  private let objects: [String: String]
  /// Paths whose bytes in the working tree are others.
  private let changed: Set<String>
  /// Paths that git knows today.
  private let tracked: Set<String>

  init(_ revision: String, root: String, store: Store) throws(Failure) {
    self.revision = revision
    self.root = root
    self.store = store
    let name = try Self.git(["rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}"], root, isRevision: true)
    commit = name.trimmed
    var objects: [String: String] = [:]
    for line in try Self.git(["ls-tree", "-r", "-z", commit], root).split(separator: "\0") {
      // `100644 blob <object>\t<path>`; links and submodules are no files of a workspace.
      guard let tab = line.firstIndex(of: "\t") else { continue }
      let words = line[..<tab].split(separator: " ")
      guard words.count == 3, words[0].hasPrefix("100") else { continue }
      objects[String(line[line.index(after: tab)...])] = String(words[2])
    }
    self.objects = objects
    changed = Set(try Self.git(["diff", "--name-only", "--no-renames", "--no-ext-diff", "--relative", "-z", commit, "--"], root).split(separator: "\0").map(String.init))
    tracked = Set(try Self.git(["ls-files", "-z"], root).split(separator: "\0").map(String.init))
  }

  /// The bytes of a file, from the workspace root.
  func load(_ path: String) -> Result<[UInt8], ManifestReader.LoadFailure> {
    guard objects[path] != nil else {
      return tracked.contains(path) || path.hasPrefix("/") ? .failure(.init("there is no such file at `\(revision)`")) : Workspace.read(root + "/" + path)
    }
    do throws(Failure) { return Workspace.read(try place(of: path)) } catch { return .failure(.init(error.message)) }
  }

  /// Whether the commit has the file.
  func has(_ path: String) -> Bool { objects[path] != nil }

  /// The files that a source is made of.
  func locations(_ outside: OutsideSource) throws(ReadError) -> [SourceLocation] {
    switch outside.origin {
    case .files(let pattern):
      if pattern.hasPrefix("/") || pattern.hasPrefix("../") { return try SourceListing.locations(of: pattern, root: root) }
      var names = Set(objects.keys)
      // What git does not know is taken as it lies there.
      for location in (try? SourceListing.locations(of: pattern, root: root)) ?? [] where !tracked.contains(location.name) { names.insert(location.name) }
      return try SourceListing.locations(of: pattern, among: names) { (name) throws(ReadError) in try self.path(name) }
    case .sqlite(let path, let read):
      return [SourceLocation(name: path, path: try self.path(path), content: .database(read))]
    case .command: return []
    }
  }

  private func path(_ name: String) throws(ReadError) -> String {
    if name.hasPrefix("/") { return name }
    do throws(Failure) { return try place(of: name) } catch { throw ReadError(.unreadable, error.message, in: name) }
  }

  /// Where a file's bytes lie.
  private func place(of path: String) throws(Failure) -> String {
    guard let object = objects[path], changed.contains(path) else { return root + "/" + path }
    let folder = store.directory + "/bases"
    let kept = folder + "/" + object
    if access(kept, R_OK) == 0 { return kept }
    mkdir(store.directory, 0o777)
    mkdir(folder, 0o777)
    let temporary = folder + "/.taking-\(getpid())-\(UInt64.random(in: .min ... .max))"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw Failure(message: "`\(path)` of `\(revision)` cannot be taken out of git: \(String(cString: strerror(errno)))", isUnknownRevision: false)
    }
    var isKept = false
    defer {
      close(descriptor)
      if !isKept { unlink(temporary) }
    }
    do {
      // Filters, so that it is what a checkout would put there.
      try Self.runner(["cat-file", "--filters", "\(commit):./\(path)"], root).run(input: { () throws(Failure) in nil }) { bytes throws(Failure) in
        var rest = bytes
        while !rest.isEmpty {
          let written = write(descriptor, rest.baseAddress!, rest.count)
          if written < 0 {
            if errno == EINTR { continue }
            throw Failure(message: "`\(path)` of `\(revision)` cannot be kept: \(String(cString: strerror(errno)))", isUnknownRevision: false)
          }
          rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
      }
    } catch {
      switch error {
      case .caller(let failure): throw failure
      case .process(let failure): throw Failure(message: "`\(path)` of `\(revision)` cannot be taken out of git: \(failure.message("git"))", isUnknownRevision: false)
      }
    }
    guard rename(temporary, kept) == 0 else { throw Failure(message: "`\(kept)` cannot be written: \(String(cString: strerror(errno)))", isUnknownRevision: false) }
    isKept = true
    return kept
  }

  // MARK: git

  static func runner(_ arguments: [String], _ root: String) -> ProcessRunner {
    ProcessRunner(Command(arguments: ["git", "--no-optional-locks"] + arguments, environment: HostEnvironment.base(), directory: root))
  }

  /// What a git command prints.
  static func git(_ arguments: [String], _ root: String, isRevision: Bool = false) throws(Failure) -> String {
    do {
      return String(decoding: try runner(arguments, root).collect(maximumBytes: 1 << 30), as: UTF8.self)
    } catch {
      if isRevision { throw Failure(message: "git knows no revision `\(arguments.last!.dropLast(9))`", isUnknownRevision: true) }
      throw Failure(message: error.standardErrorTail.last ?? error.message("git"), isUnknownRevision: false)
    }
  }
}

extension String {
  /// Without white space at the end.
  var trimmed: String {
    var text = self[...]
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
  }
}

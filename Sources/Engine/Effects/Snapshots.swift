#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Manifests
package import Processes
import Readers
package import Rows
package import Store
import Synchronization

/// What the outside world answered, taken once and pinned: the output of source commands as files.
///
/// A snapshot is named by the command and the workspace files that it names (editing the script takes it anew); its bytes lie under their
/// digest in the store. Bytes and pin are on the device before anything reads them, and the pin stands in the lock afterwards. A stage
/// with the effect `snapshot` is pinned there in the same way, under its key; its rows are results in the store.
package final class Snapshots: Sendable {
  package struct Snapshot: Sendable {
    let name: String
    let path: String
    let digest: Digest
  }

  /// A pin as the lock holds it.
  package struct Pin: Sendable, Equatable {
    /// The command as a JSON list, or a stage's name.
    package let command: String
    /// Digest of what was asked: the command and the files it names, or the stage's key.
    package let request: Digest
    package let digest: Digest
  }

  private let store: Store
  private let root: String
  private let locked: [Pin]
  private let renewed: Set<[String]>
  private let oversight: Oversight
  /// Files of another place than the workspace. Commands are not run there.
  private let tree: GitTree?
  private let taken = Mutex<[Pin]>([])

  /// - Parameters:
  ///   - locked: what the lock pins.
  ///   - renewed: commands whose snapshots are taken anew (`pipe update`).
  package convenience init(store: Store, root: String, locked: [Pin], renewed: Set<[String]>, oversight: Oversight) {
    self.init(store: store, root: root, locked: locked, renewed: renewed, oversight: oversight, tree: nil)
  }

  init(store: Store, root: String, locked: [Pin], renewed: Set<[String]>, oversight: Oversight, tree: GitTree?) {
    self.tree = tree
    self.store = store
    self.root = root
    self.locked = locked
    self.renewed = renewed
    self.oversight = oversight
  }

  /// The pins of this run, for the lock.
  package var pins: [Pin] { taken.withLock { $0 } }

  private var directory: String { store.directory + "/snapshots" }
  private func path(_ digest: Digest) -> String { directory + "/" + digest.hex }
  private func name(_ argv: [String]) -> String { "run: " + argv.joined(separator: " ") }

  private func request(_ argv: [String]) -> Digest {
    var writer = ByteWriter()
    writer.text("pipe-snapshot-1")
    writer.number(argv.count)
    for word in argv {
      writer.text(word)
      if !word.hasPrefix("/"), word.contains("/") || word.contains("."), let digest = digest(of: word) { writer.digest(digest) }
    }
    return Digest.of(writer.bytes)
  }

  private func digest(of path: String) -> Digest? {
    if let tree { if case .success(let bytes) = tree.load(path) { Digest.of(bytes) } else { nil } } else { try? Workspace.digest(of: root + "/" + path).get() }
  }

  private static func text(_ argv: [String]) -> String {
    var out: [UInt8] = [UInt8(ascii: "[")]
    for (index, word) in argv.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      JSONText.append(word, to: &out)
    }
    out.append(UInt8(ascii: "]"))
    return String(decoding: out, as: UTF8.self)
  }

  /// The pinned snapshot of a command, if there is one and its bytes are here.
  func pinned(_ argv: [String]) -> Snapshot? {
    if renewed.contains(argv) { return nil }
    let request = request(argv)
    let digest: Digest
    if let pin = locked.first(where: { $0.request == request }) {
      digest = pin.digest
    } else if let bytes = (try? store.entry(.pin, request)) ?? nil, bytes.count == Digest.byteCount {
      digest = bytes.withUnsafeBytes { Digest(bytes: $0) }
    } else {
      return nil
    }
    guard access(path(digest), R_OK) == 0 else { return nil }
    note(Pin(command: Self.text(argv), request: request, digest: digest))
    return Snapshot(name: name(argv), path: path(digest), digest: digest)
  }

  /// Whether the lock pins what a command said, as it and the files that it names are today.
  func isLocked(_ argv: [String]) -> Bool {
    let request = request(argv)
    return locked.contains { $0.request == request }
  }

  /// Runs a command and pins what it prints. A pin of the lock whose bytes are absent is an error: other bytes would silently be another
  /// data set.
  func take(_ argv: [String]) throws(ReadError) -> Snapshot {
    let request = request(argv)
    if !renewed.contains(argv), let pin = locked.first(where: { $0.request == request }) {
      throw ReadError(
        .notFound, "is pinned in the lock (sha256:\(pin.digest.short)), and its bytes are not in this store", in: name(argv),
        help: "bring the store of whoever made the lock (`--store`), or take it anew: pipe update")
    }
    if let tree { throw ReadError(.notFound, "was never run at `\(tree.revision)`", in: name(argv)) }
    let snapshot = try run(argv)
    do {
      try store.record(.pin, request, snapshot.digest.bytes)
      try store.makeDurable()
    } catch { throw ReadError(.unreadable, "could not be pinned: \(error)", in: name(argv)) }
    note(Pin(command: Self.text(argv), request: request, digest: snapshot.digest))
    return snapshot
  }

  private func note(_ pin: Pin) { taken.withLock { if !$0.contains(pin) { $0.append(pin) } } }

  private func run(_ argv: [String]) throws(ReadError) -> Snapshot {
    mkdir(store.directory, 0o777)
    mkdir(directory, 0o777)
    let temporary = directory + "/.taking-\(getpid())-\(UInt64.random(in: .min ... .max))"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw ReadError(.unreadable, "no snapshot can be written: \(String(cString: strerror(errno)))", in: name(argv)) }
    var isKept = false
    defer {
      close(descriptor)
      if !isKept { unlink(temporary) }
    }
    var hash = DigestBuilder()
    let command = Command(arguments: argv, environment: HostEnvironment.base(), directory: root)
    do {
      try ProcessRunner(command, oversight).run(input: { () throws(ReadError) in nil }) { bytes throws(ReadError) in
        hash.update(bytes)
        var rest = bytes
        while !rest.isEmpty {
          let written = write(descriptor, rest.baseAddress!, rest.count)
          if written < 0 {
            if errno == EINTR { continue }
            throw ReadError(.unreadable, "its output could not be written: \(String(cString: strerror(errno)))", in: self.name(argv))
          }
          rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
      }
    } catch {
      switch error {
      case .caller(let failure): throw failure
      case .process(let failure):
        let tail = failure.standardErrorTail.isEmpty ? "" : "\n" + failure.standardErrorTail.joined(separator: "\n")
        throw ReadError(.unreadable, failure.message(argv.joined(separator: " ")) + tail, in: name(argv), help: failure.help)
      }
    }
    let digest = hash.finish()
    guard fsync(descriptor) == 0, rename(temporary, path(digest)) == 0, syncDirectory() else {
      throw ReadError(.unreadable, "its output could not be kept: \(String(cString: strerror(errno)))", in: name(argv))
    }
    isKept = true
    return Snapshot(name: name(argv), path: path(digest), digest: digest)
  }

  /// Waits until the names in the folder are on the device.
  private func syncDirectory() -> Bool {
    let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return false }
    defer { close(folder) }
    // Some file systems cannot sync a directory and say EINVAL; they order names by themselves.
    return fsync(folder) == 0 || errno == EINVAL
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

public import Manifests
public import Rows

/// The folder that everything a manifest names starts from.
///
/// The root is the nearest ancestor of the manifest that holds `.pipe`, `Manifests/` or `.git`, else the manifest's own folder.
public struct Workspace: Sendable {
  /// Absolute, without a slash at the end.
  public let root: String
  /// Where artifacts and records are kept; absolute.
  public let storeDirectory: String

  public init(root: String, storeDirectory: String? = nil) {
    self.root = root
    self.storeDirectory = storeDirectory ?? root + "/.pipe"
  }

  /// The workspace of a path (a manifest, or a folder): climbs until a root's mark is found.
  public static func containing(_ path: String, root: String? = nil, store: String? = nil) -> Workspace {
    let store = store.map { absolute($0) }
    if let root { return Workspace(root: absolute(root), storeDirectory: store) }
    let start = absolute(path)
    let folder = isFolder(start) ? start : parent(start)
    var candidate = folder
    while true {
      if [".pipe", "Manifests", ".git"].contains(where: { exists(candidate + "/" + $0) }) { return Workspace(root: candidate, storeDirectory: store) }
      let up = parent(candidate)
      if up == candidate { return Workspace(root: folder, storeDirectory: store) }
      candidate = up
    }
  }

  /// A path as it is written from the root; absolute when it lies outside.
  public func relative(_ path: String) -> String {
    let absolute = Self.absolute(path)
    return absolute.hasPrefix(root + "/") ? String(absolute.dropFirst(root.count + 1)) : absolute
  }

  /// A path of a manifest as the system opens it.
  public func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : root + "/" + path }

  /// The manifests of the workspace, from the root: `Manifests/*.yaml`, else those beside the root.
  public func manifests() -> [String] {
    let inside = Self.names(in: root + "/Manifests").filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.map { "Manifests/" + $0 }
    if !inside.isEmpty { return inside }
    return Self.names(in: root).filter { ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) && Self.looksLikeManifest(root + "/" + $0) }
  }

  private static func looksLikeManifest(_ path: String) -> Bool {
    guard case .success(let bytes) = read(path) else { return false }
    return String(decoding: bytes.prefix(4096), as: UTF8.self).contains("pipe/v1")
  }

  /// The bytes of a file of the workspace.
  public func load(_ path: String) -> Result<[UInt8], ManifestReader.LoadFailure> { Self.read(absolute(path)) }

  // MARK: the file system

  public static var currentDirectory: String {
    guard let text = getcwd(nil, 0) else { return "/" }
    defer { free(text) }
    return String(cString: text)
  }

  /// A path from the current folder, with `.` and `..` taken out.
  public static func absolute(_ path: String) -> String {
    let whole = path.hasPrefix("/") ? path : currentDirectory + "/" + path
    var parts: [Substring] = []
    for part in whole.split(separator: "/") {
      switch part {
      case ".": continue
      case "..": _ = parts.popLast()
      default: parts.append(part)
      }
    }
    return "/" + parts.joined(separator: "/")
  }

  static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  static func names(in folder: String, hidden: Bool = false) -> [String] {
    guard let handle = opendir(folder) else { return [] }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) { String(cString: $0) }
      }
      if hidden ? name != "." && name != ".." : !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// The bytes of a file, or why it cannot be read.
  public static func read(_ path: String) -> Result<[UInt8], ManifestReader.LoadFailure> {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return .failure(.init(reason(errno))) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return .failure(.init(reason(errno))) }
    if status.st_mode & S_IFMT == S_IFDIR { return .failure(.init("it is a folder")) }
    var bytes = [UInt8](repeating: 0, count: max(Int(status.st_size), 4096))
    var filled = 0
    while true {
      if filled == bytes.count { bytes += [UInt8](repeating: 0, count: bytes.count) }
      let got = bytes.withUnsafeMutableBytes { systemRead(descriptor, $0.baseAddress! + filled, $0.count - filled) }
      if got < 0 {
        if errno == EINTR { continue }
        return .failure(.init(reason(errno)))
      }
      if got == 0 { break }
      filled += got
    }
    bytes.removeSubrange(filled...)
    return .success(bytes)
  }

  /// The SHA-256 of a file of any size, or why it cannot be read.
  public static func digest(of path: String) -> Result<Digest, ManifestReader.LoadFailure> {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return .failure(.init(reason(errno))) }
    defer { close(descriptor) }
    var hash = DigestBuilder()
    // Large enough that calls cost nothing, small enough to stay in the processor's cache.
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      let got = buffer.withUnsafeMutableBytes { systemRead(descriptor, $0.baseAddress!, $0.count) }
      if got < 0 {
        if errno == EINTR { continue }
        return .failure(.init(errno == EISDIR ? "it is a folder" : reason(errno)))
      }
      if got == 0 { return .success(hash.finish()) }
      buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<got])) }
    }
  }

  private static func reason(_ code: Int32) -> String {
    switch code {
    case ENOENT, ENOTDIR: "there is no such file"
    case EACCES, EPERM: "permission denied"
    default: String(cString: strerror(code))
    }
  }
}

// `read` inside a type with a method of that name would mean the method.
private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int { read(descriptor, buffer, count) }

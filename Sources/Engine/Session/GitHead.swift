/// The commit a workspace is at, read from git's own files: git itself is never run.
enum GitHead {
  /// The commit in hexadecimal, or nil when the folder is in no git workspace, or has no commit yet.
  static func commit(of root: String) -> String? {
    var folder = root
    while true {
      if let directory = gitDirectory(folder + "/.git") { return commit(in: directory) }
      let up = Workspace.parent(folder)
      if up == folder { return nil }
      folder = up
    }
  }

  /// The commit (or tag) that a branch, a tag or 40 digits name, as far as git's files say it; nil when only git could tell.
  static func commit(named name: String, of root: String) -> String? {
    if digest(name) != nil { return name }
    guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 0x20 && !"~^:?*[\\@{".utf8.contains($0) }), !name.contains("..") else { return nil }
    var folder = root
    while true {
      if let directory = gitDirectory(folder + "/.git") {
        for kind in ["tags", "heads", "remotes"] { if let found = reference("refs/\(kind)/\(name)", in: directory) { return found } }
        return nil
      }
      let up = Workspace.parent(folder)
      if up == folder { return nil }
      folder = up
    }
  }

  /// Where the remote `origin` lies, without a name and a password in it; nil when there is none.
  static func remote(of root: String) -> String? {
    var folder = root
    while true {
      if let directory = gitDirectory(folder + "/.git") {
        let common = line(directory + "/commondir").map { $0.hasPrefix("/") ? $0 : directory + "/" + $0 } ?? directory
        guard case .success(let bytes) = Workspace.read(common + "/config") else { return nil }
        return remote(config: String(decoding: bytes, as: UTF8.self))
      }
      let up = Workspace.parent(folder)
      if up == folder { return nil }
      folder = up
    }
  }

  static func remote(config text: String) -> String? {
    var isOrigin = false
    for line in text.split(separator: "\n") {
      let words = line.trimmingPrefix { $0 == " " || $0 == "\t" }
      if words.hasPrefix("[") {
        isOrigin = words.hasPrefix("[remote \"origin\"]")
      } else if isOrigin, words.hasPrefix("url"), let equals = words.firstIndex(of: "=") {
        return withoutCredentials(String(words[words.index(after: equals)...].drop { $0 == " " }))
      }
    }
    return nil
  }

  /// `https://name:password@host/x.git` → `https://host/x.git`; `git@host:x.git` → `ssh://host/x.git`, which is a URL. A path of this
  /// machine says nothing to others.
  private static func withoutCredentials(_ text: String) -> String? {
    guard let scheme = text.firstRange(of: "://") else {
      guard let colon = text.firstIndex(of: ":"), !text.hasPrefix("/"), !text[..<colon].contains("/") else { return nil }
      let host = text[..<colon].split(separator: "@").last ?? ""
      return "ssh://\(host)/\(text[text.index(after: colon)...].drop { $0 == "/" })"
    }
    if text.hasPrefix("file:") { return nil }
    let rest = text[scheme.upperBound...]
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    let host = rest[..<slash].lastIndex(of: "@").map { rest[rest.index(after: $0)..<slash] } ?? rest[..<slash]
    // What stands behind `?` may be a token.
    return String(text[..<scheme.upperBound]) + host + rest[slash...].prefix { $0 != "?" && $0 != "#" }
  }

  /// `.git` is a folder, or, in worktrees and submodules, a file that says where it is.
  private static func gitDirectory(_ path: String) -> String? {
    if Workspace.isFolder(path) { return path }
    guard let text = line(path), text.hasPrefix("gitdir: ") else { return nil }
    let target = String(text.dropFirst(8))
    return target.hasPrefix("/") ? target : Workspace.parent(path) + "/" + target
  }

  private static func commit(in directory: String) -> String? {
    guard let head = line(directory + "/HEAD") else { return nil }
    guard head.hasPrefix("ref: ") else { return digest(head) }
    return reference(String(head.dropFirst(5)), in: directory)
  }

  private static func reference(_ name: String, in directory: String) -> String? {
    // A worktree keeps its branches where the first checkout keeps them.
    let common = line(directory + "/commondir").map { $0.hasPrefix("/") ? $0 : directory + "/" + $0 } ?? directory
    for place in [directory, common] { if let found = line(place + "/" + name).flatMap(digest) { return found } }
    guard case .success(let bytes) = Workspace.read(common + "/packed-refs") else { return nil }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasSuffix(" " + name) { return digest(String(line.prefix { $0 != " " })) }
    return nil
  }

  private static func digest(_ text: String) -> String? { [40, 64].contains(text.utf8.count) && text.allSatisfy(\.isHexDigit) ? text : nil }

  private static func line(_ path: String) -> String? {
    guard case .success(let bytes) = Workspace.read(path) else { return nil }
    return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }
}

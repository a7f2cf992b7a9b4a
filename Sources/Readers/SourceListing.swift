internal import Diagnostics

/// Finds the files that a path or pattern of a manifest means.
public enum SourceListing {
  /// More files than this are refused: the pattern is most likely a mistake (`/**`).
  public static let maximumFiles = 2_000_000
  /// Folders are not followed deeper than this.
  static let maximumDepth = 256

  /// The files that `pattern` means, sorted by the UTF-8 bytes of their names.
  ///
  /// A pattern starts at `root`, or is absolute. Behind `!/` stands a pattern for the members of archives. Hidden names are met only
  /// by patterns that begin with a dot; links are not followed, except when a path without wildcards names one.
  /// - Throws: `ReadError` when nothing is met, with the nearest names that exist.
  public static func locations(of pattern: String, root: String) throws(ReadError) -> [SourceLocation] {
    let (outer, members) = split(pattern)
    guard !outer.isEmpty else { throw ReadError(.pattern, "the path is empty", in: pattern) }
    if outer.utf8.contains(0) { throw ReadError(.pattern, "a path cannot hold a NUL character", in: outer) }
    let files = try self.files(outer, root: root)
    var content = SourceLocation.Content.file
    if let members {
      content = .members(try glob(members, whole: pattern))
      if let other = files.first(where: { !FileSuffix.isArchive($0) }) {
        throw ReadError(
          .pattern, "`\(other)` is not an archive by its name, so it has no members", in: pattern,
          help: "members (`!/`) are read from .tar, .tar.gz, .tar.bz2, .tar.xz, .tar.zst, .zip and .7z")
      }
    } else if let archive = files.first(where: FileSuffix.isArchive) {
      throw ReadError(
        .pattern, "`\(archive)` is an archive: say which of its members to read", in: pattern, help: "\(pattern)!/**/*.jsonl")
    }
    return files.map { SourceLocation(name: $0, path: absolute($0, root), content: content) }
  }

  /// The same over names that are known instead of a folder: the files of a commit.
  ///
  /// - Parameter path: where the bytes of a name lie; asked only for names that the pattern means.
  public static func locations(
    of pattern: String, among names: Set<String>, path: (String) throws(ReadError) -> String
  ) throws(ReadError) -> [SourceLocation] {
    let (outer, members) = split(pattern)
    let content: SourceLocation.Content = if let members { .members(try glob(members, whole: pattern)) } else { .file }
    let found: [String]
    if names.contains(outer) {
      found = [outer]
    } else {
      let glob = try glob(outer, whole: pattern)
      found = names.filter(glob.matches).sorted(by: precedesByBytes)
    }
    guard !found.isEmpty else { throw ReadError(.notFound, "there is no such file", in: pattern) }
    var locations: [SourceLocation] = []
    for name in found { locations.append(SourceLocation(name: name, path: try path(name), content: content)) }
    return locations
  }

  /// The part before `!/`, and the part behind it.
  static func split(_ pattern: String) -> (outer: String, members: String?) {
    let bytes = Array(pattern.utf8)
    for at in bytes.indices.dropLast() where bytes[at] == UInt8(ascii: "!") && bytes[at + 1] == UInt8(ascii: "/") {
      return (String(decoding: bytes[..<at], as: UTF8.self), String(decoding: bytes[(at + 2)...], as: UTF8.self))
    }
    return (pattern, nil)
  }

  static func absolute(_ name: String, _ root: String) -> String {
    name.utf8.first == UInt8(ascii: "/") || root.isEmpty ? name : root + "/" + name
  }

  private static func glob(_ text: String, whole: String) throws(ReadError) -> Glob {
    do { return try Glob(text) } catch { throw ReadError(.pattern, error.message, in: whole) }
  }

  private static func files(_ pattern: String, root: String) throws(ReadError) -> [String] {
    // A file whose very name holds brackets or stars is meant by that name.
    if let state = try state(pattern, root: root, followingLinks: true) {
      switch state.kind {
      case .regular: return [pattern]
      case .directory:
        throw ReadError(.unreadable, "this is a directory", in: pattern, help: "for the files in it: \(trimmed(pattern))/*.jsonl")
      default: throw ReadError(.unreadable, "this is not a regular file", in: pattern, help: "pipes and devices come in through `{run: …}`")
      }
    }
    guard Glob.isPattern(pattern) else { throw SourceSuggestion.notFound(pattern, root: root) }
    let glob = try self.glob(pattern, whole: pattern)
    var walk = Walk(root: root, pattern: pattern)
    let prefix = pattern.utf8.first == UInt8(ascii: "/") ? "/" : ""
    for components in glob.alternatives { try walk.visit(prefix, components[...], depth: 0) }
    guard !walk.found.isEmpty else { throw SourceSuggestion.noMatch(pattern, root: root, links: walk.links, hidden: walk.hidden) }
    // Alternatives may meet the same file; `Set` only when there are several, as most patterns have one.
    let found = glob.alternatives.count > 1 || walk.mayRepeat ? Array(Set(walk.found)) : walk.found
    return found.sorted(by: precedesByBytes)
  }

  private static func state(_ name: String, root: String, followingLinks: Bool) throws(ReadError) -> System.FileState? {
    do { return try System.state(absolute(name, root), followingLinks: followingLinks) } catch {
      if Glob.isPattern(name) { return nil }
      throw ReadError(.unreadable, "it cannot be looked at: \(error.text)", in: name)
    }
  }

  static func trimmed(_ path: String) -> String {
    var path = path
    while path.count > 1, path.utf8.last == UInt8(ascii: "/") { path.removeLast() }
    return path
  }
}

/// A walk through folders along one pattern.
private struct Walk {
  let root: String
  let pattern: String
  var found: [String] = []
  /// Links that the pattern met and that were left out, and hidden files: told when nothing else was met.
  var links: [String] = []
  var hidden: [String] = []
  /// Several `**` may reach one file on several ways.
  var mayRepeat = false

  init(root: String, pattern: String) {
    self.root = root
    self.pattern = pattern
  }

  mutating func visit(_ folder: String, _ components: ArraySlice<Glob.Component>, depth: Int) throws(ReadError) {
    guard depth <= SourceListing.maximumDepth else {
      throw ReadError(.pattern, "folders are nested deeper than \(SourceListing.maximumDepth) levels at `\(folder)`", in: pattern)
    }
    guard let first = components.first else { return }
    let rest = components.dropFirst()
    switch first {
    case .literal(let name):
      let path = folder + name
      if rest.isEmpty {
        if try kind(path) == .regular { try append(path) }
      } else {
        try visit(path + "/", rest, depth: depth + 1)
      }
    case .pattern:
      for entry in try entries(folder) where Glob.matches(first, entry.name) {
        if rest.isEmpty {
          switch entry.kind {
          case .regular: try append(folder + entry.name)
          case .link: links.append(folder + entry.name)
          default: break
          }
        } else if entry.kind == .directory {
          try visit(folder + entry.name + "/", rest, depth: depth + 1)
        }
      }
      if found.isEmpty, rest.isEmpty, hidden.isEmpty { noteHidden(folder, first) }
    case .folders:
      if rest.contains(.folders) { mayRepeat = true }
      try visit(folder, rest, depth: depth)
      for entry in try entries(folder) where entry.kind == .directory && entry.name.utf8.first != UInt8(ascii: ".") {
        try visit(folder + entry.name + "/", components, depth: depth + 1)
      }
    }
  }

  private mutating func append(_ path: String) throws(ReadError) {
    found.append(path)
    if found.count > SourceListing.maximumFiles {
      throw ReadError(.tooLarge, "more than \(SourceListing.maximumFiles) files", in: pattern, help: "begin the pattern with a folder")
    }
  }

  private func kind(_ path: String) throws(ReadError) -> System.FileState.Kind? {
    do { return try System.state(SourceListing.absolute(path, root))?.kind } catch {
      throw ReadError(.unreadable, "it cannot be looked at: \(error.text)", in: path)
    }
  }

  private func entries(_ folder: String) throws(ReadError) -> [System.Entry] {
    var invalid: String?
    let entries: [System.Entry]
    do { entries = try System.entries(SourceListing.absolute(folder, root)) { invalid = $0 } } catch {
      if error.isMissing { return [] }
      throw ReadError(.unreadable, "the folder cannot be listed: \(error.text)", in: folder)
    }
    if let invalid {
      throw ReadError(
        .pattern, "the name of a file in `\(folder)` is not UTF-8 (`\(invalid)`)", in: pattern,
        help: "rename it: names of sources are written to the lock, which other machines read")
    }
    return entries
  }

  private mutating func noteHidden(_ folder: String, _ component: Glob.Component) {
    guard let all = try? System.entries(SourceListing.absolute(folder, root)) else { return }
    for entry in all where entry.kind == .regular && entry.name.utf8.first == UInt8(ascii: ".") {
      if Glob.matches(component, entry.name.dropFirst()) { hidden.append(folder + entry.name) }
    }
  }
}

/// What to say when a path or pattern means nothing.
enum SourceSuggestion {
  /// How many names a message lists.
  private static let shown = 3

  static func notFound(_ path: String, root: String) -> ReadError {
    let (folder, missing) = deepest(path, root: root)
    let names = visible(folder, root: root)
    let prefix = folder
    let what = prefix + missing
    let message = what == path ? "there is no such file" : "there is no folder `\(what)`"
    if let near = Suggestion.nearest(to: missing, in: names.map(\.name)) {
      return ReadError(.notFound, message, in: path, help: "did you mean `\(prefix)\(near)`?")
    }
    return ReadError(.notFound, message, in: path, help: listing(names, folder: folder))
  }

  static func noMatch(_ pattern: String, root: String, links: [String], hidden: [String]) -> ReadError {
    if let link = links.min(by: precedesByBytes) {
      return ReadError(
        .notFound, "only links match (`\(link)`), and links are not followed", in: pattern, help: "name the link itself, or what it leads to")
    }
    if let name = hidden.min(by: precedesByBytes) {
      return ReadError(
        .notFound, "only hidden files match (`\(name)`)", in: pattern, help: "a wildcard meets a hidden file when the pattern begins with a dot")
    }
    // The folder before the first wildcard; when it does not exist, that is the mistake.
    let names = pattern.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
    let literal = names.prefix { !Glob.isPattern($0) }
    var folder = pattern.utf8.first == UInt8(ascii: "/") ? "/" : ""
    for name in literal { folder += name + "/" }
    let (existing, missing) = deepest(folder.isEmpty ? "" : String(folder.dropLast()), root: root)
    if !missing.isEmpty {
      let near = Suggestion.nearest(to: missing, in: visible(existing, root: root).map(\.name))
      return ReadError(
        .notFound, "there is no folder `\(existing)\(missing)`", in: pattern,
        help: near.map { "did you mean `\(existing)\($0)`?" } ?? listing(visible(existing, root: root), folder: existing))
    }
    return ReadError(.notFound, "no file matches", in: pattern, help: listing(visible(folder, root: root), folder: folder))
  }

  /// The deepest folder of a path that exists, with its slash, and the first name that does not.
  private static func deepest(_ path: String, root: String) -> (folder: String, missing: String) {
    var folder = path.utf8.first == UInt8(ascii: "/") ? "/" : ""
    for part in path.split(separator: "/", omittingEmptySubsequences: true) {
      let state = (try? System.state(SourceListing.absolute(folder + part, root))) ?? nil
      guard state?.kind == .directory else { return (folder, String(part)) }
      folder += part + "/"
    }
    return (folder, "")
  }

  private static func visible(_ folder: String, root: String) -> [System.Entry] {
    let entries = (try? System.entries(SourceListing.absolute(folder.isEmpty ? "." : folder, root))) ?? []
    return entries.filter { $0.name.utf8.first != UInt8(ascii: ".") }.sorted { precedesByBytes($0.name, $1.name) }
  }

  private static func listing(_ entries: [System.Entry], folder: String) -> String {
    let place = folder.isEmpty ? "the workspace" : "`\(folder)`"
    guard !entries.isEmpty else { return "\(place) is empty" }
    let names = entries.prefix(shown).map { "`\($0.name)\($0.kind == .directory ? "/" : "")`" }.joined(separator: ", ")
    return "\(place) holds \(names)" + (entries.count > shown ? " and \(entries.count - shown) more" : "")
  }
}

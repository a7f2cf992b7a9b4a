/// Where a path written in a manifest leads.
public enum ManifestPath {
  /// The path from the workspace root, with `.` and `..` taken out.
  ///
  /// A path starts at the workspace root; one that begins with `./` or `../` starts at the folder of the file it is written in.
  /// An absolute path stays absolute. The result begins with `..` when it leaves the root.
  ///
  /// - Parameter file: the file it is written in, from the workspace root; "" for `-p` and the like.
  public static func resolve(_ written: String, in file: String) -> String {
    if written.utf8.first == UInt8(ascii: "/") { return "/" + normalized(written[...], from: []).joined(separator: "/") }
    var base: [Substring] = []
    var prefix = ""
    if written == "." || written == ".." || written.hasPrefix("./") || written.hasPrefix("../") {
      if file.utf8.first == UInt8(ascii: "/") { prefix = "/" }
      base = normalized(file.split(separator: "/").dropLast().joined(separator: "/")[...], from: [])
    }
    return prefix + normalized(written[...], from: base).joined(separator: "/")
  }

  private static func normalized(_ path: Substring, from base: [Substring]) -> [Substring] {
    var out = base
    for part in path.split(separator: "/") {
      switch part {
      case ".": break
      case "..": if let last = out.last, last != ".." { out.removeLast() } else { out.append(part) }
      default: out.append(part)
      }
    }
    return out
  }
}

import Foundation

/// The versions under which golden cases gave their bytes: one line a case in a kind's `Golden/digests.txt`.
///
/// A case whose inputs and versions are what they were and whose bytes are not says that a version was not raised: somebody's cache would
/// go on giving the old bytes. Not even `PIPE_UPDATE_GOLDEN=1` writes that over.
struct GoldenDigests {
  struct Line: Equatable {
    var inputs: String
    var versions: String
    var outputs: String
  }

  let path: String
  /// By `file · title`.
  var lines: [String: Line] = [:]

  init(_ path: String) {
    self.path = path
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    for line in text.split(separator: "\n") {
      let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      if words.count == 4 { lines[words[0]] = Line(inputs: words[1], versions: words[2], outputs: words[3]) }
    }
  }

  /// Whether equal inputs gave other bytes under equal versions.
  static func isVersionForgotten(_ old: Line?, _ new: Line) -> Bool {
    guard let old else { return false }
    return old.inputs == new.inputs && old.versions == new.versions && old.outputs != new.outputs
  }

  func save() throws {
    let text = lines.sorted { $0.key < $1.key }.map { "\($0.key)\t\($0.value.inputs)\t\($0.value.versions)\t\($0.value.outputs)\n" }.joined()
    try text.write(toFile: path, atomically: true, encoding: .utf8)
  }
}

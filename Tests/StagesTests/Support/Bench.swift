import Diagnostics
import Engine
import Foundation
import Stages

/// A folder in which a case lies while it runs.
final class Scratch {
  let root: String

  init() {
    root = NSTemporaryDirectory() + "pipe-stages-" + UUID().uuidString
    try! FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  func write(_ path: String, _ text: String) throws {
    let full = root + "/" + path
    try FileManager.default.createDirectory(atPath: (full as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try text.write(toFile: full, atomically: true, encoding: .utf8)
    if text.hasPrefix("#!") { try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: full) }
  }

  func read(_ path: String) -> String? { try? String(contentsOfFile: root + "/" + path, encoding: .utf8) }
}

/// A workspace with one manifest.
struct Bench {
  static let manifest = "Manifests/case.yaml"
  let scratch = Scratch()

  /// - Parameter head: further top-level fields.
  init(stages: String, head: String = "", files: [(path: String, text: String)] = []) throws {
    for file in files { try scratch.write(file.path, file.text) }
    let body = stages.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? "" : "  " + $0 }.joined(separator: "\n")
    try scratch.write(Self.manifest, "schema: pipe/v1\nname: case\n\(head)stages:\n\(body)")
  }

  init(manifest: String, files: [(path: String, text: String)]) throws {
    for file in files { try scratch.write(file.path, file.text) }
    try scratch.write(Self.manifest, manifest)
  }

  /// Runs the manifest.
  func run(_ change: (inout RunOptions) -> Void = { _ in }) throws -> (session: Session, report: RunReport) {
    let session = try Session(manifest: scratch.root + "/" + Self.manifest, workspace: Workspace(root: scratch.root), kinds: StageKinds.all)
    var options = RunOptions()
    change(&options)
    return (session, try session.run(options))
  }

  /// The problems of the manifest.
  func lint() -> [Diagnostic] { Session.read(scratch.root + "/" + Self.manifest, Workspace(root: scratch.root), StageKinds.all).diagnostics }

  func rows(_ output: String, _ session: Session) throws -> String {
    try session.show(output, count: 1000).rows.map { String(decoding: $0, as: UTF8.self) + "\n" }.joined()
  }
}

import Diagnostics
import Engine
import Foundation
import Rows
import Stages

/// A workspace in a git repository, gone with the test.
final class GitWorkspace {
  static let manifest = "Manifests/case.yaml"
  let root: String
  var kinds: [String: any StageKind.Type] = StageKinds.all

  init(isRepository: Bool = true) throws {
    root = NSTemporaryDirectory() + "pipe-diff-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    guard isRepository else { return }
    try git("init", "-q", "-b", "main")
    try git("config", "user.name", "Ann")
    try git("config", "user.email", "ann@example.org")
    try write(".gitignore", ".pipe\nOutputs\n")
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  func write(_ path: String, _ text: String) throws {
    let full = root + "/" + path
    try FileManager.default.createDirectory(atPath: (full as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try text.write(toFile: full, atomically: true, encoding: .utf8)
  }

  func read(_ path: String) -> String { (try? String(contentsOfFile: root + "/" + path, encoding: .utf8)) ?? "" }

  func replace(_ path: String, _ old: String, _ new: String) throws {
    let text = read(path)
    precondition(text.contains(old), "`\(old)` stands in \(path)")
    try write(path, text.replacingOccurrences(of: old, with: new))
  }

  /// Takes everything of another workspace but some entries of its root.
  func copy(_ other: GitWorkspace, without names: [String]) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: other.root) where !names.contains(name) {
      try FileManager.default.copyItem(atPath: other.root + "/" + name, toPath: root + "/" + name)
    }
  }

  @discardableResult
  func git(_ arguments: String...) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["git", "-c", "commit.gpgsign=false"] + arguments
    process.currentDirectoryURL = URL(fileURLWithPath: root)
    var environment = ProcessInfo.processInfo.environment
    // One repository gives one history, whoever runs the test and when.
    for name in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] { environment[name] = "2026-01-02T03:04:05Z" }
    environment["GIT_CONFIG_GLOBAL"] = "/dev/null"
    process.environment = environment
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  func session() throws -> Session {
    try Session(manifest: root + "/" + Self.manifest, workspace: Workspace(root: root), kinds: kinds)
  }

  @discardableResult
  func run() throws -> RunReport { try session().run(RunOptions()) }

  /// Runs, commits everything, and names the commit.
  func commit(_ name: String) throws {
    let report = try run()
    precondition(report.exitCode == 0, "\(report.stages.compactMap { $0.failure?.message })")
    try git("add", "-A")
    try git("commit", "-q", "--allow-empty", "-m", name)
    try git("tag", name)
  }
}

/// The story of the golden files: tickets with labels, a template, a parameter.
enum Story {
  static let manifest = """
    schema: pipe/v1
    name: case
    version: 1.0.0
    params:
      min_chars: 4
    label_types: { intent: { kind: class, classes: [billing, login, other] } }
    stages:
      tickets:
        kind: ingest
        from: Datasets/tickets.jsonl
        row_key: id
        sheet: tickets
        where: "text | length >= ${params.min_chars}"
      pairs:
        kind: assemble
        from: ${stages.tickets}
        labels: Datasets/labels.jsonl
        label_type: intent
        messages:
          - { role: system, content: What is it about? }
          - { role: user, template: Pipelines/ask.jinja }
          - { role: assistant, content: "{{ intent }}" }
      dataset:
        kind: export
        from: ${stages.pairs}
        format: openai-chat
        split: { by: id, into: { train: 0.7, eval: 0.3 } }
        gate: { status: [labeled, approved] }
        to: Outputs/case/${split}.jsonl

    """

  static func tickets(_ count: Int) -> [String] {
    (1...count).map { "{\"id\":\"T-\($0)\",\"channel\":\"\($0 % 3 == 0 ? "chat" : "mail")\",\"text\":\"\($0 % 7 == 0 ? "short" : "message number \($0)")\"}" }
  }

  static func labels(_ count: Int) -> [String] {
    (1...count).map {
      "{\"sheet\":\"tickets\",\"item\":\"T-\($0)\",\"label_type\":\"intent\",\"label\":\"\(["billing", "login", "other"][$0 % 3])\",\"labeled_by\":\"w\($0 % 4)\"}"
    }
  }

  static let template = "Channel: {{ channel }}\n{% if channel == 'chat' %}(a chat)\n{% endif %}{{ text }}\n"

  static func text(_ lines: [String]) -> String { lines.map { $0 + "\n" }.joined() }

  static func workspace(rows: Int = 24, isRepository: Bool = true) throws -> GitWorkspace {
    let workspace = try GitWorkspace(isRepository: isRepository)
    try workspace.write(GitWorkspace.manifest, manifest)
    try workspace.write("Datasets/tickets.jsonl", text(tickets(rows)))
    try workspace.write("Datasets/labels.jsonl", text(labels(rows)))
    try workspace.write("Pipelines/ask.jinja", template)
    return workspace
  }

  static func editRows(_ workspace: GitWorkspace) throws {
    for number in [2, 5, 9] { try workspace.replace("Datasets/tickets.jsonl", "message number \(number)\"", "message | number <b>\(number)</b>\"") }
  }

  static func editTemplate(_ workspace: GitWorkspace) throws { try workspace.replace("Pipelines/ask.jinja", "(a chat)", "(a live chat)") }

  static func editLabels(_ workspace: GitWorkspace) throws {
    for number in [1, 4, 10, 13, 16] {
      try workspace.replace(
        "Datasets/labels.jsonl", "\"T-\(number)\",\"label_type\":\"intent\",\"label\":\"login\"", "\"T-\(number)\",\"label_type\":\"intent\",\"label\":\"billing\"")
    }
  }

  static func editParameter(_ workspace: GitWorkspace) throws { try workspace.replace(GitWorkspace.manifest, "min_chars: 4", "min_chars: 6") }
}

import Diagnostics
import Engine
import Foundation
import Stages

/// A Markdown file of golden cases: examples, documentation and test in one.
///
/// A case begins with a `## heading`. Its fences are files and answers: `` ```yaml stages `` holds the stages of the manifest (or
/// `` ```yaml manifest `` a whole one), `` ```jinja Pipelines/x.jinja `` a file at that path, and `` ```jsonl => pairs.rows ``,
/// `` ```text => error ``, `` ```text => summary `` and `` ```jsonl => Outputs/x.jsonl `` what came of it. With `PIPE_UPDATE_GOLDEN=1` the answers are
/// written instead of compared.
struct GoldenFile {
  struct Fence {
    /// `yaml stages`, `jsonl => pairs.rows`
    let info: String
    let text: String
    /// Lines of the text in the file, from 0; the fences themselves are outside.
    let lines: Range<Int>

    var name: String { info.split(separator: " ", maxSplits: 1).dropFirst().first.map(String.init) ?? "" }
    var answer: String? { name.hasPrefix("=> ") ? String(name.dropFirst(3)) : nil }
  }

  struct Case {
    let title: String
    let fences: [Fence]
  }

  let path: String
  private let lines: [String]
  let cases: [Case]

  init(_ path: String) throws {
    self.path = path
    lines = try String(contentsOfFile: path, encoding: .utf8).components(separatedBy: "\n")
    var cases: [Case] = []
    var title = ""
    var fences: [Fence] = []
    var open: (info: String, first: Int)?
    for (number, line) in lines.enumerated() {
      if let (info, first) = open {
        guard line == "```" else { continue }
        fences.append(Fence(info: info, text: lines[first..<number].map { $0 + "\n" }.joined(), lines: first..<number))
        open = nil
      } else if line.hasPrefix("```") {
        open = (String(line.dropFirst(3)), number + 1)
      } else if line.hasPrefix("## ") {
        if !fences.isEmpty { cases.append(Case(title: title, fences: fences)) }
        title = String(line.dropFirst(3))
        fences = []
      }
    }
    if !fences.isEmpty { cases.append(Case(title: title, fences: fences)) }
    self.cases = cases
  }

  /// The file with some answers replaced.
  func updated(_ answers: [(lines: Range<Int>, text: String)]) -> String {
    var out = lines
    for answer in answers.sorted(by: { $0.lines.lowerBound > $1.lines.lowerBound }) {
      var text = answer.text.components(separatedBy: "\n")
      if text.last == "" { text.removeLast() }
      out.replaceSubrange(answer.lines, with: text)
    }
    return out.joined(separator: "\n")
  }
}

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
    let session = try Session(manifest: scratch.root + "/" + Self.manifest, workspace: Workspace(root: scratch.root), kinds: TestKinds.all)
    var options = RunOptions()
    change(&options)
    return (session, try session.run(options))
  }

  /// The problems of the manifest.
  func lint() -> [Diagnostic] { Session.read(scratch.root + "/" + Self.manifest, Workspace(root: scratch.root), TestKinds.all).diagnostics }

  func rows(_ output: String, _ session: Session) throws -> String {
    try session.show(output, count: 1000).rows.map { String(decoding: $0, as: UTF8.self) + "\n" }.joined()
  }
}

enum GoldenRunner {
  /// Runs a case and returns what stands in place of its answers.
  static func answers(_ one: GoldenFile.Case) throws -> [(fence: GoldenFile.Fence, text: String)] {
    var files: [(String, String)] = []
    var stages = ""
    var head = ""
    var manifest: String?
    for fence in one.fences where fence.answer == nil {
      switch fence.name {
      case "stages": stages = fence.text
      case "head": head = fence.text
      case "manifest": manifest = fence.text
      case "": continue
      default: files.append((fence.name, fence.text))
      }
    }
    let bench = try manifest.map { try Bench(manifest: $0, files: files) } ?? Bench(stages: stages, head: head, files: files)
    let (session, report): (Session, RunReport)
    do {
      (session, report) = try bench.run()
    } catch Session.Failure.invalid(let problems) {
      return one.fences.filter { $0.answer != nil }.map { fence in
        (fence, (fence.answer == "error" ? "" : "(the manifest is invalid)\n") + screen(problems.all, bench))
      }
    }
    return one.fences.filter { $0.answer != nil }.map { fence in
      let text: String =
        switch fence.answer! {
        case "error": screen(report.stages.compactMap(\.failure), bench)
        case "summary": summary(report)
        case let path where path.contains("/"): bench.scratch.read(path)?.replacingOccurrences(of: "\r\n", with: "␍\n") ?? "(no such file)\n"
        case let output: (try? bench.rows(output, session)) ?? "(no such output: \(screen(report.stages.compactMap(\.failure), bench)))\n"
        }
      return (fence, text)
    }
  }

  private static func screen(_ problems: [Diagnostic], _ bench: Bench) -> String {
    let text = DiagnosticRenderer().render(problems.inReadingOrder()).replacingOccurrences(of: bench.scratch.root + "/", with: "")
    return text.hasSuffix("\n") ? text : text + "\n"
  }

  /// One line a stage: rows in and out, dropped rows with reasons, facts, note, outputs with their digests.
  private static func summary(_ report: RunReport) -> String {
    var out = ""
    for stage in report.stages where !stage.isImplicit {
      out += "\(stage.name): \(stage.rowsIn) in, \(stage.rowsOut) out"
      for drop in stage.dropped { out += ", \(drop.count) \(drop.reason)" }
      if let note = stage.note { out += "; \(note)" }
      out += "\n"
      for fact in stage.facts { out += "  \(fact.name) = \(fact.sum)\n" }
      for check in stage.checks { out += "  \(check.text): \(check.outcome.rawValue) \(check.detail)\n" }
      for output in stage.outputs { out += "  \(output.port) \(output.rows) rows \(output.content.prefix(19))\n" }
    }
    return out
  }
}

import Diagnostics
import Engine
import Foundation
import Rows
import Stages

/// Runs golden cases.
enum GoldenRunner {
  /// What a case came to.
  struct Outcome {
    var answers: [(fence: GoldenFile.Fence, text: String)]
    /// A digest of everything that goes in: manifest and files.
    let inputs: String
    /// Kinds and components that made it, with their versions; empty when nothing ran to its end.
    var versions = ""
    /// A digest of the content of every output.
    var outputs = ""
    /// Tasks that a second run executed; none should.
    var again = 0
  }

  static func run(_ one: GoldenFile.Case) throws -> Outcome {
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
    let given = [manifest ?? "", head, stages] + files.flatMap { [$0.0, $0.1] }
    var outcome = Outcome(answers: [], inputs: short(given))
    let asked = one.fences.filter { $0.answer != nil }
    let (session, report): (Session, RunReport)
    do {
      (session, report) = try bench.run()
    } catch Session.Failure.invalid(let problems) {
      outcome.answers = asked.map { fence in
        (fence, (["error", "answer"].contains(fence.answer) ? "" : "(the manifest is invalid)\n") + screen(problems.all, bench))
      }
      return outcome
    }
    outcome.answers = asked.map { fence in
      let text: String =
        switch fence.answer! {
        case "error": screen(report.stages.compactMap(\.failure), bench)
        case "lint": screen(bench.lint(), bench)
        case "summary": summary(report)
        case "answer": answer(report, session, bench)
        case let path where path.contains("/"): bench.scratch.read(path)?.replacingOccurrences(of: "\r\n", with: "␍\n") ?? "(no such file)\n"
        case let output: (try? bench.rows(output, session)) ?? "(no such output: \(screen(report.stages.compactMap(\.failure), bench)))\n"
        }
      return (fence, text)
    }
    let done = report.stages.filter { $0.status == .ran }
    guard !done.isEmpty else { return outcome }
    outcome.versions = Set(done.map(\.kind)).sorted().compactMap { StageKinds.all[$0].map(versions) }.joined(separator: " ")
    outcome.outputs = short(done.flatMap { stage in stage.outputs.flatMap { [stage.name, $0.port, $0.content] } })
    if report.exitCode == 0 { outcome.again = try bench.run().report.ran }
    return outcome
  }

  /// Enough of a digest to tell texts apart; each with its length, so that none runs into the next.
  private static func short(_ texts: [String]) -> String {
    String(Digest.of(Array(texts.map { "\($0.utf8.count):\($0)" }.joined().utf8)).hex.prefix(16))
  }

  /// `assemble/1(templates/1)`
  private static func versions(_ kind: any StageKind.Type) -> String {
    let components = kind.components.sorted { $0.name < $1.name }.map { "\($0.name)/\($0.version)" }
    return "\(kind.name)/\(kind.version)" + (components.isEmpty ? "" : "(\(components.joined(separator: ",")))")
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

  /// Everything a small case comes to: the rows of every output, dropped rows, facts, checks; or what went wrong.
  private static func answer(_ report: RunReport, _ session: Session, _ bench: Bench) -> String {
    var out = ""
    for stage in report.stages where !stage.isImplicit || stage.failure != nil {
      if let failure = stage.failure {
        out += screen([failure], bench)
        continue
      }
      guard stage.status == .ran else {
        out += "\(stage.name): \(stage.status.rawValue)\n"
        continue
      }
      for output in stage.outputs where output.isPublic && (output.rows > 0 || output.port == stage.outputs.first?.port) {
        let name = "\(stage.name).\(output.port)"
        let rows = (try? bench.rows(name, session)) ?? "(no such output)\n"
        out += name + "\n" + rows.split(separator: "\n").map { "  \($0)\n" }.joined()
      }
      for drop in stage.dropped { out += "dropped \(drop.count) \(drop.reason)\n" }
      for fact in stage.facts { out += "fact \(fact.name) \(fact.sum)\n" }
      for check in stage.checks { out += "check \(check.text): \(check.outcome.rawValue) (\(check.detail))\n" }
    }
    return out
  }
}

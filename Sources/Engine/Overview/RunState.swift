package import Lineage
import Diagnostics
import Rows
import Store

/// The state that a recorded run left, opened to be looked at: rows, where they came from, what was dropped, templates, reasons.
///
/// Nothing is run; bytes that were never kept are made again. What cannot be looked at any more is said in ``notes``.
package final class RunState {
  package let record: RunRecord
  package let pipeline: Pipeline
  let session: Session
  let side: DiffSide
  let privacy: Privacy
  /// What could not be looked at, one sentence each.
  package private(set) var notes: [String] = []
  /// By stage of the record, the stage it is in the graph.
  private let runs: [StageRun?]

  init(_ record: RunRecord, of session: Session) throws {
    self.record = record
    let point = try record.id.isEmpty ? DiffPoint(workingTree: session) : DiffPoint(run: record, of: session)
    self.session = point.session
    pipeline = point.session.pipeline
    side = try DiffSide(point.session, pinned: point.keys)
    privacy = Privacy([point.session.pipeline])
    let stages = side.scheduler.stages
    runs = record.stages.map { entry in
      let name = entry.caseLabel.map { "\(entry.name)@\($0)" } ?? entry.name
      return stages.first { $0.stage.name == name } ?? stages.first { $0.stage.isImplicit && $0.stage.displayName == name }
    }
    if runs.contains(where: { $0 == nil }) { note("some stages of this run are no longer in the manifest: their rows and texts are not shown") }
  }

  func note(_ text: String) { if !notes.contains(text) { notes.append(text) } }

  /// A stage as it stands in the graph; nil when the manifest has it no more, or its result is not there.
  func run(_ stage: Int) -> StageRun? { runs[stage] }

  /// The record's stage of a stage of the graph.
  func place(ofGraph index: Int) -> Int? { runs.firstIndex { $0?.index == index } }

  func usable(_ stage: Int) -> StageRun? { runs[stage].flatMap { $0.isUsable && $0.key == record.stages[stage].key ? $0 : nil } }

  // MARK: what the manifest says

  /// The stage in the graph that a stage of the record is, for names of key parts.
  package func graphIndex(_ stage: Int) -> Int? { runs[stage]?.index }

  package func isImplicit(_ stage: Int) -> Bool { runs[stage]?.stage.isImplicit ?? false }
  package func desc(_ stage: Int) -> String? { runs[stage].flatMap { $0.stage.isImplicit ? nil : $0.stage.desc } }
  package func tags(_ stage: Int) -> [String] { runs[stage]?.stage.tags ?? [] }

  /// Stages of the record that a stage reads, for stages that never came to read them.
  package func dependencies(_ stage: Int) -> [Int] {
    guard let run = runs[stage] else { return [] }
    return side.scheduler.graph.producers[run.index].compactMap(place(ofGraph:))
  }

  /// The stage's own lines of the manifest.
  package func excerpt(_ stage: Int) -> (file: String, line: Int, text: String)? {
    guard let run = runs[stage], !run.stage.isImplicit, let range = run.stage.range else { return nil }
    let lines = String(decoding: range.text.bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let first = range.line - 1
    guard lines.indices.contains(first) else { return nil }
    return (range.path, range.line, StageExcerpt.text(lines, from: first))
  }

  /// Whether what the manifest and the templates say now is what the run read.
  package func isAsRead(_ stage: Int) -> Bool {
    guard let run = runs[stage], let key = record.stages[stage].key, let stored = image(key) else { return false }
    let now = side.scheduler.basePreImage(run)
    func definition(_ image: PreImage) -> [PreImage.Part] { image.parts.filter { $0.name.hasPrefix("field ") || $0.name.hasPrefix("file ") } }
    return definition(stored) == definition(now)
  }

  /// Templates that a stage read: path and text.
  package func templates(_ stage: Int) -> [(file: String, text: [UInt8])] {
    guard let run = runs[stage] else { return [] }
    var found: [(String, [UInt8])] = []
    for (file, path) in zip(run.stage.keyFiles, run.stage.keyFilePaths) {
      guard file.role.hasPrefix("template") || file.role == "prompt template", let path, !found.contains(where: { $0.0 == path }),
        case .success(let bytes) = session.load(path)
      else { continue }
      found.append((path, bytes))
    }
    return found
  }

  // MARK: why

  private func image(_ key: Digest) -> PreImage? {
    ((try? side.scheduler.store.entry(.preImage, key)) ?? nil).flatMap { try? PreImage(decoding: $0) }
  }

  /// Why a stage ran, part by part of its key, against the last run before that had it; nil where the record's own word is all there is.
  package func reason(_ stage: Int, since earlier: [RunRecord]) -> RunReason? {
    let entry = record.stages[stage]
    guard entry.status == .ran || entry.status == .failed, let key = entry.key, let now = image(key) else { return nil }
    for record in earlier {
      guard let last = record.stage(entry.name, caseLabel: entry.caseLabel), last.status == .ran || last.status == .cached, let old = last.key else { continue }
      guard old != key, let before = image(old) else { return nil }
      return .changed(
        now.changes(since: before).map { change in
          // What a process finds in its environment is nobody else's business.
          let isPrivate = change.name == "field env"
          return RunReason.Change(part: change.name, before: isPrivate ? nil : change.old, after: isPrivate ? nil : change.new)
        })
    }
    return nil
  }
}

extension Session {
  /// A recorded run, opened.
  package func opened(_ record: RunRecord) throws -> RunState { try RunState(record, of: self) }
}

/// The lines of one stage of a manifest.
enum StageExcerpt {
  static func text(_ lines: [String], from first: Int) -> String {
    func indent(_ line: String) -> Int { line.prefix { $0 == " " }.count }
    let depth = indent(lines[first])
    var end = first + 1
    while end < lines.count, lines[end].allSatisfy(\.isWhitespace) || indent(lines[end]) > depth { end += 1 }
    var kept = Array(lines[first..<end])
    // A comment before the next stage is that one's.
    while let last = kept.last, kept.count > 1, last.allSatisfy(\.isWhitespace) { kept.removeLast() }
    return masked(kept.map { String($0.dropFirst(min(depth, indent($0)))) }).joined(separator: "\n")
  }

  /// Without what `env` gives a process.
  private static func masked(_ lines: [String]) -> [String] {
    var out: [String] = []
    var inside: Int?
    for line in lines {
      let depth = line.prefix { $0 == " " }.count
      let bare = line.dropFirst(depth)
      if let open = inside, depth > open || bare.isEmpty {
        out.append(bare.isEmpty ? "" : String(repeating: " ", count: depth) + (bare.firstIndex(of: ":").map { bare[...$0] + " …" } ?? "…"))
        continue
      }
      inside = nil
      if bare.hasPrefix("env:") {
        inside = depth
        out.append(String(repeating: " ", count: depth) + (bare.dropFirst(4).allSatisfy(\.isWhitespace) ? "env:" : "env: …"))
      } else if let place = line.firstRange(of: "env: {") ?? line.firstRange(of: "env: \"") {
        out.append(line[..<place.lowerBound] + "env: …")
      } else {
        out.append(line)
      }
    }
    return out
  }
}

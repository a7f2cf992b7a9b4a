import Foundation
import Stages
import Testing

/// The golden cases of every kind: Markdown beside its code, run through the real engine in a folder of their own.
@Suite struct GoldenTests {
  static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../Sources/Stages").standardizedFileURL.path
  static let isUpdating = ProcessInfo.processInfo.environment["PIPE_UPDATE_GOLDEN"] == "1"

  /// The folders of the kinds: those with golden cases.
  static let kinds = ((try? FileManager.default.contentsOfDirectory(atPath: sources)) ?? [])
    .filter { FileManager.default.fileExists(atPath: "\(sources)/\($0)/Golden") }.sorted()

  /// README.md of a kind and the files beside it.
  static func files(of kind: String) -> [String] {
    let golden = (try? FileManager.default.contentsOfDirectory(atPath: "\(sources)/\(kind)/Golden")) ?? []
    return ["README.md"] + golden.filter { $0.hasSuffix(".md") }.sorted().map { "Golden/\($0)" }
  }

  @Test func everyKindHasCases() { #expect(Self.kinds.count == StageKinds.all.count) }

  @Test(arguments: kinds) func cases(_ kind: String) throws {
    var digests = GoldenDigests("\(Self.sources)/\(kind)/Golden/digests.txt")
    var seen: Set<String> = []
    for name in Self.files(of: kind) {
      let file = try GoldenFile("\(Self.sources)/\(kind)/\(name)")
      var answers: [(lines: Range<Int>, text: String)] = []
      for one in file.cases where one.fences.contains(where: { $0.answer != nil }) {
        let outcome = try GoldenRunner.run(one)
        #expect(outcome.again == 0, "\(kind)/\(name): \(one.title): a second run executes tasks")
        for (fence, text) in outcome.answers {
          if Self.isUpdating { answers.append((fence.lines, text)) } else { #expect(text == fence.text, "\(kind)/\(name): \(one.title): \(fence.name)") }
        }
        let id = "\(name) · \(one.title)"
        #expect(seen.insert(id).inserted, "two cases are called \(id)")
        guard !outcome.versions.isEmpty else { continue }
        let line = GoldenDigests.Line(inputs: outcome.inputs, versions: outcome.versions, outputs: outcome.outputs)
        let isForgotten = GoldenDigests.isVersionForgotten(digests.lines[id], line)
        #expect(!isForgotten, "\(kind)/\(name): \(one.title): equal inputs give other bytes: raise the version of the kind or component that changed")
        if Self.isUpdating, !isForgotten { digests.lines[id] = line } else { #expect(digests.lines[id] == line, "\(kind)/Golden/digests.txt: \(id)") }
      }
      if Self.isUpdating { try file.updated(answers).write(toFile: file.path, atomically: true, encoding: .utf8) }
    }
    if Self.isUpdating {
      digests.lines = digests.lines.filter { seen.contains($0.key) }
      try digests.save()
    }
  }

  @Test func aForgottenVersionIsNoticed() {
    let old = GoldenDigests.Line(inputs: "a", versions: "export/1", outputs: "x")
    #expect(GoldenDigests.isVersionForgotten(old, GoldenDigests.Line(inputs: "a", versions: "export/1", outputs: "y")))
    #expect(!GoldenDigests.isVersionForgotten(old, GoldenDigests.Line(inputs: "a", versions: "export/2", outputs: "y")))
    #expect(!GoldenDigests.isVersionForgotten(old, GoldenDigests.Line(inputs: "b", versions: "export/1", outputs: "y")))
    #expect(!GoldenDigests.isVersionForgotten(nil, old))
  }
}

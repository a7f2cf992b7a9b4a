import Foundation
import Testing

@Suite struct GoldenTests {
  static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../Sources/Stages").standardizedFileURL.path

  /// The golden files that stand beside the kinds.
  static let files = ["Assemble", "Export", "Exec", "Monitor"].flatMap { kind in
    let folder = "\(sources)/\(kind)/Golden"
    return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(".md") }.sorted().map { "\(kind)/Golden/\($0)" }
  } + ["Assemble", "Export", "Exec", "Monitor"].map { "\($0)/README.md" }

  @Test(arguments: files) func cases(_ name: String) throws {
    let file = try GoldenFile("\(Self.sources)/\(name)")
    #expect(!file.cases.isEmpty)
    var answers: [(Range<Int>, String)] = []
    let isUpdating = ProcessInfo.processInfo.environment["PIPE_UPDATE_GOLDEN"] == "1"
    for one in file.cases {
      for (fence, text) in try GoldenRunner.answers(one) {
        if isUpdating { answers.append((fence.lines, text)) } else { #expect(text == fence.text, "\(name): \(one.title): \(fence.name)") }
      }
    }
    if isUpdating { try file.updated(answers.map { (lines: $0.0, text: $0.1) }).write(toFile: file.path, atomically: true, encoding: .utf8) }
  }
}

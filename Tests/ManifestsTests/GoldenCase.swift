import Foundation

/// A case of a golden file: `## title`, prose, fenced inputs, and the fenced answer (```text), which is the last block.
struct GoldenCase: CustomStringConvertible, Sendable {
  struct Block: Sendable {
    /// What stands after the three backticks: `yaml`, `yaml Pipelines/labels.yaml`, `args`, `text`.
    var info: String
    var text: String
  }

  var file: String
  var title: String
  var blocks: [Block]

  var description: String { "\(file): \(title)" }
  var inputs: [Block] { Array(blocks.dropLast()) }
  var answer: String { blocks.last?.text ?? "" }

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")
  static var isUpdating: Bool { ProcessInfo.processInfo.environment["PIPE_UPDATE_GOLDEN"] == "1" }

  /// The cases of one golden file.
  static func read(_ name: String) -> [GoldenCase] {
    guard let text = try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8) else { return [] }
    var cases: [GoldenCase] = []
    var open: Block?
    for line in text.components(separatedBy: "\n") {
      if var block = open {
        if line == "```" {
          cases[cases.count - 1].blocks.append(block)
          open = nil
        } else {
          block.text += line + "\n"
          open = block
        }
      } else if line.hasPrefix("## ") {
        cases.append(GoldenCase(file: name, title: String(line.dropFirst(3)), blocks: []))
      } else if line.hasPrefix("```") {
        open = Block(info: String(line.dropFirst(3)), text: "")
      }
    }
    return cases
  }

  static func readAll(_ names: [String]) -> [GoldenCase] { names.flatMap(read) }

  /// Rewrites the answers of a golden file; `answers` are by title.
  static func update(_ name: String, answers: [String: String]) throws {
    let url = folder.appendingPathComponent(name)
    var out: [String] = []
    var title = ""
    var skipping = false
    for line in try String(contentsOf: url, encoding: .utf8).components(separatedBy: "\n") {
      if skipping {
        guard line == "```" else { continue }
        skipping = false
        out.append(line)
        continue
      }
      if line.hasPrefix("## ") { title = String(line.dropFirst(3)) }
      out.append(line)
      if line == "```text", let answer = answers[title] {
        out += answer.split(separator: "\n", omittingEmptySubsequences: false).dropLast(answer.hasSuffix("\n") ? 1 : 0).map(String.init)
        skipping = true
      }
    }
    try out.joined(separator: "\n").write(to: url, atomically: true, encoding: .utf8)
  }
}

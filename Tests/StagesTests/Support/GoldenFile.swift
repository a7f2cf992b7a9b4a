import Foundation

/// A Markdown file of golden cases: examples, documentation and test in one.
///
/// A case begins with a `## heading`. Its fences are files and answers: `` ```yaml stages `` holds the stages of the manifest (or
/// `` ```yaml manifest `` a whole one), `` ```jinja Pipelines/x.jinja `` a file at that path, and `` ```jsonl => pairs.rows ``,
/// `` ```text => error ``, `` ```text => summary ``, `` ```text => answer `` (rows, drops, facts and checks of every stage, or what is wrong) and
/// `` ```jsonl => Outputs/x.jsonl `` what came of it. With `PIPE_UPDATE_GOLDEN=1` the answers are written instead of compared.
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

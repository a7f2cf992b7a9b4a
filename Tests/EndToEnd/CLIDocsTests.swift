import Foundation
import Testing

/// Docs/CLI.md holds the help of every command, word for word. `PIPE_UPDATE_GOLDEN=1` rewrites it.
@Suite struct CLIDocsTests {
  @Test func theReferenceIsWhatTheProgramSays() throws {
    let path = CLIProgram.repository + "/Docs/CLI.md"
    let document = try String(contentsOfFile: path, encoding: .utf8)
    let marker = "<!-- commands -->\n"
    let start = try #require(document.range(of: marker))
    let expected = String(document[..<start.upperBound]) + "\n" + (try reference())
    if ProcessInfo.processInfo.environment["PIPE_UPDATE_GOLDEN"] != nil { try Data(expected.utf8).write(to: URL(fileURLWithPath: path)) }
    #expect(document == expected, "PIPE_UPDATE_GOLDEN=1 swift test --filter CLIDocsTests renews it")
  }

  private func reference() throws -> String {
    var text = ""
    for command in try commands(of: []) {
      text += "### pipe \(command.joined(separator: " "))\n\n```\n" + (try help(command)) + "```\n\n"
    }
    return String(text.dropLast())
  }

  private func help(_ command: [String]) throws -> String {
    let answer = try CLIProgram.start(command + ["--help"], in: CLIProgram.repository, environment: ["COLUMNS": "100"]).wait()
    #expect(answer.status == 0)
    return answer.output
  }

  /// The commands that a help text lists: lines of its `SUBCOMMANDS` sections, two blanks in.
  private func commands(of parent: [String]) throws -> [[String]] {
    var found: [[String]] = []
    var isListing = false
    for line in try help(parent).split(separator: "\n", omittingEmptySubsequences: false) {
      if !line.hasPrefix(" ") { isListing = line.hasSuffix("SUBCOMMANDS:") }
      guard isListing, line.hasPrefix("  "), let letter = line.dropFirst(2).first, letter != " ", line.dropFirst(2).first?.isLetter == true else { continue }
      let name = String(line.dropFirst(2).prefix { $0.isLetter || $0 == "-" })
      found.append(parent + [name])
      if parent.isEmpty { found += try commands(of: [name]) }
    }
    return found
  }
}

import Diagnostics
import Engine
import Foundation
import Rows
import Stages
import Testing

/// The key of a stage misses nothing: whatever is changed in a case, a run over the store of the unchanged case gives the bytes that a run
/// over an empty store gives. An input that is in no key would give the old bytes.
///
/// Every golden case of every kind is changed in several ways: a number, a word of a template or of a file, a field or entry left out.
/// `PIPE_LONG_TESTS=1` tries all of them; the everyday test takes some by seed.
@Suite struct KeyTests {
  static let isLong = ProcessInfo.processInfo.environment["PIPE_LONG_TESTS"] == "1"
  static let changesPerCase = 3

  /// A case as texts: what is a file, and the parts of the manifest.
  struct Variant {
    var parts: [(name: String, text: String)]

    init(_ one: GoldenFile.Case) { parts = one.fences.filter { $0.answer == nil && !$0.name.isEmpty }.map { ($0.name, $0.text) } }

    func text(_ name: String) -> String? { parts.first { $0.name == name }?.text }

    static let manifestParts: Set<String> = ["stages", "head", "manifest"]

    func write(to bench: Bench) throws {
      for part in parts where !Self.manifestParts.contains(part.name) { try bench.scratch.write(part.name, part.text) }
      let made = try text("manifest").map { try Bench(manifest: $0, files: []) } ?? Bench(stages: text("stages") ?? "", head: text("head") ?? "")
      try bench.scratch.write(Bench.manifest, made.scratch.read(Bench.manifest)!)
    }

    func bench() throws -> Bench {
      let bench = try Bench(manifest: "", files: [])
      try write(to: bench)
      return bench
    }

    /// The same with one thing changed.
    var changed: [(what: String, variant: Variant)] {
      var found: [(String, Variant)] = []
      for (index, part) in parts.enumerated() {
        let texts = Self.manifestParts.contains(part.name) ? Self.manifests(part.text) : Self.files(part.text)
        for (what, text) in texts where text != part.text {
          var variant = self
          variant.parts[index].text = text
          found.append(("\(part.name): \(what)", variant))
        }
      }
      return found
    }

    /// Changes of YAML: a line left out, an entry of a flow mapping left out, a number raised, a switch turned, a word of a text changed.
    private static func manifests(_ text: String) -> [(String, String)] {
      var found: [(String, String)] = []
      let lines = text.components(separatedBy: "\n")
      for index in lines.indices where lines[index].hasPrefix(" ") && !lines[index].contains("kind:") {
        var rest = lines
        rest.remove(at: index)
        found.append(("without `\(lines[index].trimmingCharacters(in: .whitespaces))`", rest.joined(separator: "\n")))
      }
      func replace(_ pattern: String, _ what: String, _ new: (String) -> String) {
        let expression = try! NSRegularExpression(pattern: pattern)
        for match in expression.matches(in: text, range: NSRange(text.startIndex..., in: text)) {
          guard let range = Range(match.range, in: text) else { continue }
          let old = String(text[range])
          found.append(("\(what) `\(old)`", text.replacingCharacters(in: range, with: new(old))))
        }
      }
      replace(#"(?<=[{,]) *[a-z_]+: [^{}\[\],]+,"#, "without") { _ in "" }
      replace(#"(?<![\w.\-])[0-9]+(?![\w.\-])"#, "number") { String(Int($0)! + 1) }
      replace(#"\b(true|false)\b"#, "switch") { $0 == "true" ? "false" : "true" }
      replace(#"(?<=: )[A-Za-z]+(?=[,} \n])"#, "word") { $0 + "x" }
      replace(#"(?<=")[A-Za-z ]+(?=[^"]*")"#, "text") { $0 + "x" }
      return found
    }

    /// Changes of a file: a line left out, a letter or a digit another.
    private static func files(_ text: String) -> [(String, String)] {
      var found: [(String, String)] = []
      let lines = text.components(separatedBy: "\n")
      for index in lines.indices.dropLast() {
        var rest = lines
        rest.remove(at: index)
        found.append(("without line \(index + 1)", rest.joined(separator: "\n")))
        guard let at = lines[index].lastIndex(where: { $0.isASCII && ($0.isLetter || $0.isNumber) }) else { continue }
        rest = lines
        rest[index].replaceSubrange(at...at, with: lines[index][at] == "7" ? "8" : lines[index][at].isNumber ? "7" : lines[index][at] == "q" ? "r" : "q")
        found.append(("line \(index + 1)", rest.joined(separator: "\n")))
      }
      return found
    }
  }

  private static let failed = "(failed)"

  /// What a run comes to: rows of every output, files, messages; nil when the manifest is refused.
  static func result(_ bench: Bench) throws -> [String]? {
    let report: RunReport
    do { report = try bench.run().report } catch Session.Failure.invalid { return nil }
    var out: [String] = []
    for stage in report.stages where !stage.isImplicit {
      out.append("\(stage.name) \(stage.failure.map(\.message) ?? "")")
      if stage.failure != nil { out.append(failed) }
      guard stage.status == .ran || stage.status == .cached else { continue }
      out += stage.outputs.map { "\($0.port) \($0.rows) \($0.content) \($0.lineage)" }
      // How many rows a program was asked about is what the cache saves.
      out += stage.facts.filter { $0.name != "rows.asked" }.map { "\($0.name) \($0.sum)" }
      out += stage.dropped.map { "\($0.reason) \($0.count)" } + stage.checks.map { "\($0.text) \($0.outcome) \($0.detail)" } + [stage.note ?? ""]
    }
    for file in report.files { out.append("\(file.path) \(file.sha256) \(bench.scratch.read(file.path) ?? "")") }
    return out
  }

  static let files = GoldenTests.kinds.flatMap { kind in GoldenTests.files(of: kind).map { "\(kind)/\($0)" } }

  @Test(arguments: files) func nothingIsMissingFromKeys(_ name: String) throws {
    var tried = 0
    for one in try GoldenFile("\(GoldenTests.sources)/\(name)").cases where one.fences.contains(where: { $0.answer != nil }) {
      let variant = Variant(one)
      let bench = try variant.bench()
      guard try Self.result(bench) != nil else { continue }
      var changes = variant.changed
      if !Self.isLong {
        // Spread over the case by what it is, so that every run of the tests tries the same.
        let seed = Digest.of(one.title).prefix64
        changes = changes.indices.isEmpty ? [] : (0..<UInt64(Self.changesPerCase)).map { changes[Int((seed &+ $0 &* 0x9E37_79B9_7F4A_7C15) % UInt64(changes.count))] }
      }
      // A program may fail for what it is asked, or not asked; and names folders of its own when it does.
      let hasPrograms = one.fences.contains { $0.text.contains("kind: exec") }
      for (what, changed) in changes {
        guard let fresh = try Self.result(changed.bench()), !hasPrograms || !fresh.contains(Self.failed) else { continue }
        try changed.write(to: bench)
        let reused = try Self.result(bench)
        #expect(reused == fresh, "\(name): \(one.title): \(what)")
        tried += 1
      }
    }
    if Self.isLong { #expect(tried > 0 || name.hasSuffix("problems.md"), "\(name): nothing was tried") }
  }

  /// Where a file lies is in no key; what it holds is. A template in its place is content itself.
  @Test func aFieldThatIsAPathOrATemplate() throws {
    func stages(_ tools: String) -> String {
      """
      rows: { kind: ingest, from: rows.jsonl, row_key: id }
      pairs:
        kind: assemble
        from: ${stages.rows}
        tools: \(tools)
        messages: [ { role: user, content: "{{ text }}" }, { role: assistant, content: x } ]

      """
    }
    let tool = #"{"type":"function","function":{"name":"NAME","parameters":{"type":"object","properties":{}}}}"#
    func list(_ name: String) -> String { "[\(tool.replacingOccurrences(of: "NAME", with: name))]" }
    let bench = try Bench(
      stages: stages("a.json"),
      files: [
        ("rows.jsonl", "{\"id\":1,\"text\":\"a\",\"one\":\(list("p")),\"two\":\(list("q"))}\n"), ("a.json", list("p")), ("b/c.json", list("p")), ("d.json", list("q")),
      ])
    func ran(_ tools: String) throws -> Int {
      let changed = try Bench(stages: stages(tools))
      try bench.scratch.write(Bench.manifest, changed.scratch.read(Bench.manifest)!)
      let report = try bench.run().report
      #expect(report.exitCode == 0)
      return report.ran
    }
    #expect(try ran("a.json") > 0)
    #expect(try ran("b/c.json") == 0, "another place, the same bytes")
    #expect(try ran("d.json") > 0, "other bytes")
    #expect(try ran("\"{{ one }}\"") > 0)
    #expect(try ran("\"{{ two }}\"") > 0, "another template")
    #expect(try ran("\"{{ one }}\"") == 0)
  }
}

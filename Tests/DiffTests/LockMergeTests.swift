import Engine
import Lineage
import Rows
import Testing

/// Two locks that grew out of one.
@Suite struct LockMergeTests {
  private func lock(_ stages: [(String, String)]) -> String {
    var lines: [String] = []
    for (name, text) in stages {
      lines.append("stage \(name) key=\(Digest.of(text))")
      lines.append("output \(name).rows \(Digest.of("rows " + text)) rows=3 bytes=30 lineage=\(Digest.of("map " + text))")
      lines.append("file \"Outputs/case/\(name) file.jsonl\" \(Digest.of("file " + text)) rows=3 bytes=30 from=\(name).rows")
      lines.append("source \"Datasets/\(name) a.jsonl\" \(Digest.of("source " + text)) files=1 rows=3 bytes=30 readers=\(name)")
    }
    lines.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return (["pipe-lock 1", "manifest case version=1.0.0"] + lines).map { $0 + "\n" }.joined()
  }

  @Test func differentStagesMerge() {
    let base = lock([("a", "1"), ("b", "1")])
    let ours = lock([("a", "2"), ("b", "1")])
    let theirs = lock([("a", "1"), ("b", "2"), ("c", "1")])
    let merged = LockMerge.merge(base: base, ours: ours, theirs: theirs)
    #expect(merged.conflicts == [])
    #expect(merged.text == lock([("a", "2"), ("b", "2"), ("c", "1")]))
    #expect(LockMerge.merge(base: base, ours: ours, theirs: base).text == ours)
    #expect(LockMerge.merge(base: base, ours: base, theirs: theirs).text == theirs)
    #expect(LockMerge.merge(base: base, ours: ours, theirs: ours).text == ours)
    // One side took a stage out.
    #expect(LockMerge.merge(base: base, ours: lock([("a", "1")]), theirs: base).text == lock([("a", "1")]))
  }

  @Test func oneStageChangedTwiceIsAConflict() {
    let merged = LockMerge.merge(base: lock([("a", "1")]), ours: lock([("a", "2")]), theirs: lock([("a", "3")]))
    #expect(merged.conflicts == ["source \"Datasets/a a.jsonl\"", "stage a"])
    #expect(merged.text.contains("<<<<<<< ours\n"))
    #expect(throws: LockFile.Malformed.self) { try LockFile(parsing: merged.text) }
  }
}

/// Versions against what was done to the rows.
@Suite struct VersionVerdictTests {
  @Test func whatIsDue() {
    func verdict(_ before: String, _ declared: String, _ change: VersionVerdict.Change) -> (String?, Bool) {
      let verdict = VersionVerdict(before: before, declared: declared, change: change)
      return (verdict.due, verdict.holds)
    }
    #expect(verdict("1.2.3", "1.2.4", .changed) == ("2.0.0", false))
    #expect(verdict("1.2.3", "2.0.0", .changed) == ("2.0.0", true))
    #expect(verdict("1.2.3", "1.3.0", .added) == ("1.3.0", true))
    #expect(verdict("1.2.3", "1.2.3", .metadata) == ("1.2.4", false))
    #expect(verdict("1.2.3", "1.2.3", .none) == (nil, true))
    #expect(verdict("1.2.3", "1.2.2", .none) == (nil, false))
    #expect(verdict("1.2.3-beta.1", "1.10.0", .added) == ("1.3.0", true))
    // Nobody has declared a version.
    #expect(verdict("0.0.0", "0.0.0", .changed) == ("1.0.0", true))
  }
}

/// One row and who wrote what it was made of.
@Suite struct BlameTests {
  @Test func aRowIsTracedToItsAuthors() throws {
    let workspace = try Story.workspace()
    try workspace.commit("base")
    try Story.editRows(workspace)
    try workspace.git("config", "user.name", "Ben")
    try workspace.commit("rows")
    let session = try workspace.session()
    let lines = workspace.read("Outputs/case/train.jsonl").split(separator: "\n")
    let place = try #require(lines.firstIndex { $0.contains("<b>2</b>") })
    let blame = try session.blame("Outputs/case/train.jsonl:\(place + 1)")
    #expect(blame.key == "T-2" || blame.key.hasPrefix("{"))
    #expect(blame.sources.map(\.file) == ["Datasets/tickets.jsonl"])
    #expect(blame.sources.map(\.line) == [2])
    #expect(blame.sources.first?.commit?.author == "Ben")
    #expect(blame.sources.first?.commit?.date == "2026-01-02")
    #expect(blame.labels.map(\.label) == ["\"other\""])
    #expect(blame.labels.map(\.by) == ["w2"])
    #expect(blame.labels.first?.line?.line == 2)
    #expect(blame.labels.first?.line?.commit?.author == "Ann")
    #expect(blame.messages.map(\.part) == ["messages[1]"])
    #expect(blame.messages.first?.lines.map(\.line) == [1])
    #expect(blame.parameters == [.init(name: "min_chars", value: "4", stage: "tickets")])
    #expect(blame.stages.map(\.name) == ["tickets", "pairs", "dataset"])
    // The second run wrote the line, not the first.
    #expect(blame.sinceRun != nil)
    #expect(!blame.isOldestRun)
    let other = try #require(lines.firstIndex { $0.contains("message number 4") })
    #expect(try session.blame("Outputs/case/train.jsonl:\(other + 1)").isOldestRun)
  }
}

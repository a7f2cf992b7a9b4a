import Diagnostics
import Testing

@testable import Engine

@Suite struct SelectionTests {
  /// tickets ─┬─ pairs.de ─┬─ dataset ─ quality
  /// shots ───┘─ pairs.en ─┘
  private let stages: [Selection.Candidate] = [
    .init(name: "tickets", kind: "ingest", tags: ["nightly"]),
    .init(name: "shots", kind: "ingest"),
    .init(name: "pairs[de]", kind: "assemble", matrixOf: "pairs", inputs: [0, 1]),
    .init(name: "pairs[en]", kind: "assemble", tags: ["nightly"], matrixOf: "pairs", inputs: [0]),
    .init(name: "dataset", kind: "export", tags: ["nightly", "slow"], inputs: [2, 3]),
    .init(name: "quality", kind: "evaluate", inputs: [4]),
  ]

  private func names(_ texts: String..., selectors: [String: String] = [:]) throws -> [String] {
    try Selection(texts).places(in: stages, selectors: selectors).map { stages[$0].name }
  }

  private func message(_ texts: String..., selectors: [String: String] = [:]) -> String {
    do {
      _ = try Selection(texts).places(in: stages, selectors: selectors)
      return ""
    } catch { return error.first.message + (error.first.help.map { " | " + $0 } ?? "") }
  }

  @Test func aNameIsAStageAGlobOrAllCasesOfAMatrix() throws {
    #expect(try names("tickets") == ["tickets"])
    #expect(try names("pairs") == ["pairs[de]", "pairs[en]"])
    #expect(try names("pairs[de]") == ["pairs[de]"])
    #expect(try names("*s") == ["tickets", "shots", "pairs[de]", "pairs[en]"])
    #expect(try names("sh?ts") == ["shots"])
    #expect(try names("nothing") == [])
  }

  @Test func plusFollowsEdges() throws {
    #expect(try names("+pairs[en]") == ["tickets", "pairs[en]"])
    #expect(try names("shots+") == ["shots", "pairs[de]", "dataset", "quality"])
    #expect(try names("shots+1") == ["shots", "pairs[de]"])
    #expect(try names("1+dataset") == ["pairs[de]", "pairs[en]", "dataset"])
    #expect(try names("1+dataset+1") == ["pairs[de]", "pairs[en]", "dataset", "quality"])
    #expect(try names("0+dataset") == ["dataset"])
  }

  @Test func atMeansWhatReadsItAndAllTheyNeed() throws {
    #expect(try names("@shots") == ["tickets", "shots", "pairs[de]", "pairs[en]", "dataset", "quality"])
    #expect(try names("@quality") == ["tickets", "shots", "pairs[de]", "pairs[en]", "dataset", "quality"])
  }

  @Test func methodsSelectByKindAndTag() throws {
    #expect(try names("kind:ingest") == ["tickets", "shots"])
    #expect(try names("tag:nightly") == ["tickets", "pairs[en]", "dataset"])
    #expect(try names("tag:slow+") == ["dataset", "quality"])
  }

  @Test func aCommaIsBothABlankIsEither() throws {
    #expect(try names("kind:ingest,tag:nightly") == ["tickets"])
    #expect(try names("shots quality") == ["shots", "quality"])
    #expect(try names("shots", "kind:ingest,tag:nightly") == ["tickets", "shots"])
    #expect(try names("tickets+,+pairs[en]") == ["tickets", "pairs[en]"])
  }

  @Test func selectorsOfTheManifestHaveNames() throws {
    let selectors = ["pr": "kind:assemble,tag:nightly quality", "loop": "selector:loop"]
    #expect(try names("selector:pr", selectors: selectors) == ["pairs[en]", "quality"])
    #expect(try names("pr", selectors: selectors) == ["pairs[en]", "quality"])
    #expect(message("selector:pp", selectors: selectors) == "the manifest has no selector `pp` | did you mean `pr`?")
    #expect(message("selector:loop", selectors: selectors) == "the selector `loop` means itself: loop → loop")
  }

  @Test func whatCannotBeReadSaysWhy() {
    #expect(message("knd:export") == "`knd:export`: there is no method `knd:` | did you mean `kind:`?")
    #expect(message("a,") == "`a,`: a name is missing | a name, `+name`, `name+`, `kind:export`, `tag:nightly`; a comma for both, a blank for either")
    #expect(message("a+b").hasPrefix("`a+b`: `+` stands at the beginning or the end"))
    #expect(message("@a+").hasPrefix("`@a+`: `@` already means everything around"))
    #expect(message("state:modified+").hasPrefix("`state:modified+`: `state:` is planned"))
    #expect(message("  ").hasPrefix("the selection is empty"))
  }
}

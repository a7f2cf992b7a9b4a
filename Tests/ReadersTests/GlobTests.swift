import Testing

@testable import Readers

@Suite struct GlobTests {
  @Test(arguments: [
    ("*.jsonl", "a.jsonl", true), ("*.jsonl", "a.json", false), ("*.jsonl", ".a.jsonl", false), (".*.jsonl", ".a.jsonl", true),
    ("*.jsonl", "x/a.jsonl", false), ("**/*.jsonl", "a.jsonl", true), ("**/*.jsonl", "x/y/a.jsonl", true), ("**/*.jsonl", "x/.y/a.jsonl", false),
    ("x/**", "x/y/a", true), ("x/**", "x", false), ("a?c", "abc", true), ("a?c", "aöc", true), ("a?c", "ac", false), ("[a-c]1", "b1", true),
    ("[!a-c]1", "b1", false), ("[^a-c]1", "d1", true), ("[]]", "]", true), ("{a,b{1,2}}.csv", "b2.csv", true), ("{a,b{1,2}}.csv", "b3.csv", false),
    (#"a\*"#, "a*", true), (#"a\*"#, "ab", false), ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-b-b", false), ("*", "", false), ("a/./b", "a/b", false),
    ("[{]x", "{x", true),
  ])
  func matches(pattern: String, path: String, expected: Bool) throws {
    #expect(try Glob(pattern).matches(path) == expected, "\(pattern) \(path)")
  }

  @Test(arguments: ["a{b", "[a", "", #"a\"#, "[c-a]"])
  func refusesMalformedPatterns(pattern: String) {
    #expect(throws: Glob.Malformed.self) { try Glob(pattern) }
  }

  @Test func manyStarsStayFast() throws {
    let pattern = try Glob(String(repeating: "a*", count: 40) + "b")
    #expect(!pattern.matches(String(repeating: "a", count: 400)))
  }

  @Test func alternativesAreBounded() {
    #expect(throws: Glob.Malformed.self) { try Glob(String(repeating: "{a,b}", count: 11)) }
  }
}

import Diagnostics
import Testing

@Suite struct SuggestionTests {
  @Test(
    "what was meant",
    arguments: [
      ("txet", "text"), ("label", "labels"), ("on-bad-row", "on_bad_row"), ("From", "from"), ("shets", "sheet"), ("quarantin", "quarantine"),
    ])
  func near(_ word: String, _ meant: String) {
    #expect(Suggestion.nearest(to: word, in: ["text", "labels", "on_bad_row", "from", "sheet", "quarantine"]) == meant)
  }

  @Test("what is too far to be said", arguments: ["parallelism", "x", "frz", ""])
  func far(_ word: String) {
    #expect(Suggestion.nearest(to: word, in: ["to", "from", "labels", "format"]) == nil)
  }

  @Test func theFirstOfEquallyNearOnesWins() {
    #expect(Suggestion.nearest(to: "bat", in: ["cat", "rat"]) == "cat")
    #expect(Suggestion.label(for: "bat", in: ["rat", "cat"]) == "did you mean `rat`?")
    #expect(Suggestion.label(for: "zebra", in: ["rat", "cat"]) == "")
  }
}

import Rows
import Testing

@testable import Stages

@Suite struct SplitRuleTests {
  func side(_ rule: SplitRule, _ row: String) throws -> String {
    try Array(row.utf8).withUnsafeBytes { row in rule.sides[try rule.side(key: try rule.key(of: row), row: row)].name }
  }

  /// A row's share in millionths, found by bisection over two-sided rules: the smallest cut that puts the row on the left, less one.
  func share(_ row: String, by: [String] = ["k"], salt: String = "", stratify: String? = nil) throws -> Int {
    var low = 0
    var high = 1_000_000
    while high - low > 1 {
      let middle = (low + high) / 2
      let share = Double(middle) / 1_000_000
      let rule = SplitRule(by: by, shares: [("left", share), ("right", 1 - share)], salt: salt, stratify: stratify)
      if try side(rule, row) == "left" { high = middle } else { low = middle }
    }
    return low
  }

  // First 8 bytes of SHA-256(salt ‖ 0x00 ‖ key) mod 10⁶, computed apart from this program.
  @Test(arguments: [("C-1", 685035, 659513), ("C-2", 95527, 332214), ("C-3", 633263, 570267), ("C-118", 224990, 20590), ("é", 699647, 361263)])
  func knownShares(key: String, plain: Int, salted: Int) throws {
    #expect(try share("{\"k\":\"\(key)\"}") == plain)
    #expect(try share("{\"k\":\"\(key)\"}", salt: "2") == salted)
  }

  @Test func keysAreTexts() throws {
    #expect(try share("{\"k\":17}") == 38576)
    #expect(try share("{\"k\":\"17\"}") == 38576)
    #expect(try share("{\"k\":\"\\u00e9\"}") == 699647)
    // Composite keys are length-prefixed parts.
    #expect(try share("{\"a\":\"a\",\"b\":\"bc\"}", by: ["a", "b"]) == 390233)
    #expect(try share("{\"a\":\"ab\",\"b\":\"c\"}", by: ["a", "b"]) != 390233)
  }

  @Test func theStratumJoinsTheSalt() throws {
    #expect(try share("{\"k\":\"C-1\",\"lang\":\"de\"}", stratify: "lang") == 995503)
    #expect(try share("{\"k\":\"C-118\",\"lang\":\"de\"}", stratify: "lang") == 890844)
  }

  @Test func sharesAreCumulative() throws {
    let rule = SplitRule(by: ["k"], shares: [("train", 0.6), ("eval", 0.1), ("test", 0.3)])
    #expect(rule.sides.map(\.end) == [600_000, 700_000, 1_000_000])
    #expect(try side(rule, "{\"k\":\"C-2\"}") == "train")
    #expect(try side(rule, "{\"k\":\"C-1\"}") == "eval")
    #expect(try side(rule, "{\"k\":\"é\"}") == "eval")
    let thirds = SplitRule(by: ["k"], shares: [("a", 0.333333), ("b", 0.333333), ("c", 0.333333)])
    #expect(thirds.sides.last?.end == 1_000_000)
  }

  @Test func nothingMovesOutWhenAShareGrows() throws {
    let narrow = SplitRule(by: ["k"], shares: [("train", 0.8), ("eval", 0.2)])
    let wide = SplitRule(by: ["k"], shares: [("train", 0.9), ("eval", 0.1)])
    var train = 0
    var moved = 0
    for number in 0..<4000 {
      let row = "{\"k\":\"row \(number)\"}"
      let before = try side(narrow, row)
      let after = try side(wide, row)
      if before == "train" {
        train += 1
        #expect(after == "train")
      } else if after == "train" {
        moved += 1
      }
    }
    #expect((3100...3300).contains(train))
    #expect((330...470).contains(moved))
  }

  @Test func anEmptyKeyIsAnError() {
    let rule = SplitRule(by: ["k"], shares: [("a", 1)])
    #expect(throws: SplitRule.Failure.null(column: "k")) { _ = try side(rule, "{\"k\":null}") }
    #expect(throws: SplitRule.Failure.missing(column: "k")) { _ = try side(rule, "{\"j\":1}") }
  }

  @Test func clustersStayTogether() {
    func pairs(_ pairs: [(String, String)]) -> [UInt8] {
      KeptTogether.partial(Set(pairs.map { KeptTogether.Pair(key: Array($0.0.utf8), cluster: Array($0.1.utf8)) }))
    }
    let one = pairs([("c", "x"), ("b", "x"), ("a", "y")])
    let two = pairs([("b", "y"), ("d", "z")])
    let merged = KeptTogether.merge([one, two])
    // a and b share y, b and c share x; d is alone and so is not kept.
    let together = KeptTogether(prepared: merged)
    func representative(_ key: String) -> String { String(decoding: together.representative(of: Array(key.utf8)), as: UTF8.self) }
    #expect(["a", "b", "c", "d", "e"].map(representative) == ["a", "a", "a", "d", "e"])
    #expect(together.representatives.count == 3)
    // The order of chunks is no part of the answer.
    #expect(KeptTogether.merge([two, one]) == merged)
    #expect(KeptTogether.merge([pairs([("a", "y"), ("d", "z")]), pairs([("b", "x"), ("b", "y")]), pairs([("c", "x")])]) == merged)
  }

  @Test func shards() {
    func shard(_ row: String, _ key: [String]) -> Int {
      Array(row.utf8).withUnsafeBytes { ShardRule.shard(of: $0, key: RowKey(columns: key), count: 16) }
    }
    #expect(shard("{\"id\":\"T-1\"}", ["id"]) == 10)
    #expect(shard("{\"id\":\"T-1\",\"x\":2}", ["id"]) == 10)
    #expect(shard("{\"a\":1}", []) == 13)
    #expect(ShardRule.path("Outputs/a.b/train.jsonl", shard: 3, of: 16) == "Outputs/a.b/train-00003-of-00016.jsonl")
    #expect(ShardRule.path("Outputs/train", shard: 0, of: 2) == "Outputs/train-00000-of-00002")
    #expect(ShardRule.path("Outputs/train.jsonl", shard: 0, of: 1) == "Outputs/train.jsonl")
  }
}

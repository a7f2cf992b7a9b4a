import Statistics
import Testing

@Suite struct SeededGeneratorTests {
  /// Seeds by SplitMix64 and numbers by xoshiro256**, computed once by a transcription of the reference code.
  @Test("the bits are those of the published generator")
  func bits() {
    var generator = SeededGenerator(seed: 42)
    #expect((0..<4).map { _ in generator.next() } == [1_546_998_764_402_558_742, 6_990_951_692_964_543_102, 12_544_586_762_248_559_009, 17_057_574_109_182_124_193])
  }

  @Test("numbers below a bound are spread evenly")
  func spread() {
    var generator = SeededGenerator(seed: 1)
    var counts = Array(repeating: 0, count: 7)
    for _ in 0..<7000 { counts[generator.below(7)] += 1 }
    #expect(counts.allSatisfy { (900...1100).contains($0) })
  }

  @Test("a shuffle keeps every element")
  func shuffle() {
    var generator = SeededGenerator(seed: 3)
    var numbers = Array(0..<100)
    generator.shuffle(&numbers)
    #expect(numbers != Array(0..<100))
    #expect(numbers.sorted() == Array(0..<100))
  }
}

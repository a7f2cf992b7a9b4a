import Testing

@testable import Statistics

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite struct NumbersTests {
  /// The C library is right to about half a unit in the last place, so ours may be two away from it.
  @Test func expAndLogAreWithinTwoUnitsOfTheLibrary() {
    var state: UInt64 = 7
    for _ in 0..<200_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let unit = Double(state >> 11) * 0x1p-53
      let x = (unit - 0.5) * 1_400
      expectNear(Numbers.exp(x), exp(x), "exp(\(x))")
      let y = unit * 4
      expectNear(Numbers.log(y), log(y), "log(\(y))")
      expectNear(Numbers.log(exp(x)), log(exp(x)), "log(exp(\(x)))")
    }
  }

  @Test func theEdges() {
    #expect(Numbers.exp(0) == 1)
    #expect(Numbers.exp(710) == .infinity)
    #expect(Numbers.exp(-746) == 0)
    #expect(Numbers.exp(-745) > 0)
    #expect(Numbers.exp(-.infinity) == 0)
    #expect(Numbers.exp(.nan).isNaN)
    #expect(Numbers.log(1) == 0)
    #expect(Numbers.log(0) == -.infinity)
    #expect(Numbers.log(-1).isNaN)
    #expect(Numbers.log(.leastNonzeroMagnitude) == log(.leastNonzeroMagnitude))
  }

  /// These bits are the same on every processor; a change here changes people's artifacts and needs a new version of `numbers`.
  @Test func theBits() {
    var digest: UInt64 = 14_695_981_039_346_656_037
    for step in -3_000...3_000 {
      for value in [Numbers.exp(Double(step) / 7), Numbers.log(Double(step + 3_001) / 13)] {
        digest = (digest ^ value.bitPattern) &* 1_099_511_628_211
      }
    }
    #expect(digest == 2_790_445_211_891_982_355)
  }

  private func expectNear(_ ours: Double, _ theirs: Double, _ what: String) {
    if ours == theirs { return }
    #expect((ours - theirs).magnitude <= 2 * theirs.ulp, "\(what): \(ours), \(theirs)")
  }
}

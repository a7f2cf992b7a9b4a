import Statistics
import Testing

/// Expectations are scipy 1.17's (`chi2.sf`, `norm.sf`, `gammaln`, `ks_2samp`).
@Suite struct DistributionTests {
  @Test(arguments: [
    (0.5, 1, 0.47950012218695337), (3.84, 1, 0.05004352124870519), (10, 3, 0.01856613546304325), (100, 50, 3.454931382984871e-05),
    (900, 1000, 0.9892827619087102), (1100, 1000, 0.014614408126295192), (60, 4, 2.9008631203404573e-12), (1e-6, 7, 1.0), (2000, 1, 0.0),
    (20000, 19500, 0.0059702930174716255),
  ])
  func chiSquare(x: Double, degrees: Int, expected: Double) {
    #expect((Numbers.chiSquareSurvival(x, degreesOfFreedom: degrees) - expected).magnitude <= 1e-12 * max(expected, 1e-3))
  }

  @Test func chiSquareWithNothingThatVaries() {
    #expect(Numbers.chiSquareSurvival(0, degreesOfFreedom: 0) == 1)
    #expect(Numbers.chiSquareSurvival(.infinity, degreesOfFreedom: 2) == 0)
  }

  @Test(arguments: [
    (0.0, 0.5), (1, 0.15865525393145707), (1.96, 0.024997895148220435), (5, 2.866515718791933e-07), (-1, 0.8413447460685429),
    (9, 1.1285884059538324e-19),
  ])
  func normal(z: Double, expected: Double) {
    #expect((Numbers.normalSurvival(z) - expected).magnitude <= 1e-13 * expected)
  }

  @Test(arguments: [
    (0.5, 0.5723649429247), (1, 0), (1.5, -0.12078223763524526), (3.7, 1.428072326665388), (10, 12.801827480081469), (15.5, 26.536914491115613),
    (100, 359.1342053695754), (1e6, 12815504.569147611),
  ])
  func logGamma(x: Double, expected: Double) {
    #expect((Numbers.logGamma(x) - expected).magnitude <= 2e-14 * max(1, expected.magnitude))
  }

  /// Equal sizes, unequal sizes, and the limit beyond 10,000 values: by matrix, by Smirnov's sum, by Pelz and Good's series.
  @Test(arguments: [
    (18, 7, 5, 0.3282828282828283), (9, 50, 50, 0.3959398631708505), (194, 300, 1000, 0.2777820719110724), (30, 1000, 1000, 0.7593695685682871),
    (106007, 2000, 3001, 0.839480120031001), (1228, 12000, 100, 0.2344761379081764), (11066, 12000, 9, 0.2973853480754939),
    (580, 20000, 15000, 0.39725810381125815),
  ])
  func kolmogorovSmirnov(steps: Int, m: Int, n: Int, expected: Double) {
    #expect((KolmogorovSmirnov.probability(steps: steps, m, n) - expected).magnitude <= 1e-11)
    #expect(KolmogorovSmirnov.probability(steps: steps, n, m) == KolmogorovSmirnov.probability(steps: steps, m, n))
  }

  @Test func kolmogorovSmirnovAtItsEnds() {
    #expect(KolmogorovSmirnov.probability(steps: 0, 10, 12) == 1)
    // Samples that do not overlap: two of all binomial(8, 4) orders.
    #expect((KolmogorovSmirnov.probability(steps: 4, 4, 4) - 2.0 / 70).magnitude < 1e-15)
    #expect(KolmogorovSmirnov.probability(steps: 30_000, 15_000, 30_000) == 0)
  }
}

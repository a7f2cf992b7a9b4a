import Statistics
import Testing

/// Expectations are Evidently 0.7.23's definitions, written out with numpy 2.4 and scipy 1.17, on the same made-up columns.
@Suite struct DriftTests {
  /// Pseudo-random whole numbers that any language makes alike.
  private static func column(_ count: Int, seed: Int, _ value: (Int) -> Double) -> [Double] {
    var state = seed
    return (0..<count).map { _ in
      state = (state * 1_103_515_245 + 12345) % (1 << 31)
      return value(state >> 8)
    }
  }

  private static let columns: [String: (ValueCounts, ValueCounts)] = [
    "small": (
      ValueCounts(column(300, seed: 1) { Double($0 % 5000) / 100 }), ValueCounts(column(250, seed: 2) { Double($0 % 5400) / 100 })
    ),
    "large": (
      ValueCounts(column(1500, seed: 3) { Double($0 % 5000) / 100 }), ValueCounts(column(900, seed: 4) { Double($0 % 5600) / 100 })
    ),
    "ints": (ValueCounts(column(1200, seed: 5) { Double($0 % 31) }), ValueCounts(column(1000, seed: 6) { Double($0 % 33) })),
    "few": (ValueCounts(column(400, seed: 7) { Double($0 % 4) }), ValueCounts(column(350, seed: 8) { Double($0 % 9 / 2 % 4) })),
  ]

  @Test(arguments: [
    ("small", DriftMethod.psi, 0.10081102338813563), ("small", .js, 0.10933758284904486), ("small", .ks, 0.6336355135047876),
    ("small", .wasserstein, 0.08004519109245394), ("large", .psi, 0.59566288517117), ("large", .js, 0.18260218782486934),
    ("large", .ks, 1.9868423401570734e-07), ("large", .wasserstein, 0.2658754632979949), ("ints", .psi, 0.09187961038493662),
    ("ints", .js, 0.10607278380768742), ("ints", .ks, 0.0024733274646002567), ("ints", .wasserstein, 0.18690063572076915), ("ints", .chi2, 0.0),
    ("few", .psi, 0.022984734212190813), ("few", .js, 0.05355412348840985), ("few", .ks, 0.4041570190539586),
    ("few", .wasserstein, 0.13049651084645605), ("few", .chi2, 0.037154095749490954),
  ])
  func numbers(name: String, method: DriftMethod, expected: Double) throws {
    let (reference, current) = Self.columns[name]!
    let drift = try #require(Drift.ofNumbers(reference: reference, current: current, method: method))
    #expect((drift.value - expected).magnitude <= 1e-12)
    #expect(drift.method == method)
  }

  @Test(arguments: [("small", DriftMethod.ks, false), ("large", .wasserstein, true), ("ints", .wasserstein, true), ("few", .chi2, true)])
  func defaultForNumbers(name: String, method: DriftMethod, isDrift: Bool) throws {
    let (reference, current) = Self.columns[name]!
    let drift = try #require(Drift.ofNumbers(reference: reference, current: current))
    #expect(drift.method == method)
    #expect(drift.isDrift == isDrift)
  }

  private static let categories: [String: [(reference: Int, current: Int)]] = [
    "three": [(300, 200), (40, 45), (20, 8)], "two": [(700, 400), (90, 80)], "one": [(50, 70)], "new": [(50, 70), (3, 0), (0, 1)],
    "big": [(900, 300), (600, 290), (3, 0)],
  ]

  @Test(arguments: [
    ("three", DriftMethod.psi, 0.04715578144376714), ("three", .js, 0.07639802322199213), ("three", .chi2, 0.001286118537308669),
    ("two", .psi, 0.023303415204590665), ("two", .js, 0.05383162096257303), ("two", .chi2, 0.0002758695734812474),
    ("two", .z, 0.007438237591959718), ("one", .psi, 0), ("one", .js, 0), ("one", .chi2, 1), ("one", .z, 1), ("new", .psi, 0.4292232756789605),
    ("new", .js, 0.15726721243313688), ("new", .chi2, 0), ("big", .psi, 0.039653933443026736), ("big", .js, 0.07023255984355399),
    ("big", .chi2, 1.8325749880958698e-05),
  ])
  func categories(name: String, method: DriftMethod, expected: Double) throws {
    let counts = Self.categories[name]!
    let drift = try #require(Drift.ofCategories(counts, method: method))
    #expect((drift.value - expected).magnitude <= 1e-12)
  }

  @Test(arguments: [("three", DriftMethod.chi2, true), ("two", .z, true), ("one", .z, false), ("new", .chi2, true), ("big", .js, false)])
  func defaultForCategories(name: String, method: DriftMethod, isDrift: Bool) throws {
    let drift = try #require(Drift.ofCategories(Self.categories[name]!))
    #expect(drift.method == method)
    #expect(drift.isDrift == isDrift)
  }

  @Test func statistics() throws {
    let three = try #require(Drift.ofCategories(Self.categories["three"]!))
    #expect((three.statistic! - 13.312252964426879).magnitude < 1e-11)
    let two = try #require(Drift.ofCategories(Self.categories["two"]!))
    #expect((two.statistic! + 2.676559415777878).magnitude < 1e-12)
    let (reference, current) = Self.columns["small"]!
    let ks = try #require(Drift.ofNumbers(reference: reference, current: current))
    #expect((ks.statistic! - 0.06266666666666666).magnitude < 1e-15)
  }

  @Test func nothingToCompare() {
    #expect(Drift.ofNumbers(reference: ValueCounts([1, 2]), current: ValueCounts([])) == nil)
    #expect(Drift.ofNumbers(reference: ValueCounts([.nan]), current: ValueCounts([1])) == nil)
    #expect(Drift.ofCategories([]) == nil)
    #expect(Drift.ofCategories([(reference: 3, current: 0)]) == nil)
  }

  /// A monitor merges what its chunks came to: the cut must leave no trace.
  @Test(arguments: [1, 7, 100, 5000])
  func partsMergeToTheWhole(size: Int) {
    let values = Self.column(3000, seed: 11) { Double($0 % 700) / 7 - 40 }
    let parts = stride(from: 0, to: values.count, by: size).map { ValueCounts(Array(values[$0..<min(values.count, $0 + size)])) }
    let merged = ValueCounts(merging: parts)
    #expect(merged == ValueCounts(values))
    #expect(merged.total == 3000)
    #expect(merged.values == Array(Set(values)).sorted())
  }

  /// numpy.quantile([…], q, method="linear")
  @Test func quantiles() {
    let sample = ValueCounts([15, 20, 35, 40, 50])
    #expect(sample.quantile(0) == 15)
    #expect(sample.quantile(0.5) == 35)
    #expect(sample.quantile(0.95) == 48)
    #expect(sample.quantile(0.4) == 29)
    #expect(sample.quantile(1) == 50)
    #expect(ValueCounts([7, 7, 7]).quantile(0.99) == 7)
    #expect(ValueCounts([]).quantile(0.5) == nil)
    #expect(ValueCounts([-0.0, 0.0]).values.count == 1)
  }

  /// statsmodels' proportion_confint(3, 50, method="wilson")
  @Test func wilson() {
    let interval = WilsonInterval(3, of: 50)
    #expect((interval.low - 0.02061497034897397).magnitude < 1e-15)
    #expect((interval.high - 0.16217091688838173).magnitude < 1e-15)
    #expect(WilsonInterval(0, of: 10).low == 0)
    #expect(WilsonInterval(10, of: 10).high == 1)
    #expect(WilsonInterval(0, of: 0) == WilsonInterval(0, of: 0, z: 3))
  }
}

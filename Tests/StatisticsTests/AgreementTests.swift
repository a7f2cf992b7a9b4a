import Testing

@testable import Statistics

@Suite struct AgreementTests {
  /// The figures of the packages `krippendorff` 0.8 and of pair counts.
  @Test func figures() throws {
    let found = Agreement(SmallVotes.table())
    #expect((try #require(found.alpha) - 0.43083003952569177).magnitude < 1e-12)
    #expect((try #require(found.percent) - 0.4939393939393939).magnitude < 1e-12)
  }

  /// Fleiss' own example (1971): 14 raters, 10 subjects, 5 categories, kappa 0.20993070442195524 by statsmodels.
  @Test func fleiss() throws {
    let counts = [
      [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1], [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0],
      [0, 2, 2, 3, 7],
    ]
    var items: [Int32] = [], annotators: [Int32] = [], classes: [Int32] = []
    for (item, row) in counts.enumerated() {
      var annotator: Int32 = 0
      for (index, count) in row.enumerated() {
        for _ in 0..<count {
          items.append(Int32(item))
          annotators.append(annotator)
          classes.append(Int32(index))
          annotator += 1
        }
      }
    }
    let found = Agreement(VoteTable(items: items, annotators: annotators, classes: classes, itemCount: 10, annotatorCount: 14, classCount: 5))
    #expect((try #require(found.fleiss) - 0.20993070442195524).magnitude < 1e-12)
  }
}

/// Labels by expectation maximisation: how often each annotator gives which class for which true class, and what the true classes are,
/// estimated from one another.
///
/// Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", 1979; start, smoothing and stopping
/// rule are those of crowd-kit 1.4 (`DawidSkene(n_iter: 100, tol: 1e-5)`, `OneCoinDawidSkene`), so that results can be compared. All
/// sums run over items, annotators and classes in the order of the ``VoteTable``.
public struct DawidSkene: Sendable {
  /// What is estimated of each annotator.
  public enum ErrorModel: Sendable {
    /// A probability per true and given class.
    case confusion
    /// One probability of being right; what is wrong is spread evenly.
    case oneCoin
  }

  /// The probability of each class for each item; none is below 1e-10.
  public private(set) var posteriors: ClassShares
  /// How often each class is true.
  public private(set) var priors: [Double]
  public private(set) var iterations = 0
  /// What the stopping rule looks at, after the last iteration: a lower bound of the log-likelihood per vote.
  public private(set) var bound = -Double.infinity

  private static let greatestIterations = 100
  private static let tolerance = 1e-5
  private static let epsilon = 1e-10
  /// So many probabilities, none below 1e-17, can be multiplied without leaving a double's range; beyond that logarithms are added.
  private static let greatestProduct = 16

  private let votes: VoteTable
  private let model: ErrorModel
  private let known: [Int32]?
  private let rows: AnnotatorRows
  /// Where the probabilities of each vote's annotator and class begin in `errors` and `expected`.
  private let cells: [Int32]
  /// By annotator, given class (those that occur) and true class: the probability of giving it.
  private var errors: [Double]
  /// By the same: how many votes are expected to be of that kind.
  private var expected: [Double]

  /// Estimates everything. Every item must have a vote.
  ///
  /// - Parameter known: the true class of items for which it is known, -1 for the others; such posteriors stay 1.
  public init(_ votes: VoteTable, model: ErrorModel = .confusion, known: [Int32]? = nil) {
    let rows = AnnotatorRows(votes)
    let classes = votes.classCount
    precondition(rows.count * classes < Int(Int32.max), "the classes that annotators give, times all classes, are counted with 32 bits")
    self.votes = votes
    self.model = model
    self.known = known
    self.rows = rows
    cells = zip(votes.annotators, votes.classes).map { Int32(rows.index(annotator: Int($0), given: Int($1))! * classes) }
    posteriors = MajorityVote.shares(votes)
    priors = Array(repeating: 0, count: classes)
    errors = Array(repeating: 0, count: rows.count * classes)
    expected = errors
    guard votes.voteCount > 0 else { return }
    fixKnown()
    estimateParameters()
    while iterations < DawidSkene.greatestIterations {
      let last = bound
      bound = iterate() / Double(votes.voteCount)
      iterations += 1
      if bound - last < DawidSkene.tolerance { break }
    }
    for index in posteriors.values.indices { posteriors.values[index] = max(posteriors.values[index], DawidSkene.epsilon) }
  }

  /// The probability that an annotator gives a class where another (or the same) is true; 0 for a class that the annotator never gives.
  public func error(annotator: Int, given: Int, truth: Int) -> Double {
    rows.index(annotator: annotator, given: given).map { errors[$0 * priors.count + truth] } ?? 0
  }

  /// How often an annotator is right, over the classes as often as they are true.
  public func accuracy(of annotator: Int) -> Double {
    var sum = 0.0
    for index in priors.indices { sum += priors[index] * error(annotator: annotator, given: index, truth: index) }
    return sum
  }

  private mutating func fixKnown() {
    guard let known else { return }
    let classes = priors.count
    for (item, fixed) in known.enumerated() where fixed >= 0 {
      for index in 0..<classes { posteriors.values[item * classes + index] = index == Int(fixed) ? 1 : 0 }
    }
  }

  /// One round: posteriors, then parameters.
  /// - Returns: the expected log-likelihood of votes and classes plus the entropy of the posteriors.
  private mutating func iterate() -> Double {
    let oldErrors = errors.map { Numbers.log($0) }
    let oldPriors = priors.map { Numbers.log(max($0, DawidSkene.epsilon)) }
    let sums = estimatePosteriors(oldErrors, oldPriors)
    estimateParameters()
    // The posteriors are products of the old parameters over a sum: so are their logarithms, and nobody has to take them one by one.
    var entropy = sums.logSums + sums.correction
    var likelihood = 0.0
    for index in priors.indices { entropy -= sums.free[index] * oldPriors[index] }
    let logPriors = priors.map { Numbers.log(max($0, DawidSkene.epsilon)) }
    for cell in expected.indices {
      // The prior counts once per vote, as in crowd-kit: only the stopping rule sees it.
      likelihood += expected[cell] * (Numbers.log(errors[cell]) + logPriors[cell % priors.count])
      entropy -= (expected[cell] - (sums.fixed.isEmpty ? 0 : sums.fixed[cell])) * oldErrors[cell]
    }
    return likelihood + entropy
  }

  // MARK: Expectation

  /// What the entropy of the posteriors is made of.
  private struct EntropySums {
    /// The logarithms of the sums by which posteriors were divided.
    var logSums = 0.0
    /// What it is more because no probability is taken as less than 1e-10.
    var correction = 0.0
    /// The posteriors of items that are not known, by class.
    var free: [Double]
    /// Votes on known items by cell: they have no entropy. Empty when nothing is known.
    var fixed: [Double] = []
  }

  private mutating func estimatePosteriors(_ logErrors: [Double], _ logPriors: [Double]) -> EntropySums {
    let classes = priors.count
    let (votes, cells, known, errors) = (votes, cells, known, errors)
    let priors = priors.map { max($0, DawidSkene.epsilon) }
    let floorTerm = DawidSkene.epsilon * Numbers.log(DawidSkene.epsilon)
    var sums = EntropySums(free: Array(repeating: 0, count: classes))
    if known != nil { sums.fixed = Array(repeating: 0, count: errors.count) }
    posteriors.values.withUnsafeMutableBufferPointer { posteriors in
      cells.withUnsafeBufferPointer { cells in
        errors.withUnsafeBufferPointer { errors in
          for item in 0..<votes.itemCount {
            let range = votes.votes(on: item)
            let row = UnsafeMutableBufferPointer(rebasing: posteriors[(item * classes)..<((item + 1) * classes)])
            if let fixed = known?[item], fixed >= 0 {
              for index in row.indices where index != Int(fixed) { sums.correction -= floorTerm }
              for vote in range { sums.fixed[Int(cells[vote]) + Int(fixed)] += 1 }
              continue
            }
            var shift = 0.0
            if range.count <= DawidSkene.greatestProduct {
              for index in row.indices { row[index] = priors[index] }
              for vote in range {
                let error = errors.baseAddress! + Int(cells[vote])
                for index in row.indices { row[index] *= error[index] }
              }
            } else {
              shift = DawidSkene.exponentiate(row, logPriors, logErrors, cells, range)
            }
            var sum = 0.0
            for value in row { sum += value }
            sums.logSums += Numbers.log(sum) + shift
            let inverse = 1 / sum
            for index in row.indices {
              let value = row[index] * inverse
              row[index] = value
              sums.free[index] += value
              if value < DawidSkene.epsilon { sums.correction += (value > 0 ? value * Numbers.log(value) : 0) - floorTerm }
            }
          }
        }
      }
    }
    return sums
  }

  /// The probabilities of an item with many votes, divided by the greatest.
  /// - Returns: the logarithm of the greatest.
  private static func exponentiate(
    _ row: UnsafeMutableBufferPointer<Double>, _ logPriors: [Double], _ logErrors: [Double], _ cells: UnsafeBufferPointer<Int32>, _ range: Range<Int>
  ) -> Double {
    for index in row.indices { row[index] = logPriors[index] }
    for vote in range { for index in row.indices { row[index] += logErrors[Int(cells[vote]) + index] } }
    var greatest = -Double.infinity
    for value in row { greatest = max(greatest, value) }
    for index in row.indices { row[index] = Numbers.exp(row[index] - greatest) }
    return greatest
  }

  // MARK: Maximisation

  /// Priors and errors from posteriors.
  private mutating func estimateParameters() {
    let classes = priors.count
    let (votes, cells) = (votes, cells)
    for index in 0..<classes { priors[index] = 0 }
    for index in expected.indices { expected[index] = 0 }
    posteriors.values.withUnsafeBufferPointer { posteriors in
      cells.withUnsafeBufferPointer { cells in
        expected.withUnsafeMutableBufferPointer { expected in
          priors.withUnsafeMutableBufferPointer { priors in
            for item in 0..<votes.itemCount {
              let row = posteriors.baseAddress! + item * classes
              for index in 0..<classes { priors[index] += row[index] }
              for vote in votes.votes(on: item) {
                let cell = expected.baseAddress! + Int(cells[vote])
                for index in 0..<classes { cell[index] += row[index] }
              }
            }
          }
        }
      }
    }
    for index in 0..<classes { priors[index] /= Double(votes.itemCount) }
    for annotator in 0..<votes.annotatorCount {
      switch model {
      case .confusion: normaliseErrors(of: rows.range(of: annotator))
      case .oneCoin: evenErrors(of: rows.range(of: annotator), votes: rows.voteCounts[annotator])
      }
    }
  }

  private mutating func normaliseErrors(of rows: Range<Int>) {
    let classes = priors.count
    for truth in 0..<classes {
      var sum = 0.0
      for row in rows { sum += max(expected[row * classes + truth], DawidSkene.epsilon) }
      for row in rows { errors[row * classes + truth] = max(expected[row * classes + truth], DawidSkene.epsilon) / sum }
    }
  }

  private mutating func evenErrors(of rows: Range<Int>, votes: Int) {
    let classes = priors.count
    var right = 0.0
    for row in rows { right += expected[row * classes + Int(self.rows.given[row])] }
    let skill = right / Double(max(votes, 1))
    let wrong = classes < 2 ? 0 : (1 - skill) / Double(classes - 1)
    for row in rows {
      for truth in 0..<classes {
        errors[row * classes + truth] = min(max(Int(self.rows.given[row]) == truth ? skill : wrong, DawidSkene.epsilon), 1 - DawidSkene.epsilon)
      }
    }
  }
}

/// The classes that each annotator gives: many annotators give few of many classes, and only what occurs has to be kept.
private struct AnnotatorRows: Sendable {
  /// The class of each row; the rows of an annotator follow one another, classes ascending.
  private(set) var given: [Int32] = []
  /// By annotator.
  private(set) var voteCounts: [Int]
  private var starts: [Int]

  init(_ votes: VoteTable) {
    let classes = votes.classCount
    var isGiven = Array(repeating: false, count: votes.annotatorCount * classes)
    voteCounts = Array(repeating: 0, count: votes.annotatorCount)
    for vote in 0..<votes.voteCount {
      isGiven[Int(votes.annotators[vote]) * classes + Int(votes.classes[vote])] = true
      voteCounts[Int(votes.annotators[vote])] += 1
    }
    starts = [0]
    for annotator in 0..<votes.annotatorCount {
      for index in 0..<classes where isGiven[annotator * classes + index] { given.append(Int32(index)) }
      starts.append(given.count)
    }
  }

  var count: Int { given.count }

  func range(of annotator: Int) -> Range<Int> { starts[annotator]..<starts[annotator + 1] }

  func index(annotator: Int, given wanted: Int) -> Int? {
    var range = range(of: annotator)
    while range.count > 1 {
      let middle = range.lowerBound + range.count / 2
      range = given[middle] <= wanted ? middle..<range.upperBound : range.lowerBound..<middle
    }
    return range.first.flatMap { given[$0] == wanted ? $0 : nil }
  }
}

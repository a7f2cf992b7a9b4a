extension TextClassifier {
  /// Takes texts one by one, then makes a classifier of them. Texts are not kept, only their features: 8 bytes for each.
  ///
  /// Equal texts in the same order, equal hyperparameters and an equal seed give equal bytes, on any processor.
  public struct Trainer {
    private let hyperparameters: Hyperparameters
    private let fields: [String]
    private let extractor: TextFeatures
    private var extraction = TextFeatures.Extraction()
    private var indexes: [[UInt8]: Int] = [:]
    private var labels: [[UInt8]] = []
    /// By text: index in `labels`, and where its features end.
    private var targets: [Int] = []
    private var ends: [Int] = []
    /// Text by text: bucket and damped count of each feature.
    private var buckets: [UInt32] = []
    private var values: [Float] = []
    private var frequencies: [UInt32]
    private var names: BucketNames

    /// - Parameter fields: What the fields of each text are called (columns of a table); kept in the classifier for whoever predicts.
    public init(_ hyperparameters: Hyperparameters = Hyperparameters(), fields: [String] = []) {
      self.hyperparameters = hyperparameters
      self.fields = fields
      extractor = TextFeatures(hyperparameters.features)
      frequencies = [UInt32](repeating: 0, count: hyperparameters.features.buckets)
      names = BucketNames(buckets: hyperparameters.features.buckets)
    }

    /// How many texts were added.
    public var texts: Int { targets.count }

    /// Adds one text: its fields in UTF-8, and its label.
    public mutating func add(_ fields: [[UInt8]], label: [UInt8]) {
      extraction.removeAll()
      for field in fields { field.withUnsafeBytes { extractor.extract($0, into: &extraction) } }
      for occurrence in extraction.occurrences { names.note(occurrence, in: extraction.folded) }
      FeatureWeights.forEachCount(of: extraction.occurrences) { bucket, count in
        buckets.append(bucket)
        values.append(FeatureWeights.damped(count))
        frequencies[Int(bucket)] += 1
      }
      ends.append(buckets.count)
      let next = labels.count
      let index = indexes[label] ?? next
      if index == next {
        indexes[label] = index
        labels.append(label)
      }
      targets.append(index)
    }

    /// Learns from the texts that were added.
    /// - Parameters:
    ///   - seed: Chooses the order in which texts are seen.
    ///   - onEpoch: Told after each pass; false stops the training.
    public consuming func train(seed: UInt64, onEpoch: (Epoch) -> Bool = { _ in true }) throws(TrainingFailure) -> TextClassifier {
      guard texts > 0 else { throw .noTexts }
      guard labels.count > 1 else { throw .oneClass(labels[0]) }
      guard labels.count <= Self.maxClasses else { throw .tooManyClasses(labels.count, limit: Self.maxClasses) }
      sortLabels()
      let known = scaleFeatures()
      guard !known.isEmpty else { throw .noFeatures }
      guard known.count * labels.count <= Self.maxWeights else {
        throw .tooManyWeights(features: known.count, classes: labels.count, limit: Self.maxWeights)
      }
      let frequencies = known.map { self.frequencies[Int($0)] }
      let texts = texts
      let l2 = hyperparameters.l2(for: texts)
      var descent = GradientDescent(
        classes: labels.count, decays: frequencies.map { Float(l2 * Double(texts) / Double($0)) },
        rate: Float(hyperparameters.learningRate))
      var generator = SeededGenerator(seed: seed)
      var order = Array(0..<texts)
      let epochs = hyperparameters.epochs(for: texts)
      for number in 1...epochs {
        generator.shuffle(&order)
        let (loss, right) = descent.pass(over: order, targets: targets, ends: ends, features: buckets, values: values)
        let epoch = Epoch(number: number, of: epochs, loss: loss / Double(texts), accuracy: Double(right) / Double(texts))
        guard onEpoch(epoch) else { throw .stopped }
      }
      let (parameters, strongest) = descent.quantized(buckets: known, frequencies: frequencies, names: names)
      return TextClassifier(
        classes: labels, fields: fields, features: hyperparameters.features, texts: texts, strongest: strongest, parameters: parameters)
    }

    /// Puts labels into the order of their bytes: what comes out may not depend on which label was met first.
    private mutating func sortLabels() {
      let order = labels.indices.sorted { labels[$0].lexicographicallyPrecedes(labels[$1]) }
      var ranks = Array(repeating: 0, count: order.count)
      for (rank, index) in order.enumerated() { ranks[index] = rank }
      labels = order.map { labels[$0] }
      for at in targets.indices { targets[at] = ranks[targets[at]] }
    }

    /// Leaves out rare features, and turns buckets into places and counts into weights of texts of length 1, in place.
    /// - Returns: the buckets that stay, ascending.
    private mutating func scaleFeatures() -> [UInt32] {
      let least = hyperparameters.minFrequency(for: texts)
      var known: [UInt32] = []
      var places = [UInt32](repeating: .max, count: frequencies.count)
      for bucket in frequencies.indices where frequencies[bucket] >= max(1, least) {
        places[bucket] = UInt32(known.count)
        known.append(UInt32(bucket))
      }
      let rarities = known.map { FeatureWeights.inverseFrequency(frequencies[Int($0)], of: texts) }
      var read = 0
      var written = 0
      for text in ends.indices {
        let start = written
        var squares: Float = 0
        while read < ends[text] {
          let place = places[Int(buckets[read])]
          if place != .max {
            let value = values[read] * rarities[Int(place)]
            squares += value * value
            buckets[written] = place
            values[written] = value
            written += 1
          }
          read += 1
        }
        ends[text] = written
        let length = squares.squareRoot()
        for at in start..<written { values[at] /= length }
      }
      buckets.removeSubrange(written...)
      values.removeSubrange(written...)
      return known
    }

    /// A weight's class is two bytes in a file.
    private static let maxClasses = 1 << 16
    /// 1 GiB of weights.
    private static let maxWeights = 1 << 28
  }

  /// How far a training has come after one pass over all texts.
  public struct Epoch: Sendable, Equatable {
    /// 1, 2, …
    public let number: Int
    /// How many there will be.
    public let of: Int
    /// Mean of −ln(probability of the right class), each text judged just before it was learnt from.
    public let loss: Double
    /// Share of texts judged right, just before they were learnt from.
    public let accuracy: Double
  }

  /// Why there is no classifier.
  public enum TrainingFailure: Error, Sendable, Equatable {
    case noTexts
    /// All texts have this label.
    case oneClass([UInt8])
    case tooManyClasses(Int, limit: Int)
    /// No feature occurs often enough, or all texts are empty.
    case noFeatures
    case tooManyWeights(features: Int, classes: Int, limit: Int)
    /// The caller said so.
    case stopped

    /// What a person should read, without the row or the field.
    public var message: String {
      switch self {
      case .noTexts: "there is no row to learn from"
      case .oneClass(let label): "all rows have the label `\(String(decoding: label, as: UTF8.self))`: a classifier needs two classes or more"
      case .tooManyClasses(let count, let limit): "\(count) different labels are more than the \(limit) that a classifier takes: is the target a column of classes?"
      case .noFeatures: "the texts are empty, or no word and no letter group occurs twice: nothing to learn from"
      case .tooManyWeights(let features, let classes, let limit):
        "\(features) features times \(classes) classes are more than \(limit) weights: lower `buckets` or raise `min_frequency`"
      case .stopped: "the training was stopped"
      }
    }
  }
}

/// The first words that fell into each bucket, so that a feature has a name for people.
struct BucketNames {
  private var pool: [UInt8] = []
  private var starts: [UInt32]
  /// By bucket: the check of the words that name it, and how often they were met.
  private var checks: [UInt32]
  private var counts: [UInt32]

  init(buckets: Int) {
    starts = Array(repeating: 0, count: buckets)
    checks = starts
    counts = starts
  }

  mutating func note(_ occurrence: TextFeatures.Occurrence, in folded: [UInt8]) {
    let bucket = Int(occurrence.bucket)
    guard occurrence.wordCheck != 0 else { return }
    if checks[bucket] == 0 {
      checks[bucket] = occurrence.wordCheck
      starts[bucket] = UInt32(pool.count)
      pool += folded[Int(occurrence.start)..<Int(occurrence.start + occurrence.count)]
      pool.append(0)
    }
    if checks[bucket] == occurrence.wordCheck { counts[bucket] += 1 }
  }

  /// Nil when groups of characters, or other words, have most of the bucket.
  func name(_ bucket: UInt32, frequency: UInt32) -> [UInt8]? {
    guard counts[Int(bucket)] > frequency / 2 else { return nil }
    return Array(pool[Int(starts[Int(bucket)])...].prefix { $0 != 0 })
  }
}

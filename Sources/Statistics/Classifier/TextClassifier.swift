/// Multinomial logistic regression on hashed n-grams of a text: it tells which of some classes a text belongs to.
///
/// Small enough to be tried on every training set: seconds for 100,000 rows. Made by a ``Trainer``, kept as ``encoded`` bytes, read back
/// by ``init(decoding:)``; what was read back predicts the same to the last bit, on any processor.
public struct TextClassifier: Sendable, Equatable {
  /// The labels as they were given in training, sorted by their bytes.
  public let classes: [[UInt8]]
  /// The names of the fields that its texts had in training, in order, as the trainer was told: whoever predicts gives the same ones.
  public let fields: [String]
  /// How texts become features.
  public let features: Features
  /// How many texts were trained on.
  public let texts: Int
  /// The word n-grams that speak most for each class, in the order of ``classes``, strongest first: for people to look at.
  public let strongest: [[NamedFeature]]

  /// How texts become features.
  public struct Features: Sendable, Equatable {
    /// Up to how many words make one feature.
    public var words: Int
    /// Up to how many characters (from three on) make one feature; 0 for none.
    public var characters: Int
    /// How many buckets the features are hashed into.
    public var buckets: Int

    public init(words: Int, characters: Int, buckets: Int) {
      self.words = words
      self.characters = characters
      self.buckets = buckets
    }
  }

  /// What a text is taken for.
  public struct Prediction: Sendable, Equatable {
    /// Index in ``TextClassifier/classes`` of the most probable class (the first of equals).
    public let index: Int
    /// The probability of each class, in the order of ``TextClassifier/classes``; their sum is 1.
    public let probabilities: [Double]
  }

  /// A feature as people read it, and its weight for a class.
  public struct NamedFeature: Sendable, Equatable {
    /// Folded text in UTF-8: lower case, single spaces.
    public let text: [UInt8]
    public let weight: Float
  }

  /// Everything that predicts. What is kept in a file is this, and nothing is computed from more than this.
  struct Parameters: Sendable, Equatable {
    /// The buckets that have weights, ascending.
    var buckets: [UInt32] = []
    /// By such a bucket: in how many of the training texts it occurred.
    var frequencies: [UInt32] = []
    /// By class: what one step of a weight is worth.
    var stepSizes: [Float] = []
    /// By class: where every text starts.
    var biases: [Float] = []
    /// By such a bucket: where its weights begin in `weightClasses` and `weightSteps`; one more at the end.
    var weightStarts: [UInt32] = [0]
    var weightClasses: [UInt16] = []
    var weightSteps: [Int8] = []
  }

  let parameters: Parameters
  /// By bucket: one more than its place in `parameters.buckets`, or 0.
  private let places: [UInt32]
  /// By place: inverse document frequency.
  private let inverseFrequencies: [Float]

  init(
    classes: [[UInt8]], fields: [String], features: Features, texts: Int, strongest: [[NamedFeature]], parameters: Parameters
  ) {
    self.classes = classes
    self.fields = fields
    self.features = features
    self.texts = texts
    self.strongest = strongest
    self.parameters = parameters
    var places = [UInt32](repeating: 0, count: features.buckets)
    for (place, bucket) in parameters.buckets.enumerated() { places[Int(bucket)] = UInt32(place) + 1 }
    self.places = places
    inverseFrequencies = parameters.frequencies.map { FeatureWeights.inverseFrequency($0, of: texts) }
  }

  public static func == (a: TextClassifier, b: TextClassifier) -> Bool {
    a.classes == b.classes && a.fields == b.fields && a.features == b.features && a.texts == b.texts && a.strongest == b.strongest && a.parameters == b.parameters
  }

  /// What a text is taken for. A text without any known feature gets the classes' shares in training.
  /// - Parameter fields: The text's fields in UTF-8, the same ones as in training; n-grams do not span two of them.
  public func predict(_ fields: [[UInt8]]) -> Prediction {
    var extraction = TextFeatures.Extraction()
    let extractor = TextFeatures(features)
    for field in fields { field.withUnsafeBytes { extractor.extract($0, into: &extraction) } }
    var known: [(place: Int, value: Float)] = []
    FeatureWeights.forEachCount(of: extraction.occurrences) { bucket, count in
      guard places[Int(bucket)] != 0 else { return }
      let place = Int(places[Int(bucket)]) - 1
      known.append((place, FeatureWeights.damped(count) * inverseFrequencies[place]))
    }
    var squares: Float = 0
    for feature in known { squares += feature.value * feature.value }
    let length = squares > 0 ? squares.squareRoot() : 1
    var scores = parameters.biases
    for feature in known {
      let value = feature.value / length
      for at in Int(parameters.weightStarts[feature.place])..<Int(parameters.weightStarts[feature.place + 1]) {
        let index = Int(parameters.weightClasses[at])
        scores[index] += value * (Float(parameters.weightSteps[at]) * parameters.stepSizes[index])
      }
    }
    var best = 0
    for index in scores.indices where scores[index] > scores[best] { best = index }
    var probabilities = scores.map { Numbers.exp(Double($0) - Double(scores[best])) }
    var sum = 0.0
    for probability in probabilities { sum += probability }
    for index in probabilities.indices { probabilities[index] /= sum }
    return Prediction(index: best, probabilities: probabilities)
  }
}

/// The weight of a feature in a text before scaling to length 1: (1 + ln tf) · idf.
enum FeatureWeights {
  /// How rare a feature is: ln((1 + n) / (1 + df)) + 1, as scikit-learn has it.
  static func inverseFrequency(_ frequency: UInt32, of texts: Int) -> Float {
    Float(Numbers.log((1 + Double(texts)) / (1 + Double(frequency))) + 1)
  }

  /// 1 + ln of a count.
  static func damped(_ count: Int) -> Float { count < table.count ? table[count] : Float(1 + Numbers.log(Double(count))) }

  private static let table: [Float] = [0] + (1..<256).map { Float(1 + Numbers.log(Double($0))) }

  /// Each bucket with how often it occurs, ascending.
  static func forEachCount(of occurrences: [TextFeatures.Occurrence], _ body: (UInt32, Int) -> Void) {
    let buckets = occurrences.map(\.bucket).sorted()
    var at = 0
    while at < buckets.count {
      var next = at + 1
      while next < buckets.count, buckets[next] == buckets[at] { next += 1 }
      body(buckets[at], next - at)
      at = next
    }
  }
}

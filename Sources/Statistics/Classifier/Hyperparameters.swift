extension TextClassifier {
  /// What may be chosen in a training. The names are those of `hyperparameters:` in a manifest.
  public struct Hyperparameters: Sendable, Equatable {
    /// How often every text is seen; nil for enough: 20 on small sets, down to 3 from 33,000 texts on.
    public var epochs: Int?
    /// The length of the first steps; later ones shrink feature by feature.
    public var learningRate = 1.0
    /// How strongly weights are drawn to 0: the objective is mean loss + l2 / 2 · ‖w‖²; nil for 0.1 / number of texts, which is
    /// scikit-learn's C = 10.
    public var l2: Double?
    /// How texts become features.
    public var features = Features(words: 2, characters: 4, buckets: 1 << 18)
    /// A feature that occurs in fewer texts is left out; nil for 2, or 1 below 100 texts.
    public var minFrequency: Int?

    public init() {}

    /// The names that ``set(_:to:)`` knows, in the order for people.
    public static let names = ["epochs", "learning_rate", "l2", "word_ngrams", "char_ngrams", "buckets", "min_frequency"]

    /// Sets one by its name.
    /// - Returns: what is wrong with the value, for a message that goes on after the name (`must be a whole number from 1 to 1000`); nil
    ///   when it was taken. The name is one of ``names``.
    public mutating func set(_ name: String, to value: Double) -> String? {
      func whole(_ range: ClosedRange<Int>) -> Int? {
        guard let whole = Int(exactly: value), range.contains(whole) else { return nil }
        return whole
      }
      switch name {
      case "epochs":
        guard let whole = whole(1...1000) else { return "must be a whole number from 1 to 1000" }
        epochs = whole
      case "learning_rate":
        guard value > 0, value <= 100 else { return "must be above 0 and at most 100" }
        learningRate = value
      case "l2":
        guard value >= 0, value <= 1 else { return "must be from 0 to 1" }
        l2 = value
      case "word_ngrams":
        guard let whole = whole(0...5) else { return "must be a whole number from 0 (no words) to 5" }
        features.words = whole
      case "char_ngrams":
        guard let whole = whole(0...8), whole == 0 || whole >= 3 else { return "must be 0 (no characters) or a whole number from 3 to 8" }
        features.characters = whole
      case "buckets":
        guard let whole = whole(1024...Features.maxBuckets) else { return "must be a whole number from 1024 to \(Features.maxBuckets)" }
        features.buckets = whole
      case "min_frequency":
        guard let whole = whole(1...1_000_000) else { return "must be a whole number from 1 on" }
        minFrequency = whole
      default:
        preconditionFailure("`\(name)` is no hyperparameter of the classifier")
      }
      return nil
    }

    func epochs(for texts: Int) -> Int { epochs ?? min(20, max(3, 100_000 / max(1, texts))) }
    func l2(for texts: Int) -> Double { l2 ?? 0.1 / Double(max(1, texts)) }
    func minFrequency(for texts: Int) -> Int { minFrequency ?? (texts < 100 ? 1 : 2) }
  }
}

extension TextClassifier.Features {
  /// 16 million: a table of them is 64 MB.
  static let maxBuckets = 1 << 24
}

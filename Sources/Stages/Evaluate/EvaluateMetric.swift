internal import Statistics

/// A score by its name in `metrics`, in tables and in `expect`.
enum EvaluateMetric: String, CaseIterable, Sendable {
  case accuracy
  case balancedAccuracy = "balanced_accuracy"
  case macroF1 = "macro_f1"
  case microF1 = "micro_f1"
  case weightedF1 = "weighted_f1"
  case macroPrecision = "macro_precision"
  case macroRecall = "macro_recall"
  case matthews = "mcc"
  case kappa
  case exactMatch = "exact_match"
  case squadExactMatch = "squad_em"
  case squadF1 = "squad_f1"
  case rouge1 = "rouge_1"
  case rouge2 = "rouge_2"
  case rougeL = "rouge_l"

  /// Scores of answers that are one of some classes.
  static let ofClasses: [EvaluateMetric] = [
    .accuracy, .balancedAccuracy, .macroF1, .microF1, .weightedF1, .macroPrecision, .macroRecall, .matthews, .kappa,
  ]

  /// Scores of answers that are texts.
  static let ofTexts: [EvaluateMetric] = [.exactMatch, .squadExactMatch, .squadF1, .rouge1, .rouge2, .rougeL]

  /// The score of some rows, from their counts; nil for scores of texts.
  func score(_ counts: ClassScores) -> Double? {
    switch self {
    case .accuracy: counts.accuracy
    case .balancedAccuracy: counts.balancedAccuracy
    case .macroF1: counts.macroF1
    case .microF1: counts.microF1
    case .weightedF1: counts.weightedF1
    case .macroPrecision: counts.macroPrecision
    case .macroRecall: counts.macroRecall
    case .matthews: counts.matthews
    case .kappa: counts.kappa
    case .exactMatch, .squadExactMatch, .squadF1, .rouge1, .rouge2, .rougeL: nil
    }
  }

  /// The score of one answer; nil for scores of classes.
  func score(_ answer: [UInt8], _ references: [[UInt8]]) -> Double? {
    switch self {
    case .exactMatch: TextScores.exactMatch(answer, references)
    case .squadExactMatch: TextScores.squadExactMatch(answer, references)
    case .squadF1: TextScores.squadF1(answer, references)
    case .rouge1: TextScores.rouge(1, answer, references)
    case .rouge2: TextScores.rouge(2, answer, references)
    case .rougeL: TextScores.rougeL(answer, references)
    default: nil
    }
  }
}

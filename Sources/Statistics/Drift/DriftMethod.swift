/// How the difference between a reference and a current sample is measured.
///
/// Definitions, defaults and thresholds are those of Evidently 0.7 (`legacy/calculations/stattests`), so that figures can be compared.
public enum DriftMethod: String, Sendable, CaseIterable {
  /// Population stability index over the bins of both samples; drift from 0.1.
  case psi
  /// Kolmogorov–Smirnov: the probability of a distance this large; drift up to 0.05. Numbers only.
  case ks
  /// Chi-square goodness of fit of the current counts to the reference's shares: a probability; drift below 0.05.
  case chi2
  /// Wasserstein distance in standard deviations of the reference; drift from 0.1. Numbers only.
  case wasserstein
  /// Jensen–Shannon distance (base e) over the bins of both samples; drift from 0.1.
  case js
  /// Two proportions of a column with two values: a probability; drift below 0.05.
  case z

  /// Whether the method's value is a probability: small means drift.
  public var isTest: Bool { self == .ks || self == .chi2 || self == .z }

  /// Whether the method has a meaning for numbers alone.
  public var needsNumbers: Bool { self == .ks || self == .wasserstein }

  /// Where drift begins.
  public var threshold: Double { isTest ? 0.05 : 0.1 }

  /// Whether a value of this method means drift.
  public func isDrift(_ value: Double) -> Bool {
    switch self {
    case .ks: value <= threshold
    case .chi2, .z: value < threshold
    case .psi, .wasserstein, .js: value >= threshold
    }
  }

  /// The method for a column when none is named: by the size of the reference, its type, and how many values there are.
  public static func chosen(referenceCount: Int, isNumeric: Bool, distinctCount: Int) -> DriftMethod {
    if referenceCount <= 1000 {
      if isNumeric, distinctCount > 5 { return .ks }
      return distinctCount > 2 ? .chi2 : .z
    }
    return isNumeric && distinctCount > 5 ? .wasserstein : .js
  }
}

/// A look at another result of the same shape (a baseline), taken after the artifacts, on every run: a view. What comes of it is shown,
/// checked and kept in the run's record, and is in no artifact, no key and no lock.
public struct Comparison: Sendable {
  /// What is compared with.
  public enum Baseline: Sendable {
    /// What comes in by this input port, which is read as ``PortReading/comparison``.
    case port(String)
    /// A run id, a git revision, or the path of a lock file, as written: the same stage's output there.
    case named(String)
  }

  public let baseline: Baseline
  /// How people call it: `main`.
  public let name: String
  /// Which of the stage's outputs is compared.
  public let output: Int
  /// Everything else that the figures depend on, the program's version included: what was compared once is remembered.
  public let settings: String
  /// The figures, under names that ``StageKind/comparedFigures`` declares.
  public let compare: @Sendable (_ own: WholeTable, _ baseline: WholeTable) throws(TaskFailure) -> StageFigures

  public init(
    _ baseline: Baseline, name: String, output: Int = 0, settings: String,
    compare: @escaping @Sendable (WholeTable, WholeTable) throws(TaskFailure) -> StageFigures
  ) {
    self.baseline = baseline
    self.name = name
    self.output = output
    self.settings = settings
    self.compare = compare
  }
}

/// What came of running stages again beside the cache: whether they gave the same bytes, and else where they first differ.
public struct VerificationModel: Sendable, Equatable {
  /// The first place at which two results of one stage differ.
  public struct Difference: Sendable, Equatable {
    /// `noise`, `dataset.train`
    public var output: String
    /// Counted from 1; nil when no row differs, or the output is no table.
    public var row: Int?
    /// The row's key, or the beginning of its content.
    public var key: String
    /// The first field that differs, with its values in the store and now; nil when a row is on one side only.
    public var field: DiffModel.FieldChange?
    /// What else there is to say, as a clause.
    public var detail: String?

    public init(output: String, row: Int? = nil, key: String = "", field: DiffModel.FieldChange? = nil, detail: String? = nil) {
      self.output = output
      self.row = row
      self.key = key
      self.field = field
      self.detail = detail
    }
  }

  public enum Outcome: Sendable, Equatable {
    case same
    case differs(Difference)
    /// It read other rows than before, because of this stage.
    case readsOthers(of: String)
    /// It was not run again, and why.
    case notRun(String)
    /// It failed this time.
    case failed(String)
  }

  public struct Stage: Sendable, Equatable {
    public var name: String
    public var outcome: Outcome
    public init(name: String, outcome: Outcome) {
      self.name = name
      self.outcome = outcome
    }
  }

  public var stages: [Stage]

  public init(stages: [Stage]) { self.stages = stages }

  /// Whether nothing differs and nothing failed.
  public var holds: Bool {
    stages.allSatisfy { stage in
      switch stage.outcome {
      case .same, .notRun: true
      case .differs, .readsOthers, .failed: false
      }
    }
  }
}

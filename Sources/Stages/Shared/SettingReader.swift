internal import Diagnostics
internal import Engine

/// Reads a stage's settings and collects everything that is wrong with them.
///
/// Shapes and names were checked against the declared fields before; what is left is what only the kind can know.
struct SettingReader {
  let stage: any StageReading
  private(set) var problems: [Diagnostic] = []

  init(_ stage: any StageReading) { self.stage = stage }

  mutating func report(_ problem: Diagnostic) { problems.append(problem) }

  mutating func report(_ found: Problems) { problems += found.all }

  /// Throws everything that was reported, if there is an error among it; hands warnings and notes on otherwise.
  func finish() throws(Problems) {
    try Problems.throwErrors(in: problems)
    for problem in problems { stage.remark(problem) }
  }

  /// What `read` gives, or nil with its problems reported.
  mutating func attempt<Value>(_ read: () throws(Problems) -> Value) -> Value? {
    do throws(Problems) {
      return try read()
    } catch {
      report(error)
      return nil
    }
  }

  /// The setting of a field, unless it is absent or null.
  func setting(_ name: String) -> Setting? { stage.setting(name)?.unlessNull }

  /// The inputs behind a setting.
  mutating func inputs(_ setting: Setting?) -> [InputSource] {
    guard let setting else { return [] }
    let stage = stage
    return attempt { () throws(Problems) in try stage.inputs(setting) } ?? []
  }

  /// What is known of the rows of several inputs that are concatenated: what all agree on; the strictest governance.
  func traits(of inputs: [InputSource]) -> TableTraits {
    guard let first = inputs.first else { return TableTraits() }
    var common = stage.traits(of: first)
    for input in inputs.dropFirst() {
      let other = stage.traits(of: input)
      if other.rowKey != common.rowKey { common.rowKey = [] }
      if other.sheet != common.sheet { common.sheet = nil }
      if other.columns != common.columns { common.columns = nil }
      common.labelTypes = common.labelTypes.filter(other.labelTypes.contains)
      common.estimates += other.estimates.filter { !common.estimates.contains($0) }
      common.isGovernanceWritten = common.isGovernanceWritten && other.isGovernanceWritten
    }
    common.governance = governance(of: inputs)
    return common
  }
}

extension Setting {
  /// Nil when it is null: `use:` with nothing behind it takes the default away.
  var unlessNull: Setting? { if case .null = value { nil } else { self } }

  /// The entry of a map, unless it is null.
  func entry(_ name: String) -> Setting? { self[name]?.unlessNull }
}

internal import Engine

extension Governance {
  /// What holds for rows in which both have a part: the higher classification, the uses that both allow, what either prohibits.
  ///
  /// A licence is kept when both name it: two licences have no stricter one.
  static func strictest(_ a: Governance?, _ b: Governance?) -> Governance? {
    guard let a else { return b }
    guard let b else { return a }
    return Governance(
      classification: Classifications.stricter(a.classification, b.classification), allowedUses: Uses.narrowed([a.allowedUses, b.allowedUses], prohibited: []),
      prohibitedUses: Uses.all.filter { a.prohibitedUses.contains($0) || b.prohibitedUses.contains($0) }, license: a.license == b.license ? a.license : nil)
  }

  /// The uses that are left; nil when nothing restricts them.
  var uses: [String]? { Uses.narrowed([allowedUses], prohibited: prohibitedUses) }

  /// What of it a gate can see, for the key of a stage that applies it.
  var note: String { "\(classification ?? "-") \(uses?.joined(separator: ",") ?? "*")" }
}

extension SettingReader {
  /// What holds for rows that are made of these inputs; nil when none of them says anything.
  func governance(of inputs: [InputSource]) -> Governance? {
    inputs.reduce(nil) { Governance.strictest($0, stage.traits(of: $1).governance) }
  }

  /// The same, of the inputs whose rows do not say it themselves.
  func unwrittenGovernance(of inputs: [InputSource]) -> Governance? {
    governance(of: inputs.filter { !stage.traits(of: $0).isGovernanceWritten })
  }
}

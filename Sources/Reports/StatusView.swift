public import Diagnostics

/// Where a workspace stands: what `pipe status` answers.
public struct StatusView: Sendable {
  public struct Manifest: Sendable {
    public var path: String
    public var name: String
    public var version: String
    /// Path of its lock, and whether there is one.
    public var lock: String
    public var hasLock: Bool
    /// What a run would do now; nil when the manifest is wrong.
    public var plan: RunView?
    /// Why there is no plan.
    public var problems: [Diagnostic]
    public var lastRun: RunEntry?
    /// Stages that have a result, of which the last run has found that a check fails: stage and check.
    public var refused: [(stage: String, check: String)] = []

    public init(
      path: String, name: String, version: String, lock: String, hasLock: Bool, plan: RunView?, problems: [Diagnostic] = [], lastRun: RunEntry? = nil
    ) {
      self.path = path
      self.name = name
      self.version = version
      self.lock = lock
      self.hasLock = hasLock
      self.plan = plan
      self.problems = problems
      self.lastRun = lastRun
    }
  }

  public var root: String
  public var store: String
  public var manifests: [Manifest]

  public init(root: String, store: String, manifests: [Manifest]) {
    self.root = root
    self.store = store
    self.manifests = manifests
  }

  public func render(style: TerminalStyle = .plain) -> String {
    var out = "root   \(root)\nstore  \(store)\n"
    for manifest in manifests {
      out += "\n" + style.paint(manifest.path, .strong) + (manifest.name.isEmpty ? "" : "  \(manifest.name) \(manifest.version)") + "\n"
      if !manifest.problems.isEmpty {
        out += "  " + style.paint(Figures.count(manifest.problems.count, "problem"), .bad) + ": pipe lint \(manifest.path)\n"
        continue
      }
      if let plan = manifest.plan { out += "  " + standing(plan, manifest.refused, style) + "\n" }
      out += "  lock      " + (manifest.hasLock ? manifest.lock : "none yet") + "\n"
      if let last = manifest.lastRun { out += "  last run  " + last.line + "\n" }
    }
    return out
  }

  /// `up to date: 3 stages cached`, or what would run, or what a check has kept from being published.
  private func standing(_ plan: RunView, _ refused: [(stage: String, check: String)], _ style: TerminalStyle) -> String {
    let stages = plan.declaredStages
    let certain = stages.filter { $0.verdict == .wouldRun }
    let possible = stages.filter { if case .mayRun = $0.verdict { true } else { false } }
    if let first = refused.first {
      let more = refused.count > 1 ? " (and \(Figures.count(refused.count - 1, "more check"))) " : " "
      return style.paint("check failed", .bad) + ": \(first.stage): \(first.check)\(more)in the last run; pipe run checks it again"
    }
    if certain.isEmpty, possible.isEmpty { return style.paint("up to date", .good) + ": \(Figures.count(stages.count, "stage")) cached" }
    var text = style.paint("will run", .accent) + ": " + names(certain)
    if !possible.isEmpty { text += " · may run: " + names(possible) }
    if let first = certain.first, !first.why.isEmpty { text += "   (\(first.name): \(first.why))" }
    return text
  }

  private func names(_ stages: [StageView]) -> String {
    if stages.isEmpty { return "nothing" }
    return stages.count <= 6 ? stages.map(\.name).joined(separator: ", ") : stages.prefix(5).map(\.name).joined(separator: ", ") + " and \(stages.count - 5) more"
  }

  public var json: ReportJSON {
    .object([
      "schema_version": .int(reportSchemaVersion), "root": .string(root), "store": .string(store),
      "manifests": .array(
        manifests.map { manifest in
          .object([
            "manifest": .string(manifest.path), "name": .string(manifest.name), "version": .string(manifest.version), "lock": .string(manifest.lock),
            "has_lock": .bool(manifest.hasLock),
            "up_to_date": manifest.plan.map { .bool(manifest.refused.isEmpty && $0.stages.allSatisfy { $0.verdict == .cached }) },
            "failed_checks": manifest.refused.isEmpty
              ? nil : .array(manifest.refused.map { .object(["stage": .string($0.stage), "check": .string($0.check)]) }),
            "stages": manifest.plan.map { .array($0.stages.map(\.json)) },
            "problems": manifest.problems.isEmpty ? nil : .array(manifest.problems.map(\.json)),
            "last_run": manifest.lastRun.map(\.json),
          ])
        }),
    ])
  }
}

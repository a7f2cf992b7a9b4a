internal import Diagnostics
internal import Engine
internal import Rows

/// What may leave: conditions in a fixed order; a row is counted at the first that holds it back.
struct Gate: Sendable {
  struct Check: Sendable {
    let name: String
    let test: RowTest
  }

  private(set) var statuses: [String]?
  private(set) var use: String?
  private(set) var classification: Int?
  private(set) var confidence: Double?
  private(set) var checks: [Check] = []
  // A row that was never assembled has no status and no uses: a default does not hold it back, a written gate does.
  private var isStatusWritten = false
  private var isUseWritten = false
  /// What the rows' sources say, where the rows do not say it themselves.
  private let governance: Governance?

  private static let statusToken = JSONText.quoted("status")
  private static let usesToken = JSONText.quoted("uses")
  private static let classificationToken = JSONText.quoted("classification")
  private static let confidenceToken = JSONText.quoted("confidence")

  init(_ setting: Setting?, _ governance: Governance?, _ reader: inout SettingReader) {
    self.governance = governance
    if let governance { reader.stage.note(governance.note, as: "governance") }
    let status = setting?["status"]
    let use = setting?["use"]
    isStatusWritten = status?.range != nil
    isUseWritten = use?.range != nil
    // `status:` with nothing behind it takes the default away.
    statuses = status.map { $0.unlessNull?.texts } ?? ["labeled"]
    self.use = use.map { $0.unlessNull?.text } ?? "training"
    classification = setting?.entry("classification")?.text.flatMap { Classifications.order.firstIndex(of: $0) }
    confidence = setting?.entry("confidence")?.double
    for entry in setting?.entry("checks")?.map ?? [] {
      if ["status", "use", "classification", "confidence"].contains(entry.name) {
        reader.report(
          entry.setting.problem("gate-name", "a check cannot be called `\(entry.name)`: that is the name of a gate", help: "give it another name"))
        continue
      }
      let stage = reader.stage
      if let expression = reader.attempt({ () throws(Problems) in try stage.expression(entry.setting) }) {
        checks.append(Check(name: entry.name, test: RowTest(expression)))
      }
    }
  }

  /// The name of the first gate that holds a row back.
  func holdsBack(_ row: RowView, parent: RowParent, worker: WorkerLocal) throws(TaskFailure) -> String? {
    if let statuses {
      if let status = row.value(Self.statusToken) {
        if !statuses.contains(where: { JSONView(status).isText($0) }) { return "status" }
      } else if isStatusWritten {
        return "status"
      }
    }
    if let use {
      let allowed = governance?.uses
      if let allowed, !allowed.contains(use) { return "use" }
      if let uses = row.value(Self.usesToken) {
        // Null: nothing restricts the uses.
        let uses = JSONView(uses)
        if !uses.isNull, !uses.items.contains(where: { $0.isText(use) }) { return "use" }
      } else if isUseWritten, allowed == nil {
        return "use"
      }
    }
    if let classification {
      let written = row.value(Self.classificationToken).flatMap { JSONView($0).string }
      let own = Classifications.stricter(written, governance?.classification)
      // What nobody has classified is not known to be harmless.
      guard let level = own.flatMap({ Classifications.order.firstIndex(of: $0) }), level <= classification else { return "classification" }
    }
    if let confidence {
      guard let own = row.value(Self.confidenceToken).flatMap({ JSONView($0).double }), own >= confidence else { return "confidence" }
    }
    for check in checks where try !check.test.holds(row.row, parent: parent, worker: worker) { return check.name }
    return nil
  }
}

public import Diagnostics
public import Lineage

extension VerificationModel {
  /// One line, or a line for each stage that gave something else.
  public func render(style: TerminalStyle = .plain) -> String {
    let run = stages.filter { if case .notRun = $0.outcome { false } else { true } }
    let same = run.count { $0.outcome == .same }
    var out = "  " + style.paint("verify", .strong) + " \(Figures.count(same)) of \(Figures.count(run.count, "stage")) gave the same bytes again\n"
    for stage in stages {
      switch stage.outcome {
      case .same: continue
      case .differs(let difference): out += style.paint("  ! ", .bad) + "\(stage.name): \(Self.text(difference))\n"
      case .readsOthers(let other): out += style.paint("  ! ", .warning) + "\(stage.name): not compared, because `\(other)`, which it reads, gave something else\n"
      case .failed(let message): out += style.paint("  ! ", .bad) + "\(stage.name): failed this time: \(TerminalStyle.line(message))\n"
      case .notRun(let reason): out += style.paint("    \(stage.name): not run again: \(reason)\n", .faint)
      }
    }
    return out
  }

  private static func text(_ difference: Difference) -> String {
    var text = "`\(difference.output)` differs"
    if let row = difference.row { text += " from row \(Figures.count(row)) on" }
    if !difference.key.isEmpty { text += " (\(DiffWords.line(difference.key)))" }
    if let field = difference.field {
      let (before, after) = DiffWords.around(field.before, field.after, width: DiffWords.valueWidth)
      text += ": `\(DiffWords.line(field.path))` \(before ?? "–") → \(after ?? "–")"
    }
    if let detail = difference.detail { text += ": \(detail)" }
    return text
  }

  public var json: ReportJSON {
    .object([
      "holds": .bool(holds),
      "stages": .array(
        stages.map { stage in
          var members: [ReportJSON.Member] = [.init("stage", .string(stage.name))]
          switch stage.outcome {
          case .same: members.append(.init("outcome", .string("same")))
          case .differs(let difference):
            members += [.init("outcome", .string("differs")), .init("output", .string(difference.output))]
            if let row = difference.row { members.append(.init("row", .int(row))) }
            if !difference.key.isEmpty { members.append(.init("key", .string(difference.key))) }
            if let field = difference.field {
              members.append(.init("field", .string(field.path)))
              if let before = field.before { members.append(.init("before", .string(before))) }
              if let after = field.after { members.append(.init("after", .string(after))) }
            }
            if let detail = difference.detail { members.append(.init("detail", .string(detail))) }
          case .readsOthers(let other): members += [.init("outcome", .string("reads others")), .init("of", .string(other))]
          case .notRun(let reason): members += [.init("outcome", .string("not run")), .init("detail", .string(reason))]
          case .failed(let message): members += [.init("outcome", .string("failed")), .init("detail", .string(message))]
          }
          return .object(members)
        }),
    ])
  }
}

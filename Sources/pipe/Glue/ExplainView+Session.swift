import Engine
import Reports

extension ExplainView {
  init(_ explanation: Session.Explanation, _ pipeline: Pipeline) {
    let reasons = Reasons(pipeline.graph)
    let index = pipeline.graph.stages.firstIndex { $0.name == explanation.stage || $0.isImplicit && $0.desc == explanation.stage } ?? -1
    let label = { (part: String) in reasons.part(part, index).split(separator: "\n").joined(separator: ", ") }
    let values = Dictionary(explanation.parts.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    var changes: [Part] = []
    if case .changed(let list) = explanation.reason {
      changes = list.map { Part(name: $0.part, label: label($0.part), before: $0.before, after: $0.after ?? values[$0.part]) }
    }
    let verdict: StageView.Verdict =
      switch explanation.status {
      case .cached, .ran: .cached
      case .failed: .failed
      case .blocked: .blocked(by: explanation.after ?? "")
      case .unselected: .unselected
      case .cancelled: .cancelled
      case .wouldRun: .wouldRun
      case .mayRun: .mayRun(after: explanation.after ?? "")
      }
    self.init(
      stage: explanation.stage, kind: index >= 0 ? pipeline.graph.stages[index].kindName : "", verdict: verdict, why: reasons.text(explanation.reason, at: index),
      key: explanation.key, lastKey: explanation.lastKey, changes: changes,
      parts: explanation.parts.map { Part(name: $0.name, label: label($0.name), before: nil, after: $0.value) }, tasks: explanation.tasks)
  }
}

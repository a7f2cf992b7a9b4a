import Engine
import Reports

extension TraceView {
  init(_ node: TraceNode) {
    let place: Place =
      switch node.place {
      case .row(let stage, let port, let row): .row(stage: stage, port: port, row: row)
      case .line(let file, let line): .line(file: file, line: line)
      }
    self.init(place: place, label: node.label, text: String(decoding: node.bytes, as: UTF8.self), parents: node.parents.map(TraceView.init))
  }
}

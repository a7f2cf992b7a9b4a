/// What somebody who has just read a screen may want to type.
enum NextCommands {
  static func after(_ view: RunView) -> [String] {
    guard view.exitCode == 0, !view.isPlan else { return [] }
    var commands: [String] = []
    let manifest = view.manifestArgument.map { " " + $0 } ?? ""
    if let stage = view.declaredStages.last(where: { $0.isComplete && $0.outputs.contains(where: \.isTable) }), let port = stage.outputs.first(where: \.isTable) {
      let name = stage.outputs.count > 1 || port.port != "rows" ? "\(stage.name).\(port.port)" : stage.name
      commands.append("pipe show \(name)\(manifest) -n 3")
    }
    if let file = view.files.first(where: { $0.rows > 0 }) { commands.append("pipe trace \(file.path):1") }
    if view.isFirstRun {
      commands.append("pipe graph\(manifest)")
    } else if let stage = view.declaredStages.first(where: { $0.ran > 0 }) {
      commands.append("pipe explain \(stage.name)\(manifest)")
    }
    return commands
  }
}

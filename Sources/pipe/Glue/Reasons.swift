import Engine
import Reports

/// Why a stage ran, in a few words: key parts named as the manifest names them.
struct Reasons {
  let graph: Graph

  init(_ graph: Graph) { self.graph = graph }

  /// - Parameter index: the stage's place in the graph.
  func text(_ reason: RunReason, at index: Int) -> String {
    switch reason {
    case .unknown: ""
    case .firstRun: "first run"
    case .forced: "forced"
    case .neverCached: "never cached"
    case .missing: "its result is not in the store"
    case .notLocked: "the lock has no such stage"
    case .otherThanLocked: "the lock was written for something else"
    case .upstream(let names): list(names) + " changed"
    case .unread(let changes): unread(changes, index)
    case .changed(let changes): changes.isEmpty ? "changed" : summary(changes, index)
    }
  }

  /// `what it reads of tickets did not change`
  private func unread(_ changes: [RunReason.Change], _ index: Int) -> String {
    let inputs = changes.filter { $0.part.hasPrefix("input ") }.flatMap { part($0.part, index).split(separator: "\n").map(String.init) }
    return inputs.isEmpty ? "nothing that it reads changed" : "what it reads of \(list(inputs)) did not change"
  }

  private func summary(_ changes: [RunReason.Change], _ index: Int) -> String {
    // A change of the program explains whatever else differs.
    if let kind = changes.first(where: { $0.part == "kind" || $0.part.hasPrefix("component ") }) {
      return kind.part == "kind"
        ? "another pipe: \(kind.before ?? "") → \(kind.after ?? "")" : "another pipe: \(part(kind.part, index)) \(kind.before ?? "–") → \(kind.after ?? "–")"
    }
    let inputs = changes.filter { $0.part.hasPrefix("input ") }
    let own = changes.filter { !$0.part.hasPrefix("input ") }
    var texts = own.prefix(2).map { describe($0, index) }
    if own.count > 2 { texts.append("\(own.count - 2) more fields") }
    if !inputs.isEmpty {
      var names: [String] = []
      for input in inputs { for name in part(input.part, index).split(separator: "\n").map(String.init) where !names.contains(name) { names.append(name) } }
      texts.append(list(names) + " changed")
    }
    return texts.joined(separator: "; ")
  }

  /// `min_chars: 20 → 24`
  private func describe(_ change: RunReason.Change, _ index: Int) -> String {
    let name = part(change.part, index)
    switch (change.before, change.after) {
    case (nil, _?): return "\(name) is new"
    case (_?, nil): return "\(name) is gone"
    case (let before?, let after?):
      let isShort = before.count + after.count <= 40 && !before.hasPrefix("sha256:") && change.part.hasPrefix("field ")
      return isShort ? "\(name): \(before) → \(after)" : "\(name) changed"
    default: return name
    }
  }

  /// A part of a key as people know it.
  func part(_ part: String, _ index: Int) -> String {
    let words = part.split(separator: " ", maxSplits: 1).map(String.init)
    guard words.count == 2 else { return part }
    switch words[0] {
    case "field": return "`\(words[1])`"
    case "file": return words[1]
    case "component": return words[1]
    case "input": return inputNames(words[1], index)
    default: return part
    }
  }

  /// The stages or paths behind an input, one per line.
  private func inputNames(_ name: String, _ index: Int) -> String {
    guard graph.stages.indices.contains(index) else { return name }
    var port = Substring(name)
    var place: Int?
    if name.hasSuffix("]"), let bracket = name.lastIndex(of: "[") {
      port = name[..<bracket]
      place = Int(name[name.index(after: bracket)...].dropLast())
    }
    guard let input = graph.stages[index].kind.inputs.first(where: { $0.name == port }) else { return name }
    let sources = place.map { input.sources.indices.contains($0) ? [input.sources[$0]] : [] } ?? input.sources
    let names = sources.map { SourceName.of($0, in: graph) }
    return names.isEmpty ? name : names.joined(separator: "\n")
  }

  private func list(_ names: [String]) -> String {
    names.count <= 3 ? names.joined(separator: ", ") : names.prefix(2).joined(separator: ", ") + " and \(names.count - 2) more"
  }
}

/// How an input's source is called: `dataset.train`, a path, a command.
enum SourceName {
  static func of(_ source: InputSource, in graph: Graph) -> String {
    switch source {
    case .outside(let outside): text(outside)
    case .port(let reference):
      if let stage = graph[reference.stage], stage.isImplicit {
        stage.kind.inputs.flatMap(\.sources).map { of($0, in: graph) }.joined(separator: ", ")
      } else {
        reference.description
      }
    }
  }

  static func text(_ outside: OutsideSource) -> String {
    switch outside.origin {
    case .files(let pattern): pattern
    case .sqlite(let path, _): path
    case .command(let argv): "run: " + argv.joined(separator: " ")
    }
  }
}

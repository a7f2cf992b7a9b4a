public import Diagnostics

extension Graph {
  /// The stages as selections see them.
  public var candidates: [Selection.Candidate] {
    stages.indices.map { place in
      Selection.Candidate(
        name: stages[place].name, kind: stages[place].kindName, tags: stages[place].tags, matrixOf: stages[place].matrixOf, inputs: producers[place])
    }
  }

  /// The names of stages that `select` means without those that `exclude` means; nil when nothing was said.
  ///
  /// Stages that the engine added for paths go with whatever reads them.
  public func selected(_ select: [String], excluding exclude: [String] = [], selectors: [String: String] = [:]) throws(Problems) -> Set<String>? {
    if select.isEmpty, exclude.isEmpty { return nil }
    let candidates = candidates
    var places = select.isEmpty ? Set(candidates.indices) : Set(try Selection(select).places(in: candidates, selectors: selectors))
    if !exclude.isEmpty { places.subtract(try Selection(exclude).places(in: candidates, selectors: selectors)) }
    var names = Set(places.filter { !stages[$0].isImplicit }.map { stages[$0].name })
    if names.isEmpty { return [] }
    for place in places { for input in producers[place] where stages[input].isImplicit { names.insert(stages[input].name) } }
    return names
  }
}

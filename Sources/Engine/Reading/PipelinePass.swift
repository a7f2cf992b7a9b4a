import Diagnostics
import Manifests
import Rows
import Templates

/// One reading of a pipeline: cases, order, kinds.
struct PipelinePass {
  /// One stage, or one case of its matrix, with its fields evaluated.
  ///
  /// An object, because it is passed around for every edge of the graph.
  final class Case {
    let declaration: StageDeclaration
    let name: String
    let axes: [Literal.Entry]
    let fields: FieldValues
    let shared: FieldValues
    /// The stages that the fields name, with their places.
    let references: [(reference: StageReference, range: SourceRange?)]

    init(declaration: StageDeclaration, name: String, axes: [Literal.Entry], fields: FieldValues, shared: FieldValues) {
      self.declaration = declaration
      self.name = name
      self.axes = axes
      self.fields = fields
      self.shared = shared
      var found: [(StageReference, SourceRange?)] = []
      fields.visit { value in if let reference = value.reference { found.append((reference, value.range)) } }
      references = found
    }
  }

  let document: ManifestDocument
  let kinds: [String: any StageKind.Type]
  let parameters: [Literal.Entry]
  let context: ReadingContext
  let labelTypes: [LabelType]
  var diagnostics: [Diagnostic] = []
  private var cases: [Case] = []
  private(set) var casesByStage: [String: [Int]] = [:]
  private var casesByName: [String: Int] = [:]
  /// By case: the cases that read it.
  private var consumers: [[Int]] = []
  var unreadable: Set<String>

  init(document: ManifestDocument, kinds: [String: any StageKind.Type], load: @escaping PipelineReader.Load, root: String, parameters: [Literal.Entry]) {
    self.document = document
    self.kinds = kinds
    self.parameters = parameters
    self.unreadable = document.unreadableStages
    let labelTypes = document.labelTypes.map { type in
      LabelType(
        name: type.name, kind: type.kind, classes: type.classes.map { Array($0.json.utf8) }, uses: type.fields.isWritten("uses") ? type.uses : nil,
        range: type.nameRange)
    }
    self.labelTypes = labelTypes
    self.context = ReadingContext(load: load, root: root) { path, range in
      guard let ingest = kinds["ingest"] else { preconditionFailure("paths as tables need the ingest kind") }
      let from = Setting(.text(path), range: nil)
      let reader = StageReader(
        stageName: path, manifestName: document.name, range: range, labelTypes: labelTypes, settings: StageFieldSettings(["from": from]),
        context: ReadingContext(load: load, root: root) { _, _ in preconditionFailure("a path reads no other") })
      let kind = try Self.positioned(range) { () throws(Problems) in try ingest.init(reader) }
      return Stage(
        name: "@" + path, kindName: "ingest", kind: kind, keyFields: [], keyFiles: reader.files, keyFilePaths: reader.filePaths, settings: StageSettings(), desc: path, tags: [],
        isImplicit: true, range: range, matrixOf: nil)
    }
  }

  /// Gives problems of a path used as a table the place where the path stands.
  private static func positioned(_ range: SourceRange?, _ body: () throws(Problems) -> any StageKind) throws(Problems) -> any StageKind {
    do throws(Problems) { return try body() } catch {
      throw Problems(
        error.all.map { found in
          guard found.place == nil, let range else { return found }
          var found = found
          found.place = range.place
          return found
        })!
    }
  }

  mutating func read() {
    unfold()
    for index in order() { readCase(cases[index]) }
    checkPublications()
  }

  // MARK: cases

  private mutating func unfold() {
    for declaration in document.stages {
      var axes: [(name: String, values: [Literal])] = []
      var isComplete = true
      for axis in declaration.matrix {
        var found: [Diagnostic] = []
        var messages: [Diagnostic] = []
        let evaluated = axis.value.evaluated(axis.key, &found) { expression in
          let (result, problem) = resolveExpression(expression, [], [])
          if let problem { messages.append(problem) }
          return result
        }
        diagnostics += found + messages
        guard let value = evaluated else {
          isComplete = false
          continue
        }
        guard case .list(let values) = value.literal, !values.isEmpty else {
          diagnostics.append(
            Diagnostic(.error, id: "type", "`matrix.\(axis.key)` wants a list of at least one value", at: (axis.value.range ?? declaration.nameRange).place))
          isComplete = false
          continue
        }
        axes.append((axis.key, values))
      }
      guard isComplete else {
        unreadable.insert(declaration.name)
        continue
      }
      var combinations: [[Literal.Entry]] = [[]]
      for axis in axes { combinations = combinations.flatMap { done in axis.values.map { done + [Literal.Entry(axis.name, $0)] } } }
      for combination in combinations { addCase(declaration, combination) }
    }
  }

  private mutating func addCase(_ declaration: StageDeclaration, _ axes: [Literal.Entry]) {
    let before = diagnostics.count
    let allowsLater = ["exec", "train-submit"].contains(declaration.kind) ? ["split", "in", "out"] : ["split"]
    var found: [Diagnostic] = []
    var messages: [Diagnostic] = []
    let fields = declaration.fields.evaluated(&found) { expression in
      let (result, problem) = resolveExpression(expression, axes, allowsLater)
      if let problem { messages.append(problem) }
      return result
    }
    let shared = declaration.shared.evaluated(&found) { expression in
      let (result, problem) = resolveExpression(expression, axes, allowsLater)
      if let problem { messages.append(problem) }
      return result
    }
    diagnostics += found + messages
    if diagnostics[before...].contains(where: { $0.severity == .error }) {
      unreadable.insert(declaration.name)
      return
    }
    let name = axes.isEmpty ? declaration.name : declaration.name + "@" + axes.map { $0.value.printed ?? "?" }.joined(separator: "/")
    casesByStage[declaration.name, default: []].append(cases.count)
    cases.append(Case(declaration: declaration, name: name, axes: axes, fields: fields, shared: shared))
  }

  // MARK: edges

  /// The cases that a reference of one case means; problems are noted.
  mutating func targets(_ reference: StageReference, of consumer: Case, at range: SourceRange?) -> [String] {
    // What nearly every reference is: of a stage without cases.
    if reference.cases == nil, let only = casesByStage[reference.stage], only.count == 1, cases[only[0]].axes.isEmpty { return [cases[only[0]].name] }
    guard let indices = casesByStage[reference.stage] else {
      if unreadable.contains(reference.stage) { return [] }
      let names = document.stages.map(\.name)
      let label = Suggestion.nearest(to: reference.stage, in: names).map { "did you mean `\($0)`?" } ?? ""
      diagnostics.append(
        Diagnostic(
          .error, id: "unknown-stage", "there is no stage `\(reference.stage)`", at: range?.place, label: label,
          help: label.isEmpty ? "stages: \(names.joined(separator: ", "))" : nil))
      return []
    }
    let all = indices.map { cases[$0] }
    let isMatrix = !(all.first?.axes.isEmpty ?? true)
    switch reference.cases {
    case .all:
      if isMatrix { return all.map(\.name) }
      diagnostics.append(
        Diagnostic(.error, id: "matrix", "`\(reference.stage)` has no `matrix`, so it has no cases", at: range?.place, help: "${stages.\(reference.stage)}"))
      return []
    case .expression(let source):
      guard let literal = Self.evaluateCase(source, consumer.axes, parameters) else {
        diagnostics.append(Diagnostic(.error, id: "matrix", "`\(source)` does not name a case of `\(reference.stage)`", at: range?.place))
        return []
      }
      if let hit = all.first(where: { $0.axes.count == 1 && $0.axes[0].value == literal }) { return [hit.name] }
      if let hit = all.first(where: { $0.name == "\(reference.stage)@\(literal.printed ?? "")" }) { return [hit.name] }
      diagnostics.append(
        Diagnostic(
          .error, id: "matrix", "`\(reference.stage)` has no case `\(literal.printed ?? source)`", at: range?.place,
          help: "cases: \(all.map { $0.name.split(separator: "@").last.map(String.init) ?? $0.name }.joined(separator: ", "))"))
      return []
    case nil:
      if !isMatrix { return all.map(\.name) }
      diagnostics.append(
        Diagnostic(
          .error, id: "matrix", "`\(reference.stage)` has \(all.count) cases: say which", at: range?.place,
          help: "${stages.\(reference.stage)[*]} for all of them, or ${stages.\(reference.stage)[matrix.\(all[0].axes[0].key)]} for one"))
      return []
    }
  }

  private static func evaluateCase(_ source: String, _ matrix: [Literal.Entry], _ parameters: [Literal.Entry]) -> Literal? {
    guard let compiled = try? Expression(source: Array(source.utf8), name: "${…}", environment: .pipe) else { return nil }
    var bindings = Bindings()
    bindings["params"] = Value(pairs: parameters.map { ($0.key, $0.value.value) })
    bindings["matrix"] = Value(pairs: matrix.map { ($0.key, $0.value.value) })
    return (try? Renderer().evaluate(compiled, extra: bindings)).flatMap { Literal($0) }
  }

  /// Whether a stage behind a case names a column.
  func isNamed(_ column: String, after name: String) -> Bool {
    guard let start = casesByName[name] else { return false }
    var seen: Set<Int> = [start]
    var open = consumers[start]
    while let next = open.popLast() {
      guard seen.insert(next).inserted else { continue }
      if cases[next].fields.mentions(column) || cases[next].shared.mentions(column) { return true }
      open += consumers[next]
    }
    return false
  }

  /// Indices of cases, each after what it reads; cycles are reported and left out.
  private mutating func order() -> [Int] {
    casesByName.reserveCapacity(cases.count)
    for (index, item) in cases.enumerated() { casesByName[item.name] = index }
    var edges: [[(to: Int, range: SourceRange?)]] = []
    for item in cases {
      var out: [(Int, SourceRange?)] = []
      for (reference, range) in item.references {
        for name in targets(reference, of: item, at: range) { if let index = casesByName[name] { out.append((index, range)) } }
      }
      edges.append(out)
    }
    consumers = Array(repeating: [], count: cases.count)
    for (consumer, edges) in edges.enumerated() { for edge in edges { consumers[edge.to].append(consumer) } }
    var sorted: [Int] = []
    // 0 unseen, 1 open, 2 done. An explicit stack: a chain of ten thousand stages is no reason to overflow.
    var marks = Array(repeating: 0, count: cases.count)
    for root in cases.indices where marks[root] == 0 {
      var stack: [(node: Int, next: Int)] = [(root, 0)]
      marks[root] = 1
      while let top = stack.last {
        if top.next == edges[top.node].count {
          marks[top.node] = 2
          sorted.append(top.node)
          stack.removeLast()
          continue
        }
        stack[stack.count - 1].next += 1
        let edge = edges[top.node][top.next]
        if marks[edge.to] == 0 {
          marks[edge.to] = 1
          stack.append((edge.to, 0))
        } else if marks[edge.to] == 1 {
          let start = stack.firstIndex { $0.node == edge.to }!
          let path = stack[start...].map { cases[$0.node].name } + [cases[edge.to].name]
          diagnostics.append(
            Diagnostic(
              .error, id: "cycle", "\(path[0]) needs itself: \(path.joined(separator: " → "))",
              at: (edge.range ?? cases[top.node].declaration.nameRange).place))
          for entry in stack[start...] { unreadable.insert(cases[entry.node].declaration.name) }
        }
      }
    }
    return sorted
  }
}

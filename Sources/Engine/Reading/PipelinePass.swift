import Diagnostics
import Manifests
import Rows
import Templates

/// One reading of a pipeline: cases, order, kinds.
struct PipelinePass {
  /// One stage, or one case of its matrix, with its fields evaluated.
  struct Case {
    let declaration: StageDeclaration
    let name: String
    let axes: [Literal.Entry]
    let fields: FieldValues
    let shared: FieldValues
  }

  let document: ManifestDocument
  let kinds: [String: any StageKind.Type]
  let parameters: [Literal.Entry]
  let context: ReadingContext
  let labelTypes: [LabelType]
  var diagnostics: [Diagnostic] = []
  private var cases: [Case] = []
  private var casesByStage: [String: [Int]] = [:]
  private var unreadable: Set<String>

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
        stageName: path, manifestName: document.name, range: range, labelTypes: labelTypes, settings: ["from": from],
        context: ReadingContext(load: load, root: root) { _, _ in preconditionFailure("a path reads no other") })
      let kind = try Self.positioned(range) { () throws(Problems) in try ingest.init(reader) }
      return Stage(
        name: "@" + path, kindName: "ingest", kind: kind, keyFields: [], keyFiles: reader.files, settings: StageSettings(), desc: path, tags: [],
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
    let allowsLater = declaration.kind == "exec" ? ["split", "in", "out"] : ["split"]
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

  // MARK: expressions

  private func resolveExpression(_ expression: ManifestExpression, _ matrix: [Literal.Entry], _ later: [String]) -> (Evaluation, Diagnostic?) {
    if let reference = expression.reference { return (.value(.reference(reference)), nil) }
    let source = Array(expression.source.utf8)
    do throws(TemplateError) {
      let compiled = try Expression(source: source, name: "${…}", environment: .pipe)
      for use in compiled.variables where !["params", "matrix"].contains(use.name) {
        if later.contains(use.name) { return (.later, nil) }
        let known = ["params", "stages", "matrix"] + later
        let label = Suggestion.nearest(to: use.name, in: known).map { "did you mean `\($0)`?" } ?? ""
        return (
          .failed,
          Diagnostic(
            .error, id: "expression-name", "`\(use.name)` is nothing that `${…}` knows here", at: expression.range(of: use.range).place, label: label,
            help: "known: " + known.joined(separator: ", "))
        )
      }
      var bindings = Bindings()
      bindings["params"] = Value(pairs: parameters.map { ($0.key, $0.value.value) })
      bindings["matrix"] = Value(pairs: matrix.map { ($0.key, $0.value.value) })
      let value = try Renderer().evaluate(compiled, extra: bindings)
      guard let literal = Literal(value) else {
        return (.failed, Diagnostic(.error, id: "expression", "`\(expression.source)` is no value that a manifest can hold", at: expression.range.place))
      }
      return (.value(literal), nil)
    } catch {
      return (.failed, unresolved(expression, error, matrix))
    }
  }

  /// The message for an expression that failed; the commonest mistake, a name that does not exist, gets the nearest one.
  private func unresolved(_ expression: ManifestExpression, _ error: TemplateError, _ matrix: [Literal.Entry]) -> Diagnostic {
    let words = expression.source.split(separator: ".").map { String($0).trimmingSpaces() }
    if words.count == 2, words[0] == "params" || words[0] == "matrix" {
      let names = words[0] == "params" ? document.parameters.map(\.name) : matrix.map(\.key)
      if !names.contains(words[1]) {
        let meant = Suggestion.nearest(to: words[1], in: names).map { "did you mean `\(words[0]).\($0)`?" } ?? ""
        let what = words[0] == "params" ? "parameter" : "axis"
        let help = names.isEmpty ? (words[0] == "params" ? "the manifest declares no `params`" : "the stage has no `matrix`") : "there are: \(names.joined(separator: ", "))"
        return Diagnostic(.error, id: "unknown-\(what)", "there is no \(what) `\(words[1])`", at: expression.range.place, label: meant, help: help)
      }
    }
    let end = expression.source.utf8.count
    let range = min(error.range.lowerBound, end)..<min(max(error.range.lowerBound, error.range.upperBound), end)
    return Diagnostic(.error, id: "expression", error.message, at: expression.range(of: range).place)
  }

  // MARK: edges

  /// The cases that a reference of one case means; problems are noted.
  private mutating func targets(_ reference: StageReference, of consumer: Case, at range: SourceRange?) -> [String] {
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
      diagnostics.append(Diagnostic(.error, id: "matrix", "`\(reference.stage)` has no `matrix`, so it has no cases", at: range?.place, help: "${stages.\(reference.stage)}"))
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

  /// References of a case with their places.
  private func references(of item: Case) -> [(reference: StageReference, range: SourceRange?)] {
    var found: [(StageReference, SourceRange?)] = []
    item.fields.visit { value in if let reference = value.reference { found.append((reference, value.range)) } }
    return found
  }

  /// Indices of cases, each after what it reads; cycles are reported and left out.
  private mutating func order() -> [Int] {
    var byName: [String: Int] = [:]
    for (index, item) in cases.enumerated() { byName[item.name] = index }
    var edges: [[(to: Int, range: SourceRange?)]] = []
    for item in cases {
      var out: [(Int, SourceRange?)] = []
      for (reference, range) in references(of: item) {
        for name in targets(reference, of: item, at: range) { if let index = byName[name] { out.append((index, range)) } }
      }
      edges.append(out)
    }
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

  // MARK: kinds

  private mutating func readCase(_ item: Case) {
    guard !unreadable.contains(item.declaration.name), let type = kinds[item.declaration.kind] else { return }
    var isReadable = true
    for (reference, _) in references(of: item) where unreadable.contains(reference.stage) || casesByStage[reference.stage] == nil { isReadable = false }
    guard isReadable else {
      unreadable.insert(item.declaration.name)
      return
    }
    func ports(_ reference: StageReference) -> [PortReference] {
      var copy = self
      return copy.targets(reference, of: item, at: nil).map { PortReference(stage: $0, port: reference.port) }
    }
    var settings: [String: Setting] = [:]
    for values in [item.shared, item.fields] {
      for field in values.set.fields {
        if let value = values[field.name] { settings[field.name] = Setting(value, references: ports) }
      }
    }
    let reader = StageReader(
      stageName: item.name, manifestName: document.name, range: item.declaration.nameRange, labelTypes: labelTypes, settings: settings, context: context)
    do throws(Problems) {
      let kind = try type.init(reader)
      try checkPorts(kind, item)
      let stageSettings = try readShared(item, reader, kind)
      context.add(
        Stage(
          name: item.name, kindName: item.declaration.kind, kind: kind, keyFields: KeyFields.of(item.fields) + KeyFields.of(item.shared, only: ["where"]),
          keyFiles: reader.files, settings: stageSettings, desc: item.shared.string("desc"), tags: item.shared.strings("tags"), isImplicit: false,
          range: item.declaration.nameRange, matrixOf: item.axes.isEmpty ? nil : item.declaration.name))
    } catch {
      diagnostics += error.all
      unreadable.insert(item.declaration.name)
    }
  }

  private func checkPorts(_ kind: any StageKind, _ item: Case) throws(Problems) {
    var problems: [Diagnostic] = []
    for port in kind.inputs {
      for case .port(let reference) in port.sources {
        guard let producer = context.stages[reference.stage] else { continue }
        let outputs = producer.publicOutputs
        let names = outputs.map(\.name)
        let place = places(of: reference, in: item) ?? port.range?.place ?? item.declaration.nameRange.place
        if let name = reference.port {
          guard !names.contains(name) else { continue }
          problems.append(
            Diagnostic(
              .error, id: "unknown-port", "`\(producer.name)` has no output `\(name)`", at: place,
              label: Suggestion.nearest(to: name, in: names).map { "did you mean `\($0)`?" } ?? "", help: "its outputs: \(names.joined(separator: ", "))"))
        } else if !producer.kind.hasMainPort {
          problems.append(
            Diagnostic(
              .error, id: "no-main-port", "`\(producer.name)` has no main output: say which", at: place,
              help: names.map { "${stages.\(producer.name).\($0)}" }.joined(separator: " or ")))
        }
      }
    }
    if let problems = Problems(problems) { throw problems }
  }

  private func places(of reference: PortReference, in item: Case) -> Place? {
    references(of: item).first { $0.reference.stage == reference.stage || reference.stage.hasPrefix($0.reference.stage + "@") }?.range?.place
  }

  // MARK: fields that every stage has

  private func readShared(_ item: Case, _ reader: StageReader, _ kind: any StageKind) throws(Problems) -> StageSettings {
    var settings = StageSettings()
    settings.timeoutSeconds = item.shared.milliseconds("timeout").map { Double($0) / 1000 }
    if let retries = item.shared.record("retries") {
      settings.retries.maximum = retries.int("max") ?? 0
      settings.retries.backoffSeconds = Double(retries.milliseconds("backoff") ?? 1000) / 1000
      settings.retries.exitStatuses = retries.list("on_exit").compactMap(\.int)
    }
    settings.isCached = item.shared.string("cache") != "never"
    if let resources = item.shared.record("resources") {
      settings.cpus = resources.int("cpu") ?? 1
      settings.memoryBytes = resources.byteCount("memory")
      settings.gpus = resources.int("gpu") ?? 0
    }
    settings.mutexes = item.shared.strings("mutex")
    settings.isFrozen = item.shared.bool("frozen") ?? false
    var problems: [Diagnostic] = []
    for entry in reader.setting("expect")?.list ?? [] {
      guard let check = entry["check"], let text = check.text else { continue }
      do throws(Problems) {
        // The names of facts hold dots; see `FactNames`.
        let flat = Setting(.text(FactNames.flattened(text)), range: check.range, operands: check.operands, code: nil)
        let expression = try reader.expression(flat)
        problems += unknownFacts(expression, check, text, kind)
        settings.checks.append(
          Check(text: text, severity: entry["severity"]?.text == "warn" ? .warn : .error, range: check.range, expression: expression))
      } catch {
        problems += error.all.map { found in
          var found = found
          found.place = check.range?.place
          return found
        }
      }
    }
    if let problems = Problems(problems) { throw problems }
    return settings
  }

  private func unknownFacts(_ expression: RowExpression, _ check: Setting, _ text: String, _ kind: any StageKind) -> [Diagnostic] {
    let functions = ["nulls", "distinct", "overlap", "balance", "unmatched"]
    let ports = kind.outputs.filter(\.isPublic).map(\.name)
    let facts = ["rows", "dropped"] + ports.map { "rows.\($0)" } + type(of: kind).facts + type(of: kind).figures + type(of: kind).comparedFigures
    let known = Set((facts.map(FactNames.flattened)) + functions + ports + expression.operands.map(\.name))
    return expression.expression.variables.compactMap { use in
      if type(of: kind).figures.contains(where: { use.name.hasPrefix("\($0)__") }) { return nil }
      if known.contains(use.name) || use.name.hasPrefix("dropped__") || use.name.hasPrefix("held_back__") || use.name.hasPrefix("unmatched__") { return nil }
      let shown = use.name.replacingUnderscores
      let label = Suggestion.nearest(to: shown, in: facts + functions).map { "did you mean `\($0)`?" } ?? ""
      return Diagnostic(
        .error, id: "unknown-fact", "\(type(of: kind).name) has no fact `\(shown)`", at: check.range?.place, label: label,
        help: "facts: \((facts + functions.map { $0 + "(…)" }).joined(separator: ", "))")
    }
  }

  // MARK: what stages write

  private mutating func checkPublications() {
    var writers: [String: Stage] = [:]
    for stage in context.ordered {
      for publication in stage.kind.publishes {
        if let other = writers[publication.path], other.name != stage.name {
          diagnostics.append(
            Diagnostic(
              .error, id: "two-writers", "`\(other.name)` and `\(stage.name)` both write `\(publication.path)`", at: stage.range?.place,
              secondary: other.range.map { [.init(place: $0.place, label: "the other one")] } ?? [], help: "give one of them another `to`"))
        }
        writers[publication.path] = stage
      }
    }
    for stage in context.ordered {
      for port in stage.kind.inputs {
        for case .outside(let outside) in port.sources {
          guard case .files(let pattern) = outside.origin, let writer = writers[pattern] else { continue }
          diagnostics.append(
            Diagnostic(
              .error, id: "reads-own-output", "`\(stage.displayName)` reads `\(pattern)`, which `\(writer.name)` writes", at: stage.range?.place,
              help: "read the stage: ${stages.\(writer.name)…}"))
        }
      }
    }
    // What runs each time has no result that a lock could name.
    var volatile: Set<String> = []
    for stage in context.ordered {
      if !stage.settings.isCached || stage.kind.effect == .volatile || stage.dependencies.contains(where: volatile.contains) { volatile.insert(stage.name) }
      if volatile.contains(stage.name), !stage.kind.publishes.isEmpty, document.top.bool("lock") ?? true {
        diagnostics.append(
          Diagnostic(
            .error, id: "volatile-output", "`\(stage.name)` publishes what comes from a stage that runs each time (`cache: never` or `effect: volatile`)",
            at: stage.range?.place, help: "take `cache: never` away, or say `lock: false` at the top of the manifest"))
      }
    }
  }
}

extension String {
  func trimmingSpaces() -> String {
    var text = self[...]
    while text.first == " " { text = text.dropFirst() }
    while text.last == " " { text = text.dropLast() }
    return String(text)
  }

  /// `rows__train` as people write it.
  var replacingUnderscores: String {
    guard let range = self.firstRange(of: "__") else { return self }
    return String(self[..<range.lowerBound]) + "." + String(self[range.upperBound...])
  }
}

import Diagnostics
import Manifests
import Templates

/// Making kinds of cases, and what is checked once they are made: ports, facts, what is written where.
extension PipelinePass {
  mutating func readCase(_ item: Case) {
    guard !unreadable.contains(item.declaration.name), let type = kinds[item.declaration.kind] else { return }
    var isReadable = true
    for (reference, _) in item.references where unreadable.contains(reference.stage) || casesByStage[reference.stage] == nil { isReadable = false }
    guard isReadable else {
      unreadable.insert(item.declaration.name)
      return
    }
    let pass = self
    func ports(_ reference: StageReference) -> [PortReference] {
      // What is wrong with a reference has been said when the stages were ordered.
      var copy = pass
      return copy.targets(reference, of: item, at: nil).map { PortReference(stage: $0, port: reference.port) }
    }
    let reader = StageReader(
      stageName: item.name, manifestName: document.name, range: item.declaration.nameRange, labelTypes: labelTypes,
      settings: StageFieldSettings([item.fields, item.shared], references: ports), context: context,
      namedLater: { [self] in isNamed($0, after: item.name) })
    do throws(Problems) {
      let kind = try type.init(reader)
      try checkPorts(kind, item)
      let stageSettings = try readShared(item, reader, kind)
      // The cases of a matrix say the same.
      for remark in reader.remarks where !diagnostics.contains(remark) { diagnostics.append(remark) }
      context.add(
        Stage(
          name: item.name, kindName: item.declaration.kind, kind: kind, keyFields: KeyFields.of(item.fields) + KeyFields.of(item.shared, only: ["where"]),
          keyFiles: reader.files, keyFilePaths: reader.filePaths, settings: stageSettings, desc: item.shared.string("desc"),
          tags: item.shared.strings("tags"), isImplicit: false,
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
        var place: Place { places(of: reference, in: item) ?? port.range?.place ?? item.declaration.nameRange.place }
        if let name = reference.port {
          if let output = outputs.first(where: { $0.name == name }) {
            if let problem = notRows(output, of: producer, port, at: { place }) { problems.append(problem) }
            continue
          }
          problems.append(
            Diagnostic(
              .error, id: "unknown-port", "`\(producer.name)` has no output `\(name)`", at: place,
              label: Suggestion.nearest(to: name, in: names).map { "did you mean `\($0)`?" } ?? "", help: "its outputs: \(names.joined(separator: ", "))"))
        } else if !producer.kind.hasMainPort {
          problems.append(
            Diagnostic(
              .error, id: "no-main-port", "`\(producer.name)` has no main output: say which", at: place,
              help: names.map { "${stages.\(producer.name).\($0)}" }.joined(separator: " or ")))
        } else if let output = outputs.first, let problem = notRows(output, of: producer, port, at: { place }) {
          problems.append(problem)
        }
      }
    }
    if let problems = Problems(problems) { throw problems }
  }

  /// The message for a file where rows are wanted: its bytes would be taken for rows.
  private func notRows(_ output: OutputPort, of producer: Stage, _ port: InputPort, at place: () -> Place) -> Diagnostic? {
    guard output.content != .rows, !port.takesFiles else { return nil }
    let tables = producer.publicOutputs.filter { $0.content == .rows }.map { "${stages.\(producer.name).\($0.name)}" }
    return Diagnostic(
      .error, id: "not-rows", "`\(producer.name).\(output.name)` is a \(output.content == .folder ? "folder" : "file"), and `\(port.name)` wants rows", at: place(),
      help: tables.isEmpty ? "only an exec stage with `rows: file` takes files" : "its rows: " + tables.joined(separator: ", "))
  }

  private func places(of reference: PortReference, in item: Case) -> Place? {
    item.references.first { $0.reference.stage == reference.stage || reference.stage.hasPrefix($0.reference.stage + "@") }?.range?.place
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
    settings.tracedColumns = item.shared.strings("trace_by")
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

  mutating func checkPublications() {
    var writers: [String: Stage] = [:]
    for stage in context.ordered {
      for publication in stage.publishes {
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
      for port in stage.inputs {
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
      if volatile.contains(stage.name), !stage.publishes.isEmpty, document.top.bool("lock") ?? true {
        diagnostics.append(
          Diagnostic(
            .error, id: "volatile-output", "`\(stage.name)` publishes what comes from a stage that runs each time (`cache: never` or `effect: volatile`)",
            at: stage.range?.place, help: "take `cache: never` away, or say `lock: false` at the top of the manifest"))
      }
    }
  }
}

extension String {
  /// `rows__train` as people write it.
  var replacingUnderscores: String {
    guard let range = self.firstRange(of: "__") else { return self }
    return String(self[..<range.lowerBound]) + "." + String(self[range.upperBound...])
  }
}

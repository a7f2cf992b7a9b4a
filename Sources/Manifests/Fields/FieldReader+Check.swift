public import Diagnostics

// Values that have been evaluated, and scalars: the same rules for both.
extension FieldReader {
  /// Checks an evaluated value against a type.
  ///
  /// - Parameter node: what was written where the value came from; problems point there.
  public static func check(
    _ literal: Literal, _ type: FieldType, name: String, node: Node?, diagnostics: inout [Diagnostic]
  ) -> FieldValue? {
    check(literal, type, Subject(name: name), node, &diagnostics)
  }

  static func check(_ literal: Literal, _ type: FieldType, _ subject: Subject, _ node: Node?, _ diagnostics: inout [Diagnostic]) -> FieldValue? {
    func mismatch() -> FieldValue? {
      diagnostics.append(
        Diagnostic(
          id: "type", "\(subject.text) wants \(type.noun), found \(literal.found)", at: node.map { shownRange($0).place },
          notes: node.map { evaluatedNote($0) } ?? []))
      return nil
    }
    switch type {
    case .list(let item), .oneOrMany(let item):
      guard case .list(let items) = literal else {
        guard case .oneOrMany = type, let value = check(literal, item, subject, node, &diagnostics) else {
          if case .list = type { return mismatch() }
          return nil
        }
        return FieldValue(.list([value]), node: node)
      }
      return FieldValue(.list(items.compactMap { check($0, item, subject.item, node, &diagnostics) }), node: node)
    case .map(let word, let value, let listed):
      if listed, case .list(let items) = literal {
        let entries = items.compactMap { item -> FieldValue.Entry? in
          guard let key = check(item, .word(word), subject.item, node, &diagnostics)?.string,
            let value = check(item, value, subject.item, node, &diagnostics)
          else { return nil }
          return FieldValue.Entry(key: key, keyNode: nil, value: value)
        }
        return FieldValue(.map(entries), node: node)
      }
      guard case .map(let written) = literal else { return mismatch() }
      let entries = written.compactMap { entry in
        check(entry.value, value, Subject(name: entry.key), node, &diagnostics).map {
          FieldValue.Entry(key: entry.key, keyNode: nil, value: $0)
        }
      }
      return FieldValue(.map(entries), node: node)
    case .record(let set, let shorthand): return checkRecord(literal, set, shorthand, subject, node, &diagnostics)
    case .tagged(let tag, let variants):
      guard case .map(let entries) = literal, case .string(let word)? = entries.first(where: { $0.key == tag })?.value,
        let variant = variants.first(where: { $0.when.contains(word) })
      else { return mismatch() }
      return checkRecord(literal, variant.fields, nil, subject, node, &diagnostics)
    case .dependent(_, let variants):
      return checkRecord(literal, FieldType.union(variants, subject: subject.text), nil, subject, node, &diagnostics)
    case .oneOf(let types):
      // As where it is written: a text that looks like a template is one, and no path.
      let isTemplate = if case .string(let text) = literal { looksLikeTemplate(text) } else { false }
      let templates = isTemplate ? types.filter { if case .template = $0 { true } else { false } } : []
      for alternative in templates + types {
        var found: [Diagnostic] = []
        if let value = check(literal, alternative, subject, node, &found), found.isEmpty { return value }
      }
      return mismatch()
    case .any: return anyValue(literal, node)
    case .expression, .template:
      guard case .string(let text) = literal, let node else { return mismatch() }
      return FieldValue(.source(Interpolated(parts: text.isEmpty ? [] : [.text(text, at: 0..<text.utf8.count)], node: node)), node: node)
    default: return checkScalar(literal, sourceText: nil, type, subject, node: node, diagnostics: &diagnostics)
    }
  }

  private static func anyValue(_ literal: Literal, _ node: Node?) -> FieldValue? {
    switch literal {
    case .list(let items): FieldValue(.list(items.compactMap { anyValue($0, node) }), node: node)
    case .map(let entries):
      FieldValue(
        .map(entries.compactMap { entry in anyValue(entry.value, node).map { .init(key: entry.key, keyNode: nil, value: $0) } }), node: node)
    case .reference(let reference): FieldValue(.reference(reference), node: node)
    default: FieldValue(.literal(literal), node: node)
    }
  }

  private static func checkRecord(
    _ literal: Literal, _ set: FieldSet, _ shorthand: String?, _ subject: Subject, _ node: Node?, _ diagnostics: inout [Diagnostic]
  ) -> FieldValue? {
    guard case .map(let entries) = literal else {
      guard let shorthand, let index = set.indexByName[shorthand] else {
        diagnostics.append(
          Diagnostic(
            id: "type", "\(subject.text) wants a mapping with \(set.summary), found \(literal.found)", at: node.map { shownRange($0).place }))
        return nil
      }
      return check(literal, set.fields[index].type, subject, node, &diagnostics).map {
        FieldValue(.record(FieldValues(set: set, node: nil, written: [.init(field: index, key: nil, value: $0)])), node: node)
      }
    }
    var values = FieldValues(set: set, node: node)
    for entry in entries {
      guard let index = set.indexByName[entry.key] else {
        diagnostics.append(
          Diagnostic(
            id: "unknown-field", "\(set.subject) has no field `\(entry.key)`", at: node.map { shownRange($0).place },
            label: set.suggestion(for: entry.key).map { "did you mean `\($0)`?" } ?? ""))
        continue
      }
      if let value = check(entry.value, set.fields[index].type, Subject(name: entry.key), node, &diagnostics) {
        values.written.append(.init(field: index, key: nil, value: value))
      }
    }
    for field in set.fields where field.isRequired && !entries.contains(where: { $0.key == field.name }) {
      diagnostics.append(Diagnostic(id: "missing-field", "\(set.subject) needs `\(field.name)`", at: node.map { shownRange($0).place }))
    }
    return FieldValue(.record(values), node: node)
  }

  /// What an expression gave, for the foot of a message.
  private static func evaluatedNote(_ node: Node) -> [Diagnostic.Note] {
    Interpolated.hasDollarBrace(node.scalar) ? [.init(label: "note", text: "this is what \(shownRange(node).string) gives")] : []
  }

  // MARK: Scalars

  static func checkScalar(
    _ literal: Literal, sourceText: String?, _ type: FieldType, _ subject: Subject, node: Node?, diagnostics: inout [Diagnostic]
  ) -> FieldValue? {
    func report(_ id: String, _ message: String, label: String = "", help: String? = nil) -> FieldValue? {
      diagnostics.append(
        Diagnostic(
          id: id, message, at: node.map { shownRange($0).place }, label: label, help: help,
          notes: sourceText == nil ? node.map { evaluatedNote($0) } ?? [] : []))
      return nil
    }
    func mismatch(help: String? = nil) -> FieldValue? {
      let found = sourceText != nil ? node.map { FieldReader.found($0) } ?? literal.found : literal.found
      return report("type", "\(subject.text) wants \(type.noun), found \(found)", help: help)
    }
    func quoted() -> String? {
      guard let sourceText, !sourceText.isEmpty, literal != .null else { return nil }
      return subject.isItem ? "quote it: \(Scan.quote(sourceText))" : "quote it: \(subject.name): \(Scan.quote(sourceText))"
    }
    func keep(_ literal: Literal) -> FieldValue { FieldValue(.literal(literal), node: node) }
    switch type {
    case .text, .column:
      guard case .string(let text) = literal else { return mismatch(help: quoted()) }
      if case .column = type, text.isEmpty { return mismatch() }
      return keep(literal)
    case .word(let word):
      if word == .semanticVersion, let sourceText, literal != .null {
        // `1.10` is a number to YAML; what counts is what was written.
        if word.matches(sourceText) { return keep(.string(sourceText)) }
        return report("version", "\(subject.text) wants \(type.noun), found `\(sourceText)`", help: nameHelp(sourceText, word))
      }
      guard case .string(let text) = literal else { return mismatch(help: quoted()) }
      if word.matches(text) { return keep(literal) }
      return report("name", "\(subject.text) wants \(type.noun), found \(Literal.shown(text))", help: nameHelp(text, word))
    case .verbatim:
      if let sourceText, literal != .null { return keep(.string(sourceText)) }
      guard let printed = literal.printed else { return mismatch() }
      return keep(.string(printed))
    case .bool:
      guard case .bool = literal else {
        if case .string(let text) = literal, YAML11.isBooleanWord(text) { return mismatch(help: "\(subject.name): \(YAML11.isTrue(text))") }
        return mismatch()
      }
      return keep(literal)
    case .int(let range):
      guard case .int(let value) = literal else { return mismatch() }
      return range.contains(value) ? keep(literal) : report("range", "\(subject.text) wants \(type.noun), found \(value)")
    case .number(let range):
      let value: Double
      switch literal {
      case .int(let int): value = Double(int)
      case .float(let float): value = float
      default: return mismatch()
      }
      return range.contains(value) && value.isFinite
        ? keep(literal) : report("range", "\(subject.text) wants \(type.noun), found \(literal.printed ?? "\(value)")")
    case .duration:
      if case .int(let value) = literal {
        return report(
          "duration", "\(subject.text) wants a duration with its unit, found the integer \(value)",
          help: "\(subject.name): \(value)s, or \(value)m, or \(value)h")
      }
      guard case .string(let text) = literal else { return mismatch(help: "for instance  \(subject.name): 20m") }
      guard let milliseconds = Quantity.milliseconds(text) else {
        return report(
          "duration", "\(subject.text) wants a duration, found \(Literal.shown(text))",
          help: "a number and a unit, ms s m h or d: \(subject.name): 90s")
      }
      return FieldValue(.milliseconds(milliseconds), node: node)
    case .byteSize:
      if case .int(let value) = literal {
        return report(
          "size", "\(subject.text) wants a size with its unit, found the integer \(value)", help: "\(subject.name): \(value)M, or \(value)G")
      }
      guard case .string(let text) = literal, let count = Quantity.byteCount(text) else {
        return mismatch(help: "a number and a unit, K M G or T: \(subject.name): 8G")
      }
      return FieldValue(.byteCount(count), node: node)
    case .scalar:
      switch literal {
      case .list, .map, .reference: return mismatch()
      case .float(let value) where !value.isFinite && node?.scalarKind == .int:
        return report("range", "\(subject.text): \(sourceText ?? "the integer") does not fit 64 bits", help: quoted())
      default: return keep(literal)
      }
    case .any: return keep(literal)
    case .path(let role):
      guard case .string(let text) = literal else { return mismatch(help: quoted()) }
      return checkPath(text, role, subject, node, &diagnostics) ? keep(literal) : nil
    case .input:
      if case .reference(let reference) = literal { return FieldValue(.reference(reference), node: node) }
      guard case .string(let text) = literal else { return mismatch(help: quoted()) }
      return checkPath(text, .source, subject, node, &diagnostics) ? keep(literal) : nil
    case .stage:
      guard case .reference(let reference) = literal else { return mismatch(help: "\(subject.name): ${stages.name}") }
      return FieldValue(.reference(reference), node: node)
    case .choice(let choices):
      // `weight: 0`: a choice may look like a number.
      let word: String
      switch literal {
      case .string(let text): word = text
      case .int, .bool, .float: word = sourceText ?? literal.printed ?? ""
      default: return mismatch()
      }
      guard let choice = choices.first(where: { $0.name == word }) else {
        let names = choices.map(\.name)
        return report(
          "choice", "\(subject.text) cannot be `\(word)`", label: Suggestion.label(for: word, in: names),
          help: "one of: " + choices.filter { !$0.isPlanned }.map(\.name).joined(separator: " "))
      }
      if choice.isPlanned {
        return report(
          "planned", "`\(subject.name): \(word)` is planned, not built yet",
          help: "built: " + choices.filter { !$0.isPlanned }.map(\.name).joined(separator: " "))
      }
      return keep(.string(word))
    case .expression, .template, .list, .oneOrMany, .map, .record, .oneOf, .tagged, .dependent: return mismatch()
    }
  }

  private static func checkPath(
    _ text: String, _ role: FieldType.PathRole, _ subject: Subject, _ node: Node?, _ diagnostics: inout [Diagnostic]
  ) -> Bool {
    func report(_ severity: Severity, _ id: String, _ message: String, help: String) {
      diagnostics.append(Diagnostic(severity, id: id, message, at: node.map { shownRange($0).place }, help: help))
    }
    if text.isEmpty {
      report(.error, "path", "\(subject.text) is an empty path", help: "a path starts at the workspace root; `./` starts at this file's folder")
      return false
    }
    if text.hasPrefix("~") {
      report(.warning, "path-home", "`~` is not expanded: this names a file called `~`", help: "write the path out, or give it with a parameter")
    }
    if text.utf8.first == UInt8(ascii: "/") {
      if role == .output {
        report(.error, "path-outside", "\(subject.text) leaves the workspace root", help: "outputs lie in the workspace: Outputs/…")
        return false
      }
      report(
        .warning, "path-absolute", "an absolute path means something on one machine only",
        help: "a path starts at the workspace root; give other places with a parameter")
    }
    if role == .output, ManifestPath.resolve(text, in: node?.document.text.path ?? "").hasPrefix("..") {
      report(.error, "path-outside", "\(subject.text) leaves the workspace root", help: "outputs lie in the workspace: Outputs/…")
      return false
    }
    return true
  }
}

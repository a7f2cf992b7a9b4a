/// The tables of the reference for users, made from the declared fields.
public enum ManifestReference {
  /// A part of the reference.
  public struct Section: Sendable {
    /// `ingest`, `manifest`, `stage`: the name in the markers `<!-- fields: ingest -->` and `<!-- end -->`.
    public let name: String
    /// Markdown: a table per mapping, the outer one first, and the ports of a kind.
    public let markdown: String
  }

  /// Every section, in the order of the reference.
  public static func sections(_ language: ManifestLanguage) -> [Section] {
    var sections = [
      Section(name: "manifest", markdown: tables(ManifestFields.manifest, [])),
      Section(name: "stage", markdown: tables(ManifestFields.shared, [])),
    ]
    for kind in language.kinds {
      var text = ""
      if kind.isPlanned { text += "*Planned, not built yet: a stage of this kind is an error that says so.*\n\n" }
      // A message has a section of its own.
      text += tables(kind.fields, kind.fields === StageFields.assemble.fields ? [StageFields.message] : [])
      text +=
        "\nPorts: " + kind.ports.enumerated().map { "`\($1.name)`\($0 == 0 ? " (main)" : ""): \(decapitalized($1.doc))" }.joined(separator: " · ")
        + "\n"
      sections.append(Section(name: kind.name, markdown: text))
    }
    sections.append(Section(name: "message", markdown: tables(StageFields.message, StageFields.parts.map(\.fields))))
    sections.append(Section(name: "prompt", markdown: tables(PromptFields.file, [StageFields.message] + StageFields.parts.map(\.fields))))
    sections.append(Section(name: "label", markdown: tables(PromptFields.label, [])))
    return sections
  }

  /// The reference with its tables renewed; what stands between markers is replaced, the rest is kept.
  public static func updating(_ document: String, _ language: ManifestLanguage) -> String {
    var lines: [Substring] = []
    var skipping = false
    let sections = Dictionary(sections(language).map { ($0.name, $0.markdown) }, uniquingKeysWith: { first, _ in first })
    for line in document.split(separator: "\n", omittingEmptySubsequences: false) {
      if line == "<!-- end -->" { skipping = false }
      if skipping { continue }
      lines.append(line)
      if line.hasPrefix("<!-- fields: "), line.hasSuffix(" -->"), let text = sections[String(line.dropFirst(13).dropLast(4))] {
        lines.append("")
        lines += text.split(separator: "\n", omittingEmptySubsequences: false)
        skipping = true
      }
    }
    return lines.joined(separator: "\n")
  }

  // MARK: Tables

  private static func tables(_ set: FieldSet, _ elsewhere: [FieldSet]) -> String {
    var out = table(set)
    var known = elsewhere.map(ObjectIdentifier.init) + [ObjectIdentifier(set)]
    var waiting = nested(set)
    while !waiting.isEmpty {
      let next = waiting.removeFirst()
      if known.contains(ObjectIdentifier(next)) { continue }
      known.append(ObjectIdentifier(next))
      if next.fields.isEmpty { continue }
      out += "\n**\(capitalized(next.subject))**\n\n" + table(next)
      waiting = nested(next) + waiting
    }
    return out
  }

  private static func nested(_ set: FieldSet) -> [FieldSet] { set.fields.flatMap { nested($0.type) } }

  private static func nested(_ type: FieldType) -> [FieldSet] {
    switch type {
    case .list(let item), .oneOrMany(let item), .map(_, let item, _): nested(item)
    case .record(let set, _): [set]
    case .oneOf(let types): types.flatMap { nested($0) }
    case .tagged(_, let variants), .dependent(_, let variants): variants.map(\.fields)
    default: []
    }
  }

  private static func table(_ set: FieldSet) -> String {
    var out = "| field | type | default | meaning | example |\n|---|---|---|---|---|\n"
    for field in set.fields {
      let name = "`\(field.name)`" + (field.isPlanned ? " (planned)" : "")
      let cells = [name, text(field.type), defaultText(field, set), field.doc, code(field.example)]
      out +=
        "| " + cells.map { $0.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }.joined(separator: " | ") + " |\n"
    }
    return out
  }

  private static func code(_ text: String) -> String { text.contains("`") ? "`` \(text) ``" : "`\(text)`" }

  private static func defaultText(_ field: Field, _ set: FieldSet) -> String {
    if field.isRequired { return "required" }
    if let note = field.defaultNote { return note }
    for rule in set.rules {
      switch rule {
      case .exactlyOne(let names) where names.contains(field.name), .atLeastOne(let names) where names.contains(field.name):
        return names.joined(separator: " or ")
      default: continue
      }
    }
    return field.defaultValue.map { "`\($0.yaml)`" } ?? "—"
  }

  /// A type as the tables show it.
  private static func text(_ type: FieldType) -> String {
    switch type {
    case .text: return "text"
    case .word(.column), .column: return "column"
    case .word(.semanticVersion): return "`MAJOR.MINOR.PATCH`"
    case .word: return "name"
    case .verbatim: return "text (kept as written)"
    case .bool: return "true, false"
    case .int(let range): return "integer" + bounds(range, Int.min, Int.max)
    case .number(let range): return "number" + bounds(range, -Double.infinity, Double.infinity)
    case .duration: return "duration"
    case .byteSize: return "size"
    case .scalar: return "scalar"
    case .any: return "any"
    case .path: return "path"
    case .input: return "input"
    case .stage: return "`${stages.…}`"
    case .expression(.row): return "row expression"
    case .expression(.facts): return "check"
    case .template: return "row template"
    case .choice(let choices):
      let built = choices.filter { !$0.isPlanned }.map { "`\($0.name)`" }.joined(separator: " ")
      let planned = choices.filter(\.isPlanned).map { "`\($0.name)`" }.joined(separator: " ")
      return planned.isEmpty ? built : built + "; planned: " + planned
    case .list(let item): return "[\(text(item))]"
    case .oneOrMany(let item): return text(item) + ", or [\(text(item))]"
    case .map(let word, let value, let listed):
      let map = "{\(word == .column ? "column" : "name"): \(text(value))}"
      return listed ? "[column], or " + map : map
    case .record(let set, let shorthand):
      let names = "{" + set.fields.map(\.name).joined(separator: ", ") + "}"
      return shorthand.flatMap { set.field($0) }.map { text($0.type) + ", or " + names } ?? names
    case .oneOf(let types): return types.map { text($0) }.joined(separator: ", or ")
    case .tagged(let tag, let variants): return "{\(tag): " + variants.flatMap(\.when).joined(separator: ", ") + "; …}"
    case .dependent(let on, _): return "{…} by `\(on)`"
    }
  }

  private static func bounds<T: Comparable>(_ range: ClosedRange<T>, _ least: T, _ most: T) -> String {
    func shown(_ value: T) -> String { "\(value)".hasSuffix(".0") ? String("\(value)".dropLast(2)) : "\(value)" }
    switch (range.lowerBound == least, range.upperBound == most) {
    case (true, true): return ""
    case (false, true): return " ≥ \(shown(range.lowerBound))"
    case (true, false): return " ≤ \(shown(range.upperBound))"
    case (false, false): return " \(shown(range.lowerBound))–\(shown(range.upperBound))"
    }
  }

  private static func capitalized(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }
  private static func decapitalized(_ text: String) -> String {
    let end = text.hasSuffix(".") ? text.dropLast() : text[...]
    return end.prefix(1).lowercased() + end.dropFirst()
  }
}

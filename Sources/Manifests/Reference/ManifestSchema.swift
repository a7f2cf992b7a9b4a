public import Diagnostics

/// The JSON Schema (draft 2020-12) of the files a person writes, made from the declared fields: editors complete and check with it.
public enum ManifestSchema {
  public enum File: String, Sendable, CaseIterable {
    case manifest, fragment, prompt, label
  }

  /// Equal languages give equal bytes.
  public static func json(_ file: File, _ language: ManifestLanguage) -> ReportJSON {
    var writer = SchemaWriter(language: language)
    let (title, set): (String, FieldSet) =
      switch file {
      case .manifest: ("pipe manifest", ManifestFields.manifest)
      case .fragment: ("pipe manifest fragment", ManifestFields.fragment)
      case .prompt: ("pipe prompt template", PromptFields.file)
      case .label: ("pipe label record", PromptFields.label)
      }
    var members: [ReportJSON.Member] = [
      .init("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
      .init("$id", .string("urn:pipe:\(file.rawValue):v1")),
      .init("title", .string(title)),
    ]
    members += writer.object(set, isTop: file == .manifest || file == .fragment)
    members.append(.init("$defs", .object(writer.finish())))
    return .object(members)
  }
}

private struct SchemaWriter {
  let language: ManifestLanguage
  private var definitions: [ReportJSON.Member] = []
  private var names: [ObjectIdentifier: String] = [:]
  private var usesExpression = false

  init(language: ManifestLanguage) { self.language = language }

  mutating func finish() -> [ReportJSON.Member] {
    if usesExpression {
      definitions.append(
        .init(
          "expression", .object(["description": .string("A manifest expression: `${…}`."), "type": .string("string"), "pattern": .string(#"\$\{"#)])))
    }
    return definitions
  }

  // MARK: Objects

  mutating func object(_ set: FieldSet, isTop: Bool = false, and shared: FieldSet? = nil) -> [ReportJSON.Member] {
    var properties: [ReportJSON.Member] = []
    var required: [String] = []
    var all: [ReportJSON] = []
    for field in set.fields + (shared?.fields ?? []) where !field.isPlanned {
      properties.append(.init(field.name, property(field, isTop: isTop)))
      if field.isRequired { required.append(field.name) }
      if case .dependent(let on, let variants) = field.type {
        for variant in variants where !variant.fields.fields.isEmpty {
          all.append(
            condition(on, variant.when, then: .object(["properties": .object([.init(field.name, reference(variant.fields))])])))
        }
      }
    }
    for rule in set.rules + (shared?.rules ?? []) {
      func needs(_ names: [String]) -> ReportJSON { .object(["required": .strings(names)]) }
      switch rule {
      case .exactlyOne(let names): all.append(.object(["oneOf": .array(names.map { needs([$0]) })]))
      case .together(let names):
        let others = names.map { name in ReportJSON.Member(name, .strings(names.filter { $0 != name })) }
        all.append(.object(["dependentRequired": .object(others)]))
      case .atLeastOne(let names): all.append(.object(["anyOf": .array(names.map { needs([$0]) })]))
      case .atMostOne(let names):
        for (at, name) in names.enumerated() {
          for other in names[(at + 1)...] { all.append(.object(["not": needs([name, other])])) }
        }
      }
    }
    return [
      .init("type", .string("object")),
      .init("properties", .object(properties)),
    ] + (required.isEmpty ? [] : [.init("required", .strings(required))])
      + (isTop ? [.init("patternProperties", .object([.init("^x-", .bool(true))]))] : [])
      + [.init("additionalProperties", .bool(false))] + (all.isEmpty ? [] : [.init("allOf", .array(all))])
  }

  private mutating func property(_ field: Field, isTop: Bool) -> ReportJSON {
    var schema = isTop && field.name == "stages" ? stages() : schema(field.type)
    guard case .object(var members) = schema else { return schema }
    var annotations: [ReportJSON.Member] = [.init("description", .string(field.doc))]
    if let value = field.defaultValue { annotations.append(.init("default", json(value))) }
    if let example = exampleValue(field) { annotations.append(.init("examples", .array([example]))) }
    members = annotations + members
    schema = .object(members)
    return schema
  }

  /// The value of a field's example, which is a line of YAML.
  private func exampleValue(_ field: Field) -> ReportJSON? {
    let root = YAMLReader.read(SourceText(path: "", text: field.example)).document?.root
    return root?[field.name].map(json)
  }

  private mutating func reference(_ set: FieldSet) -> ReportJSON {
    let name = define(ObjectIdentifier(set), slug(set.subject)) { $0.object(set) }
    return .object(["$ref": .string("#/$defs/\(name)")])
  }

  private mutating func define(_ id: ObjectIdentifier, _ wanted: String, _ body: (inout SchemaWriter) -> [ReportJSON.Member]) -> String {
    if let known = names[id] { return known }
    let taken = Set(names.values)
    var name = wanted
    var number = 2
    while taken.contains(name) || name == "expression" || name == "stage" {
      name = "\(wanted)-\(number)"
      number += 1
    }
    names[id] = name
    // Its place is that of its first use; what it uses comes after.
    let at = definitions.count
    definitions.append(.init(name, .null))
    definitions[at].value = .object(body(&self))
    return name
  }

  private func slug(_ subject: String) -> String {
    var words = subject.split(separator: " ").map { $0.filter { $0 != "`" } }
    if words.count > 1, words[0] == "a" || words[0] == "an" { words.removeFirst() }
    return words.joined(separator: "-")
  }

  // MARK: Stages

  private mutating func stages() -> ReportJSON {
    let kinds = language.kinds.filter { !$0.isPlanned }
    var cases: [ReportJSON] = []
    for kind in kinds {
      let name = define(ObjectIdentifier(kind.fields), kind.name) { $0.object(kind.fields, and: ManifestFields.shared) }
      cases.append(condition("kind", [kind.name], then: .object(["$ref": .string("#/$defs/\(name)")])))
    }
    definitions.append(
      .init(
        "stage",
        .object([
          "type": .string("object"),
          "properties": .object([
            .init(
              "kind",
              .object([
                "description": .string("What the stage does."),
                "oneOf": .array(kinds.map { .object(["const": .string($0.name), "description": .string($0.doc)]) }),
              ]))
          ]),
          "required": .strings(["kind"]),
          "allOf": .array(cases),
        ])))
    return .object([
      "type": .string("object"),
      "propertyNames": .object(["pattern": .string("^\(FieldType.Word.stage.pattern)$")]),
      "additionalProperties": .object(["$ref": .string("#/$defs/stage")]),
    ])
  }

  private func condition(_ field: String, _ values: [String], then: ReportJSON) -> ReportJSON {
    let test: ReportJSON = values.count == 1 ? .object(["const": .string(values[0])]) : .object(["enum": .strings(values)])
    return .object([
      "if": .object(["properties": .object([.init(field, test)]), "required": .strings([field])]),
      "then": then,
    ])
  }

  // MARK: Types

  private mutating func schema(_ type: FieldType) -> ReportJSON {
    func text(pattern: String? = nil) -> ReportJSON { .object(["type": .string("string"), "pattern": pattern.map { .string($0) }]) }
    switch type {
    case .text, .path, .input, .stage, .expression, .template, .column: return text()
    case .word(.column): return text()
    // `1.10` is a number to an editor.
    case .word(.semanticVersion): return text(pattern: "^\(FieldType.Word.semanticVersion.pattern)$")
    case .word(let word): return orExpression(text(pattern: "^\(word.pattern)$"))
    case .verbatim: return .object(["type": .strings(["string", "number", "boolean"])])
    case .bool: return orExpression(.object(["type": .string("boolean")]))
    case .int(let range):
      return orExpression(
        .object([
          "type": .string("integer"), "minimum": range.lowerBound == Int.min ? nil : .int(range.lowerBound),
          "maximum": range.upperBound == Int.max ? nil : .int(range.upperBound),
        ]))
    case .number(let range):
      return orExpression(
        .object([
          "type": .string("number"), "minimum": range.lowerBound.isFinite ? json(.float(range.lowerBound)) : nil,
          "maximum": range.upperBound.isFinite ? json(.float(range.upperBound)) : nil,
        ]))
    case .duration: return orExpression(text(pattern: #"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$"#))
    case .byteSize: return orExpression(text(pattern: #"^[0-9]+(\.[0-9]+)?(K|M|G|T)(iB)?$"#))
    case .scalar: return .object(["type": .strings(["string", "number", "boolean", "null"])])
    case .any: return .object([ReportJSON.Member]())
    case .choice(let choices):
      let names = choices.filter { !$0.isPlanned }.map(\.name)
      if names.count == 1 { return .object(["const": .string(names[0])]) }
      // `weight: 0`
      if names.allSatisfy({ CoreSchema.kind(of: $0) == .int }) { return .object(["enum": .array(names.map { .int(CoreSchema.int($0) ?? 0) })]) }
      return orExpression(.object(["enum": .strings(names)]))
    case .list(let item): return orExpression(.object(["type": .string("array"), "items": schema(item)]))
    case .oneOrMany(let item):
      let one = schema(item)
      return any([one, .object(["type": .string("array"), "items": one])])
    case .map(let word, let value, let listed):
      let names: ReportJSON? = word == .column ? nil : .object(["pattern": .string("^\(word.pattern)$")])
      let map: ReportJSON = .object(["type": .string("object"), "propertyNames": names, "additionalProperties": schema(value)])
      return listed ? any([.object(["type": .string("array"), "items": text()]), map]) : orExpression(map)
    case .record(let set, let shorthand):
      let whole = reference(set)
      guard let shorthand, let field = set.field(shorthand) else { return whole }
      return any([schema(field.type), whole])
    case .oneOf(let types): return any(types.map { schema($0) })
    case .tagged(let tag, let variants):
      return .object([
        "type": .string("object"),
        "required": .strings([tag]),
        "properties": .object([.init(tag, .object(["enum": .strings(variants.flatMap(\.when))]))]),
        "allOf": .array(variants.map { variant in condition(tag, variant.when, then: reference(variant.fields)) }),
      ])
    case .dependent: return .object(["type": .string("object")])
    }
  }

  /// Alternatives, without repeating one.
  private func any(_ schemas: [ReportJSON]) -> ReportJSON {
    var flat: [ReportJSON] = []
    for schema in schemas {
      var parts = [schema]
      if case .object(let members) = schema, members.count == 1, members[0].name == "anyOf", case .array(let inner) = members[0].value {
        parts = inner
      }
      for part in parts where !flat.contains(part) { flat.append(part) }
    }
    return flat.count == 1 ? flat[0] : .object(["anyOf": .array(flat)])
  }

  private mutating func orExpression(_ schema: ReportJSON) -> ReportJSON {
    usesExpression = true
    return any([schema, .object(["$ref": .string("#/$defs/expression")])])
  }

  // MARK: Values

  private func json(_ literal: Literal) -> ReportJSON {
    switch literal {
    case .null, .reference: .null
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .float(let value): value == value.rounded() && abs(value) < 1e15 ? .int(Int(value)) : .double(value)
    case .string(let value): .string(value)
    case .list(let values): .array(values.map { json($0) })
    case .map(let entries): .object(entries.map { .init($0.key, json($0.value)) })
    }
  }

  private func json(_ node: Node) -> ReportJSON {
    switch node.shape {
    case .scalar: json(FieldReader.literal(of: node))
    case .sequence: .array(node.items.map { json($0) })
    case .mapping: .object(node.entries.map { .init($0.key.scalar, json($0.value)) })
    }
  }
}

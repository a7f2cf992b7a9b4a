import Diagnostics
import Manifests
import Rows

/// The settings of a stage, each made when a kind asks for it: most of what a stage may say, most stages leave out.
final class StageFieldSettings {
  private let fields: [FieldValues]
  private let references: (StageReference) -> [PortReference]
  private let others: [String: Setting]

  /// - Parameter fields: sets that share no field.
  init(_ fields: [FieldValues], references: @escaping (StageReference) -> [PortReference]) {
    self.fields = fields
    self.references = references
    self.others = [:]
  }

  /// Settings that no field stands behind.
  init(_ settings: [String: Setting]) {
    fields = []
    references = { _ in [] }
    others = settings
  }

  subscript(name: String) -> Setting? {
    // Made anew when it is asked for again, which is rare; keeping them took longer.
    for values in fields { if let value = values.value(ifDeclared: name) { return Setting(value, references: references) } }
    return others.isEmpty ? nil : others[name]
  }
}

extension Setting {
  /// The setting that an evaluated field value stands for.
  init(_ value: FieldValue, references: (StageReference) -> [PortReference]) {
    switch value.form {
    case .literal(let literal): self = Setting(Self.value(literal, references: references), range: value.range)
    case .milliseconds(let count), .byteCount(let count): self = Setting(.int(count), range: value.range)
    case .reference(let reference): self = Setting(.stages(references(reference)), range: value.range)
    case .source(let source):
      let code = RowCode(source)
      self = Setting(
        .text(code.text), range: value.range, operands: code.operands.map { ($0.name, Self.value($0.value, references: references)) }, code: code)
    case .unevaluated(let text, _): self = Setting(.text(text.written), range: value.range)
    case .list(let items):
      // `${stages.pairs[*]}` inside a list stands for all of its cases.
      let settings = items.map { Setting($0, references: references) }
      self = Setting(.list(settings), range: value.range)
    case .map(let entries):
      self = Setting(
        .map(entries.map { Entry(name: $0.key, nameRange: $0.keyNode?.range, setting: Setting($0.value, references: references)) }), range: value.range)
    case .record(let values): self = Setting(values, references: references)
    }
  }

  /// The fields of a mapping: what was written, and defaults for the rest.
  init(_ values: FieldValues, references: (StageReference) -> [PortReference]) {
    var entries: [Entry] = []
    for field in values.set.fields {
      guard let value = values[field.name] else { continue }
      entries.append(Entry(name: field.name, nameRange: values.range(of: field.name), setting: Setting(value, references: references)))
    }
    self = Setting(.map(entries), range: values.node?.range)
  }

  private static func value(_ literal: Literal, references: (StageReference) -> [PortReference]) -> Value {
    switch literal {
    case .null: .null
    case .bool(let bool): .bool(bool)
    case .int(let int): .int(int)
    case .float(let double): .double(double)
    case .string(let text): .text(text)
    case .list(let items): .list(items.map { Setting(value($0, references: references), range: nil) })
    case .map(let entries):
      .map(entries.map { Entry(name: $0.key, nameRange: nil, setting: Setting(value($0.value, references: references), range: nil)) })
    case .reference(let reference): .stages(references(reference))
    }
  }

  /// The value as JSON, for operands of expressions and for keys.
  func appendJSON(to out: inout [UInt8]) {
    switch value {
    case .null: out += Array("null".utf8)
    case .bool(let bool): out += Array((bool ? "true" : "false").utf8)
    case .int(let int): out += Array(String(int).utf8)
    case .double(let double): out += Array((double.isFinite ? "\(double)" : "null").utf8)
    case .text(let text): JSONText.append(text, to: &out)
    case .list(let items):
      out.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        item.appendJSON(to: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .map(let entries):
      out.append(UInt8(ascii: "{"))
      for (index, entry) in entries.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        JSONText.append(entry.name, to: &out)
        out.append(UInt8(ascii: ":"))
        entry.setting.appendJSON(to: &out)
      }
      out.append(UInt8(ascii: "}"))
    case .stages: out += Array("null".utf8)
    }
  }
}

extension Interpolated {
  /// The text as it was written, with what has been evaluated printed and the rest as `${…}`: `${split}` of `to` stays for the kind.
  var written: String {
    var out = ""
    for part in parts {
      switch part {
      case .text(let text, _): out += text
      case .expression(let expression): out += "${\(expression.source)}"
      case .value(let literal, _): out += literal.printed ?? ""
      }
    }
    return out
  }
}

/// The source of a row template or expression with its `${…}` turned into operands, and the way back to the file for messages.
struct RowCode: Sendable {
  let text: String
  let operands: [(name: String, value: Literal)]
  /// Stretches of `text` and the bytes of the scalar that they stand for.
  private let stretches: [(code: Range<Int>, scalar: Range<Int>, isVerbatim: Bool)]
  private let node: Node

  init(_ source: Interpolated) {
    var text = ""
    var operands: [(name: String, value: Literal)] = []
    var stretches: [(code: Range<Int>, scalar: Range<Int>, isVerbatim: Bool)] = []
    // Inside `{{ }}` and `{% %}` (and in expressions, which have neither) an operand is a name; in a template's text it is printed.
    var isTemplate = false
    var isInside = false
    for part in source.parts {
      if case .text(let piece, _) = part, source.parts.count > 1, Self.opensTemplate(piece) { isTemplate = true }
    }
    for part in source.parts {
      let start = text.utf8.count
      switch part {
      case .text(let piece, let range):
        text += piece
        stretches.append((start..<text.utf8.count, range, true))
        if source.parts.count > 1 { isInside = Self.endsInside(piece, isInside) }
      case .expression(let expression):
        text += "${\(expression.source)}"
        stretches.append((start..<text.utf8.count, (expression.span.lowerBound - 2)..<(expression.span.upperBound + 1), false))
      case .value(let literal, let expression):
        let name = "__operand_\(operands.count)"
        operands.append((name, literal))
        text += isTemplate && !isInside ? "{{ \(name) }}" : name
        stretches.append((start..<text.utf8.count, (expression.span.lowerBound - 2)..<(expression.span.upperBound + 1), false))
      }
    }
    self.text = text
    self.operands = operands
    self.stretches = stretches
    self.node = source.node
  }

  private static func opensTemplate(_ text: String) -> Bool {
    var last: UInt8 = 0
    for byte in text.utf8 {
      if last == UInt8(ascii: "{"), byte == UInt8(ascii: "{") || byte == UInt8(ascii: "%") { return true }
      last = byte
    }
    return false
  }

  private static func endsInside(_ text: String, _ before: Bool) -> Bool {
    var inside = before
    let bytes = Array(text.utf8)
    for at in bytes.indices.dropLast() {
      let pair = (bytes[at], bytes[at + 1])
      if pair == (UInt8(ascii: "{"), UInt8(ascii: "{")) || pair == (UInt8(ascii: "{"), UInt8(ascii: "%")) { inside = true }
      if pair == (UInt8(ascii: "}"), UInt8(ascii: "}")) || pair == (UInt8(ascii: "%"), UInt8(ascii: "}")) { inside = false }
    }
    return inside
  }

  /// Where some bytes of `text` stand in the manifest.
  func range(of code: Range<Int>) -> SourceRange {
    func scalar(_ offset: Int, isEnd: Bool) -> Int {
      for stretch in stretches where offset <= stretch.code.upperBound {
        guard stretch.isVerbatim else { return isEnd ? stretch.scalar.upperBound : stretch.scalar.lowerBound }
        return stretch.scalar.lowerBound + max(0, offset - stretch.code.lowerBound)
      }
      return stretches.last?.scalar.upperBound ?? 0
    }
    let start = scalar(code.lowerBound, isEnd: false)
    return node.sourceRange(of: start..<max(start, scalar(code.upperBound, isEnd: true)))
  }
}

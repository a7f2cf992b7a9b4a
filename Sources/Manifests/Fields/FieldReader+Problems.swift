internal import Diagnostics

// What is said about values that do not fit.
extension FieldReader {
  mutating func mismatch(_ node: Node, _ subject: Subject, _ wanted: String, help: String?) {
    if node.isPoisoned || (node.style == .flow && node.holdsPoison) { return }
    diagnostics.append(
      Diagnostic(id: "type", "\(subject.text) wants \(wanted), found \(FieldReader.found(node))", at: FieldReader.shownRange(node), help: help))
  }

  mutating func notAScalar(_ node: Node, _ type: FieldType, _ subject: Subject) {
    if case .expression = type, node.isMapping, !node.isPoisoned, !node.holdsPoison {
      diagnostics.append(
        Diagnostic(
          id: "yaml-colon", "the expression contains `: `, so YAML reads a mapping", at: FieldReader.shownRange(node), label: "quote it",
          help: (subject.isItem ? "- " : "\(subject.name): ") + Scan.quote(FieldReader.shownRange(node).string.trimmingBlanks())))
      return
    }
    mismatch(node, subject, type.noun, help: nil)
  }

  /// - Returns: the field that was meant, if it can be guessed.
  mutating func unknownField(_ key: Node, _ sets: [FieldSet]) -> String? {
    let name = key.scalar
    let suggestion = sets.lazy.compactMap { $0.suggestion(for: name) }.first
    // A near miss needs no list.
    var help: String?
    if suggestion == nil {
      help = sets[0].fields.isEmpty ? "it has no fields" : "its fields: " + sets[0].fields.map(\.name).joined(separator: " ")
      for set in sets.dropFirst() { help! += "\n\(set.subject) has: " + set.fields.map(\.name).joined(separator: " ") }
    }
    diagnostics.append(
      Diagnostic(
        id: "unknown-field", "\(sets[0].subject) has no field `\(name)`", at: key.range,
        label: suggestion.map { "did you mean `\($0)`?" } ?? "", help: help))
    return suggestion
  }

  mutating func notAChoice(_ node: Node, _ subject: Subject, _ choices: [String]) {
    diagnostics.append(
      Diagnostic(
        id: "choice", "\(subject.text) cannot be `\(node.scalar)`", at: FieldReader.shownRange(node),
        label: Suggestion.label(for: node.scalar, in: choices), help: "one of: " + choices.joined(separator: " ")))
  }

  mutating func reportMissing(_ set: FieldSet, _ node: Node, _ seen: UInt64, _ owner: SourceRange?) {
    if seen & set.requiredMask == set.requiredMask, set.rules.isEmpty { return }
    func isSeen(_ name: String) -> Bool { set.indexByName[name].map { seen & (1 << UInt64($0)) != 0 } ?? false }
    func place() -> SourceRange { owner ?? FieldReader.shownRange(node) }
    for field in set.fields where field.isRequired && !isSeen(field.name) {
      diagnostics.append(
        Diagnostic(id: "missing-field", "\(set.subject) needs `\(field.name)`", at: place(), help: "for instance  \(field.example)"))
    }
    for rule in set.rules {
      let names: [String]
      let (needsOne, takesMany): (Bool, Bool)
      switch rule {
      case .exactlyOne(let list): (names, needsOne, takesMany) = (list, true, false)
      case .atMostOne(let list): (names, needsOne, takesMany) = (list, false, false)
      case .atLeastOne(let list): (names, needsOne, takesMany) = (list, true, true)
      case .together(let list):
        if let there = list.first(where: isSeen), let missing = list.first(where: { !isSeen($0) }) {
          diagnostics.append(
            Diagnostic(
              id: "missing-field", "\(set.subject) with `\(there)` needs `\(missing)` too",
              at: node.entries.first { $0.key.scalar == there }?.key.range ?? place(),
              help: set.field(missing)?.example))
        }
        continue
      }
      let there = names.filter(isSeen)
      if there.count == 1 { continue }
      let shown = names.map { "`\($0)`" }
      if there.isEmpty, needsOne {
        let help = names.compactMap { set.field($0)?.example }.prefix(2).joined(separator: "\n")
        diagnostics.append(Diagnostic(id: "missing-field", "\(set.subject) needs \(shown.joined(separator: " or "))", at: place(), help: help))
      } else if there.count > 1, !takesMany {
        let keys = node.entries.map(\.key).filter { there.contains($0.scalar) }
        guard keys.count > 1 else { continue }
        diagnostics.append(
          Diagnostic(
            id: "conflict", "\(set.subject) takes \(shown.joined(separator: " or ")), not both", at: keys[1].range,
            secondary: [.init(place: keys[0].range.place, label: "")], help: "remove one of them"))
      }
    }
  }

  /// Notes a `#` that may have been meant as part of an expression.
  mutating func remarkComment(_ node: Node) {
    guard node.style == .plain else { return }
    let bytes = node.document.text.bytes
    var at = node.byteRange.upperBound
    while at < bytes.count, bytes[at] == UInt8(ascii: " ") { at += 1 }
    guard at < bytes.count, bytes[at] == UInt8(ascii: "#"), at > node.byteRange.upperBound else { return }
    var end = at
    while end < bytes.count, bytes[end] != UInt8(ascii: "\n"), bytes[end] != UInt8(ascii: "\r") { end += 1 }
    diagnostics.append(
      Diagnostic(
        .note, id: "yaml-comment", "a comment follows the expression", at: node.document.text.range(at..<end), label: "not part of it",
        help: "if it is, quote the whole"))
  }

  static func bracesInExpression(_ text: String) -> (text: String, fixed: String)? {
    let trimmed = text.trimmingBlanks()
    guard trimmed.hasPrefix("{{"), trimmed.hasSuffix("}}") else { return nil }
    return ("an expression is written without `{{ }}`", String(trimmed.dropFirst(2).dropLast(2)).trimmingBlanks())
  }

  static func looksLikeTemplate(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      if bytes.count < 2 { return false }
      for at in 0..<bytes.count - 1 where bytes[at] == UInt8(ascii: "{") && (bytes[at + 1] == UInt8(ascii: "{") || bytes[at + 1] == UInt8(ascii: "%")) {
        return true
      }
      return false
    }
  }

  static func found(_ node: Node) -> String {
    switch node.shape {
    case .sequence: "a list"
    case .mapping: "a mapping"
    case .scalar: node.scalarKind == .float || node.scalarKind == .int ? Literal.numberFound(node) : literal(of: node).found
    }
  }

  /// The node's first line: a frame shows no more.
  static func shownRange(_ node: Node) -> SourceRange {
    let range = node.byteRange
    let bytes = node.document.text.bytes
    var end = range.lowerBound
    while end < range.upperBound, bytes[end] != UInt8(ascii: "\n"), bytes[end] != UInt8(ascii: "\r") { end += 1 }
    return node.document.text.range(range.lowerBound..<end)
  }

  /// The name somebody can write instead of one that is not allowed.
  static func nameHelp(_ text: String, _ word: FieldType.Word) -> String? {
    switch word {
    case .semanticVersion:
      let parts = text.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count < 3, !parts.isEmpty, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(\.isNumber) }) else {
        return "for instance  version: 1.0.0"
      }
      return "version: " + (parts + Array(repeating: "0", count: 3 - parts.count)).joined(separator: ".")
    case .column: return nil
    default: break
    }
    var out = ""
    let sign: Character = word == .manifest ? "-" : "_"
    let lowered = word == .identifier || word == .tag ? text : text.lowercased()
    for character in lowered {
      if character.isASCII, character.isLetter || character.isNumber {
        out.append(character)
      } else if out.last != sign, !out.isEmpty {
        out.append(sign)
      }
    }
    while out.last == sign { out.removeLast() }
    if !word.matches(out) { out = "x" + out }
    return word.matches(out) && out != text ? "for instance  \(out)" : nil
  }
}

extension Literal {
  /// A number as it was written.
  static func numberFound(_ node: Node) -> String {
    (node.scalarKind == .int ? "the integer " : "the number ") + node.scalar
  }
}

extension Scan {
  /// Whether a node can be repeated inside a help text.
  static func fits(_ node: Node) -> Bool {
    let range = node.byteRange
    return range.count <= 60 && !node.document.text.bytes[range].contains(UInt8(ascii: "\n"))
  }
}

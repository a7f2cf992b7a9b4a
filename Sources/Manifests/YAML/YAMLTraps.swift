internal import Diagnostics

/// Says what libyaml's complaint means, in words of what the person wrote.
enum YAMLTraps {
  struct Explanation {
    var diagnostic: Diagnostic
    /// The part of the file that may be masked to read on; nil when nothing sensible can follow.
    var mask: Range<Int>?
    /// False for messages that only repeat what libyaml said.
    var isCertain = true
  }

  static func explain(_ failure: YAMLFailure, _ text: SourceText, _ input: [UInt8]) -> Explanation {
    let scan = Scan(bytes: input)
    if let dash = dashInBrackets(failure, text, scan) { return dash }
    if failure.problem.contains("control characters") { return controlCharacter(text, scan, failure.offset) }
    if failure.context.contains("flow") { return flow(failure, text, scan) }
    if failure.context == "while scanning a quoted scalar" || failure.context == "while parsing a quoted scalar" {
      return quoted(failure, text, scan)
    }
    if failure.problem.contains("cannot start any token") { return badStart(text, scan, failure.offset) }
    if failure.context.hasSuffix("a block scalar") { return blockText(failure, text, scan) }
    if failure.problem.contains("did not find expected node content") { return badStart(text, scan, failure.offset) }
    if failure.problem.contains("found unexpected ':'") {
      let value = scan.flowValue(around: failure.offset)
      return Explanation(diagnostic: colonInText(text, scan, value), mask: value)
    }
    if failure.context.hasSuffix("an alias") || failure.context.hasSuffix("an anchor") {
      return badStart(text, scan, failure.contextOffset ?? failure.offset)
    }
    if failure.context.hasSuffix("a tag") || failure.problem.contains("tag handle") {
      let at = failure.contextOffset ?? failure.offset
      return Explanation(diagnostic: tag(text, at: at), mask: scan.restOfValue(from: at))
    }
    if failure.context.hasSuffix("a directive") { return badStart(text, scan, failure.contextOffset ?? failure.offset) }
    if failure.problem.hasPrefix("mapping values are not allowed") { return colon(failure, text, scan) }
    if failure.problem.contains("could not find expected ':'") { return missingColon(failure, text, scan) }
    if failure.problem.contains("tab character") {
      return Explanation(diagnostic: tab(text, scan, failure.offset), mask: nil)
    }
    return structure(failure, text, scan)
  }

  // MARK: Inside [ ] and { }

  private static func flow(_ failure: YAMLFailure, _ text: SourceText, _ scan: Scan) -> Explanation {
    let open = failure.contextOffset ?? failure.offset
    let bracket = scan.bytes.indices.contains(open) ? scan.bytes[open] : UInt8(ascii: "[")
    let close = scan.closing(of: open)
    // What libyaml read as an inner `{` may be that of a `${`.
    let outermost = scan.outermostOpening(before: open)
    let end = scan.closing(of: outermost)?.upperBound ?? scan.lineEnd(open)
    let expressions = scan.unquotedExpressions(in: outermost..<max(end, open))
    if let first = expressions.first, first.lowerBound <= failure.offset {
      let line = scan.lineText(first.lowerBound)
      let diagnostic = Diagnostic(
        id: "yaml-flow-expression", "`${` inside [ ] or { } must be quoted", at: text.range(first),
        label: "YAML reads `{` as the start of a mapping", help: scan.quotingExpressions(line, expressions))
      return Explanation(diagnostic: diagnostic, mask: expressions.first!.lowerBound..<expressions.last!.upperBound)
    }
    if let braces = scan.templateBraces(from: min(open, scan.lineContentStart(open)), to: min(failure.offset + 1, scan.bytes.count)) {
      let value = scan.restOfValue(from: braces)
      return Explanation(diagnostic: templateBraces(text, value), mask: value)
    }
    if failure.offset < scan.bytes.count, scan.bytes[failure.offset] == UInt8(ascii: "["), failure.offset > 0,
      Scan.isWordByte(scan.bytes[failure.offset - 1])
    {
      let start = scan.wordStart(failure.offset)
      let end = scan.closing(of: failure.offset)?.upperBound ?? scan.lineEnd(failure.offset)
      let name = scan.string(start..<failure.offset)
      return Explanation(
        diagnostic: Diagnostic(
          id: "yaml-type-brackets", "types never use brackets", at: text.range(start..<end),
          help: "as in JSON Schema: \(name): \(scan.string(failure.offset..<end))"), mask: start..<end)
    }
    if failure.offset < scan.bytes.count, scan.bytes[failure.offset] == UInt8(ascii: ":"), close != nil {
      let value = scan.flowValue(around: failure.offset)
      return Explanation(diagnostic: colonInText(text, scan, value), mask: value)
    }
    let sign = String(UnicodeScalar(bracket))
    if bracket == UInt8(ascii: "]") || bracket == UInt8(ascii: "}") {
      return Explanation(
        diagnostic: Diagnostic(
          id: "yaml-syntax", "`\(sign)` closes nothing that is open", at: text.range(open..<open + 1),
          help: "remove it, or quote the text it belongs to"),
        mask: nil)
    }
    let atEnd = failure.offset >= scan.contentEnd
    if atEnd || close == nil || scan.lineStart(failure.offset) != scan.lineStart(open) {
      let name = bracket == UInt8(ascii: "{") ? "}" : "]"
      return Explanation(
        diagnostic: Diagnostic(
          id: "yaml-unclosed", "`\(sign)` is never closed", at: text.range(open..<open + 1), label: "opened here", help: "add `\(name)`"),
        mask: open..<scan.lineEnd(open))
    }
    let found = scan.token(at: failure.offset)
    let name = bracket == UInt8(ascii: "{") ? "}" : "]"
    return Explanation(
      diagnostic: Diagnostic(
        id: "yaml-syntax", "expected `,` or `\(name)`", at: text.range(found),
        secondary: [.init(place: text.range(open..<open + 1).place, label: "inside this `\(sign)`")],
        help: "a text with quotes, brackets or commas inside must be quoted as a whole"),
      mask: open..<(close?.upperBound ?? scan.lineEnd(open)))
  }

  private static func dashInBrackets(_ failure: YAMLFailure, _ text: SourceText, _ scan: Scan) -> Explanation? {
    for at in [failure.offset, failure.contextOffset ?? failure.offset] {
      guard at + 1 < scan.bytes.count, scan.bytes[at] == UInt8(ascii: "-"), scan.bytes[at + 1] == UInt8(ascii: " "), scan.isFlowContext(at) else {
        continue
      }
      let value = scan.restOfValue(from: at)
      return Explanation(
        diagnostic: Diagnostic(
          id: "yaml-flow-dash", "inside [ ] items are separated by commas, not begun with `- `", at: text.range(value),
          help: "remove the dash, and quote the item: " + Scan.quote(String(scan.string(value).dropFirst(2)).trimmingBlanks())), mask: value)
    }
    return nil
  }

  static func templateBraces(_ text: SourceText, _ value: Range<Int>) -> Diagnostic {
    let scan = Scan(bytes: text.bytes)
    let content = scan.string(value)
    let sign = content.hasPrefix("{%") ? "{%" : content.hasPrefix("{#") ? "{#" : "{{"
    return Diagnostic(
      id: "yaml-template-braces", "a value that begins with `\(sign)` must be quoted", at: text.range(value),
      label: "YAML reads `{` as the start of a mapping", help: scan.keyPrefix(value.lowerBound) + Scan.quote(content))
  }

  static func restOfValue(_ bytes: [UInt8], from at: Int) -> Range<Int> { Scan(bytes: bytes).restOfValue(from: at) }

  // MARK: Quotes

  private static func quoted(_ failure: YAMLFailure, _ text: SourceText, _ scan: Scan) -> Explanation {
    let open = failure.contextOffset ?? failure.offset
    let sign = scan.bytes[open] == UInt8(ascii: "'") ? "'" : "\""
    if failure.problem.contains("unknown escape") || failure.problem.contains("hexdecimal") || failure.problem.contains("Unicode") {
      // libyaml's mark is at the backslash for some of these and after it for others.
      var at = min(failure.offset, scan.bytes.count - 1)
      while at > open, scan.bytes[at] != UInt8(ascii: "\\") { at -= 1 }
      let end = min(at + 2, scan.lineEnd(at))
      let escape = scan.string(at..<end)
      return Explanation(
        diagnostic: Diagnostic(
          id: "yaml-escape", "`\(escape)` means nothing inside double quotes", at: text.range(at..<end),
          help: "write `\\\\` for a backslash, or use single quotes"), mask: at..<end)
    }
    return Explanation(
      diagnostic: Diagnostic(
        id: "yaml-unclosed", "`\(sign)` is never closed", at: text.range(open..<open + 1), label: "opened here", help: "add `\(sign)`"),
      mask: open..<scan.lineEnd(open))
  }

  private static func afterQuote(_ text: SourceText, _ scan: Scan, _ value: Range<Int>, _ offset: Int) -> Explanation {
    Explanation(
      diagnostic: Diagnostic(
        id: "yaml-after-quote", "the text goes on after its closing quote", at: text.range(max(offset, value.lowerBound)..<value.upperBound),
        label: "YAML took the quotes for those of the whole value",
        help: "quote the whole: " + scan.keyPrefix(value.lowerBound) + Scan.quote(scan.string(value))), mask: value)
  }

  // MARK: First characters

  /// `where: > 5`, `content: | text`.
  private static func blockText(_ failure: YAMLFailure, _ text: SourceText, _ scan: Scan) -> Explanation {
    let start = failure.contextOffset ?? failure.offset
    let value = scan.restOfValue(from: start)
    let sign = String(UnicodeScalar(scan.bytes[min(start, scan.bytes.count - 1)]))
    return Explanation(
      diagnostic: Diagnostic(
        id: "yaml-block", "a value that begins with `\(sign)` is a text on the lines below", at: text.range(value),
        label: "nothing may follow `\(sign)` on its line",
        help: "quote the value: \(scan.keyPrefix(start))\(Scan.quote(scan.string(value)))\nor put the text on the next line"),
      mask: value)
  }

  private static func badStart(_ text: SourceText, _ scan: Scan, _ offset: Int) -> Explanation {
    let byte = offset < scan.bytes.count ? scan.bytes[offset] : 0
    if byte == UInt8(ascii: "\t") { return Explanation(diagnostic: tab(text, scan, offset), mask: nil) }
    let value = scan.restOfValue(from: offset)
    let content = scan.string(value)
    if let braces = scan.templateBraces(from: max(scan.lineContentStart(offset), offset - 2), to: offset + 1) {
      let value = scan.restOfValue(from: braces)
      return Explanation(diagnostic: templateBraces(text, value), mask: value)
    }
    let sign = byte == UInt8(ascii: "`") ? "a backtick" : "`\(UnicodeScalar(byte))`"
    let label: String
    switch byte {
    case UInt8(ascii: "*"): label = "YAML reads `*` as the use of an anchor"
    case UInt8(ascii: "&"): label = "YAML reads `&` as the name of an anchor"
    case UInt8(ascii: "%"): label = "YAML keeps `%` for directives"
    default: label = "YAML keeps \(sign) for itself"
    }
    return Explanation(
      diagnostic: Diagnostic(
        id: "yaml-start", "a value that begins with \(sign) must be quoted", at: text.range(value), label: label,
        help: scan.keyPrefix(value.lowerBound) + Scan.quote(content)), mask: value)
  }

  /// `where: &x`: an anchor with nothing behind it.
  static func emptyAnchor(_ text: SourceText, at: Int) -> Diagnostic { badStart(text, Scan(bytes: text.bytes), at).diagnostic }

  static func tag(_ text: SourceText, at: Int) -> Diagnostic {
    let scan = Scan(bytes: text.bytes)
    let value = scan.restOfValue(from: at)
    let content = scan.string(value)
    let negated = content.hasPrefix("!") ? String(content.dropFirst()).trimmingBlanks() : content
    return Diagnostic(
      id: "yaml-tag", "a value that begins with `!` must be quoted", at: text.range(value), label: "YAML reads `!` as the start of a tag",
      help: "for a negation write: \(scan.keyPrefix(value.lowerBound))not \(negated)")
  }

  private static func tab(_ text: SourceText, _ scan: Scan, _ offset: Int) -> Diagnostic {
    var start = min(offset, max(0, scan.bytes.count - 1))
    while start > 0, scan.bytes[start] != UInt8(ascii: "\t"), scan.bytes[start] != UInt8(ascii: "\n") { start -= 1 }
    if scan.bytes[start] != UInt8(ascii: "\t") { start = offset }
    return Diagnostic(id: "yaml-tab", "a tab cannot indent", at: text.range(start..<start + 1), help: "use two blanks per level")
  }

  private static func controlCharacter(_ text: SourceText, _ scan: Scan, _ offset: Int) -> Explanation {
    let byte = offset < scan.bytes.count ? scan.bytes[offset] : 0
    let hex = String(byte, radix: 16, uppercase: true)
    return Explanation(
      diagnostic: Diagnostic(
        id: "yaml-control", "the control character U+\(String(repeating: "0", count: max(0, 4 - hex.count)))\(hex) cannot stand in YAML",
        at: text.range(offset..<offset + 1), help: "remove it, or write it as an escape inside double quotes"), mask: nil)
  }

  static func invalidUTF8(_ text: SourceText, at: Int) -> Diagnostic {
    let hex = String(text.bytes[at], radix: 16, uppercase: true)
    return Diagnostic(
      id: "yaml-encoding", "the file is not UTF-8: byte 0x\(hex)", at: text.range(at..<at + 1), help: "save it as UTF-8")
  }

  // MARK: Colons

  private static func colon(_ failure: YAMLFailure, _ text: SourceText, _ scan: Scan) -> Explanation {
    let line = scan.value(onLineOf: failure.offset)
    if let braces = scan.templateBraces(from: line.value.lowerBound, to: line.value.lowerBound + 2) {
      let value = scan.restOfValue(from: braces)
      return Explanation(diagnostic: templateBraces(text, value), mask: value)
    }
    // The first colon of the line: the line itself is fine, but the one above has a value already.
    if line.keyColon == failure.offset || line.key == nil, let above = scan.previousContentLine(failure.offset) {
      let key = scan.string(scan.lineContentStart(failure.offset)..<failure.offset)
      let owner = scan.value(onLineOf: above)
      let ownerName = owner.key.map { "`\($0)`" } ?? "the line"
      return Explanation(
        diagnostic: Diagnostic(
          id: "yaml-indent", "`\(key)` is indented below \(ownerName), which has a value already",
          at: text.range(scan.lineContentStart(failure.offset)..<failure.offset),
          secondary: [.init(place: text.range(owner.value).place, label: "its value")], help: "give both the same indentation"), mask: nil)
    }
    return Explanation(diagnostic: colonInText(text, scan, line.value), mask: line.value)
  }

  private static func colonInText(_ text: SourceText, _ scan: Scan, _ value: Range<Int>) -> Diagnostic {
    let content = scan.string(value)
    let help = scan.keyPrefix(value.lowerBound) + Scan.quote(content)
    return Diagnostic(
      id: "yaml-colon", "the text contains `: `, which ends a key", at: text.range(value), label: "quote it",
      help: scan.isFlowContext(value.lowerBound) ? help : help + "\nor put long text below the key with `|`")
  }

  private static func missingColon(_ failure: YAMLFailure, _ text: SourceText, _ scan: Scan) -> Explanation {
    let at = failure.contextOffset ?? failure.offset
    var value = scan.restOfValue(from: at)
    if let cut = scan.bytes[value].firstIndex(of: UInt8(ascii: "#")), cut > value.lowerBound { value = value.lowerBound..<cut }
    let content = scan.string(value).trimmingBlanks()
    return Explanation(
      diagnostic: Diagnostic(
        id: "yaml-key", "expected `:` after `\(content)`", at: text.range(at..<max(at + 1, at + content.utf8.count)),
        help: "a key ends with a colon: \(content):"), mask: nil)
  }

  // MARK: Everything else

  private static func structure(_ failure: YAMLFailure, _ text: SourceText, _ scan: Scan) -> Explanation {
    let line = scan.value(onLineOf: failure.offset)
    if !line.value.isEmpty, failure.offset > line.value.lowerBound {
      let first = scan.bytes[line.value.lowerBound]
      if first == UInt8(ascii: "'") || first == UInt8(ascii: "\"") { return afterQuote(text, scan, line.value, failure.offset) }
      if let braces = scan.templateBraces(from: line.value.lowerBound, to: line.value.lowerBound + 2) {
        let value = scan.restOfValue(from: braces)
        return Explanation(diagnostic: templateBraces(text, value), mask: value)
      }
      if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
        if failure.offset < scan.bytes.count, scan.bytes[failure.offset] == UInt8(ascii: "]") || scan.bytes[failure.offset] == UInt8(ascii: "}") {
          return Explanation(
            diagnostic: Diagnostic(
              id: "yaml-syntax", "`\(UnicodeScalar(scan.bytes[failure.offset]))` closes nothing that is open",
              at: text.range(failure.offset..<failure.offset + 1),
              help: "remove it"), mask: line.value)
        }
        return Explanation(
          diagnostic: Diagnostic(
            id: "yaml-after-bracket", "the text goes on after its closing bracket",
            at: text.range(failure.offset..<max(line.value.upperBound, failure.offset + 1)),
            help: "quote the whole: " + scan.keyPrefix(line.value.lowerBound) + Scan.quote(scan.string(line.value))), mask: line.value)
      }
    }
    let start = scan.lineContentStart(failure.offset)
    if failure.context.contains("block mapping") || failure.context.contains("block collection")
      || failure.problem.contains("not allowed in this context")
    {
      let end = max(start + 1, scan.trimmedLineEnd(failure.offset))
      let column = text.position(of: start).column
      let message: String
      let help: String
      if failure.offset < scan.bytes.count, scan.bytes[failure.offset] == UInt8(ascii: "-") {
        (message, help) = ("a list item stands where a key is expected", "indent it below its key, or remove the `- `")
      } else if failure.context.contains("block collection") {
        (message, help) = ("expected a list item that begins with `- `", "begin it with `- `, or give it the indentation of what it belongs to")
      } else {
        (message, help) = ("the indentation of \(column - 1) fits nothing above", "keys of one mapping have the same indentation")
      }
      var secondary: [Diagnostic.Secondary] = []
      if let context = failure.contextOffset, text.lineNumber(of: context) < text.lineNumber(of: failure.offset) {
        secondary = [.init(place: text.range(context..<scan.trimmedLineEnd(context)).place, label: "what is open here")]
      }
      return Explanation(
        diagnostic: Diagnostic(id: "yaml-indent", message, at: text.range(start..<end), secondary: secondary, help: help), mask: nil, isCertain: false
      )
    }
    let said = failure.context.isEmpty ? failure.problem : "\(failure.context), \(failure.problem)"
    return Explanation(
      diagnostic: Diagnostic(id: "yaml-syntax", "not YAML: \(said)", at: text.range(scan.token(at: failure.offset))), mask: nil, isCertain: false)
  }
}

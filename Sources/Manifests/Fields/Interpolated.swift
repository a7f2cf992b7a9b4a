public import Diagnostics

/// A `${…}` as written: the source of an expression and where it stands. `Engine` compiles and evaluates it.
public struct ManifestExpression: Sendable {
  /// What stands between `${` and `}`.
  public let source: String
  /// The scalar it stands in.
  public let node: Node
  /// Bytes of `source` inside the decoded scalar.
  public let span: Range<Int>

  /// The whole `${…}` in the file.
  public var range: SourceRange { node.sourceRange(of: span.lowerBound - 2..<span.upperBound + 1) }

  /// Where some bytes of `source` stand in the file: for errors of the expression engine.
  public func range(of part: Range<Int>) -> SourceRange {
    node.sourceRange(of: span.lowerBound + part.lowerBound..<span.lowerBound + part.upperBound)
  }

  /// The stage it names, when it is nothing but that.
  public var reference: StageReference? { StageReference(expression: source) }
}

/// A scalar split at its `${…}`. `$${` has become `${`.
public struct Interpolated: Sendable {
  public enum Part: Sendable {
    /// Text, and its bytes inside the decoded scalar.
    case text(String, at: Range<Int>)
    /// Not evaluated yet.
    case expression(ManifestExpression)
    /// Evaluated.
    case value(Literal, of: ManifestExpression)
  }

  public let parts: [Part]
  public let node: Node

  /// The text when there is no `${…}` left and all values could be printed.
  public var text: String? {
    if parts.isEmpty { return "" }
    if parts.count == 1, case .text(let text, _) = parts[0] { return text }
    var out = ""
    for part in parts {
      switch part {
      case .text(let text, _): out += text
      case .value(let value, _):
        guard let printed = value.printed else { return nil }
        out += printed
      case .expression: return nil
      }
    }
    return out
  }

  /// The expression when the scalar is one `${…}` and nothing else: it keeps its type.
  public var whole: ManifestExpression? {
    guard parts.count == 1, case .expression(let expression) = parts[0] else { return nil }
    return expression
  }

  /// Whether some `${…}` waits for evaluation.
  public var hasExpressions: Bool {
    parts.contains { if case .expression = $0 { true } else { false } }
  }

  /// The `${…}` that wait for evaluation.
  public var expressions: [ManifestExpression] {
    parts.compactMap { if case .expression(let expression) = $0 { expression } else { nil } }
  }

  /// Splits a scalar; what is wrong with it goes to `diagnostics`, and that part counts as text.
  public init(_ node: Node, diagnostics: inout [Diagnostic]) {
    self.node = node
    let scalar = node.scalar
    guard Interpolated.hasDollarBrace(scalar) else {
      parts = scalar.isEmpty ? [] : [.text(scalar, at: 0..<scalar.utf8.count)]
      return
    }
    let bytes = Array(scalar.utf8)
    var parts: [Part] = []
    var textStart = 0
    var at = 0
    func flush(_ end: Int) {
      if end > textStart { parts.append(.text(String(decoding: bytes[textStart..<end], as: UTF8.self), at: textStart..<end)) }
    }
    while at < bytes.count {
      guard bytes[at] == UInt8(ascii: "$"), at + 1 < bytes.count else {
        at += 1
        continue
      }
      if bytes[at + 1] == UInt8(ascii: "$"), at + 2 < bytes.count, bytes[at + 2] == UInt8(ascii: "{") {
        // A part of its own, so that every part maps to the file byte for byte.
        flush(at)
        textStart = at + 1
        at += 3
        continue
      }
      guard bytes[at + 1] == UInt8(ascii: "{") else {
        at += 1
        continue
      }
      guard let close = Interpolated.close(bytes, at + 2) else {
        diagnostics.append(
          Diagnostic(
            id: "expression-unclosed", "`${` is never closed", at: node.sourceRange(of: at..<at + 2), label: "opened here",
            help: "add `}`; for the two characters themselves write `$${`"))
        break
      }
      let source = String(decoding: bytes[at + 2..<close], as: UTF8.self)
      if source.utf8.allSatisfy({ $0 <= 0x20 }) {
        diagnostics.append(
          Diagnostic(
            id: "expression-empty", "`${}` holds no expression", at: node.sourceRange(of: at..<close + 1),
            help: "as `${params.name}` or `${stages.name}`"))
        at = close + 1
        continue
      }
      flush(at)
      parts.append(.expression(ManifestExpression(source: source, node: node, span: at + 2..<close)))
      at = close + 1
      textStart = at
    }
    flush(bytes.count)
    self.parts = parts
  }

  init(parts: [Part], node: Node) {
    self.parts = parts
    self.node = node
  }

  /// The offset of the `}` that closes an expression: braces and brackets inside it and quoted texts are stepped over.
  private static func close(_ bytes: [UInt8], _ start: Int) -> Int? {
    var depth = 0
    var quote: UInt8?
    var at = start
    while at < bytes.count {
      let byte = bytes[at]
      if let current = quote {
        if byte == UInt8(ascii: "\\") { at += 1 } else if byte == current { quote = nil }
      } else {
        switch byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): quote = byte
        case UInt8(ascii: "{"): depth += 1
        case UInt8(ascii: "}"):
          if depth == 0 { return at }
          depth -= 1
        default: break
        }
      }
      at += 1
    }
    return nil
  }

  static func hasDollarBrace(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      if bytes.count < 2 { return false }
      for at in 0..<bytes.count - 1 where bytes[at] == UInt8(ascii: "$") && bytes[at + 1] == UInt8(ascii: "{") { return true }
      return false
    }
  }
}

/// An evaluated value: what a `${…}` gives, a default, a parameter.
public enum Literal: Sendable, Hashable {
  case null
  case bool(Bool)
  case int(Int)
  case float(Double)
  case string(String)
  case list([Literal])
  /// In the order written.
  case map([Entry])
  /// `${stages.tickets}`: not a value but an edge of the graph.
  case reference(StageReference)

  public struct Entry: Sendable, Hashable {
    public var key: String
    public var value: Literal

    public init(_ key: String, _ value: Literal) {
      self.key = key
      self.value = value
    }
  }

  /// Whether a text or a key inside holds the word.
  func mentions(_ word: String) -> Bool {
    switch self {
    case .string(let text): text.contains(word)
    case .list(let items): items.contains { $0.mentions(word) }
    case .map(let entries): entries.contains { $0.key == word || $0.value.mentions(word) }
    default: false
    }
  }

  /// How it is printed inside a text; nil for what cannot stand there: null, lists, mappings, references.
  public var printed: String? {
    switch self {
    case .bool(let value): value ? "true" : "false"
    case .int(let value): String(value)
    case .float(let value): value.isFinite ? "\(value)" : nil
    case .string(let value): value
    case .null, .list, .map, .reference: nil
    }
  }

  /// What it is, for messages: "the text \"seven\"", "the integer 7", "a list".
  public var found: String {
    switch self {
    case .null: "nothing"
    case .bool(let value): value ? "true" : "false"
    case .int(let value): "the integer \(value)"
    case .float(let value): "the number \(value)"
    case .string(let value): "the text \(Literal.shown(value))"
    case .list: "a list"
    case .map: "a mapping"
    case .reference(let reference): "a reference to the stage `\(reference.stage)`"
    }
  }

  static func shown(_ text: String) -> String {
    let line = text.split(separator: "\n", omittingEmptySubsequences: false).first ?? ""
    let short = line.count > 40 ? String(line.prefix(39)) + "…" : String(line)
    return "\"" + short + (line.utf8.count < text.utf8.count && line.count <= 40 ? "…" : "") + "\""
  }

  /// As YAML text in flow style: what documentation and schemas show for a default.
  public var yaml: String {
    switch self {
    case .null: "null"
    case .bool, .int, .float: printed ?? "null"
    case .string(let value):
      CoreSchema.kind(of: value) == .string && value.utf8.allSatisfy({ Scan.isWordByte($0) || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ".") })
        ? value : Scan.quote(value)
    case .list(let items): "[" + items.map(\.yaml).joined(separator: ", ") + "]"
    case .map(let entries):
      entries.isEmpty ? "{}" : "{ " + entries.map { "\($0.key): \($0.value.yaml)" }.joined(separator: ", ") + " }"
    case .reference(let reference): "${\(reference)}"
    }
  }
}

/// What `${stages.…}` names: a stage, or some of its cases, and a port.
public struct StageReference: Sendable, Hashable, CustomStringConvertible {
  public enum Cases: Sendable, Hashable {
    /// `${stages.pairs[*]}`
    case all
    /// `${stages.pairs[matrix.lang]}`: the expression inside the brackets.
    case expression(String)
  }

  public var stage: String
  public var cases: Cases?
  /// Nil for the main port.
  public var port: String?

  public init(stage: String, cases: Cases? = nil, port: String? = nil) {
    self.stage = stage
    self.cases = cases
    self.port = port
  }

  /// Reads `stages.S`, `stages.S.P`, `stages['S'].P`, `stages.S[*].P`; nil when `expression` is something else.
  public init?(expression: String) {
    var expression = expression
    let parsed = expression.withUTF8 { StageReference.parse($0) }
    guard let parsed else { return nil }
    self = parsed
  }

  // Over bytes: a manifest of ten thousand stages has as many of these.
  private static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> StageReference? {
    var at = 0
    var end = bytes.count
    while at < end, bytes[at] <= 0x20 { at += 1 }
    while end > at, bytes[end - 1] <= 0x20 { end -= 1 }
    guard end - at > 6, UnsafeBufferPointer(rebasing: bytes[at..<at + 6]).elementsEqual("stages".utf8) else { return nil }
    at += 6
    func word() -> String? {
      let start = at
      while at < end, bytes[at] < 0x80, bytes[at] != UInt8(ascii: "-"), Scan.isWordByte(bytes[at]) { at += 1 }
      return at > start ? String(decoding: bytes[start..<at], as: UTF8.self) : nil
    }
    func bracketed() -> String? {
      guard at < end, bytes[at] == UInt8(ascii: "["), let close = bytes[at..<end].firstIndex(of: UInt8(ascii: "]")) else { return nil }
      let inside = String(decoding: bytes[at + 1..<close], as: UTF8.self).trimmingBlanks()
      at = close + 1
      return inside.isEmpty ? nil : inside
    }
    var reference = StageReference(stage: "")
    if bytes[at] == UInt8(ascii: ".") {
      at += 1
      guard let name = word() else { return nil }
      reference.stage = name
    } else {
      guard let inside = bracketed(), inside.utf8.count > 2, let sign = inside.first, sign == inside.last, sign == "'" || sign == "\"" else {
        return nil
      }
      reference.stage = String(inside.dropFirst().dropLast())
    }
    if at < end, bytes[at] == UInt8(ascii: "[") {
      guard let inside = bracketed() else { return nil }
      reference.cases = inside == "*" ? .all : .expression(inside)
    }
    if at < end, bytes[at] == UInt8(ascii: ".") {
      at += 1
      guard let name = word() else { return nil }
      reference.port = name
    }
    return at == end ? reference : nil
  }

  public var description: String {
    var out = stage.contains("-") ? "stages['\(stage)']" : "stages.\(stage)"
    switch cases {
    case .all: out += "[*]"
    case .expression(let expression): out += "[\(expression)]"
    case nil: break
    }
    return out + (port.map { "." + $0 } ?? "")
  }
}

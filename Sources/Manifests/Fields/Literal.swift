/// An evaluated value: what a `${…}` gives, a default, a parameter.
public indirect enum Literal: Sendable, Hashable {
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
    var rest = expression.trimmingBlanks()[...]
    guard rest.hasPrefix("stages") else { return nil }
    rest = rest.dropFirst("stages".count)
    func word(_ rest: inout Substring, dashes: Bool) -> String? {
      let word = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || (dashes && $0 == "-")) }
      rest = rest.dropFirst(word.count)
      return word.isEmpty ? nil : String(word)
    }
    func bracketed(_ rest: inout Substring) -> String? {
      guard rest.first == "[", let close = rest.firstIndex(of: "]") else { return nil }
      let inside = rest[rest.index(after: rest.startIndex)..<close]
      rest = rest[rest.index(after: close)...]
      return String(inside).trimmingBlanks()
    }
    func unquoted(_ text: String) -> String? {
      guard text.count >= 2, let sign = text.first, sign == text.last, sign == "'" || sign == "\"" else { return nil }
      return String(text.dropFirst().dropLast())
    }
    if rest.first == "." {
      rest = rest.dropFirst()
      guard let name = word(&rest, dashes: false) else { return nil }
      stage = name
    } else {
      guard let inside = bracketed(&rest), let name = unquoted(inside) else { return nil }
      stage = name
    }
    cases = nil
    port = nil
    if rest.first == "[" {
      guard let inside = bracketed(&rest), !inside.isEmpty else { return nil }
      cases = inside == "*" ? .all : .expression(inside)
    }
    if rest.first == "." {
      rest = rest.dropFirst()
      guard let name = word(&rest, dashes: false) else { return nil }
      port = name
    }
    guard rest.isEmpty else { return nil }
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

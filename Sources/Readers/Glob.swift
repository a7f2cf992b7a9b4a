/// A pattern for paths: `*` and `?` inside a name, `**` for any folders, `[a-z]`, `[!a-z]`, `{a,b}`; `\` takes the next character as it is.
///
/// A name that begins with a dot is only met by a pattern that begins with one.
public struct Glob: Sendable, Hashable {
  /// What makes a pattern unusable.
  public struct Malformed: Error, Sendable, Hashable {
    public let message: String
  }

  /// `{…}` may not multiply into more patterns than this: each is walked on its own.
  static let maximumAlternatives = 1024

  /// One name of the path.
  enum Component: Sendable, Hashable {
    /// `**`
    case folders
    case literal(String)
    case pattern([Token])
  }

  enum Token: Sendable, Hashable {
    case scalar(Unicode.Scalar)
    case one
    case any
    case set([ClosedRange<Unicode.Scalar>], negated: Bool)
  }

  public let text: String
  /// What `{…}` multiplies into.
  let alternatives: [[Component]]

  public init(_ text: String) throws(Malformed) {
    self.text = text
    self.alternatives = try Glob.expandBraces(Array(text.unicodeScalars)).map { (scalars) throws(Malformed) in try Glob.compile(scalars) }
  }

  /// Whether a text has any of the characters that make it more than a plain path.
  public static func isPattern(_ text: String) -> Bool { text.utf8.contains { "*?[{\\".utf8.contains($0) } }

  /// Whether a path with `/` between its names meets the pattern.
  public func matches(_ path: String) -> Bool {
    // Bytes, not characters: an archive of a million members asks a million times, and more.
    let names = Array(path.utf8).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: true)
    return alternatives.contains { Glob.matches($0[...], names[...]) }
  }

  private static func matches(_ components: ArraySlice<Component>, _ names: ArraySlice<ArraySlice<UInt8>>) -> Bool {
    guard let first = components.first else { return names.isEmpty }
    if case .folders = first {
      let rest = components.dropFirst()
      var names = names
      while true {
        if matches(rest, names) { return true }
        guard let name = names.first, name.first != UInt8(ascii: ".") else { return false }
        names = names.dropFirst()
      }
    }
    guard let name = names.first, Glob.matches(first, name) else { return false }
    return matches(components.dropFirst(), names.dropFirst())
  }

  /// Whether one name meets one component that is not `**`.
  static func matches(_ component: Component, _ name: some StringProtocol) -> Bool { matches(component, Array(name.utf8)[...]) }

  private static func matches(_ component: Component, _ name: ArraySlice<UInt8>) -> Bool {
    switch component {
    case .folders: return true
    case .literal(let text): return name.elementsEqual(text.utf8)
    case .pattern(let tokens):
      if name.first == UInt8(ascii: "."), tokens.first != .scalar(".") { return false }
      if tokens.count == 1, tokens[0] == .any { return true }
      let isASCII = name.allSatisfy { $0 < 0x80 }
      return matches(tokens, isASCII ? name.map { Unicode.Scalar($0) } : Array(String(decoding: name, as: UTF8.self).unicodeScalars))
    }
  }

  /// One pass with the last `*` remembered: linear in practice, never exponential.
  private static func matches(_ tokens: [Token], _ name: [Unicode.Scalar]) -> Bool {
    var token = 0
    var at = 0
    var retry: (token: Int, at: Int)?
    while at < name.count {
      if token < tokens.count {
        if case .any = tokens[token] {
          retry = (token + 1, at)
          token += 1
          continue
        }
        if accepts(tokens[token], name[at]) {
          token += 1
          at += 1
          continue
        }
      }
      guard let last = retry else { return false }
      retry = (last.token, last.at + 1)
      token = last.token
      at = last.at + 1
    }
    return tokens[token...].allSatisfy { $0 == .any }
  }

  private static func accepts(_ token: Token, _ scalar: Unicode.Scalar) -> Bool {
    switch token {
    case .scalar(let wanted): wanted == scalar
    case .one: true
    case .any: false
    case .set(let ranges, let negated): ranges.contains { $0.contains(scalar) } != negated
    }
  }

  // MARK: Compiling

  private static func expandBraces(_ text: [Unicode.Scalar]) throws(Malformed) -> [[Unicode.Scalar]] {
    guard let open = indexOutsideSets(of: "{", in: text, from: 0) else { return [text] }
    var depth = 0
    var parts: [[Unicode.Scalar]] = []
    var start = open + 1
    var at = open
    while at < text.count {
      switch text[at] {
      case "\\": at += 1
      case "{": depth += 1
      case ",":
        if depth == 1 {
          parts.append(Array(text[start..<at]))
          start = at + 1
        }
      case "}":
        depth -= 1
        if depth == 0 {
          parts.append(Array(text[start..<at]))
          var found: [[Unicode.Scalar]] = []
          for part in parts {
            found += try expandBraces(Array(text[..<open]) + part + Array(text[(at + 1)...]))
            guard found.count <= maximumAlternatives else { throw Malformed(message: "`{…}` stands for more than \(maximumAlternatives) patterns") }
          }
          return found
        }
      default: break
      }
      at += 1
    }
    throw Malformed(message: "`{` has no closing `}`")
  }

  private static func indexOutsideSets(of wanted: Unicode.Scalar, in text: [Unicode.Scalar], from start: Int) -> Int? {
    var at = start
    while at < text.count {
      if text[at] == "\\" {
        at += 2
        continue
      }
      if text[at] == wanted { return at }
      if text[at] == "[", let close = text[at...].dropFirst(2).firstIndex(of: "]") { at = close }
      at += 1
    }
    return nil
  }

  private static func compile(_ text: [Unicode.Scalar]) throws(Malformed) -> [Component] {
    var components: [Component] = []
    for part in text.split(separator: "/", omittingEmptySubsequences: true) {
      let scalars = Array(part)
      if scalars == ["*", "*"] {
        // `**/**` says nothing more than `**` and would be walked twice.
        if components.last != .folders { components.append(.folders) }
        continue
      }
      let tokens = try self.tokens(scalars)
      var literal = String.UnicodeScalarView()
      for case .scalar(let scalar) in tokens { literal.append(scalar) }
      components.append(literal.count == tokens.count ? .literal(String(literal)) : .pattern(tokens))
    }
    guard !components.isEmpty else { throw Malformed(message: "the pattern is empty") }
    // `a/**` means every file below `a`.
    if components.last == .folders { components.append(.pattern([.any])) }
    return components
  }

  private static func tokens(_ text: [Unicode.Scalar]) throws(Malformed) -> [Token] {
    var tokens: [Token] = []
    var at = 0
    while at < text.count {
      switch text[at] {
      case "*": if tokens.last != .any { tokens.append(.any) }
      case "?": tokens.append(.one)
      case "\\":
        at += 1
        guard at < text.count else { throw Malformed(message: "`\\` at the end has nothing to take as it is") }
        tokens.append(.scalar(text[at]))
      case "[":
        let (set, end) = try self.set(text, at)
        tokens.append(set)
        at = end
      case let scalar: tokens.append(.scalar(scalar))
      }
      at += 1
    }
    return tokens
  }

  private static func set(_ text: [Unicode.Scalar], _ open: Int) throws(Malformed) -> (Token, end: Int) {
    var at = open + 1
    let negated = at < text.count && (text[at] == "!" || text[at] == "^")
    if negated { at += 1 }
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    // `]` right after the opening is a member, as in the shell.
    while at < text.count, text[at] != "]" || ranges.isEmpty {
      if at + 2 < text.count, text[at + 1] == "-", text[at + 2] != "]" {
        guard text[at] <= text[at + 2] else { throw Malformed(message: "`\(text[at])-\(text[at + 2])` runs backwards") }
        ranges.append(text[at]...text[at + 2])
        at += 3
      } else {
        ranges.append(text[at]...text[at])
        at += 1
      }
    }
    guard at < text.count else { throw Malformed(message: "`[` has no closing `]`") }
    return (.set(ranges, negated: negated), at)
  }
}

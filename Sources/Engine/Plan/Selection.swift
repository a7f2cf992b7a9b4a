public import Diagnostics

/// Which stages somebody means: the grammar of dbt's `--select`.
///
///     name   na*    globs on names
///     +name  name+  with everything it reads, with everything that reads it; `2+name`, `name+1` so many steps
///     @name         it, what reads it, and all that these read
///     kind:export   tag:nightly   selector:pr
///     a,b           both hold (intersection); `a b` either (union)
public struct Selection: Sendable, Equatable {
  /// What a selection is made over: a stage's name and what else it can be called by.
  public struct Candidate: Sendable {
    public var name: String
    public var kind: String
    public var tags: [String]
    /// The stage as declared, when this is one case of its matrix.
    public var matrixOf: String?
    /// Places of the stages that it reads.
    public var inputs: [Int]

    public init(name: String, kind: String, tags: [String] = [], matrixOf: String? = nil, inputs: [Int] = []) {
      self.name = name
      self.kind = kind
      self.tags = tags
      self.matrixOf = matrixOf
      self.inputs = inputs
    }
  }

  /// One word: a method, its value, and how far to go from what it finds.
  struct Term: Sendable, Equatable {
    enum Method: String, Sendable, CaseIterable { case name, kind, tag, selector }
    var method: Method
    var value: String
    /// Steps to what it reads; nil for none, `Int.max` for all.
    var ancestors: Int?
    var descendants: Int?
    /// `@`: descendants, and everything that they read.
    var isClosed = false
  }

  /// Any of these, of which all terms hold.
  private(set) var alternatives: [[Term]] = []

  /// Reads selections as given with `-s`, each possibly of several words.
  public init(_ texts: [String]) throws(Problems) {
    for text in texts {
      for word in text.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\n" }) {
        var terms: [Term] = []
        for part in word.split(separator: ",", omittingEmptySubsequences: false) { terms.append(try Self.term(String(part), in: String(word))) }
        alternatives.append(terms)
      }
    }
    guard !alternatives.isEmpty else { throw Problems(Diagnostic(id: "selection", "the selection is empty", at: nil, help: Self.help)) }
  }

  private static let help = "a name, `+name`, `name+`, `kind:export`, `tag:nightly`; a comma for both, a blank for either"

  private static func term(_ text: String, in word: String) throws(Problems) -> Term {
    func wrong(_ message: String, help: String = help) -> Problems { Problems(Diagnostic(id: "selection", "`\(word)`: \(message)", at: nil, help: help)) }
    var rest = Substring(text)
    var term = Term(method: .name, value: "")
    if rest.first == "@" {
      term.isClosed = true
      rest.removeFirst()
    }
    if let plus = rest.firstIndex(of: "+"), rest[..<plus].allSatisfy(\.isNumber) {
      guard let steps = rest[..<plus].isEmpty ? Int.max : Int(rest[..<plus]) else { throw wrong("`\(rest[..<plus])` is too many steps") }
      term.ancestors = steps
      rest = rest[rest.index(after: plus)...]
    }
    if let plus = rest.lastIndex(of: "+"), rest[rest.index(after: plus)...].allSatisfy(\.isNumber) {
      let digits = rest[rest.index(after: plus)...]
      guard let steps = digits.isEmpty ? Int.max : Int(digits) else { throw wrong("`\(digits)` is too many steps") }
      term.descendants = steps
      rest = rest[..<plus]
    }
    if term.isClosed, term.ancestors != nil || term.descendants != nil { throw wrong("`@` already means everything around; leave the `+` out") }
    if let colon = rest.firstIndex(of: ":") {
      let method = String(rest[..<colon])
      guard let known = Term.Method(rawValue: method) else {
        if method == "state" { throw wrong("`state:` is planned, not built yet") }
        let names = Term.Method.allCases.map(\.rawValue)
        let meant = Suggestion.nearest(to: method, in: names).map { "did you mean `\($0):`?" }
        throw wrong("there is no method `\(method):`", help: meant ?? "methods are " + names.map { $0 + ":" }.joined(separator: " "))
      }
      term.method = known
      rest = rest[rest.index(after: colon)...]
    }
    guard !rest.isEmpty else { throw wrong("a name is missing") }
    if rest.contains("+") { throw wrong("`+` stands at the beginning or the end") }
    term.value = String(rest)
    return term
  }

  /// The places of the stages meant, sorted; problems when a word names something that cannot be.
  ///
  /// - Parameters:
  ///   - candidates: in an order in which each comes after what it reads.
  ///   - selectors: the manifest's named selections.
  public func places(in candidates: [Candidate], selectors: [String: String] = [:]) throws(Problems) -> [Int] {
    try places(in: candidates, selectors: selectors, naming: []).sorted()
  }

  private func places(in candidates: [Candidate], selectors: [String: String], naming: [String]) throws(Problems) -> Set<Int> {
    var union: Set<Int> = []
    for terms in alternatives {
      var meant: Set<Int>?
      for term in terms {
        let found = Self.expand(term, try Self.match(term, candidates, selectors, naming), candidates)
        meant = meant.map { $0.intersection(found) } ?? found
      }
      union.formUnion(meant ?? [])
    }
    return union
  }

  private static func match(_ term: Term, _ candidates: [Candidate], _ selectors: [String: String], _ naming: [String]) throws(Problems) -> Set<Int> {
    switch term.method {
    case .kind: return Set(candidates.indices.filter { Wildcard.matches(term.value, candidates[$0].kind) })
    case .tag: return Set(candidates.indices.filter { candidates[$0].tags.contains { Wildcard.matches(term.value, $0) } })
    case .selector: return try named(term.value, candidates, selectors, naming)
    case .name:
      let found = candidates.indices.filter { place in
        let candidate = candidates[place]
        return candidate.name == term.value || ([candidate.name, candidate.matrixOf].contains { $0.map { Wildcard.matches(term.value, $0) } ?? false })
      }
      // A selector may be called by its bare name where no stage is.
      if found.isEmpty, selectors[term.value] != nil { return try named(term.value, candidates, selectors, naming) }
      return Set(found)
    }
  }

  private static func named(_ name: String, _ candidates: [Candidate], _ selectors: [String: String], _ naming: [String]) throws(Problems) -> Set<Int> {
    if naming.contains(name) {
      throw Problems(Diagnostic(id: "selection", "the selector `\(name)` means itself: " + (naming + [name]).joined(separator: " → "), at: nil))
    }
    guard let text = selectors[name] else {
      let meant = Suggestion.nearest(to: name, in: selectors.keys.sorted()).map { "did you mean `\($0)`?" }
      throw Problems(
        Diagnostic(
          id: "selection", "the manifest has no selector `\(name)`", at: nil,
          help: meant ?? (selectors.isEmpty ? "it has no `selectors`" : "it has " + selectors.keys.sorted().joined(separator: ", "))))
    }
    return try Selection([text]).places(in: candidates, selectors: selectors, naming: naming + [name])
  }

  private static func expand(_ term: Term, _ found: Set<Int>, _ candidates: [Candidate]) -> Set<Int> {
    var readers: [[Int]] = Array(repeating: [], count: candidates.count)
    for (place, candidate) in candidates.enumerated() { for input in candidate.inputs { readers[input].append(place) } }
    func reach(_ start: Set<Int>, _ steps: Int, _ next: (Int) -> [Int]) -> Set<Int> {
      var all = start
      var front = start
      var left = steps
      while left > 0, !front.isEmpty {
        front = Set(front.flatMap(next)).subtracting(all)
        all.formUnion(front)
        left -= 1
      }
      return all
    }
    if term.isClosed { return reach(reach(found, .max) { readers[$0] }, .max) { candidates[$0].inputs } }
    var all = found
    if let steps = term.ancestors { all.formUnion(reach(found, steps) { candidates[$0].inputs }) }
    if let steps = term.descendants { all.formUnion(reach(found, steps) { readers[$0] }) }
    return all
  }
}

/// `*` and `?` in names.
enum Wildcard {
  static func matches(_ pattern: String, _ name: String) -> Bool {
    let pattern = Array(pattern.unicodeScalars)
    let name = Array(name.unicodeScalars)
    var at = 0
    var of = 0
    // Where to go on when the stretch after the last `*` does not fit: classic backtracking, linear for one star.
    var star: (pattern: Int, name: Int)?
    while of < name.count {
      if at < pattern.count, pattern[at] == "*" {
        star = (at, of)
        at += 1
      } else if at < pattern.count, pattern[at] == "?" || pattern[at] == name[of] {
        at += 1
        of += 1
      } else if let last = star {
        at = last.pattern + 1
        of = last.name + 1
        star = (last.pattern, last.name + 1)
      } else {
        return false
      }
    }
    return pattern[at...].allSatisfy { $0 == "*" }
  }
}

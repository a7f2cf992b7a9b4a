/// How much a diagnostic matters.
public enum Severity: String, Sendable, Hashable, CaseIterable {
  /// Nothing runs.
  case error
  /// It runs, but look at it.
  case warning
  /// Worth knowing.
  case note
}

/// What is wrong in something that a person wrote, where, and what to do.
public struct Diagnostic: Sendable, Hashable, Error {
  public var severity: Severity
  /// Stable and searchable: `unknown-field`.
  public var id: String
  /// One sentence, lower case, values in backticks, no full stop.
  public var message: String
  public var place: Place?
  /// Stands after the carets.
  public var label: String
  /// Further places that belong to the problem, shown with `---` under them.
  public var secondary: [Secondary]
  /// Lines at the foot: `= label  text`. The label of advice is `help`.
  public var notes: [Note]
  /// Shown instead of `error[id]`: `check failed`.
  public var heading: String?

  public struct Secondary: Sendable, Hashable {
    public var place: Place
    public var label: String

    public init(place: Place, label: String) {
      self.place = place
      self.label = label
    }
  }

  public struct Note: Sendable, Hashable {
    public var label: String
    public var text: String

    public init(label: String, text: String) {
      self.label = label
      self.text = text
    }
  }

  public init(
    _ severity: Severity = .error, id: String, _ message: String, at place: Place?, label: String = "", secondary: [Secondary] = [],
    help: String? = nil, notes: [Note] = [], heading: String? = nil
  ) {
    self.severity = severity
    self.id = id
    self.message = message
    self.place = place
    self.label = label
    self.secondary = secondary
    self.notes = notes + (help.map { [Note(label: "help", text: $0)] } ?? [])
    self.heading = heading
  }

  /// An error at a range of a file that is in memory.
  public init(
    _ severity: Severity = .error, id: String, _ message: String, at range: SourceRange, label: String = "",
    secondary: [Secondary] = [], help: String? = nil, notes: [Note] = []
  ) {
    self.init(severity, id: id, message, at: range.place, label: label, secondary: secondary, help: help, notes: notes)
  }

  /// The advice, if there is any.
  public var help: String? { notes.first { $0.label == "help" }?.text }

  /// The same with one more line at the foot.
  public func noting(_ label: String, _ text: String) -> Diagnostic {
    var copy = self
    copy.notes.append(Note(label: label, text: text))
    return copy
  }
}

/// Everything that is wrong, thrown together; never empty.
public struct Problems: Error, Sendable {
  public let first: Diagnostic
  public let rest: [Diagnostic]

  public var all: [Diagnostic] { [first] + rest }

  public init(_ first: Diagnostic, _ rest: [Diagnostic] = []) {
    self.first = first
    self.rest = rest
  }

  /// Nil when there is nothing to complain about.
  public init?(_ diagnostics: [Diagnostic]) {
    guard let first = diagnostics.first else { return nil }
    self.init(first, Array(diagnostics.dropFirst()))
  }

  /// Throws the errors among `diagnostics`, all together, or returns when there is none.
  public static func throwErrors(in diagnostics: [Diagnostic]) throws(Problems) {
    if let problems = Problems(diagnostics.filter { $0.severity == .error }) { throw problems }
  }

  /// `4 problems in 1 file`.
  public var summary: String {
    let files = Set(all.compactMap { $0.place?.path }).count
    let problems = all.count == 1 ? "1 problem" : "\(all.count) problems"
    return files == 0 ? problems : problems + " in " + (files == 1 ? "1 file" : "\(files) files")
  }
}

extension [Diagnostic] {
  /// By line and column inside each file; files in order of their first mention; equal places keep their order.
  public func inReadingOrder() -> [Diagnostic] {
    var fileOrder: [String: Int] = [:]
    for diagnostic in self {
      guard let path = diagnostic.place?.path else { continue }
      if fileOrder[path] == nil { fileOrder[path] = fileOrder.count }
    }
    func key(_ at: Int) -> (Int, Int, Int, Int) {
      let place = self[at].place
      return (place.flatMap { fileOrder[$0.path] } ?? -1, place?.line ?? 0, place?.column ?? 0, at)
    }
    return indices.sorted { key($0) < key($1) }.map { self[$0] }
  }

  /// Without notes about places that an error is about: it says all that is needed there.
  public func withoutRemarksOnErrors() -> [Diagnostic] {
    guard contains(where: { $0.severity == .note }) else { return self }
    let errors = Set(filter { $0.severity == .error }.compactMap(\.place))
    return filter { $0.severity != .note || $0.place.map { !errors.contains($0) } ?? true }
  }
}

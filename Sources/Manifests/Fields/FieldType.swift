/// What may stand in a field. Reading, checking after evaluation, JSON Schema and the reference are all made from it.
public enum FieldType: Sendable {
  /// A text. Numbers and booleans are not turned into text: they must be quoted.
  case text
  /// A text of a certain form.
  case word(Word)
  /// Any scalar, kept as it was written: versions (`1.10` stays `1.10`).
  case verbatim
  case bool
  case int(ClosedRange<Int>)
  case number(ClosedRange<Double>)
  /// `90s`, `20m`, `6h`; the unit is required.
  case duration
  /// `512M`, `8G`; the unit is required.
  case byteSize
  /// A text, number or boolean.
  case scalar
  /// Anything, nested too.
  case any
  case path(PathRole)
  /// `${stages.x}`, or a path or glob.
  case input
  /// `${stages.x}` only.
  case stage
  /// The name of a column.
  case column
  /// An expression of the language of `Templates`.
  case expression(ExpressionRole)
  /// A row template: text with `{{ … }}`.
  case template
  case choice([Choice])
  indirect case list(FieldType)
  /// A list, or one item that stands for a list of one. Read as a list.
  indirect case oneOrMany(FieldType)
  /// Names to values. When `listed`, a list of names stands for `{name: name}`. Read as a mapping.
  indirect case map(Word, FieldType, listed: Bool)
  /// A mapping with declared fields. When there is a `shorthand`, a value that is not a mapping stands for `{shorthand: value}`.
  case record(FieldSet, shorthand: String?)
  /// The first that fits the shape of what was written.
  case oneOf([FieldType])
  /// A mapping whose fields follow from one of them: `{kind: command, run: …}`.
  case tagged(by: String, [Variant])
  /// A mapping whose fields follow from the field beside it: `options` from `format`.
  case dependent(on: String, [Variant])

  /// An integer from 0 up.
  public static var count: FieldType { .int(0...Int.max) }
  public static func map(_ word: Word, _ type: FieldType) -> FieldType { .map(word, type, listed: false) }
  public static func record(_ set: FieldSet) -> FieldType { .record(set, shorthand: nil) }
  /// One of some words.
  public static func choice(_ names: String..., planned: [String] = []) -> FieldType {
    .choice(names.map { Choice($0) } + planned.map { Choice($0, isPlanned: true) })
  }

  public struct Choice: Sendable {
    public var name: String
    /// Known, not built yet.
    public var isPlanned: Bool

    public init(_ name: String, isPlanned: Bool = false) {
      self.name = name
      self.isPlanned = isPlanned
    }
  }

  public struct Variant: Sendable {
    /// Values of the field that decides.
    public var when: [String]
    public var fields: FieldSet

    public init(_ when: String..., fields: FieldSet) {
      self.when = when
      self.fields = fields
    }
  }

  public enum PathRole: String, Sendable {
    /// Read.
    case source
    /// Written; must not leave the workspace root.
    case output
  }

  public enum ExpressionRole: String, Sendable {
    /// Sees the columns of a row.
    case row
    /// Sees the facts of a stage.
    case facts
  }

  /// The form of a name.
  public enum Word: String, Sendable {
    /// `[a-z0-9][a-z0-9-]*`
    case manifest
    /// `[a-z][a-z0-9_-]*`
    case stage
    /// `[a-z][a-z0-9_]*`
    case port
    /// `[A-Za-z_][A-Za-z0-9_]*`: what an expression can name.
    case identifier
    /// `[A-Za-z0-9][A-Za-z0-9_.-]*`
    case tag
    /// Any text that is not empty.
    case column
    /// `MAJOR.MINOR.PATCH`
    case semanticVersion

    public var pattern: String {
      switch self {
      case .manifest: "[a-z0-9][a-z0-9-]*"
      case .stage: "[a-z][a-z0-9_-]*"
      case .port: "[a-z][a-z0-9_]*"
      case .identifier: "[A-Za-z_][A-Za-z0-9_]*"
      case .tag: "[A-Za-z0-9][A-Za-z0-9_.-]*"
      case .column: ".+"
      case .semanticVersion: #"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"#
      }
    }

    /// Whether a text has this form.
    public func matches(_ text: String) -> Bool {
      func lower(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") }
      func upper(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") }
      func digit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
      let dash = UInt8(ascii: "-")
      let underscore = UInt8(ascii: "_")
      guard let first = text.utf8.first else { return false }
      let rest = text.utf8.dropFirst()
      switch self {
      case .manifest: return (lower(first) || digit(first)) && rest.allSatisfy { lower($0) || digit($0) || $0 == dash }
      case .stage: return lower(first) && rest.allSatisfy { lower($0) || digit($0) || $0 == dash || $0 == underscore }
      case .port: return lower(first) && rest.allSatisfy { lower($0) || digit($0) || $0 == underscore }
      case .identifier:
        return (lower(first) || upper(first) || first == underscore)
          && rest.allSatisfy { lower($0) || upper($0) || digit($0) || $0 == underscore }
      case .tag:
        return (lower(first) || upper(first) || digit(first))
          && rest.allSatisfy { lower($0) || upper($0) || digit($0) || $0 == underscore || $0 == dash || $0 == UInt8(ascii: ".") }
      case .column: return true
      case .semanticVersion: return Word.isSemanticVersion(text)
      }
    }

    private static func isSemanticVersion(_ text: String) -> Bool {
      var core = text[...]
      for sign in ["+", "-"] as [Character] {
        guard let at = core.firstIndex(of: sign) else { continue }
        let suffix = core[core.index(after: at)...]
        let parts = suffix.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") } }) else { return false }
        core = core[..<at]
      }
      let numbers = core.split(separator: ".", omittingEmptySubsequences: false)
      return numbers.count == 3
        && numbers.allSatisfy {
          !$0.isEmpty && $0.utf8.count <= 18 && $0.allSatisfy { $0.isASCII && $0.isNumber } && ($0.count == 1 || $0.first != "0")
        }
    }
  }

  /// What the type is, for messages: "`seed` wants an integer".
  public var noun: String {
    switch self {
    case .text: "text"
    case .word(.manifest): "a name of lower-case letters, digits and `-`"
    case .word(.stage): "a name of lower-case letters, digits, `_` and `-`"
    case .word(.port): "a name of lower-case letters, digits and `_`"
    case .word(.identifier): "a name of letters, digits and `_`"
    case .word(.tag): "a name of letters, digits, `_`, `-` and `.`"
    case .word(.column), .column: "the name of a column"
    case .word(.semanticVersion): "a version as MAJOR.MINOR.PATCH"
    case .verbatim: "text"
    case .bool: "true or false"
    case .int(let range): FieldType.noun("an integer", range, Int.min, Int.max)
    case .number(let range): FieldType.noun("a number", range, -Double.infinity, Double.infinity)
    case .duration: "a duration"
    case .byteSize: "a size"
    case .scalar: "text, a number, true or false"
    case .any: "a value"
    case .path(.source): "a path"
    case .path(.output): "a path to write to"
    case .input: "`${stages.…}` or a path"
    case .stage: "`${stages.…}`"
    case .expression: "an expression"
    case .template: "a template text"
    case .choice(let choices): "one of " + choices.filter { !$0.isPlanned }.map { "`\($0.name)`" }.joined(separator: ", ")
    case .list(let item): "a list of " + item.plural
    case .oneOrMany(let item): item.noun + ", or a list of them"
    case .map(_, let value, let listed): (listed ? "a list of names or " : "") + "a mapping of names to " + value.plural
    case .record(let set, nil): "a mapping with " + set.summary
    case .record(let set, let shorthand?):
      (set.field(shorthand)?.type.noun ?? "a value") + " or a mapping with " + set.summary
    case .oneOf(let types): types.map(\.noun).joined(separator: ", or ")
    case .tagged(let by, _): "a mapping with `\(by)`"
    case .dependent(let on, _): "a mapping as `\(on)` has it"
    }
  }

  /// Several of the type: "a list of expressions".
  var plural: String {
    switch self {
    case .text, .verbatim: "texts"
    case .word: "names"
    case .column: "column names"
    case .int: "integers"
    case .number: "numbers"
    case .duration: "durations"
    case .byteSize: "sizes"
    case .scalar: "scalars"
    case .any: "values"
    case .path: "paths"
    case .input: "inputs"
    case .stage: "stages"
    case .expression: "expressions"
    case .template: "template texts"
    case .list, .oneOrMany: "lists"
    case .record(_, let shorthand): shorthand == nil ? "mappings" : "values"
    case .map, .tagged, .dependent: "mappings"
    case .bool, .choice, .oneOf: "values"
    }
  }

  private static func noun<T: Comparable>(_ noun: String, _ range: ClosedRange<T>, _ least: T, _ most: T) -> String {
    switch (range.lowerBound == least, range.upperBound == most) {
    case (true, true): noun
    case (false, true): "\(noun) from \(range.lowerBound) up"
    case (true, false): "\(noun) up to \(range.upperBound)"
    case (false, false): "\(noun) from \(shown(range.lowerBound)) to \(shown(range.upperBound))"
    }
  }

  /// `1` rather than `1.0`.
  private static func shown<T>(_ value: T) -> String {
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}

internal import Synchronization

/// What using a missing name does.
public enum Undefined: String, Sendable, CaseIterable {
  /// Prints nothing, iterates as empty, is false; any other use is an error. Jinja2's own default.
  case lenient = "default"
  /// Any use but `is defined` and `default` is an error.
  case strict
  /// As `lenient`, and attributes of it are undefined again.
  case chainable
  /// As `lenient`, and prints what is missing.
  case debug
}

/// How `tojson` writes.
public enum JSONFlavour: String, Sendable {
  /// Sorted keys, ASCII only, `<`, `>`, `&` and `'` escaped, result safe for HTML.
  case html = "jinja"
  /// `json.dumps(x, ensure_ascii=False)`: order kept, nothing escaped that JSON does not ask for.
  case plain = "hf"
}

/// The six delimiters, and the two prefixes that make lines statements or comments.
public struct Delimiters: Sendable, Hashable {
  public var blockStart = "{%"
  public var blockEnd = "%}"
  public var variableStart = "{{"
  public var variableEnd = "}}"
  public var commentStart = "{#"
  public var commentEnd = "#}"
  public var lineStatement: String?
  public var lineComment: String?

  public init() {}
}

/// What a template may use up before it ends with a `LimitError`.
public struct Limits: Sendable, Hashable {
  /// Loop turns, calls and items handled by filters. Twenty million take about a second.
  public var steps = 20_000_000
  /// Bytes of output.
  public var outputBytes = 64 << 20
  /// Bytes of working memory.
  public var memoryBytes = 256 << 20
  /// How deep macros, includes, blocks and recursive loops may call each other.
  public var depth = 200
  /// How many numbers a `range` may have; Jinja2's sandbox has the same bound.
  public var rangeItems = 100_000

  public init() {}
}

/// Where `include`, `import` and `extends` find their templates: a joined name in, source or nil out.
public typealias TemplateLoader = @Sendable (_ name: String) -> [UInt8]?

/// How templates are read and run: the options of a Jinja2 environment, as a value.
public struct Environment: Sendable {
  public var undefined = Undefined.strict
  public var trimBlocks = false
  public var lstripBlocks = false
  public var keepTrailingNewline = false
  public var newlineSequence = "\n"
  public var autoescape = false
  public var delimiters = Delimiters()
  /// `{% break %}` and `{% continue %}`.
  public var loopControls = true
  /// `{% do %}`.
  public var doStatement = true
  /// `{% generation %}`.
  public var generation = true
  public var json = JSONFlavour.plain
  /// Methods that change lists and dictionaries are refused.
  public var immutable = false
  public var limits = Limits()
  /// The clock of `strftime_now`; without one the function is an error.
  public var now: CivilTime?
  /// Additional names known to every template: values and functions.
  public var globals: [String: Value] = [:]
  /// What a name means in the template that writes it (Jinja2's `join_path`): `./x` is another file in another folder. Without it names are taken as written.
  ///
  /// A template is compiled once under its joined name, which is also its name in errors and the parent of what it includes itself.
  public var joinPath: (@Sendable (_ name: String, _ parent: String) -> String)?
  /// Finds included, imported and extended templates; the only door to the outside.
  public var loader: TemplateLoader?
  /// Jinja2's `policies` that filters read.
  public var policies = Policies()

  let cache = TemplateCache()

  public init() {}

  /// What stages of `pipe` use: strict undefined, every extension, JSON as it is.
  public static var pipe: Environment { Environment() }

  /// Jinja2's own defaults, with its sandbox.
  public static var jinja2: Environment {
    var e = Environment()
    e.undefined = .lenient
    e.loopControls = false
    e.doStatement = false
    e.generation = false
    e.json = .html
    return e
  }

  /// What Hugging Face transformers builds for a chat template.
  public static var huggingFace: Environment {
    var e = Environment.jinja2
    e.trimBlocks = true
    e.lstripBlocks = true
    e.loopControls = true
    e.generation = true
    e.json = .plain
    e.immutable = true
    return e
  }

  /// The compiled template of a name as `parent` writes it, or nil when the loader does not know it; compiled once per environment.
  public func template(named name: String, parent: String = "") throws(TemplateError) -> Template? {
    guard let program = try cache.program(joined(name, parent), box: EnvironmentBox(options: self)) else { return nil }
    return Template(program: program)
  }
}

extension Environment {
  /// The name under which a template is loaded and kept.
  func joined(_ name: String, _ parent: String) -> String { joinPath?(name, parent) ?? name }
}

/// Settings of single filters.
public struct Policies: Sendable, Hashable {
  public var urlizeRel: String? = "noopener"
  public var urlizeTarget: String?
  public var urlizeExtraSchemes: [String] = []
  public var truncateLeeway = 5
  public var jsonIndent: Int?
  public var jsonSortKeys = true

  public init() {}
}

/// A moment as a clock on the wall shows it; no time zone, no leap seconds.
public struct CivilTime: Sendable, Hashable {
  public var year: Int
  public var month: Int
  public var day: Int
  public var hour: Int
  public var minute: Int
  public var second: Int
  public var microsecond: Int

  public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, microsecond: Int = 0) {
    self.year = year
    self.month = month
    self.day = day
    self.hour = hour
    self.minute = minute
    self.second = second
    self.microsecond = microsecond
  }

  /// Reads `2025-06-15`, `2025-06-15T12:34:56` and `2025-06-15 12:34:56.789`.
  public init?(_ text: String) {
    let parts = text.utf8.split(whereSeparator: { !(48...57).contains($0) }).compactMap { Int(String($0)!) }
    guard parts.count >= 3, (1...12).contains(parts[1]), (1...31).contains(parts[2]) else { return nil }
    self.init(year: parts[0], month: parts[1], day: parts[2])
    if parts.count > 3 { hour = parts[3] }
    if parts.count > 4 { minute = parts[4] }
    if parts.count > 5 { second = parts[5] }
  }
}

/// Keeps an environment's options in one place that programs and machines can share without copying them.
final class EnvironmentBox: Sendable {
  let options: Environment
  let globals: [String: Value]

  init(options: Environment) {
    self.options = options
    globals = options.globals
  }
}

/// The compiled templates of one environment, by joined name.
final class TemplateCache: Sendable {
  private let programs = Mutex<[String: Program]>([:])

  func program(_ name: String, box: EnvironmentBox) throws(TemplateError) -> Program? {
    if let p = programs.withLock({ $0[name] }) { return p }
    guard let source = box.options.loader?(name) else { return nil }
    let p = try Program.compile(source: source, name: name, box: box)
    programs.withLock { $0[name] = p }
    return p
  }
}

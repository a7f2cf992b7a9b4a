/// Runs cases of the form `{"id", "template", "context", "templates", "env"}` and answers with `{"id", "ok", …}`: one JSON object a line.
///
/// An absent `env.undefined` means Jinja2's own lenient default, so that a corpus written for Jinja2 can be checked unchanged.
public struct CaseRunner {
  private let renderer = Renderer()

  public init() {}

  /// The answer to one case.
  public func run(_ line: [UInt8]) -> [UInt8] {
    guard let c = Value(json: line), c.kind == .dict else {
      return CaseRunner.object([("id", .none), ("ok", false), ("error_class", "BadCase"), ("line", .none), ("message", "the case is not a JSON object")])
    }
    let id = c["id"] ?? .none
    do throws(TemplateError) {
      let environment = CaseRunner.environment(c)
      let template = try Template(source: c["template"]?.utf8 ?? [], name: "", environment: environment)
      var context: [UInt8] = []
      if let v = c["context"], v.kind == .dict { v.appendJSON(to: &context) } else { context = Array("{}".utf8) }
      let output: [UInt8] = try {
        () throws(TemplateError) -> [UInt8] in
        let b: Result<[UInt8], TemplateError> = context.withUnsafeBytes { row in
          do throws(TemplateError) { return .success(Array(try renderer.render(template, row: row))) } catch { return .failure(error) }
        }
        return try b.get()
      }()
      return CaseRunner.object([("id", id), ("ok", true), ("output", Value(utf8: output))])
    } catch {
      let stack = error.stack.reversed().map { f in
        Value(pairs: [("template", f.name.isEmpty ? .none : Value(f.name)), ("line", Value(f.line)), ("column", Value(f.column)), ("what", Value(f.what))])
      }
      return CaseRunner.object([
        ("id", id), ("ok", false), ("error_class", Value(error.errorClass)), ("line", error.statementLine.map { Value($0) } ?? .none),
        ("column", Value(error.column)), ("template", error.templateName.isEmpty ? .none : Value(error.templateName)),
        ("message", Value(error.message)), ("stack", Value(Array(stack))),
      ])
    }
  }

  private static func object(_ pairs: [(String, Value)]) -> [UInt8] {
    var out: [UInt8] = []
    Value(pairs: pairs).appendJSON(to: &out)
    return out
  }

  /// The environment a case asks for.
  public static func environment(_ c: Value) -> Environment {
    let o = c["env"]
    func flag(_ k: String) -> Bool? { o?[k].map(\.isTruthy) }
    func text(_ k: String) -> String? { o?[k]?.string }
    var e = flag("hf") == true ? Environment.huggingFace : Environment.jinja2
    e.now = CivilTime(text("now") ?? "2025-06-15T12:34:56")
    if let f = flag("trim_blocks") { e.trimBlocks = f }
    if let f = flag("lstrip_blocks") { e.lstripBlocks = f }
    if let f = flag("keep_trailing_newline") { e.keepTrailingNewline = f }
    if let f = flag("autoescape") { e.autoescape = f }
    if let s = text("newline_sequence") { e.newlineSequence = s }
    if let s = text("block_start_string") { e.delimiters.blockStart = s }
    if let s = text("block_end_string") { e.delimiters.blockEnd = s }
    if let s = text("variable_start_string") { e.delimiters.variableStart = s }
    if let s = text("variable_end_string") { e.delimiters.variableEnd = s }
    if let s = text("comment_start_string") { e.delimiters.commentStart = s }
    if let s = text("comment_end_string") { e.delimiters.commentEnd = s }
    e.delimiters.lineStatement = text("line_statement_prefix")
    e.delimiters.lineComment = text("line_comment_prefix")
    if let s = text("undefined"), let u = Undefined(rawValue: s) { e.undefined = u }
    if flag("loopcontrols") == true { e.loopControls = true }
    if flag("do") == true { e.doStatement = true }
    if flag("generation") == true { e.generation = true }
    if flag("immutable") == true { e.immutable = true }
    if let s = text("tojson"), let f = JSONFlavour(rawValue: s) { e.json = f }
    for (k, v) in o?["policies"]?.pairs ?? [] {
      switch k.string {
      case "urlize.rel": e.policies.urlizeRel = v.string
      case "urlize.target": e.policies.urlizeTarget = v.string
      case "urlize.extra_schemes": e.policies.urlizeExtraSchemes = v.array?.compactMap(\.string) ?? []
      case "truncate.leeway": e.policies.truncateLeeway = v.int ?? 5
      case "json.dumps_kwargs":
        e.policies.jsonSortKeys = v["sort_keys"]?.isTruthy ?? false
        e.policies.jsonIndent = v["indent"]?.int
      default: break
      }
    }
    var sources: [String: [UInt8]] = [:]
    for (k, v) in c["templates"]?.pairs ?? [] { if let k = k.string, let b = v.utf8 { sources[k] = b } }
    let found = sources
    e.loader = { name in found[name] }
    return e
  }
}

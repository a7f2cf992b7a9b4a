/// What one step of a compiled template does. Operands are `a`, `b`, `c`; values travel on a stack.
enum Op: UInt8 {
  // output; `mode`: 0 as it is, 1 escape, 2 as the context says now
  case text  // a: offset in the literals, b: length
  case emit, emitSlot  // emitSlot a: slot, b: name
  case emitSlotAttribute  // a: slot, b: attribute, c: name
  case emitJSON  // plain JSON of the top
  case emitJoin  // the top three: items, separator, attribute
  case emitAdd  // two operands; printed directly when both are strings
  // values
  case constant, bigConstant  // a
  case load  // a: slot, b: name
  case loadOuter  // a: slot, b: name, c: levels up
  case loadAttribute  // a: slot, b: attribute, c: name
  case loopAttribute  // a: slot, b: LoopField
  case store  // a: slot
  case resolve  // a: name, b: slot
  case alias  // a: from, b: to, c: levels up
  case clear  // a: slot
  case pop, duplicate
  case attribute  // a: name
  case item
  case slice  // a: bits of the parts present
  case makeList, makeTuple, makeDict  // a: count
  case undefinedConditional
  // operators
  case add, sub, mul, div, floordiv, mod, pow
  case negative, positive, not
  case compare  // a: Comparison
  case compareChain  // a: Comparison, b: where to go when false
  case concat  // a: count, mode 1: Markup joins
  case jump, jumpIfFalse, jumpIfTrue, jumpIfFalseKeep, jumpIfTrueKeep  // a
  case jumpUnlessSlotAttributeEquals  // a: slot, b: attribute, c: target; the next instruction is its operand
  case jumpUnlessSlotAttribute  // a: slot, b: attribute, c: target; next instruction holds the name
  case operand  // data of the instruction before it
  // calls
  case call  // a: positional, b: table of names, c: 1 emits the result; `mode` as for emit
  case callMethod  // a: positional, b: table of names, c: name
  case callSpread  // a: positional, b: table of names, c: bit 0 list, bit 1 dict
  case filter  // a: Filter, b: arguments with the value
  case filterSpread  // as filter, arguments from the stack: a: Filter or -1, b: positional, c: table of names; mode bits for * and **
  case test, testSpread
  case unknownFilter, unknownTest  // a: name
  // loops
  case loopStart  // a: slot of the loop, b: 1 = always a fresh object, c: target of `if` subroutine or -1
  case loopNext  // a: slot of the loop, b: exit, c: slot of the target or -1 (then pushed)
  case unpack  // a: count
  case subroutineEnd
  case recursiveLoop  // a: function; pops the iterable, emits what it renders
  case loopBind  // a: slot of the recursive loop
  // capture
  case captureStart  // a: slot
  case captureEnd  // a: slot; mode: Markup or not; pushes
  case captureDrop  // a: slot
  case markSafe  // when the context escapes
  // scopes
  case saveEscape, setEscape, restoreEscape  // a: slot
  case export  // a: name, b: slot, c: 1 = public
  case unexport  // a: name
  case checkNamespace  // a: slot, c: levels up
  case storeNamespace  // a: attribute, b: slot, c: levels up; pops
  // functions
  case macro  // a: function
  case runGeneration  // a: function
  case defaultArgument  // a: slot, b: jump when it was given
  case missingArgument  // a: slot, b: name
  case finish
  // other templates
  case block  // a: name, b: 1 scoped, 2 required, c: table of locals
  case extends
  case skipIfExtended  // a
  case failIfExtended
  case include  // a: bits: 1 ignore missing, 2 with context; b: table of locals
  case importModule  // a: bit 2 with context; b: table of locals
  case fromImport  // a: name, b: slot, c: line
  case superBlock, selfReference  // a: slot, b: block name
}

struct Instruction {
  var op: Op
  var mode: UInt8 = 0
  var a: Int32 = 0
  var b: Int32 = 0
  var c: Int32 = 0
}

enum LoopField: Int32, CaseIterable {
  case index, index0, revindex, revindex0, first, last, length, depth, depth0, previtem, nextitem

  init?(name: String) {
    guard let f = LoopField.allCases.first(where: { "\($0)" == name }) else { return nil }
    self = f
  }
}

/// The bytes an instruction came from, and the line Jinja2 gives its statement.
struct Place {
  var start: Int32
  var end: Int32
  var line: Int32
}

/// A root, block, macro, call block or recursive loop.
struct Function {
  var what: String
  var code: UnsafeMutablePointer<Instruction>
  var count: Int
  var places: [Place]
  var slots: Int
  // Macros only.
  var arguments: [V] = []
  var argumentSlots: [Int32] = []
  var name = V.none
  var kwargsSlot: Int32 = -1
  var varargsSlot: Int32 = -1
  var callerSlot: Int32 = -1
  var explicitCaller = false
  var accessesCaller = false
  var loopSlot: Int32 = -1
  /// Functions inside it may outlive the call, so its variables cannot live on the stack.
  var needsHeapFrame = false
  var isMacro = false
}

/// Names for keyword arguments, or for the locals an include sees.
struct NameTable {
  var names: UnsafeMutablePointer<V>
  var count: Int
  /// For locals: where each variable is.
  var variables: UnsafeMutablePointer<(slot: Int32, up: Int32)>?
}

/// A compiled template: immutable once made, so it can be shared between workers.
final class Program: @unchecked Sendable {
  let name: String
  let source: [UInt8]
  /// For each byte of the normalized text its place in the source, when they differ.
  let map: [Int32]?
  let box: EnvironmentBox
  var functions: [Function] = []
  var functionTable: UnsafeMutablePointer<Function>
  var constants: UnsafeMutablePointer<V>
  var bigs: [BigInt] = []
  var literals: UnsafeMutablePointer<UInt8>
  var literalCount = 0
  var tables: UnsafeMutablePointer<NameTable>
  var tableCount = 0
  /// Names looked up in the context, and their place in a row's field table.
  var contextNames: [V] = []
  var blocks: [(name: String, function: Int)] = []
  var owned: [UnsafeMutableRawPointer] = []
  /// Other templates, or blocks, may look at what is set at the top.
  var exportsNeeded = false
  /// Mentions a method that changes lists or dictionaries, so shared contexts have to be copied.
  var mutates = false
  var variables: [VariableUse] = []
  var references: [TemplateReference] = []
  var filtersUsed: [(String, Range<Int>)] = []
  var singleExpression: Expr?
  /// Statistics for the buffers: how much the last render wrote.
  init(name: String, source: [UInt8], map: [Int32]?, box: EnvironmentBox) {
    self.name = name
    self.source = source
    self.map = map
    self.box = box
    functionTable = .allocate(capacity: 1)
    constants = .allocate(capacity: 1)
    literals = .allocate(capacity: 1)
    tables = .allocate(capacity: 1)
  }

  /// What runs when nothing does.
  static let empty = Program(name: "", source: [], map: nil, box: EnvironmentBox(options: Environment()))

  deinit {
    for f in functions { f.code.deallocate() }
    functionTable.deinitialize(count: functions.count)
    functionTable.deallocate()
    constants.deallocate()
    literals.deallocate()
    for i in 0..<tableCount {
      tables[i].names.deallocate()
      tables[i].variables?.deallocate()
    }
    tables.deallocate()
    for p in owned { p.deallocate() }
  }

  /// A string that lives as long as the program.
  func intern(_ bytes: [UInt8]) -> V {
    if bytes.isEmpty { return V.empty }
    let p = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
    p.update(from: bytes, count: bytes.count)
    owned.append(UnsafeMutableRawPointer(p))
    return V.str(UnsafePointer(p), bytes.count)
  }

  func original(_ offset: Int) -> Int {
    guard let map else { return min(offset, source.count) }
    return offset < map.count ? Int(map[offset]) : source.count
  }

  /// An error at bytes of the normalized text.
  func error(_ message: String, errorClass: String, start: Int, end: Int, line: Int, suggestion: String? = nil) -> TemplateError {
    let s = original(start)
    let e = max(s, original(end))
    let (l, c) = LineMap(source: source).position(of: s)
    return TemplateError(
      templateName: name, range: s..<e, line: l, column: c, message: message, errorClass: errorClass, statementLine: errorClass == "SyntaxError" ? nil : line,
      stack: [TemplateError.Frame(name: name, line: l, column: c, what: "template")], suggestion: suggestion)
  }

  static func compile(source: [UInt8], name: String, box: EnvironmentBox) throws(TemplateError) -> Program {
    let (text, map) = Lexer.normalize(source, keepTrailingNewline: box.options.keepTrailingNewline)
    let program = Program(name: name, source: source, map: map, box: box)
    var lexer = Lexer(source: text, options: box.options)
    let tokens = lexer.tokenize()
    do throws(SyntaxFault) {
      var parser = Parser(tokens: tokens, options: box.options)
      let body = try parser.parseTemplate()
      try Compiler(program: program).compile(template: body)
      if program.contextNames.count > 30_000 { throw SyntaxFault(message: "the template reads more than 30000 names", start: 0, end: 0, line: 1) }
    } catch {
      throw program.error(
        error.message, errorClass: error.errorClass, start: error.start, end: error.end, line: error.line, suggestion: error.suggestion)
    }
    return program
  }

  static func compile(expression source: [UInt8], name: String, box: EnvironmentBox) throws(TemplateError) -> (Program, Expr) {
    // The lexer reads an expression as the inside of a print tag; offsets are moved back to the caller's bytes.
    var options = box.options
    options.delimiters = Delimiters()
    options.trimBlocks = false
    options.lstripBlocks = false
    let wrapped = Array("{{".utf8) + source.map { $0 == 0x0D ? 0x0A : $0 } + Array("}}".utf8)
    let map = [0, 0] + (0..<source.count).map { Int32($0) } + [Int32(source.count), Int32(source.count)]
    let program = Program(name: name, source: source, map: map, box: box)
    var lexer = Lexer(source: wrapped, options: options)
    var tokens = lexer.tokenize()
    do throws(SyntaxFault) {
      if let i = tokens.firstIndex(where: { $0.kind == .variableEnd }), i + 2 < tokens.count || tokens[i].end < wrapped.count {
        throw SyntaxFault(message: "unexpected '}}'", start: tokens[i].start, end: tokens[i].end, line: tokens[i].line)
      }
      tokens.removeAll { $0.kind == .variableBegin || $0.kind == .variableEnd }
      var parser = Parser(tokens: tokens, options: options)
      let e = try parser.parseSingle()
      try Compiler(program: program).compile(expression: e)
      return (program, e)
    } catch {
      throw program.error(
        error.message, errorClass: error.errorClass, start: error.start, end: error.end, line: error.line, suggestion: error.suggestion)
    }
  }
}

/// A name that a template or expression reads from its context.
public struct VariableUse: Sendable, Hashable {
  /// The name.
  public var name: String
  /// Its bytes in the source.
  public var range: Range<Int>
  /// Asked for with `is defined` or `default`, so that it may be missing.
  public var isGuarded = false
}

/// Another template that a template names.
public struct TemplateReference: Sendable, Hashable {
  public enum Kind: String, Sendable { case include, importModule, extends }
  public var kind: Kind
  /// The name, or nil when it is only known at run time.
  public var name: String?
  public var range: Range<Int>
  /// `include … ignore missing`.
  public var optional: Bool
}

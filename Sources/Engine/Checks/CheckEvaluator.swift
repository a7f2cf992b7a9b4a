import Diagnostics
import Rows
import Synchronization
import Templates

/// Evaluates a stage's expectations over its facts: sums of its tasks, row counts, and counts of columns where a check asks for them.
///
/// Verdicts are views: they are computed on every run, after the artifacts, and enter none.
struct CheckEvaluator {
  let run: StageRun
  let scheduler: Scheduler

  func evaluate() throws(TaskFailure) -> [CheckVerdict] {
    var verdicts: [CheckVerdict] = []
    for check in run.stage.settings.checks { verdicts.append(try verdict(check)) }
    return verdicts
  }

  /// Which columns of which outputs the checks of a stage count, as far as they are written out.
  static func countedColumns(_ stage: Stage) -> [(port: Int, column: String)] {
    var found: [(port: Int, column: String)] = []
    func add(_ port: String?, _ column: String?) {
      guard let column, let index = port.map({ name in stage.kind.outputs.firstIndex { $0.name == name } }) ?? 0 else { return }
      if !found.contains(where: { $0 == (index, column) }) { found.append((index, column)) }
    }
    for check in stage.settings.checks {
      for call in check.expression.expression.calls {
        func argument(_ position: Int, _ name: String) -> String? {
          (call.named.first { $0.name == name }?.argument ?? (position < call.arguments.count ? call.arguments[position] : nil))?.word
        }
        switch call.function {
        case "nulls", "distinct": add(nil, argument(0, "column"))
        case "balance": add(argument(0, "split"), argument(1, "column"))
        case "overlap":
          add(argument(0, "a"), argument(2, "key"))
          add(argument(1, "b"), argument(2, "key"))
        default: continue
        }
      }
    }
    return found
  }

  private func verdict(_ check: Check) throws(TaskFailure) -> CheckVerdict {
    let compared = type(of: run.stage.kind).comparedFigures
    if run.compared.isEmpty, check.expression.expression.variables.contains(where: { compared.contains($0.name) }) {
      return CheckVerdict(check: check, outcome: .notChecked, detail: run.notCompared ?? "the stage names no baseline")
    }
    let failure = Mutex<TaskFailure?>(nil)
    let bindings = bindings { new in failure.withLock { if $0 == nil { $0 = new } } }
    let renderer = Renderer()
    let value: Value
    do throws(TemplateError) {
      value = try renderer.evaluate(check.expression.expression, extra: bindings)
    } catch {
      if let failure = failure.withLock({ $0 }) { throw failure }
      return CheckVerdict(check: check, outcome: .failed, detail: error.message)
    }
    if let failure = failure.withLock({ $0 }) { throw failure }
    return CheckVerdict(check: check, outcome: value.isTruthy ? .passed : .failed, detail: detail(check, bindings, renderer))
  }

  /// What stood on the left of the comparison: `is 2`.
  private func detail(_ check: Check, _ bindings: Bindings, _ renderer: Renderer) -> String {
    guard let left = FactNames.leftOfComparison(check.text),
      let expression = try? Expression(source: Array(FactNames.flattened(left).utf8), name: "expect", environment: .pipe),
      let value = try? renderer.evaluate(expression, extra: bindings)
    else { return "does not hold" }
    return "is \(value.text)"
  }

  private func bindings(_ failure: @escaping @Sendable (TaskFailure) -> Void) -> Bindings {
    var bindings = Bindings()
    for (name, value) in facts() { bindings[name] = value }
    let tables = UncheckedSendable((run: run, scheduler: scheduler))
    @Sendable func counts(_ port: String?, _ column: String) throws(HostError) -> ColumnCounts {
      let (run, scheduler) = tables.value
      let index: Int
      if let port {
        guard let found = run.stage.kind.outputs.firstIndex(where: { $0.isPublic && $0.name == port }) else {
          throw HostError("`\(run.stage.name)` has no output `\(port)`; it has \(run.stage.publicOutputs.map { "`\($0.name)`" }.joined(separator: ", "))")
        }
        index = found
      } else {
        index = 0
      }
      do throws(TaskFailure) {
        let counts = try ColumnCounts.of(column, in: [run.outputs[index]], scheduler)
        if counts.counts.isEmpty, counts.nulls == 0, counts.missing > 0 { throw TaskFailure(id: "no-column", message: "no row has a column `\(column)`") }
        return counts
      } catch {
        if error.id == "no-column" { throw HostError(error.message) }
        failure(error)
        throw HostError(error.message)
      }
    }
    @Sendable func text(_ arguments: [Value], _ named: [(name: String, value: Value)], _ position: Int, _ name: String) throws(HostError) -> String {
      if let value = named.first(where: { $0.name == name })?.value.string { return value }
      if position < arguments.count, let value = arguments[position].string { return value }
      throw HostError("expected the name of a column as `\(name)`")
    }
    bindings["nulls"] = Value(function: "nulls") { (arguments, named) throws(HostError) in
      let counts = try counts(nil, try text(arguments, named, 0, "column"))
      return Value(counts.nulls + counts.missing)
    }
    bindings["distinct"] = Value(function: "distinct") { (arguments, named) throws(HostError) in
      Value(try counts(nil, try text(arguments, named, 0, "column")).counts.count)
    }
    bindings["overlap"] = Value(function: "overlap") { (arguments, named) throws(HostError) in
      let column = try text(arguments, named, 2, "key")
      let first = try counts(try text(arguments, named, 0, "a"), column)
      let second = try counts(try text(arguments, named, 1, "b"), column)
      return Value(first.counts.keys.count { second.counts[$0] != nil })
    }
    bindings["balance"] = Value(function: "balance") { (arguments, named) throws(HostError) in
      // The rarest value's count over the most frequent one's.
      let counts = try counts(try text(arguments, named, 0, "split"), try text(arguments, named, 1, "column")).counts.values
      guard let least = counts.min(), let most = counts.max() else { return Value(0) }
      return Value(Double(least) / Double(most))
    }
    bindings["unmatched"] = Value(function: "unmatched") { (arguments, named) throws(HostError) in
      let name = (try? text(arguments, named, 0, "join")) ?? ""
      return Value(tables.value.run.sum("unmatched.\(name)") ?? tables.value.run.sum("unmatched") ?? 0)
    }
    for output in run.stage.publicOutputs where bindings[output.name] == nil { bindings[output.name] = Value(output.name) }
    return bindings
  }

  /// The stage's facts under the names that flattened expressions use.
  private func facts() -> [(String, Value)] {
    guard let result = run.result else { return [] }
    var facts: [(String, Value)] = []
    for fact in result.facts { facts.append((FactNames.flattened(fact.name), Value(fact.sum))) }
    var total = 0
    for (port, output) in run.stage.kind.outputs.enumerated() where output.isPublic {
      facts.append(("rows__\(output.name)", Value(result.ports[port].rows)))
      total += result.ports[port].rows
    }
    facts.append(("rows", Value(run.stage.kind.hasMainPort ? result.ports.first?.rows ?? 0 : total)))
    facts.append(("dropped", Value(result.drops.reduce(0) { $0 + $1.count })))
    for drop in result.drops { facts.append(("dropped__\(FactNames.identifier(drop.reason))", Value(drop.count))) }
    let sums = Dictionary(result.facts.map { ($0.name, $0.sum) }, uniquingKeysWith: +)
    for (name, value) in run.stage.kind.derivedFacts(sums).sorted(by: { $0.key < $1.key }) { facts.append((FactNames.flattened(name), Value(value))) }
    facts += Self.bindings(of: run.figures)
    return facts
  }

  /// StageFigures as values: `agreement.alpha` also under the one name that it has after flattening.
  private static func bindings(of figures: StageFigures) -> [(String, Value)] {
    var found: [(String, Value)] = []
    for entry in figures.entries {
      found.append((entry.name, Value(entry.value)))
      guard case .nested(let nested) = entry.value, FactNames.isFamily(entry.name) else { continue }
      for inner in nested.entries { found.append(("\(entry.name)__\(inner.name)", Value(inner.value))) }
    }
    return found
  }
}

extension Value {
  /// A figure as expressions see it.
  init(_ figure: StageFigures.Value) {
    switch figure {
    case .integer(let integer): self.init(integer)
    case .real(let real): if real.isFinite { self.init(real) } else { self = .none }
    case .text(let text): self.init(text)
    case .nested(let figures): self.init(pairs: figures.entries.map { ($0.name, Value($0.value)) })
    case .null: self = .none
    }
  }
}

extension StageRun {
  /// What its task measured, and what its comparison came to.
  var figures: StageFigures {
    var figures = result?.figures ?? StageFigures()
    for entry in compared.entries { figures.append(entry.name, entry.value) }
    return figures
  }

  /// A sum over all tasks.
  func sum(_ name: String) -> Int? { result?.facts.first { $0.name == name }?.sum }
}

/// Names of facts: `rows` is a number and `rows.train` is another one, which no value can be at once, so that dots inside names become
/// two underscores before an expression is compiled.
package enum FactNames {
  private static let families = ["rows", "dropped", "held_back", "tokens", "coverage", "agreement", "unmatched", "lineage"]

  static func isFamily(_ name: String) -> Bool { families.contains(name) }

  /// An expectation's text with the dots of fact names replaced.
  package static func flattened(_ text: String) -> String {
    var out: [UInt8] = []
    var word: [UInt8] = []
    var quote: UInt8?
    let bytes = Array(text.utf8)
    func isWord(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "_") || (48...57).contains(byte) || (65...90).contains(byte & 0xDF) }
    for (at, byte) in bytes.enumerated() {
      if let open = quote {
        if byte == open { quote = nil }
        out.append(byte)
        continue
      }
      if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") { quote = byte }
      if isWord(byte) || byte >= 0x80 {
        word.append(byte)
        out.append(byte)
        continue
      }
      if byte == UInt8(ascii: "."), families.contains(String(decoding: word, as: UTF8.self)), at + 1 < bytes.count, isWord(bytes[at + 1]) {
        out += Array("__".utf8)
      } else {
        out.append(byte)
      }
      word = []
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// A reason as part of a name.
  static func identifier(_ text: String) -> String {
    String(text.map { $0.isLetter || $0.isNumber || $0 == "_" ? $0 : "_" })
  }

  /// The part before a comparison at the outermost level.
  static func leftOfComparison(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    var depth = 0
    var quote: UInt8?
    for (at, byte) in bytes.enumerated() {
      if let open = quote {
        if byte == open { quote = nil }
        continue
      }
      switch byte {
      case UInt8(ascii: "'"), UInt8(ascii: "\""): quote = byte
      case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
      case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "="), UInt8(ascii: "!"):
        guard depth == 0 else { continue }
        if byte == UInt8(ascii: "=") || byte == UInt8(ascii: "!"), at + 1 < bytes.count, bytes[at + 1] != UInt8(ascii: "=") { continue }
        return String(decoding: bytes[..<at], as: UTF8.self)
      default: continue
      }
    }
    return nil
  }
}

extension Expression.Call.Argument {
  /// A name or a quoted text.
  fileprivate var word: String? {
    switch self {
    case .literal(let text), .name(let text): text
    case .number, .bool, .none, .computed: nil
    }
  }
}

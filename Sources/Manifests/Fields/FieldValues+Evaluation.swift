public import Diagnostics

/// What became of a `${…}`.
public enum Evaluation: Sendable {
  case value(Literal)
  /// Not now: `${split}` of `to`, `${in.rows}` of `run`.
  case later
  /// It could not be evaluated, and that has been reported.
  case failed
}

extension FieldValues {
  /// Evaluates every `${…}` that waits, inside lists and mappings too, and checks what comes out against the fields' types.
  ///
  /// Operands inside row expressions and templates become `.value` parts of their source. A value whose evaluation failed is left
  /// out; `diagnostics` then holds an error.
  public func evaluated(_ diagnostics: inout [Diagnostic], _ evaluate: (ManifestExpression) -> Evaluation) -> FieldValues {
    if isEvaluated { return self }
    var out = self
    out.written = written.compactMap { item in
      guard !item.value.isEvaluated else { return item }
      var item = item
      guard let value = item.value.evaluated(set.fields[item.field].name, &diagnostics, evaluate) else { return nil }
      item.value = value
      return item
    }
    if let check = set.check, out.written.count == written.count, out.isEvaluated { check(out, &diagnostics) }
    return out
  }
}

extension FieldValue {
  /// The same for one value; nil when its evaluation failed.
  public func evaluated(_ name: String, _ diagnostics: inout [Diagnostic], _ evaluate: (ManifestExpression) -> Evaluation) -> FieldValue? {
    switch form {
    case .literal, .milliseconds, .byteCount, .reference: return self
    case .source(let source):
      guard let parts = source.evaluatedParts(evaluate) else { return nil }
      return FieldValue(.source(Interpolated(parts: parts, node: source.node)), node: node)
    case .list(let values):
      var out: [FieldValue] = []
      for value in values {
        guard let value = value.evaluated(name, &diagnostics, evaluate) else { return nil }
        out.append(value)
      }
      return FieldValue(.list(out), node: node)
    case .map(let entries):
      var out: [Entry] = []
      for entry in entries {
        guard let value = entry.value.evaluated(entry.key, &diagnostics, evaluate) else { return nil }
        out.append(Entry(key: entry.key, keyNode: entry.keyNode, value: value))
      }
      return FieldValue(.map(out), node: node)
    case .record(let values): return FieldValue(.record(values.evaluated(&diagnostics, evaluate)), node: node)
    case .unevaluated(let text, let type):
      if let whole = text.whole {
        switch evaluate(whole) {
        case .later: return self
        case .failed: return nil
        case .value(let literal): return FieldReader.check(literal, type, name: name, node: node, diagnostics: &diagnostics)
        }
      }
      guard let parts = text.evaluatedParts(evaluate) else { return nil }
      for case .value(let literal, let expression) in parts where literal.printed == nil {
        diagnostics.append(
          Diagnostic(
            id: "expression-in-text", "`${\(expression.source)}` is \(literal.found), which cannot stand inside a text", at: expression.range))
        return nil
      }
      let evaluated = Interpolated(parts: parts, node: text.node)
      guard let printed = evaluated.text else { return FieldValue(.unevaluated(evaluated, type), node: node) }
      return FieldReader.check(.string(printed), type, name: name, node: node, diagnostics: &diagnostics)
    }
  }
}

extension Interpolated {
  /// The parts with what could be evaluated; nil when something failed.
  func evaluatedParts(_ evaluate: (ManifestExpression) -> Evaluation) -> [Part]? {
    var out: [Part] = []
    var hasFailed = false
    for part in parts {
      guard case .expression(let expression) = part else {
        out.append(part)
        continue
      }
      switch evaluate(expression) {
      case .value(let literal): out.append(.value(literal, of: expression))
      case .later: out.append(part)
      case .failed: hasFailed = true
      }
    }
    return hasFailed ? nil : out
  }
}

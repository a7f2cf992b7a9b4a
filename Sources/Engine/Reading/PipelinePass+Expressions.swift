import Diagnostics
import Manifests
import Templates

/// Evaluating `${…}`.
extension PipelinePass {
  func resolveExpression(_ expression: ManifestExpression, _ matrix: [Literal.Entry], _ later: [String]) -> (Evaluation, Diagnostic?) {
    if let reference = expression.reference { return (.value(.reference(reference)), nil) }
    let source = Array(expression.source.utf8)
    do throws(TemplateError) {
      let compiled = try Expression(source: source, name: "${…}", environment: .pipe)
      for use in compiled.variables where !["params", "matrix"].contains(use.name) {
        if later.contains(use.name) { return (.later, nil) }
        let known = ["params", "stages", "matrix"] + later
        let label = Suggestion.nearest(to: use.name, in: known).map { "did you mean `\($0)`?" } ?? ""
        return (
          .failed,
          Diagnostic(
            .error, id: "expression-name", "`\(use.name)` is nothing that `${…}` knows here", at: expression.range(of: use.range).place, label: label,
            help: "known: " + known.joined(separator: ", "))
        )
      }
      var bindings = Bindings()
      bindings["params"] = Value(pairs: parameters.map { ($0.key, $0.value.value) })
      bindings["matrix"] = Value(pairs: matrix.map { ($0.key, $0.value.value) })
      let value = try Renderer().evaluate(compiled, extra: bindings)
      guard let literal = Literal(value) else {
        return (.failed, Diagnostic(.error, id: "expression", "`\(expression.source)` is no value that a manifest can hold", at: expression.range.place))
      }
      return (.value(literal), nil)
    } catch {
      return (.failed, unresolved(expression, error, matrix))
    }
  }

  /// The message for an expression that failed; the commonest mistake, a name that does not exist, gets the nearest one.
  private func unresolved(_ expression: ManifestExpression, _ error: TemplateError, _ matrix: [Literal.Entry]) -> Diagnostic {
    let words = expression.source.split(separator: ".").map { String($0).trimmingSpaces() }
    if words.count == 2, words[0] == "params" || words[0] == "matrix" {
      let names = words[0] == "params" ? document.parameters.map(\.name) : matrix.map(\.key)
      if !names.contains(words[1]) {
        let meant = Suggestion.nearest(to: words[1], in: names).map { "did you mean `\(words[0]).\($0)`?" } ?? ""
        let what = words[0] == "params" ? "parameter" : "axis"
        let help =
          names.isEmpty ? (words[0] == "params" ? "the manifest declares no `params`" : "the stage has no `matrix`") : "there are: \(names.joined(separator: ", "))"
        return Diagnostic(.error, id: "unknown-\(what)", "there is no \(what) `\(words[1])`", at: expression.range.place, label: meant, help: help)
      }
    }
    let end = expression.source.utf8.count
    let range = min(error.range.lowerBound, end)..<min(max(error.range.lowerBound, error.range.upperBound), end)
    return Diagnostic(.error, id: "expression", error.message, at: expression.range(of: range).place)
  }
}

extension String {
  func trimmingSpaces() -> String {
    var text = self[...]
    while text.first == " " { text = text.dropFirst() }
    while text.last == " " { text = text.dropLast() }
    return String(text)
  }
}

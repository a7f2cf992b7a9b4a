internal import Diagnostics
internal import Engine
internal import Rows

/// A DSPy program: steps in order, each a module over a signature that a prompt-template file declares.
struct DSPyProgram: Sendable {
  struct Step: Sendable {
    enum Module: String {
      case predict = "Predict"
      /// Puts a field `reasoning` before the outputs.
      case chainOfThought = "ChainOfThought"
    }

    let name: String
    let module: Module
    let instructions: String
    let inputs: [DSPyField]
    let outputs: [DSPyField]

    var className: String { DSPyNames.className(of: name) }

    /// Where a program's state keeps the step: `dspy.ChainOfThought` holds a predictor of its own.
    var stateName: String { module == .predict ? name : "\(name).predict" }
  }

  /// Which rows become demonstrations: those with the largest value of a column, else the first.
  struct Demos: Sendable {
    let count: Int
    let by: String?
    /// Where `by` is written.
    let range: SourceRange?
  }

  let steps: [Step]
  let demos: Demos
  /// What the whole program takes: inputs that no step before gives.
  let inputs: [DSPyField]
  /// What the whole program is asked for: the outputs of the last step.
  var outputs: [DSPyField] { steps.last?.outputs ?? [] }
  /// Outputs of earlier steps: written with the examples where a row has them.
  var intermediates: [DSPyField] { steps.dropLast().flatMap(\.outputs) }

  // MARK: Reading

  init(_ options: Setting?, _ reader: inout SettingReader) {
    let written = options?.entry("steps")
    if written?.map?.isEmpty ?? true {
      let range = options?.range ?? reader.setting("format")?.range
      reader.report(
        Diagnostic(
          id: "dspy", "a dspy program has no steps", at: range?.place,
          help: "options: { steps: { reply: { template: Pipelines/triage/reply.prompt.yaml, module: Predict } } }"))
    }
    steps = (written?.map ?? []).compactMap { Self.step($0, &reader) }
    for (index, step) in steps.enumerated() {
      guard let twin = steps[..<index].first(where: { $0.className == step.className }) else { continue }
      let range = written?.map?.first { $0.name == step.name }?.nameRange
      reader.report(
        Diagnostic(
          id: "dspy", "the steps `\(twin.name)` and `\(step.name)` would have one class, `\(step.className)`", at: range?.place,
          help: "give one of them another name"))
    }
    let demos = options?.entry("demos")
    self.demos = Demos(count: demos == nil ? 0 : demos?.entry("count")?.int ?? 4, by: demos?.entry("by")?.text, range: demos?.entry("by")?.range)
    inputs = Self.inputs(of: steps, &reader)
  }

  private static func step(_ entry: Setting.Entry, _ reader: inout SettingReader) -> Step? {
    func report(_ message: String, _ range: SourceRange?, _ help: String?, _ reader: inout SettingReader) {
      let found = Diagnostic(.error, id: "dspy", message, at: range?.place)
      reader.report(help.map { found.noting("help", $0) } ?? found)
    }
    if let fault = DSPyNames.faultOfStep(entry.name) {
      report("a step cannot be called `\(entry.name)`: \(fault)", entry.nameRange, "give the step another name", &reader)
    }
    let stage = reader.stage
    guard let path = entry.setting.entry("template"),
      let file = reader.attempt({ () throws(Problems) in try stage.promptTemplate(path) })
    else { return nil }
    let module = entry.setting.entry("module")?.text.flatMap(Step.Module.init) ?? .predict
    let inputs = (file.entry("inputs")?.map ?? []).map { DSPyField($0, &reader) }
    let outputs = (file.entry("outputs")?.map ?? []).map { DSPyField($0, &reader) }
    for (fields, role) in [(inputs, "inputs"), (outputs, "outputs")] where fields.isEmpty {
      report(
        "the template of the step `\(entry.name)` declares no \(role)", path.range,
        "a DSPy signature needs both: \(role): { \(role == "inputs" ? "text" : "intent"): { type: string } }",
        &reader)
    }
    for field in inputs + outputs {
      if let fault = DSPyNames.faultOfField(field.name) {
        report(
          "a field of a dspy signature cannot be called `\(field.name)`: \(fault)", field.range,
          "give it another name and say where it comes from: { from: \(field.column) }", &reader)
      }
      if module == .chainOfThought, field.name == "reasoning" {
        report("`ChainOfThought` has a field `reasoning` of its own", field.range, "leave it out here, or say `module: Predict`", &reader)
      }
    }
    for field in outputs where inputs.contains(where: { $0.name == field.name }) {
      report("`\(field.name)` is an input and an output of one signature", field.range, "give one of them another name", &reader)
    }
    let written = file.entry("instructions")
    let text = written?.text ?? ""
    for mark in ["{{", "{%", "{#"] where text.contains(mark) {
      report("`\(mark)` in the instructions of a dspy step", written?.range, "a signature's docstring is one text for all rows", &reader)
      break
    }
    return Step(name: entry.name, module: module, instructions: instructions(text, inputs, outputs), inputs: inputs, outputs: outputs)
  }

  /// The docstring; where there is none, the words that DSPy puts in its place.
  private static func instructions(_ text: String, _ inputs: [DSPyField], _ outputs: [DSPyField]) -> String {
    var text = Substring(text)
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    guard text.isEmpty else { return String(text) }
    func names(_ fields: [DSPyField]) -> String { fields.map { "`\($0.name)`" }.joined(separator: ", ") }
    return "Given the fields \(names(inputs)), produce the fields \(names(outputs))."
  }

  private static func inputs(of steps: [Step], _ reader: inout SettingReader) -> [DSPyField] {
    var outside: [DSPyField] = []
    var made: [String: String] = [:]
    for (index, step) in steps.enumerated() {
      for input in step.inputs where made[input.name] == nil {
        if let later = steps[(index + 1)...].first(where: { $0.outputs.contains { $0.name == input.name } }) {
          reader.report(
            Diagnostic(
              id: "dspy", "the step `\(step.name)` reads `\(input.name)`, which the step `\(later.name)` writes after it", at: input.range?.place,
              help: "steps run in the order in which they are written"))
        } else if let known = outside.first(where: { $0.name == input.name }) {
          guard known.annotation != input.annotation else { continue }
          reader.report(
            Diagnostic(
              id: "dspy", "the steps do not agree on the input `\(input.name)`: `\(known.annotation)` before, `\(input.annotation)` here",
              at: input.range?.place, help: "a program has one input of a name"))
        } else {
          outside.append(input)
        }
      }
      for output in step.outputs {
        if let before = made[output.name] {
          reader.report(
            Diagnostic(
              id: "dspy", "the steps `\(before)` and `\(step.name)` both give `\(output.name)`", at: output.range?.place,
              help: "give one of them another name: { from: \(output.column) }"))
        } else if outside.contains(where: { $0.name == output.name }) {
          reader.report(
            Diagnostic(
              id: "dspy", "the step `\(step.name)` gives `\(output.name)`, which the program takes as an input", at: output.range?.place,
              help: "give one of them another name: { from: \(output.column) }"))
        }
        made[output.name] = step.name
      }
    }
    return outside
  }

  // MARK: Rows

  /// Appends the example of a row: its key, the program's inputs, and the outputs it has.
  func append(_ row: UnsafeRawBufferPointer, key: [String], to out: inout [UInt8]) throws(ExportFormat.LineFault) {
    out.append(UInt8(ascii: "{"))
    let names = Set((inputs + intermediates + outputs).map(\.name))
    for column in key where !names.contains(column) {
      let token = JSONText.quoted(column)
      guard let value = JSONBytes.field(token, of: row) else { continue }
      JSONBytes.appendKey(token, to: &out)
      out.append(contentsOf: value)
    }
    func append(_ field: DSPyField, _ value: JSONView?) {
      JSONBytes.appendKey(JSONText.quoted(field.name), to: &out)
      if let value { out.append(contentsOf: value.bytes) } else { out += JSONBytes.null }
    }
    for field in inputs { append(field, try field.checked(in: row, as: "input")) }
    for field in intermediates where field.value(in: row) != nil { append(field, try field.checked(in: row, as: "output")) }
    for field in outputs { append(field, try field.checked(in: row, as: "output")) }
    out.append(UInt8(ascii: "}"))
  }

  /// The demonstration that a row gives for a step; nil when a field is missing: DSPy would leave it out without a word.
  func demo(of row: UnsafeRawBufferPointer, for step: Step) -> [UInt8]? {
    var out: [UInt8] = [UInt8(ascii: "{")]
    func append(_ field: DSPyField) -> Bool {
      guard let value = field.value(in: row) else { return field.isOptional }
      guard value.fits(schemaType: field.type) else { return false }
      JSONBytes.appendKey(JSONText.quoted(field.name), to: &out)
      out.append(contentsOf: value.bytes)
      return true
    }
    for field in step.inputs where !append(field) { return nil }
    if step.module == .chainOfThought, let reasoning = JSONBytes.field(JSONText.quoted("reasoning"), of: row).map(JSONView.init), reasoning.kind == .string {
      JSONBytes.appendKey(JSONText.quoted("reasoning"), to: &out)
      out.append(contentsOf: reasoning.bytes)
    }
    for field in step.outputs where !append(field) { return nil }
    out.append(UInt8(ascii: "}"))
    return out
  }
}

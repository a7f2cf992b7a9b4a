internal import Rows

/// A program's state as `dspy.Module.save("program.json")` writes it (3.4.1), and what `load` needs.
///
/// `load` pairs fields by position and checks nothing, so their order here is that of the signature: inputs, `reasoning` where the module
/// adds it, outputs.
enum DSPyState {
  /// - Parameter demos: per step, each a JSON object of the step's fields.
  static func json(_ program: DSPyProgram, demos: [[[UInt8]]]) -> [UInt8] {
    var out: [UInt8] = [UInt8(ascii: "{")]
    for (step, demos) in zip(program.steps, demos) {
      JSONBytes.appendKey(JSONText.quoted(step.stateName), to: &out)
      out += Array("{\"traces\":[],\"train\":[],\"demos\":[".utf8)
      out += joined(demos)
      out += Array("],\"signature\":{\"instructions\":".utf8)
      JSONText.append(step.instructions, to: &out)
      out += Array(",\"fields\":[".utf8)
      var fields = step.inputs.map(\.state)
      if step.module == .chainOfThought { fields.append(DSPyField.state(prefix: "Reasoning:", description: "${reasoning}")) }
      out += joined(fields + step.outputs.map(\.state))
      out += Array("]},\"lm\":null}".utf8)
    }
    // No versions: they would only warn, and differ from machine to machine.
    JSONBytes.appendKey(JSONText.quoted("metadata"), to: &out)
    out += Array("{\"dependency_versions\":{}}}".utf8)
    return out.withUnsafeBytes { PrettyJSON.text(JSONView($0)) }
  }

  private static func joined(_ items: [[UInt8]]) -> [UInt8] { Array(items.joined(separator: [UInt8(ascii: ",")])) }
}

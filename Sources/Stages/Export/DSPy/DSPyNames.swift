/// Names as DSPy and Python take them.
enum DSPyNames {
  /// A field's name in title case: DSPy's `infer_prefix` (camelCase and digits are words of their own, runs of capitals stay).
  static func prefix(of name: String) -> String {
    var text = Array(name.utf8)
    text = beforeCapitalizedWords(text)
    text = between(text, isLowerOrDigit, isUpper)
    text = between(text, isLetter, isDigit)
    text = between(text, isDigit, isLetter)
    return text.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false).map { word in
      let word = String(decoding: word, as: UTF8.self)
      if word.utf8.contains(where: isUpper), !word.utf8.contains(where: { isLetter($0) && !isUpper($0) }) { return word }
      return word.prefix(1).uppercased() + word.dropFirst().lowercased()
    }.joined(separator: " ")
  }

  /// `(.)([A-Z][a-z]+)` → `\1_\2`, as `re.sub` goes through a text: what has matched is not looked at again.
  private static func beforeCapitalizedWords(_ text: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    var at = 0
    while at < text.count {
      out.append(text[at])
      at += 1
      guard at + 1 < text.count, isUpper(text[at]), isLetter(text[at + 1]), !isUpper(text[at + 1]) else { continue }
      out.append(UInt8(ascii: "_"))
      out.append(text[at])
      at += 1
      while at < text.count, isLetter(text[at]), !isUpper(text[at]) {
        out.append(text[at])
        at += 1
      }
    }
    return out
  }

  /// An underscore between each pair of the given sorts; what has matched is not looked at again.
  private static func between(_ text: [UInt8], _ first: (UInt8) -> Bool, _ second: (UInt8) -> Bool) -> [UInt8] {
    var out: [UInt8] = []
    var at = 0
    while at < text.count {
      out.append(text[at])
      if at + 1 < text.count, first(text[at]), second(text[at + 1]) {
        out += [UInt8(ascii: "_"), text[at + 1]]
        at += 1
      }
      at += 1
    }
    return out
  }

  private static func isUpper(_ byte: UInt8) -> Bool { (65...90).contains(byte) }
  private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
  private static func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte & 0xDF) }
  private static func isLowerOrDigit(_ byte: UInt8) -> Bool { (97...122).contains(byte) || isDigit(byte) }

  /// A step's class: `classify_ticket` → `ClassifyTicket`; an underscore after names that the module uses itself.
  static func className(of step: String) -> String {
    let name = step.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    return ["Literal", "Optional", "Any", "Program", "ProgramSignature", "True", "False", "None"].contains(name) ? name + "_" : name
  }

  /// Why a name cannot be a field; nil when it can.
  static func faultOfField(_ name: String) -> String? {
    if let fault = faultOfName(name) { return fault }
    if name.hasPrefix("model_") || signatureNames.contains(name) { return "a DSPy signature has an attribute of that name" }
    if callNames.contains(name) { return "`dspy.Predict` keeps an argument of that name for itself" }
    if exampleNames.contains(name) { return "`dspy.Example` has a method of that name" }
    return nil
  }

  /// Why a name cannot be a step; nil when it can.
  static func faultOfStep(_ name: String) -> String? {
    faultOfName(name) ?? (moduleNames.contains(name) ? "`dspy.Module` has an attribute of that name" : nil)
  }

  private static func faultOfName(_ name: String) -> String? {
    if keywords.contains(name) { return "it is a word of Python's" }
    if name.hasPrefix("_") { return "names that begin with an underscore are private to Python" }
    return nil
  }

  private static let keywords: Set = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
    "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
  ]

  // What pydantic's models and DSPy's signatures define (3.4.1): a field of such a name hides it, or breaks the class.
  private static let signatureNames: Set = [
    "append", "append_instructions", "construct", "copy", "delete", "dict", "dump_state", "equals", "fields", "from_orm", "input_fields", "insert",
    "instructions", "json", "load_state", "output_fields", "parse_file", "parse_obj", "parse_raw", "prepend", "schema", "schema_json", "signature",
    "update_forward_refs", "validate", "with_instructions", "with_updated_fields", "dspy",
  ]

  private static let callNames: Set = ["config", "demos", "lm", "new_signature", "prediction", "self"]

  private static let exampleNames: Set = [
    "augmented", "get", "inputs", "items", "keys", "labels", "toDict", "values", "with_inputs", "without",
  ]

  private static let moduleNames: Set = [
    "acall", "aforward", "batch", "callbacks", "deepcopy", "dump_state", "forward", "get_lm", "history", "inspect_history", "load", "load_state",
    "map_named_predictors", "metadata", "named_parameters", "named_predictors", "named_sub_modules", "parameters", "predictors", "reset_copy", "save",
    "set_lm", "dspy",
  ]
}

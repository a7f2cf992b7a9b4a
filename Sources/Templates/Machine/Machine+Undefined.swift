extension Machine {
  /// An undefined value that is not about a plain name.
  @inline(never) func undefined(hint: String? = nil, object: V = .missing, nameValue: V, security: Bool = false) throws(Fault) -> V {
    let o = try make(UndefinedObject(hint: try hint.map { (s) throws(Fault) in try string(s) } ?? .none, object: object, name: nameValue, security: security))
    return V.object(.undefined, UnsafeMutableRawPointer(o))
  }

  func undefined(hint: String, name: String?) throws(Fault) -> V {
    try undefined(hint: hint, nameValue: try name.map { (s) throws(Fault) in try string(s) } ?? .none)
  }

  func unsafe(_ object: V, _ name: V) throws(Fault) -> V {
    try undefined(
      hint: "access to attribute '\(name.text)' of '\(typeName(object))' object is unsafe.", object: object, nameValue: name, security: true)
  }

  /// The implicit `else` of an inline `if` is an ordinary undefined in every mode.
  func kind(_ v: V) -> Undefined { v.flag & 1 != 0 ? .lenient : undefinedKind }
  func isStrict(_ v: V) -> Bool { kind(v) == .strict }

  @inline(__always) func strictCheck(_ v: V) throws(Fault) { if isStrict(v) { throw undefinedError(v) } }

  func undefinedMessage(_ v: V) -> String {
    guard let o = v.undefinedObject?.pointee else { return "value is undefined" }
    if o.hint.tag == .str { return o.hint.text }
    if o.object.tag == .missing { return "'\(o.name.text)' is undefined" }
    if o.name.tag != .str { return "\(objectTypeName(o.object)) has no element \(reprText(o.name))" }
    return "'\(objectTypeName(o.object))' has no attribute '\(o.name.text)'"
  }

  private func objectTypeName(_ v: V) -> String {
    switch v.tag {
    case .none: "None"
    case .undefined: "Undefined"
    default: "\(qualifiedName(v)) object"
    }
  }

  /// Types outside Python's built-ins carry their module.
  func qualifiedName(_ v: V) -> String {
    switch v.tag {
    case .str where v.isMarkup: "markupsafe.Markup"
    case .namespace, .cycler, .joiner: "jinja2.utils.\(typeName(v))"
    case .loop, .macro, .selfReference, .block: "jinja2.runtime.\(typeName(v))"
    case .module: "jinja2.environment.TemplateModule"
    default: typeName(v)
    }
  }

  @inline(never) func undefinedError(_ v: V) -> Fault {
    let o = v.undefinedObject?.pointee
    let f = fail(o?.security == true ? "SecurityError" : "UndefinedError", undefinedMessage(v))
    if let o, o.name.tag == .str {
      fault.undefinedName = o.name.text
      if o.object.tag == .missing, o.hint.tag != .str {
        fault.suggestion = nearest(o.name.text, row.knownNames(self))
      } else if o.object.tag == .dict {
        let d = o.object.dict
        fault.suggestion = nearest(
          o.name.text, (0..<min(d.pointee.count, 1000)).compactMap { d.pointee.entries[$0].key.tag == .str ? d.pointee.entries[$0].key.text : nil })
      }
    }
    return f
  }

  @inline(never) func unknown(_ what: String, _ name: V) -> Fault {
    let f = fail("TemplateRuntimeError", "No \(what) named '\(name.text)' found.")
    fault.suggestion = what == "filter" ? nearest(name.text, Names.filters.keys) : nearest(name.text, Names.tests.keys)
    return f
  }

  func typeName(_ v: V) -> String {
    switch v.tag {
    case .missing, .lazy: "missing"
    case .undefined:
      switch kind(v) {
      case .lenient: "Undefined"
      case .strict: "StrictUndefined"
      case .chainable: "ChainableUndefined"
      case .debug: "DebugUndefined"
      }
    case .none: "NoneType"
    case .bool: "bool"
    case .int, .big: "int"
    case .float: "float"
    case .str: v.isMarkup ? "Markup" : "str"
    case .list: "list"
    case .tuple: "tuple"
    case .dict: "dict"
    case .range: "range"
    case .namespace: "Namespace"
    case .macro: "Macro"
    case .loop: "LoopContext"
    case .generator: "generator"
    case .module: "TemplateModule"
    case .function: "function"
    case .method: "builtin_function_or_method"
    case .cycler: "Cycler"
    case .joiner: "Joiner"
    case .selfReference: "TemplateReference"
    case .block: "BlockReference"
    case .view: v.flag == 0 ? "dict_keys" : v.flag == 1 ? "dict_values" : "dict_items"
    }
  }
}
